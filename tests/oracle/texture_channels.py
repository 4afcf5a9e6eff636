#!/usr/bin/env python3
"""Every named channel once more, in NumPy and by other ways where there are some, and the two older sketches in torch.

usage: texture_channels.py [--write]     checks tests/golden/texture_channels.txt, or writes it
The C++ tests compare the library with the same file, so neither side is judged by its own code. Exit 77 without numpy or torch.
"""
import pathlib
import sys

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
except ImportError as missing:
    print(f"SKIP: {missing.name} is not installed")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import texture_oracle as base  # noqa: E402

H, W, R, C = base.H, base.W, base.R, base.C
# (row, col, rows, cols) in tokens: some that are no raster's
IRREGULAR = [(0, 0, 2, 2), (1.5, 2.25, 1, 3), (0.25, 6, 0.5, 3), (3, 0, 3, 4.5), (4, 5, 1, 1)]


def windows(a, k, fill=None):
    """[H, W] -> [H, W, k, k] around each pixel; beyond the rim the rim again, or `fill`."""
    p = np.pad(a, k // 2, mode="edge") if fill is None else np.pad(a, k // 2, constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(p, (k, k))


def correlate(a, kernel):
    return np.einsum("yxij,ij->yx", windows(a, kernel.shape[0]).astype(float), kernel)


def linear(v):
    return np.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92)


