"""UniAttn, strategies.md 19.2: min-max encoder attention minus lambda times the greatest cosine to the chosen."""
import numpy as np

from fixture import Source, case, cosines, min_max, pick, request


def select(attention, vision, k, weight=0.3):
    likeness, importance = cosines(vision), min_max(attention)
    kept = [int(np.argmax(importance))]
    while len(kept) < k:
        gains = importance - weight * likeness[kept].max(axis=0)
        gains[kept] = -np.inf
        kept.append(int(np.argmax(gains)))
    return kept


def cases():
    for seed, grid, width, budgets in ((75, (2, 3), 4, (1, 3, 5)), (76, (6, 8), 16, (6, 20, 40))):
        s, n = Source(seed), grid[0] * grid[1]
        attention, vision = s.probabilities(n), s.features(n, width, like=4)
        picks = [pick(k, select(attention, vision, k, weight), scores=[attention],
                      settings={"allocator.lambda": weight}) for k in budgets for weight in (0.3, 0, 2)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(attention)], vision=vision)
