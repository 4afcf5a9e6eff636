"""GeoPrune, strategies.md 19.2: norm of the residual after the leading uncentred principal components, by power
iteration from a fixed start (the longest row that is left)."""
import numpy as np

from fixture import Source, best, case, pick


def score(vision, components=4, iterations=16):
    x = vision.copy()
    for _ in range(components):
        v = x[np.argmax((x ** 2).sum(axis=1))]
        if np.linalg.norm(v) <= 1e-12:
            break
        v = v / np.linalg.norm(v)
        for _ in range(iterations):
            v = x.T @ (x @ v)
            v = v / np.linalg.norm(v)
        x = x - np.outer(x @ v, v)
    return np.linalg.norm(x, axis=1)


def cases():
    for seed, grid, width, budgets in ((95, (2, 3), 4, (1, 4)), (96, (6, 8), 16, (6, 20, 47))):
        vision = Source(seed).features(grid[0] * grid[1], width, like=4)
        picks = []
        for k in budgets:
            for components, iterations in ((2, 16), (1, 3)) + (((4, 16),) if width > 4 else ()):
                s = score(vision, components, iterations)
                picks.append(pick(k, best(s, k), scores=[s], settings={
                    "scorers.geoprune.components": components, "scorers.geoprune.iterations": iterations}))
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, vision=vision)
