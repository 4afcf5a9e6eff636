"""VidCom2 (arXiv 2505.14454): on the calmer half of the channels, frames by how unlike the clip they are, inside a
frame the tokens least like its mean and the clip's."""
import numpy as np

from fixture import Source, best, case, frame_quotas, pick, unit

SCALES = [2.0 ** k for k in range(-3, 2)]


def likeness(x, centre):
    squares = ((x - centre) ** 2).sum(axis=-1)
    return sum(np.exp(-squares / (2 * a)) for a in SCALES)


def typical(vision, frames):
    """Likeness to the clip's mean and to the frame's, [frames, n] each."""
    calm = np.argsort(vision.var(axis=0), kind="stable")[:max(1, vision.shape[1] // 2)]
    x = unit(vision[:, calm]).reshape(frames, -1, len(calm))
    return likeness(x, x.mean(axis=(0, 1))), likeness(x, x.mean(axis=1, keepdims=True))


def select(vision, frames, k, temperature=.01, floor=1):
    clip, frame = typical(vision, frames)
    unique = -clip.mean(axis=1)
    p = np.exp((unique - unique.max()) / temperature)
    p /= p.sum()
    quota = frame_quotas(k, 1 + p - p.mean(), clip.shape[1], floor)
    return [f * clip.shape[1] + i for f, q in enumerate(quota) for i in best(-(clip + frame)[f], q)]


def cases():
    for seed, grid, frames, budgets in ((83, (2, 3), 1, (2, 5)), (84, (2, 3), 3, (2, 7)), (85, (3, 4), 6, (4, 20, 61))):
        vision = Source(seed).features(grid[0] * grid[1] * frames, 9, like=4)
        scores = [-sum(typical(vision, frames)).ravel()]
        picks = [pick(k, select(vision, frames, k, temperature, floor), scores=scores,
                      settings={"allocator.temperature": temperature, "allocator.floor": floor})
                 for k in budgets for temperature, floor in ((.01, 1), (.5, 0), (.1, 2))]
        yield case(f"{frames} x {grid[0]} x {grid[1]}", grid, picks, frames=frames, vision=vision)
