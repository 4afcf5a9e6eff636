#!/usr/bin/env python3
"""`arrcoc train balancer`: what --balancer learned gives against a transcription in NumPy, and better than random on unseen pictures.

usage: train_balancer.py ARRCOC [--model DIR] [--steps N]
DIR: a model of the small family (default: models/small).
exit 0 when all agrees, 1 on any mismatch, 77 when NumPy or the trainer is absent
"""
import pathlib
import sys
import tempfile

import checks
from checks import check
from heads import Program, log_of, np, tensors

SCORERS = ["information", "perspectival", "participatory"]


def robust(x):
    """The scaling of balancers/normalise.hpp with tail 0.02 and rank share 0.25; it does not change under positive affine maps of x."""
    n, s = len(x), np.sort(x)
    low, high = s[int(0.02 * (n - 1) + 0.5)], s[int(0.98 * (n - 1) + 0.5)]
    if not high - low > 0.1 * (s[-1] - s[0]):
        low, high = s[0], s[-1]
    rank = np.array([0.5 * (np.searchsorted(s, v, "left") + np.searchsorted(s, v, "right") - 1) for v in x]) / (n - 1)
    return 0.75 * np.clip((x - low) / (high - low), 0, 1) + 0.25 * rank


def relevance(head, maps):
    head = {k: v.astype(np.float64) for k, v in head.items()}
    x = np.stack([robust(m) for m in maps])                                   # [M, N]
    c = np.stack([x.mean(1), x.std(1)], 1).flatten()
    soft = lambda v: np.log1p(np.exp(v))
    h = len(head["balancer.out"])
    w = soft(head["balancer.weight"] + head["balancer.context"] @ c).reshape(h, len(maps))
    t = head["balancer.shift"] + head["balancer.shift_context"] @ c
    s = head["balancer.bias"][0] + soft(head["balancer.skip"]) @ x + soft(head["balancer.out"]) @ np.tanh(w @ x - t[:, None])
    return 1 / (1 + np.exp(-s))


def main():
    run = Program("train_balancer", "60")
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        out, again = root / "balancer.safetensors", root / "again.safetensors"
        flags = ["--evaluate-pictures", "24", "--recipe.scenarios.formula=0", "--recipe.scenarios.relations=0"]
        run.train("balancer", *flags, "--out", out, "--steps", run.steps)
        every = next(r for r in log_of(out) if r.get("scenario") == "every" and r["keep_ratio"] == 0.25)
        check(every["random"] + 0.1 < every["recall"] <= every["oracle"] <= 1, f"recall {every['recall']} is not between random {every['random']} and oracle {every['oracle']}")
        run.train("balancer", *flags, "--out", again, "--steps", run.steps, "-q")
        check(again.read_bytes() == out.read_bytes(), "the same command gives another head")

        head, worst, seen = tensors(out), 0, 0
        for row in run.questions(root / "scenes", 4):
            picture = root / "scenes" / row["images"][0]

            def ask(pipeline, *more):
                nonlocal seen
                seen += 1
                run("answer", "-m", run.model, "-i", picture, "-p", row["question"], "--pipeline", pipeline, "-t", "1", "--backend", "eigen", "-n", "1", "--dump", root / f"d{seen}", *more)
                return np.load(root / f"d{seen}" / "relevance.npy").flatten().astype(np.float64)
            maps = [ask(f"texture13/{s}/fixed/top_k/gather@12") for s in SCORERS]   # min-max scaled, so affine in the scorer's own map
            got = ask(f"texture13/{'+'.join(SCORERS)}/learned/top_k/gather@12", f"--balancer.weights={out}")
            worst = max(worst, np.abs(got - relevance(head, maps)).max())
        check(worst < 1e-4, f"relevance is off by {worst:.1e}")
        one = ["answer", "-m", run.model, "-i", picture, "-p", "x", "-n", "1", "--pipeline", "texture13/information/learned/top_k/gather"]
        check("arrcoc train balancer" in run(*one, status=2).stderr, "no weights: another message")
        check("trained for 3 scorers, got 1" in run(*one, f"--balancer.weights={out}", status=2).stderr, "other scorers: another message")
        check("balancer.skip: missing" in run(*one, f"--balancer.weights={run.model}/model.safetensors", status=1).stderr, "a file that is no head: another message")
        check("nonsense" in run.train("balancer", *flags, "--out", root / "x", "--scorers", "information+nonsense", "--steps", "1", status=2).stderr, "unknown scorer: another message")
        check(not (root / "x").exists(), "a refused run wrote its output")
    print(f"train_balancer: recall at 1/4 random {every['random']:.3f}, balancer {every['recall']:.3f}, oracle {every['oracle']:.3f}; relevance within {worst:.1e}, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
