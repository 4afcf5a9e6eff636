"""MMTok, strategies.md 7.4: maximum coverage of words and of tokens, likeness by softmax, greedily."""
import numpy as np

from fixture import Source, case, cosines, pick


def softmax(x):
    p = np.exp(x - x.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def select(vision, words, k, text=.5, tau_text=.02, tau_vision=.2):
    tables = [(text, softmax(cosines(words, vision) / tau_text)), (1 - text, softmax(cosines(vision) / tau_vision))]
    kept = []
    while len(kept) < k:
        gains = np.zeros(len(vision))
        for weight, table in tables:
            now = table[:, kept].max(axis=1) if kept else np.zeros(len(table))
            gains += weight * np.maximum(0, table - now[:, None]).mean(axis=0)
        gains[kept] = -np.inf
        kept.append(int(np.argmax(gains)))
    return kept


def cases():
    for seed, grid, words, budgets in ((23, (2, 3), 2, (1, 4)), (24, (5, 7), 6, (4, 15))):
        s = Source(seed)
        vision, e = s.features(grid[0] * grid[1], 16), s.features(words, 16)
        picks = [pick(k, select(vision, e, k, text), settings={"allocator.text": text})
                 for k in budgets for text in (.5, .9)]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, vision=vision, question=e)
