"""DivPrune, strategies.md 6.1 and 2.4: max-min diversity of the merged embeddings, distance 1 - cosine."""
import numpy as np

from fixture import Source, case, cosines, pick


def select(vision, k):
    distance = 1 - cosines(vision)
    nearest = distance + np.diag(np.full(len(vision), np.inf))
    kept = [int(np.argmax(nearest.min(axis=1)))]
    least = distance[kept[0]].copy()
    while len(kept) < k:
        least[kept] = -np.inf
        kept.append(int(np.argmax(least)))
        least = np.minimum(least, distance[kept[-1]])
    return kept


def cases():
    for seed, grid, width, budgets in ((1, (2, 3), 4, (1, 3, 6)), (2, (6, 8), 16, (7, 24, 47))):
        vision = Source(seed).features(grid[0] * grid[1], width, like=5)
        yield case(f"{grid[0]} x {grid[1]}", grid, [pick(k, select(vision, k)) for k in budgets], vision=vision)
