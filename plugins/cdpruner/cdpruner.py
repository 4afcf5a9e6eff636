"""CDPruner, strategies.md 7.1 and 2.5: mean cosine with the question, then the greedy determinant of its kernel."""
import numpy as np

from fixture import Source, best, case, cosines, min_max, pick


def select(vision, words, k, weight, theta=0.):
    relevance = cosines(vision, words).mean(axis=1)
    r = min_max(relevance)
    if theta:
        r = np.exp(theta / (2 * (1 - theta)) * r)
    s = cosines(vision)
    kernel = (1 - weight) * s + weight * r[:, None] * s * r[None]
    # The determinant of every larger set is asked directly: no incremental factor, as ours has.
    kept = []
    while len(kept) < k:
        gains = np.full(len(vision), -np.inf)
        for i in range(len(vision)):
            if i not in kept:
                some = kernel[np.ix_(kept, kept)]
                beside = kernel[np.ix_(kept, [i])]
                gains[i] = kernel[i, i] - (beside.T @ np.linalg.solve(some, beside)).item() if kept else kernel[i, i]
        if gains.max() <= 1e-6:
            break
        kept.append(int(np.argmax(gains)))
    return relevance, kept + [t for t in best(relevance, len(vision)) if t not in kept][:k - len(kept)]


def cases():
    for seed, grid, width, budgets in ((15, (2, 3), 8, (1, 3)), (16, (5, 7), 16, (4, 12))):
        s = Source(seed)
        vision, words = s.features(grid[0] * grid[1], width), s.features(3, width)
        picks = []
        for k in budgets:
            for weight, theta in ((1., 0.), (.5, 0.), (1., .4)):
                relevance, kept = select(vision, words, k, weight, theta)
                picks.append(pick(k, kept, scores=[relevance],
                                  settings={"allocator.weight": weight, "allocator.theta": theta}))
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, vision=vision, question=words)
