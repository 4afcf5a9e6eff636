#!/usr/bin/env python3
"""Compares the vision tower on a part of a picture with transformers' own tower, run on the remaining patches.

usage: tower_places.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

Random checkpoints, four pictures of one call (one of them a clip of two frames). transformers' modules are given the
patches that remain, its own position ids, table weights and segments gathered at them:
  subset    random tokens at 1/2 and 1/4, and 1/2 in segments of other sizes
  drop      whole pictures, with tokens that go before the first, a middle and the last block, and before two of them
  places    tokens of any size at fractional coordinates: the rule below in float64, transformers' blocks and rotation
A place at (row, col) of rows x cols tokens has its patch (i, j) of 2 x 2 at row 2 row + (i + 1/2) rows - 1/2 of the
patch grid, columns alike; the position table stays stretched over the whole grid, its ends going on beyond it.
What is compared: merged tokens, every DeepStack level, the last block's input and received attention by living token,
and what a hook is told of the block below. Limit: 2e-5 of the largest value; each way to be nearly right (the whole
picture's rows, a hook one block later, places rounded to whole tokens, one segment) is more than ten times as far off.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import LIMIT, Against  # noqa: E402
from tower_requests import GRIDS, Tower, expected, make, np, torch  # noqa: E402  (exits 77 itself)
from transformers.vision_utils import (get_vision_interpolation_indices_and_weights,  # noqa: E402
                                       get_vision_position_ids)

DEFAULT = "tied,untied_gqa4,heads64,four_taps,deep_tower,few_layers,skewed_sections,vision72,moe_released"
HIDDEN, RECEIVED = [(-1, what, "all", "mean", "mean", "after", []) for what in ("hidden", "received")]


def patches(tokens):
    return [4 * t + i for t in tokens for i in range(4)]


def flat(parts):
    """Cumulative patches of the segments of all pictures; empty ones are none."""
    return torch.tensor([0, *np.cumsum([4 * n for picture in parts for n in picture if n])], dtype=torch.int32)


def starts(parts):
    return np.cumsum([0, *[sum(picture) for picture in parts]])


def fall(tokens, parts):
    """How many of a picture's tokens fall into each of its segments."""
    return np.histogram(tokens, np.cumsum([0, *parts]) - 0.5)[0].tolist()


def table(coordinates, extents, side):
    """Rows [P, 4] and weights [P, 4] of the position table, corners aligned, from patch coordinates [P, 2]."""
    u = (coordinates * (side - 1) / (extents - 1).clamp(min=1)).clamp(0, side - 1)
    low = u.floor().clamp(max=side - 1)
    share, low = u - low, low.long()
    high = (low + 1).clamp(max=side - 1)
    rows = [r[:, 0] * side + c[:, 1] for r in (low, high) for c in (low, high)]
    weights = [r[:, 0] * c[:, 1] for r in (1 - share, share) for c in (1 - share, share)]
    return torch.stack(rows, 1), torch.stack(weights, 1)


