#!/usr/bin/env python3
"""Compares what the vision tower answers to requests with transformers' own tower, attn_implementation='eager'.

usage: tower_requests.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

Random checkpoints, four pictures of one call (one of them a clip of two frames), blocks from the start, the middle
and the end. What is compared: block inputs, q and k before and after the rotation, v, and the attention that tokens
receive, each with every way to make heads and paying rows one. Limit: 2e-5 of the largest value. transformers computes
in float64 (it keeps rotation and softmax in float32): what one row pays is as far off in its float32 as in ours. The
values that any two different requests of a picture alone ask for differ by more than ten times the limit, so that no
two can be mistaken for each other.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import itertools
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import LIMIT, Against  # noqa: E402
from hf_reference import Reference, np, torch  # noqa: E402  (exits 77 itself)
from make_checkpoints import make  # noqa: E402
from transformers.models.qwen3_vl import modeling_qwen3_vl as modeling  # noqa: E402
from transformers.models.qwen3_vl_moe import modeling_qwen3_vl_moe as modeling_moe  # noqa: E402

GRIDS = [(1, 6, 8), (2, 4, 6), (1, 2, 2), (1, 10, 4)]  # frames, rows, columns of patches
DEFAULT = "untied_gqa4,heads64,four_taps,deep_tower,skewed_sections,vision72,moe_released"


def requests(depth, listed):
    """(index, what, rows, heads, payers, rope, list)"""
    out = []
    for index in sorted({0, depth // 2, depth - 1, -1, -2, -depth}):
        for rows, tokens in (("visual", []), ("list", listed)):
            out.append((index, "hidden", rows, "mean", "mean", "after", tokens))
        for what, heads, rope in itertools.product("qk", ("mean", "each"), ("before", "after")):
            out.append((index, what, "visual", heads, "mean", rope, []))
        out += [(index, "v", "all", heads, "mean", "after", []) for heads in ("mean", "each")]
        out.append((index, "k", "list", "each", "mean", "after", listed))
        for heads, payers in itertools.product(("mean", "max", "each"), repeat=2):
            out.append((index, "received", "all", heads, payers, "after", []))
            out.append((index, "received", "list", heads, payers, "after", listed))
    return out


class Tower:
    """transformers' tower, with the inside of every block."""

    def __init__(self, folder):
        ref = Reference(folder, torch.float64)
        ref.model.set_attn_implementation("eager")
        self.folder, self.visual = ref.folder, ref.model.model.visual
        assert self.visual.config._attn_implementation == "eager"

    @torch.no_grad()
    def run(self, pixels, grids, **given):
        """transformers' output, with `given` position ids and the like in place of the grids' own; and for each block
        hidden, q and k before and after the rotation, v [P, D], and the weights [heads, n, n] of each chunk."""
        blocks = [dict(q=[], k=[], weights=[]) for _ in self.visual.blocks]
        hooks = []
        for seen, block in zip(blocks, self.visual.blocks):
            hooks.append(block.register_forward_pre_hook(lambda _, args, seen=seen: seen.update(hidden=args[0])))
            hooks.append(block.attn.qkv.register_forward_hook(lambda _, __, out, seen=seen: seen.update(qkv=out)))
        of = {block.attn: seen for seen, block in zip(blocks, self.visual.blocks)}
        modules = [modeling, modeling_moe]
        eager = [m.eager_attention_forward for m in modules]

        def watched(original):
            def forward(module, query, key, value, *args, **kwargs):
                out, weights = original(module, query, key, value, *args, **kwargs)
                for name, x in (("q", query), ("k", key)):
                    of[module][name].append(x[0].transpose(0, 1).flatten(1))
                of[module]["weights"].append(weights[0])
                return out, weights
            return forward

        for m, original in zip(modules, eager):
            m.eager_attention_forward = watched(original)
        try:
            out = self.visual(pixels, torch.tensor(grids), **given)
        finally:
            for m, original in zip(modules, eager):
                m.eager_attention_forward = original
            for h in hooks:
                h.remove()
        for seen in blocks:
            seen["q_before"], seen["k_before"], seen["v"] = seen.pop("qkv").chunk(3, dim=-1)
            seen["q"], seen["k"] = torch.cat(seen["q"]), torch.cat(seen["k"])
        return out, blocks


