"""PACT, strategies.md 6.7: importance by the mean query and the norm, then distance-bounded density peaks on the keys,
and pruned tokens near a centre recovered into the mean."""
import math

import numpy as np

from fixture import Source, best, case, cosines, pick, request


def importance(q, k, rows, heads):
    d = q.shape[1] // heads
    total = np.zeros(len(q))
    for h in range(heads):
        logits = k[:, h * d:(h + 1) * d] @ q[:, h * d:(h + 1) * d].mean(axis=0) / math.sqrt(d)
        p = np.exp(logits - logits.max())
        total += p / p.sum()
    return total / heads * np.linalg.norm(rows, axis=1)


def select(score, keys, cap, tokeep, cutoff, dc=2, coef=1.5):
    n, distance = len(score), 1 - cosines(keys)
    some = sorted(best(score, max(1, math.floor(tokeep * n))))
    density = np.exp(-(distance[np.ix_(some, some)] / dc) ** 2).sum(axis=1)
    centres = []
    for i in best(density, len(some)):
        if len(centres) < cap and all(distance[some[i], c] > cutoff for c in centres):
            centres.append(some[i])
    members, order = {c: [c] for c in centres}, sorted(centres)
    for t in range(n):
        if t in members:
            continue
        near = order[int(np.argmin(distance[t, order]))]
        if t in some or distance[t, near] <= coef * cutoff:
            members[near].append(t)
    return centres, [[(m, 1 / len(members[c])) for m in members[c]] for c in centres]


def cases():
    for seed, grid, width, heads, settings in ((120, (2, 3), 4, 2, ((0.55, 0.21), (1, 0.5))),
                                               (121, (6, 8), 8, 2, ((0.55, 0.05), (0.8, 0.3), (0.55, 0.21)))):
        s, n = Source(seed), grid[0] * grid[1]
        q, k, rows = s.tensor(n, width), s.features(n, width, like=3), s.tensor(n, 6)
        score = importance(q, k, rows, heads)
        picks = [pick(cap, *select(score, k, cap, tokeep, cutoff), [score], {
            "allocator.tokeep": tokeep, "allocator.cutoff": cutoff}) for tokeep, cutoff in settings for cap in (n, 2)]
        per_head = k.reshape(n, heads, -1).mean(axis=1)
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=[
            request(q, what="q", heads="each"), request(k, what="k", heads="each"), request(per_head, what="k"),
            request(rows, what="hidden")])
