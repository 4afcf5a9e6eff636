"""Published selection rules written again in NumPy, on small inputs: what tests/allocators/selectors_test.cpp compares the allocators with.

usage: selection_rules.py            compares tests/golden/selectors.txt with NumPy now; exit 1 on any mismatch, 77 without NumPy
       selection_rules.py --write    writes the file

Every number is a multiple of 1/256, so that text holds it exactly; no choice hangs on less than 1e-5, so that rounding decides nothing.
A case: name, rows, cols, K, settings; relevance [N], features [N, D]; tokens in the order of choice, their causes and values.
"""
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    print("selection rules: skipped, no numpy")
    sys.exit(77)

golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "selectors.txt"
MARGIN = 1e-5


def first_best(values, free):
    """The smallest free index of the greatest value; no other free one nearly as good unless it is exactly as good."""
    best = max(values[i] for i in free)
    near = [i for i in free if values[i] > best - MARGIN]
    assert all(abs(values[i] - best) < 1e-12 for i in near), "a choice hangs on rounding"
    return min(near)


def by_relevance(r):
    return sorted(range(len(r)), key=lambda i: (-r[i], i))


def causes_by_step(order, r):
    free, out = by_relevance(r), []
    for t in order:
        out.append("score" if free[0] == t else "coverage")
        free.remove(t)
    return out


def min_max(r):
    return (r - r.min()) / (r.max() - r.min()) if r.max() > r.min() else np.ones(len(r))


def cosines(x):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


# --- one function a rule: (relevance, features, rows, cols, k, settings) -> order, causes, values -----------------------------------------


def farthest_point(r, x, rows, cols, k, core=0.0):
    """DivPrune: start at the token with the farthest nearest neighbour, then max-min; with a core: start at the core."""
    d = 1 - cosines(x)
    n = len(r)
    if core:
        order = by_relevance(r)[: max(1, int(core * k + 0.5))]
        values = [r[t] for t in order]
    else:
        nearest = [min(d[i, j] for j in range(n) if j != i) for i in range(n)]
        order = [first_best(nearest, range(n))]
        values = [nearest[order[0]]]
    causes = ["score" if core else "coverage"] * len(order)
    while len(order) < k:
        nearest = [min(d[i, j] for j in order) for i in range(n)]
        t = first_best(nearest, [i for i in range(n) if i not in order])
        order, values, causes = order + [t], values + [nearest[t]], causes + ["coverage"]
    return order, causes, values


def dpp_greedy(r, x, rows, cols, k, theta=0.0):
    """CDPruner: at every step the token that makes the determinant of the chosen kernel largest, by determinants themselves."""
    q = min_max(r)
    if theta:
        q = np.exp(theta / (2 * (1 - theta)) * q)
    kernel = q[:, None] * cosines(x) * q[None]
    kernel[np.arange(len(r)), np.arange(len(r))] = q * q
    order, values, before = [], [], 1.0
    while len(order) < k:
        gains = np.full(len(r), -1.0)
        for i in range(len(r)):
            if i not in order:
                s = order + [i]
                gains[i] = np.linalg.det(kernel[np.ix_(s, s)]) / before
        free = [i for i in range(len(r)) if i not in order]
        if max(gains[i] for i in free) < 1e-6:
            assert max(gains[i] for i in free) < 1e-8, "the end hangs on rounding"
            rest = [t for t in by_relevance(r) if t not in order][: k - len(order)]
            order, values = order + rest, values + [0.0] * len(rest)
            break
        t = first_best(gains, free)
        order, values, before = order + [t], values + [gains[t]], before * gains[t]
    return order, causes_by_step(order, r), values


def facility_location(r, x, rows, cols, k, power=1.0):
    """EADP's selection: at every step the token that raises F(S) = sum_i w_i max_j (1 + cos_ij) / 2 most, by F itself."""
    w = min_max(r) ** power
    likeness = (1 + cosines(x)) / 2
    worth = lambda s: float((w * likeness[:, s].max(axis=1)).sum()) if s else 0.0
    order, values = [], []
    while len(order) < k:
        free = [i for i in range(len(r)) if i not in order]
        gains = {i: worth(order + [i]) - worth(order) for i in free}
        t = first_best(gains, free)
        order, values = order + [t], values + [gains[t]]
    return order, causes_by_step(order, r), values


