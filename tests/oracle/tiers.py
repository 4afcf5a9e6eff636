#!/usr/bin/env python3
"""Compares `PROGRAM answer` with pixels of mixed scale with transformers' own modules, from the picture to the logits.

usage: tiers.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

Random checkpoints, two pictures in a prompt. The regions are read from the program's JSON; everything behind them is made
here: places by the rule of a region's lattice, pixels with torch's resize of each place cut out alone (unit places are
transformers' own), transformers' tower in float64 at fractional coordinates (tower_places.py), its language model with
float positions at the places' centres.
  mixed, packed   tokens, every level and the logits; packed: each region a segment of its own in the tower
  downsample      transformers on the smaller picture, grid, ids and positions its own
A lattice of h x w tokens with fewer than h w: r = round(sqrt(tokens h / w)) rows of floor(tokens / r).
Limit: 2e-5 of the largest value; each near miss (the raster's positions, one segment) is more than ten times as far off.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import LIMIT, Against  # noqa: E402
from hf_parity import write_pictures  # noqa: E402
from hf_reference import Question, Reference, np, torch  # noqa: E402  (exits 77 itself)
from make_checkpoints import make  # noqa: E402
from PIL import Image  # noqa: E402
from tower_places import run as tower_run  # noqa: E402
from tower_requests import Tower  # noqa: E402

DEFAULT = "tied,untied_gqa4,heads64,sharded_bf16,four_taps,few_layers,skewed_sections,vision72,moe_released"
TIERS = "texture13/information/fixed/tiers:region=9:tiers=1+4+6+9:thresholds=0.2+0.4+0.7/tier"
PIPELINES = {"mixed": (TIERS, [9, 21]), "packed": (TIERS + ":layout=packed", [21]), "one": ("none/none/flat/one_region/tier", [12]),
             "whole": ("none/none/flat/one_region/tier", [1000]), "downsample": ("downsample", [5, 13])}


def lattice(h, w, tokens):
    if tokens >= h * w:
        return h, w
    r = min(max(int(np.floor(np.sqrt(tokens * h / w) + 0.5)), 1), min(h, tokens))
    return r, min(tokens // r, w)


def places_of(regions):
    """[N, 5] row, col, rows, cols, frame in the order of their centres, and the region of each."""
    out = []
    for i, g in enumerate(regions):
        h, w = g["row1"] - g["row0"], g["col1"] - g["col0"]
        r, c = lattice(h, w, g["tokens"])
        size = np.float32(h / r), np.float32(w / c)
        for y in range(r):
            for x in range(c):
                at = [min(np.float32(a + span * k / n), np.float32(np.float32(a + span) - s))
                      for a, span, k, n, s in ((g["row0"], h, y, r, size[0]), (g["col0"], w, x, c, size[1]))]
                out.append((*at, *size, np.float32(0), i))
    half = np.float32(0.5)
    out.sort(key=lambda p: (p[0] + (p[2] - 1) * half, p[1] + (p[3] - 1) * half, p[2] * p[3]))
    return np.array([p[:5] for p in out], np.float32), [p[5] for p in out]


def patches_of(x):
    """[1, 3, 32, 32] levels to 4 rows of 1536."""
    x = (x[0].float() - 127.5) / 127.5
    x = x.reshape(1, 3, 1, 2, 16, 1, 2, 16).expand(2, -1, -1, -1, -1, -1, -1, -1)
    return x.permute(2, 5, 3, 6, 1, 0, 4, 7).reshape(-1, 1536)


def pixels_of(image, grid, places, stock):
    edge = lambda at, n, size: int(np.floor(float(at) * size / n + 0.5))  # noqa: E731
    rows, cols = grid
    native = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    out = []
    for row, col, h, w, _ in places.astype(np.float64):
        if h == w == 1 and row % 1 == col % 1 == 0:
            t = int(row) * cols + int(col)
            out.append(stock[4 * t:4 * t + 4])
            continue
        top, left = edge(row, rows, image.height), edge(col, cols, image.width)
        part = native[:, :, top:edge(row + h, rows, image.height), left:edge(col + w, cols, image.width)]
        if part.shape[2:] != (32, 32):
            part = torch.nn.functional.interpolate(part, (32, 32), mode="bicubic", antialias=True, align_corners=False)
        out.append(patches_of(part))
    return torch.cat(out)


class Answer:
    """One run of the program: its JSON and what it dumped."""

    def __init__(self, t, folder, question, work, *words):
        self.dump = work / "dump"
        self.json = t.answer(folder, question.pictures, question.text, self.dump, "-n", 1, "--ignore-eos", *words)

    def __getitem__(self, name):
        return np.load(self.dump / f"{name}.npy")


@torch.no_grad()
def logits_of(ref, ids, grids, places, tokens, levels, fractional=True):
    """transformers' language model over text and the pictures' places, positions of the full prompt: the last row's logits."""
    own = ref.positions(dict(input_ids=ids[None], mm_token_type_ids=(ids == ref.config.image_token_id).int()[None],
                             image_grid_thw=torch.tensor(grids))).double()
    pad = (ids == ref.config.image_token_id).numpy()
    starts = [i for i in range(len(pad)) if pad[i] and not pad[i - 1]]
    lm, rows, positions, at, visual = ref.model.model.language_model, [], [], 0, []
    embedded, seen = ref.model.model.get_input_embeddings()(ids), 0
    for start, grid, some in zip(starts, grids, places):
        n = grid[1] * grid[2] // 4
        rows.append(embedded[at:start]), positions.append(own[:, at:start])
        base, where = own[0, start], torch.tensor(some.astype(np.float64))
        h, w = (where[:, a] + (where[:, a + 2] - 1) / 2 for a in (0, 1))
        if not fractional:
            h, w = h.round(), w.round()
        positions.append(torch.stack([base.expand(len(h)), base + h, base + w]))
        visual += [False] * (start - at) + [True] * len(h)
        rows.append(tokens[seen:seen + len(h)])
        seen, at = seen + len(h), start + n
    rows.append(embedded[at:]), positions.append(own[:, at:])
    visual = torch.tensor(visual + [False] * (len(ids) - at))
    out = lm(inputs_embeds=torch.cat(rows)[None], position_ids=torch.cat(positions, 1)[:, None], visual_pos_masks=visual[None],
             deepstack_visual_embeds=levels)
    return ref.model.lm_head(out.last_hidden_state)[0, -1]


