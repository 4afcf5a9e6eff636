"""HAWK, strategies.md 19.2: per head of layer 0 the question's mean q k / sqrt d over its L2 norm, weighed."""
import numpy as np

from fixture import Source, best, case, pick, request


def score(q, k, weights):
    heads = len(weights)
    d = q.shape[1] // heads
    group = heads // (k.shape[1] // d)
    total = np.zeros(len(k))
    for h, w in enumerate(weights):
        s = (q[:, h * d:(h + 1) * d] @ k[:, h // group * d:(h // group + 1) * d].T / np.sqrt(d)).mean(axis=0)
        total += w * s / np.linalg.norm(s)
    return total


def cases():
    for seed, grid, words, shared, budgets in ((25, (2, 3), 2, 4, (1, 3)), (26, (5, 7), 6, 2, (4, 15))):
        s, n = Source(seed), grid[0] * grid[1]
        q, k = s.tensor(words, 16), s.tensor(n, 4 * shared)
        picks = []
        for weights in ((1, 1, 1, 1), (.5, 0, 2, -.25)):
            total = score(q, k, weights)
            picks += [pick(b, best(total, b), scores=[total],
                           settings={"scorers.hawk.head_weights": "_".join(map(str, weights))}) for b in budgets]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks,
                   requests=[request(q, "layer", 0, "q", "question", heads="each", rope="before"),
                             request(k, "layer", 0, "k", heads="each", rope="before")])
