#!/usr/bin/env python3
"""Small inputs that ask for much work or memory: what each may take at most.   bombs.py ARRCOC [--table]

Each runs under a limit on address space and is measured (peak resident memory, processor time). Times are limited by what they are on this machine
now: a unit is what Python's json takes for a text of 200,000 objects, and what took too long is measured again beside it, twice at most. --table
prints the measurements, also of a program that breaks the limits. Exit 77 under sanitizers, which need memory of their own, and without Pillow.
"""
import io
import json
import os
import pathlib
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from checks import checks_addresses

try:
    from PIL import Image
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

program = str(pathlib.Path(sys.argv[1]).resolve())
table = "--table" in sys.argv
MB = 1 << 20


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(height, width, before=b"", rows=None, depth=8, colour=2, interlaced=0):
    rows = (b"\0" + b"\x80" * (3 * width)) * height if rows is None else rows
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)) + before + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def webp(*chunks):
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def animated_webp(side):
    one = saved(Image.new("RGB", (1, 1)), "WEBP", lossless=True)
    frame = one[12:]
    u24 = lambda x: struct.pack("<I", x)[:3]
    return webp((b"VP8X", b"\x02\0\0\0" + u24(side - 1) * 2), (b"ANIM", b"\0" * 6), (b"ANMF", u24(0) * 4 + u24(100) + b"\0" + frame))


def many_scans(side, scans):
    data = saved(Image.new("L", (side, side), 77), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:-2] + data[data.rfind(b"\xff\xc4", 0, last):-2] * scans + b"\xff\xd9"


def safetensors(count):
    names = sorted(f"model.layers.{i}.w" for i in range(count))
    text = "{" + ",".join(f'"{n}":{{"dtype":"U8","shape":[1],"data_offsets":[{i},{i + 1}]}}' for i, n in enumerate(names)) + "}"
    return struct.pack("<Q", len(text)) + text.encode() + bytes(count)


def model(top, name, file, content):
    shutil.copytree(top / "demo", top / name)
    (top / name / file).write_bytes(content)
    settings = top / name / "tokenizer_config.json"  # of a class that takes the file's own expression
    if settings.exists():
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}))
    return name


