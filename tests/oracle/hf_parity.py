#!/usr/bin/env python3
"""Compares `PROGRAM answer --dump` with transformers, stage by stage, on random checkpoints.

usage: hf_parity.py [PROGRAM] [--configs A,B] [--backend eigen|torch|xtensor] [--pruned] [--keep DIR] [-v]

Without PROGRAM only the reference is checked against itself (pixel rows against transformers' processor, pruned against masked).
Limits: ids, positions, PNG pixel rows exact; JPEG pixel rows within one level; every float array within 2e-5 of its largest value.
--pruned adds `--pipeline random` and `--pipeline three_ways`: the kept columns are read from the dump and the rest is recomputed with
transformers' modules on the gathered rows, and on the full prompt with the dropped columns masked out in all layers.
--keep DIR leaves checkpoints, pictures and dumps there. Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from checks import on_backend  # noqa: E402
from make_checkpoints import CONFIGS, make  # noqa: E402  (exits 77 itself)
from hf_reference import Question, Reference, np, torch, transformers  # noqa: E402
from PIL import Image  # noqa: E402

RELATIVE = 2e-5
TOKENS = 33
PENALTY = 1.3


class Checks:
    def __init__(self, verbose):
        self.verbose, self.count, self.failures, self.worst = verbose, 0, [], {}

    def note(self, ok, label, text):
        self.count += 1
        if not ok:
            self.failures.append(f"{label}: {text}")
            print(f"MISMATCH {label}: {text}", flush=True)
        elif self.verbose:
            print(f"ok {label}: {text}", flush=True)

    def equal(self, label, got, expected):
        got, expected = np.asarray(got), np.asarray(expected)
        if got.shape != expected.shape:
            return self.note(False, label, f"shape {list(got.shape)}, expected {list(expected.shape)}")
        different = np.argwhere(got != expected)
        self.note(len(different) == 0, label, f"{got.size} values equal" if not len(different) else
                  f"{len(different)} of {got.size} differ, first at {different[0].tolist()}: {got[tuple(different[0])]}, expected {expected[tuple(different[0])]}")

    def near(self, label, got, expected, limit=RELATIVE, absolute=False):
        """max |got - expected| as a part of the largest expected value, kept per stage."""
        got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
        if got.shape != expected.shape:
            return self.note(False, label, f"shape {list(got.shape)}, expected {list(expected.shape)}")
        scale = 1.0 if absolute else max(1e-30, np.abs(expected).max())
        error = np.abs(got - expected).max() / scale
        stage = label.split()[-1]
        self.worst[stage] = max(self.worst.get(stage, 0.0), float(error))
        self.note(bool(error <= limit), label, f"{error:.2e} (limit {limit:.0e})")


def write_pictures(folder):
    """Seeded pictures: smooth colour under noise and lines, so that neither resize nor patch order can hide."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)

    def picture(height, width, channels=3):
        y, x = np.mgrid[0:height, 0:width]
        base = np.stack([127 + 120 * np.sin(x / (5.0 + c) + y / (11.0 - c) + c) for c in range(channels)], -1)
        base += rng.normal(0, 25, base.shape)
        base[:: 9] *= 0.3
        return np.clip(base, 0, 255).astype(np.uint8)

    for name, h, w in [("wide", 150, 230), ("tall", 200, 90), ("row", 32, 96), ("exact", 96, 64), ("column", 128, 32)]:
        Image.fromarray(picture(h, w)).save(folder / f"{name}.png")
    Image.fromarray(picture(100, 140, 4), "RGBA").save(folder / "alpha.png")
    Image.fromarray(picture(160, 220)).save(folder / "photo.jpg", quality=88)
    return folder


def cases(pictures):
    return {
        "png": Question("What is the total?", [pictures / "wide.png"]),
        "two": Question("Which one is older?", [pictures / "exact.png", pictures / "tall.png"], system="Answer briefly."),
        "row": Question("Read it: 12.50 €", [pictures / "row.png"]),
        "column": Question("Where does\n\nthe line end?", [pictures / "column.png"]),
        "alpha": Question("it's what?", [pictures / "alpha.png"]),
        "jpeg": Question("Describe the image.", [pictures / "photo.jpg"]),
        "text": Question("How many items are listed, and why?", [], system="You count."),
    }


class Program:
    def __init__(self, path, backend, work, dtype="f32"):
        self.path, self.backend, self.work, self.runs, self.dtype = str(pathlib.Path(path).resolve()), backend, work, 0, dtype

    def answer(self, model, question, extra):
        """Runs `answer`; returns its dump as arrays, or raises with what it wrote on stderr."""
        self.runs += 1
        dump, report = self.work / f"dump{self.runs:03d}", self.work / f"answer{self.runs:03d}.json"
        shutil.rmtree(dump, ignore_errors=True)  # of an earlier run with --keep
        command = [self.path, "answer", "-m", str(model), "-p", question.text, "--dump", str(dump), "--json", str(report), *on_backend(self.backend), "--dtype", self.dtype,
                   "--ignore-eos", "-t", "1", *extra]
        for p in question.pictures:
            command += ["-i", str(p)]
        if question.system:
            command += ["--system", question.system]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-500:]} ({' '.join(command)})")
        json.loads(report.read_text())
        return {f.stem: np.load(f) for f in dump.glob("*.npy")}


