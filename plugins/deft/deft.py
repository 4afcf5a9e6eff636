"""DeFT, strategies.md 8.9: K + ceil(0.2 (N - K)) by attention received; at the middle layer K by the text's attention."""
import math

from fixture import Source, best, case, index_at, pick, request


def cases():
    for seed, grid, k in ((51, (4, 5), 3), (52, (6, 9), 11)):
        n = grid[0] * grid[1]
        wide = k + math.ceil(.2 * (n - k))
        received = Source(seed).probabilities(n)
        yield case(f"{grid[0]} x {grid[1]}, wide", grid, [pick(wide, best(received, wide), scores=[received])],
                   requests=[request(received, "tower", -1)])
        alive = sorted(best(received, wide))
        paid = Source(seed + 50).probabilities(wide)
        middle = index_at(1 / 2)
        yield case(f"{grid[0]} x {grid[1]}, again", grid, [pick(b, best(paid, b), scores=[paid]) for b in (1, k)],
                   decision=1, alive=alive, requests=[request(paid, "layer", middle, rows="text")])
