"""SemVID (github.com/JiaqiLi404/SemVID): frames by likeness to the question's words and by motion; inside a frame one
token like its mean, objects word by word by maximal marginal relevance, then what moves."""
import numpy as np

from fixture import Source, apportion, best, case, cosines, frame_quotas, pick, unit


def frame_weights(vision, words, alpha=.7):
    means = unit(vision.mean(axis=1))
    like = np.sort(cosines(means, words), axis=1)[:, -2:].mean(axis=1)
    moved = np.zeros(len(vision))
    if len(vision) > 1:
        moved[1:] = np.linalg.norm(np.diff(means, axis=0), axis=1)
        moved[0] = moved[1]
    return alpha * np.maximum(0, like) + (1 - alpha) * moved


def motion(vision, f):
    beside = [np.linalg.norm(vision[f] - vision[o], axis=1) for o in (f - 1, f + 1) if 0 <= o < len(vision)]
    return np.mean(beside, axis=0) if beside else np.zeros(vision.shape[1])


def mmr(relevance, likeness, free, k, weight):
    picked = []
    while len(picked) < k:
        left = [i for i in free if i not in picked]
        gains = [weight * relevance[i] - (1 - weight) * max((likeness[i, p] for p in picked), default=-1) for i in left]
        picked.append(left[int(np.argmax(gains))])
    return picked


def inside(vision, f, words, quota, share=.6, weight=.9, beta=.5):
    x = vision[f]
    likeness, to_words = cosines(x), cosines(x, words)
    kept = [int(np.argmax(unit(x) @ unit(x.mean(axis=0))))]
    objects = int(np.floor(share * (quota - 1) + .5))
    present = np.maximum(0, to_words.max(axis=0))
    of_word = apportion(objects, present, np.full(len(words), objects))
    for w in best(present, len(words)):
        free = [i for i in range(len(x)) if i not in kept]
        kept += mmr(to_words[:, w], likeness, free, of_word[w], weight)
    free = [i for i in range(len(x)) if i not in kept]
    if free:
        m, s = motion(vision, f)[free], np.maximum(0, to_words.max(axis=1))[free]
        score = (1 - beta) * m / max(1e-6, m.max()) + beta * s / max(1e-6, s.max())
        kept += [free[i] for i in best(score, quota - len(kept))]
    return kept


def select(vision, frames, words, k, alpha=.7, share=.6, weight=.9, beta=.5, floor=1):
    x = vision.reshape(frames, -1, vision.shape[1])
    quota = frame_quotas(k, frame_weights(x, words, alpha), x.shape[1], floor)
    return [f * x.shape[1] + i for f, q in enumerate(quota) if q
            for i in inside(x, f, words, int(q), share, weight, beta)]


def cases():
    for seed, grid, frames, count, budgets in ((89, (2, 3), 1, 1, (2, 5)), (90, (2, 4), 3, 3, (2, 9, 20)),
                                               (91, (4, 5), 5, 4, (4, 30, 77))):
        s = Source(seed)
        vision, words = s.features(grid[0] * grid[1] * frames, 16), s.features(count, 16)
        picks = [pick(k, select(vision, frames, words, k, *settings), settings={
            f"allocator.{n}": v for n, v in zip(("alpha", "object", "lambda", "beta", "floor"), settings)})
                 for k in budgets for settings in ((.7, .6, .9, .5, 1), (0, .3, .5, 0, 0), (1, 1, .2, 1, 2))]
        yield case(f"{frames} x {grid[0]} x {grid[1]}", grid, picks, frames=frames, vision=vision, question=words)
