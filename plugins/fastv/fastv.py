"""FastV, strategies.md 8.1: the last row's attention in layer K - 1, mean over heads; the most paid to stay."""
from fixture import Source, best, case, pick, request


def cases():
    for seed, grid, budgets in ((11, (2, 3), (1, 3, 6)), (12, (5, 9), (4, 22, 44))):
        paid = Source(seed).probabilities(grid[0] * grid[1])
        yield case(f"{grid[0]} x {grid[1]}", grid, [pick(k, best(paid, k), scores=[paid]) for k in budgets],
                   requests=[request(paid, "layer", 1, rows="last")])
