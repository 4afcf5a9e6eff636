"""PyramidDrop, strategies.md 8.3: three stages, each by the last row's attention in its own layer over what is left."""
from fixture import Source, best, case, index_at, pick, request


def cases():
    for seed, grid, budgets in ((13, (4, 4), (1, 2)), (14, (6, 10), (3, 7))):
        n, alive = grid[0] * grid[1], list(range(grid[0] * grid[1]))
        for decision, (layer, share) in enumerate(((.25, .5), (.5, .25), (.75, None))):
            paid = Source(10 * seed + decision).probabilities(len(alive))
            counts = budgets if share is None else [int(share * n + .5)]
            yield case(f"{grid[0]} x {grid[1]}, layer at {layer}", grid,
                       [pick(k, best(paid, k), scores=[paid]) for k in counts], decision=decision, alive=alive,
                       requests=[request(paid, "layer", index_at(layer), rows="last")])
            alive = [alive[i] for i in sorted(best(paid, counts[-1]))]
