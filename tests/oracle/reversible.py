#!/usr/bin/env python3
"""Compares decoding in which each token chooses anew what later layers look at (injector reversible) with transformers,
attn_implementation='eager'.

usage: reversible.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

PROGRAM: arrcoc. Random checkpoints with sharp attention and two pictures of noise in a prompt, as in kept_sets.py.
  sets     the tokens that each decoded token looks at are the top K over its own weights in a layer of transformers
           (over the prompt's, where the decision has no look at the token), but for those in dispute
  logits   equal those of transformers' own layers with everything else masked for that token from that layer on
Tolerance: 2e-5 of the largest score and of the largest logit. Exit status: 0 agreement, 1 a mismatch, 77 a Python
package is missing.
"""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import kept_sets  # noqa: E402  (exits 77 itself)
from against import LIMIT, Against  # noqa: E402
from hf_reference import np, torch  # noqa: E402

DEFAULT = "tied,untied_gqa4,four_taps,few_layers,skewed_sections,moe_released"
FED = 5  # tokens that are fed back
SCALE = 1 / 2  # of q and k: sharp enough to tell sets apart, smooth enough to compare logits in single precision


def main():
    against = Against(__doc__, DEFAULT, "comparisons")
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        pictures = kept_sets.noise_pictures(work, 4)

        def answer(folder, pipeline, share):
            """Tokens, what each of them looked at in each picture, logits, and rows cached."""
            dump = work / "dump"
            out = against.answer(folder, pictures, kept_sets.TEXT, dump, "-n", FED + 1, "--ignore-eos", "--pipeline", pipeline,
                                 "--keep-ratio", share)
            return (out["tokens"], [p.get("reselected", []) for p in out["pictures"]], np.load(dump / "logits.npy"),
                    out["cached_rows_per_layer"])

        for name in against.configs:
            folder = work / name
            kept_sets.make_scaled(name, folder, SCALE)
            m = kept_sets.Asked(folder, pictures)
            layers, length = len(m.lm.layers), m.length
            last = layers - 1
            sets = kept_sets.Sets(against)
            rows, adds = m.stock()
            start = int(m.positions.max()) + 1
            for layer, heads, before, share in ((0, "mean", 1, .25), (last - 1, "max", last, .125), (0, "max", last, .5)):
                pipeline = f"none/layer_attention:layer={layer}:rows=last:heads={heads}/fixed/top_k/reversible:before={before}"
                label = f"{name} {pipeline}"
                tokens, chosen, logits, cached = answer(folder, pipeline, share)
                against.note(cached == [length] * layers, f"{label}: rows cached {cached}, expected all {length}")
                against.note([len(c) for c in chosen] == [FED] * 2, f"{label}: expected a choice for each of {FED} tokens")
                zeros = torch.zeros(FED, rows.shape[1], dtype=rows.dtype)
                long = (torch.cat([rows, m.embed(tokens[:FED])]),
                        torch.cat([m.positions, torch.arange(start, start + FED).expand(3, -1)], 1),
                        [torch.cat([x, zeros]) for x in adds])
                inside, _, everything = m.run(*long)
                visible = [torch.ones(length + FED, length + FED, dtype=torch.bool) for _ in range(layers)]
                for i in range(FED):
                    for p, (begin, r, q) in enumerate(m.spans):
                        n, got = r * q, chosen[p][i]
                        paid = inside[layer]["weights"].numpy()[:, length + i, begin:begin + n].astype(np.float64)
                        scores = paid.max(0) if heads == "max" else paid.mean(0)
                        sets.compare(f"{label} token {i} picture {p}", scores, list(range(n)), int(share * n + .5), got)
                        hidden = [begin + t for t in range(n) if t not in got]
                        for l in range(before, layers):
                            visible[l][length + i, hidden] = False
                wanted = m.run(*long, visible)[2][length - 1:]
                against.near(label, "logits", logits, wanted)
                apart = float((wanted[1:] - everything[length:]).abs().max() / wanted.abs().max())
                against.note(apart > 100 * LIMIT, f"{label}: hiding changes the logits by {apart:.1e} alone")
                differs = any(a != b for p in chosen for a, b in zip(p, p[1:]))
                against.note(differs, f"{label}: expected tokens that choose unlike one another")
            against.note(sets.least > kept_sets.APART, f"{name}: spread {sets.least:.0f} times the tolerance")
            against.note(sets.disputed <= .01 * sets.kept, f"{name}: {sets.disputed} of {sets.kept} in dispute")
            figures.append(sets)
            against.so_far(name)
    kept, disputed = sum(x.kept for x in figures), sum(x.disputed for x in figures)
    return against.end("chosen anew", f"; {disputed} of {kept} kept tokens in dispute")


if __name__ == "__main__":
    sys.exit(main())
