"""SparseVLM, strategies.md 8.2: raters are words whose softmax share of the picture is at least the mean; the score is
the mean over heads and raters of their attention."""
import numpy as np

from fixture import Source, best, case, pick, request


def cases():
    for seed, grid, words, budgets in ((19, (2, 3), 3, (1, 3)), (20, (5, 8), 7, (4, 20))):
        s, n = Source(seed), grid[0] * grid[1]
        vision, e = s.features(n, 8) / 2, s.features(words, 8) / 2
        paid = np.stack([s.probabilities(n) for _ in range(words)])
        logits = vision @ e.T
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        share = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        raters = share >= share.mean()
        assert 0 < raters.sum() < words
        score = paid[raters].mean(axis=0)
        yield case(f"{grid[0]} x {grid[1]}", grid, [pick(k, best(score, k), scores=[score]) for k in budgets],
                   vision=vision, question=e, requests=[request(paid, "layer", 1, rows="question", payers="each")])
