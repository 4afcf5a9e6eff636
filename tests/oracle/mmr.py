"""Compares primitives/mmr.hpp with the published rule in NumPy. usage: mmr.py PROGRAM

Carbonell, Goldstein 1998: of the tokens not chosen yet the one of greatest lambda relevance - (1 - lambda) max over the
chosen of similarity. Every step's maximum is computed anew from the whole matrix, in float64; before the first choice it
is -1. Equal gains go to the smaller index: half of the cases have quantised numbers, so that there are many. Tokens and
causes must be equal, gains to float32. Each case must come out otherwise when ties go to the larger index (where there
are ties), and when likeness does not count.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as e:
    print(f"skipped: needs {e.name}")
    sys.exit(77)

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import checks  # noqa: E402
from checks import check, problems  # noqa: E402

program = sys.argv[1]


def mmr(relevance, similarity, k, weight, last_of_equals=False):
    """[(token, gain)]"""
    relevance, similarity = relevance.astype(np.float64), similarity.astype(np.float64)
    chosen, out = [], []
    for _ in range(k):
        near = similarity[:, chosen].max(axis=1) if chosen else np.full(len(relevance), -1.0)
        gain = weight * relevance - (1 - weight) * near
        gain[chosen] = -np.inf
        best = np.flatnonzero(gain == gain.max())
        chosen.append(int(best[-1] if last_of_equals else best[0]))
        out.append((chosen[-1], gain[chosen[-1]]))
    return out


def causes(order, relevance):
    """score: the most relevant of those left, equal ones by the smaller index; coverage else."""
    left = sorted(range(len(relevance)), key=lambda i: (-relevance[i], i))
    out = []
    for t in order:
        out.append("score" if left[0] == t else "coverage")
        left.remove(t)
    return out


def run(work, relevance, similarity, k, weight):
    np.save(work / "similarity.npy", similarity)
    np.save(work / "relevance.npy", relevance)
    done = subprocess.run([program, work / "similarity.npy", work / "relevance.npy", str(k), repr(weight)], capture_output=True, text=True)
    return done.returncode, [line.split() for line in done.stdout.splitlines()], done.stderr


picks = told_apart = 0
with tempfile.TemporaryDirectory() as temporary:
    work = pathlib.Path(temporary)
    for case in range(120):
        rng = np.random.default_rng(case)
        n = int(rng.integers(1, 60))
        k = int(rng.integers(0, n + 1))
        weight = [0.0, 0.3, 0.5, 0.7, 1.0][case % 5]
        x = rng.normal(0, 1, (n, 5))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        similarity, relevance = x @ x.T, rng.random(n)
        if case % 2:
            similarity, relevance = np.round(similarity * 4) / 4, np.round(relevance * 4) / 4
        similarity, relevance = similarity.astype(np.float32), relevance.astype(np.float32)
        status, got, error = run(work, relevance, similarity, k, weight)
        wanted = mmr(relevance, similarity, k, weight)
        order = [t for t, _ in wanted]
        check(status == 0, f"case {case}: {error}")
        check([int(g[0]) for g in got] == order, f"case {case}: picks {[g[0] for g in got]}, expected {order}")
        check([np.float32(g[1]) for g in got] == [np.float32(g) for _, g in wanted], f"case {case}: gains")
        check([g[2] for g in got] == causes(order, relevance), f"case {case}: causes")
        check(all(a >= b for (_, a), (_, b) in zip(wanted, wanted[1:])), f"case {case}: a gain rose")
        picks += k
        others = [mmr(relevance, similarity, k, weight, last_of_equals=True), mmr(relevance, similarity, k, 1.0)]
        told_apart += sum([t for t, _ in o] != order for o in others)
    check(told_apart > 100, f"only {told_apart} of the other rules gave other tokens")
    for relevance, similarity, k, weight, text in (
            (np.ones(3, np.float32), np.eye(3, dtype=np.float32), 2, 1.5, "lambda: expected a number in [0, 1], got 1.5"),
            (np.ones(2, np.float32), np.eye(3, dtype=np.float32), 2, 0.5, "relevance: expected 3 values, got 2"),
            (np.array([1, np.nan, 0], np.float32), np.eye(3, dtype=np.float32), 2, 0.5, "relevance: expected finite values, got nan")):
        status, _, error = run(work, relevance, similarity, k, weight)
        check(status != 0 and text in error, f"expected '{text}', got {status}: {error}")

print(f"mmr: {checks.made} checks, {picks} picks, {told_apart} cases come out otherwise by other rules, {len(problems)} problems")
sys.exit(1 if problems else 0)
