"""V-CAST (github.com/xinyouu/V-CAST): frames by the curvature of their means, inside a frame outliers of large norm."""
import numpy as np

from fixture import Source, best, case, cosines, frame_quotas, min_max, pick, unit


def score(vision, frames):
    parts = vision.reshape(frames, -1, vision.shape[1])
    return np.concatenate([1 - cosines(x, x.mean(axis=0)[None])[:, 0] + min_max(np.linalg.norm(x, axis=1))
                           for x in parts])


def weights(vision, frames, temperature=.7):
    steps = np.diff(unit(vision.reshape(frames, -1, vision.shape[1]).mean(axis=1)), axis=0)
    curvature = np.ones(frames)
    for t in range(1, frames - 1):
        curvature[t] = 1 - cosines(steps[t - 1:t], steps[t:t + 1])[0, 0]
    w = np.exp(curvature / temperature)
    return w / w.sum()


def select(vision, frames, k, temperature=.7, floor=1):
    s, n = score(vision, frames), len(vision) // frames
    quota = frame_quotas(k, weights(vision, frames, temperature), n, floor)
    return [f * n + i for f, q in enumerate(quota) for i in best(s[f * n:(f + 1) * n], q)]


def cases():
    for seed, grid, frames, budgets in ((80, (2, 3), 1, (2, 5)), (81, (2, 3), 2, (1, 7)), (82, (3, 4), 7, (3, 20, 71))):
        vision = Source(seed).features(grid[0] * grid[1] * frames, 8, like=4)
        picks = [pick(k, select(vision, frames, k, temperature, floor), scores=[score(vision, frames)],
                      settings={"allocator.temperature": temperature, "allocator.floor": floor})
                 for k in budgets for temperature, floor in ((.7, 1), (.1, 0), (.2, 2))]
        yield case(f"{frames} x {grid[0]} x {grid[1]}", grid, picks, frames=frames, vision=vision)
