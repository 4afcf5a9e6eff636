"""FlowCut's score in its port to Qwen (arXiv 2505.19536): softmax of the mean query over keys times the L1 norm of the
head-mean value, accumulated as c = 0.5 c + 0.5 s over every second block."""
import math

import numpy as np

from fixture import Source, best, case, pick, request


def score(blocks, heads, decay=0.5):
    total = None
    for q, k, v in blocks:
        d = v.shape[1]
        a = np.zeros(len(q))
        for h in range(heads):
            logits = k[:, h * d:(h + 1) * d] @ q[:, h * d:(h + 1) * d].mean(axis=0) / math.sqrt(d)
            p = np.exp(logits - logits.max())
            a += p / p.sum() / heads
        s = a * np.abs(v).sum(axis=1)
        total = s if total is None else decay * total + (1 - decay) * s
    return total


def cases():
    heads = 2
    for seed, grid, width, budgets in ((140, (2, 3), 4, (1, 4)), (141, (5, 6), 8, (6, 25))):
        s, n = Source(seed), grid[0] * grid[1]
        blocks = [(s.tensor(n, width), s.tensor(n, width), s.tensor(n, width // heads)) for _ in range(3)]
        asked = [request(x, index=index, what=what, **more) for index, block in zip((-5, -3, -1), blocks)
                 for x, what, more in zip(block, "qkv", ({"heads": "each"}, {"heads": "each"}, {}))]
        picks = []
        for count, decay in ((2, 0.5), (3, 0.25), (1, 0.5)):
            flow = score(blocks[3 - count:], heads, decay)
            picks += [pick(k, best(flow, k), scores=[flow], settings={
                "scorers.flowcut.blocks": count, "scorers.flowcut.decay": decay}) for k in budgets]
        yield case(f"{grid[0]} x {grid[1]}", grid, picks, requests=asked)
