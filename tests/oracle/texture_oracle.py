#!/usr/bin/env python3
"""Texture13, "information", "perspectival", "fixed" and "tension" once more, in NumPy, on a picture made by a whole-number recipe.

usage: texture_oracle.py [--write]     checks tests/golden/texture13.txt, or writes it
The C++ tests compare the library with the same file, so neither side is judged by its own code. Exit 77 without numpy.
"""
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    print("SKIP: numpy is not installed")
    sys.exit(77)

H, W, R, C = 150, 203, 6, 9
THRESHOLDS = [4, 16]


def picture():
    y, x = np.mgrid[0:H, 0:W]
    noise = ((x * 7919 + y * 104729 + x * y * 31) % 61).astype(int)
    r = 230 - y // 3 - noise * (y > 110)
    g = 225 - x // 8 - noise * (x > 150)
    b = 210 - (x + y) // 10
    ink = ((y // 4) % 3 == 1) & (((x * 5 + (y // 2) * 3) // 3) % 4 < 2) & (x > 20) & (x < 120) & (y < 90)
    disc = (y - 60) ** 2 + (x - 165) ** 2 < 500
    r, g, b = np.where(ink, 20, r), np.where(ink, 30, g), np.where(ink, 70, b)
    r, g, b = np.where(disc, 210, r), np.where(disc, 60, g), np.where(disc, 40, b)
    return np.stack([r, g, b], -1).astype(np.int64)


def cells(n, length):
    border = [int(np.floor(k * length / n + 0.5)) for k in range(n + 1)]
    return [(min(border[i], length - 1), max(border[i] + 1, border[i + 1])) for i in range(n)]


def textures(im):
    r, g, b = im[..., 0], im[..., 1], im[..., 2]
    luma = (77 * r + 150 * g + 29 * b + 128) >> 8
    p = np.pad(luma, 1, mode="edge")
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    gx = sum(kernel[i, j] * p[i:i + H, j:j + W] for i in range(3) for j in range(3))
    gy = sum(kernel.T[i, j] * p[i:i + H, j:j + W] for i in range(3) for j in range(3))
    edge = (abs(gx) + abs(gy)) >> 3
    rg, by = (r - g).astype(float), (r + g) / 2.0 - b
    out = np.zeros((R, C, 13))
    boxes = [[(slice(*ys), slice(*xs)) for xs in cells(C, W)] for ys in cells(R, H)]
    for i in range(R):
        for j in range(C):
            s = boxes[i][j]
            jxx, jyy, jxy = (gx[s] ** 2).mean(), (gy[s] ** 2).mean(), (gx[s] * gy[s]).mean()
            histogram = np.histogram(edge[s], [0] + THRESHOLDS + [256])[0] / edge[s].size
            entropy = -sum(q * np.log2(q) for q in histogram if q > 0) / np.log2(3)
            out[i, j, :8] = [r[s].mean() / 255, g[s].mean() / 255, b[s].mean() / 255, (i + .5) / R, (j + .5) / C,
                             abs(gx[s]).mean() / 1020, abs(gy[s]).mean() / 1020,
                             np.hypot(jxx - jyy, 2 * jxy) / (jxx + jyy + 16 * 8.0 ** 2)]
            out[i, j, 12] = entropy
            for radius in (1, 2, 4):
                ring = [boxes[a][c] for a in range(max(0, i - radius), min(R, i + radius + 1))
                        for c in range(max(0, j - radius), min(C, j + radius + 1)) if (a, c) != (i, j)]
                around = lambda m: np.concatenate([m[q].ravel() for q in ring]).mean()
                out[i, j, 8] += np.sqrt((4 * ((rg[s] - around(rg)) ** 2 + (by[s] - around(by)) ** 2)).mean()) / (3 * 1020)
                out[i, j, 9] += np.sqrt(((luma[s] - around(luma)) ** 2).mean()) / (3 * 255)

                def amplitudes(xx, yy, xy):
                    return np.sqrt(np.maximum(0, [xx, (xx + yy) / 2 + xy, yy, (xx + yy) / 2 - xy]))
                excess = amplitudes(jxx, jyy, jxy) - amplitudes(around(gx ** 2), around(gy ** 2), around(gx * gy))
                out[i, j, 10] += np.maximum(0, excess).sum() / (3 * 4 * 1020)
    t = out.reshape(-1, 13)
    features = t[:, [0, 1, 2, 5, 6, 12]] * [.5, .5, .5, 3, 3, 1]
    distance = lambda point: ((features - point) ** 2).sum(1)
    centres = [features[distance(features.mean(0)).argmin()]]
    while len(centres) < 8:
        centres.append(features[np.min([distance(c) for c in centres], 0).argmax()])
    for _ in range(4):
        owner = np.argmin([distance(c) for c in centres], 0)
        centres = [features[owner == k].mean(0) if (owner == k).any() else centres[k] for k in range(8)]
    t[:, 11] = 0.5 * sum((owner == k).mean() * np.sqrt(distance(centres[k])) for k in range(8))
    return t


def information(t):
    s = t[:, 9]
    return t[:, 12] * (0.4 + 0.6 * s / (s + 0.12))


def perspectival(t):
    total, weights = 0, 0
    for column, gain in ((8, 1), (9, 1), (10, 1), (11, .5)):
        m = t[:, column]
        x = ((m - m.min()) / max(m.max() - m.min(), 0.02)).reshape(R, C)
        p = np.pad(x, 1, constant_values=-1)
        around = np.max([p[i:i + R, j:j + C] for i in range(3) for j in range(3)], 0)
        peaks = np.sort(x[(x == around) & (x > 0)])
        others = peaks[:-1].mean() if len(peaks) > 1 else 0
        w = gain * max(0.1, (1 - others) ** 2)
        total, weights = total + w * x.ravel(), weights + w
    return total / weights


def third_map():
    n = np.arange(R * C)
    return ((n * 37 + 11) % 101) / 101.0


def fixed(maps):
    return sum(w * (m - m.min()) / (m.max() - m.min()) for w, m in zip((.33, .33, .34), maps))


def tension(maps):
    def robust(x):
        s = np.sort(x)
        low, high = s[int(.02 * (len(x) - 1) + .5)], s[int(.98 * (len(x) - 1) + .5)]
        rank = np.array([(np.sum(x < v) + (np.sum(x == v) - 1) / 2) / (len(x) - 1) for v in x])
        return .75 * np.clip((x - low) / (high - low), 0, 1) + .25 * rank

    def trust(x):
        d = (x - x.mean()).reshape(R, C)
        moran = np.concatenate([(d[:, 1:] * d[:, :-1]).ravel(), (d[1:] * d[:-1]).ravel()]).mean() / x.var()
        return min(1, max(.1, moran, np.clip(((x.max() - x.mean()) / x.std() - 4) / 8, 0, 1)))
    i, p, q = map(robust, maps)
    share = .5 * trust(q) / (.5 * trust(q) + .5 * trust(i))
    return .6 * ((1 - share) * i + share * q) + .4 * (.75 * p + .25 * np.maximum(0, i - p))


def main():
    t = textures(picture())
    maps = [information(t), perspectival(t), third_map()]
    table = np.concatenate([t, np.stack(maps[:2] + [fixed(maps), tension(maps)], 1)], 1)
    golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "texture13.txt"
    if "--write" in sys.argv:
        with golden.open("w") as f:
            f.write(f"{H} {W} {R} {C} {table.shape[1]}\n")
            for row in table:
                f.write(" ".join(f"{v:.7f}" for v in row) + "\n")
        return 0
    stored = np.loadtxt(golden, skiprows=1)
    worst = abs(stored - table).max()
    print(f"texture_oracle: {table.size} values, largest difference from the golden {worst:.2e}: {'ok' if worst < 2e-7 else 'FAILED'}")
    return 0 if worst < 2e-7 else 1


if __name__ == "__main__":
    sys.exit(main())
