"""Compares our model folders with transformers. usage: model_folder.py PROGRAM

1. The demo model opens in transformers without a missing, unexpected or misshapen tensor; its tokenizer and (where torchvision is
   there) its processor work, and a picture gives finite logits.
2. What transformers saves again, our reader opens: the same settings in the spelling of 5.x, sharded and headless.
"""
import os
import subprocess
import sys
import tempfile

import checks
from checks import check

os.environ["HF_HUB_OFFLINE"] = "1"
try:
    import numpy as np
    import torch
    import transformers
    from transformers import AutoProcessor, AutoTokenizer, Qwen3VLForConditionalGeneration
except (ImportError, RuntimeError) as e:
    print(f"skipped: needs torch and transformers ({str(e).splitlines()[0]})")
    sys.exit(77)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
program = sys.argv[1]


def run(*words):
    p = subprocess.run([program, *words], capture_output=True)
    check(p.returncode == 0, f"{' '.join(words)}: {p.stderr.decode()}")
    return p.stdout


def settings(folder):
    return dict(line.split(" ", 1) for line in run("config", folder).decode().splitlines())


def same_tensors(folder, model, names):
    state = model.state_dict()
    for name in names:
        ours = np.frombuffer(run("open", folder, name), np.float32)
        check(np.array_equal(ours, state[name].float().numpy().ravel()), f"{folder}: {name} differs")


def demo_opens(folder):
    model, info = Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    for key, value in info.items():
        check(len(value) == 0, f"{key}: {value}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in ["<|im_start|>user\nHé 日 \x01\x7f<|image_pad|>", "a  b\r\n\r\n123 it's"]:
        ids = tokenizer(text).input_ids
        check(tokenizer.decode(ids) == text, f"decode(encode({text!r}))")
    check(tokenizer("A!").input_ids == [32, 0] and tokenizer("<|image_pad|>").input_ids == [268] and len(tokenizer) == 282, "ids of the byte vocabulary")
    grid = torch.tensor([[1, 16, 16]])
    ids = torch.tensor([[257, 72, 265] + [268] * 64 + [266, 33, 258]])
    pixels = torch.rand(256, 1536, generator=torch.Generator().manual_seed(0)) * 2 - 1
    kinds = (ids == 268).int()
    with torch.no_grad():
        logits = model(input_ids=ids, pixel_values=pixels, image_grid_thw=grid, mm_token_type_ids=kinds).logits
    check(bool(logits.isfinite().all()) and float(logits.std()) > 0.1, "logits of a picture")
    same_tensors(folder, model, ["lm_head.weight", "model.visual.patch_embed.proj.weight", "model.language_model.layers.3.mlp.down_proj.weight"])
    processor = "without the processor (no torchvision)"
    try:
        import torchvision  # noqa: F401
        from PIL import Image
    except (ImportError, RuntimeError):
        return model, tokenizer, processor
    p = AutoProcessor.from_pretrained(folder)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8))
    x = p.apply_chat_template([{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": "What?"}]}],
                              tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    check(x["image_grid_thw"].tolist() == [[1, 18, 24]] and int((x["input_ids"] == 268).sum()) == 108, "processor's grid")
    with torch.no_grad():
        check(bool(model(**x).logits.isfinite().all()), "logits through the processor")
    return model, tokenizer, "with its processor"


def resaved_opens(folder, out, model, tokenizer):
    before = settings(folder)
    model.save_pretrained(out, max_shard_size="800KB")
    tokenizer.save_pretrained(out)
    for name in ["preprocessor_config.json"]:
        with open(os.path.join(folder, name), "rb") as f, open(os.path.join(out, name), "wb") as g:
            g.write(f.read())
    check(os.path.exists(os.path.join(out, "model.safetensors.index.json")), "transformers made no shards")
    after = settings(out)
    check(before == after, f"settings changed: {set(before.items()) ^ set(after.items())}")
    t, v = model.config.text_config, model.config.vision_config
    theirs = {"vocab_size": t.vocab_size, "head_dim": t.head_dim, "rope_theta": int(t.rope_parameters["rope_theta"]), "num_key_value_heads": t.num_key_value_heads,
              "mrope_section": t.rope_parameters["mrope_section"], "vision.deepstack_visual_indexes": v.deepstack_visual_indexes, "vision.num_heads": v.num_heads,
              "vision.num_position_embeddings": v.num_position_embeddings, "image_token_id": model.config.image_token_id}
    for key, value in theirs.items():
        ours = after[key] if key != "rope_theta" else str(int(float(after[key])))
        check(ours == str(value), f"{key}: ours {ours}, theirs {value}")
    same_tensors(out, model, ["lm_head.weight", "model.visual.pos_embed.weight", "model.language_model.embed_tokens.weight"])


with tempfile.TemporaryDirectory() as scratch:
    demo, resaved = os.path.join(scratch, "demo"), os.path.join(scratch, "resaved")
    run("demo", demo, "1")
    if not checks.problems:
        model, tokenizer, processor = demo_opens(demo)
        resaved_opens(demo, resaved, model, tokenizer)
print(f"model folder: transformers {transformers.__version__} opens the demo model {processor}, and we what it saves; {checks.made} checks, {len(checks.problems)} failed")
sys.exit(1 if checks.problems else 0)
