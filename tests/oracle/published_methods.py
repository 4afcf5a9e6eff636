#!/usr/bin/env python3
"""Compares published methods with their rules carried out in transformers, attn_implementation='eager'.

usage: published_methods.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

PROGRAM: arrcoc. Random checkpoints, two pictures of noise in a prompt, q and k scaled as in kept_sets.py. transformers
computes in float64; who stays is told by the rule as it is published, over its own weights:
  fastv        the last row's attention in layer 1, mean over heads; before layer 2
  pyramiddrop  the same in layers L/4, L/2 and 3L/4, before each of them: half, a quarter, an eighth of the tokens
  priortr      P log(P / Q) of the question's mean row and the row behind the picture, in one layer
  sparsevlm    the mean over heads of the question's rows whose softmax share of the picture is at least the mean
  cdpruner     the mean cosine of the merged embeddings with the question's; then the determinant of their kernel, asked
               set by set; full and blended
  deft         K + ceil(0.2 (N - K)) by attention received in the tower's last block; in the middle layer K by that of
               all text behind the picture
  visionzip    attention received in the tower's block -2; evenly spaced targets of the rest, to which the others are
               added as a mean by the cosine of their head-mean keys, embeddings and levels alike
A kept token whose score is within 2e-5 of the largest of the best one that goes is in dispute, at most 1 % of a
checkpoint's; of the greedy one every token behind a step whose two best gains are as near. All others are equal.
Token-layers are the living tokens of each layer. Given the same tokens, the logits behind the prompt are within 2e-5 of the largest of transformers' with the dropped
columns unseen from their layer on. Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path[1:1] = [str(pathlib.Path(__file__).parents[2] / "plugins" / part) for part in ("visionzip", "")]
import kept_sets  # noqa: E402  (exits 77 itself)
import visionzip  # noqa: E402
from against import LIMIT, Against  # noqa: E402
from hf_reference import np, torch  # noqa: E402

DEFAULT = "tied,untied_gqa4,four_taps,skewed_sections,moe_released"
STEP = 1e-6  # a gain beside another, as a share of the largest: what float32 and float64 make of one kernel


def received(layer, rows, payers="mean"):
    return ("layer", layer, "received", rows, "mean", payers, "after", [])


class Rules:
    """Who matters, from transformers' inside; [(name, [(scores, layer before which it acts, share)])]."""

    def __init__(self, m):
        self.m, self.layers = m, len(m.lm.layers)
        self.words = m.embed(m.ids[m.question]).detach().numpy()
        stages = [s * self.layers // 4 for s in (1, 2, 3)]
        last = lambda at: lambda *a: m.scores(received(at, "last"), *a)  # noqa: E731
        self.cases = [("fastv", [(last(1), 2, .25)]),
                      ("pyramiddrop", [(last(s), s, x) for s, x in zip(stages, (.5, .25, .125))]),
                      ("priortr:injector.before=2:scorers.priortr.layer=2", [(self.priortr, 2, .25)]),
                      ("none/sparsevlm/fixed:scale=none/top_k/layer", [(self.sparsevlm, 2, .25)])]
        self.requests = [received(s, "last") for s in {1, *stages}] + [received(2, "question"), received(1, "question")]

    def priortr(self, picture, inside, visible):
        p, q = (self.m.scores(received(2, rows), picture, inside, visible) for rows in ("question", "vision_end"))
        p, q = p / p.sum(), q / q.sum()
        return p * np.log(p / q)

    def sparsevlm(self, picture, inside, visible):
        logits = self.embeddings(picture) @ self.words.T
        share = np.exp(logits - logits.max(axis=1, keepdims=True))
        share = (share / share.sum(axis=1, keepdims=True)).mean(axis=0)
        rows = self.m.scores(received(1, "question", "each"), picture, inside, visible)
        return rows[share >= share.mean()].mean(axis=0)

    def merged(self, picture, k):
        """Kept tokens, of each the (token, weight) of its row, and whether the cut of the dominant ones is clear."""
        received, keys = (self.m.scores(("tower", -2, what, "visual", "mean", "mean", "after", []), picture, None, None)
                          for what in ("received", "k"))
        kept, merge = visionzip.select(received, keys, k)
        order = np.sort(received)[::-1]
        cut = sum(len(row) == 1 for row in merge)
        return kept, merge, order[cut - 1] - order[cut] > LIMIT * order[0]

    def embeddings(self, picture):
        return self.m.tokens[self.m.starts[picture]:self.m.starts[picture + 1]].numpy()

    def determinants(self, picture, k, weight):
        """The greedy set, and at which step two tokens were too near to tell; k where at none."""
        unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)  # noqa: E731
        v = unit(self.embeddings(picture))
        r = (v @ unit(self.words).T).mean(axis=1)
        r = (r - r.min()) / (r.max() - r.min())
        kernel = v @ v.T
        kernel = (1 - weight) * kernel + weight * r[:, None] * kernel * r[None]
        kept, clear = [], k
        for step in range(k):
            gains = kernel.diagonal().copy()
            if kept:
                beside = kernel[:, kept]
                gains -= np.einsum("ij,ij->i", beside, np.linalg.solve(kernel[np.ix_(kept, kept)], beside.T).T)
            gains[kept] = -np.inf
            order = np.argsort(-gains, kind="stable")
            if gains[order[0]] - gains[order[1]] <= STEP * kernel.diagonal().max():
                clear = min(clear, step)
            kept.append(int(order[0]))
        return kept, clear


