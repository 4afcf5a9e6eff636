"""Cen-Prune, strategies.md 6.2: distinctiveness g = - mean cosine (raw, min-max) times max-min distance, or the DPP
kernel diag(g) S_c diag(g), on centred cosines S_c."""
import numpy as np

from fixture import Source, case, cosines, min_max, pick


def max_min(g, likeness, k):
    distance = 1 - likeness
    alone = (distance + np.diag(np.full(len(g), np.inf))).min(axis=1)
    kept = [int(np.argmax(g * alone))]
    while len(kept) < k:
        gains = g * distance[kept].min(axis=0)
        gains[kept] = -np.inf
        kept.append(int(np.argmax(gains)))
    return kept


def dpp(g, likeness, k):
    """Greedy MAP by determinants, not by the incremental factor."""
    kernel, kept = g[:, None] * likeness * g[None], []
    while len(kept) < k:
        gains = [-np.inf if t in kept else np.linalg.det(kernel[np.ix_(kept + [t], kept + [t])]) for t in range(len(g))]
        kept.append(int(np.argmax(gains)))
    return kept


def cases():
    for seed, grid, width, hosts in ((130, (2, 3), 4, (("max_min", (1, 3, 5)), ("dpp", (1, 3)))),
                                     (131, (6, 7), 16, (("max_min", (6, 20)), ("dpp", (4, 9))))):
        vision = Source(seed).features(grid[0] * grid[1], width, like=4)
        raw = cosines(vision)
        novelty = 1 - (raw.sum(axis=1) - 1) / (len(raw) - 1)
        g, centred = min_max(novelty), cosines(vision - vision.mean(axis=0))
        picks = [pick(k, {"max_min": max_min, "dpp": dpp}[host](g, centred, k), scores=[novelty],
                      settings={"allocator.host": host}) for host, budgets in hosts for k in budgets]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, vision=vision)
