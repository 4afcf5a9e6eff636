#!/usr/bin/env python3
"""`arrcoc train`: kill -9 and resume against a run left alone, log and event file read by hand, bad input, disk full, Ctrl-C.

usage: train_run.py ARRCOC [--seed N]     exit 0 when all holds, 1 otherwise, 77 when the trainer is not built in
"""
import argparse
import json
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import checks
from checks import check
from weights import Weights

RECIPE = {"stage": "answers", "steps": 12, "batch": 1, "accumulate": 2, "questions": 2, "lines_low": 1, "lines_high": 1, "learning_rate": 0.001, "warm_up": 4,
          "cosine": 20, "bf16": False, "scenarios": {"receipt": 1, "shapes": 1}, "sizes": {"128x128": 2, "128x160": 1},
          "drops": {"none": 1, "random": 1, "boxes": 1}, "depth": {"all": 1, "tiers": 1}}
QUICK = ["-t", "1", "--log-every", "4", "--evaluate-every", "12", "--evaluate-pictures", "2"]


# --- what the files hold, read by hand ------------------------------------------------------------------------------
def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        length, check_length = struct.unpack_from("<QI", data, at)
        event = data[at + 12:at + 12 + length]
        if check_length != masked(data[at:at + 8]) or struct.unpack_from("<I", data, at + 12 + length)[0] != masked(event):
            raise ValueError(f"bad checksum at byte {at}")
        yield event
        at += 16 + length


