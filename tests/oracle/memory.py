#!/usr/bin/env python3
"""Memory of decisions at every phase: no growth from question to question, and no more than the full run takes.

usage: memory.py PROGRAM [-v]

  in a row  models/small, 100 questions, each about a picture of its own in one of four sizes, through pipelines of
            every phase in one sweep: what is resident behind the 20th is at most GROWTH above what was after it. A
            larger picture at the end must be noticed. The same with weights in each form
  the peak  models/small, and a random checkpoint of the 2B shape's proportions, an eighth as wide: an answer about
            1024 x 1024 pixels with a quarter kept takes at most SLACK for each decision more than the full run, before the tower at most
            two thirds of what that takes beyond a small picture's; with nine tenths kept at most NEARLY times as much (memory in pieces of other sizes)
  a bound   24 columns that decide before the tower, each with an encoding of its own, on one picture of 1024 x 1024: with
            --evidence-mib 0 SAVED less than without, the same rows, and each is encoded once
Exit status: 0, 1 what did not hold, 77 a Python package or /proc is missing.
"""
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import make_checkpoints  # noqa: E402  (exits 77 itself)
from checks import SMALL, check, problems  # noqa: E402
from hf_reference import Image, np  # noqa: E402

program, verbose = sys.argv[1], "-v" in sys.argv
MIB = 1 << 20
SLACK, NEARLY = MIB, 1.03
SAVED = 30 * MIB  # of 23 times 614 tokens at 256 values and three levels: 55
GROWTH = 4 * MIB  # a key or value that stayed with each of 700 answers would be over 20 MiB
TOWER = "none/tower_attention:block=1/fixed/top_k/tower:before=2"
LAYER = "none/layer_attention:layer=1/fixed/top_k/layer:before=2"
PIPELINES = {
    "early": "texture13/information+perspectival/fixed/top_k/early",
    "tower": TOWER,
    "gather": "three_ways",
    "merge": "none/feature_norm/fixed/merge_similar/merge",
    "entry": "texture13/information+perspectival/fixed/entry_by_relevance/entry",
    "layer": LAYER,
    "again": "none/layer_attention:layer=1/fixed/top_k/again:before=2",
    "tower, then layer": f"{TOWER}@0.5%{LAYER.removeprefix('none/')}",
}
PROPORTIONS = make_checkpoints.spec(
    dict(hidden_size=256, intermediate_size=768, num_hidden_layers=7, num_attention_heads=4, num_key_value_heads=2,
         head_dim=64, mrope_section=[12, 10, 10]),
    dict(depth=6, hidden_size=128, num_heads=4, intermediate_size=512, deepstack_visual_indexes=[1, 2, 4]),
    tie=True, max_pixels=1024 * 1024)
FORMS = ("bf16", "int8", "int4")  # of layers and head
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}  # it makes untouched pages resident
rng = np.random.default_rng(1)


def noise(path, rows, cols):
    Image.fromarray(rng.integers(0, 256, (rows, cols, 3), np.uint8)).save(path, compress_level=1)


