"""EADP as corrected, strategies.md 5.10: negated cosines, words of least entropy, a smoothed map, facility location."""
import numpy as np

from fixture import Source, case, cosines, min_max, pick


def smooth(x):
    """3 x 3 Gaussian, sigma 1, borders reflected without repeating them."""
    one = np.exp(-np.array([-1., 0., 1.]) ** 2 / 2)
    kernel = np.outer(one, one) / one.sum() ** 2
    wide = np.pad(x, 1, mode="reflect")
    return sum(kernel[i, j] * wide[i:i + x.shape[0], j:j + x.shape[1]] for i in range(3) for j in range(3))


def relevance(vision, words, grid, sign):
    s = sign * cosines(words, vision)
    p = np.exp(100 * s - (100 * s).max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    h = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
    clear = np.argsort(h, kind="stable")[:max(1, int(.2 * len(words)))]
    w = np.exp(-(h[clear] - h[clear].min()) / .01)
    w /= w.sum()
    m = .5 * sign * cosines(words.mean(axis=0, keepdims=True), vision)[0] + .5 * w @ s[clear]
    return smooth(min_max(m).reshape(grid)).ravel()


def cover(vision, weights, k):
    like, kept = (cosines(vision) + 1) / 2, []
    while len(kept) < k:
        now = like[kept].max(axis=0) if kept else np.zeros(len(vision))
        gains = (weights * np.maximum(0, like - now)).sum(axis=1)
        gains[kept] = -np.inf
        kept.append(int(np.argmax(gains)))
    return kept


def cases():
    for seed, grid, words, budgets in ((21, (2, 3), 3, (1, 3)), (22, (5, 7), 11, (4, 12))):
        s = Source(seed)
        vision, e = s.features(grid[0] * grid[1], 16), s.features(words, 16)
        picks = []
        for k in budgets:
            for sign, beta in ((-1, 2.), (1, 2.), (-1, 1.)):
                r = relevance(vision, e, grid, sign)
                picks.append(pick(k, cover(vision, r ** beta, k), scores=[r],
                                  settings={"scorers.eadp.sign": sign, "allocator.beta": beta}))
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, vision=vision, question=e)
