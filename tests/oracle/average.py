#!/usr/bin/env python3
"""`models/average.py` against NumPy, on the small model and a copy of it with other values.

usage: average.py     exit 0 when all holds, 1 otherwise, 77 when a Python package is absent
"""
import pathlib
import shutil
import sys
import tempfile

try:
    import numpy as np
    import safetensors.torch
    import torch
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import checks
from checks import SMALL, check, model_script


def bits(t):
    return t.view(torch.int16).numpy()


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        own = safetensors.torch.load_file(SMALL / "model.safetensors")
        other = {k: (t.float() * 3 + 0.25).to(t.dtype) for k, t in own.items()}
        shutil.copytree(SMALL, folder / "other")
        safetensors.torch.save_file(other, folder / "other/model.safetensors")
        for share in (0.0, 0.25, 1.0):
            out = folder / f"mean{share}"
            done = model_script("average.py", SMALL, folder / "other", share, out)
            check(done.returncode == 0, f"exit {done.returncode}: {done.stderr[-300:]}")
            got = safetensors.torch.load_file(out / "model.safetensors")
            check(set(got) == set(own), "other tensors")
            for k, t in got.items():
                want = np.float32(1 - share) * own[k].float().numpy() + np.float32(share) * other[k].float().numpy()
                check(t.dtype == own[k].dtype and np.array_equal(bits(t), bits(torch.from_numpy(want).to(t.dtype))), f"{share}: {k}")
            check((out / "config.json").read_bytes() == (SMALL / "config.json").read_bytes(), "config.json")
            check(not (out / "scorer.safetensors").exists() and not (out / "README.md").exists(), "heads and a card that belong to another model")
        other.pop("model.language_model.norm.weight")
        safetensors.torch.save_file(other, folder / "other/model.safetensors")
        for arguments, message in (((SMALL, folder / "other", 0.5, folder / "no"), "differ in 1 tensors, model.language_model.norm.weight"),
                                   ((SMALL, SMALL, 1.5, folder / "no"), "expected 0 to 1, got 1.5"), ((SMALL, SMALL, 0.5, folder / "mean0.0"), "exists already")):
            done = model_script("average.py", *arguments)
            check(done.returncode != 0 and message in done.stderr and not (folder / "no").exists(), f"{message}: exit {done.returncode}: {done.stderr[-300:]}")
    print(f"average: {checks.made} checks, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
