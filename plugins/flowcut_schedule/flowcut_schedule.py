"""FlowCut's schedule (strategies.md 4.3, arXiv 2505.19536): behind a block with R blocks left, round((n - T) / sqrt(R)
(1 - h^2)) of n tokens go, h the entropy of the mean query's attention over log n, T those that stay in the end; the
scores are flowcut's, over who lives."""
import math

import numpy as np

from fixture import Source, best, case, method, pick, request


def attention(q, k, heads):
    d, a = q.shape[1] // heads, np.zeros(len(q))
    for h in range(heads):
        logits = k[:, h * d:(h + 1) * d] @ q[:, h * d:(h + 1) * d].mean(axis=0) / math.sqrt(d)
        p = np.exp(logits - logits.max())
        a += p / p.sum() / heads
    return a


def staying(q, k, heads, left, target):
    n, a = len(q), attention(q, k, heads)
    h = -(a * np.log(a + 1e-7)).sum() / math.log(n)
    return max(target, n - round((n - target) / math.sqrt(left) * (1 - h * h)))


def asked(blocks, first):
    return [request(x, index=first + 2 * i, what=what, **more) for i, block in enumerate(blocks)
            for x, what, more in zip(block, "qkv", ({"heads": "each"}, {"heads": "each"}, {}))]


def cases():
    heads, score = 2, method("flowcut").score
    for seed, grid, width, spread, targets in ((150, (2, 3), 4, 1, (1, 4)), (151, (5, 6), 8, 2, (4, 15, 30))):
        s, n = Source(seed), grid[0] * grid[1]
        blocks = [(spread * s.tensor(n, width), spread * s.tensor(n, width), s.tensor(n, width // heads))
                  for _ in range(2)]
        flow, picks = score(blocks[:1], heads), []
        for target in targets:
            for left in (1, 2, 6):
                k = staying(*blocks[0][:2], heads, left, target)
                picks.append(pick(n, best(flow, k), scores=[flow], last=target, settings={"allocator.left": left}))
            picks.append(pick(n, best(flow, target), last=target, settings={"allocator.left": 0}))
        counts = {len(p["kept"]) for p in picks}
        assert len(counts) > len(targets), counts
        yield case(f"{grid[0]} x {grid[1]}, between blocks", grid, picks, requests=asked(blocks[:1], 1))
        alive = sorted(best(flow, staying(*blocks[0][:2], heads, 2, targets[0])))
        blocks = [tuple(x[alive] for x in block) for block in blocks]
        both = score(blocks, heads)
        yield case(f"{grid[0]} x {grid[1]}, behind the tower", grid,
                   [pick(targets[0], best(both, targets[0]), scores=[both])], decision=1, alive=alive,
                   requests=asked(blocks, -3))