def compare_stock(c, label, ref, question, program, work):
    dump = program.answer(ref.folder, question, ["--pipeline", "full", "-n", str(TOKENS), "--repetition-penalty", str(PENALTY)])
    inputs = ref.inputs(question)
    compare_prompt(c, label, ref, question, inputs, dump)
    jpeg = any(p.suffix == ".jpg" for p in question.pictures)
    if jpeg:  # the two decoders may differ by a level; from here on both start from the same rows
        inputs = ref.inputs(question, pixels=dump["pixel_values"])
    tokens, levels = ref.vision(inputs)
    if tokens is not None:
        c.near(f"{label} vision", dump["vision"], tokens)
        taps = len([n for n in dump if n.startswith("deepstack_")])
        c.note(taps == len(levels), f"{label} deepstack", f"{taps} levels, expected {len(levels)}")
        for k, level in enumerate(levels):
            c.near(f"{label} deepstack_{k}", dump[f"deepstack_{k}"], level)
        c.equal(f"{label} kept", dump["kept_columns"], np.arange(len(dump["input_ids"])))
    expected, logits = ref.greedy(inputs, TOKENS, PENALTY)
    c.near(f"{label} logits", dump["logits"][0], logits[0])
    compare_tokens(c, label, dump["tokens"], expected, logits, inputs["input_ids"])
    if list(dump["tokens"]) == expected.tolist():
        c.near(f"{label} decode", dump["logits"], logits)

    ids = np.array([random.Random(5).randrange(256) for _ in range(16)], dtype=np.int64)
    np.save(work / "forced.npy", ids)
    dump = program.answer(ref.folder, question, ["--pipeline", "full", "--force-ids", str(work / "forced.npy")])
    c.near(f"{label} forced", dump["logits"], ref.forced(inputs, ids))


def compare_prompt(c, label, ref, question, inputs, dump):
    c.equal(f"{label} input_ids", dump["input_ids"], inputs["input_ids"][0])
    c.equal(f"{label} position_ids", dump["position_ids"], ref.positions(inputs))
    if question.pictures:
        if any(p.suffix == ".jpg" for p in question.pictures):
            c.near(f"{label} pixels_jpeg", dump["pixel_values"], inputs["pixel_values"], limit=1.001 / 127.5, absolute=True)
        else:
            c.equal(f"{label} pixel_values", dump["pixel_values"], inputs["pixel_values"])


def compare_tokens(c, label, got, expected, logits, prompt):
    """Equal, unless the reference itself cannot tell the two best apart at the first difference."""
    got, expected = list(map(int, got)), list(map(int, expected))
    if got == expected:
        return c.note(True, f"{label} tokens", f"{len(got)} equal")
    first = next((i for i, (a, b) in enumerate(zip(got, expected)) if a != b), min(len(got), len(expected)))
    text = f"{len(got)} tokens, expected {len(expected)}; first difference at {first}: {got[first:first + 4]}, expected {expected[first:first + 4]}"
    if first < min(len(got), len(expected)):
        row = logits[first].clone()
        seen = torch.tensor(sorted(set(prompt[0].tolist() + expected[:first])))
        row[seen] = torch.where(row[seen] < 0, row[seen] * PENALTY, row[seen] / PENALTY)
        top = row.topk(2).values
        text += f"; margin {float(top[0] - top[1]):.2e} of {float(logits[first].abs().max()):.2f}"
    c.note(False, f"{label} tokens", text)


