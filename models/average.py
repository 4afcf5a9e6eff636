#!/usr/bin/env python3
"""Mean of the weights of two models of one shape, in float32, stored as the second stores them.

usage: average.py FIRST SECOND SHARE OUT      SHARE in [0, 1] of the second; OUT: a new folder, everything but the weights from SECOND

Models trained on from one another lie in one basin; their mean is often better than both (Wortsman et al. 2022, "Model soups", section 3). Needs torch and safetensors.
"""
import pathlib
import sys

import derived


def main():
    parser = derived.arguments(__doc__)
    parser.add_argument("first", type=pathlib.Path)
    parser.add_argument("second", type=pathlib.Path)
    parser.add_argument("share", type=float)
    parser.add_argument("out", type=pathlib.Path)
    a = parser.parse_args()
    if not 0 <= a.share <= 1:
        parser.error(f"SHARE: expected 0 to 1, got {a.share}")
    if a.out.exists():
        parser.error(f"{a.out} exists already")
    first, second = map(derived.weights_of, (a.first, a.second))
    if other := sorted({k for k in {**first, **second} if k not in first or k not in second or first[k].shape != second[k].shape}):
        sys.exit(f"average: the models differ in {len(other)} tensors, {other[0]} among them")
    mean = {k: ((1 - a.share) * first[k].float() + a.share * t.float()).to(t.dtype).contiguous() for k, t in second.items()}
    derived.write(a.out, a.second, mean)


if __name__ == "__main__":
    main()