def lab(rgb):
    """[..., 3] linear light -> CIELAB, D65."""
    m = np.array([[.412453, .357580, .180423], [.212671, .715160, .072169], [.019334, .119193, .950227]])
    t = rgb @ m.T / [.95047, 1, 1.08883]
    f = np.where(t > .008856, np.cbrt(t), 7.787 * t + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def entropy(values, edges, bits):
    q = np.histogram(values, edges)[0] / values.size
    return -(q[q > 0] * np.log2(q[q > 0])).sum() / bits


def overlap_mean(m, box):
    """Mean of a map over the whole picture [pixels / its cells] over a pixel box, by areas on a fine grid of weights."""
    def weights(n, length, b):
        lo, hi = b[0] * n / length, b[1] * n / length
        return np.clip(np.minimum(np.arange(n) + 1, hi) - np.maximum(np.arange(n), lo), 0, None)
    wy, wx = weights(m.shape[0], box[2][0], box[0]), weights(m.shape[1], box[2][1], box[1])
    return wy @ m @ wx / (wy.sum() * wx.sum())


def spectral(luma):
    cells = np.array([[luma[slice(*y), slice(*x)].mean() for x in base.cells(64, W)] for y in base.cells(64, H)])
    f = np.fft.fft2(cells)
    logs = np.log(np.maximum(abs(f), 1e-6))
    around = sum(np.roll(logs, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 9
    s = abs(np.fft.ifft2(np.where(abs(f) < 1e-6, 0, np.exp(logs - around + 1j * np.angle(f))))) ** 2
    taps = np.array([1, 8, 28, 56, 70, 56, 28, 8, 1]) / 256
    s = correlate(s, np.outer(taps, taps))
    return (s - s.min()) / (s.max() - s.min())


def slic(im):
    side = -(-max(H, W) // 192)
    gr, gc = -(-H // side), -(-W // side)
    light = linear(im / 255)
    colour = np.array([[light[r * side:(r + 1) * side, c * side:(c + 1) * side].reshape(-1, 3).mean(0) for c in range(gc)] for r in range(gr)])
    rows, cols = np.mgrid[0:gr, 0:gc]
    x = np.concatenate([lab(colour), rows[..., None], cols[..., None]], -1)
    s2 = max(1, gr * gc / 100)
    s = s2 ** .5
    nr, nc = max(1, int(gr / s + .5)), max(1, int(gc / s + .5))
    centres = np.array([x[(2 * i + 1) * gr // (2 * nr), (2 * j + 1) * gc // (2 * nc)] for i in range(nr) for j in range(nc)])
    for _ in range(5):
        d = np.stack([((x[..., :3] - k[:3]) ** 2).sum(-1) + 100 / s2 * ((x[..., 3:] - k[3:]) ** 2).sum(-1) for k in centres])
        for n, k in enumerate(centres):
            lo, hi = np.maximum(0, k[3:] - 2 * s).astype(int), (k[3:] + 2 * s).astype(int) + 1
            out = np.ones((gr, gc), bool)
            out[lo[0]:hi[0], lo[1]:hi[1]] = False
            d[n][out] = np.inf
        owner = d.argmin(0)
        centres = np.array([x[owner == n].mean(0) if (owner == n).any() else k for n, k in enumerate(centres)])
    members = np.bincount(owner.ravel(), minlength=len(centres))
    distance = np.sqrt(((x[..., 3:] - centres[owner][..., 3:]) ** 2).sum(-1)) / (2 * s)
    contrast = np.sqrt(((centres[owner][..., :3] - x[..., :3].reshape(-1, 3).mean(0)) ** 2).sum(-1)) / 100
    return side, [np.minimum(1, m) for m in (distance, members[owner] / (4 * s2), contrast)]


def planes(im):
    """Per-pixel material that every box is measured on."""
    p = {}
    luma = (77 * im[..., 0] + 150 * im[..., 1] + 29 * im[..., 2] + 128) >> 8
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    p["luma"], p["gx"], p["gy"] = luma, correlate(luma, sobel), correlate(luma, sobel.T)
    p["light"] = linear(im / 255)
    p["var"] = windows(luma, 5).astype(float).var((-1, -2))
    y, x = np.mgrid[-3:4, -3:4]
    for k, angle in enumerate((0, 45, 90, 135)):
        a = np.radians(angle)
        v = 256 * np.exp(-(x * x + y * y) / 8) * np.cos(2 * np.pi * (x * np.cos(a) - y * np.sin(a)) / 4)
        tap = np.where(v < 0, -np.floor(.5 - v), np.floor(v + .5))
        total = int(tap.sum())
        tap -= int(total / 49)
        tap[3, 3] -= total - int(total / 49) * 49
        p[f"gabor_{angle}"] = abs(correlate(luma, tap)) / (255 * tap[tap > 0].sum())

    def binomial(n):
        row = np.array([1.])
        for _ in range(n - 1):
            row = np.convolve(row, [.5, .5])
        return np.outer(row, row)
    dog = correlate(luma, binomial(5)) - correlate(luma, binomial(17))
    p["on"], p["off"] = np.maximum(0, dog) / 255, np.maximum(0, -dog) / 255
    p["black"] = windows(windows(luma, 9, 0).max((-1, -2)), 9, 255).min((-1, -2)) - luma
    p["top"] = luma - windows(windows(luma, 9, 255).min((-1, -2)), 9, 0).max((-1, -2))
    p["ink"] = (np.maximum(p["black"], p["top"]) >= 24).astype(int)
    strong = np.argwhere((abs(p["gx"]) + abs(p["gy"])).astype(int) >> 3 >= 16)
    distance = np.full((H, W), np.inf)
    ys, xs = np.mgrid[0:H, 0:W]
    for ey, ex in strong:  # the chamfer's closed form on open ground
        dy, dx = abs(ys - ey), abs(xs - ex)
        distance = np.minimum(distance, 3 * np.maximum(dy, dx) + np.minimum(dy, dx))
    p["distance"] = distance / (3 * max(H, W))
    p["spectral"] = spectral(luma)
    p["slic"] = slic(im)
    return p


def channels(im, p, box, place):
    (y0, y1), (x0, x1) = box
    s = (slice(y0, y1), slice(x0, x1))
    out = {"luma": p["luma"][s].mean() / 255, "saturation": (im[s].max(-1) - im[s].min(-1)).mean() / 255}
    l, a, b = lab(p["light"][s].reshape(-1, 3).mean(0))
    out.update(lab_l=l / 100, lab_a=(a + 128) / 255, lab_b=(b + 128) / 255)
    y = 2 * (place[0] + place[2] / 2) / R - 1
    x = 2 * (place[1] + place[3] / 2) / C - 1
    out.update(eccentricity=np.hypot(y, x) / 2 ** .5, polar_angle=np.arctan2(-y, x) / (2 * np.pi) + .5)
    gx, gy = p["gx"][s], p["gy"][s]
    out.update(sobel_x=gx.mean() / 1020, sobel_y=gy.mean() / 1020, sobel_abs=(abs(gx) + abs(gy)).mean() / 2040,
               sobel_magnitude=np.hypot(gx, gy).mean() / 1443)
    jxx, jyy, jxy = (gx * gx).mean(), (gy * gy).mean(), (gx * gy).mean()
    eigen = np.linalg.eigvalsh([[jxx, jxy], [jxy, jyy]])
    out.update(orientation=(np.arctan2(2 * jxy, jxx - jyy) / (2 * np.pi)) % 1,
               corner=np.sqrt(max(0, eigen[0] * eigen[1]) / (eigen.sum() + 1)) / 1020)
    edge = (abs(gx) + abs(gy)).astype(int) >> 3
    out.update(local_variance=np.sqrt(p["var"][s].mean()) / 127.5,
               intensity_entropy=entropy(p["luma"][s], np.arange(0, 257, 8), 5),
               gradient_entropy=entropy(edge, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256], np.log2(9)))
    whole = (box[0], box[1], (H, W))
    out["spectral_residual"] = overlap_mean(p["spectral"], whole)
    out.update({f"gabor_{k}": p[f"gabor_{k}"][s].mean() for k in (0, 45, 90, 135)})
    out.update(on_dog=p["on"][s].mean(), off_dog=p["off"][s].mean(), black_hat=p["black"][s].mean() / 255, top_hat=p["top"][s].mean() / 255)
    ink = p["ink"][s]
    rows, cols = abs(np.diff(ink, axis=1)).sum(), abs(np.diff(ink, axis=0)).sum()
    out.update(stroke_width=min(1, 2 * ink.sum() / (9 * max(1, rows + cols))), text_likeness=min(1, 8 * np.sqrt(rows * cols) / ink.size))
    out["edge_distance"] = p["distance"][s].mean()
    side, maps = p["slic"]
    for name, m in zip(("slic_distance", "slic_size", "slic_contrast"), maps):
        out[name] = overlap_mean(m, (box[0], box[1], (m.shape[0] * side, m.shape[1] * side)))
    return out


def sketches(im):
    """The older sketches on a grid of R x C, as their torch code has them; a batch of one."""
    image = torch.tensor(im / 255., dtype=torch.float64).permute(2, 0, 1)[None]
    middle = F.interpolate(image, size=(16 * R, 16 * C), mode="bilinear", align_corners=False)
    gray = (middle * torch.tensor([.299, .587, .114], dtype=torch.float64)[None, :, None, None]).sum(1, keepdim=True)
    k = torch.tensor([[-1., 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64)
    pool = lambda t: F.adaptive_avg_pool2d(t, (R, C))
    small = lambda t: F.interpolate(t, size=(R, C), mode="bilinear", align_corners=False)
    yy, xx = (t[None, None] for t in torch.meshgrid(torch.linspace(0, 1, R).double(), torch.linspace(0, 1, C).double(), indexing="ij"))
    gx, gy = F.conv2d(gray, k[None, None], padding=1), F.conv2d(gray, k.T[None, None], padding=1)
    mag = pool(torch.sqrt(gx ** 2 + gy ** 2))
    rgb = pool(middle)
    seed = torch.cat([rgb, yy, xx, pool(gx), pool(gy), mag, mag, mag, mag, rgb.var(1, keepdim=True), rgb.mean(1, keepdim=True)], 1)
    padded = F.pad(gray, (1, 1, 1, 1), mode="replicate")
    gx, gy = F.conv2d(padded, k[None, None] / 8), F.conv2d(padded, k.T[None, None] / 8)
    edges = [small(e) for e in (gx, gy, torch.sqrt(gx ** 2 + gy ** 2 + 1e-8))]
    edges = [(e - e.min()) / (e.max() - e.min() + 1e-8) for e in edges]
    lab_map = torch.tensor(lab(linear(middle[0].permute(1, 2, 0).numpy()))).permute(2, 0, 1)[None]
    light, red = small(lab_map[:, :1]) / 100, (small(lab_map[:, 1:2]) + 128) / 255
    ecc = torch.sqrt((yy - .5) ** 2 + (xx - .5) ** 2)
    repo = torch.cat([small(middle), light, red, *edges, yy, xx, ecc / ecc.max(), edges[2], light], 1)
    return [t[0].reshape(13, -1).T.numpy() for t in (seed, repo)]


def table():
    im = base.picture()
    p = planes(im)
    places = [(r, c, 1, 1) for r in range(R) for c in range(C)] + IRREGULAR

    def pixels(place, wide):
        out = []
        for at, size, n, length in ((place[0], place[2], R, H), (place[1], place[3], C, W)):
            more = size * (wide - 1) / 2
            lo, hi = max(0, at - more), min(n, at + size + more)
            a = min(max(0, int(np.floor(lo * length / n + .5))), length - 1)
            out.append((a, min(max(a + 1, int(np.floor(hi * length / n + .5))), length)))
        return tuple(out)
    names, rows = None, []
    for place in places:
        plain, wide = (channels(im, p, pixels(place, k), place) for k in (1, 3))
        row = {**plain, "luma.3": wide["luma"], "sobel_abs.3": wide["sobel_abs"], "intensity_entropy.3": wide["intensity_entropy"]}
        names = list(row)
        rows.append([row[n] for n in names])
    seen = [[np.ascontiguousarray(im[slice(*y), slice(*x)]).tobytes() + bytes([(x[1] - x[0]) % 256]) for y, x in [pixels(q, 1)]][0] for q in places[:R * C]]
    names.append("duplicate_block")
    for i, row in enumerate(rows):
        row.append(float(i < R * C and seen[i] in seen[:i]))
    return names, np.array(rows), sketches(im)


def main():
    names, values, sketch = table()
    golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "texture_channels.txt"
    lines = [f"{len(values)} {len(names)} {len(IRREGULAR)}", " ".join(names)] + [" ".join(f"{v:.7f}" for v in row) for row in values]
    for s in sketch:
        lines += [" ".join(f"{v:.7f}" for v in row) for row in s]
    if "--write" in sys.argv:
        golden.write_text("\n".join(lines) + "\n")
        return 0
    stored = golden.read_text().split("\n")
    number = lambda text: np.array([[float(v) for v in line.split()] for line in text if line])
    worst = max(abs(number(stored[2:2 + len(values)]) - values).max(), abs(number(stored[2 + len(values):]) - np.concatenate(sketch)).max())
    ok = stored[1] == lines[1] and worst < 2e-7
    print(f"texture_channels: {values.size} values of {len(names)} channels and 2 sketches, largest difference from the golden {worst:.2e}: {'ok' if ok else 'FAILED'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
