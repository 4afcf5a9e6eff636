#!/usr/bin/env python3
"""Random Qwen3-VL checkpoints in Hugging Face layout, small enough to run in a second and different enough to tell a mistake.

usage: make_checkpoints.py OUT [NAME...]          no NAME: all of them; --list prints the names

Each folder holds config.json, generation_config.json, preprocessor_config.json, model*.safetensors as transformers saves them, a
byte-level BPE tokenizer with the special tokens of Qwen3-VL, and a chat template. Weights are seeded: normal with deviation
2/sqrt(fan in), so that attention is far from flat; norm weights 1 +- 0.3 and biases +- 0.3, so that a forgotten one shows.
Exit status: 77 when torch, transformers 5.x or tokenizers is missing.
"""
import argparse
import json
import math
import pathlib
import sys

try:
    import tokenizers
    import torch
    import transformers
    from safetensors.torch import load_file, save_file
    from transformers import (GenerationConfig, Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLMoeConfig,
                              Qwen3VLMoeForConditionalGeneration)
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
if not transformers.__version__.startswith("5."):
    print(f"skipped: transformers {transformers.__version__}, 5.x is needed")
    sys.exit(77)

SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
           "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
PLAIN = ["<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
         "<tool_response>", "</tool_response>", "<think>", "</think>"]
CORPUS = """What is the total on this receipt? Describe the image in one sentence. How many items are listed, and which one is the
cheapest? The user asked the assistant about the picture. The system said: answer briefly. Read the price, the date and the name of the shop.
It's the first line. They're the same. Where does the line end? The tea is 4.50 and the cake is 3.20; the total is 7.70."""

