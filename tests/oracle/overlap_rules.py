"""Maps of an earlier look carried to other places, written again in NumPy: what tests/scorers/previous_test.cpp compares ours with.

usage: overlap_rules.py            compares tests/golden/overlap.txt with NumPy now; exit 1 on any mismatch, 77 without NumPy
       overlap_rules.py --write    writes the file

For each case six lines: "NAME rows cols rows' cols' radius decay", the earlier look's values, its kept tokens, the places now (row col rows
cols of each; none: the raster), the map now, and an empty line. The earlier look is a raster of rows x cols, the picture now rows' x cols'.
"""
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    print("overlap rules: skipped, no numpy")
    sys.exit(77)

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/overlap.txt"


def raster(rows, cols, tall=1.0, wide=1.0):
    """[N, 4]: top, left, bottom, right of each token, in units of the grid now."""
    r, c = np.mgrid[:rows, :cols]
    return np.stack([r * tall, c * wide, (r + 1) * tall, (c + 1) * wide], -1).reshape(-1, 4)


def shared(a, b):
    """[N, M]: area that places share."""
    side = lambda lo, hi: np.clip(np.minimum(a[:, None, hi], b[None, :, hi]) - np.maximum(a[:, None, lo], b[None, :, lo]), 0, None)
    return side(0, 2) * side(1, 3)


def carried(values, then, now):
    w = shared(now, then)
    return np.divide(w @ values, w.sum(1), out=np.zeros(len(now)), where=w.sum(1) > 0)


def inhibition(kept, then, now, radius, decay):
    area = np.prod(now[:, 2:] - now[:, :2], axis=1)
    cover = shared(now, then[kept]).sum(1) / area
    middle = lambda x: (x[:, :2] + x[:, 2:]) / 2
    far = np.abs(middle(now)[:, None] - middle(then[kept])[None]).max(-1)
    near = np.where((far <= radius) & (far > 0), decay ** far, 0)
    return 1 - np.minimum(1, np.maximum(cover, near.max(1, initial=0)))


def cases():
    rng = np.random.default_rng(5)
    for rows, cols, now_rows, now_cols, places in ((2, 2, 4, 4, 0), (3, 5, 7, 4, 0), (7, 4, 3, 5, 0), (4, 6, 4, 6, 0), (3, 5, 8, 8, 9), (1, 1, 5, 3, 0)):
        then = raster(rows, cols, now_rows / rows, now_cols / cols)
        now = raster(now_rows, now_cols)
        if places:
            size = rng.integers(4, 17, (places, 2)) / 8
            corner = np.round(rng.random((places, 2)) * ([now_rows, now_cols] - size) * 8) / 8
            order = np.lexsort((corner[:, 1] + size[:, 1] / 2, corner[:, 0] + size[:, 0] / 2))
            now = np.concatenate([corner, corner + size], 1)[order]
        values = np.round(rng.random(rows * cols) * 64) / 64
        kept = np.sort(rng.permutation(rows * cols)[:max(1, rows * cols // 3)])
        for radius, decay in ((0, 0.0), (1, 0.5), (3, 0.75)):
            head = f"{rows} {cols} {now_rows} {now_cols} {radius} {decay}"
            if radius == 0:
                yield "previous_relevance " + head, values, kept, now if places else None, carried(values, then, now)
                yield "previous_attention " + head, values, kept, now if places else None, carried(values, then, now)
            yield "inhibition " + head, values, kept, now if places else None, inhibition(kept, then, now, radius, decay)


def text():
    out = []
    for head, values, kept, now, expected in cases():
        boxes = [] if now is None else np.concatenate([now[:, :2], now[:, 2:] - now[:, :2]], 1).ravel()
        line = lambda xs: " ".join(f"{x:.9g}" for x in xs)
        out += [head, line(values), line(kept), line(boxes), line(expected), ""]
    return "\n".join(out)


if sys.argv[1:] == ["--write"]:
    GOLDEN.write_text(text())
else:
    same = GOLDEN.read_text() == text()
    print(f"overlap rules: {sum(1 for _ in cases())} maps, {'as stored' if same else 'NOT as stored'}")
    sys.exit(0 if same else 1)
