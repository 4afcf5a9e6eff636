"""What the transcriptions share: small tensors by a recipe, cosines, and how a case is written down.

A case is one decision about one picture: the grid and what is looked at; its picks are what must come out, for several
budgets and settings. Everything that goes in is a float32 by value; a transcription computes in double.
"""
import importlib.util
import math
import pathlib
import random

import numpy as np


def method(name):
    """The transcription METHOD/METHOD.py as a module."""
    path = pathlib.Path(__file__).resolve().parent / name / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"method_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def index_at(share):
    """How a request writes a share of the depth as an index."""
    return -(1 << 20) - int(1024 * share)


class Source:
    """Multiples of 1/64 in [-2, 2], the same on every machine: random() is all that Python promises to repeat."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def tensor(self, *shape):
        return np.array([math.floor(self.random() * 257 - 128) / 64 for _ in range(math.prod(shape))]).reshape(shape)

    def features(self, n, width, like=0):
        """Rows around a common one; each `like`-th is nearly its predecessor."""
        rows = self.tensor(1, width) + self.tensor(n, width)
        for i in range(1, n):
            if like and i % like == 0:
                rows[i] = rows[i - 1] + self.tensor(width) / 16
        return rows

    def probabilities(self, n):
        """Multiples of 2^-20 that differ from each other and sum to less than 1."""
        values = set()
        while len(values) < n:
            values.add(1 + math.floor(self.random() ** 3 * (1 << 20) / n))
        values = list(values)
        return np.array([values.pop(math.floor(self.random() * len(values))) for _ in range(n)]) / (1 << 20)


def unit(x):
    norms = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.divide(x, norms, out=np.zeros_like(x), where=norms > 0)


def cosines(x, y=None):
    return unit(x) @ unit(x if y is None else y).T


def centred(x):
    """The mean token is subtracted before cosines are computed."""
    return x - x.mean(axis=0)


CENTRED = {"allocator.centred": "true"}


def best(values, k):
    """The k largest, first the largest; equal ones by the smaller index."""
    return [int(i) for i in np.argsort(-np.asarray(values), kind="stable")[:k]]


def apportion(total, weights, capacity):
    """Largest remainder: shares rounded down and clipped, then one at a time to whoever is owed most. No weights:
    equal ones."""
    weights = weights if weights.any() else np.ones(len(weights))
    exact = total * weights / weights.sum()
    share = np.minimum(np.floor(exact), capacity)
    order = np.argsort(share - exact, kind="stable")
    while share.sum() < total:
        for g in order:
            if share.sum() < total and share[g] < capacity[g]:
                share[g] += 1
    return share.astype(int)


def frame_quotas(total, weights, size, floor):
    """Quotas of equal frames: the floor each where the total holds it (else total / frames), the rest by weight."""
    floor = min(floor, total // len(weights))
    return floor + apportion(total - floor * len(weights), weights, np.full(len(weights), size - floor))


def min_max(x):
    return (x - x.min()) / (x.max() - x.min())


def array(x):
    x = np.asarray(x, dtype=float)
    return {"shape": list(x.shape), "values": [float(v) for v in x.ravel()]}


def request(values, site="tower", index=-1, what="received", rows="visual", **more):
    """An answer of the model's inside; heads, payers, rope where they are not the usual ones."""
    return {"site": site, "index": index, "what": what, "rows": rows, **more, **array(values)}


def short(x):
    """What comes out is compared to 1e-6."""
    return float(f"{x:.9g}")


def pick(budget, kept, merge=None, scores=None, settings=None, last=0):
    """What comes out for a budget: kept in any order, a list of (token, weight) for each of them, a map a scorer. `last`:
    what the decision behind it keeps."""
    order = np.argsort(kept)
    out = {"budget": budget, "kept": [int(kept[i]) for i in order]}
    if last:
        out["last"] = last
    if settings:
        out["settings"] = {name: str(value) for name, value in settings.items()}
    if scores is not None:
        out["scores"] = [[short(v) for v in s] for s in scores]
    if merge is not None:
        out["merge"] = [[[int(t), short(w)] for t, w in merge[i]] for i in order]
    return out


def case(name, grid, picks, *, requests=(), **features):
    """features: vision [N, D], question [Q, D], query [D], pixels [H, W, 3]; decision (from 0), alive (tokens of the
    grid) and frames (of a clip) where they are not the first, all and one."""
    out = {"name": name, "grid": list(grid)}
    for k, v in features.items():
        out[k] = v if k in ("decision", "alive", "frames") else array(v)
    return out | {"requests": list(requests), "picks": list(picks)}
