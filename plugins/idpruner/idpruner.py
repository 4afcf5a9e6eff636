"""IDPruner's selection, strategies.md 9.3 with 2.7: maximal marginal relevance, importance min-max scaled."""
import numpy as np

from fixture import Source, case, cosines, min_max, pick, request


def mmr(gain_of, vision, k):
    """gain_of(greatest cosine to a pick) -> gains; the first pick is the most important."""
    likeness, kept, most = cosines(vision), [], np.full(len(vision), -1.0)
    while len(kept) < k:
        gains = gain_of(most)
        gains[kept] = -np.inf
        kept.append(int(np.argmax(gains)))
        most = np.maximum(most, likeness[kept[-1]])
    return kept


def cases():
    for seed, grid, width, budgets in ((70, (2, 3), 4, (1, 3, 5)), (71, (6, 8), 16, (6, 20, 40))):
        s, n = Source(seed), grid[0] * grid[1]
        attention, vision = s.probabilities(n), s.features(n, width, like=4)
        importance = min_max(attention)
        picks = [pick(k, mmr(lambda most: weight * importance - (1 - weight) * most, vision, k), scores=[attention],
                      settings={"allocator.lambda": weight}) for k in budgets for weight in (0.5, 0.2, 0.9)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(attention, index=-2)], vision=vision)
