#!/usr/bin/env python3
"""Broken questions: forty items of all kinds and a TSV's own are each named and counted, and the others asked; damaged
files end in a sentence; a large TSV is read in bounded memory.

usage: questions_broken.py ARRCOC [GIGABYTES]        GIGABYTES: also a TSV of that size, made and deleted in the
temporary folder. exit 0 when all agrees, 1 on any mismatch. Needs the standard library only.
"""
import base64
import json
import os
import pathlib
import random
import resource
import struct
import subprocess
import sys
import tempfile

import checks
from checks import check
from questions import J, PROGRAM, five, lines, png, run, tsv


# --- forty broken items -----------------------------------------------------------------------------------------------
def broken(top, demo):
    place = top / "broken"
    place.mkdir()
    good = png(64, 96, 5)
    (place / "r.png").write_bytes(good)
    (place / "cut.png").write_bytes(good[:len(good) // 2])
    (place / "thin.png").write_bytes(png(2, 500, 1))
    (place / "text.jpg").write_bytes(b"no picture at all")
    (place / "empty.png").write_bytes(b"")
    (place / "gone.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 ")
    huge = bytearray(good)
    huge[16:24] = struct.pack(">II", 60000, 60000)
    (place / "huge.png").write_bytes(bytes(huge))
    g = lambda **k: dict(dict(id="x", images=["r.png"], question="Q?", answers=["A"]), **k)
    without = lambda key: {k: v for k, v in g().items() if k != key}
    url = "data:image/png;base64,"
    bad = [  # item, what its message holds
        ("{", "JSON"),
        ("[]", "JSON object"),
        ('{"id": "x", "id": "y"}', "duplicate key"),
        (b'{"id":"\xff"}', "UTF-8"),
        ('{"id":"x","n":NaN}', "JSON"),
        ('{"id":"x","images":["r.png"],"question":"\\ud800","answers":["A"]}', "JSON"),
        ("7", "JSON object"),
        ("nonsense", "JSON"),
        (without("id"), "id: expected"),
        (g(id=""), "id: expected"),
        (g(id=[1]), "id: expected"),
        (g(id="good0"), "stands in line 1 already"),
        (g(id=True), "id: expected"),
        (without("images"), "images: expected at least one"),
        (g(images=[]), "images: expected at least one"),
        (g(images=[7]), "images: expected a path"),
        (g(images=["no.png"]), "no such picture"),
        (g(images=["."]), "no such picture"),
        (g(images=["https://example.org/a.png"]), "nothing is downloaded"),
        (g(images=["file:///no/such.png"]), "no such picture"),
        (g(images=[url + "@@@@"]), "not base64"),
        (g(images=["data:image/png,abc"]), "expected data:"),
        (g(images=[url + base64.b64encode(good[:20]).decode()]), "picture data:"),
        (without("question"), "question: expected"),
        (g(question=5), "question: expected"),
        (g(question="<image> <image> both?"), "<image>: expected one"),
        (without("answers"), "answers: expected"),
        (g(answers=[]), "answers: expected"),
        (g(answers=[None]), "answers: expected"),
        (g(answers={"a": 1}), "answers: expected"),
        (g(metric="fuzzy"), "metric: expected"),
        (g(metric="choice"), "options: expected some"),
        (g(metric="choice", answers=["C"], options=["a", "b"]), "letter of an option"),
        (g(metric="yesno", answers=["perhaps"]), "expected yes or no"),
        (g(metric="box", answers=["here"]), "expected [x0"),
        (g(boxes=[[1, 2, 3]]), "boxes: expected"),
        (g(boxes=[[0, 0, 65, 10]]), "outside the picture"),
        (g(boxes=[[5, 5, 5, 9]]), "outside the picture"),
        (g(boxes=[[0, 0, 9, 9]], box_images=[1]), "box_images"),
        (g(difficulty=1.5), "difficulty"),
        (g(images=["thin.png"]), "times apart"),
        (g(images=["text.jpg"]), "picture text.jpg"),
        (g(images=["empty.png"]), "picture empty.png"),
        (g(images=["gone.webp"]), "picture gone.webp"),
        (g(images=["huge.png"]), "pixels"),
    ]
    text, at = b"", {}
    number = 0
    for k, (item, _) in enumerate(bad):
        if k % 9 == 0:
            text += J(g(id=f"good{k}", question=f"Good {k}?")).encode()
            number += 1
        if isinstance(item, dict):
            item = json.dumps(dict(item, id=f"bad{k}") if item.get("id") == "x" else item)
        text += (item if isinstance(item, bytes) else item.encode()) + b"\n"
        number += 1
        at[k] = number
    text += J(g(id="cut", images=["cut.png"]), g(id="cut2", images=["cut.png"],
                                                 question="And this?")).encode()  # only decoding finds it
    (place / "questions.jsonl").write_bytes(text)
    goods = [f"good{k}" for k in range(0, len(bad), 9)]
    common = ["-m", demo, "-n", 2, "-t", 1, "--data", place, "--pipeline", "full,grid", "--budget", 3]
    done = run("sweep", *common, "--out", top / "run_broken", "-q")
    told = done.stderr.splitlines()
    for k, (item, words) in enumerate(bad):
        mine = [
            line for line in told
            if f"questions.jsonl: line {at[k]}:" in line or f"questions.jsonl: line {at[k]} (" in line
        ]
        check(
            len(mine) == 1 and words in mine[0] and "left out" in mine[0], f"broken item {k} {str(item)[:80]}: {mine}")
    check(any(f"{len(bad)} problems, {len(goods) + 2} of {number + 2} questions" in line for line in told),
          f"counted: {told[-3:]}")
    rows = lines(top / "run_broken" / "rows.jsonl")
    check([r["id"] for r in rows] == [i for i in goods + ["cut", "cut2"] for _ in "ab"],
          f"rows of all others: {[r['id'] for r in rows]}")
    check(
        all((r["prediction"] is None and r["score"] is None and "E408" in r["error"]
            ) if r["id"].startswith("cut") else (r["prediction"] is not None and "error" not in r)
            for r in rows), "what fails later is a row with its reason")
    check("4 rows failed" in done.stderr, "failed rows are counted")
    groups = json.loads((top / "run_broken" / "summary.json").read_text())["groups"]
    check(
        all(g["failed"] == 2 and g["all"]["n"] == len(goods) and g["rows"] == len(goods) +
            2 and g["means"]["visual_tokens"] > 0 for g in groups), f"failed rows count nowhere else: {groups[0]}")
    strict = run("sweep", *common, "--out", top / "never", "-q", "--strict", status=1)
    check(f"{len(bad) + 2} problems" in strict.stderr and "more" in strict.stderr and not (top / "never").exists(),
          f"--strict refuses: {strict.stderr[:200]}")

    # a TSV's own faults
    b64 = base64.b64encode(good).decode()
    row = lambda i, **k: dict(dict(index=i, image=b64, question="Q?", answer="A"), **k)
    columns = ["index", "image", "question", "answer"]
    text = tsv([row("g1")], columns) + "b1\tonly two\n" + "b2\t" + b64 + "\tQ?\tA\tmore\n" + tsv([
        row("b3", image="nope"),
        row("b4", image="b4"),
        row("b5", image="!" * 100),
        row("g1"),
        row("b6", answer=""),
        row("b7", image=""),
        row("b8", image="['" + b64 + "', '@@@" + b64 + "']"),
        row("g2", image="g1")
    ], columns).split("\n", 1)[1] + "b9\t" + b64 + "\t\"never closed\tA\nmore\n"
    (place / "bad.tsv").write_text(text)
    done = run("sweep", "-m", demo, "-n", 2, "-q", "-t", 1, "--data", place / "bad.tsv", "--metric", "exact",
               "--pipeline", "grid", "--budget", 3, "--out", top / "run_tsv")
    faults = [("3 ('b1')", "4 cells, got 2"), ("4 ('b2')", "4 cells, got 5"), ("5 ('b3')", "index of a row"),
              ("6 ('b4')", "its own row"), ("7 ('b5')", "not base64"), ("8 ('g1')", "already"), ("9 ('b6')", "answers"),
              ("10 ('b7')", "images"), ("11 ('b8')", "not base64"), ("13 ('b9')", "never closed")]
    for where, words in faults:
        check(any(f"line {where}" in line and words in line for line in done.stderr.splitlines()),
              f"TSV: {where} {words}: {done.stderr}")
    check(
        f"{len(faults)} problems, 2 of 12" in done.stderr and
        [r["id"] for r in lines(top / "run_tsv" / "rows.jsonl")] == ["g1", "g2"], f"TSV: counted {done.stderr[-200:]}")
    return len(bad) + 2 + len(faults)


def damaged(top, file):
    """Bytes changed, cut and doubled: an end with 0, 1 or 2 and a sentence, never a crash"""
    rng, ends = random.Random(3), {}
    names = [
        "ours.jsonl", "base64.tsv", "later_index.tsv", "list.json", "llava.jsonl", "samples.jsonl", "data_urls.jsonl",
        "vqa2"
    ]
    for n in range(240):
        path, _ = file[names[n % len(names)]]
        b = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(b))
            kind = rng.randrange(4)
            if kind == 0:
                b[at] = rng.randrange(256)
            elif kind == 1:
                b[at:at] = bytes(rng.choice([b'"', b"\t", b"\n", b"[", b"{", b"\\", b"\0", b"<image>", b"'", b",,"]))
            elif kind == 2:
                del b[at:at + rng.randint(1, 400)]
            else:
                b[at:at] = b[at:at + rng.randint(1, 400)]
            if len(b) < 10:
                break
        other = path.with_name("damaged_" + path.name)
        other.write_bytes(bytes(b))
        done = subprocess.run(
            [PROGRAM, "convert", "--data", str(other), "--out",
             str(top / f"d{n}"), "-q"],
            capture_output=True,
            timeout=60)
        ends[done.returncode] = ends.get(done.returncode, 0) + 1
        text = done.stderr.decode(errors="replace")
        check(done.returncode in (0, 1, 2) and (done.returncode == 0 or text.count("arrcoc: error: [") == 1),
              f"damaged {n} {path.name}: {done.returncode} {text[-300:]}")
        check((top / f"d{n}").exists() == (done.returncode == 0) and not list(top.glob(f"d{n}.partial*")),
              f"damaged {n}: whole or not at all")
    check(ends.get(0, 0) > 50 and ends.get(1, 0) > 10, f"damaged files end in both ways: {ends}")


# --- a large file -----------------------------------------------------------------------------------------------------
def write_tsv(path, rows, each):
    """Questions with a picture of `each` characters, a multiple of 4."""
    noise = base64.b64encode(png(64, 96, 3)).decode()
    body = noise + "A" * (each - len(noise) - 8)  # bytes behind a PNG's end are nobody's
    with open(path, "w") as f:
        f.write("index\timage\tquestion\tanswer\n")
        f.writelines(f"{n}\t{body}{n:08d}\tWhat is it?\tA\n" for n in range(rows))


def large(top, demo, gigabytes):
    path, n = top / "large.tsv", -(-int(gigabytes * (1 << 30)) // 2_000_000)
    write_tsv(path, n, 2_000_000)
    done = subprocess.Popen([
        PROGRAM, "sweep", "-m",
        str(demo), "-n", "1", "-q", "-t", "1", "--data",
        str(path), "--limit", "3", "--pipeline", "grid", "--budget", "3", "--out",
        str(top / "run_large")
    ],
                            stderr=subprocess.PIPE,
                            text=True)
    _, errors = done.communicate()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    size = path.stat().st_size / (1 << 30)
    path.unlink()
    check(done.returncode == 0 and len(lines(top / "run_large" / "rows.jsonl")) == 3, f"large: {errors}")
    check(peak < 400, f"{peak:.0f} MiB at most for {size:.2f} GiB")
    print(f"a TSV of {size:.2f} GiB, {n} rows: at most {peak:.0f} MiB of any process started")


def growth(top, demo):
    """Every row of 8 and of 64 MB is read and one picture of them asked: the peak does not follow the file."""
    peaks = []
    for megabytes in (8, 64):
        path = top / f"{megabytes}.tsv"
        write_tsv(path, 2 * megabytes, 500_000)
        out = top / f"grown{megabytes}"
        p = subprocess.Popen([PROGRAM, "sweep", "-m", str(demo), "-n", "1", "-q", "-t", "1", "--no-report", "--data", str(path), "--shard", f"1/{2 * megabytes}",
                              "--pipeline", "grid", "--budget", "3", "--out", str(out)], stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        path.unlink()
        told = json.loads((out / "run.json").read_text())["data"]["questions"] if p.returncode == 0 else 0
        check(told == 2 * megabytes, f"{megabytes} MB: exit {p.returncode}, {told} questions")
        peaks.append(used.ru_maxrss / 1024)
    check(peaks[1] - peaks[0] < 16, f"peaks {peaks} MiB for 8 and 64 MB")
    print(f"peaks {peaks[0]:.0f} and {peaks[1]:.0f} MiB for TSVs of 8 and 64 MB")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        demo = top / "demo"
        run("demo-model", "--out", demo, "--seed", 3)
        faults = broken(top, demo)
        damaged(top, five(top))
        growth(top, demo)
        if len(sys.argv) > 2:
            large(top, demo, float(sys.argv[2]))
    print(f"questions_broken: {faults} broken items; {checks.made} checks, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
