"""PixelPrune, strategies.md 11.2: a block is dropped when the block left of it, or above it, predicts it within tau; A
(left) predicts where C (up-left) lies at least as near to B (above) as to A, else B. The first block stays."""
import numpy as np

from fixture import Source, case, pick

SIDE = 6  # pixels of a block


def score(pixels, grid, tau=0, off="max"):
    block = {(r, c): pixels[r * SIDE:(r + 1) * SIDE, c * SIDE:(c + 1) * SIDE]
             for r in range(grid[0]) for c in range(grid[1])}
    how = {"max": np.max, "mean": np.mean, "rms": lambda d: np.sqrt(np.mean(d ** 2))}[off]
    out = []
    for r in range(grid[0]):
        for c in range(grid[1]):
            a, b, corner = block.get((r, c - 1)), block.get((r - 1, c)), block.get((r - 1, c - 1))
            guess = a if a is not None else b
            if a is not None and b is not None:
                guess = a if np.abs(corner - b).mean() <= np.abs(corner - a).mean() else b
            out.append(0 if guess is not None and how(np.abs(block[r, c] - guess)) <= tau else 1)
    return out


def page(seed, grid):
    """Paper with ruled lines, a few blocks of ink, and faint grain in one half."""
    random = Source(seed).random
    pixels = np.full((grid[0] * SIDE, grid[1] * SIDE, 3), 250.0)
    pixels[3::2 * SIDE] = 200
    pixels[:, 2 * SIDE + 2] = 120
    for _ in range(3):
        r, c = int(random() * grid[0]) * SIDE, int(random() * grid[1]) * SIDE
        ink = np.array([int(random() * 90) for _ in range(SIDE * SIDE * 3)])
        pixels[r:r + SIDE, c:c + SIDE] -= ink.reshape(SIDE, SIDE, 3)
    grain = np.array([int(random() * 4) for _ in range(SIDE * grid[1] * 3 * SIDE)]).reshape(SIDE, grid[1] * SIDE, 3)
    pixels[-SIDE:] -= grain
    return pixels


def cases():
    for seed, grid in ((90, (2, 3)), (91, (5, 6))):
        pixels = page(seed, grid)
        picks = []
        for tau, off in ((0, "max"), (3, "max"), (2, "mean"), (2, "rms"), (60, "max")):
            new = score(pixels, grid, tau, off)
            kept = [t for t, s in enumerate(new) if s]
            for budget in (len(new), 2):
                picks.append(pick(budget, kept[:budget], scores=[new], settings={
                    "scorers.duplicates.tolerance": tau, "scorers.duplicates.off": off}))
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, pixels=pixels)
