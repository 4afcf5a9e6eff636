"""PriorTR, strategies.md 19.2: P log(P / Q), P the question's mean row, Q that of <|vision_end|>, over their sums."""
import numpy as np

from fixture import Source, best, case, pick, request


def cases():
    for seed, grid, budgets in ((17, (2, 3), (1, 3, 5)), (18, (5, 9), (4, 22, 44))):
        s, n = Source(seed), grid[0] * grid[1]
        question, end = s.probabilities(n), s.probabilities(n)
        p, q = question / question.sum(), end / end.sum()
        score = p * np.log(p / q)
        yield case(f"{grid[0]} x {grid[1]}", grid, [pick(k, best(score, k), scores=[score]) for k in budgets],
                   requests=[request(question, "layer", 3, rows="question"),
                             request(end, "layer", 3, rows="vision_end")])
