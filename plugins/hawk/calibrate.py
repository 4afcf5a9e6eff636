#!/usr/bin/env python3
"""Weights of HAWK's heads for a model: how much worse answer boxes are found without each head.

usage: calibrate.py ARRCOC [--model DIR] [--pictures N] [--seed S] [--size P] [--share X]

Draws scenes (`arrcoc scenes`), asks their questions, and scores tokens with all heads of layer 0 and with all but one,
through transformers: recall is the share of the tokens under a question's boxes among the best X of all. A head's
weight is what its absence costs, not below 0, scaled so that all sum to their number; all alike where none costs
anything. Prints the setting. Exit status: 0, 77 when a Python package is missing.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "plugins" / "hawk"), str(ROOT / "plugins"), str(ROOT / "tests" / "oracle")]
from hf_reference import Image, Question, Reference, np, torch  # noqa: E402  (exits 77 itself)
import hawk  # noqa: E402


@torch.no_grad()
def queries_and_keys(ref, question):
    """q [Q, heads d] of the question's tokens, k [N, kv d] of the picture's, and the grid; before the rotation."""
    inputs = ref.inputs(question)
    rows, mask, _, _ = ref.assembled(inputs)
    layer = ref.model.model.language_model.layers[0]
    x, attention = layer.input_layernorm(rows), layer.self_attn
    split = lambda p: p.reshape(*p.shape[:2], -1, attention.head_dim)  # noqa: E731
    q = attention.q_norm(split(attention.q_proj(x)))[0].flatten(1)
    k = attention.k_norm(split(attention.k_proj(x)))[0].flatten(1)
    own = ref.tokenizer.encode(question.text, add_special_tokens=False).ids
    ids = inputs["input_ids"][0].tolist()
    begin = max(i for i in range(len(ids)) if ids[i:i + len(own)] == own)
    _, height, width = inputs["image_grid_thw"][0].tolist()
    return q[begin:begin + len(own)].numpy(), k[mask[0]].numpy(), (height // 2, width // 2)


def under(boxes, grid, size):
    """Tokens that a box touches."""
    rows, cols = grid
    out = set()
    for r0, c0, r1, c1 in boxes:
        out |= {r * cols + c for r in range(rows) for c in range(cols)
                if min(r1, (r + 1) * size[0] / rows) > max(r0, r * size[0] / rows)
                and min(c1, (c + 1) * size[1] / cols) > max(c0, c * size[1] / cols)}
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("--model", default=ROOT / "models/small")
    p.add_argument("--pictures", type=int, default=60), p.add_argument("--seed", type=int, default=5000000)
    p.add_argument("--size", type=int, default=256), p.add_argument("--share", type=float, default=.125)
    a = p.parse_args()
    torch.set_num_threads(1)
    ref = Reference(a.model)
    heads = ref.config.text_config.num_attention_heads
    every = [np.ones(heads)] + [1 - np.eye(heads)[h] for h in range(heads)]
    recalls = [[] for _ in every]
    with tempfile.TemporaryDirectory() as folder:
        words = ["--out", f"{folder}/scenes", "--count", a.pictures, "--seed", a.seed, "--size", a.size]
        subprocess.run([a.program, "scenes", "--scenario", "receipt,form,sheet", *map(str, words)], check=True,
                       capture_output=True)
        for line in (pathlib.Path(folder) / "scenes/questions.jsonl").read_text().splitlines():
            asked = json.loads(line)
            if not asked.get("boxes"):
                continue
            picture = pathlib.Path(folder) / "scenes" / asked["images"][0]
            q, k, grid = queries_and_keys(ref, Question(asked["question"], [picture]))
            wanted = under(asked["boxes"], grid, Image.open(picture).size[::-1])
            for found, weights in zip(recalls, every):
                best = np.argsort(-hawk.score(q, k, weights), kind="stable")[:max(1, int(a.share * len(k) + .5))]
                found.append(len(wanted & set(best.tolist())) / len(wanted))
    means = np.array([np.mean(r) for r in recalls])
    costs = np.maximum(0, means[0] - means[1:])
    weights = costs * heads / costs.sum() if costs.sum() > 0 else np.ones(heads)
    weighted = "_".join(f"{w:.3g}" for w in weights)
    without = np.round(means[1:], 3).tolist()
    print(f"{len(recalls[0])} questions, recall with all heads {means[0]:.3f}, without each {without}")
    print(f"hawk:scorers.hawk.head_weights={weighted}")


if __name__ == "__main__":
    main()