def splitter(top):
    t = json.loads((top / "demo" / "tokenizer.json").read_text())
    split = {"type": "Split", "pattern": {"Regex": "(?:(?:a|aa)+(?:a|aa)+(?:a|aa)+b|a{24})"}, "behavior": "Isolated", "invert": False}
    t["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]}
    return json.dumps(t).encode()


def measured(arguments, cwd, seconds):
    began = time.monotonic()
    with open(cwd / "stderr", "wb") as err:
        p = subprocess.Popen([program, *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)))
    while True:
        pid, status, usage = os.wait4(p.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - began > seconds:
            p.kill()
            _, status, usage = os.wait4(p.pid, 0)
            break
        time.sleep(0.005)
    p.returncode = os.waitstatus_to_exitcode(status)
    return p.returncode, usage.ru_maxrss * 1024 / MB, usage.ru_utime + usage.ru_stime, (cwd / "stderr").read_text(errors="replace").strip()[-300:]


def unit():
    """Processor seconds that Python's json takes for 200,000 objects."""
    text = "{" + ",".join(f'"model.layers.{i}.w":{{"dtype":"U8","shape":[1],"data_offsets":[{i},{i + 1}]}}' for i in range(200_000)) + "}"
    began = time.process_time()
    json.loads(text)
    return time.process_time() - began


def cases(top):
    def answer(name, content, *more):
        (top / name).write_bytes(content)
        return ["answer", "-m", "demo", "-i", name, "-p", "What?", "-n", "1", "--max-pixels", "65536", "-q", *more]

    def lines(text, folder="demo"):
        (top / "lines.jsonl").write_text(text)
        return ["tokenize", "-m", folder, "--jsonl", "lines.jsonl"]

    def settings(text):
        (top / "run.json").write_text(text)
        return ["answer", "-m", "demo", "-p", "What?", "-n", "1", "--config", "run.json"]
    text = zlib.compress(b"a" * (7 << 20), 9)
    # what it is, its exit status, MB, units of processor time, its arguments; a picture of n MP is 3 n MB
    yield "a picture as it should be", 0, 60, 3, answer("good.png", png(64, 64))
    yield "header of 40,000 tensors", 1, 80, 3, ["answer", "-m", model(top, "many", "model.safetensors", safetensors(40_000)), "-p", "What?"]
    yield "header of 1,000,000 tensors", 1, 600, 5, ["answer", "-m", model(top, "million", "model.safetensors", safetensors(1_000_000)), "-p", "What?"]
    yield "settings of 60,000 nested objects", 2, 60, 3, settings('{"a":' * 60_000 + "1" + "}" * 60_000)
    yield "a line of 100,000 brackets", 1, 60, 3, lines("[" * 100_000 + "\n")
    yield "a line of 100,000 brackets that close", 1, 60, 3, lines("[" * 100_000 + "]" * 100_000)
    yield "an expression that goes back", 1, 60, 5, lines(json.dumps(" ".join("a" * 22 for _ in range(3000))), model(top, "split", "tokenizer.json", splitter(top)))
    yield "PNG of 110 compressed texts", 0, 60, 3, answer("text.png", png(64, 64, b"".join(chunk(b"zTXt", b"k%d\0\0" % i + text) for i in range(110))))
    yield "PNG of 60,000 texts", 0, 60, 3, answer("texts.png", png(64, 64, chunk(b"tEXt", b"k\0a") * 60_000))
    yield "PNG with a profile that unpacks", 0, 60, 3, answer("profile.png", png(64, 64, chunk(b"iCCP", b"p\0\0" + text)))
    yield "PNG header of 100 million pixels, cut off", 1, 60, 3, answer("cut.png", png(10_000, 10_000, rows=b""))
    yield "animated WebP of 20000 x 20000", 1, 60, 3, answer("large.webp", animated_webp(20_000))
    yield "animated WebP of 9000 x 9000", 0, 243 * 1.3 + 60, 12, answer("animated.webp", animated_webp(9_000))
    yield "WebP of 38 bytes", 1, 60, 3, answer("solid.webp", saved(Image.new("RGB", (16383, 16383), (9, 9, 9)), "WEBP", lossless=True, quality=0, method=0))
    yield "JPEG of 1,000 scans", 1, 250, 15, answer("scans.jpg", many_scans(8_000, 1_000))
    yield "PNG of 64 million pixels", 0, 192 * 1.3 + 60, 15, answer("grey.png", png(8_000, 8_000, rows=b"\0" * (1_001 * 8_000), depth=1, colour=0))
    yield "PNG of 64 million pixels with alpha", 0, 192 * 1.3 + 60, 20, answer("rgba.png", png(8_000, 8_000, rows=b"\0" * (32_001 * 8_000), colour=6))
    yield "interlaced PNG of 64 million pixels", 0, 192 * 1.3 + 60, 25, answer("interlaced.png", saved_interlaced(8_000))
    yield "JPEG of 64 million pixels", 0, 192 * 1.3 + 60, 15, answer("rgb.jpg", saved(Image.new("RGB", (8_000, 8_000), (9, 99, 200)), "JPEG"))


def saved_interlaced(side):
    sizes = [((side - y0 + dy - 1) // dy, (side - x0 + dx - 1) // dx) for y0, x0, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))]
    return png(side, side, rows=b"\0" * sum(h * (1 + 3 * w) for h, w in sizes), interlaced=1)


def steady(top):
    """200 pictures in a row need no more memory than one."""
    (top / "good.png").write_bytes(png(300, 400))
    (top / "images").mkdir()
    shutil.copy(top / "good.png", top / "images" / "a.png")
    peaks = []
    for count in (4, 200):
        for i in range(count):
            shutil.copy(top / "good.png", top / "images" / f"{i}.png")
        (top / "questions.jsonl").write_text("".join(json.dumps({"id": str(i), "images": [f"images/{i}.png"], "question": "Q?", "answers": ["A"]}) + "\n" for i in range(count)))
        status, peak, _, err = measured(["sweep", "-m", "demo", "--data", "questions.jsonl", "--out", f"run{count}", "-n", "1", "-q", "--pipeline", "grid", "-t", "1"], top, 300)
        if status:
            return f"sweep of {count} pictures: {err}"
        peaks.append(peak)
    print(f"sweep of 4 pictures: {peaks[0]:.1f} MB, of 200: {peaks[1]:.1f} MB")
    return "" if peaks[1] < peaks[0] + 10 else f"200 pictures take {peaks[1]:.1f} MB, 4 take {peaks[0]:.1f} MB"


def main():
    if checks_addresses(program):
        print("skipped: the build has a sanitizer, which needs memory of its own")
        return 77
    problems, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        subprocess.run([program, "demo-model", "--out", "demo"], cwd=top, check=True, capture_output=True)
        base, pace = None, unit()
        for name, status, megabytes, units, arguments in cases(top):
            got, peak, used, err = measured(arguments, top, 30 if table else 60)
            limit = units * pace
            for _ in range(2):
                if used > limit and got == status:
                    limit = max(limit, units * unit())
                    got, again, shorter, err = measured(arguments, top, 60)
                    peak, used = max(peak, again), min(used, shorter)
            base = peak if base is None else base  # of the program alone, which differs by what is linked
            count += 1
            if table:
                print(f"{name:45s} {peak:6.0f} MB {used:6.2f} s  {'killed after 30 s' if got == -9 else got}", flush=True)
            if got != status or peak > megabytes + base or used > limit:
                problems.append(f"{name}: status {got}, {peak:.0f} MB, {used:.2f} s; expected {status}, at most {megabytes + base:.0f} MB and {limit:.2f} s: {err[-200:]}")
        wrong = steady(top)
        count += 1
        problems += [wrong] if wrong else []
    print("\n".join(problems) + ("\n" if problems else "") + f"bombs: {count - len(problems)} of {count} within their limits")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
