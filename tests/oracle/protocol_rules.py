"""Two columns class by class in NumPy, by the rules of docs/sweep.md: for what `arrcoc compare --protocol` and the report's page say."""
import collections
import math

from sweep import Z, effective, groups_of, np, paired  # exits 77 itself

Z80 = 0.8416212335729143
KEYS = ("n", "n_effective", "difference", "low", "high", "p")


def holm(values):
    """Step-down: the k-th smallest of m times m - k, never below an earlier one, at most 1."""
    order, out, most = sorted(range(len(values)), key=lambda i: values[i]), [0] * len(values), 0
    for k, i in enumerate(order):
        most = out[i] = max(most, min(1, (len(values) - k) * values[i]))
    return out


def student(t, degrees):
    """P(|T| <= t) by Simpson's rule over the density."""
    x = np.linspace(0, t, 20001)
    scale = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(degrees * math.pi)
    y = scale * (1 + x * x / degrees) ** (-(degrees + 1) / 2)
    return 2 * (t / 20000) / 3 * (y[0] + y[-1] + 4 * y[1:-1:2].sum() + 2 * y[2:-1:2].sum())


def student_point(wanted, degrees):
    low, high = 0, 20
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student(middle, degrees) < wanted else (low, middle)
    return high


def of_class(x, y, picture):
    """Scores of A and of B by question -> the paired difference, p before Holm, and what would have been detected (None: nothing varies)."""
    d = {i: y[i] - x[i] for i in x}
    out = dict(zip(KEYS, paired(y, x, picture)))
    varies = np.var(list(d.values())) > 0
    out["detectable"] = min(1, (Z + Z80) * math.sqrt(np.var(list(d.values()), ddof=1) / effective(groups_of(d, picture)))) if varies else None
    return out


def mean_of(classes, picture):
    """[what of_class gave, differences by question] of the classes that were scored -> difference, low, high, p."""
    totals = collections.defaultdict(float)
    for _, d in classes:
        for i, v in d.items():
            totals[picture[i]] += (v - np.mean(list(d.values()))) / (len(classes) * len(d))
    mean, t = np.mean([np.mean(list(d.values())) for _, d in classes]), np.array(list(totals.values()))
    error = math.sqrt(len(t) / (len(t) - 1) * (t ** 2).sum())
    if error > 1e-12:
        half, p = student_point(0.95, len(t) - 1) * error, 1 - student(abs(mean) / error, len(t) - 1)
        low, high = mean - half, mean + half
    else:
        low, high = (np.mean([c[k] for c, _ in classes]) for k in ("low", "high"))
        p = 1 if mean == 0 else 2.0 ** (1 - len(t))
    return dict(difference=float(mean), low=float(max(-1, low)), high=float(min(1, high)), p=float(p))