def expected(request, block, rows, chunks, heads):
    """The answer for the picture of patch rows `rows`, whose frames are `chunks` of the attention weights."""
    _, what, which, over_heads, over_payers, rope, listed = request
    n = (rows.stop - rows.start) // 4
    tokens = listed if which == "list" else list(range(n))
    if what != "received":
        name = what + "_before" if what in "qk" and rope == "before" else what
        x = block[name][rows].double().numpy().reshape(n, 4, -1).mean(1)[tokens]
        return x.reshape(len(tokens), heads, -1).mean(1) if what != "hidden" and over_heads == "mean" else x
    p = torch.stack([torch.block_diag(*[block["weights"][c][h] for c in chunks]) for h in range(heads)])
    p = p.double().numpy().reshape(heads, n, 4, n, 4).sum(4).mean(2)[:, tokens]  # [heads, R, N]
    one = dict(mean=lambda x, axis: x.mean(axis), max=lambda x, axis: x.max(axis))
    if over_payers != "each":
        p = one[over_payers](p, 1)  # [heads, N]
        return p if over_heads == "each" else one[over_heads](p, 0)
    p = p.transpose(1, 0, 2)  # [R, heads, N]
    return p if over_heads == "each" else one[over_heads](p, 1)


def main():
    t = Against(__doc__, DEFAULT, "answers")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        for name in t.configs:
            tower = Tower(make(name, work / name))
            config = tower.visual.config
            seeded = torch.Generator().manual_seed(3)
            pixels = torch.rand(sum(f * r * c for f, r, c in GRIDS), 1536, generator=seeded) * 2 - 1
            result, blocks = tower.run(pixels, GRIDS)
            tokens = result.pooler_output
            # A list must hold for every picture of a call: once token 0 of all four, then others of the last alone.
            for grids, listed in ((GRIDS, [0]), (GRIDS[1:2], [11, 2, 6]), (GRIDS[3:], [9, 0, 4, 4])):
                asked = requests(config.depth, listed)
                first = sum(f * r * c for f, r, c in GRIDS[:GRIDS.index(grids[0])])
                rows = slice(first, first + sum(f * r * c for f, r, c in grids))
                (work / "requests.txt").write_text("".join(" ".join(map(str, [*r[:6], *r[6]])) + "\n" for r in asked))
                np.save(work / "pixels.npy", pixels[rows].numpy())
                np.save(work / "grids.npy", np.array(grids, np.int64))
                out = work / "out"
                out.mkdir(exist_ok=True)
                for old in out.iterdir():
                    old.unlink()
                t.run(name, tower.folder, work / "pixels.npy", work / "grids.npy", work / "requests.txt", out)
                merged = tokens[rows.start // 4:rows.stop // 4]
                t.near(f"{name} tokens", "tokens", np.load(out / "tokens.npy"), merged)
                begin, chunk = first, sum(f for f, _, _ in GRIDS[:GRIDS.index(grids[0])])
                for picture, (frames, r, c) in enumerate(grids):
                    own = slice(begin, begin + frames * r * c)
                    seen = {}
                    for i, request in enumerate(asked):
                        chunks = range(chunk, chunk + frames)
                        wanted = expected(request, blocks[request[0]], own, chunks, config.num_heads)
                        label = f"{name} picture {picture} of {len(grids)}: " + " ".join(map(str, request))
                        t.near(label, request[1], np.load(out / f"{picture}_{i}.npy"), wanted)
                        seen.setdefault(wanted.shape, []).append((request, wanted))
                    if len(grids) == 1:
                        for same in seen.values():
                            for (one, x), (two, y) in itertools.combinations(same, 2):
                                if (one[0] % config.depth, *one[1:]) != (two[0] % config.depth, *two[1:]):
                                    assert np.abs(x - y).max() > 10 * LIMIT * np.abs(x).max(), (one, two)
                    begin, chunk = own.stop, chunk + frames
            t.so_far(name)
    return t.end("tower requests")


if __name__ == "__main__":
    sys.exit(main())