# A rendering of conversations equal to the one Qwen3-VL Instruct was trained with; no system block unless one is given.
CHAT_TEMPLATE = r"""
{%- set seen = namespace(images=0, videos=0) %}
{%- macro parts(content) %}
    {%- if content is string %}
        {{- content }}
    {%- else %}
        {%- for part in content %}
            {%- if part.type == 'image' or 'image' in part or 'image_url' in part %}
                {%- set seen.images = seen.images + 1 %}
                {%- if add_vision_id %}{{- 'Picture ' ~ seen.images ~ ': ' }}{%- endif %}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' }}
            {%- elif part.type == 'video' or 'video' in part %}
                {%- set seen.videos = seen.videos + 1 %}
                {%- if add_vision_id %}{{- 'Video ' ~ seen.videos ~ ': ' }}{%- endif %}
                {{- '<|vision_start|><|video_pad|><|vision_end|>' }}
            {%- elif 'text' in part %}
                {{- part.text }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}{{- parts(messages[0].content) }}{{- '\n\n' }}{%- endif %}
    {{- '# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>' }}
    {%- for tool in tools %}{{- '\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' }}{{- parts(messages[0].content) }}{{- '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {{- '<|im_start|>user\n' }}{{- parts(message.content) }}{{- '<|im_end|>\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}{{- parts(message.content) }}
        {%- for call in message.tool_calls or [] %}
            {%- if message.content or not loop.first %}{{- '\n' }}{%- endif %}
            {%- set f = call.function if call.function else call %}
            {{- '<tool_call>\n{"name": "' }}{{- f.name }}{{- '", "arguments": ' }}
            {%- if f.arguments is string %}{{- f.arguments }}{%- else %}{{- f.arguments | tojson }}{%- endif %}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.first or loop.previtem.role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\n<tool_response>\n' }}{{- parts(message.content) }}{{- '\n</tool_response>' }}
        {%- if loop.last or loop.nextitem.role != 'tool' %}{{- '<|im_end|>\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""


def spec(text=None, vision=None, **top):
    """One configuration: defaults, changed where a checkpoint is meant to differ."""
    t = dict(vocab_pad=8, hidden_size=64, intermediate_size=96, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
             head_dim=32, rope_theta=5000000.0, mrope_section=[6, 5, 5], merges=64)
    v = dict(depth=4, hidden_size=32, num_heads=2, intermediate_size=56, num_position_embeddings=2304, deepstack_visual_indexes=[0, 1, 3])
    # experts: "released" lie as [E, H, 2I] and [E, I, H], "resaved" as transformers 5 writes them
    c = dict(tie=False, dtype="float32", shard=None, experts=None, spelling="5", min_pixels=1024, max_pixels=64 * 1024, template="jinja", seed=0)
    t.update(text or {})
    v.update(vision or {})
    c.update(top)
    return dict(text=t, vision=v, **c)


CONFIGS = {
    # name: what it is there for
    "tied": spec(dict(head_dim=16, mrope_section=[4, 2, 2]), tie=True, seed=1),
    "untied_gqa4": spec(dict(hidden_size=48, num_key_value_heads=1, vocab_pad=37), dict(hidden_size=72, num_position_embeddings=256, deepstack_visual_indexes=[2]),
                        seed=2),
    "heads64": spec(dict(num_attention_heads=2, num_key_value_heads=2, head_dim=64, mrope_section=[12, 10, 10]),
                    dict(hidden_size=64, num_heads=4, deepstack_visual_indexes=[0, 3]), spelling="4.57", template="json", seed=3),
    "sharded_bf16": spec(dict(num_hidden_layers=6), dict(depth=6, deepstack_visual_indexes=[1, 3, 5]), tie=True, dtype="bfloat16", shard="60KB", seed=4),
    "four_taps": spec(dict(num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=2, head_dim=16, mrope_section=[3, 3, 2]),
                      dict(depth=5, deepstack_visual_indexes=[0, 1, 2, 4], num_position_embeddings=100), seed=5),
    "deep_tower": spec(dict(hidden_size=32, num_hidden_layers=5), dict(depth=24, deepstack_visual_indexes=[5, 11, 17]), spelling="4.57", template="json",
                       tie=True, seed=6),
    "few_layers": spec(dict(num_hidden_layers=2, rope_theta=1000.0), dict(deepstack_visual_indexes=[1, 2, 3]), seed=7),
    "skewed_sections": spec(dict(mrope_section=[9, 2, 5], hidden_size=96), dict(num_position_embeddings=49, hidden_size=48, num_heads=3), seed=8),
    "vision72": spec(dict(num_attention_heads=4, num_key_value_heads=4), dict(hidden_size=144, num_heads=2, intermediate_size=100), dtype="float16", seed=9),
    "moe_released": spec(dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=40), experts="released", spelling="4.57", template="json", seed=22),
    # Experts in every second layer; down_proj is square, and only gate_up_proj tells how they lie.
    "moe_resaved": spec(dict(num_experts=8, num_experts_per_tok=3, moe_intermediate_size=64, decoder_sparse_step=2, num_hidden_layers=5), tie=True,
                        shard="200KB", experts="resaved", seed=12),
    "moe_dense_layers": spec(dict(num_experts=16, num_experts_per_tok=8, moe_intermediate_size=16, mlp_only_layers=[0, 2], num_key_value_heads=1),
                             dict(deepstack_visual_indexes=[1, 2]), dtype="bfloat16", experts="released", seed=13),
    # All experts, each row to all of them; sparse step and dense layers together.
    "moe_all": spec(dict(num_experts=4, num_experts_per_tok=4, moe_intermediate_size=24, decoder_sparse_step=2, mlp_only_layers=[3], num_hidden_layers=6),
                    experts="resaved", seed=14),
    "released_sizes": spec(dict(merges=200), dict(deepstack_visual_indexes=[3]), min_pixels=65536, max_pixels=16777216, shard="150KB", seed=10),
}


def make_tokenizer(merges):
    """Byte-level BPE: 256 bytes, then `merges` pairs learnt from the corpus, then the special tokens."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    pre = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT), "isolated", False),
                                   pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    learnt = Tokenizer(models.BPE())
    learnt.pre_tokenizer = pre
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learnt.train_from_iterator(CORPUS.split("\n"), trainers.BpeTrainer(vocab_size=256 + merges, initial_alphabet=sorted(alphabet), show_progress=False))
    pairs = [tuple(p) if isinstance(p, list) else tuple(p.split(" ")) for p in json.loads(learnt.to_str())["model"]["merges"]]
    bytes_in_order = [*range(33, 127), *range(161, 173), *range(174, 256)]
    characters = [chr(b) for b in bytes_in_order] + [chr(256 + n) for n in range(68)]
    assert sorted(characters) == sorted(alphabet)
    vocab = {c: i for i, c in enumerate(characters)}
    for a, b in pairs:
        vocab.setdefault(a + b, len(vocab))
    t = Tokenizer(models.BPE(vocab=vocab, merges=pairs, fuse_unk=False, byte_fallback=False))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    t.add_tokens([AddedToken(s, special=False, normalized=False) for s in PLAIN])
    return t


