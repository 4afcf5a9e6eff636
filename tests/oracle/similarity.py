"""Compares core/similarity.hpp with NumPy. usage: similarity.py PROGRAM

1. Cosines against NumPy in float64, of the features themselves and of the centred ones: within 1e-6.
2. The bytes: the header's stated order written again in NumPy's float32, which rounds each product and each sum by
   itself. Unit rows from norms and means summed one after the other in float64; lane l sums columns l, l + 16, ...;
   lanes l and l + 8, then l + 4, l + 2, l + 1; cut off at -1 and 1.
3. Kept rows (N <= 4096) and rows on demand (N > 4096) are the same bytes.
Every comparison must also fail when NumPy sums in another order, so that equal bytes mean something.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as e:
    print(f"skipped: needs {e.name}")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import checks  # noqa: E402
from checks import check, problems  # noqa: E402

program = sys.argv[1]
LIMIT = 1e-6


def features(n, d, seed):
    """Rows around a common vector, as vision features lie; one of zeros, and two that are equal."""
    rng = np.random.default_rng(seed)
    x = (rng.normal(0, 1, (1, d)) * 3 + rng.normal(0, 1, (n, d)) * rng.uniform(0.1, 40, (n, 1))).astype(np.float32)
    if n > 3:
        x[1] = 0
        x[3] = x[2]
    return x


def in_order(x):
    """Sums along the last axis in float64, one after the other (np.sum adds pairwise)."""
    return np.cumsum(x, axis=-1)[..., -1]


def unit_rows(x, centred):
    wide = x.astype(np.float64)
    if centred:
        wide = wide - (in_order(wide.T) / len(x))[None]
    narrow = wide.astype(np.float32).astype(np.float64)
    norms = np.sqrt(in_order(narrow * narrow))[:, None]
    return np.divide(narrow, norms, out=np.zeros_like(narrow), where=norms > 0).astype(np.float32)


def by_lanes(unit, rows=None):
    n, d = unit.shape
    padded = np.zeros((n, -(-d // 16) * 16), np.float32)
    padded[:, :d] = unit
    out = []
    for a in padded if rows is None else padded[rows]:
        lanes = np.zeros((n, 16), np.float32)
        for i in range(0, padded.shape[1], 16):
            lanes = lanes + a[i:i + 16] * padded[:, i:i + 16]
        for half in (8, 4, 2, 1):
            lanes = lanes[:, :half] + lanes[:, half:2 * half]
        out.append(np.clip(lanes[:, 0], -1, 1))
    return np.stack(out)


def exact(x, centred):
    wide = x.astype(np.float64)
    if centred:
        wide = wide - wide.mean(0)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    wide = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0)
    return wide @ wide.T


def ours(folder, mode, x):
    np.save(folder / "in.npy", x)
    done = subprocess.run([program, mode, folder / "in.npy", folder / "out.npy"], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{mode} {list(x.shape)}: {done.stderr.strip()}")
    return np.load(folder / "out.npy")


def main():
    worst, cells, reordered = 0.0, 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for n, d in [(1, 1), (2, 5), (7, 16), (9, 17), (33, 64), (50, 100), (64, 1152), (40, 2048), (25, 2560)]:
            for mode in ("raw", "centred"):
                if n == 1 and mode == "centred":
                    continue  # one token is its own mean
                x = features(n, d, 1000 * n + d)
                label, got, centred = f"{mode} {n} x {d}", ours(folder, mode, x), mode == "centred"
                error = float(np.abs(got - exact(x, centred)).max())
                worst, cells = max(worst, error), cells + got.size
                check(error <= LIMIT, f"{label}: {error:.1e} from float64")
                unit = unit_rows(x, centred)
                wanted = by_lanes(unit)
                check(got.tobytes() == wanted.tobytes(), f"{label}: {int((got != wanted).sum())} of {got.size} differ")
                check(np.array_equal(got, got.T), f"{label}: not symmetric")
                reordered += d > 64 and not np.array_equal(got, np.stack([(unit * a).sum(1) for a in unit]))
        check(reordered == 8, f"another order gave the same bytes: {reordered} of 8 differ")
        x = features(4200, 24, 9)
        got, kept = ours(folder, "raw", x), ours(folder, "raw", x[:4096])
        rows = [0, 1, 2, 777, 4095]
        check(got[rows].tobytes() == by_lanes(unit_rows(x, False), rows).tobytes(), "on demand: other bytes")
        check(got[:4096, :4096].tobytes() == kept.tobytes(), "on demand and kept: other bytes")
    print(f"similarity: {checks.made} checks, {cells} cosines, at most {worst:.1e} from float64; "
          f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