def run(tower, pixels, grids, parts, rows=None, places=None, drops=None):
    """transformers' tower on patch `rows` of whole pictures, or on `places` of each; drops: block -> of each picture
    the tokens that stay, among the living. A dict of what the program writes."""
    visual, drops = tower.visual, dict(drops or {})
    side, parts = visual.num_grid_per_side, [list(p) for p in parts]
    if places is None:
        own = torch.tensor(grids)
        ids = get_vision_position_ids(own, 2)
        taps, weights = get_vision_interpolation_indices_and_weights(own, side, mode=visual.interpolation_mode,
                                                                     align_corners=True, spatial_merge_size=2)
        rows = torch.arange(len(ids)) if rows is None else torch.tensor(rows)
        ids, taps, weights = ids[rows], taps[rows], weights[rows]
    else:
        ids = torch.tensor([[p[a] * 2 + (at[a] + 0.5) * p[a + 2] - 0.5 for a in (0, 1)] for own in places
                            for p in own.astype(np.float64) for at in np.ndindex(2, 2)], dtype=torch.float64)
        extents = torch.tensor([g[1:] for g, own in zip(grids, places) for _ in range(4 * len(own))])
        taps, weights = table(ids, extents, side)
    kept, result = [list(range(sum(p))) for p in parts], {}
    at_block, hooks, now = {}, [], dict(cu_seqlens=flat(parts))
    with torch.no_grad():
        now["position_embeddings"] = visual.rotary_pos_emb(pixels, ids)

    def before(j):
        def change(_, args, kwargs):
            hidden = args[0]
            if j in drops:
                first = starts(parts)
                tokens = [int(first[p]) + t for p, own in enumerate(drops[j]) for t in own]
                for p, own in enumerate(drops[j]):
                    parts[p] = fall(own, parts[p])
                    kept[p] = [kept[p][t] for t in own]
                hidden = hidden[patches(tokens)]
                now["cu_seqlens"] = flat(parts)
                now["position_embeddings"] = tuple(x[patches(tokens)] for x in now["position_embeddings"])
            at_block[j] = ([list(p) for p in parts], [list(k) for k in kept])
            return (hidden, *args[1:]), {**kwargs, **now}
        return change

    for j, block in enumerate(visual.blocks):
        hooks.append(block.register_forward_pre_hook(before(j), with_kwargs=True))
    try:
        out, blocks = tower.run(pixels, grids, position_ids=ids, interp_indices=taps, interp_weights=weights,
                                cu_seqlens=flat(parts))
    finally:
        for h in hooks:
            h.remove()
    final = at_block[len(visual.blocks) - 1]

    def answers(name, request, j):
        own_parts, _ = at_block[j]
        first, chunk = starts(own_parts), 0
        for p, sizes in enumerate(own_parts):
            count = sum(n > 0 for n in sizes)
            slot = slice(4 * int(first[p]), 4 * int(first[p + 1]))
            result[f"{name}_{p}"] = expected(request, blocks[j], slot, range(chunk, chunk + count),
                                             visual.config.num_heads)
            chunk += count

    answers("hidden", HIDDEN, len(blocks) - 1)
    answers("received", RECEIVED, len(blocks) - 1)
    for j in drops:
        if j > 0:
            answers(f"asked_{j}", RECEIVED, j - 1)
    result["tokens"] = out.pooler_output.numpy()
    for level, features in enumerate(out.deepstack_features):
        seen = at_block[visual.deepstack_visual_indexes[level]][1]
        first = starts([[len(s)] for s in seen])
        rows = [int(first[p]) + seen[p].index(t) for p, own in enumerate(final[1]) for t in own]
        result[f"level_{level}"] = features[rows].numpy()
    result["kept"] = final[1]
    return result