def seeded_weights(model, seed):
    g = torch.Generator().manual_seed(1000 + seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if name.endswith("bias"):
                p.copy_((torch.rand(p.shape, generator=g) - 0.5) * 0.6)
            elif p.ndim == 1:
                p.copy_(1 + (torch.rand(p.shape, generator=g) - 0.5) * 0.6)
            else:
                fan_in = p.shape[-1] if ".experts." in name else p[0].numel()
                p.copy_(torch.randn(p.shape, generator=g) * (2 / math.sqrt(fan_in)))


def old_spelling(config):
    """config.json as transformers 4.57 writes it."""
    text, vision = config["text_config"], config["vision_config"]
    rope = text.pop("rope_parameters")
    text["rope_theta"] = rope.pop("rope_theta")
    text["rope_scaling"] = rope
    text.pop("tie_word_embeddings", None)
    if config.get("tie_word_embeddings"):
        text["tie_word_embeddings"] = True
    vision.pop("rope_parameters", None)
    vision["model_type"] = config["model_type"]
    if "num_local_experts" in text:
        text["num_experts"] = text.pop("num_local_experts")
        text["norm_topk_prob"] = True
    config["transformers_version"] = "4.57.6"
    return config


def make(name, out):
    """Writes checkpoint `name` to the folder `out` (created; files of the same names are replaced)."""
    s = CONFIGS[name]
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(s["text"]["merges"])
    ids = {t: tokenizer.token_to_id(t) for t in SPECIAL + PLAIN}
    text = {k: v for k, v in s["text"].items() if k not in ("vocab_pad", "merges", "rope_theta", "mrope_section")}
    text.update(vocab_size=tokenizer.get_vocab_size() + s["text"]["vocab_pad"], max_position_embeddings=4096, rms_norm_eps=1e-6, attention_bias=False,
                bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], tie_word_embeddings=s["tie"],
                rope_parameters=dict(rope_type="default", rope_theta=s["text"]["rope_theta"], mrope_section=s["text"]["mrope_section"], mrope_interleaved=True))
    configuration, architecture = (Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration) if s["experts"] else (Qwen3VLConfig, Qwen3VLForConditionalGeneration)
    config = configuration(text_config=text, vision_config=dict(s["vision"], out_hidden_size=text["hidden_size"]), tie_word_embeddings=s["tie"],
                           image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
                           vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"])
    model = architecture(config)
    seeded_weights(model, s["seed"])
    model.tie_weights()
    # Only the parameters: .to() would also round the rotary buffers.
    dtype = getattr(torch, s["dtype"])
    for p in model.parameters():
        p.data = p.data.to(dtype)
    model.config.dtype = model.config.text_config.dtype = model.config.vision_config.dtype = dtype
    model.generation_config = GenerationConfig(do_sample=True, temperature=0.7, top_p=0.8, top_k=20, eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]],
                                               bos_token_id=ids["<|endoftext|>"], pad_token_id=ids["<|endoftext|>"])
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(out, **({"max_shard_size": s["shard"]} if s["shard"] else {}))
    if s["experts"] == "released":
        for file in out.glob("*.safetensors"):
            tensors = load_file(file)
            save_file({n: t.transpose(1, 2).contiguous() if ".experts." in n else t for n, t in tensors.items()}, file, metadata={"format": "pt"})

    path = out / "config.json"
    saved = json.loads(path.read_text())
    if s["spelling"] == "4.57":
        saved = old_spelling(saved)
    path.write_text(json.dumps(saved, indent=2) + "\n")
    tokenizer.save(str(out / "tokenizer.json"))
    tokenizer_config = dict(tokenizer_class="Qwen2Tokenizer", model_max_length=262144, eos_token="<|im_end|>", pad_token="<|endoftext|>",
                            added_tokens_decoder={str(i): dict(content=t, special=t in SPECIAL, lstrip=False, rstrip=False, single_word=False, normalized=False)
                                                  for t, i in ids.items()})
    if s["template"] == "json":
        (out / "chat_template.json").write_text(json.dumps({"chat_template": CHAT_TEMPLATE}, indent=2) + "\n")
    else:
        (out / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    (out / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=2) + "\n")
    (out / "preprocessor_config.json").write_text(json.dumps(dict(
        size=dict(shortest_edge=s["min_pixels"], longest_edge=s["max_pixels"]), patch_size=16, temporal_patch_size=2, merge_size=2,
        image_mean=[0.5] * 3, image_std=[0.5] * 3, processor_class="Qwen3VLProcessor", image_processor_type="Qwen2VLImageProcessorFast"), indent=2) + "\n")
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out", nargs="?")
    p.add_argument("names", nargs="*")
    p.add_argument("--list", action="store_true")
    a = p.parse_args()
    if a.list:
        print("\n".join(CONFIGS))
        return 0
    if not a.out:
        p.error("OUT is missing")
    unknown = [n for n in a.names if n not in CONFIGS]
    if unknown:
        p.error(f"unknown: {', '.join(unknown)}; known: {', '.join(CONFIGS)}")
    torch.set_num_threads(1)
    for name in a.names or CONFIGS:
        folder = make(name, pathlib.Path(a.out) / name)
        print(name, sum(f.stat().st_size for f in folder.glob("*.safetensors")), "bytes of weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
