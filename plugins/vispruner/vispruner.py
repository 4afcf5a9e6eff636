"""VisPruner, strategies.md 5.4: half of the budget by attention of block -2, half by removing duplicates."""
import math

from fixture import Source, best, case, cosines, pick, request


def select(attention, vision, k, ratio=0.5):
    important = best(attention, math.floor(ratio * k))
    rest = [t for t in range(len(attention)) if t not in important]
    target = k - len(important)
    while target > 0 and len(rest) > target:
        even, odd = rest[::2], rest[1::2]
        likeness = cosines(vision[even], vision[odd]).max(axis=1)
        distinct = best(-likeness, len(even) - min(8, len(rest) - target, len(even)))
        rest = sorted([even[i] for i in distinct] + odd)
    return important + (rest if target > 0 else [])


def cases():
    for seed, grid, width, budgets in ((30, (2, 3), 4, (1, 2, 5, 6)), (31, (6, 9), 16, (5, 18, 40))):
        s, n = Source(seed), grid[0] * grid[1]
        attention, vision = s.probabilities(n), s.features(n, width, like=4)
        picks = [pick(k, select(attention, vision, k, ratio), scores=[attention],
                      settings={"allocator.important_ratio": ratio}) for k in budgets for ratio in (0.5, 0.25, 1.0)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(attention, index=-2)], vision=vision)