def frames_of(grid):
    return [grid[1] * grid[2] // 4] * grid[0]


def some(rng, counts, share):
    return [sorted(rng.choice(n, max(1, round(n * share)), replace=False).tolist()) for n in counts]


def scattered(rng, grid):
    """Places [N, 5] of a picture, of any size: tokens, halves, blocks of two by two, and anything."""
    h, w, made = grid[1] // 2, grid[2] // 2, []
    for _ in range(12):
        kind = rng.integers(4)
        size = [(1, 1), (0.5, 0.5), (2, 2), tuple(rng.uniform(0.3, 3, 2))][kind]
        rows, cols = (np.float32(min(s, n)) for s, n in zip(size, (h, w)))
        row, col = (np.float32(rng.uniform(0, n - s) if kind == 3 else rng.integers(int((n - s) / s) + 1) * s)
                    for s, n in ((rows, h), (cols, w)))
        if row + rows <= h and col + cols <= w:
            made.append((row, col, rows, cols, np.float32(rng.integers(grid[0]))))
    one = np.float32(1)
    centre = lambda p: (p[4], p[0] + (p[2] - one) / 2, p[1] + (p[3] - one) / 2, p[2] * p[3])  # noqa: E731
    return np.array([p for _, p in sorted({centre(p): p for p in made}.items())], np.float32)


def lines(lists):
    return "".join(" ".join(map(str, one)) + "\n" for one in lists)


def cases(rng, tower, pixels, work):
    """name, folder, what transformers says, and near misses (what it says of something else)."""
    depth = len(tower.visual.blocks)
    whole = [frames_of(g) for g in GRIDS]
    counts = [sum(p) for p in whole]
    first = starts(whole)

    def folder(name, rows, grids, **files):
        at = work / name
        at.mkdir()
        np.save(at / "pixels.npy", rows.numpy())
        np.save(at / "grids.npy", np.array(grids, np.int64))
        for file, content in files.items():
            if isinstance(content, str):
                (at / f"{file}.txt").write_text(content)
            else:
                np.save(at / f"{file}.npy", content)
        return at

    full = run(tower, pixels, GRIDS, whole)
    for name, share, split in (("half", 0.5, False), ("quarter", 0.25, False), ("segments", 0.5, True)):
        kept = some(rng, counts, share)
        tokens = [int(first[p]) + t for p, own in enumerate(kept) for t in own]
        by_frame = [fall(own, whole[p]) for p, own in enumerate(kept)]
        parts, files = by_frame, {}
        if split:  # cut the whole pictures elsewhere
            cut = [[n // 3, n - n // 3] if n > 2 else [n] for n in counts]
            parts, files = [fall(own, cut[p]) for p, own in enumerate(kept)], dict(segments=lines(cut))
        wanted = run(tower, pixels[patches(tokens)], GRIDS, parts, patches(tokens))
        near = [full["tokens"][tokens]]
        if split:
            near.append(run(tower, pixels[patches(tokens)], GRIDS, by_frame, patches(tokens))["tokens"])
        yield name, folder(name, pixels, GRIDS, kept=lines(kept), **files), wanted, near

    middle = max(1, depth // 2)
    for name, at in (("drop_first", [0]), ("drop_middle", [middle]), ("drop_last", [depth - 1]),
                     ("drop_twice", [1, depth - 1])):
        drops, alive = {}, counts
        for j in at:
            drops[j] = some(rng, alive, 0.6)
            alive = [len(own) for own in drops[j]]
        wanted = run(tower, pixels, GRIDS, whole, drops=drops)
        tokens = [int(first[p]) + t for p, own in enumerate(wanted["kept"]) for t in own]
        near = [full["tokens"][tokens]]
        if at[0] + 1 < depth and len(at) == 1:
            near.append(run(tower, pixels, GRIDS, whole, drops={at[0] + 1: drops[at[0]]})["tokens"])
        text = lines([[j, *own] for j in at for own in drops[j]])
        yield name, folder(name, pixels, GRIDS, drop=text), wanted, near

    for name in ("places", "places_dropped"):
        places = [scattered(rng, g) for g in GRIDS]
        rows = torch.rand(4 * sum(map(len, places)), 1536, generator=torch.Generator().manual_seed(5)) * 2 - 1
        parts = [[int((own[:, 4] == f).sum()) for f in range(g[0])] for g, own in zip(GRIDS, places)]
        drops, files = {}, {}
        if name == "places_dropped":
            drops = {middle: some(rng, [len(own) for own in places], 0.5)}
            files = dict(drop=lines([[middle, *own] for own in drops[middle]]))
        wanted = run(tower, rows, GRIDS, parts, places=places, drops=drops)
        rounded = [np.concatenate([np.round(own[:, :4]), own[:, 4:]], 1) for own in places]
        near = [run(tower, rows, GRIDS, parts, places=rounded, drops=drops)["tokens"]]
        yield name, folder(name, rows, GRIDS, places=np.concatenate(places),
                           counts=np.array([len(own) for own in places], np.int64), **files), wanted, near


def main():
    t = Against(__doc__, DEFAULT, "tensors")
    for name in t.configs:
        with tempfile.TemporaryDirectory() as temporary:
            work = pathlib.Path(temporary)
            tower = Tower(make(name, work / "model"))
            pixels = torch.rand(sum(f * r * c for f, r, c in GRIDS), 1536,
                                generator=torch.Generator().manual_seed(3)) * 2 - 1
            all_cases = list(cases(np.random.default_rng(11), tower, pixels, work))
            t.run(name, tower.folder, *[case[1] for case in all_cases])
            for case, folder, wanted, misses in all_cases:
                kept = wanted.pop("kept")
                survivors = [list(map(int, line.split())) for line in
                             (folder / "survivors.txt").read_text().splitlines()]
                if "drop" in case and survivors != kept or "drop" not in case and survivors:
                    t.wrong(f"{name} {case}: survivors {survivors}, expected {kept}")
                for what, right in wanted.items():
                    t.near(f"{name} {case} {what}", what.split("_")[0], np.load(folder / f"{what}.npy"), right)
                for miss in misses:
                    far = np.abs(miss - wanted["tokens"]).max() / np.abs(wanted["tokens"]).max()
                    assert far > 10 * LIMIT, (name, case, far)
        t.so_far(name)
    return t.end("places in the tower")


if __name__ == "__main__":
    sys.exit(main())
