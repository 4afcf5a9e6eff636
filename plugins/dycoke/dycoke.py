"""DyCoke (arXiv 2411.15024), its merging over time: windows of frames, the first one whole, of the others what is least
like the same place of an earlier frame. The budget says how much of the others; below the first frames an even lattice
in each of them."""
import math

import numpy as np

from fixture import Source, apportion, best, case, pick, unit


def lattice(rows, cols, k):
    """k points over a grid: lines in proportion to its shape, each point in the middle of its share."""
    lines = min(max(math.floor(math.sqrt(k * rows / cols) + .5), -(-k // cols)), min(rows, k))
    out = []
    for i in range(lines):
        places = (i + 1) * k // lines - i * k // lines
        out += [(2 * i + 1) * rows // (2 * lines) * cols + (2 * j + 1) * cols // (2 * places) for j in range(places)]
    return out


def select(vision, grid, frames, k, window=4):
    n = grid[0] * grid[1]
    x = unit(vision).reshape(frames, n, -1)
    firsts = [f for f in range(frames) if f % window == 0]
    others = [f for f in range(frames) if f % window]
    if k <= len(firsts) * n:
        quota = apportion(k, np.ones(len(firsts)), np.full(len(firsts), n))
        return [f * n + i for f, q in zip(firsts, quota) if q for i in lattice(*grid, q)]
    kept = [f * n + i for f in firsts for i in range(n)]
    quota = apportion(k - len(kept), np.ones(len(others)), np.full(len(others), n))
    for f, q in zip(others, quota):
        before = f - 1 if f % window % 2 else f - f % window
        kept += [f * n + i for i in best(1 - (x[f] * x[before]).sum(axis=1), q)]
    return kept


def cases():
    for seed, grid, frames, budgets in ((86, (2, 3), 1, (2, 6)), (87, (2, 3), 3, (4, 6, 11)),
                                        (88, (3, 4), 10, (2, 20, 50, 97))):
        vision = Source(seed).features(grid[0] * grid[1] * frames, 8)
        picks = [pick(k, select(vision, grid, frames, k, window), settings={"allocator.window": window})
                 for k in budgets for window in (4, 3)]
        yield case(f"{frames} x {grid[0]} x {grid[1]}", grid, picks, frames=frames, vision=vision)
