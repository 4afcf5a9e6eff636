"""VisionZip, strategies.md 5.3: dominant tokens by attention received in block -2; evenly spaced targets of the rest,
to which the others are added as a mean, by the cosine of their head-mean keys."""
import math

from fixture import Source, best, case, cosines, pick, request


def select(attention, keys, k, dominant=54, contextual=10, combine="add"):
    k_c = min(k - 1, math.floor(k * contextual / (dominant + contextual) + 0.5))
    kept = best(attention, k - k_c)
    rest = [t for t in range(len(attention)) if t not in kept]
    targets = [rest[i * (len(rest) // k_c)] for i in range(k_c)]
    members = {t: [] for t in targets}
    for t in rest:
        if targets and t not in members:
            likeness = cosines(keys[targets], keys[t][None])[:, 0]
            members[targets[best(likeness, 1)[0]]].append(t)
    merge = [[(t, 1.0)] for t in kept]
    for t in targets:
        size = len(members[t])
        if combine == "mean":
            merge.append([(m, 1 / (size + 1)) for m in [t, *members[t]]])
        else:
            merge.append([(t, 1.0)] + [(m, 1 / size) for m in members[t]])
    return kept + targets, merge if targets else None


def cases():
    for seed, grid, width, budgets in ((10, (2, 3), 4, (1, 4, 6)), (11, (7, 8), 8, (9, 20, 40))):
        s, n = Source(seed), grid[0] * grid[1]
        attention, keys = s.probabilities(n), s.features(n, width, like=6)
        picks = []
        for k in budgets:
            for combine, contextual in (("add", 10), ("mean", 30)):
                kept, merge = select(attention, keys, k, contextual=contextual, combine=combine)
                picks.append(pick(k, kept, merge, [attention], {
                    "allocator.combine": combine, "allocator.contextual": contextual}))
        yield case(f"{grid[0]} x {grid[1]}", grid, picks,
                   requests=[request(attention, index=-2), request(keys, index=-2, what="k")])
