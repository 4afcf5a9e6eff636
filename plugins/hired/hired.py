"""HiRED (arXiv 2408.10945): tiles' quotas from the last block's map, tokens by the first's. Without a
thumbnail the picture's own map says the quotas, and the whole budget goes to tiles."""
import math

import numpy as np

from fixture import Source, apportion, best, case, pick, request


def select(first, last, grid, k, alpha=0.5, tiles=(2, 2)):
    n = len(first)
    tile_of = np.array([int((t // grid[1] + 0.5) * tiles[0] / grid[0]) * tiles[1]
                        + int((t % grid[1] + 0.5) * tiles[1] / grid[1]) for t in range(n)])
    top = best(last, max(1, math.floor((1 - alpha) * n)))
    members = [np.flatnonzero(tile_of == g) for g in range(tiles[0] * tiles[1])]
    votes = np.array([(tile_of[top] == g).sum() for g in range(len(members))])
    quota = apportion(k, votes, np.array([len(m) for m in members]))
    return [int(m[i]) for m, q in zip(members, quota) for i in best(first[m], q)]


def cases():
    for seed, grid, budgets in ((80, (2, 3), (1, 4, 6)), (81, (6, 9), (7, 20, 50))):
        s, n = Source(seed), grid[0] * grid[1]
        first, last = s.probabilities(n), s.probabilities(n)
        picks = [pick(k, select(first, last, grid, k, alpha, tiles), scores=[first], settings={
            "allocator.alpha": alpha, "allocator.rows": tiles[0], "allocator.cols": tiles[1]})
                 for k in budgets for alpha, tiles in ((0.5, (2, 2)), (0.8, (1, 3)))]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(first, index=0), request(last)])
