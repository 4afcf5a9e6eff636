#!/usr/bin/env python3
"""`arrcoc train scorer`: the trained head against a transcription in NumPy, better than random, and in use as --scorers learned.

usage: train_scorer.py ARRCOC [--model DIR] [--steps N]
DIR: a model of the small family (default: models/small).
exit 0 when all agrees, 1 on any mismatch, 77 when NumPy, the state or the trainer is absent
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import checks
from checks import check

try:
    import numpy as np
except ImportError as e:
    print(f"train_scorer: skipped, {e}")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent


def tensors(path):
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    return {k: np.frombuffer(data, np.float32, offset=8 + size + v["data_offsets"][0], count=int(np.prod(v["shape"]))).reshape(v["shape"]).astype(np.float64)
            for k, v in json.loads(data[8:8 + size]).items() if k != "__metadata__"}


def raw(path):
    """Every tensor as float32, flat: bf16 widened."""
    data = path.read_bytes()
    size = struct.unpack_from("<Q", data)[0]
    out = {}
    for name, v in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        count, first = int(np.prod(v["shape"])), 8 + size + v["data_offsets"][0]
        out[name] = np.frombuffer(data, np.float32, count, first) if v["dtype"] == "F32" else (np.frombuffer(data, np.uint16, count, first).astype(np.uint32) << 16).view(np.float32)
    return out


def scores(head, vision, query):
    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return x * head[f"scorer.{name}.weight"] + head[f"scorer.{name}.bias"]
    v, q = norm(vision.astype(np.float64), "token_norm"), norm(query.astype(np.float64), "query_norm")
    x = (v @ head["scorer.token.weight"].T + (v @ head["scorer.gate.weight"].T) * (head["scorer.gate_query.weight"] @ q)
         + head["scorer.query.weight"] @ q + head["scorer.query.bias"])
    gelu = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
    return gelu @ head["scorer.out.weight"][0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--model")
    parser.add_argument("--steps", default="60")
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
            print("train_scorer: skipped, the trainer is not built in")
            return 77
        out = root / "scorer.safetensors"
        flags = ["-m", model, "-t", "1", "--evaluate-pictures", "24", "--recipe.scenarios.formula=0", "--recipe.scenarios.relations=0"]
        done = run("train", "scorer", *flags, "--out", out, "--steps", a.steps, "--hold-out", "popout")
        check(done.stdout == "", "stdout is not empty")
        rows = [json.loads(line) for line in pathlib.Path(f"{out}.jsonl").read_text().splitlines()]
        dev = {(r["scenario"], r["keep_ratio"]): r for r in rows if "split" in r}
        check({s for s, _ in dev} == {"receipt", "form", "shapes", "popout", "every"}, f"scenarios {sorted({s for s, _ in dev})}")
        check(dev[("popout", 0.25)]["held_out"] and not dev[("form", 0.25)]["held_out"], "the held-out scenario is not marked")
        every = dev[("every", 0.25)]
        check(every["random"] + 0.1 < every["recall"] <= every["oracle"] <= 1, f"recall {every['recall']} is not between random {every['random']} and oracle {every['oracle']}")
        again = root / "again.safetensors"
        run("train", "scorer", *flags, "--out", again, "--steps", a.steps, "--hold-out", "popout", "-q")
        check(again.read_bytes() == out.read_bytes(), "the same command gives another head")

        head = tensors(out)
        run("scenes", "--out", root / "scenes", "--count", "4", "--seed", "6000100", "--scenario", "receipt,form", "--no-tsv", "--quiet", "-t", "1")
        seen = 0
        for row in [json.loads(line) for line in (root / "scenes/questions.jsonl").read_text().splitlines()][:6]:
            for backend in ("eigen", "torch"):
                seen += 1
                dump, report = root / f"dump{seen}", root / f"report{seen}.json"
                run("answer", "-m", model, "-i", root / "scenes" / row["images"][0], "-p", row["question"], "--pipeline", "none/learned/fixed/top_k/gather@12",
                    f"--scorers.learned.weights={out}", "--backend", backend, "-t", "1", "--dump", dump, "--json", report)
                want = scores(head, np.load(dump / "vision.npy"), np.load(dump / "query.npy"))
                relevance = np.load(dump / "relevance.npy").flatten()
                scaled = (want - want.min()) / (want.max() - want.min())
                got = (relevance - relevance.min()) / (relevance.max() - relevance.min())
                check(np.abs(scaled - got).max() < 1e-4, f"{row['id']} {backend}: the relevance is off by {np.abs(scaled - got).max():.1e}")
                cut = np.sort(want)[-12]
                kept = np.load(dump / "kept.npy")
                check(len(kept) == 12 and (want[kept] >= cut - 1e-4 * (want.max() - want.min())).all(), f"{row['id']} {backend}: other tokens were kept")
                held = json.loads(report.read_text())["config"]["scorers"]["learned"]["weights"]
                check(held == str(out), f"the result's config holds {held}")
        picture, pipeline = root / "scenes" / row["images"][0], ["--pipeline", "none/learned/fixed/top_k/gather"]
        ask = ["answer", "-m", model, "-i", picture, "-p", "x", *pipeline]
        check("expected the file" in run(*ask, status=2).stderr, "no weights: another message")
        check("no such file" in run(*ask, "--scorers.learned.weights=absent", status=1).stderr, "absent weights: another message")
        check("scorer.token_norm.weight: missing" in run(*ask, f"--scorers.learned.weights={model}/model.safetensors", status=1).stderr, "a file that is no head: another message")
        check("--hold-out" in run("train", "scorer", *flags, "--out", root / "x", "--hold-out", "tiger", status=2).stderr, "unknown held-out scenario: another message")
        run("train", "scorer", *flags, "--out", root / "x", "--loss", "guess", status=2)
        run("train", "scorer", *flags, "--out", root / "absent/x", "--steps", "1", status=2)
        freed = root / "freed.safetensors"
        run("train", "scorer", *flags, "--out", root / "with", "--loss", "straight_through", "--steps", "3", "--unfreeze", "1", "--unfrozen-out", freed, "-q")
        before, after = raw(pathlib.Path(model) / "model.safetensors"), raw(freed)
        check(before.keys() == after.keys(), "the unfrozen weights have other names")
        last = max(int(n.split(".")[3]) for n in before if n.startswith("model.language_model.layers."))
        for name, was in before.items():
            moved, trained = not np.array_equal(was, after[name]), name.startswith(f"model.language_model.layers.{last}.")
            check(moved == trained, f"{name}: {'moved' if moved else 'did not move'}")
        run("train", "export", "--state", freed, "--out", root / "freed")
        for wrong in (["--loss", "bce", "--unfreeze", "1", "--unfrozen-out", root / "x"], ["--loss", "straight_through", "--unfreeze", "1"],
                      ["--loss", "straight_through", "--unfreeze", "5", "--unfrozen-out", root / "x"]):
            check("--unfreeze" in run("train", "scorer", *flags, "--out", root / "x", *wrong, status=2).stderr, f"{wrong}: another message")
        check(not (root / "x").exists(), "a refused run wrote its output")
    print(f"train_scorer: recall at 1/4 random {every['random']:.3f}, scorer {every['recall']:.3f}, oracle {every['oracle']:.3f}; {seen} maps, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
