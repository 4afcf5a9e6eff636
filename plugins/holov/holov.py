"""HoloV (arXiv 2510.02912): crops as 2-D cells, quotas in proportion to their mean score (largest remainder,
clipped to what a crop holds), inside a crop the top by attention."""
import math

import numpy as np

from fixture import Source, apportion, best, case, cosines, pick, request


def select(attention, vision, grid, k, crops=16, alpha=1, beta=0.09, p=1):
    n = len(attention)
    rows = min(grid[0], max(1, math.floor(math.sqrt(crops * grid[0] / grid[1]) + 0.5)))
    cols = min(grid[1], max(1, math.floor(crops / rows + 0.5)))
    crop_of = [int((t // grid[1] + 0.5) * rows / grid[0]) * cols + int((t % grid[1] + 0.5) * cols / grid[1])
               for t in range(n)]
    members = [[t for t in range(n) if crop_of[t] == c] for c in range(rows * cols)]
    likeness = cosines(vision)
    variance = np.array([np.var([likeness[t, o] for o in members[crop_of[t]] if o != t] or [0]) for t in range(n)])
    score = alpha * attention + beta * variance * attention.mean() / variance.mean()
    weights = np.array([score[m].mean() ** p for m in members])
    quota = apportion(k, weights, np.array([len(m) for m in members]))
    return [m[i] for m, q in zip(members, quota) for i in best(attention[m], q)]


def cases():
    for seed, grid, width, budgets in ((50, (2, 3), 4, (2, 6)), (51, (6, 10), 8, (7, 25, 55))):
        s, n = Source(seed), grid[0] * grid[1]
        attention, vision = s.probabilities(n), s.features(n, width, like=3)
        picks = [pick(k, select(attention, vision, grid, k, crops, 1, beta, p), scores=[attention], settings={
            "allocator.crops": crops, "allocator.beta": beta, "allocator.p": p})
                 for k in budgets for crops, beta, p in ((2, 0.09, 1), (max(2, n // 5), 2, 1),
                                                (max(2, n // 5), 0.5, 2))]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(attention)], vision=vision)
