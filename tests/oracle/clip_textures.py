#!/usr/bin/env python3
"""Textures of clips: temporal_difference and flow against NumPy written from docs/video.md (Textures), other channels of each pair's first frame, scorers that read them, what is refused.

usage: clip_textures.py ARRCOC        exit 0 when all agrees, 1 on any mismatch, 77 without NumPy or Pillow
"""
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image
except ImportError:
    print("skipped: needs numpy and Pillow")
    sys.exit(77)

import checks
from checks import SMALL, check

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())


def luma(frame):
    r, g, b = (frame[..., k].astype(int) for k in range(3))
    return (77 * r + 150 * g + 29 * b + 128) >> 8


def pixels_of(cell, n, length):
    border = lambda at: math.floor(at * length / n + 0.5)
    begin = min(max(border(cell), 0), length - 1)
    return begin, min(max(border(cell + 1), begin + 1), length)


def area_mean(plane, begin, end, axis_length):
    """Weights of a plane's rows (or columns) under pixels [begin, end)."""
    n = plane
    lo, hi = begin * n / axis_length, end * n / axis_length
    w = np.clip(np.minimum(np.arange(n) + 1, hi) - np.maximum(np.arange(n), lo), 0, None)
    return w


def over_cells(plane, grid, size):
    out = np.zeros(grid)
    for r in range(grid[0]):
        for c in range(grid[1]):
            wr = area_mean(plane.shape[0], *pixels_of(r, grid[0], size[0]), size[0])
            wc = area_mean(plane.shape[1], *pixels_of(c, grid[1], size[1]), size[1])
            out[r, c] = wr @ plane @ wc / (wr.sum() * wc.sum())
    return out


def blocks(frame, grid):
    y, out = luma(frame), np.zeros((grid[0] * 8, grid[1] * 8), int)
    for r in range(out.shape[0]):
        r0, r1 = pixels_of(r, out.shape[0], y.shape[0])
        for c in range(out.shape[1]):
            c0, c1 = pixels_of(c, out.shape[1], y.shape[1])
            out[r, c] = y[r0:r1, c0:c1].sum() // ((r1 - r0) * (c1 - c0))
    return out


def flow(now, then, grid):
    a, b, out = blocks(now, grid), blocks(then, grid), np.zeros(grid)
    for r in range(grid[0]):
        for c in range(grid[1]):
            own, ways = a[8 * r:8 * r + 8, 8 * c:8 * c + 8], []
            for dy in range(-8, 9):
                for dx in range(-8, 9):
                    y, x = 8 * r + dy, 8 * c + dx
                    if 0 <= y <= b.shape[0] - 8 and 0 <= x <= b.shape[1] - 8:
                        ways.append((int(np.abs(own - b[y:y + 8, x:x + 8]).sum()), dy * dy + dx * dx))
            out[r, c] = math.sqrt(min(ways)[1]) / 8
    return out


def expected(channel, frames, grid):
    """[pairs, rows, cols] of a channel, pairs of two frames, the last of an odd count alone."""
    size, out = frames[0].shape[:2], []
    for k in range(0, len(frames), 2):
        if channel == "luma":
            out.append(over_cells(luma(frames[k]) / 255, grid, size))
            continue
        steps = [(i, i - 1) for i in range(k, min(k + 2, len(frames))) if i > 0]
        plane = (lambda i, j: np.abs(luma(frames[i]) - luma(frames[j])) / 255) if channel == "temporal_difference" else (lambda i, j: flow(frames[i], frames[j], grid))
        out.append(over_cells(sum(plane(i, j) for i, j in steps) / len(steps), grid, size))
    return np.array(out)


