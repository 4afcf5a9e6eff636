"""PruMerge and PruMerge+, strategies.md 5.2: outliers of the attention of the mean query (1.2) over full-width keys of
the last block; each has the attention-weighted sum of its 32 most similar others added; one token sums up the rest."""
import numpy as np

from fixture import Source, best, case, cosines, pick, request


def attention_of(q, k):
    logits = k @ q.mean(axis=0) / np.sqrt(k.shape[1])
    p = np.exp(logits - logits.max())
    return p / p.sum()


def select(attention, keys, cap, neighbours=32, uniform=False):
    n = len(attention)
    q1, q3 = np.percentile(attention, [25, 75])
    outliers = max(1, int((attention > q3 + 1.5 * (q3 - q1)).sum()))
    centres = best(attention, outliers)
    if uniform:
        stride = max(1, int(1 / (outliers / n) + 1e-9) // 3)
        sample = [t for t in range(0, n, stride) if t not in centres]
        centres += sorted(sample, key=lambda t: -attention[t])
    rest = cap > 1 and len(centres) < n
    centres = centres[:cap - rest]
    merge = []
    for c in centres:
        likeness = cosines(keys, keys[c][None])[:, 0]
        likeness[c] = -2
        merge.append([(c, 1.0)] + [(t, attention[t]) for t in best(likeness, min(neighbours, n - 1))])
    if rest:
        left = [t for t in range(n) if t not in centres]
        centres = centres + [left[best(attention[left], 1)[0]]]
        merge.append([(t, attention[t]) for t in left])
    return centres, merge


def cases(uniform=False):
    for seed, grid, width, budgets in ((20, (2, 3), 4, (1, 2, 6)), (21, (6, 7), 8, (4, 30))):
        s, n = Source(seed), grid[0] * grid[1]
        q, k = s.tensor(n, width), s.tensor(n, width)
        k[[1, n // 2, n - 2]] += 2 * q.mean(axis=0) / np.linalg.norm(q.mean(axis=0))
        k = np.round(k * 64) / 64
        attention = attention_of(q, k)
        picks = []
        for budget in budgets:
            for neighbours in (32, 3) if budget > 4 else (3,):
                kept, merge = select(attention, k, budget, neighbours, uniform)
                picks.append(pick(budget, kept, merge, [attention], {"allocator.neighbours": neighbours}))
        yield case(f"{grid[0]} x {grid[1]}", grid, picks,
                   requests=[request(q, what="q", heads="each"), request(k, what="k", heads="each")])
