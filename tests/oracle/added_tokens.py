#!/usr/bin/env python3
"""Added tokens with flags beside `tokenizers`, and what the tokenizer's class says beside transformers.

usage: added_tokens.py TOKENIZE_LINES
1. Random added tokens with lstrip, rstrip, single_word and normalized, in texts of letters, marks, digits and all white space: ids equal
   `tokenizers`.
2. A folder whose class is Qwen2Tokenizer (named, or by the model): NFC and Qwen2's expression whatever tokenizer.json says, and the flags of
   tokenizer_config.json, as AutoTokenizer has them; other classes follow the file.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import checks
from checks import SMALL, check
from make_checkpoints import make_tokenizer  # exits 77 itself
import tokenizers
import transformers
from transformers import AutoTokenizer

program = sys.argv[1]
SPACES = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\u0085", "\u2028", "\x1c", "\u200b", "\ufeff"]
PIECES = ["a", "the", "Z9", "7", "_", "-", ".", "\u00e9", "e\u0301", "\u0301", "\u4e2d", "\u203f", "\u200d", "\u0661", "\u2160", "\U0001f642", "\u24b6", "'s"]
CONTENTS = ["<img>", "<im", "[X]", "tok", "e\u0301!", " sp ", "<<", "ab"]


def encode(folder, texts):
    done = subprocess.run([program, "encode", folder], input="".join(json.dumps(t) + "\n" for t in texts), capture_output=True, encoding="utf-8")
    check(done.returncode == 0, f"{folder}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]] if done.returncode == 0 else [None] * len(texts)


def compare(what, texts, got, expected):
    wrong = [i for i, (a, b) in enumerate(zip(got, expected, strict=True)) if a != b]
    for i in wrong[:3]:
        print(f"    {ascii(texts[i])}\n      expected {expected[i]}\n      got      {got[i]}")
    check(not wrong, f"{what}: {len(wrong)} of {len(texts)} texts differ")


def random_flags(folder):
    rng = random.Random(3)
    made = 0
    for round in range(40):
        t = make_tokenizer(64)
        for content in rng.sample(CONTENTS, 4):
            t.add_tokens([tokenizers.AddedToken(content, lstrip=rng.random() < 0.4, rstrip=rng.random() < 0.4, single_word=rng.random() < 0.3,
                                                normalized=rng.random() < 0.3, special=rng.random() < 0.5)])
        t.save(str(folder / "tokenizer.json"))
        t = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        texts = ["".join(rng.choice(rng.choice((SPACES, PIECES, CONTENTS))) for _ in range(rng.randint(0, 12))) for _ in range(150)]
        made += len(texts)
        compare(f"round {round}", texts, encode(folder, texts), [t.encode(x, add_special_tokens=False).ids for x in texts])
    print(f"  {made} texts with flagged tokens")


def by_class(work):
    file = json.loads((SMALL / "tokenizer.json").read_text())
    config = json.loads((SMALL / "tokenizer_config.json").read_text())
    texts = ["e\u0301 ab12 it's", "a <img> b", "a<img>b", " <img>  x", "x<img>", "<img><img>", "the<img> total", "12<img>\t\u00e9", "don't 345"]
    token = {"content": "<img>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}

    def folder(name, change_file=None, change_config=None, model_type="qwen3_vl"):
        out = work / name
        out.mkdir()
        f, c = json.loads(json.dumps(file)), json.loads(json.dumps(config))
        for change, data in ((change_file, f), (change_config, c)):
            if change:
                change(data)
        (out / "tokenizer.json").write_text(json.dumps(f))
        (out / "tokenizer_config.json").write_text(json.dumps(c))
        (out / "config.json").write_text(json.dumps({"model_type": model_type}))
        return out

    def plain(f):
        f["normalizer"] = None
        f["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {"Regex": "\\p{N}+|[^\\p{N}]+"}
        f["model"]["ignore_merges"] = True

    def listed(**flags):
        return lambda f: f["added_tokens"].append({"id": 304, **token, **flags})

    def decoder(**flags):
        return lambda c: c["added_tokens_decoder"].update({"304": {**token, **flags}})

    def named(name):
        return lambda c: c.update(tokenizer_class=name) if name else c.pop("tokenizer_class")
    for what, args in {"as it is": (), "plain file, Qwen2Tokenizer": (plain,), "plain file, Qwen2TokenizerFast": (plain, named("Qwen2TokenizerFast")),
                       "plain file, class by the model": (plain, named(None)), "plain file, other class": (plain, named("PreTrainedTokenizerFast")),
                       "lstrip in both": (listed(lstrip=True), decoder(lstrip=True)), "rstrip in both": (listed(rstrip=True), decoder(rstrip=True)),
                       "single_word in both": (listed(single_word=True), decoder(single_word=True)), "lstrip in the file": (listed(lstrip=True), decoder()),
                       "lstrip in the config": (listed(), decoder(lstrip=True)), "in the config alone": (None, decoder(rstrip=True))}.items():
        f = folder(what, *args)
        hf = AutoTokenizer.from_pretrained(f)
        compare(what, texts, encode(f, texts), [hf(t, add_special_tokens=False).input_ids for t in texts])
    f = folder("in the file alone", listed())
    done = subprocess.run([program, "encode", f], input="", capture_output=True, encoding="utf-8")
    check(done.returncode == 1 and "is not in the added_tokens_decoder" in done.stderr, f"in the file alone: {done.returncode} {done.stderr}")


transformers.logging.set_verbosity_error()
with tempfile.TemporaryDirectory() as temporary:
    work = pathlib.Path(temporary)
    (work / "random").mkdir()
    random_flags(work / "random")
    by_class(work)
print(f"added tokens: {checks.made} checks against tokenizers {tokenizers.__version__} and transformers {transformers.__version__}, {len(checks.problems)} problems")
sys.exit(1 if checks.problems else 0)
