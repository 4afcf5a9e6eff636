"""HiPrune (arXiv 2508.00553): anchors by the object layer, their four neighbours, the rest by the last layer."""
import math

from fixture import Source, best, case, index_at, pick, request

HALF = index_at(1 / 2)


def select(objects, last, grid, k, alpha=0.1):
    anchors = best(objects, min(k, math.floor(k * alpha / 5 + 0.5)))
    kept = list(anchors)
    for t in anchors:
        row, col = divmod(t, grid[1])
        for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if 0 <= r < grid[0] and 0 <= c < grid[1] and r * grid[1] + c not in kept and len(kept) < k:
                kept.append(r * grid[1] + c)
    return kept + [t for t in best(last, len(last)) if t not in kept][:k - len(kept)]


def cases():
    for seed, grid, budgets in ((40, (2, 3), (1, 3, 6)), (41, (7, 8), (6, 25, 50))):
        s, n = Source(seed), grid[0] * grid[1]
        objects, last = s.probabilities(n), s.probabilities(n)
        objects[grid[1] - 1] = 0.5  # the end of the first row
        picks = [pick(k, select(objects, last, grid, k, alpha), scores=[last], settings={"allocator.alpha": alpha})
                 for k in budgets for alpha in (0.1, 0.6, 1)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(objects, index=HALF), request(last)])
