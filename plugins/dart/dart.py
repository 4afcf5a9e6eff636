"""DART, strategies.md 6.5: pivots by the L1 norm of their keys; each in turn keeps the tokens least like it."""
import math

import numpy as np

from fixture import Source, best, case, cosines, pick, request


def select(keys, rows, word_keys, words, k, images=4, texts=4):
    kept = best(np.abs(keys).sum(axis=1), min(images, k))
    pivots = [rows[t] for t in kept] + [words[t] for t in best(np.abs(word_keys).sum(axis=1), texts)]
    for i, pivot in enumerate(pivots):
        q = math.ceil((k - len(kept)) / (len(pivots) - i))
        free = [t for t in range(len(rows)) if t not in kept]
        likeness = cosines(rows[free], pivot[None])[:, 0]
        kept += [free[j] for j in best(-likeness, q)]
    return kept


def cases():
    for seed, grid, width, words, budgets in ((3, (2, 3), 4, 2, (1, 4, 6)), (4, (5, 8), 8, 7, (3, 10, 33))):
        s, n = Source(seed), grid[0] * grid[1]
        keys, rows = s.tensor(n, width), s.features(n, 2 * width)
        word_keys, word_rows = s.tensor(words, width), s.features(words, 2 * width)
        asked = [request(keys, "layer", 1, "k", heads="each"), request(rows, "layer", 2, "hidden"),
                 request(word_keys, "layer", 1, "k", "question", heads="each"),
                 request(word_rows, "layer", 2, "hidden", "question")]
        picks = [pick(k, select(keys, rows, word_keys, word_rows, k, images, texts), settings={
            "allocator.pivot_image_token": images, "allocator.pivot_text_token": texts})
                 for k in budgets for images, texts in ((4, 4), (2, 1))]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=asked)
