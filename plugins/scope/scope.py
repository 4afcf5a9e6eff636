"""SCOPE, strategies.md 6.4 with 2.6: facility location on cosines; a candidate's gain times attention^alpha."""
import numpy as np

from fixture import Source, case, cosines, pick, request


def select(attention, vision, k, alpha=1):
    likeness, kept, covered = cosines(vision), [], np.zeros(len(attention))
    while len(kept) < k:
        gains = np.maximum(0, likeness - covered[None]).sum(axis=1) * attention ** alpha
        gains[kept] = -1
        kept.append(int(np.argmax(gains)))
        covered = np.maximum(covered, likeness[kept[-1]])
    return kept


def cases():
    for seed, grid, width, budgets in ((60, (2, 3), 4, (1, 3, 5)), (61, (6, 8), 16, (6, 20, 40))):
        s, n = Source(seed), grid[0] * grid[1]
        attention, vision = s.probabilities(n), s.tensor(n, width)
        picks = [pick(k, select(attention, vision, k, alpha), scores=[attention], settings={"allocator.alpha": alpha})
                 for k in budgets for alpha in (1, 0.5, 2.5)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(attention)], vision=vision)
