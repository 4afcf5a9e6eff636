"""VScan's first stage (arXiv 2505.22654): half local (a shallow block, capped by windows), half global (the last
block), dropped tokens averaged into the kept one most like them."""
import math

from fixture import Source, best, case, cosines, index_at, pick, request

QUARTER = index_at(1 / 4)


def select(shallow, last, grid, k, window=6):
    n, want = len(last), k // 2
    rows, cols = math.ceil(grid[0] / window), math.ceil(grid[1] / window)
    cap, count, local = math.ceil(want / (rows * cols)), {}, []
    for t in best(shallow, n):
        w = int((t // grid[1] + 0.5) * rows / grid[0]), int((t % grid[1] + 0.5) * cols / grid[1])
        if len(local) < want and count.get(w, 0) < cap:
            local.append(t)
            count[w] = count.get(w, 0) + 1
    local += [t for t in best(shallow, n) if t not in local][:want - len(local)]
    return local + [t for t in best(last, n) if t not in local][:k - want]


def averaged(kept, vision):
    rows = {t: [t] for t in sorted(kept)}
    targets = sorted(kept)
    for t in range(len(vision)):
        if t not in rows:
            rows[targets[best(cosines(vision[targets], vision[t][None])[:, 0], 1)[0]]].append(t)
    return [[(m, 1 / len(rows[t])) for m in rows[t]] for t in kept]


def cases():
    for seed, grid, width, budgets in ((110, (2, 3), 4, (1, 3, 6)), (111, (7, 8), 8, (6, 25, 50))):
        s, n = Source(seed), grid[0] * grid[1]
        shallow, last, vision = s.probabilities(n), s.probabilities(n), s.features(n, width, like=4)
        picks = []
        for k in budgets:
            for window in (6, 2):
                kept = select(shallow, last, grid, k, window)
                picks.append(pick(k, kept, averaged(kept, vision), [last], {"allocator.window": window}))
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[request(shallow, index=QUARTER), request(last)],
                   vision=vision)
