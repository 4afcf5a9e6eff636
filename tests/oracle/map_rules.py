"""Rules of scorers and balancers written again in NumPy, on small inputs: what tests/scorers/maps_test.cpp and tests/balancers/{fusion,temporal}_test.cpp
compare ours with.

usage: map_rules.py            compares tests/golden/scorers.txt, fusion.txt and temporal.txt with NumPy now; exit 1 on any mismatch, 77 without NumPy
       map_rules.py --write    writes the files

scorers.txt   "features NAME rows cols D Q settings": features [N, D], words [Q, D], the map [N]
              "pixels NAME height width rows cols settings": pixels in hex or "same" as before, the map [N]
fusion.txt    "NAME M N settings": maps [M, N], relevance [N]
temporal.txt  "frames rows cols D M settings": features [N, D], maps [M, N], relevance [N]
"""
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    print("map rules: skipped, no numpy")
    sys.exit(77)

folder = pathlib.Path(__file__).resolve().parent.parent / "golden"
rng = np.random.default_rng(11)


def grain(a):
    return np.round(np.asarray(a) * 64) / 64


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# --- features -----------------------------------------------------------------------------------------------------------------------------


def feature_norm(x, words, rows, cols, norm):
    return np.linalg.norm(x, ord={"l1": 1, "l2": 2}[norm], axis=1)