def main():
    against = Against(__doc__, DEFAULT, "comparisons")
    kept = disputed = 0
    counted = []  # token-layers of the last answer
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        pictures = kept_sets.noise_pictures(work, 6)

        def answer(folder, pipeline):
            """The decisions about each picture, and the logits behind the prompt."""
            dump = work / "dump"
            report = against.answer(folder, pictures, kept_sets.TEXT, dump, "-n", 1, "--pipeline", pipeline)
            counted[:] = [report["costs"]["token_layers"]]
            return [p["decisions"] for p in report["pictures"]], np.load(dump / "logits.npy")[0]

        for name in against.configs:
            scale, folder = kept_sets.LEAST, work / name
            while True:
                kept_sets.make_scaled(name, folder, scale)
                m = kept_sets.Asked(folder, pictures)
                rules = Rules(m)
                if m.spread(rules.requests) > kept_sets.APART * LIMIT or scale == kept_sets.MOST:
                    break
                scale *= 2
            sets = kept_sets.Sets(against)

            def logits(label, got, visible, rows=None, adds=None):
                rows, adds = m.stock() if rows is None else (rows, adds)
                against.near(label, "logits", got, m.run(rows, m.positions, adds, visible)[2][-1])

            for pipeline, stages in rules.cases:
                taken, got = answer(folder, f"{pipeline}@{stages[-1][2]}")
                visible, inside = m.everyone.clone(), m.inside
                for d, (scores_of, before, share) in enumerate(stages):
                    gone = []
                    for p, (begin, rows, cols) in enumerate(m.spans):
                        decision = taken[p][d]
                        against.note(decision["layer"] == before, f"{name} {pipeline}: acts before {decision['layer']}")
                        alive = [t for t in range(rows * cols) if visible[-1, begin + t]]
                        scores = np.asarray(scores_of(p, inside, visible), np.float64)
                        left = sorted(set(alive) - set(decision["dropped"]))
                        count = int(share * rows * cols + .5)
                        sets.compare(f"{name} {pipeline} picture {p}", scores, alive, count, left)
                        gone += [begin + t for t in decision["dropped"]]
                    visible[before:, gone] = False
                    inside = m.layers(visible)
                logits(f"{name} {pipeline}", got, visible)
                living = visible[:, sorted(m.feature)].sum().item() / len(visible)
                against.note(abs(counted[0] - living) < 1e-9 * living,
                             f"{name} {pipeline}: {counted[0]} token-layers, expected {living}")
            for weight, k in ((1, 12), (.5, 20)):
                label = f"{name} cdpruner:allocator.weight={weight}"
                taken, got = answer(folder, f"cdpruner:allocator.weight={weight}@{k}")
                visible = m.everyone.clone()
                for p, (begin, rows, cols) in enumerate(m.spans):
                    left = sorted(set(range(rows * cols)) - set(taken[p][0]["dropped"]))
                    wanted, clear = rules.determinants(p, k, weight)
                    sets.kept, sets.disputed = sets.kept + k, sets.disputed + k - clear
                    missing = sorted(set(wanted[:clear]) - set(left))
                    text = f"{label} picture {p}: {len(left)} of {k}, missing {missing}"
                    against.note(len(left) == k and not missing, text)
                    visible[:, [begin + t for t in taken[p][0]["dropped"]]] = False
                logits(label, got, visible)
            taken, got = answer(folder, "deft@24")
            visible, middle, inside = m.everyone.clone(), rules.layers // 2, None  # the tower's map needs no layers
            for d, request in enumerate((("tower", -1, "received", "visual", "mean", "mean", "after", []),
                                         received(middle, "text"))):
                first_layer, gone = d * middle, []
                for p, (begin, rows, cols) in enumerate(m.spans):
                    alive = [t for t in range(rows * cols) if visible[-1, begin + t]]
                    scores = m.scores(request, p, inside, visible)
                    count = 24 if d else 24 + -(-(rows * cols - 24) // 5)  # what stays behind the tower
                    left = sorted(set(alive) - set(taken[p][d]["dropped"]))
                    sets.compare(f"{name} deft picture {p}", np.asarray(scores, np.float64), alive, count, left)
                    gone += [begin + t for t in taken[p][d]["dropped"]]
                visible[first_layer:, gone] = False
                if d == 0:
                    inside = m.layers(visible)
            logits(f"{name} deft", got, visible)
            taken, got = answer(folder, "visionzip@40")
            visible, (rows, adds), clear = m.everyone.clone(), m.stock(), True
            for p, (begin, height, width) in enumerate(m.spans):
                left = sorted(set(range(height * width)) - set(taken[p][0]["dropped"]))
                kept_here, merge, sure = rules.merged(p, 40)
                clear = clear and sure
                sets.kept, sets.disputed = sets.kept + 40, sets.disputed + 40 * (not sure)
                wanted = sorted(kept_here)
                against.note(left == wanted or not sure, f"{name} visionzip picture {p}: {left}, expected {wanted}")
                visible[:, [begin + t for t in taken[p][0]["dropped"]]] = False
                for t, members in zip(kept_here, merge):
                    own = [m.starts[p] + member for member, _ in members]
                    weights = torch.tensor([w for _, w in members], dtype=rows.dtype)
                    rows[begin + t] = weights @ m.tokens[own]
                    for add, level in zip(adds, m.levels):
                        add[begin + t] = weights @ level[own]
            if clear:
                logits(f"{name} visionzip", got, visible, rows, adds)
            against.note(sets.least > kept_sets.APART, f"{name}: spread {sets.least:.0f} times the tolerance")
            text = f"{name}: {sets.disputed} of {sets.kept} kept tokens in dispute"
            against.note(sets.disputed <= .01 * sets.kept, text)
            kept, disputed = kept + sets.kept, disputed + sets.disputed
            against.so_far(name)
    return against.end("published methods", f"; {disputed} of {kept} kept tokens in dispute")


if __name__ == "__main__":
    sys.exit(main())