def fields(message):
    """(number, value) pairs of a protobuf message; varints as int, everything else as bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            yield key >> 3, message[at:at + size]
            at += size


def scalars(path):
    """[(tag, step, value)], and the steps at which a session started."""
    out, starts, version = [], [], None
    for event in records(path.read_bytes()):
        f = dict(fields(event))
        step = f.get(2, 0)
        if 3 in f:
            version = f[3].decode()
        if 7 in f:
            starts.append(step)
        if 5 in f:
            value = dict(fields(dict(fields(f[5]))[1]))
            out.append((value[1].decode(), step, struct.unpack("<f", value[2])[0]))
    check(version == "brain.Event:2", f"{path.name}: version {version}")
    return out, starts


def step_of(path):
    state = Weights(path)
    return struct.unpack_from("<q", state.data, state.header["step"]["data_offsets"][0])[0]


# --- runs -----------------------------------------------------------------------------------------------------------
class Runs:
    def __init__(self, program, root):
        self.program, self.root = str(pathlib.Path(program).resolve()), root
        self.recipe = root / "recipe.json"
        self.recipe.write_text(json.dumps(RECIPE))

    def command(self, *flags):
        return [self.program, "train", *map(str, flags)]

    def run(self, *flags, **more):
        return subprocess.run(self.command(*flags), capture_output=True, text=True, timeout=600, cwd=self.root, **more)

    def good(self, *flags):
        done = self.run(*flags)
        check(done.returncode == 0 and done.stdout == "", f"{flags}: exit {done.returncode}: {done.stderr[-300:]}")
        return done

    def refused(self, status, part, *flags, **more):
        done = self.run(*flags, **more)
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        check(done.returncode == status and len(lines) == 1 and part in lines[0] and lines[0].startswith("arrcoc: error: "),
              f"{flags}: expected exit {status} and '{part}', got {done.returncode}: {done.stderr[-400:]}")


def unbroken(runs):
    done = runs.good("--recipe", runs.recipe, "--out", "alone", "--checkpoint-every", "5", *QUICK)
    check("step 12 of 12" in done.stderr and "left" in done.stderr, f"progress: {done.stderr!r}")
    out = runs.root / "alone"
    check(step_of(out / "state.safetensors") == 12, "alone: the state is not of step 12")
    held = json.loads((out / "run.json").read_text())
    for key, value in RECIPE.items():
        check(held.get(key) == value, f"run.json: {key} = {held.get(key)}, expected {value}")
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    check([r["step"] for r in rows if "stage" in r] == [4, 8, 12], "log: windows are not those of steps 4, 8, 12")
    check({(r["scenario"], r["kept"]) for r in rows if "split" in r} ==
          {(s, k) for s in ("receipt", "shapes", "every") for k in ("all", "boxes_quarter", "random_quarter")}, "log: evaluation rows")
    check(all(abs(r["learning_rate"] - 0.001 * lr) < 1e-8 for r, lr in zip(rows, [1.0])), "log: learning rate after the warm-up")
    events, starts = scalars(next(out.glob("events.out.tfevents.*")))
    logged = {(f"train/{k}", r["step"]): v for r in rows if "stage" in r for k, v in r.items() if k not in ("step", "stage", "seconds")}
    logged |= {(f"dev_{r['kept']}/{r['scenario']}/{k}", r["step"]): v for r in rows if "split" in r for k, v in r.items()
               if k not in ("step", "split", "scenario", "kept")}
    seen = {(tag, step): value for tag, step, value in events}
    check(starts == [] and seen.keys() == logged.keys(), f"events: {sorted(seen.keys() ^ logged.keys())[:4]} in one file only")
    check(all(abs(seen[k] - logged[k]) <= 1e-5 * abs(logged[k]) for k in seen.keys() & logged.keys()), "events: other values than the log's")
    return out / "state.safetensors"


def killed(runs, rng, expected):
    """kill -9 at random moments, resumed until the end."""
    kills, out = 0, runs.root / "killed"
    started = ["--recipe", runs.recipe, "--out", "killed", "--checkpoint-every", "1", *QUICK]
    while kills < 4:
        child = subprocess.Popen(runs.command(*started), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=runs.root)
        began = time.monotonic()
        while child.poll() is None and not (out / "state.safetensors").exists() and time.monotonic() - began < 120:
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 1.5))
        if child.poll() is not None:
            break
        child.send_signal(signal.SIGKILL)
        child.wait()
        kills += 1
        started = ["--out", "killed", "--checkpoint-every", "1", *QUICK]  # the folder knows its recipe
    state = out / "state.safetensors"
    reached = step_of(state)
    runs.good("--out", "killed", *QUICK)
    check(state.read_bytes() == expected.read_bytes(), f"killed {kills} times (last at step {reached}): the state differs from that of the run left alone")
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    check(steps == sorted(steps) and steps[-1] == 12, f"killed: log rows at {steps}")
    check(not list(out.glob("*.partial*")), "killed: something half-written was left behind")
    return kills


def side_by_side(runs, expected):
    """Two passes in two threads, three workers for two passes, and a run that changes its mind: the bytes of one worker."""
    runs.good("--recipe", runs.recipe, "--out", "beside", "--workers", "2", *QUICK)
    runs.good("--recipe", runs.recipe, "--out", "changed", "--workers", "3", "--steps", "5", *QUICK)
    runs.good("--out", "changed", "--steps", "12", *QUICK)
    for folder in ("beside", "changed"):
        check((runs.root / folder / "state.safetensors").read_bytes() == expected.read_bytes(), f"{folder}: the number of workers changes the weights")


def bad_input(runs, state):
    root = runs.root
    with_recipe = ["--recipe", runs.recipe]
    runs.refused(2, "expected a folder, got none", *with_recipe)
    runs.refused(2, "expected a recipe for a new run", "--out", "none")
    check(not (root / "none").exists(), "a refused run left its folder")
    runs.refused(2, "stage: expected reading or answers, got dancing", *with_recipe, "--out", "none", "--recipe.stage=dancing")
    runs.refused(2, "expected a scenario", *with_recipe, "--out", "none", "--recipe.scenarios.recipt=1")
    runs.refused(2, "steps: expected at least 1, got 0", *with_recipe, "--out", "none", "--steps", "0")
    runs.refused(2, "steps: expected an integer", *with_recipe, "--out", "none", "--steps", "many")
    runs.refused(2, "batch: expected 1 to 4096, got 0", *with_recipe, "--out", "none", "--batch", "0")
    runs.refused(2, "learning_rate", *with_recipe, "--out", "none", "--lr", "-3")
    runs.refused(2, "no such setting", *with_recipe, "--out", "none", "--recipe.stepz=3")
    runs.refused(2, "no such setting", *with_recipe, "--out", "none", "--allocator.budget=3")
    runs.refused(2, "dtype", *with_recipe, "--out", "none", "--dtype", "f16")
    runs.refused(2, "--checkpoint-every: expected at least 1, got 0", *with_recipe, "--out", "none", "--checkpoint-every", "0")
    runs.refused(2, "--threads: expected at least 1", *with_recipe, "--out", "none", "-t", "0")
    runs.refused(2, "--workers: expected at least 1, got 0", *with_recipe, "--out", "none", "--workers", "0")
    runs.refused(2, "device", *with_recipe, "--out", "none", "--device", "abacus")
    runs.refused(1, "no such file", "--recipe", "absent.json", "--out", "none")
    runs.refused(1, "no such file", *with_recipe, "--out", "none", "--from", "absent.safetensors")
    runs.refused(2, "cannot be made", *with_recipe, "--out", "absent/none")
    check(not (root / "none").exists(), "a refused run left its folder")
    (root / "other").mkdir()
    (root / "other/photo.txt").write_text("not a run")
    runs.refused(2, "without run.json", *with_recipe, "--out", "other")
    check([p.name for p in (root / "other").iterdir()] == ["photo.txt"], "a folder that is no run was written to")
    before = state.read_bytes()
    runs.refused(2, "expected batch = 1, got batch = 2", *with_recipe, "--out", "alone", "--batch", "2")
    runs.refused(2, "another recipe", *with_recipe, "--out", "alone", "--recipe.scenarios.shapes=3")
    runs.refused(2, "--from", "--out", "alone", "--from", str(state))
    check(state.read_bytes() == before, "a refused run changed the checkpoint")
    # weights of another model, a checkpoint cut short, a number that is none
    subprocess.run([runs.program, "demo-model", "--out", str(root / "demo")], check=True, capture_output=True)
    runs.refused(1, "another configuration", *with_recipe, "--out", "from_demo", "--from", root / "demo/model.safetensors")
    more, deeper = Weights(state), "average.model.language_model.layers.99.input_layernorm.weight"
    more.header[deeper] = {"dtype": "F32", "shape": [1], "data_offsets": [len(more.data), len(more.data) + 4]}
    more.data += bytes(4)
    more.write(root / "deeper.safetensors")
    runs.refused(1, f"{deeper}: no such tensor here; the weights are of another configuration", *with_recipe, "--out", "from_deeper", "--from", root / "deeper.safetensors")
    shutil.copytree(root / "alone", root / "cut")
    (root / "cut/state.safetensors").write_bytes(before[:-1000])
    runs.refused(1, "state.safetensors", "--out", "cut", "--steps", "13", *QUICK)
    broken = Weights(state)
    struct.pack_into("<f", broken.data, broken.header["average.model.language_model.norm.weight"]["data_offsets"][0], float("nan"))
    broken.write(root / "nan.safetensors")
    runs.refused(1, "not finite at step 1", *with_recipe, "--out", "nan", "--from", root / "nan.safetensors", *QUICK)
    check(not (root / "nan/state.safetensors").exists(), "a checkpoint with NaN was written")


def disk_full(runs, state):
    shutil.copytree(runs.root / "alone", runs.root / "full")

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))
    runs.refused(2, "cannot write", "--out", "full", "--steps", "13", *QUICK, preexec_fn=small_files, restore_signals=False)
    check((runs.root / "full/state.safetensors").read_bytes() == state.read_bytes(), "disk full: the checkpoint before is not intact")
    check(not list((runs.root / "full").glob("*.partial*")), "disk full: something half-written was left behind")


def interrupted(runs):
    child = subprocess.Popen(runs.command("--recipe", runs.recipe, "--out", "ctrl", "--steps", "5000", "--checkpoint-every", "4000", *QUICK),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=runs.root)
    while child.poll() is None and not (runs.root / "ctrl/log.jsonl").exists():
        time.sleep(0.05)
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=120)
    check(child.returncode == 130, f"Ctrl-C: exit {child.returncode}: {errors[-200:]}")
    check((runs.root / "ctrl/state.safetensors").exists() and step_of(runs.root / "ctrl/state.safetensors") > 0, "Ctrl-C: no checkpoint was written")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seed", type=int, default=None)
    a = parser.parse_args()
    seed = a.seed if a.seed is not None else random.SystemRandom().randrange(1 << 30)
    with tempfile.TemporaryDirectory() as temporary:
        runs = Runs(a.program, pathlib.Path(temporary))
        missing = runs.run("--out", "none")
        if "not built in" in missing.stderr:
            print("train_run: skipped, the trainer is not built in")
            return 77
        state = unbroken(runs)
        kills = killed(runs, random.Random(seed), state)
        side_by_side(runs, state)
        disk_full(runs, state)
        bad_input(runs, state)
        interrupted(runs)
        runs.good("--recipe", runs.recipe, "--out", "warm", "--from", state, "--dtype", "bf16", "--steps", "2", "--seed", "9", *QUICK)
        check((runs.root / "warm/state.safetensors").exists() and step_of(runs.root / "warm/state.safetensors") == 2, "a new run from old weights does not start at step 0")
    print(f"train_run: killed {kills} times (seed {seed}), {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