def main():
    t = Against(__doc__, DEFAULT, "tensors")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        pictures = write_pictures(work / "pictures")
        question = Question("What is the total?", [pictures / "wide.png", pictures / "exact.png"])
        for name in t.configs:
            folder = make(name, work / name)
            ref, tower = Reference(folder, torch.float64), Tower(folder)
            stock = [ref.pixels(p) for p in question.pictures]
            grids = [g for _, g in stock]
            ids = ref.prompt(question, grids)
            for kind, (pipeline, budgets) in PIPELINES.items():
                for budget in budgets:
                    a = Answer(t, folder, question, work, "--pipeline", pipeline, "--budget", budget)
                    label = f"{name} {kind} {budget}"
                    if kind == "downsample":
                        small = []
                        for i, p in enumerate(question.pictures):
                            image, g = ref.load(p), a.json["pictures"][i]["grid"]
                            n = grids[i][1] * grids[i][2] // 4
                            shrink = max(1.0, np.sqrt(n / budget))
                            t.note(g == [max(1, int(np.floor(s // 2 / shrink + 1e-9))) for s in grids[i][1:]], f"{label}: grid {g}")
                            image = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
                            size = (32 * g[0], 32 * g[1])
                            if size != tuple(image.shape[2:]):
                                image = torch.nn.functional.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)
                            Image.fromarray(image[0].permute(1, 2, 0).numpy()).save(work / f"small{i}.png")
                            small.append(work / f"small{i}.png")
                        inputs = ref.inputs(Question(question.text, small))
                        inputs["pixel_values"] = inputs["pixel_values"].double()
                        tokens, levels = ref.vision(inputs)
                        wanted = ref.model(**inputs, logits_to_keep=1).logits[0, -1].detach()
                        misses = []
                    else:
                        places, segments = zip(*(places_of(p["regions"]) for p in a.json["pictures"]))
                        for p, own in zip(a.json["pictures"], places):
                            ours = [[k["row"], k["col"], k.get("rows", 1), k.get("cols", 1)] for k in p["kept"]]
                            t.note(np.allclose(ours, own[:, :4], atol=1e-5) and p["kept_count"] == len(own), f"{label}: places")
                        rows = [pixels_of(ref.load(p), (g[1] // 2, g[2] // 2), own, s).double()
                                for p, g, own, (s, _) in zip(question.pictures, grids, places, stock)]
                        packed = "packed" in pipeline
                        order = [np.argsort(s, kind="stable") if packed else np.arange(len(s)) for s in segments]
                        parts = [np.bincount(s)[np.bincount(s) > 0].tolist() if packed else [len(s)] for s in segments]
                        group = lambda x, o: x.reshape(len(o), 4, -1)[torch.tensor(o)].reshape(x.shape)  # noqa: E731
                        seen = tower_run(tower, torch.cat([group(x, o) for x, o in zip(rows, order)]), grids, parts,
                                         places=[own[o] for own, o in zip(places, order)])
                        first = np.cumsum([0, *map(len, places)])
                        back = torch.tensor(np.concatenate([f + np.argsort(o, kind="stable") for f, o in zip(first, order)]))
                        tokens = torch.tensor(seen["tokens"])[back]
                        levels = [torch.tensor(seen[f"level_{l}"])[back] for l in range(len([k for k in seen if k.startswith("level_")]))]
                        wanted = logits_of(ref, ids, grids, places, tokens, levels)
                        misses = [logits_of(ref, ids, grids, places, tokens, levels, False)] if kind in ("mixed", "one") else []
                        if packed:
                            whole = tower_run(tower, torch.cat(rows), grids, [[len(s)] for s in segments], places=list(places))
                            misses.append(logits_of(ref, ids, grids, places, torch.tensor(whole["tokens"]), levels))
                    t.near(f"{label} tokens", "tokens", a["vision"], tokens)
                    for l, level in enumerate(levels):
                        t.near(f"{label} level {l}", "levels", a[f"deepstack_{l}"], level)
                    t.near(f"{label} logits", "logits", a["logits"][0], wanted)
                    for miss in misses:
                        far = (miss - wanted).abs().max() / wanted.abs().max()
                        assert far > 10 * LIMIT, (label, far)
            t.so_far(name)
    return t.end("pixels of mixed scale")


if __name__ == "__main__":
    sys.exit(main())