def compare_pruned(c, label, ref, question, program, pipeline, budget):
    n = 16
    dump = program.answer(ref.folder, question, ["--pipeline", pipeline, "--budget", str(budget), "-n", str(n + 1), "--repetition-penalty", str(PENALTY),
                                                 "--seed", "11"])
    inputs = ref.inputs(question)
    compare_prompt(c, label, ref, question, inputs, dump)
    ids, columns = inputs["input_ids"][0].numpy(), dump["kept_columns"]
    visual = ids == ref.config.image_token_id
    spans = [int(g.prod()) // 4 for g in inputs["image_grid_thw"]]
    total = sum(min(budget, s) for s in spans)
    c.note(bool((np.diff(columns) > 0).all()) and set(np.flatnonzero(~visual)) <= set(columns.tolist()), f"{label} columns", "ascending, all text kept")
    c.note(int(visual[columns].sum()) == total and dump["kept"].size == total, f"{label} kept", f"{int(visual[columns].sum())} columns and {dump['kept'].size} tokens, expected {total}")
    if len(spans) == 1 and dump["kept"].size == total:
        c.equal(f"{label} kept_tokens", dump["kept"], columns[visual[columns]] - int(np.argmax(visual)))
    everywhere, tokens, logits = ref.pruned(inputs, columns, n + 1, PENALTY)
    compare_tokens(c, label, dump["tokens"], tokens, logits, inputs["input_ids"])
    c.near(f"{label} logits", dump["logits"][0], logits[0])
    if list(dump["tokens"]) == tokens:
        c.near(f"{label} decode", dump["logits"], logits[:n + 1])
    masked = ref.masked(inputs, columns)
    c.near(f"{label} masked", masked, everywhere)
    c.near(f"{label} masked_program", dump["logits"][0], masked[-1])


def check_reference(c, label, ref, question):
    inputs = ref.inputs(question)
    for p in question.pictures:
        image = ref.load(p)
        if ref.target(image) == (image.height, image.width):
            (own, grid), (rows, theirs) = ref.pixels(p), ref.pixels_by_processor(p)
            c.note(grid == theirs, f"{label} grid", f"{grid}, processor {theirs}")
            c.near(f"{label} processor", own, rows, limit=1e-7, absolute=True)
    everything = torch.arange(inputs["input_ids"].shape[1])
    full, tokens, logits = ref.pruned(inputs, everything, 8, PENALTY)
    expected, raw = ref.greedy(inputs, 8, PENALTY)
    c.equal(f"{label} own_greedy", tokens, expected)
    c.near(f"{label} own_logits", logits[:8], raw, limit=1e-6)
    forced = [3, 1, 4, 1, 5]
    c.near(f"{label} own_forced", ref.pruned(inputs, everything, forced=forced)[2], ref.forced(inputs, forced), limit=1e-6)
    if not question.pictures:
        return
    visual = inputs["input_ids"][0] == ref.config.image_token_id
    g = torch.Generator().manual_seed(3)
    columns = everything[~visual | (torch.rand(len(everything), generator=g) < 0.4)]
    part = ref.pruned(inputs, columns)[0]
    c.near(f"{label} own_masked", ref.masked(inputs, columns), part)
    moved = float((part[-1] - full[-1]).abs().max() / full[-1].abs().max())
    c.note(len(columns) == len(everything) or moved > 100 * RELATIVE, f"{label} own_effect", f"dropping {len(everything) - len(columns)} columns moves the logits by {moved:.1e}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program", nargs="?")
    p.add_argument("--configs", help=f"comma-separated, of: {', '.join(CONFIGS)}")
    p.add_argument("--cases", help="comma-separated, of: png, two, row, column, alpha, jpeg, text")
    p.add_argument("--backend", default="eigen")
    p.add_argument("--pruned", action="store_true")
    p.add_argument("--keep", type=pathlib.Path)
    p.add_argument("-v", "--verbose", action="store_true")
    a = p.parse_args()
    names = a.configs.split(",") if a.configs else list(CONFIGS)
    if set(names) - set(CONFIGS):
        p.error(f"unknown configuration: {', '.join(set(names) - set(CONFIGS))}")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)  # models this small only wait for a second thread
    c = Checks(a.verbose)
    with tempfile.TemporaryDirectory() as temporary:
        work = a.keep or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        questions = cases(write_pictures(work / "pictures"))
        if a.cases:
            questions = {n: questions[n] for n in a.cases.split(",")}
        program = Program(a.program, a.backend, work) if a.program else None
        for name in names:
            ref = Reference(make(name, work / name))
            for case, question in questions.items():
                label = f"{name}/{case}"
                jpeg = any(p.suffix == ".jpg" for p in question.pictures)
                try:
                    if program is None:
                        check_reference(c, label, ref, question)
                    else:
                        compare_stock(c, f"{label}/full", ref, question, program, work)
                        if a.pruned and question.pictures and not jpeg:
                            tokens = sum(int(g.prod()) // 4 for g in ref.inputs(question)["image_grid_thw"])
                            for pipeline in ("random", "three_ways"):
                                compare_pruned(c, f"{label}/{pipeline}", ref, question, program, pipeline, max(1, tokens // 3))
                except (RuntimeError, KeyError, OSError, ValueError, subprocess.TimeoutExpired) as e:
                    c.note(False, label, f"{type(e).__name__}: {e}")
    worst = ", ".join(f"{k} {v:.1e}" for k, v in sorted(c.worst.items()))
    what = f"{a.backend} against transformers {transformers.__version__}" if program else f"reference, transformers {transformers.__version__}"
    print(f"{'FAILED' if c.failures else 'passed'}: {what}: {len(names)} configurations, {c.count} checks, {len(c.failures)} mismatches; worst: {worst}")
    return 1 if c.failures else 0


if __name__ == "__main__":
    sys.exit(main())
