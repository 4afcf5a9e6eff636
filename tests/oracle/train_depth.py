#!/usr/bin/env python3
"""`arrcoc train depth`: fewer levels than all at less loss than none, and what --allocator learned_depth gives against a transcription in NumPy.

usage: train_depth.py ARRCOC [--model DIR] [--steps N]
DIR: a model of the small family (default: models/small).
exit 0 when all agrees, 1 on any mismatch, 77 when NumPy or the trainer is absent
"""
import json
import pathlib
import sys
import tempfile

import checks
from checks import check
from heads import Program, learned_values, log_of, np, tensors


def main():
    run = Program("train_depth", "40")
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        flags = ["--evaluate-pictures", "8", "--recipe.batch=2", "--steps", run.steps]

        def train(name, price):
            run.train("depth", *flags, "--out", root / name, "--price", price, "-q")
            return {r["depth"]: r for r in log_of(root / name) if "depth" in r}
        rows, priced = train("depth.safetensors", 0.05), train("dear.safetensors", 5)["learned"]
        check(rows["all"]["levels"] == 3 and rows["none"]["levels"] == 0, f"levels of all and none: {rows}")
        check(0 < rows["learned"]["levels"] < 2.5 and rows["learned"]["answer_loss"] < rows["none"]["answer_loss"], f"the learned rule is not between: {rows}")
        check(priced["levels"] < rows["learned"]["levels"], f"a price of 5 buys {priced['levels']} levels, one of 0.05 {rows['learned']['levels']}")
        train("again.safetensors", 0.05)
        out = root / "depth.safetensors"
        check((root / "again.safetensors").read_bytes() == out.read_bytes(), "the same command gives another head")

        head, compared, open_levels = tensors(out), 0, 0
        for i, row in enumerate(run.questions(root / "scenes", 4)):
            dump, report, picture = root / f"dump{i}", root / f"report{i}.json", root / "scenes" / row["images"][0]
            run("answer", "-m", run.model, "-i", picture, "-p", row["question"], "--pipeline", "none/participatory/fixed/learned_depth/gather@12", "-n", "1",
                f"--allocator.weights={out}", "--backend", "eigen", "-t", "1", "--dump", dump, "--json", report)
            want = learned_values(head, "depth.", np.load(dump / "vision.npy"), np.load(dump / "query.npy")) + head["depth.bias"]
            for kept in json.loads(report.read_text())["pictures"][0]["kept"]:
                for level in range(3):
                    value = want[kept["token"], level]
                    if abs(value) > 1e-4:
                        compared += 1
                        open_levels += level in kept["levels"]
                        check((level in kept["levels"]) == (value > 0), f"{row['id']}: token {kept['token']}, level {level}")
        check(compared > 100 and 0 < open_levels < compared, f"{compared} gates were compared, {open_levels} of them open")
        ask = ["answer", "-m", run.model, "-i", picture, "-p", "x", "-n", "1", "--pipeline", "none/participatory/fixed/learned_depth/gather"]
        check("arrcoc train depth" in run(*ask, status=2).stderr, "no weights: another message")
        check("depth.token_norm.weight: missing" in run(*ask, f"--allocator.weights={run.model}/model.safetensors", status=1).stderr, "a file that is no head: another message")
        check("--price" in run.train("depth", *flags, "--out", root / "x", "--price", "-1", status=2).stderr, "a price below 0: another message")
        check(not (root / "x").exists(), "a refused run wrote its output")
    print(f"train_depth: {rows['learned']['levels']:.2f} levels at loss {rows['learned']['answer_loss']:.3f}, all {rows['all']['answer_loss']:.3f}, none {rows['none']['answer_loss']:.3f}; "
          f"{compared} gates compared, {open_levels} open, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
