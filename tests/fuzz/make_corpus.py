#!/usr/bin/env python3
"""Writes the first seeds of tests/fuzz/corpus; needs Pillow and numpy. Inputs that were once findings are not made here.

usage: make_corpus.py [FOLDER]
"""
import base64
import io
import json
import pathlib
import struct
import sys

import numpy as np
from PIL import Image

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "corpus"
small = root / "models/small"
pictures = root / "tests/golden/pictures"


def seed(target, name, *parts):
    (out / target).mkdir(parents=True, exist_ok=True)
    (out / target / name).write_bytes(b"\x1e".join(p.encode() if isinstance(p, str) else p for p in parts))


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read(name):
    return json.loads((small / name).read_text())


def picture(kind, size=(8, 6), frames=1, **options):
    made = [Image.fromarray(np.random.default_rng(i).integers(0, 255, (size[1], size[0], 4), dtype=np.uint8), "RGBA")
            for i in range(frames)]
    if kind == "JPEG":
        made = [m.convert("RGB") for m in made]
    to = io.BytesIO()
    more = {"save_all": True, "append_images": made[1:], "duration": 100} if frames > 1 else {}
    made[0].save(to, kind, **more, **options)
    return to.getvalue()


def safetensors(header, data=b""):
    text = header if isinstance(header, str) else compact(header)
    return struct.pack("<Q", len(text.encode())) + text.encode() + data


def npy(array, version=None):
    to = io.BytesIO()
    np.lib.format.write_array(to, array, version=version)
    return to.getvalue()


# --- pictures and clips
for file in sorted(pictures.iterdir()):
    if file.suffix in (".png", ".jpg", ".webp", ".bmp", ".gif", ".tif", ".heic", ".avif") and file.stat().st_size < 3000:
        seed("picture", file.name, file.read_bytes())
for kind in ("GIF", "WEBP", "PNG"):
    seed("clip", f"three.{kind.lower()}", picture(kind, frames=3))
    seed("clip", f"one.{kind.lower()}", picture(kind))
seed("clip", "kept.gif", picture("GIF", frames=3, disposal=[0, 2, 3], transparency=0))
seed("clip", "kept.png", picture("PNG", frames=3, disposal=[0, 1, 2], blend=[0, 1, 1], default_image=True))

# --- containers of numbers
two = {"a": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}, "b": {"dtype": "BF16", "shape": [2], "data_offsets": [8, 12]}}
seed("safetensors", "two", safetensors(two | {"__metadata__": {"format": "pt"}}, bytes(12)))
seed("safetensors", "kinds", safetensors({k: {"dtype": k, "shape": [8], "data_offsets": [8 * i, 8 * i + 8]} for i, k in enumerate(("U8", "I8", "F8_E4M3", "BOOL"))}, bytes(32)))
seed("safetensors", "empty", safetensors({"e": {"dtype": "F16", "shape": [0, 3], "data_offsets": [0, 0]}}))
seed("safetensors", "hole", safetensors({"e": {"dtype": "I64", "shape": [], "data_offsets": [8, 16]}}, bytes(16)))
seed("safetensors", "deep", safetensors("[" * 200))
for kind in ("f4", "f8", "f2", "i4", "i8", "u1"):
    seed("npy", kind, npy(np.arange(6).reshape(2, 3).astype(kind)))
seed("npy", "fortran", npy(np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3))))
seed("npy", "version2", npy(np.zeros((1,), "f4"), (2, 0)))

# --- tokenizers
tokenizer = read("tokenizer.json")
text = "<|im_start|>user\nIt's 123 日 é   x\r\n\r\n<|image_pad|>"
seed("tokenizer", "small", compact(tokenizer), text)
vocabulary = {chr(c): i for i, c in enumerate([*range(33, 127), *range(0xa1, 0xad), *range(0xae, 0x100), *range(0x100, 0x144)])}
vocabulary["ab"] = 300
tiny = {"model": {"type": "BPE", "vocab": vocabulary, "merges": ["a b"]},
        "added_tokens": [{"id": 301, "content": "<x>", "lstrip": True, "rstrip": True, "single_word": True, "special": True, "normalized": False}],
        "normalizer": {"type": "NFC"}, "pre_tokenizer": tokenizer["pre_tokenizer"], "decoder": {"type": "ByteLevel"}}
seed("tokenizer", "tiny", compact(tiny), " <x> ab c<x>a")
tiny["model"]["merges"] = [["a", "b"]]
seed("tokenizer", "pairs", compact(tiny), "abab")
added = {str(k): {"content": f"<|t{k}|>", "special": k % 2 == 0, "lstrip": False, "rstrip": k == 301, "single_word": False, "normalized": False} for k in (301, 302)}
seed("vocabulary", "bytes", compact(vocabulary), "#version: 0.2\na b\n", "", compact({"added_tokens_decoder": added, "tokenizer_class": "Qwen2Tokenizer"}), "ab<|t301|> c")
seed("vocabulary", "added", compact(vocabulary), "a b\n", compact({"<|t301|>": 301}), "{}", "x<|t301|>y")
seed("jsonl", "text", compact("a\"b\\ \u00e9 😀 \n"))
seed("jsonl", "escapes", '"\\ud83d\\ude00 \\u0000"')
seed("jsonl", "ids", "[1, 2, 3, 2147483647]")
seed("jsonl", "deep", "[" * 3000)
seed("conversation", "turns", compact([{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "q"}]},
                                       {"role": "assistant", "content": "a"}, {"role": "user", "content": [{"image_url": {"url": "data:x"}}, {"text": "r"}]}]))