def film(height, width, count, seed):
    """Noise with a grain of some pixels, a patch of it that moves, and light that changes."""
    rng = np.random.default_rng(seed)
    ground = np.repeat(np.repeat(rng.integers(0, 200, (height // 4 + 1, width // 4 + 1, 3)), 4, 0), 4, 1)[:height, :width]
    patch = rng.integers(0, 255, (height // 4, width // 4, 3))
    out = []
    for i in range(count):
        frame = ground.copy()
        y, x = height // 3, i * width // 10 % (width - patch.shape[1])
        frame[y:y + patch.shape[0], x:x + patch.shape[1]] = patch
        if i == count - 1:
            frame = frame // 2
        out.append(frame.astype(np.uint8))
    return out


def run(*args, status=0):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    check(done.returncode == status, f"{' '.join(map(str, args))[-200:]}: exit {done.returncode}: {done.stderr[-400:]}")
    return done


def ask(top, frames, pipeline, status=0, ratio=0.25):
    dump = top / "dump"
    shutil.rmtree(dump, ignore_errors=True)
    done = run("answer", "-m", SMALL, "--video", frames, "--fps", 2, "-p", "When?", "--pipeline", pipeline, "--keep-ratio", ratio, "-n", 1, "-t", 1, "--dump", dump, "-q", status=status)
    return (np.load(dump / "relevance.npy"), np.load(dump / "kept.npy")) if status == 0 else done.stderr


def main():
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        for number, (height, width, count) in enumerate([(128, 160, 6), (150, 100, 5), (64, 200, 4)]):
            frames, folder = film(height, width, count, number), top / f"film{number}"
            folder.mkdir()
            for i, frame in enumerate(frames):
                Image.fromarray(frame).save(folder / f"{i}.png")
            for channel in ("temporal_difference", "flow", "luma"):
                got, kept = ask(top, folder, f"named:channels=temporal_difference+flow+luma/channel:of={channel}/fixed:scale=none/top_k/gather")
                got = got.reshape(-1, *got.shape[-2:])
                want = expected(channel, frames, got.shape[1:])
                check(got.shape == want.shape and np.abs(got - want).max() < 2e-6, f"{channel} of {height}x{width}: {np.abs(got - want).max() if got.shape == want.shape else got.shape}")
                order = np.lexsort((np.arange(got.size), -got.ravel()))[:got.size // 4]
                check(sorted(order.tolist()) == kept.tolist(), f"{channel} of {height}x{width}: the greatest are kept")
                if channel != "luma":
                    check(want.max() > 0.05 and want.min() < 0.01, f"{channel} of {height}x{width}: a film in which something moves and something does not")
        whole = ask(top, folder, "named:channels=flow/channel:of=flow/fixed:scale=none/full/gather")[0]
        first = ask(top, folder, "named:channels=flow+luma/channel:of=luma/fixed:scale=none/top_k/early@0.5%channel:of=flow/fixed:scale=none/top_k/gather")[0]
        alive = first > first.min()
        check(first.shape == whole.shape and np.abs(first[alive] - whole[alive]).max() == 0, "behind another decision: the same numbers, over who lives")
        for pipeline in ("three_ways", "texture13/contrast/fixed/top_k/gather", "named:channels=temporal_difference+flow+flow.3/contrast/fixed/frame_quota/gather",
                         "full40/contrast+frame_change/temporal/frame_quota/gather", "texture13/sobel/fixed/top_k/early"):
            kept = ask(top, folder, pipeline)[1]
            check(len(kept) == whole.size // 4, f"{pipeline}: {len(kept)} of {whole.size}")
        for pipeline, word in (("named:channels=depth/contrast/fixed/top_k/gather", "'depth' is filled from a file"), ("none/text_likeness/fixed/top_k/gather", "[text_likeness]"),
                               ("none/entropy/fixed/top_k/gather", "[entropy]"), ("texture13/channel:of=flow/fixed/top_k/gather", "'flow'")):
            err = ask(top, folder, pipeline, status=2)
            check(word in err and "E204" in err, f"{pipeline}: {err}")
        picture = run("answer", "-m", SMALL, "-i", folder / "0.png", "-p", "When?", "--pipeline", "named:channels=flow/channel:of=flow/fixed/top_k/gather", status=2)
        check("'flow' is filled from a file" in picture.stderr, f"a picture: {picture.stderr}")
    print(f"clip_textures: {checks.made} checks, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
