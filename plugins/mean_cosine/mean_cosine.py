"""Mean cosine, strategies.md 19.2: keep the lowest mean cosine to all others, through the summed vector."""
from fixture import Source, best, case, pick, unit


def cases():
    for seed, grid, width, budgets in ((85, (2, 3), 4, (1, 3, 6)), (86, (6, 8), 16, (6, 20, 47))):
        vision = Source(seed).features(grid[0] * grid[1], width, like=4)
        x = unit(vision)
        mean = (x @ x.sum(axis=0) - 1) / (len(x) - 1)
        yield case(f"{grid[0]} x {grid[1]}", grid, [pick(k, best(1 - mean, k), scores=[1 - mean]) for k in budgets],
                   vision=vision)
