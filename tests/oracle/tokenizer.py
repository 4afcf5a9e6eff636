#!/usr/bin/env python3
"""Compares our tokenizer with Hugging Face `tokenizers` on Qwen's vocabulary.

usage: tokenizer.py TOKENIZE_LINES [COUNT]      COUNT random strings, 20000 unless given
Exit 0: equal; 1: a mismatch; 77: the package or ../shared/data/tokenizer is absent.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import qwen_vocabulary

try:
    import tokenizers
except ImportError as e:
    print(f"tokenizer oracle: skipped, {e}")
    sys.exit(77)
RANKS = qwen_vocabulary.ranks_file()
if RANKS is None:
    print("tokenizer oracle: skipped, no tokenizer/qwen.tiktoken in ../shared/data or ARRCOC_SHARED")
    sys.exit(77)
PROGRAM = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 20000

BLOCKS = [(0x20, 0x7E)] * 6 + [  # (first, last) code points
    (0xA0, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF),
    (0x700, 0x8FF), (0x900, 0x97F), (0x980, 0xDFF), (0xE00, 0xEFF), (0xF00, 0xFFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1200, 0x18AF),
    (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x214F), (0x2150, 0x2BFF), (0x2C00, 0x2DFF), (0x3000, 0x30FF), (0x3130, 0x33FF),
    (0x4E00, 0x9FFF), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFFFF),
    (0x10000, 0x107FF), (0x10800, 0x11FFF), (0x16000, 0x16FFF), (0x1D100, 0x1D7FF), (0x1F000, 0x1FAFF), (0x20000, 0x323AF), (0xE0000, 0xE01EF),
    (0x10FF00, 0x10FFFF)]
SPACES = [" ", " ", " ", "\n", "\r\n", "\t", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\xa0", "\u180e", "\u2003", "\u2028", "\u3000", "\u200b"]
SNIPPETS = ["it's IT'S we'LL I'd", "'\u017f", "\u212a", "e\u0301", "\u212b", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u1112\u1161\u11ab",
            "\U0001f1e9\U0001f1ea", "<|im_start|>", "<|im_end|>", "<|image_pad|><|image_pad|>", "<think>", "</think>", "<|im_", "<|", "|>", "<think",
            "<tool_call>", "<<|im_end|>>", "\u0344\u0345\u0323", "q\u0307\u0323", "\u0958", "\u0f73\u0f71", "\ufb2c", "<|im_sta\u0301rt|>", "...", "!!!\n\n",
            "http://a.b/c?d=1&e=2", "def f(x):\n    return x**2\n", "  \n  ", "12345", "\u0661\u0662", "\u00bd\u2167\u3007", "\x00", "\x7f", "\ufeff", "\ufffd"]


def one_string(rng):
    out = []
    for _ in range(rng.randint(0, 12)):
        kind = rng.random()
        if kind < 0.5:
            first, last = rng.choice(BLOCKS)
            out.append("".join(chr(c) for c in (rng.randint(first, last) for _ in range(rng.randint(1, 10))) if not 0xD800 <= c < 0xE000))
        elif kind < 0.7:
            out.append("".join(rng.choice(SPACES) for _ in range(rng.randint(1, 4))))
        elif kind < 0.85:
            out.append(rng.choice(SNIPPETS))
        elif kind < 0.9:
            out.append("".join(chr(rng.randint(0, 0x1F)) for _ in range(rng.randint(1, 3))))
        elif kind < 0.95:
            out.append("".join(chr(rng.randint(0x300, 0x36F)) for _ in range(rng.randint(1, 60))))
        else:
            out.append(rng.choice("ab .\n!\u00e9\u4e2d") * rng.randint(1, 200))
    return "".join(out)


def every_code_point():
    """Each code point after a letter, a space and a digit, and between two combining marks."""
    points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for i in range(0, len(points), 96):
        chunk = [chr(c) for c in points[i:i + 96]]
        yield "".join(f"a{c} {c}1{c}{c}\n" for c in chunk)
        yield "".join(f"a\u0301{c}\u0323a\u0327{c}" for c in chunk)


def run(mode, folder, lines):
    done = subprocess.run([PROGRAM, mode, folder], input="".join(line + "\n" for line in lines), capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        print(f"tokenizer oracle: {mode} failed: {done.stderr.strip()}")
        sys.exit(1)
    load, busy = map(float, done.stderr.split())
    answers = done.stdout.split("\n")[:-1]
    assert len(answers) == len(lines), (len(answers), len(lines))
    return [json.loads(a) for a in answers], load, busy


failures = 0


def compare(what, inputs, got, expected):
    global failures
    wrong = [i for i in range(len(inputs)) if got[i] != expected[i]]
    failures += len(wrong)
    print(f"  {what}: {len(inputs)} cases, {len(wrong)} mismatches")
    for i in wrong[:3]:
        print(f"    {ascii(inputs[i])[:300]}\n      expected {ascii(expected[i])[:300]}\n      got      {ascii(got[i])[:300]}")


def write_split_files(folder, saved):
    """The same tokenizer as vocab.json, merges.txt and tokenizer_config.json."""
    (folder / "vocab.json").write_text(json.dumps(saved["model"]["vocab"]))
    pairs = [m if isinstance(m, list) else m.split(" ") for m in saved["model"]["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in pairs))
    added = {str(t["id"]): {k: v for k, v in t.items() if k != "id"} for t in saved["added_tokens"]}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "Qwen2Tokenizer", "added_tokens_decoder": added}))


def main():
    rng = random.Random(20)
    hf = qwen_vocabulary.build(RANKS)
    ids_of = lambda texts: [e.ids for e in hf.encode_batch(texts, add_special_tokens=False)]
    with tempfile.TemporaryDirectory() as temporary:
        folder, second, third = (pathlib.Path(temporary) / name for name in ("pairs", "strings", "split"))
        for f in (folder, second, third):
            f.mkdir()
        hf.save(str(folder / "tokenizer.json"))
        saved = json.loads((folder / "tokenizer.json").read_text())
        pairs = saved["model"]["merges"]
        saved["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in pairs]
        (second / "tokenizer.json").write_text(json.dumps(saved, ensure_ascii=False))
        write_split_files(third, saved)

        texts = [one_string(rng) for _ in range(COUNT)]
        expected = ids_of(texts)
        lines = [json.dumps(t) for t in texts]
        got, load, _ = run("encode", folder, lines)
        compare("encode, random strings", texts, got, expected)
        compare("encode, merges as strings", texts[:2000], run("encode", second, lines[:2000])[0], expected[:2000])
        compare("encode, vocab.json + merges.txt", texts[:2000], run("encode", third, lines[:2000])[0], expected[:2000])

        every = list(every_code_point())
        compare("encode, every code point", every, run("encode", folder, [json.dumps(t) for t in every])[0], ids_of(every))

        plain = tokenizers.Tokenizer.from_str(json.dumps({**saved, "added_tokens": []}))
        compare("encode, added tokens as text", texts[:4000], run("plain", folder, lines[:4000])[0],
                [e.ids for e in plain.encode_batch(texts[:4000], add_special_tokens=False)])

        normal = [t if not t else "".join(_nfc_between(hf, t)) for t in texts]
        compare("decode(encode(x)) = NFC(x)", texts, run("decode", folder, [json.dumps(e) for e in expected])[0], normal)

        added = {t["id"]: t["content"] for t in saved["added_tokens"]}
        letters = {c: b for b, c in qwen_vocabulary.byte_characters().items()}
        spelled = {i: added[i].encode() if i in added else bytes(letters[c] for c in hf.id_to_token(i)) for i in range(hf.get_vocab_size())}
        loose = [[rng.choice((rng.randrange(256), rng.randrange(len(spelled)), rng.randrange(94, 256))) for _ in range(rng.randint(0, 12))] for _ in range(COUNT)]
        meant = [b"".join(spelled[i] for i in ids).decode("utf-8", "replace") for ids in loose]
        compare("decode, any ids = Python's errors='replace'", loose, run("decode", folder, [json.dumps(i) for i in loose])[0], meant)
        compare("stream, any ids = decode", loose, run("stream", folder, [json.dumps(i) for i in loose])[0], meant)

        print(f"  load: {load:.0f} ms (tokenizer.json with merges as pairs)")
        million = 1 << 20
        prose = " ".join(t for t in texts if t.isascii())
        for name, text in (("one letter", "a" * million), ("spaces", " " * million), ("newlines", "\n" * million), ("one mark", "e" + "\u0301" * (million // 2)),
                           ("two marks in turn", "a" + "\u0301\u0323" * (million // 4)), ("one ideograph", "\u4e2d" * (million // 3)), ("digits", "7" * million),
                           ("spaces, then x", " " * million + "x"), ("'<' alone", "<" * million), ("<|im_ again and again", "<|im_" * (million // 5)),
                           ("random scripts", "".join(texts)[:million // 2]), ("ASCII mix", (prose * (million // max(1, len(prose)) + 1))[:million]), ("code", "def f(x):\n    return x ** 2 + 17\n\n" * (million // 36))):
            ours, _, busy = run("encode", folder, [json.dumps(text)])
            start = time.perf_counter()
            theirs = hf.encode(text, add_special_tokens=False).ids
            spent = 1e3 * (time.perf_counter() - start)
            print(f"  1 MB of {name}: {busy:.0f} ms (tokenizers {spent:.0f} ms), {len(theirs)} ids", "" if busy < 1000 else "TOO SLOW")
            global failures
            if ours[0] != theirs or busy >= 1000:
                failures += 1
                print("    MISMATCH" if ours[0] != theirs else "    over one second")
    print(f"tokenizer oracle: {'FAILED, ' + str(failures) + ' mismatches' if failures else 'ok, 0 mismatches'}")
    return 1 if failures else 0


def _nfc_between(hf, text):
    """NFC of what lies between added tokens, as `tokenizers` normalises it."""
    import re
    added = sorted(qwen_vocabulary.SPECIAL + qwen_vocabulary.PLAIN, key=len, reverse=True)
    for part in re.split("(" + "|".join(map(re.escape, added)) + ")", text):
        yield part if part in added else hf.normalizer.normalize_str(part)


if __name__ == "__main__":
    sys.exit(main())
