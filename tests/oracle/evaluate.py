#!/usr/bin/env python3
"""`models/evaluate.py` on one picture of each kind: its tables against means of the rows, and a second run that has nothing left to do.

usage: evaluate.py ARRCOC     exit 0 when all holds, 1 otherwise
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import checks
from checks import SMALL, check, model_script

LEARNED = "none/learned/fixed/top_k/gather"


def evaluate(program, out, *flags):
    done = model_script("evaluate.py", program, SMALL, out, "--pictures", "1", *flags, timeout=800)
    check(done.returncode == 0, f"exit {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def mean(rows, **wanted):
    """Per cent right: each question by its mean over the seeds."""
    of = {}
    for r in rows:
        if r["score"] is not None and all(r[k] == v for k, v in wanted.items()):
            of.setdefault(r["id"], []).append(r["score"])
    return 100 * sum(sum(v) / len(v) for v in of.values()) / len(of), len(of)


def cells(text, first):
    line = next(x for x in text.splitlines() if x.startswith(f"| {first} |"))
    return [c.strip() for c in line.strip("|").split("|")][1:]


def check_cell(cell, want, what):
    got = float(cell.split()[0])
    check(abs(got - want) <= 0.0500001, f"{what}: {cell}, the rows say {want}")
    for low, high in re.findall(r"\((.+)\.\.(.+)\)", cell):
        check(float(low) <= got <= float(high), f"{what}: {cell}")


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "figures"
        trainer = subprocess.run([program, "train", "--out", out], capture_output=True, text=True)
        flags = [] if "not built in" in trainer.stderr else ["--train"]
        text = evaluate(program, out, *flags)
        check(text.strip() == (out / "tables.md").read_text().strip(), "tables.md is not what was printed")
        rows = [json.loads(line) for line in (out / "keep/rows.jsonl").read_text().splitlines()]
        for scenario in ("receipt", "form", "formula", "shapes", "popout", "relations", "all"):
            of = {} if scenario == "all" else {"scenario": scenario}
            n, *values = cells(text, scenario)
            check(int(n.replace(",", "")) == mean(rows, pipeline="full", **of)[1], f"keep {scenario}: {n} questions")
            for cell, (pipeline, budget) in zip(values, (("full", "all"), ("oracle", "0.25"), ("random", "0.25"), (LEARNED, "0.25"))):
                check_cell(cell, mean(rows, pipeline=pipeline, budget=budget, **of)[0], f"keep {scenario} {pipeline}")
        for title, budget in (("1/2", "0.5"), ("1/16", "0.0625")):
            for cell, pipeline in zip(cells(text, title), ("oracle", "random", "grid", "downsample", "three_ways", LEARNED, "oracle_blank", "oracle_other")):
                check_cell(cell, mean(rows, pipeline=pipeline, budget=budget)[0], f"keep {title} {pipeline}")
        for name, titles in (("large", {"400 of 1,024": "400", "64 of 1,024": "64"}), ("middle", {"64 of 256": "0.25"})):
            sized = [json.loads(line) for line in (out / name / "rows.jsonl").read_text().splitlines()]
            for title, budget in titles.items():
                check_cell(cells(text, title)[0], mean(sized, pipeline="oracle", budget=budget)[0], f"{name} {title}")
        same = [json.loads(line) for line in (out / "same_marks/rows.jsonl").read_text().splitlines()]
        for first, pipeline, budget in (("oracle, 256", "oracle", "256"), ("random, 256", "random", "256")):
            everything, *each = cells(text, first)
            check_cell(everything, mean(same, pipeline=pipeline, budget=budget)[0], f"same marks {first}")
            check_cell(each[4], mean(same, pipeline=pipeline, budget=budget, scenario="popout")[0], f"same marks {first} popout")
        depth = [json.loads(line) for line in (out / "depth/rows.jsonl").read_text().splitlines()]
        for cell, levels in zip(cells(text, "oracle, 1/4"), ("all", "0", "1", "2", "none")):
            check_cell(cell, mean(depth, pipeline="oracle", budget="0.25", depth=levels)[0], f"depth {levels}")
        for ratio in ("0.25", "0.125") if flags else ():
            shares = []
            for scenario in ("receipt", "form", "formula", "shapes", "popout", "relations"):
                log = [json.loads(line) for line in (out / f"without_{scenario}.safetensors.jsonl").read_text().splitlines()]
                r, = (r for r in log if r.get("scenario") == scenario and r.get("keep_ratio") == float(ratio))
                shares.append(100 * (r["recall"] - r["random"]) / (r["oracle"] - r["random"]))
            for cell, want in zip(cells(text, ratio), shares + [sum(shares) / 6, min(shares)]):
                check(abs(float(cell.rstrip(" %")) - want) <= 0.50001, f"without a scenario at {ratio}: {cell}, the logs say {want}")
        refused = model_script("evaluate.py", program, SMALL, out, "--only", "keep,larger")
        check(refused.returncode == 1 and "unknown: larger; known: large, keep" in refused.stderr, f"--only larger: exit {refused.returncode}: {refused.stderr}")
        times = {f: f.stat().st_mtime_ns for f in out.rglob("*") if f.name != "tables.md" and f.is_file()}
        check(evaluate(program, out, *flags) == text, "a second run prints something else")
        check(times == {f: f.stat().st_mtime_ns for f in out.rglob("*") if f.name != "tables.md" and f.is_file()}, "a second run did something again")
    print(f"evaluate: {checks.made} checks, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
