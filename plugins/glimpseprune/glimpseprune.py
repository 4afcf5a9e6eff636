"""GlimpsePrune's predictor (strategies.md 9.1, arXiv 2508.01548) as train.py trains it for a small model: the heads'
logits of the prompt's last row, fused in four steps with features of the tower, to a probability; the rule of the
network and of the threshold."""
import numpy as np

from fixture import Source, best, case, index_at, pick, request

DEPTHS = 1 / 4, 1 / 2, 3 / 4
LAYER = 0.64


def logits(q, k, heads, shared):
    """q [heads d], k [N, shared d] -> [N, heads], over the head's own share of the picture."""
    d, out = len(q) // heads, []
    for h in range(heads):
        own = h // (heads // shared) * d
        x = k[:, own:own + d] @ q[h * d:(h + 1) * d] / np.sqrt(d)
        out.append(x - x.max() - np.log(np.exp(x - x.max()).mean()))
    return np.stack(out, axis=1)


def normed(x):
    return (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-6)


def probabilities(weights, paid, features):
    """paid [N, heads]; features: the deepest first, each [N, D]."""
    a = paid @ weights["in.weight"].T + weights["in.bias"]
    for i, f in enumerate(features):
        u = np.concatenate([normed(a), normed(f) @ weights[f"{i}.condition.weight"].T], axis=1)
        gate = u @ weights[f"{i}.gate.weight"].T
        a = a + (gate / (1 + np.exp(-gate)) * (u @ weights[f"{i}.up.weight"].T)) @ weights[f"{i}.down.weight"].T
    return 1 / (1 + np.exp(-(a @ weights["out.weight"][0] + weights["out.bias"][0])))


def shapes(heads, tower, merged, width, condition, inner):
    out = {"in.weight": (width, heads), "in.bias": (width,), "out.weight": (1, width), "out.bias": (1,)}
    for i, d in enumerate((merged, tower, tower, tower)):
        out |= {f"{i}.condition.weight": (condition, d), f"{i}.gate.weight": (inner, width + condition),
                f"{i}.up.weight": (inner, width + condition), f"{i}.down.weight": (width, inner)}
    return out


def cases():
    from safetensors.numpy import load_file
    import pathlib
    weights = {n: w.astype(float) for n, w in load_file(pathlib.Path(__file__).parent / "fixture.safetensors").items()}
    heads, shared, d = weights["in.weight"].shape[1], 2, 3
    widths = [weights[f"{i}.condition.weight"].shape[1] for i in range(4)]
    for seed, grid in ((180, (2, 3)), (181, (6, 9))):
        s, n = Source(seed), grid[0] * grid[1]
        q, k = s.tensor(heads * d), s.tensor(n, shared * d)
        features = [s.features(n, w) for w in widths]
        score = probabilities(weights, logits(q, k, heads, shared), features)
        above = int((score >= .5).sum())
        assert 0 < above < n
        asked = [request(q[None], "layer", index_at(LAYER), what="q", rows="last", heads="each"),
                 request(k, "layer", index_at(LAYER), what="k", heads="each"),
                 *(request(f, "tower", index_at(depth), what="hidden") for f, depth in zip(features[1:], DEPTHS[::-1]))]
        own = {"scorers.glimpseprune.weights": "glimpseprune/fixture.safetensors"}
        yield case(f"{grid[0]} x {grid[1]}", grid, [
            pick(cap, best(score, min(cap, above)), scores=[score], settings=own) for cap in (1, n // 2, n)],
            requests=asked, vision=features[0])