def novelty(x, words, rows, cols, source, radius):
    if source == "mean":
        return np.linalg.norm(x - x.mean(axis=0), axis=1)
    s = unit(x) @ unit(x).T
    if source == "all":
        return np.array([1 - np.mean([s[i, j] for j in range(len(x)) if j != i]) for i in range(len(x))])
    near = lambda i, j: i != j and abs(i // cols - j // cols) <= int(radius) and abs(i % cols - j % cols) <= int(radius)
    return np.array([1 - np.mean([s[i, j] for j in range(len(x)) if near(i, j)]) for i in range(len(x))])


def patch_max(x, words, rows, cols, over, centred):
    c = unit(x - x.mean(axis=0) if centred == "true" else x) @ unit(words).T
    return {"max": c.max(axis=1), "mean": c.mean(axis=1), "sum": c.sum(axis=1)}[over]


# --- pixels -------------------------------------------------------------------------------------------------------------------------------


def borders(cells, length):
    return [int(np.floor(i * length / cells + 0.5)) for i in range(cells + 1)]


def cut(plane, rows, cols):
    r, c = borders(rows, plane.shape[0]), borders(cols, plane.shape[1])
    return [[plane[r[i]:r[i + 1], c[j]:c[j + 1]] for j in range(cols)] for i in range(rows)]


def entropy(picture, rows, cols, of, bins, scales):
    p, bins = picture.astype(int), int(bins)
    luma = (77 * p[..., 0] + 150 * p[..., 1] + 29 * p[..., 2] + 128) >> 8
    level = luma
    if of == "gradient":
        q = np.pad(luma, 1, mode="edge")
        kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        shift = lambda i, j: q[i:i + luma.shape[0], j:j + luma.shape[1]]
        gx = sum(kernel[i, j] * shift(i, j) for i in range(3) for j in range(3))
        gy = sum(kernel.T[i, j] * shift(i, j) for i in range(3) for j in range(3))
        level = (abs(gx) + abs(gy)) >> 3
    blocks = cut(level, rows, cols)
    out = []
    for i in range(rows):
        for j in range(cols):
            values = []
            for s in range(int(scales)):
                pool = np.concatenate([blocks[a][b].ravel() for a in range(max(0, i - s), min(rows, i + s + 1)) for b in range(max(0, j - s), min(cols, j + s + 1))])
                share = np.histogram(pool, bins=bins, range=(0, 256))[0] / len(pool)
                share = share[share > 0]
                values.append(-(share * np.log(share)).sum() / np.log(bins))
            out.append(np.mean(values))
    return np.array(out)


def duplicates(picture, rows, cols, rule, tolerance):
    blocks = cut(picture.astype(int), rows, cols)
    equal = lambda a, b, t: a.shape == b.shape and abs(a - b).max() <= t
    if rule == "seen":
        flat = [b for line in blocks for b in line]
        return np.array([0.0 if any(equal(flat[i], flat[j], 0) for j in range(i)) else 1.0 for i in range(len(flat))])
    out = []
    for i in range(rows):
        for j in range(cols):
            if i and j:  # PixelPrune: which of the two does the corner resemble?
                a, b, c = blocks[i][j - 1], blocks[i - 1][j], blocks[i - 1][j - 1]
                common = lambda u, v: abs(u[:min(len(u), len(v)), :min(u.shape[1], v.shape[1])] - v[:min(len(u), len(v)), :min(u.shape[1], v.shape[1])]).mean()
                guess = a if common(c, b) <= common(c, a) else b
            else:
                guess = blocks[i][j - 1] if j else blocks[i - 1][j] if i else None
            out.append(0.0 if guess is not None and equal(blocks[i][j], guess, int(tolerance)) else 1.0)
    return np.array(out)


def largest_around(a, r):
    q = np.pad(a, r, mode="edge")
    return np.max([q[i:i + a.shape[0], j:j + a.shape[1]] for i in range(2 * r + 1) for j in range(2 * r + 1)], axis=0)


def without_long(ink, longest):
    """8-connected parts by flood fill; long ones that fill little of their box, or are thin, go."""
    out, seen = ink.copy(), np.zeros(ink.shape, bool)
    for start in zip(*np.nonzero(ink)):
        if seen[start]:
            continue
        part, stack = [], [start]
        seen[start] = True
        while stack:
            y, x = stack.pop()
            part.append((y, x))
            for i in range(max(0, y - 1), min(ink.shape[0], y + 2)):
                for j in range(max(0, x - 1), min(ink.shape[1], x + 2)):
                    if ink[i, j] and not seen[i, j]:
                        seen[i, j] = True
                        stack.append((i, j))
        h, w = (max(p[k] for p in part) - min(p[k] for p in part) + 1 for k in (0, 1))
        if max(h, w) > longest and (len(part) / (h * w) < 0.15 - 1e-9 or max(h, w) > 20 * min(h, w)):
            for p in part:
                out[p] = False
    return out


def text_likeness(picture, rows, cols, radius, scales, line):
    p = picture.astype(int)
    q = np.pad((77 * p[..., 0] + 150 * p[..., 1] + 29 * p[..., 2] + 128) >> 8, 1, mode="edge")
    tent = np.outer([1, 2, 1], [1, 2, 1])
    luma = (sum(tent[i, j] * q[i:i + p.shape[0], j:j + p.shape[1]] for i in range(3) for j in range(3)) + 8) >> 4
    best = np.zeros((rows, cols))
    for scale in range(int(scales)):
        r = int(radius) * 2 ** scale
        closing, opening = -largest_around(-largest_around(luma, r), r), largest_around(-largest_around(-luma, r), r)
        for hat in (closing - luma, luma - opening):
            quiet = np.sort([b.mean() for row_ in cut(hat, rows, cols) for b in row_])[(rows * cols - 1) // 4]
            ink = without_long((2 * hat > largest_around(hat, 16)) & (hat >= max(10, 3 * quiet)), 3 * p.shape[0] // rows)
            rim = np.pad(ink, 1)
            before = lambda dy, dx: rim[1 + dy:1 + dy + ink.shape[0], 1 + dx:1 + dx + ink.shape[1]]
            runs = [ink & ~before(*d) for d in ((0, -1), (-1, 0), (-1, -1), (-1, 1))]
            for i in range(rows):
                for j in range(cols):
                    block, levels = cut(ink, rows, cols)[i][j], cut(hat, rows, cols)[i][j]
                    if block.any():
                        s = 1024 * min(cut(m, rows, cols)[i][j].mean() for m in runs)
                        c = levels[block].mean()
                        best[i, j] = max(best[i, j], s / (s + 16) * (c / (c + 60)) ** 3)
    beside = np.pad(best, ((0, 0), (1, 1)))
    return (best + float(line) * (beside[:, :-2] + beside[:, 2:]) / 2).ravel()


# --- balancers ----------------------------------------------------------------------------------------------------------------------------


def min_max(m):
    return (m - m.min()) / (m.max() - m.min()) if m.max() > m.min() else np.ones(len(m))


def mean_ranks(m):
    """1 = greatest; equal values share their mean rank."""
    return np.array([(m > v).sum() + ((m == v).sum() + 1) / 2 for v in m])


def scaled(m, how):
    if how == "min_max":
        return min_max(m)
    return 1 - (mean_ranks(m) - 1) / (len(m) - 1) if m.max() > m.min() else np.ones(len(m))


def fixed(maps, how):
    w = np.array([0.33, 0.33] + [0.34 / max(1, len(maps) - 2)] * max(0, len(maps) - 2))[: len(maps)]
    return sum(a * scaled(m, how) for a, m in zip(w / w.sum(), maps))


def max_sum(maps, most, how):
    x = np.array([scaled(m, how) for m in maps])
    return float(most) * x.max(axis=0) + (1 - float(most)) * x.mean(axis=0)


def rank_fusion(maps, constant):
    first = sum(1 / (float(constant) + 1) for _ in maps)
    return sum(1 / (float(constant) + (mean_ranks(m) if m.max() > m.min() else np.ones(len(m)))) for m in maps) / first


def product_of_experts(maps, floor, how):
    x = np.array([float(floor) + (1 - float(floor)) * scaled(m, how) for m in maps])
    return np.prod(x, axis=0) ** (1 / len(maps))


def cautious(maps, uncertainty, radius):
    x = np.array([scaled(m, "min_max") for m in maps])
    r = x.mean(axis=0) + float(uncertainty) * x.std(axis=0)
    near = [r[max(0, i - int(radius)):i + int(radius) + 1].mean() for i in range(len(r))]  # tokens in one row
    return np.maximum(r, near)


def row(values):
    return " ".join(f"{v:.9g}" for v in np.ravel(values))


def scorers():
    lines = []
    for rows, cols, width, q in [(2, 3, 4, 2), (4, 5, 17, 6)]:
        x, words = grain(rng.normal(0.5, 1, (rows * cols, width))), grain(rng.normal(0, 1, (q, width)))
        for rule, settings in [(feature_norm, ["l2"]), (feature_norm, ["l1"]), (novelty, ["all", "1"]), (novelty, ["mean", "1"]), (novelty, ["around", "1"]), (novelty, ["around", "2"]),
                               (patch_max, ["max", "false"]), (patch_max, ["mean", "true"]), (patch_max, ["sum", "false"])]:
            lines += [f"features {rule.__name__} {rows} {cols} {width} {q} {' '.join(settings)}", row(x), row(words), row(rule(x, words, rows, cols, *settings))]
    white, first, second = np.full((16, 16, 3), 255), rng.integers(0, 2, (16, 16, 1)) * [200, 190, 250], rng.integers(90, 110, (16, 16, 3))
    noise, near = rng.integers(0, 256, (16, 16, 3)), white - rng.integers(0, 4, (16, 16, 3))
    copies = np.concatenate([np.concatenate(line, axis=1) for line in
             [[first, white, white, second], [first, white, second, second], [noise, near, first, first], [white, near, near, noise]]])
    odd = rng.integers(0, 256, (50, 61, 3))
    odd[10:30, 20:50] = 17
    for picture, rows, cols in [(copies, 4, 4), (odd, 3, 4)]:
        for rule, settings in [(entropy, ["intensity", "16", "1"]), (entropy, ["intensity", "32", "3"]), (entropy, ["gradient", "16", "2"]), (duplicates, ["seen", "0"]),
                               (duplicates, ["predicted", "0"]), (duplicates, ["predicted", "4"])]:
            lines += [f"pixels {rule.__name__} {picture.shape[0]} {picture.shape[1]} {rows} {cols} {' '.join(settings)}", "same" if settings != ["intensity", "16", "1"] else picture.astype(np.uint8).tobytes().hex(), row(rule(picture, rows, cols, *settings))]
    own = np.random.default_rng(12)
    page = np.full((97, 130, 3), 231) + own.integers(-6, 7, (97, 130, 1))
    page[:48, 70:] -= 190  # a dark panel: a long edge between them is no print
    for y, x, light in [(12, 8, False), (60, 70, False), (14, 84, True)]:  # letters of 9 by 5 px, strokes of 2
        for k in range(5):
            letter = np.kron(own.integers(0, 2, (4, 3)), np.ones((3, 2), int))[..., None]
            at = page[y:y + 12, x + 8 * k:x + 8 * k + 6]
            at += letter * (170 if light else -170)
    page[80:82, 10:120] = 30  # a rule
    for part in (np.s_[50:52, 2:128], np.s_[92:94, 2:128], np.s_[50:94, 2:4], np.s_[50:94, 126:128]):  # a frame
        page[part] = 30
    page[np.arange(54, 90), 10 + np.arange(36)] = page[np.arange(54, 90), 11 + np.arange(36)] = 60  # a long stroke aslant
    page = page.clip(0, 255)
    for settings in (["4", "1", "0.5"], ["2", "2", "0"], ["3", "1", "2"]):
        lines += [f"pixels text_likeness {page.shape[0]} {page.shape[1]} 3 4 {' '.join(settings)}", "same" if settings[0] != "4" else page.astype(np.uint8).tobytes().hex(),
                  row(text_likeness(page, 3, 4, *settings))]
    return "\n".join(lines) + "\n"


def fusion():
    lines = []
    for count, n, ties in [(1, 6, False), (2, 6, True), (3, 35, False), (5, 35, True)]:
        maps = grain(rng.integers(0, 5, (count, n)) / 4 if ties else rng.normal(0, 3, (count, n)))
        if count == 5:
            maps[2] = 0.5
        for rule, settings in [(fixed, ["min_max"]), (fixed, ["rank"]), (max_sum, ["0.5", "min_max"]), (max_sum, ["0.75", "rank"]), (rank_fusion, ["60"]), (rank_fusion, ["1"]),
                               (product_of_experts, ["0.01", "min_max"]), (product_of_experts, ["0.25", "rank"]), (cautious, ["0.3", "0"]), (cautious, ["0.75", "2"])]:
            lines += [f"{rule.__name__} {count} {n} {' '.join(settings)}", row(maps), row(rule(maps, *settings))]
    return "\n".join(lines) + "\n"


def temporal_realiser(x, maps, frames, rows, cols, decay, boost, radius, moved, cut, spread, scale):
    n, radius = rows * cols, int(radius)
    decay, boost, moved, cut, spread = map(float, (decay, boost, moved, cut, spread))
    around = [[j for j in range(n) if max(abs(j // cols - i // cols), abs(j % cols - i % cols)) == 1] for i in range(n)]
    rank = lambda m: np.array([(m < v).sum() + ((m == v).sum() - 1) / 2 for v in m]) / max(1, len(m) - 1)
    scaled = {"none": lambda m: m, "rank": rank, "min_max": lambda m: (m - m.min()) / np.ptp(m) if np.ptp(m) > 1e-12 else np.ones_like(m)}[scale]
    x, out = x / np.linalg.norm(x, axis=1, keepdims=True), []
    for f in range(frames):
        own = np.mean([np.clip(scaled(m[f * n:f * n + n]), 0, 1) for m in maps], axis=0)
        own = np.array([max([own[i]] + [spread * own[j] for j in around[i]]) for i in range(n)])
        if f > 0:
            likeness = x[f * n:f * n + n] @ x[f * n - n:f * n].T
            change = np.clip(1 - likeness.diagonal(), 0, 1)
            if (change > moved).mean() <= cut:
                source = np.arange(n)
                for i in range(n):
                    near = [j for j in range(n) if max(abs(j // cols - i // cols), abs(j % cols - i % cols)) <= radius]
                    best = max(near, key=lambda j: likeness[i, j])
                    if likeness[i, best] > likeness[i, i] + 1e-9:
                        source[i] = best
                own = decay * np.float32(out[-1])[source] + (1 - decay) * own + boost * change
        out.append(np.clip(own, 0, 1))
    return np.concatenate(out)


def temporal():
    rng = np.random.default_rng(12)
    lines = []
    for frames, rows, cols, count, settings in [(1, 2, 3, 1, "0.8 0.5 1 0.5 0.3 0 min_max"), (4, 1, 4, 1, "0.8 0.5 1 0.5 0.3 0 min_max"), (5, 3, 4, 2, "0.7 0.25 2 0.4 0.3 0 rank"),
                                                (5, 3, 4, 3, "0.9 1.5 1 0.5 1 0 none"), (4, 3, 3, 1, "0 0.5 1 0.5 0.3 0 min_max"), (4, 3, 3, 2, "0.8 0 0 0.1 0.5 0 min_max"),
                                                (6, 4, 3, 1, "0.75 0.3 1 0.5 0.25 0 none"), (3, 2, 2, 1, "0.9 4 64 0 0 0 none"),
                                                (5, 3, 4, 2, "0.8 0 2 0.5 0.3 0.5 none"), (4, 4, 3, 1, "0.5 0.25 1 0.5 0.3 1 rank")]:
        n = rows * cols
        first = rng.normal(0, 1, (n, 5))
        x = [first]
        for f in range(1, frames):  # some stay, some move by one, one pair is another shot
            x.append(rng.normal(0, 1, (n, 5)) if f == 3 else np.where(rng.random((n, 1)) < 0.7, x[-1], np.roll(x[-1], 1, axis=0)) + rng.normal(0, 0.1, (n, 5)))
        x, maps = grain(np.concatenate(x)), grain(rng.normal(0.5, 0.5, (count, frames * n)))
        lines += [f"{frames} {rows} {cols} 5 {count} {settings}", row(x), row(maps), row(temporal_realiser(x, maps, frames, rows, cols, *settings.split()))]
    return "\n".join(lines) + "\n"


def main():
    bad = 0
    for name, now in [("scorers.txt", scorers()), ("fusion.txt", fusion()), ("temporal.txt", temporal())]:
        if "--write" in sys.argv:
            (folder / name).write_text(now)
            continue
        had = (folder / name).read_text()
        close = lambda a, b: a == b or (len(a) < 100 and a.replace(".", "").replace("-", "").replace("e", "").isdigit() and abs(float(a) - float(b)) < 1e-7 * (1 + abs(float(b))))
        same = len(now.split()) == len(had.split()) and all(close(a, b) for a, b in zip(now.split(), had.split()))
        print(f"map rules: {name}: {'as stored' if same else 'NOT as stored'}")
        bad += not same
    return 1 if bad else 0


sys.exit(main())
