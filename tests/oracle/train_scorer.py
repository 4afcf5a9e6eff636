#!/usr/bin/env python3
"""`arrcoc train scorer`: the trained head against a transcription in NumPy, better than random, and in use as --scorers learned; with --unfreeze,
the last layers of the language model and nothing else move.

usage: train_scorer.py ARRCOC [--model DIR] [--steps N]
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


def unfreezing(run, root, flags):
    freed = root / "freed.safetensors"
    run.train("scorer", *flags, "--out", root / "with", "--loss", "straight_through", "--steps", "3", "--unfreeze", "1", "--unfrozen-out", freed, "-q")
    before, after = tensors(pathlib.Path(run.model) / "model.safetensors"), tensors(freed)
    check(before.keys() == after.keys(), "the unfrozen weights have other names")
    last = max(int(n.split(".")[3]) for n in before if n.startswith("model.language_model.layers."))
    for name, was in before.items():
        moved, trained = not np.array_equal(was, after[name]), name.startswith(f"model.language_model.layers.{last}.")
        check(moved == trained, f"{name}: {'moved' if moved else 'did not move'}")
    run("train", "export", "--state", freed, "--out", root / "freed")
    for wrong in (["--loss", "bce", "--unfreeze", "1", "--unfrozen-out", root / "x"], ["--loss", "straight_through", "--unfreeze", "1"],
                  ["--loss", "straight_through", "--unfreeze", str(last + 2), "--unfrozen-out", root / "x"]):
        check("--unfreeze" in run.train("scorer", *flags, "--out", root / "x", *wrong, status=2).stderr, f"{wrong}: another message")


def main():
    run = Program("train_scorer", "60")
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        out, again = root / "scorer.safetensors", root / "again.safetensors"
        flags = ["--evaluate-pictures", "24", "--recipe.scenarios.formula=0", "--recipe.scenarios.relations=0"]
        done = run.train("scorer", *flags, "--out", out, "--steps", run.steps, "--hold-out", "popout")
        check(done.stdout == "", "stdout is not empty")
        dev = {(r["scenario"], r["keep_ratio"]): r for r in log_of(out) if "split" in r}
        check({s for s, _ in dev} == {"receipt", "form", "shapes", "popout", "every"}, f"scenarios {sorted({s for s, _ in dev})}")
        check(dev[("popout", 0.25)]["held_out"] and not dev[("form", 0.25)]["held_out"], "the held-out scenario is not marked")
        every = dev[("every", 0.25)]
        check(every["random"] + 0.1 < every["recall"] <= every["oracle"] <= 1, f"recall {every['recall']} is not between random {every['random']} and oracle {every['oracle']}")
        run.train("scorer", *flags, "--out", again, "--steps", run.steps, "--hold-out", "popout", "-q")
        check(again.read_bytes() == out.read_bytes(), "the same command gives another head")

        head, seen = tensors(out), 0
        for row in run.questions(root / "scenes", 6):
            picture = root / "scenes" / row["images"][0]
            for backend in ("eigen", "torch"):
                seen += 1
                dump, report = root / f"dump{seen}", root / f"report{seen}.json"
                run("answer", "-m", run.model, "-i", picture, "-p", row["question"], "--pipeline", "none/learned/fixed/top_k/gather@12",
                    f"--scorers.learned.weights={out}", "--backend", backend, "-t", "1", "--dump", dump, "--json", report)
                want = learned_values(head, "scorer.", np.load(dump / "vision.npy"), np.load(dump / "query.npy"))[:, 0]
                relevance = np.load(dump / "relevance.npy").flatten()
                scaled = (want - want.min()) / (want.max() - want.min())
                got = (relevance - relevance.min()) / (relevance.max() - relevance.min())
                check(np.abs(scaled - got).max() < 1e-4, f"{row['id']} {backend}: the relevance is off by {np.abs(scaled - got).max():.1e}")
                cut = np.sort(want)[-12]
                kept = np.load(dump / "kept.npy")
                check(len(kept) == 12 and (want[kept] >= cut - 1e-4 * (want.max() - want.min())).all(), f"{row['id']} {backend}: other tokens were kept")
                held = json.loads(report.read_text())["config"]["scorers"]["learned"]["weights"]
                check(held == str(out), f"the result's config holds {held}")
        ask = ["answer", "-m", run.model, "-i", picture, "-p", "x", "--pipeline", "none/learned/fixed/top_k/gather"]
        check("expected the file" in run(*ask, status=2).stderr, "no weights: another message")
        check("no such file" in run(*ask, "--scorers.learned.weights=absent", status=1).stderr, "absent weights: another message")
        check("scorer.token_norm.weight: missing" in run(*ask, f"--scorers.learned.weights={run.model}/model.safetensors", status=1).stderr, "a file that is no head: another message")
        check("--hold-out" in run.train("scorer", *flags, "--out", root / "x", "--hold-out", "tiger", status=2).stderr, "unknown held-out scenario: another message")
        run.train("scorer", *flags, "--out", root / "x", "--loss", "guess", status=2)
        run.train("scorer", *flags, "--out", root / "absent/x", "--steps", "1", status=2)
        unfreezing(run, root, flags)
        check(not (root / "x").exists(), "a refused run wrote its output")
    print(f"train_scorer: recall at 1/4 random {every['random']:.3f}, scorer {every['recall']:.3f}, oracle {every['oracle']:.3f}; {seen} maps, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