seed("conversation", "object", compact({"messages": [{"role": "user", "content": [{"video": "c.mp4"}, {"type": "image", "path": "p"}, {"text": ""}]}]}))
seed("conversation", "nothing", compact([{"role": "user", "content": [{"type": "image"}]}]))

# --- models
seed("model_config", "small", *(compact(read(n)) for n in ("config.json", "generation_config.json", "preprocessor_config.json", "video_preprocessor_config.json")))
config = read("config.json")
config["text_config"] |= {"rope_scaling": {"rope_type": "yarn", "factor": 4.0, "attention_factor": 1.1, "mrope_section": [6, 5, 5], "mrope_interleaved": True},
                          "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": []}
generation = {"do_sample": True, "temperature": 0.7, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1, "no_repeat_ngram_size": 3,
              "bad_words_ids": [[1, 2]], "suppress_tokens": [3], "begin_suppress_tokens": [4], "min_p": 0.1, "eos_token_id": [256, 258]}
seed("model_config", "experts", compact(config), compact(generation), '{"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"temporal_patch_size":2,"min_pixels":65536.0,"max_pixels":4194304,"resample":3,"patch_size":16,"merge_size":2}')
seed("chat_template", "small", (small / "chat_template.jinja").read_text(), "", "", "What <image> is this?")
seed("chat_template", "json", "", compact({"chat_template": (small / "chat_template.jinja").read_text()}), "", text)
seed("chat_template", "named", "", "", compact({"chat_template": [{"name": "default", "template": "{{ messages }}"}]}),
     "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Who?<|im_end|>\n")

# --- questions, runs
png = base64.b64encode(picture("PNG", (2, 2))).decode()
line = {"id": "x", "images": ["a.png"], "question": "Q <image>?", "answers": ["A"], "boxes": [[0, 0, 10, 20.5]], "scenario": "form", "split": "test",
        "metric": "relaxed", "difficulty": 4}
seed("dataset", "ours", "l" + compact(line) + "\n" + compact(line | {"id": "y", "options": ["a", "b"], "metric": "choice"}) + "\n")
seed("dataset", "llava", "l" + compact({"question_id": 1, "image": "a.png", "text": "Who?\nAnswer", "category": "conv"}) + "\n")
seed("dataset", "lmms", "j" + compact([{"doc_id": 0, "doc": {"question": "Q", "answer": "A"}, "target": "A", "arguments": [["Q", {}]], "resps": [["A"]]}]))
seed("dataset", "vqa2", "j" + compact({"questions": [{"question_id": 1, "image_id": 2, "question": "Q?"}], "annotations": []}))
seed("dataset", "vlmevalkit", "tindex\timage\tquestion\tA\tB\tanswer\thint\tcategory\n1\t" + png + "\tQ?\ta\tb\tA\t\"h \"\"q\"\"\"\tc\n2\t1\tQ?\tc\td\tB\t\t\n")
row = {"key": "x|random@0.25", "id": "x", "scenario": "form", "split": "test", "kind": "plain", "metric": "exact", "difficulty": 1, "images": ["a.png"],
       "pipeline": "random", "name": "none/none/flat/random/gather@0.25", "budget": "0.25", "depth": "all", "seed": 0, "draw": 0, "question": "Q", "kept_hash": "0123456789abcdef",
       "answers": ["A"], "prediction": "A", "score": 1, "extracted": "", "kept": 2, "costs": {}}
seed("rows", "two", compact(row) + "\n" + compact(row | {"key": "y|random@0.25", "id": "y", "score": 0, "prediction": "B", "seed": 1}) + "\n")
seed("rows", "yesno", compact(row | {"metric": "yesno", "extracted": "yes"}) + "\n")

# --- what users type
seed("settings", "nested", compact({"balancer": {"explore": 0.5}}),
     "three_ways\n@64\n@0.25\n^each\n--balancer.explore=0.1:0.9:0.2,1\n")
seed("settings", "result", compact({"config": {"scorers": {"sobel": {"radius": "1"}}}}), "random@8\nthree_ways:scorers.sobel=1\nstock\n@4\n^0+2\n")
seed("settings", "deep", '{"a":' * 300)
for i, name in enumerate(("texture13/near=contrast:radius=1+information/fixed:first=0.5/top_k/gather@0.5%none/participatory/flat/top_k/gather@64",
                          "default:allocator.x=1:query=blank@64", "default:passes=escalate:passes.below=0.6@64",
                          "none/none/flat/random/gather:picture=grey_square:maps=first:corrupt=0.1@8")):
    seed("pipeline_name", f"name{i}", name, "allocator.x", "2")
for name in ("scorer", "larger"):
    seed("recipe", name, (root / f"models/recipes/{name}.json").read_text())

# --- a plug-in, the whole answer
seed("plugin", "right", bytes(64))
seed("plugin", "values", bytes(range(256)))
for i in range(4):
    noise = np.random.default_rng(i).choice(np.array([0, 2, 3, 200, 1], np.uint8), 300, p=[0.4, 0.2, 0.2, 0.15, 0.05])
    seed("plugin", f"noise{i}", bytes(500 + i) + noise.tobytes())  # good tables, and then anything
seed("answer", "stock", "", "What?", picture("PNG", (20, 20)))
seed("answer", "default", "default@3", "How much was the tea?", picture("JPEG", (33, 40)))
seed("answer", "text", "", "Hello <|im_end|>", "")
seed("answer", "grey", "none/none/flat/random/gather:picture=grey_square@2", "?", picture("WEBP", (40, 30)))
print(sum(f.stat().st_size for f in out.rglob("*") if f.is_file()), "bytes")
