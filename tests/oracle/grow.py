#!/usr/bin/env python3
"""`models/grow.py` through transformers: one layer more, the same logits to the last bit, and every new tensor can learn.

usage: grow.py     exit 0 when all holds, 1 otherwise, 77 when a Python package is absent
"""
import pathlib
import sys
import tempfile

try:
    import torch
    import transformers
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import checks
from checks import SMALL, check, model_script


def load(folder):
    return transformers.Qwen3VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def main():
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "deeper"
        done = model_script("grow.py", SMALL, out)
        check(done.returncode == 0, f"exit {done.returncode}: {done.stderr[-300:]}")
        first, deeper = load(SMALL), load(out)
        layers = len(first.model.language_model.layers)
        check(len(deeper.model.language_model.layers) == layers + 1, f"{len(deeper.model.language_model.layers)} layers of {layers}")
        ids = torch.randint(0, 256, (2, 24))
        answer = deeper(input_ids=ids, labels=ids)
        check(torch.equal(first(input_ids=ids).logits, answer.logits), "other logits")
        # Both branches are silent, so only what lets them speak has a gradient, and then everything has.
        answer.loss.backward()
        new = dict(deeper.model.language_model.layers[layers].named_parameters())
        speaking = {k for k, p in new.items() if p.grad.abs().max() > 0}
        check(speaking == {"self_attn.o_proj.weight", "mlp.down_proj.weight"}, f"a gradient at first: {sorted(speaking)}")
        with torch.no_grad():
            for p in deeper.parameters():
                p -= 0.01 * p.grad if p.grad is not None else 0
        deeper.zero_grad()
        deeper(input_ids=ids, labels=ids).loss.backward()
        check(all(p.grad.abs().max() > 0 for p in new.values()), "a tensor of the new layer without a gradient after one step")
        check(not (out / "scorer.safetensors").exists() and not (out / "README.md").exists(), "heads and a card that belong to another model")
        for arguments, message in (((SMALL, out), "exists already"), ((out / "no", pathlib.Path(folder) / "new"), "no such model")):
            done = model_script("grow.py", *arguments)
            check(done.returncode != 0 and message in done.stderr and not (pathlib.Path(folder) / "new").exists(), f"{message}: exit {done.returncode}: {done.stderr[-300:]}")
    print(f"grow: {checks.made} checks, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
