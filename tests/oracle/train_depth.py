#!/usr/bin/env python3
"""`arrcoc train depth`: fewer levels than all at less loss than none, and what --allocator learned_depth gives against a transcription in NumPy.

usage: train_depth.py ARRCOC [--model DIR] [--steps N]
DIR: a model of the small family (default: models/small).
exit 0 when all agrees, 1 on any mismatch, 77 when NumPy or the trainer is absent
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check

try:
    import numpy as np
except ImportError as e:
    print(f"train_depth: skipped, {e}")
    sys.exit(77)

from train_scorer import scores, tensors

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--model")
    parser.add_argument("--steps", default="40")
    a = parser.parse_args()
    program = str(pathlib.Path(a.program).resolve())

    def run(*flags, status=0):
        done = subprocess.run([program, *map(str, flags)], capture_output=True, text=True, timeout=900)
        check(done.returncode == status, f"{flags}: exit {done.returncode}: {done.stderr[-300:]}")
        return done

    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        model = a.model or HERE.parents[1] / "models/small"
        if "not built in" in subprocess.run([program, "train"], capture_output=True, text=True).stderr:
            print("train_depth: skipped, the trainer is not built in")
            return 77
        out = root / "depth.safetensors"
        flags = ["-m", model, "-t", "1", "--evaluate-pictures", "8", "--recipe.batch=2", "--steps", a.steps]
        run("train", "depth", *flags, "--out", out, "--price", "0.05")
        rows = {r["depth"]: r for r in map(json.loads, pathlib.Path(f"{out}.jsonl").read_text().splitlines()) if "depth" in r}
        check(rows["all"]["levels"] == 3 and rows["none"]["levels"] == 0, f"levels of all and none: {rows}")
        check(0 < rows["learned"]["levels"] < 2.5 and rows["learned"]["answer_loss"] < rows["none"]["answer_loss"], f"the learned rule is not between: {rows}")
        dear, again = root / "dear.safetensors", root / "again.safetensors"
        run("train", "depth", *flags, "--out", dear, "--price", "5")
        priced = next(r for r in map(json.loads, pathlib.Path(f"{dear}.jsonl").read_text().splitlines()) if r.get("depth") == "learned")
        check(priced["levels"] < rows["learned"]["levels"], f"a price of 5 buys {priced['levels']} levels, one of 0.05 {rows['learned']['levels']}")
        run("train", "depth", *flags, "--out", again, "--price", "0.05", "-q")
        check(again.read_bytes() == out.read_bytes(), "the same command gives another head")

        head = tensors(out)
        run("scenes", "--out", root / "scenes", "--count", "4", "--seed", "6000100", "--scenario", "receipt,form", "--no-tsv", "--quiet", "-t", "1")
        compared, open_levels = 0, 0
        for i, row in enumerate([json.loads(line) for line in (root / "scenes/questions.jsonl").read_text().splitlines()][:4]):
            dump, report = root / f"dump{i}", root / f"report{i}.json"
            run("answer", "-m", model, "-i", root / "scenes" / row["images"][0], "-p", row["question"], "--pipeline", "none/participatory/fixed/learned_depth/gather@12", "-n", "1",
                f"--allocator.weights={out}", "--backend", "eigen", "-t", "1", "--dump", dump, "--json", report)
            vision, query = np.load(dump / "vision.npy"), np.load(dump / "query.npy")
            want = np.stack([scores({**{k.replace("depth.", "scorer."): v for k, v in head.items()}, "scorer.out.weight": head["depth.out.weight"][l:l + 1]}, vision, query)
                             for l in range(3)], 1) + head["depth.bias"]
            for kept in json.loads(report.read_text())["pictures"][0]["kept"]:
                for l in range(3):
                    if abs(want[kept["token"], l]) > 1e-4:
                        compared += 1
                        open_levels += l in kept["levels"]
                        check((l in kept["levels"]) == (want[kept["token"], l] > 0), f"{row['id']}: token {kept['token']}, level {l}")
        check(compared > 100 and 0 < open_levels < compared, f"{compared} gates were compared, {open_levels} of them open")
        ask = ["answer", "-m", model, "-i", root / "scenes" / row["images"][0], "-p", "x", "-n", "1", "--pipeline", "none/participatory/fixed/learned_depth/gather"]
        check("arrcoc train depth" in run(*ask, status=2).stderr, "no weights: another message")
        check("depth.token_norm.weight: missing" in run(*ask, f"--allocator.weights={model}/model.safetensors", status=1).stderr, "a file that is no head: another message")
        check("--price" in run("train", "depth", *flags, "--out", root / "x", "--price", "-1", status=2).stderr, "a price below 0: another message")
        check(not (root / "x").exists(), "a refused run wrote its output")
    print(f"train_depth: {rows['learned']['levels']:.2f} levels at loss {rows['learned']['answer_loss']:.3f}, all {rows['all']['answer_loss']:.3f}, none {rows['none']['answer_loss']:.3f}; "
          f"{compared} gates compared, {open_levels} open, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