def nms(r, x, rows, cols, k, radius=1):
    order, waiting = [], by_relevance(r)
    while len(order) < k:
        silent = set()
        for t in list(waiting):
            if len(order) < k and t not in silent:
                order.append(t)
                waiting.remove(t)
                silent |= {i for i in range(rows * cols) if abs(i // cols - t // cols) <= radius and abs(i % cols - t % cols) <= radius}
    return order, causes_by_step(order, r), [r[t] for t in order]


def coverage_quota(r, x, rows, cols, k, down=4, across=4, share=0.5):
    block = lambda t: (int((t // cols + 0.5) * down / rows), int((t % cols + 0.5) * across / cols))
    left, kept, depth = int(share * k), set(), {}
    turns = []  # (round, place in the ranking, token)
    for place, t in enumerate(by_relevance(r)):
        depth[block(t)] = depth.get(block(t), 0) + 1
        turns.append((depth[block(t)], place, t))
    kept = {t for _, _, t in sorted(turns)[:left]}
    for t in by_relevance(r):
        if len(kept) < k:
            kept.add(t)
    order = [t for t in by_relevance(r) if t in kept]
    causes = ["score" if by_relevance(r)[i] == t else "floor" for i, t in enumerate(order)]
    return order, causes, [r[t] for t in order]


def context_floor(r, x, rows, cols, k, share=0.25):
    m = int(share * k + 0.5)
    order = []
    if m:
        lines = int((m * rows / cols) ** 0.5 + 0.5)
        lines = min(max(lines, -(-m // cols)), min(rows, m))
        for i in range(lines):
            places = (i + 1) * m // lines - i * m // lines
            order += [(2 * i + 1) * rows // (2 * lines) * cols + (2 * j + 1) * cols // (2 * places) for j in range(places)]
    rest = [t for t in by_relevance(r) if t not in order][: k - len(order)]
    return order + rest, ["floor"] * len(order) + ["score"] * len(rest), [r[t] for t in order + rest]


def adaptive_k(r, x, rows, cols, k, low=64, high=400, temperature=0.05):
    p = np.exp(r / temperature)
    p /= p.sum()
    h = -(p[p > 0] * np.log(p[p > 0])).sum()
    low, high = min(low, k), min(high, k)
    exact = low + (high - low) * h / np.log(len(r))
    assert low == high or r.max() == r.min() or abs(exact - round(exact)) > MARGIN, "the count hangs on rounding"
    order = by_relevance(r)[: high if r.max() == r.min() else int(exact)]
    return order, ["score"] * len(order), [r[t] for t in order]


def cumulative_mass(r, x, rows, cols, k, share=0.9):
    order, total = [], sum(max(v, 0.0) for v in r)
    for t in by_relevance(r):
        if order and (sum(max(r[i], 0.0) for i in order) >= share * total or r[t] <= 0):
            break
        order.append(t)
    order = order[:k]
    return order, ["score"] * len(order), [r[t] for t in order]


def threshold(r, x, rows, cols, k, least=0.5, low=1):
    order = [t for i, t in enumerate(by_relevance(r)) if (r[t] >= least or i < low) and i < k]
    return order, ["score"] * len(order), [r[t] for t in order]


def made():
    rng = np.random.default_rng(20261128)
    grain = lambda a: np.round(a * 256) / 256
    out = []
    for rule, settings in [(farthest_point, ()), (farthest_point, (0.6,)), (dpp_greedy, ()), (dpp_greedy, (0.5,)), (facility_location, ()), (facility_location, (2.0,)),
                           (nms, (1,)), (nms, (2,)), (coverage_quota, (4, 4, 0.5)), (coverage_quota, (2, 3, 1.0)), (context_floor, (0.25,)), (context_floor, (0.6,)),
                           (adaptive_k, (4, 30, 0.05)), (adaptive_k, (2, 400, 0.5)), (cumulative_mass, (0.9,)), (cumulative_mass, (0.3,)), (threshold, (0.5, 1)), (threshold, (0.97, 3))]:
        similar = rule in (farthest_point, dpp_greedy, facility_location)
        for rows, cols, k, width, ties in [(2, 3, 3, 4, False), (5, 7, 11, 12, False), (4, 9, 20, 8, False)] + ([] if similar else [(5, 7, 11, 1, True)]):
            n = rows * cols
            while True:  # until no choice hangs on rounding
                r = grain(rng.integers(0, 5, n) / 4 - 0.25 if ties else rng.uniform(0, 1, n))
                x = grain(rng.normal(0, 1, (n, width)) + rng.normal(0, 1, (1, width))) if similar else np.zeros((n, 0))
                try:
                    order, causes, values = rule(r, x, rows, cols, k, *settings)
                    break
                except AssertionError:
                    pass
            out.append((rule.__name__, rows, cols, k, settings, r, x, order, causes, values))
    return out


def text(cases):
    lines = []
    for name, rows, cols, k, settings, r, x, order, causes, values in cases:
        lines.append(f"{name} {rows} {cols} {k} {x.shape[1]} {len(settings)} " + " ".join(f"{float(s):g}" for s in settings))
        lines.append(" ".join(f"{v:.8f}" for v in r))
        lines.append(" ".join(f"{v:.8f}" for v in x.ravel()))
        lines.append(f"{len(order)} " + " ".join(map(str, order)))
        lines.append(" ".join(causes))
        lines.append(" ".join(f"{v:.6f}" for v in values))
    return "\n".join(lines) + "\n"


def main():
    now = text(made())
    if "--write" in sys.argv:
        golden.write_text(now)
        return 0
    had = golden.read_text()
    same = now.split() == had.split()
    print(f"selection rules: {now.count(chr(10)) // 6} cases, {'as stored' if same else 'NOT as stored'}")
    return 0 if same else 1


sys.exit(main())