def resident(pid):
    """Bytes; 0 when the process has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmRSS")), 0)


def in_a_row(work, sizes, *flags):
    """Bytes resident after the 20th question, and at most from there on."""
    data, out = work / "questions.jsonl", work / "run"
    lines = []
    for i, (rows, cols) in enumerate(sizes):
        noise(work / f"{i}.png", rows, cols)
        lines.append(json.dumps(dict(id=i, images=[f"{i}.png"], question=f"How much was {i}?", metric="unscored")))
    data.write_text("\n".join(lines) + "\n")
    child = subprocess.Popen([program, "sweep", "-m", SMALL, "--data", data, "--out", out, "--pipeline",
                              ",".join(PIPELINES.values()), "--keep-ratio", "0.25", "-n", "2", "-t", "1", "-q", *flags],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seen = {}
    while child.poll() is None:  # timings.jsonl has a line for each picture that is done
        done = sum(f.read_text().count('"images"') for f in work.glob("run*/timings.jsonl"))
        now = resident(child.pid)
        if now and done >= 20:
            seen.setdefault("first", now)
            seen["last"] = max(seen.get("last", 0), now)  # a process that is ending gives memory back
        time.sleep(0.02)
    if child.returncode != 0:
        sys.exit(f"sweep: {child.stderr.read().strip()}")
    rows = (out / "rows.jsonl").read_text().splitlines()
    assert len(rows) == len(sizes) * len(PIPELINES) and not any(json.loads(r).get("error") for r in rows)
    return seen["first"], seen["last"]


def named(model, folder, i):
    link = folder / (model.name + 4 * i * "-" + "link")
    if not link.is_symlink():
        link.symlink_to(model.resolve())
    return link


def peak(model, picture, pipeline, ratio, tokens=1024, tries=1):
    """Bytes at most, in the middle of the tries, each under another name of the model's folder: where blocks of the heap fall, and with them up to
    1.5 MiB, hangs on the length of a path, and how much of the program's own code is resident differs."""
    if tries > 1:
        return statistics.median(peak(named(model, picture.parent, i), picture, pipeline, ratio, tokens) for i in range(tries))
    done = subprocess.run([program, "answer", "-m", model, "-i", picture, "-p", "How much was the tea?", "-n", "2",
                           "-t", "1", "--max-pixels", str(1 << 20), "--ignore-eos", "--pipeline", pipeline,
                           "--keep-ratio", str(ratio), "-q", "--json"], capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode != 0:
        sys.exit(f"{pipeline}: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    assert result["costs"]["visual_tokens_before"] == tokens
    return result["peak_memory_bytes"]


def held(work, model, picture):
    """A sweep of 24 columns before the tower with and without a bound: (bytes at most, encodings, dropped, rows) of each."""
    scorers = ["information", "perspectival", "contrast", "entropy", "text_likeness", "sobel", "duplicates"]
    some = scorers[:3] + ["+".join(pair) for pair in itertools.combinations(scorers, 2)]
    (work / "one.jsonl").write_text(json.dumps(dict(id=0, images=[str(picture)], question="How much was it?", metric="unscored")) + "\n")
    out = []
    for mib in (1024, 0):
        subprocess.run([program, "sweep", "-m", model, "--data", work / "one.jsonl", "--out", work / f"held{mib}", "--pipeline",
                        ",".join(f"texture13/{s}/fixed/top_k/early" for s in some), "--keep-ratio", "0.6", "-n", "2", "-t", "1", "-q", "--no-report",
                        "--max-pixels", str(1 << 20), "--evidence-mib", str(mib)], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        picture_line = json.loads((work / f"held{mib}/timings.jsonl").read_text().splitlines()[0])
        out.append((picture_line["peak_memory_bytes"], picture_line["encodings"], picture_line["dropped"], (work / f"held{mib}/rows.jsonl").read_bytes()))
    return out


def main():
    if not pathlib.Path("/proc/self/status").exists():
        print("skipped: needs /proc")
        return 77

    def need(ok, text):
        check(ok, text)
        if ok and verbose:
            print(text)

    sizes = [(256 + 32 * (i % 4), 256) for i in range(100)]
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        for name in ("same", "larger", *FORMS):
            (work / name).mkdir()
        first, last = in_a_row(work / "same", sizes)
        need(last - first <= GROWTH, f"100 questions through {len(PIPELINES)} pipelines: {first / MIB:.1f} MiB after "
             f"20 of them, {(last - first) / MIB:+.1f} at most from there on")
        for form in FORMS:
            first, last = in_a_row(work / form, sizes, "--weights", form, "--weights-head", form)
            need(last - first <= GROWTH, f"the same with weights in {form}: {first / MIB:.1f} MiB, {(last - first) / MIB:+.1f}")
        first, last = in_a_row(work / "larger", sizes[:24] + [(640, 640)])
        need(last - first > GROWTH, f"a larger picture at the end: {(last - first) / MIB:+.1f} MiB")
        picture = work / "large.png"
        noise(picture, 1024, 1024)
        noise(work / "small.png", 256, 256)
        make_checkpoints.CONFIGS["proportions"] = PROPORTIONS
        for model in (SMALL, make_checkpoints.make("proportions", work / "proportions")):
            full = peak(model, picture, "full", 1, tries=9)
            least = peak(model, work / "small.png", "full", 1, 64, tries=5)
            for (name, pipeline), ratio in itertools.product(PIPELINES.items(), (.9, .25)):
                limit = full * NEARLY if ratio == .9 else full + SLACK * (pipeline.count("%") + 1)
                if ratio != .9 and name == "early":
                    limit = least + (full - least) * 2 / 3
                took = peak(model, picture, pipeline, ratio)
                if took > limit:
                    took = peak(model, picture, pipeline, ratio, tries=9)
                need(took <= limit, f"{model.name}, {name} at {ratio}: {took / MIB:.1f} MiB, "
                     f"the full run {full / MIB:.1f}")
        (free, *made, rows), (bound, *again, same) = held(work, work / "proportions", picture)
        need(bound <= free - SAVED, f"24 columns before the tower: {free / MIB:.1f} MiB, with a bound {bound / MIB:.1f}")
        need(made == [24, 0] and again == [24, 23] and rows == same, f"encodings and what made room: {made}, {again}; the same rows: {rows == same}")
    print(f"{'FAILED' if problems else 'passed'}: memory of {len(PIPELINES)} pipelines, {len(problems)} mismatches")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
