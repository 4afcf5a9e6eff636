"""Compares our model folders with transformers. usage: model_folder.py PROGRAM

1. The demo model opens in transformers without a missing, unexpected or misshapen tensor; its tokenizer and (where torchvision is
   there) its processor work, and a picture gives finite logits.
2. What transformers saves again, our reader opens: the same settings in the spelling of 5.x, sharded and headless.
3. Block-scaled FP8, every code but NaN: the values that transformers makes of it on a CPU, bit for bit; where blocks do not divide the
   sides, and for experts (which transformers leaves raw), NumPy's. Without its scales or its quantization_config it is refused.
"""
import json
import pathlib
import shutil
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
    from safetensors.torch import load_file, save_file
    from transformers.integrations.finegrained_fp8 import Fp8Dequantize
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


def quantise(folder, out, names, block=(128, 128), seed=0, cut=None):
    """`folder` with random FP8 values and scales in place of the tensors whose name `names` accepts; returns their values by NumPy."""
    shutil.copytree(folder, out)
    rng = np.random.default_rng(seed)
    finite = np.array([c for c in range(256) if c & 127 != 127], np.uint8)
    tensors, expected = {}, {}
    for name, t in load_file(pathlib.Path(folder) / "model.safetensors").items():
        if cut:
            t = cut(name, t)
        if names(name):
            codes = finite[rng.integers(0, len(finite), tuple(t.shape))]
            fp8 = torch.from_numpy(codes).view(torch.float8_e4m3fn)
            grid = [-(-t.shape[-2] // block[0]), -(-t.shape[-1] // block[1])]
            scale = rng.uniform(1e-4, 2e-3, [*t.shape[:-2], *grid]).astype(np.float32)
            tensors[name], tensors[name + "_scale_inv"] = fp8, torch.from_numpy(scale)
            wide = np.repeat(np.repeat(scale, block[0], -2), block[1], -1)[..., :t.shape[-2], :t.shape[-1]]
            expected[name] = torch.from_numpy(fp8.float().numpy() * wide).bfloat16()
        else:
            tensors[name] = t.contiguous()
    save_file(tensors, pathlib.Path(out) / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((pathlib.Path(out) / "config.json").read_text())
    skipped = sorted({n.removesuffix(".weight") for n in tensors if n.endswith(".weight") and n not in expected})
    config["quantization_config"] = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": list(block), "modules_to_not_convert": skipped}
    (pathlib.Path(out) / "config.json").write_text(json.dumps(config))
    return expected


def same_values(out, expected, what):
    for name, value in expected.items():
        ours = np.frombuffer(run("open", out, name), np.float32)
        check(np.array_equal(ours, value.float().numpy().ravel()), f"{what}: {name} differs")


def fp8_opens(folder, scratch):
    linear = lambda n: ".language_model.layers." in n and "_proj.weight" in n  # noqa: E731
    out = os.path.join(scratch, "fp8")
    expected = quantise(folder, out, linear)
    check(len(expected) == 4 * 7, f"{len(expected)} FP8 tensors")
    stored = load_file(pathlib.Path(out) / "model.safetensors")
    for name, value in expected.items():  # what from_pretrained does on a CPU
        theirs = Fp8Dequantize(None)._dequantize_one(stored[name], stored[name + "_scale_inv"], output_dtype=torch.bfloat16)
        check(torch.equal(theirs, value), f"{name}: transformers and NumPy differ")
    same_values(out, expected, "fp8")

    def narrow(name, t):  # an inner width that blocks of 128 do not divide
        return t[:192] if "gate_proj" in name or "up_proj" in name else t[:, :192] if "down_proj" in name else t
    out = os.path.join(scratch, "uneven")
    expected = quantise(folder, out, linear, seed=1, cut=narrow)
    path = pathlib.Path(out) / "config.json"
    config = json.loads(path.read_text())
    config["text_config"]["intermediate_size"] = 192
    path.write_text(json.dumps(config))
    same_values(out, expected, "uneven")

    config.pop("quantization_config")
    path.write_text(json.dumps(config))
    refused(out, "expected a quantization_config in config.json, got none")

    sys.argv[1:] = []
    from make_checkpoints import make
    moe = os.path.join(scratch, "moe")
    make("moe_dense_layers", moe)
    out = os.path.join(scratch, "moe_fp8")
    expected = quantise(moe, out, lambda n: ".experts." in n, block=(16, 8), seed=2)
    check(len(expected) == 4, f"{len(expected)} FP8 stacks of experts")
    same_values(out, expected, "experts")

    file = pathlib.Path(out) / "model.safetensors"
    tensors = load_file(file)
    gone = next(n for n in tensors if n.endswith("_scale_inv"))
    save_file({n: t for n, t in tensors.items() if n != gone}, file, metadata={"format": "pt"})
    refused(out, f"expected their scales, {gone}, got none")
    save_file({n: t[:1].contiguous() if n == gone else t for n, t in tensors.items()}, file, metadata={"format": "pt"})
    refused(out, "expected scales [16, ")


def refused(folder, words):
    p = subprocess.run([program, "open", folder, "lm_head.weight"], capture_output=True)
    said = p.stderr.decode()
    check(p.returncode == 1 and words in said and "(E404)" in said, f"{folder}: expected a refusal with '{words}', got {p.returncode}: {said}")


with tempfile.TemporaryDirectory() as scratch:
    demo, resaved = os.path.join(scratch, "demo"), os.path.join(scratch, "resaved")
    run("demo", demo, "1")
    if not checks.problems:
        model, tokenizer, processor = demo_opens(demo)
        resaved_opens(demo, resaved, model, tokenizer)
        fp8_opens(demo, scratch)
print(f"model folder: transformers {transformers.__version__} opens the demo model {processor}, and we what it saves; {checks.made} checks, {len(checks.problems)} failed")
sys.exit(1 if checks.problems else 0)
