"""Rules that give regions their tokens written again in NumPy, on small inputs: what tests/allocators/tiers_test.cpp compares ours with.

usage: tier_rules.py            compares tests/golden/tiers.txt with NumPy now; exit 1 on any mismatch, 77 without NumPy
       tier_rules.py --write    writes the file

A case: rows, cols, B, tiers, thresholds, region, pooled, share, relative, by, power, widths, regions; relevance [N]; the regions as row0 col0 row1 col1 tokens; the kept
tokens in the order of choice, their causes and values. Every relevance is a multiple of 1/64; no choice hangs on less than 1e-5.
"""
import itertools
import pathlib
import sys

try:
    import numpy as np
except ImportError:
    print("tier rules: skipped, no numpy")
    sys.exit(77)

golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "tiers.txt"
MARGIN = 1e-5


def clear(values):
    """No two values nearly but not exactly equal."""
    v = np.sort(np.asarray(list(values), float))
    gaps = np.diff(v)
    assert np.all((gaps < 1e-12) | (gaps > MARGIN)), "a choice hangs on rounding"


def cuts(n, region):
    parts = min(max(int(n / region ** 0.5 + 0.5), 1), n)
    return [i * n // parts for i in range(parts + 1)]


def pool(values, how, share):
    v = np.sort(values)[::-1]
    return {"mean": v.mean(), "max": v[0], "top": v[: int(np.ceil(share * len(v) - 1e-9))].mean()}[how]


def quarters(box):
    """Of a box cut in its middle, those with a cell."""
    a, b, c, d = box
    y, x = sorted({a, (a + c) // 2, c}), sorted({b, (b + d) // 2, d})
    return [(y[i], x[j], y[i + 1], x[j + 1]) for i in range(len(y) - 1) for j in range(len(x) - 1)]


def leaves(r, region, limit, value):
    """Cut again and again, always the box whose quarters differ most; recursion and sets of boxes, no lists of tokens."""
    area = lambda b: (b[2] - b[0]) * (b[3] - b[1])
    boxes = {(0, 0, *r.shape)}
    while True:
        can = [b for b in boxes if area(b) > 1 and min(map(area, quarters(b))) * 4 >= region]
        if not can:
            return sorted(boxes)
        uneven = {b: np.ptp([value(q) for q in quarters(b)]) for b in can}
        clear(uneven.values())
        most = max(uneven.values())
        cut = min((b for b in can if uneven[b] > most - 1e-12), key=lambda b: (-area(b), b))
        if len(boxes) + len(quarters(cut)) - 1 > limit:
            return sorted(boxes)
        boxes = boxes - {cut} | set(quarters(cut))


def knapsack(worth, ladders, limit):
    """Every choice of steps tried; the best sum must be the only one."""
    found = {}
    for steps in itertools.product(*(range(len(l)) for l in ladders)):
        if sum(l[s] for l, s in zip(ladders, steps)) <= limit:
            found[steps] = float(np.dot(worth, steps))
    best = max(found.values())
    among = [s for s, v in found.items() if v > best - MARGIN]
    # Regions of no worth change no sum: those that spend least.
    spent = {s: sum(l[k] for l, k in zip(ladders, s)) for s in among}
    assert all(found[s] > best - 1e-12 for s in among), "a choice hangs on rounding"
    least = [s for s in among if spent[s] == min(spent.values())]
    assert len(least) == 1, "no clear best"
    return list(least[0])


def tiers(r, rows, cols, budget, tiers, thresholds, region, pooled, share, relative, by, power, widths, regions_are):
    r = np.asarray(r).reshape(rows, cols)
    rc, cc = cuts(rows, region), cuts(cols, region)
    boxes = [(rc[i], cc[j], rc[i + 1], cc[j + 1]) for i in range(len(rc) - 1) for j in range(len(cc) - 1)]
    if regions_are == "quadtree":
        boxes = leaves(r, region, len(boxes), lambda b: pool(r[b[0]:b[2], b[1]:b[3]].ravel(), pooled, share))
    worth = np.array([pool(r[a:c, b:d].ravel(), pooled, share) for a, b, c, d in boxes])
    if relative:
        worth = (worth - worth.min()) / (worth.max() - worth.min()) if worth.max() > worth.min() else np.ones(len(worth))
    clear(worth)
    ladders = [[0] + sorted({min(t, (c - a) * (d - b)) for t in tiers}) for a, b, c, d in boxes]
    has = []
    for w, ladder in zip(worth, ladders):
        x = min(max(w, 0.0), 1.0)
        if by == "thresholds":
            assert all(abs(x - t) > MARGIN or x == t for t in thresholds)
            step = 1 + sum(x >= t for t in thresholds)
        elif by == "power":
            wanted = tiers[0] + (tiers[-1] - tiers[0]) * x ** power
            assert all(abs(wanted - t) > 1e-3 or x in (0, 1) for t in tiers)
            step = sum(t <= wanted for t in tiers)
        elif by == "exponential":
            wanted = tiers[0] * (tiers[-1] / tiers[0]) ** x
            assert all(abs(wanted - t) > 1e-3 or x in (0, 1) for t in tiers)
            step = sum(t <= wanted + 1e-9 for t in tiers)
        elif by == "blend":
            weights = np.exp(-((tiers[-1] * x - np.array(tiers)) ** 2) / (2 * np.array(widths) ** 2))
            wanted = (weights * tiers).sum() / weights.sum()
            off = np.abs(np.array(tiers) - wanted)
            clear(off)
            step = 1 + int(off.argmin())
        else:
            step = 1
        has.append(min(step, len(ladder) - 1))
    total = lambda: sum(l[h] for l, h in zip(ladders, has))
    regions = range(len(boxes))

    def choose(of, value, last=False):
        clear([value(i) for i in of])
        best = max(value(i) for i in of)
        among = [i for i in of if value(i) > best - 1e-12]
        return among[-1] if last else among[0]

    limit = min(budget, rows * cols)
    if by == "knapsack":
        has[:] = knapsack(worth, ladders, limit)
    while total() > limit:  # down: least worth per token freed, then whole regions
        above = [i for i in regions if has[i] > 1]
        if above:
            i = choose(above, lambda i: -worth[i] / (ladders[i][has[i]] - ladders[i][has[i] - 1]), last=True)
        else:
            i = choose([i for i in regions if has[i]], lambda i: -worth[i], last=True)
        has[i] -= 1
    fits = lambda i: has[i] + 1 < len(ladders[i]) and total() + ladders[i][has[i] + 1] - ladders[i][has[i]] <= limit
    while any(has[i] == 0 and fits(i) for i in regions):
        has[choose([i for i in regions if has[i] == 0 and fits(i)], lambda i: worth[i])] += 1
    while any(fits(i) for i in regions):
        value = (lambda i: worth[i]) if by == "best" else (lambda i: worth[i] / (ladders[i][has[i] + 1] - ladders[i][has[i]]))
        has[choose([i for i in regions if fits(i)], value)] += 1
    tokens = [l[h] for l, h in zip(ladders, has)]
    if not any(tokens):
        tokens[int(np.argmax(worth))] = limit
    order, causes, values = [], [], []
    free = sorted(range(rows * cols), key=lambda t: (-r.ravel()[t], t))
    for i in sorted(regions, key=lambda i: (-worth[i], i)):
        if tokens[i]:
            a, b, c, d = boxes[i]
            for t in sorted((y * cols + x for y in range(a, c) for x in range(b, d)), key=lambda t: (-r.ravel()[t], t)):
                causes.append("score" if free[0] == t else "coverage")
                free.remove(t)
                order.append(t)
                values.append(worth[i])
    return [(*b, t) for b, t in zip(boxes, tokens) if t], order, causes, values


def made():
    rng = np.random.default_rng(20261129)
    small, edge = ([1, 2, 4, 6], [0.3, 0.5, 0.8], [0.5, 0.5, 1, 1.5]), ([64, 100, 160, 256, 400], [0.2, 0.4, 0.6, 0.8], [20, 25, 40, 50, 60])
    three = ([1, 3, 6], [0.3, 0.7], [0.5, 1, 1.5])
    out = []
    for (list_, thresholds, widths), rows, cols, region, budgets in [(small, 6, 8, 9, (1, 2, 5, 9, 17, 25, 33, 48)), (small, 5, 7, 4, (3, 12, 20, 30)), (small, 1, 12, 4, (4, 9)),
                                                                   (edge, 32, 48, 256, (40, 300, 700, 1536)), (three, 9, 12, 12, (6, 20, 33))]:
        for budget in budgets:
            for pooled, share, relative, by, power, ties, regions_are in [
                    ("mean", 0.1, True, "thresholds", 2.0, False, "even"), ("max", 0.1, False, "power", 2.0, False, "even"), ("top", 0.3, True, "best", 2.0, False, "even"),
                    ("top", 0.1, False, "thresholds", 2.0, True, "even"), ("mean", 0.1, True, "power", 0.5, False, "even"), ("mean", 0.1, True, "exponential", 2.0, False, "even"),
                    ("top", 0.3, True, "blend", 2.0, False, "even"), ("mean", 0.1, True, "knapsack", 2.0, False, "even"), ("top", 0.3, True, "thresholds", 2.0, False, "quadtree"),
                    ("mean", 0.1, False, "knapsack", 2.0, False, "quadtree")]:
                if rows * cols > 1000 and ties or by == "knapsack" and (len(cuts(rows, region)) - 1) * (len(cuts(cols, region)) - 1) > 9:
                    continue  # every choice is tried
                for _ in range(2000):
                    n = rows * cols
                    blob = np.add.outer(np.sin(np.arange(rows) * rng.uniform(0.1, 1)), np.cos(np.arange(cols) * rng.uniform(0.1, 1))).ravel() / 4 + 0.5
                    r = np.round((rng.integers(0, 5, n) / 4 - 0.25 if ties else blob * rng.uniform(0, 1, n)) * 64) / 64
                    settings = (list_, thresholds, region, pooled, share, relative, by, power, widths, regions_are)
                    try:
                        out.append((rows, cols, budget, settings, r, *tiers(r, rows, cols, budget, *settings)))
                        break
                    except AssertionError:
                        pass
                else:
                    raise SystemExit(f"no clear case for {rows} {cols} {budget} {pooled} {by}")
    return out


def text(cases):
    lines = []
    for rows, cols, budget, (list_, thresholds, region, pooled, share, relative, by, power, widths, regions_are), r, regions, order, causes, values in cases:
        joined = lambda x: "+".join(f"{v:g}" for v in x)
        lines.append(f"{rows} {cols} {budget} {joined(list_)} {joined(thresholds)} {region} {pooled} {share:g} {int(relative)} {by} {power:g} {joined(widths)} {regions_are}")
        lines.append(" ".join(f"{v * 64:.0f}" for v in r))
        lines.append(f"{len(regions)} " + " ".join(str(v) for g in regions for v in g))
        many = len(order) > 100  # of large cases: a few
        at = range(0, len(order), 97) if many else range(len(order))
        lines.append(f"{len(order)} {len(at)} " + " ".join(f"{i} {order[i]} {causes[i]} {values[i]:.6f}" for i in at))
    return "\n".join(lines) + "\n"


def main():
    now = text(made())
    if "--write" in sys.argv:
        golden.write_text(now)
        return 0
    same = now.split() == golden.read_text().split()
    print(f"tier rules: {now.count(chr(10)) // 4} cases, {'as stored' if same else 'NOT as stored'}")
    return 0 if same else 1


sys.exit(main())
