#!/usr/bin/env python3
"""The tables of models/small_video/README.md: films of several lengths that no training has seen, every frame sampled.

usage: evaluate_films.py ARRCOC MODEL OUT [--films 24] [--lengths 8,10,12,14,16] [--size 256] [--seed 6500000]
                         [--keep-ratio 0.5,0.25] [--at-least SHARE]

OUT: a folder, made anew; holds films of each length and one sweep over all of them. Each length has seeds of its own, --seed and 10,000 for
every frame on. Printed: right answers in per cent by pipeline and budget (95 % intervals by film, from the sweep's own summary), then with all
tokens by kind of question and by length, and how many seconds answers to "when" are off. Exit 1 where all tokens answer less than SHARE.
"""
import argparse
import collections
import json
import pathlib
import shutil
import subprocess
import sys

TEMPORAL = "none/frame_change:first=0/temporal:scale=none:decay=0.8:boost=0:radius=2:spread=0.5/frame_quota:floor=2/gather"
EVS = "none/frame_change/fixed:scale=none/top_k/gather"
PIPELINES = ["full", "oracle", "random", "default", TEMPORAL, EVS, "uniform_frames", "semvid"]


def films(program, out, lengths, count, size, seed):
    """All films in one file of questions, their frames below OUT."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    lines = []
    for n in lengths:
        subprocess.run([program, "scenes", "--out", out / f"{n}", "--scenario", "video", "--count", str(count), "--frames", str(n), "--size", str(size),
                        "--seed", str(seed + 10000 * n), "--no-tsv"], check=True, capture_output=True)
        for line in (out / f"{n}/questions.jsonl").read_text().splitlines():
            q = json.loads(line)
            q["id"] = f"{n}-{q['id']}"
            for key in ("images", "box_images"):
                q[key] = [f"{n}/{x}" if isinstance(x, str) else x for x in q.get(key) or []]
            lines.append(json.dumps(q) + "\n")
    (out / "questions.jsonl").write_text("".join(lines))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("model"), p.add_argument("out", type=pathlib.Path)
    p.add_argument("--films", type=int, default=24), p.add_argument("--lengths", default="8,10,12,14,16"), p.add_argument("--size", type=int, default=256)
    p.add_argument("--seed", type=int, default=6500000), p.add_argument("--keep-ratio", default="0.5,0.25"), p.add_argument("--at-least", type=float, default=0)
    o = p.parse_args()
    lengths = [int(n) for n in o.lengths.split(",")]
    films(o.program, o.out, lengths, o.films, o.size, o.seed)
    done = subprocess.run([o.program, "sweep", "-m", o.model, "--data", o.out / "questions.jsonl", "--out", o.out / "run", "--sample-fps", "8", "-t", "1", "-s", "0", "-q", "--no-report",
                           "--pipeline", ",".join(PIPELINES), "--keep-ratio", o.keep_ratio], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip())
    print(done.stdout[done.stdout.index("\nright % by budget"):].strip())
    rows = [json.loads(line) for line in (o.out / "run/rows.jsonl").read_text().splitlines()]
    full = [r for r in rows if r["pipeline"] == "full"]
    by, off = collections.defaultdict(list), []
    for r in full:
        by["kind", r["question"].split(" at ")[0]].append(r["score"])
        by["frames", r["id"].split("-")[0]].append(r["score"])
        off += [s for s in [r["figures"].get("seconds_off")] if s is not None]
    for (what, name), scores in by.items():
        print(f"{what}: {name}: {100 * sum(scores) / len(scores):.1f} of {len(scores)}")
    share = sum(r["score"] for r in full) / len(full)
    print(f"all tokens: {100 * share:.1f} of {len(full)}; seconds off: {sum(off) / max(len(off), 1):.3f} of {len(off)}")
    return share < o.at_least or not full


if __name__ == "__main__":
    sys.exit(main())
