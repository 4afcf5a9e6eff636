#!/usr/bin/env python3
"""Mean of the weights of two models of one shape, in float32, stored as the second stores them.

usage: average.py FIRST SECOND SHARE OUT      SHARE in [0, 1] of the second; OUT: a new folder, everything but the weights from SECOND

Models trained on from one another lie in one basin; their mean is often better than both (Wortsman et al. 2022, "Model soups", section 3). Needs torch and safetensors.
"""
import argparse
import pathlib
import shutil
import sys

import safetensors
import safetensors.torch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=pathlib.Path)
    parser.add_argument("second", type=pathlib.Path)
    parser.add_argument("share", type=float)
    parser.add_argument("out", type=pathlib.Path)
    a = parser.parse_args()
    if not 0 <= a.share <= 1:
        parser.error(f"SHARE: expected 0 to 1, got {a.share}")
    if a.out.exists():
        parser.error(f"{a.out} exists already")
    first, second = (safetensors.torch.load_file(m / "model.safetensors") for m in (a.first, a.second))
    if other := sorted({k for k in {**first, **second} if k not in first or k not in second or first[k].shape != second[k].shape}):
        sys.exit(f"average: the models differ in {len(other)} tensors, {other[0]} among them")
    with safetensors.safe_open(a.second / "model.safetensors", "pt") as file:
        metadata = file.metadata()
    mean = {k: ((1 - a.share) * first[k].float() + a.share * t.float()).to(t.dtype).contiguous() for k, t in second.items()}
    shutil.copytree(a.second, a.out, ignore=shutil.ignore_patterns("*.safetensors", "README.md"))
    safetensors.torch.save_file(mean, a.out / "model.safetensors", metadata=metadata)


if __name__ == "__main__":
    main()
