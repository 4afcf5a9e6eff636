"""ToMe behind the merger, strategies.md 4.1 with 2.8: even and odd rows, the best edges merge, size-weighted means."""
import numpy as np

from fixture import Source, best, case, cosines, pick, request


def select(keys, k, r=0):
    rows = [([t], keys[t]) for t in range(len(keys))]
    while len(rows) > k:
        m = min(len(rows) - k, len(rows) // 2, r or len(rows))
        even, odd = list(range(0, len(rows), 2)), list(range(1, len(rows), 2))
        likeness = cosines(np.array([rows[i][1] for i in even]), np.array([rows[i][1] for i in odd]))
        gone = set()
        old = list(rows)
        for i in best(likeness.max(axis=1), m):
            a, b = even[i], odd[best(likeness[i], 1)[0]]
            (x, one), (y, two) = old[a], rows[b]
            rows[b] = (y + x, (len(x) * one + len(y) * two) / (len(x) + len(y)))
            gone.add(a)
        rows = [row for i, row in enumerate(rows) if i not in gone]
    return [row[0][0] for row in rows], [[(t, 1 / len(row[0])) for t in row[0]] for row in rows]


def cases():
    for seed, grid, width, budgets in ((100, (2, 3), 4, (1, 4, 6)), (101, (6, 8), 8, (5, 20, 40))):
        keys = Source(seed).features(grid[0] * grid[1], width, like=5)
        picks = [pick(k, *select(keys, k, r), settings={"allocator.r": r}) for k in budgets for r in (0, 2)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(keys, what="k")])
