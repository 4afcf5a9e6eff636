#!/usr/bin/env python3
"""Compares the tokens that decisions by attention keep with the top K over transformers' own weights,
attn_implementation='eager'.

usage: kept_sets.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

PROGRAM: arrcoc. Random checkpoints, two pictures of noise in a prompt; decisions before layers of the language model,
in the tower and behind it, again after a first look, and one behind another. transformers computes in float64 (it keeps
norms, rotation and softmax in float32).
  spread   max - min of a picture's scores. What makes q and k is scaled from an eighth on (weights of their norms in
           the language model, for a norm takes back what its projection is scaled by; rows of qkv in the tower),
           doubling until the spread is over 1,000 times the tolerance wherever a decision looks
  dispute  a kept token whose score is within the tolerance of the best one that is not kept: at most 1 % of a
           checkpoint's. All others are as transformers has them
Tolerance: 2e-5 of the largest score; the scores agree within it. No two requests lead to the same tokens, so that none
can be mistaken for another. Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import itertools
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layer_requests  # noqa: E402  (exits 77 itself)
import tower_requests  # noqa: E402
from against import LIMIT, Against  # noqa: E402
from hf_reference import Image, Question, Reference, np, torch  # noqa: E402
from make_checkpoints import load_file, make, save_file  # noqa: E402

SIZES = [(12, 16), (15, 9)]  # rows, columns of tokens
DEFAULT = ("tied,untied_gqa4,heads64,sharded_bf16,four_taps,deep_tower,few_layers,skewed_sections,vision72,"
           "moe_released,moe_resaved")
TEXT = "How much was the tea, and who paid for it?"
APART = 1000  # times the tolerance
LEAST, MOST = 1 / 8, 16  # scales that are tried, exact in every type


def make_scaled(name, folder, by):
    """Checkpoint `name` with room for 256 tokens a picture; its attention is `by` squared times as sharp."""
    make(name, folder)
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps(dict(settings, size=dict(shortest_edge=1024, longest_edge=256 * 1024))))
    for file in folder.glob("*.safetensors"):
        tensors = load_file(file)
        for tensor, t in tensors.items():
            if tensor.endswith(("self_attn.q_norm.weight", "self_attn.k_norm.weight")):
                t *= by
            elif ".attn.qkv." in tensor:
                t[:2 * (len(t) // 3)] *= by
        save_file(tensors, file, metadata={"format": "pt"})


def noise_pictures(folder, seed):
    """A picture of each of SIZES."""
    noise, out = np.random.default_rng(seed), []
    for i, (rows, cols) in enumerate(SIZES):
        out.append(folder / f"{i}.png")
        Image.fromarray(noise.integers(0, 256, (32 * rows, 32 * cols, 3), np.uint8)).save(out[-1])
    return out


class Asked(layer_requests.Model):
    """A question about pictures on a checkpoint, and transformers' inside of both halves of the model."""

    def __init__(self, folder, pictures):
        ref = Reference(folder, torch.float64)
        ref.model.set_attn_implementation("eager")
        assert ref.model.model.language_model.config._attn_implementation == "eager"
        self.folder, self.model, self.lm = ref.folder, ref.model, ref.model.model.language_model
        self.config = ref.config.text_config
        inputs = ref.inputs(Question(TEXT, pictures))
        grids = inputs["image_grid_thw"].tolist()
        self.ids, self.positions = inputs["input_ids"][0], ref.positions(inputs)
        self.length = len(self.ids)
        self.tokens, self.levels = ref.vision(inputs)
        at = (self.ids == ref.config.image_token_id).nonzero()[:, 0].tolist()
        self.feature = {column: f for f, column in enumerate(at)}
        self.spans, self.starts = [], [0]  # starts: of a picture's tokens among all
        for _, rows, cols in grids:
            self.spans.append((at[self.starts[-1]], rows // 2, cols // 2))
            self.starts.append(self.starts[-1] + rows * cols // 4)
        assert [(rows, cols) for _, rows, cols in self.spans] == SIZES
        behind = at[-1] + 2  # the words stand between the last picture's end and the end of the turn
        end = self.ids[behind:].tolist().index(ref.tokenizer.token_to_id("<|im_end|>"))
        self.question = list(range(behind, behind + end))
        tower = tower_requests.Tower(folder)
        self.heads, self.blocks = tower.visual.config.num_heads, tower.run(inputs["pixel_values"], grids)[1]
        self.everyone = torch.ones(len(self.lm.layers), self.length, dtype=torch.bool)
        self.inside = self.layers(None)

    def layers(self, visible):
        rows, adds = self.stock()
        return self.run(rows, self.positions, adds, visible)[0]

    def scores(self, request, picture, inside, visible):
        """[N]: what a picture's living tokens receive."""
        site, *request = request
        if site == "layer":
            return layer_requests.expected(request, inside, None, visible, self, picture)
        rows = slice(4 * self.starts[picture], 4 * self.starts[picture + 1])
        return tower_requests.expected(request, self.blocks[request[0]], rows, [picture], self.heads)

    def spread(self, requests):
        """The least of all requests and pictures, as a share of the largest score."""
        return min((x.max() - x.min()) / x.max() for r in requests for p in range(len(SIZES))
                   for x in [self.scores(r, p, self.inside, self.everyone)])


def decisions(layers, depth):
    """[(pipeline, [(request, share that is kept)])]"""
    def layer(at, rows, heads="mean", payers="mean"):
        return (f"layer_attention:layer={at}:rows={rows}:heads={heads}:payers={payers}/fixed/top_k",
                ("layer", at, "received", rows, heads, payers, "after", []))

    def tower(at, heads="mean"):
        return (f"tower_attention:block={at}:heads={heads}/fixed/top_k",
                ("tower", at, "received", "all", heads, "mean", "after", []))

    last = layers - 1
    alone = [(layer(0, "question"), "layer:before=1", .25), (layer(0, "last"), "layer:before=1", .125),
             (layer(last - 1, "question", "max"), f"layer:before={last}", .5),
             (layer(last, "text"), f"layer:before={last}", .25),
             (layer(1, "vision_end", "max"), f"layer:before={last}", .25),
             (layer(layers // 2, "question", payers="max"), f"layer:before={layers // 2}", .25),
             (layer(1, "question"), "again:before=2", .25),
             (tower(0), "tower:before=1", .25), (tower(depth // 2, "max"), f"tower:before={depth - 1}", .5),
             (tower(-2), "gather", .25), (tower(-1, "max"), "gather", .125)]
    out = [(f"none/{name}/{injector}@{share}", [(request, share)]) for (name, request), injector, share in alone]
    (one, first), (two, second) = layer(0, "question"), layer(last, "last", "max")
    return out + [(f"none/{one}/layer:before=1@0.5%{two}/layer:before={last}@0.25", [(first, .5), (second, .25)])]


class Sets:
    """Kept tokens of one checkpoint."""

    def __init__(self, against):
        self.against, self.kept, self.disputed, self.least = against, 0, 0, np.inf

    def compare(self, label, scores, alive, count, got):
        """`got`: what the program keeps of the tokens `alive`, to which `scores` belong; `count` of them."""
        order = np.argsort(-scores, kind="stable")
        tolerance, lowest, best = LIMIT * scores.max(), scores[order[count - 1]], scores[order[count]]
        self.least = min(self.least, (scores.max() - scores.min()) / tolerance)
        clear = [int(alive[i]) for i in order[:count] if scores[i] > best + tolerance]
        beyond = {int(alive[i]) for i in order[count:] if scores[i] < lowest - tolerance}
        self.kept, self.disputed = self.kept + count, self.disputed + count - len(clear)
        missing, wrong = sorted(set(clear) - set(got)), sorted(beyond & set(got))
        self.against.note(len(got) == count and not missing and not wrong,
                          f"{label}: {len(got)} tokens of {count}, missing {missing}, wrong {wrong}")


def main():
    against = Against(__doc__, DEFAULT, "comparisons")
    figures = []

    def wanted_apart(name, m, requests):
        """A test that cannot tell two requests from each other is none."""
        sets = {}
        for r in requests:
            scores = m.scores(r, 0, m.inside, m.everyone)
            sets[str(r)] = set(np.argsort(-scores, kind="stable")[:len(scores) // 4].tolist())
        for (one, x), (two, y) in itertools.combinations(sets.items(), 2):
            if x == y:
                against.wrong(f"{name}: {one} and {two} keep the same tokens")

    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        pictures = noise_pictures(work, 4)

        def answer(folder, pipeline):
            """The decisions about each picture, and its map."""
            dump = work / "dump"
            out = against.answer(folder, pictures, TEXT, dump, "-n", 1, "--pipeline", pipeline)
            maps = [np.load(dump / f"relevance_{i}.npy").reshape(-1) for i in range(len(pictures))]
            return [p["decisions"] for p in out["pictures"]], maps

        for name in against.configs:
            scale, folder = LEAST, work / name
            while True:
                make_scaled(name, folder, scale)
                m = Asked(folder, pictures)
                cases = decisions(len(m.lm.layers), len(m.blocks))
                requests = [r for _, some in cases for r, _ in some]
                if m.spread(requests) > APART * LIMIT or scale == MOST:
                    break
                scale *= 2
            wanted_apart(name, m, requests)
            sets = Sets(against)
            for pipeline, some in cases:
                taken, maps = answer(folder, pipeline)
                visible, inside = m.everyone.clone(), m.inside
                for d, (request, share) in enumerate(some):
                    gone = []
                    for p, (begin, rows, cols) in enumerate(m.spans):
                        label, decision = f"{name} {pipeline} picture {p}", taken[p][d]
                        alive = [t for t in range(rows * cols) if visible[-1, begin + t]]
                        scores = np.asarray(m.scores(request, p, inside, visible), np.float64)
                        got = sorted(set(alive) - set(decision["dropped"]))
                        sets.compare(label, scores, alive, int(share * rows * cols + .5), got)
                        if len(some) == 1:  # the map is (score - min) / (max - min)
                            least, most = scores.min(), scores.max()
                            against.near(label, "scores", maps[p].astype(np.float64) * (most - least) + least, scores)
                        gone += [begin + t for t in decision["dropped"]]
                    if d + 1 < len(some):  # unseen from the drop's layer on; a layer answers before its own edit
                        here, there = (taken[0][i]["layer"] for i in (d, d + 1))
                        visible[here:, gone] = False
                        inside = m.layers(visible) if there > here else inside
            against.note(sets.least > APART,
                         f"{name}: spread {sets.least:.0f} times the tolerance, expected over {APART}")
            against.note(sets.disputed <= .01 * sets.kept,
                         f"{name}: {sets.disputed} of {sets.kept} kept tokens in dispute, expected at most 1 %")
            figures.append((scale, sets))
            if against.a.verbose:
                print(f"{name}: q and k times {scale}, spread at least {sets.least:.0f} times the tolerance, "
                      f"{sets.disputed} of {sets.kept} kept tokens in dispute", flush=True)
    scales, all_sets = zip(*figures)
    disputed, kept = sum(x.disputed for x in all_sets), sum(x.kept for x in all_sets)
    return against.end("kept sets", f"; {disputed} of {kept} kept tokens in dispute, spread at least "
                       f"{min(x.least for x in all_sets):.0f} times the tolerance, q and k times {min(scales)} to "
                       f"{max(scales)}")


if __name__ == "__main__":
    sys.exit(main())
