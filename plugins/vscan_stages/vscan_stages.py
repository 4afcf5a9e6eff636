"""VScan's second stage (arXiv 2505.22654, strategies.md 5.8): before the middle layer a third of the tokens stays, by
the last row's attention over all rows, mean over heads, from queries and keys that were not rotated. The first stage
is vscan.py, for three times the budget."""
import numpy as np

from fixture import Source, best, case, index_at, method, pick, request


def paid(q, k, every, heads, shared):
    d, out = len(q) // heads, np.zeros(len(k))
    for h in range(heads):
        own = slice(h // (heads // shared) * d, (h // (heads // shared) + 1) * d)
        logits = every[:, own] @ q[h * d:(h + 1) * d] / np.sqrt(d)
        here = k[:, own] @ q[h * d:(h + 1) * d] / np.sqrt(d)
        out += np.exp(here - logits.max()) / np.exp(logits - logits.max()).sum() / heads
    return out


def cases():
    heads, shared, middle, scan = 4, 2, index_at(1 / 2), method("vscan")
    for seed, grid, d, k, text in ((170, (2, 3), 3, 1, 2), (171, (7, 8), 4, 9, 5)):
        s, n = Source(seed), grid[0] * grid[1]
        shallow, last, vision = s.probabilities(n), s.probabilities(n), s.features(n, 8, like=4)
        wide = scan.select(shallow, last, grid, 3 * k)
        yield case(f"{grid[0]} x {grid[1]}, behind the tower", grid,
                   [pick(3 * k, wide, scan.averaged(wide, vision), [last])],
                   requests=[request(shallow, index=scan.QUARTER), request(last)], vision=vision)
        alive = sorted(wide)
        q, keys = s.tensor(heads * d), s.tensor(text + len(alive), shared * d)
        own = slice(text - 1, text - 1 + len(alive))  # a row of text stands behind the picture
        score = paid(q, keys[own], keys, heads, shared)
        asked = {"index": middle, "rope": "before"}
        yield case(f"{grid[0]} x {grid[1]}, in the language model", grid,
                   [pick(b, best(score, b), scores=[score]) for b in (1, k)], decision=1, alive=alive, requests=[
                       request(q[None], "layer", what="q", rows="last", heads="each", **asked),
                       request(q.reshape(heads, d).mean(axis=0)[None], "layer", what="q", rows="last", **asked),
                       request(keys[own], "layer", what="k", heads="each", **asked),
                       request(keys, "layer", what="k", rows="all", heads="each", **asked)])
