#!/usr/bin/env python3
"""Compares the inside of the language model with transformers' own modules, attn_implementation='eager'.

usage: layer_requests.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

Random checkpoints, two pictures in a prompt. transformers computes in float64 (it keeps norms, rotation and softmax in
float32); its own layers run one after the other with a mask for each, and without masks they give its own forward.
  requests  hidden, q, k, v and what tokens receive, beside a layer and before its edit, before and behind a drop
  drop      rows dropped before layers equal transformers with those rows masked from there on; 8 tokens decoded
  entry     tokens that join later equal transformers with those rows masked below their layer
  merge     weighted sums made with NumPy, fed to transformers at the kept tokens' positions; with log sizes in the mask, too, and
            then what tokens receive, and a merged row dropped before a layer
  answer    what the tokens that are fed back pay to visual ones, mean over heads, rows and the last third of the layers
  order     rows permuted with their positions, fed to transformers; random numbers by the published generators
Limit: 2e-5 of the largest value. Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
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

GRIDS = [(2, 3), (3, 2)]  # rows, columns of tokens
DEFAULT = "tied,untied_gqa4,heads64,sharded_bf16,four_taps,few_layers,skewed_sections,moe_released,moe_resaved"
DECODED = 8


class Model:
    """transformers' language model, layer by layer, with its inside."""

    def __init__(self, folder):
        ref = Reference(folder, torch.float64)
        ref.model.set_attn_implementation("eager")
        self.folder, self.model, self.lm = ref.folder, ref.model, ref.model.model.language_model
        self.config = ref.config.text_config
        assert self.lm.config._attn_implementation == "eager"
        c, words = ref.config, torch.Generator().manual_seed(5)
        ids, self.spans = [], []

        def say(count):
            ids.extend(torch.randint(0, 250, (count,), generator=words).tolist())

        say(3)
        for rows, cols in GRIDS:
            ids.append(c.vision_start_token_id)
            self.spans.append((len(ids), rows, cols))
            ids.extend([c.image_token_id] * (rows * cols))
            ids.append(c.vision_end_token_id)
            say(2)
        self.question = [len(ids) - 1, len(ids), len(ids) + 1, len(ids) + 3]  # a gap, and a word before the last part
        say(6)
        self.ids = torch.tensor(ids)
        self.length = len(ids)
        grids = torch.tensor([(1, 2 * r, 2 * q) for r, q in GRIDS])
        kinds = (self.ids == c.image_token_id).int()[None]
        self.positions = self.model.model.get_rope_index(self.ids[None], kinds, image_grid_thw=grids)[0][:, 0]
        with torch.no_grad():
            pixels = torch.rand(int(grids.prod(1).sum()), 1536, generator=words, dtype=torch.float64) * 2 - 1
            seen = self.model.model.get_image_features(pixels, grids, return_dict=True)
        # Rounded once, so that both sides start from the same numbers.
        self.tokens = torch.cat(list(seen.pooler_output)).float().double()
        self.levels = [torch.cat(list(level)).float().double() for level in seen.deepstack_features]
        self.feature = {}  # column -> row of the features
        for begin, rows, cols in self.spans:
            for t in range(rows * cols):
                self.feature[begin + t] = len(self.feature)

    def embed(self, ids):
        return self.lm.embed_tokens(torch.as_tensor(ids))

    def stock(self):
        """Rows [L, H] with the pictures in place, and what each level adds [L, H]."""
        rows = self.embed(self.ids).clone()
        adds = [torch.zeros_like(rows) for _ in self.levels]
        for column, f in self.feature.items():
            rows[column] = self.tokens[f]
            for add, level in zip(adds, self.levels):
                add[column] = level[f]
        return rows, adds

    @torch.no_grad()
    def run(self, rows, positions, adds, visible=None, replaced=None, sizes=None):
        """Every layer on rows [L, H]. visible[l] [L]: whom the others see in layer l. replaced[l]: {row: value} of its
        input. sizes [L]: how many tokens a row stands for, whose log the mask holds. Per layer: hidden, q_before, k_before, q, k, v [L, .], weights [heads, L, L]; the last output; logits [L, V]."""
        length, inside = rows.shape[0], [dict() for _ in self.lm.layers]
        of = {layer.self_attn: seen for layer, seen in zip(self.lm.layers, inside)}
        hooks = []

        def keep(seen, name):
            return lambda _, __, out: seen.update({name: out[0].flatten(1) if out.dim() > 3 else out[0]})

        for layer, seen in zip(self.lm.layers, inside):
            a = layer.self_attn
            for module, name in ((a.q_norm, "q_before"), (a.k_norm, "k_before"), (a.v_proj, "v")):
                hooks.append(module.register_forward_hook(keep(seen, name)))
        modules = [modeling, modeling_moe]
        eager = [m.eager_attention_forward for m in modules]

        def watched(original):
            def forward(module, query, key, value, *args, **kwargs):
                out, weights = original(module, query, key, value, *args, **kwargs)
                of[module].update(q=query[0].transpose(0, 1).flatten(1), k=key[0].transpose(0, 1).flatten(1),
                                  weights=weights[0])
                return out, weights
            return forward

        for m, original in zip(modules, eager):
            m.eager_attention_forward = watched(original)
        try:
            x = rows[None].clone()
            angles = self.lm.rotary_emb(x, positions[:, None])
            for l, layer in enumerate(self.lm.layers):
                for row, value in (replaced or {}).get(l, {}).items():
                    x[0, row] = value
                inside[l]["hidden"] = x[0].clone()
                seen = visible[l] if visible is not None else torch.ones(length, dtype=torch.bool)
                allowed = (torch.ones(length, length, dtype=torch.bool).tril() & seen) | torch.eye(length, dtype=torch.bool)
                bias = torch.zeros(1, 1, length, length, dtype=x.dtype)
                if sizes is not None:
                    bias += torch.as_tensor(sizes, dtype=x.dtype).log()
                bias = bias.masked_fill(~allowed, torch.finfo(torch.float32).min)
                x = layer(x, attention_mask=bias, position_embeddings=angles)
                if l < len(adds):
                    x = x + adds[l]
            return inside, x[0], self.model.lm_head(self.lm.norm(x))[0]
        finally:
            for m, original in zip(modules, eager):
                m.eager_attention_forward = original
            for h in hooks:
                h.remove()


def expected(request, inside, output, visible, model, picture):
    """The answer to (index, what, rows, heads, payers, rope, list) for a picture, from the run of `inside`."""
    index, what, which, over_heads, over_payers, rope, listed = request
    layers = len(inside)
    layer = index + layers if index < 0 else index
    alive = [c for c in range(model.length) if layer == layers or visible[layer][c]]
    begin, r, q = model.spans[picture]
    end = begin + r * q
    own = [c for c in alive if begin <= c < end]
    rows = dict(visual=own, all=alive, last=[model.length - 1], question=model.question, vision_end=[end], list=listed,
                text=[c for c in alive if c >= end and c not in model.feature])[which]
    if layer == layers:
        return output.numpy()[rows]
    at = inside[layer]
    if what != "received":
        x = at[what + "_before" if what in "qk" and rope == "before" else what].numpy()[rows]
        heads = model.config.num_attention_heads if what == "q" else model.config.num_key_value_heads
        return x.reshape(len(rows), heads, -1).mean(1) if what != "hidden" and over_heads == "mean" else x
    p = at["weights"].numpy()[:, rows][:, :, own]  # [heads, R, N]
    one = dict(mean=lambda x, axis: x.mean(axis), max=lambda x, axis: x.max(axis))
    if over_payers != "each":
        p = one[over_payers](p, 1)
        return p if over_heads == "each" else one[over_heads](p, 0)
    p = p.transpose(1, 0, 2)
    return p if over_heads == "each" else one[over_heads](p, 1)


def requests(layer, layers, listed):
    """Every kind, of one layer, named once from the start and once from the end."""
    out, words = [], ("visual", "all", "last", "question", "vision_end", "text", "list")
    for i, rows in enumerate(words):
        name = layer if i % 2 else layer - layers
        tokens = listed if rows == "list" else []
        out.append((name, "hidden", rows, "mean", "mean", "after", tokens))
        for what, heads, rope in itertools.product("qk", ("mean", "each"), ("before", "after")):
            if (what == "q") == (rows in ("last", "question", "list")):
                out.append((name, what, rows, heads, "mean", rope, tokens))
        for heads, payers in itertools.product(("mean", "max", "each"), repeat=2):
            out.append((name, "received", rows, heads, payers, "after", tokens))
    return out + [(layer, "v", "all", heads, "mean", "after", []) for heads in ("mean", "each")]


def drawn(seed, count):
    """The first 63 bits of each number of xoshiro256** (Blackman and Vigna 2018) seeded through SplitMix64."""
    full, s = 2**64 - 1, []
    for _ in range(4):
        seed = (seed + 0x9e3779b97f4a7c15) & full
        z = (seed ^ seed >> 30) * 0xbf58476d1ce4e5b9 & full
        z = (z ^ z >> 27) * 0x94d049bb133111eb & full
        s.append(z ^ z >> 31)
    out = []
    for _ in range(count):
        x = s[1] * 5 & full
        out.append(((x << 7 | x >> 57) & full) * 9 % 2**64 >> 1)
        t = s[1] << 17 & full
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = (s[3] << 45 | s[3] >> 19) & full
    return out


class Case:
    """One run of the program."""

    def __init__(self, against, work, model):
        self.against, self.folder, self.model = against, work / "case", model
        self.out, self.plan = work / "out", ["question " + " ".join(map(str, model.question))]
        for f in (self.folder, self.out):
            f.mkdir(exist_ok=True)
            for old in f.iterdir():
                old.unlink()
        np.save(self.folder / "ids.npy", model.ids.numpy())
        np.save(self.folder / "spans.npy", np.array(model.spans, np.int64))
        np.save(self.folder / "tokens.npy", model.tokens.float().numpy())
        for i, level in enumerate(model.levels):
            np.save(self.folder / f"level_{i}.npy", level.float().numpy())

    def say(self, *words):
        self.plan.append(" ".join(str(w) for w in words))

    def run(self):
        (self.folder / "plan.txt").write_text("\n".join(self.plan) + "\n")
        self.against.run(self.model.folder.name, self.model.folder, self.folder, self.out)
        return np.load(self.out / "logits.npy"), np.load(self.out / "lengths.npy").tolist()


def main():
    against = Against(__doc__, DEFAULT, "comparisons", zeros=True)

    def differ(label, one, two):
        """A test that cannot tell two rules from each other is none."""
        if not (one - two).abs().max() > 100 * LIMIT * one.abs().max():
            against.wrong(f"{label}: the rules give the same numbers")

    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        for name in against.configs:
            m = Model(make(name, work / name))
            layers, length = m.config.num_hidden_layers, m.length
            rows, adds = m.stock()
            inside, output, logits = m.run(rows, m.positions, adds)
            mask = torch.tensor([[c in m.feature for c in range(length)]])
            with torch.no_grad():
                own = m.lm(inputs_embeds=rows[None], position_ids=m.positions[:, None], visual_pos_masks=mask,
                           deepstack_visual_embeds=m.levels)
                whole = m.model.lm_head(own.last_hidden_state)[0]
            assert (whole - logits).abs().max() <= 1e-6 * whole.abs().max()  # layer by layer it is the same model
            after = torch.randint(0, 250, (DECODED,), generator=torch.Generator().manual_seed(9)).tolist()
            start = int(m.positions.max()) + 1

            def with_decoded(rows, positions, adds):
                extra = torch.arange(start, start + DECODED).expand(3, -1)
                zeros = torch.zeros(DECODED, rows.shape[1], dtype=rows.dtype)
                return torch.cat([rows, m.embed(after)]), torch.cat([positions, extra], 1), [torch.cat([x, zeros]) for x in adds]

            def seen_by(last, hidden):
                """visible[l] of a sequence of `last` rows; hidden(l): columns that nobody sees in layer l."""
                out = torch.ones(layers, last, dtype=torch.bool)
                for l in range(layers):
                    out[l, sorted(hidden(l))] = False
                return out

            # --- requests, alone and around drops
            first, second = (m.spans[0][0] + t for t in (1, 4)), [m.spans[1][0], m.spans[1][0] + 3, m.spans[0][0]]
            drops = {1: list(first), layers - 1: second}
            if layers == 2:
                drops = {1: drops[1] + second}
            listed = [length - 2, m.spans[0][0] + 2, 1, length - 2]
            for dropping in (False, True):
                gone = drops if dropping else {}

                def hidden(l, gone=gone):
                    return {c for k, columns in gone.items() if k <= l for c in columns}

                visible = seen_by(length, hidden)
                inside, output, logits = m.run(rows, m.positions, adds, visible)
                case = Case(against, work, m)
                asked = {("request", l): requests(l, layers, listed) for l in sorted({0, 1, layers // 2, layers - 1})}
                asked["request", layers] = [(layers, "hidden", w, "mean", "mean", "after", []) for w in ("visual", "last", "all")]
                # Before its edit a layer is that of a run in which nothing is dropped there.
                edits = {l: m.run(rows, m.positions, adds, seen_by(length, lambda k, l=l: hidden(min(k, l - 1)))) for l in gone}
                for l in gone:
                    asked["ask", l] = requests(l, layers, listed)
                for (kind, l), some in asked.items():
                    for r in some:
                        case.say(kind, l, *r[:6], *r[6])
                for l, columns in gone.items():
                    case.say("drop", l, *columns)
                got, lengths = case.run()
                against.near(f"{name} requests", "logits", got, logits[-1:])
                if lengths != [length - len(hidden(l)) for l in range(layers)]:
                    against.wrong(f"{name}: cached rows {lengths}")
                everything = seen_by(length, lambda l: hidden(layers - 1))
                for (kind, l), some in asked.items():
                    there = (edits[l][0], None, seen_by(length, lambda k, l=l: hidden(min(k, l - 1)))) if kind == "ask" else (
                        inside, output, visible)
                    for (i, r), picture in itertools.product(enumerate(some), range(len(GRIDS))):
                        wanted = expected(r, *there, m, picture)
                        if l == layers and dropping and r[2] != "last":  # the output of those who were left
                            keep = [c for c in range(length) if everything[0][c]]
                            begin, x, y = m.spans[picture]
                            wanted = output.numpy()[[c for c in keep if r[2] == "all" or begin <= c < begin + x * y]]
                        label = f"{name} {'drop ' if dropping else ''}{kind} {l} picture {picture}: " + " ".join(map(str, r))
                        against.near(label, r[1], np.load(case.out / f"{kind}_{l}_{i}_{picture}.npy"), wanted)

            # --- what an answer looks at: of all tokens, of some, and of an answer whose only token is not fed back
            some = [[0, 2, 5], [1, 2]]
            left = {b + t for (b, _, _), ts in zip(m.spans, some) for t in ts}
            late = range(layers - -(-layers // 3), layers)
            for dropping, fed in ((False, True), (True, True), (False, False)):
                lost = set(m.feature) - left if dropping else set()
                sequence = with_decoded(rows, m.positions, adds) if fed else (rows, m.positions, adds)
                weights = [x["weights"].numpy() for x in m.run(*sequence, seen_by(len(sequence[0]), lambda l: lost))[0]]
                payers = slice(length, length + DECODED) if fed else slice(length - 1, length)
                case = Case(against, work, m)
                case.say("attention")
                if fed:
                    case.say("decode", *after)
                for i, ts in enumerate(some if dropping else []):
                    case.say("kept", i, *ts)
                case.run()
                for i, (b, r, q) in enumerate(m.spans):
                    wanted = np.mean([weights[l][:, payers, b:b + r * q].mean((0, 1)) for l in late], 0)
                    wanted[[t for t in range(r * q) if b + t in lost]] = 0
                    against.near(f"{name} answer, picture {i}", "answer", np.load(case.out / f"attention_{i}.npy"), wanted)

            # --- a drop before layers, decoding
            long = with_decoded(rows, m.positions, adds)
            dropped = m.run(*long, seen_by(length + DECODED, hidden))[2][length - 1:]
            differ(f"{name} drop", dropped, m.run(*long)[2][length - 1:])
            case = Case(against, work, m)
            for l, columns in drops.items():
                case.say("drop", l, *columns)
            case.say("decode", *after)
            against.near(f"{name} drop, decoded", "drop", case.run()[0], dropped)

            # --- entry: some at once, some before layer 1, some before the last; depth masks
            begin, r, q = m.spans[0]
            kept = [[0, 1, 3, 4, 5], [1, 2, 3, 5]]
            depth = [[7, 0, 5, 15, 2], [15, 6, 1, 3]]
            entry = [[0, 1, layers - 1, 1, 0], [layers - 1, 0, layers - 1, 0]]
            columns = [[b + t for t in ts] for (b, _, _), ts in zip(m.spans, kept)]
            flat = {c: (d, e) for cs, ds, es in zip(columns, depth, entry) for c, d, e in zip(cs, ds, es)}
            masked = [x.clone() for x in adds]
            for c in m.feature:
                for l, x in enumerate(masked):
                    if c not in flat or not flat[c][0] >> l & 1:
                        x[c] = 0
            replaced = {}
            for c, (d, e) in flat.items():
                if e > 0:
                    replaced.setdefault(e, {})[c] = rows[c] + sum(
                        (masked[l][c] for l in range(min(e, len(masked)))), torch.zeros_like(rows[c]))
            absent = set(m.feature) - set(flat)

            def waiting(l):
                return absent | {c for c, (_, e) in flat.items() if e > l}

            visible = seen_by(length + DECODED, waiting)
            long = with_decoded(rows, m.positions, masked)
            entered = m.run(*long, visible, replaced)
            differ(f"{name} entry", entered[2][length - 1:], m.run(*long, seen_by(length + DECODED, lambda l: absent))[2][length - 1:])
            case = Case(against, work, m)
            case.say("injector", "entry")
            for i in range(len(GRIDS)):
                case.say("kept", i, *kept[i]), case.say("depth", i, *depth[i]), case.say("entry", i, *entry[i])
            case.say("decode", *after)
            asked = [(layers - 1, what, "visual", "each", "mean", "after", []) for what in ("hidden", "k", "received")]
            for x in asked:
                case.say("request", layers - 1, *x[:6])
            got, lengths = case.run()
            against.near(f"{name} entry, decoded", "entry", got, entered[2][length - 1:])
            if lengths != [length - len(waiting(l)) for l in range(layers)]:
                against.wrong(f"{name} entry: cached rows {lengths}")
            for (i, x), picture in itertools.product(enumerate(asked), range(len(GRIDS))):
                if x[1] == "received":
                    continue  # its rows pay to decoded ones too in this run; requests above hold it
                against.near(f"{name} entry picture {picture} {x[1]}", x[1], np.load(case.out / f"request_{layers - 1}_{i}_{picture}.npy"),
                             expected(x, entered[0], None, visible, m, picture))

            # --- merge: sums made here, at the kept tokens' positions
            parts = [{0: [(0, .5), (2, .25), (1, .25)], 4: [(4, 1.)], 5: [(3, .75), (5, .25)]}, {1: [(1, 1.)], 3: [(0, .3), (2, .2), (4, .1), (5, .4)]}]
            keep, sums, feature = [], {}, [m.feature[b] for b, _, _ in m.spans]
            for i, (b, _, _) in enumerate(m.spans):
                for t, row in parts[i].items():
                    sums[b + t] = [(feature[i] + member, np.float32(w)) for member, w in row]
            keep = [c for c in range(length) if c not in m.feature or c in sums]
            depth = [[15, 6, 5], [3, 15]]
            flat = {b + t: d for (b, _, _), part, ds in zip(m.spans, parts, depth) for t, d in zip(part, ds)}

            def total(source, c):
                return sum((float(w) * source[f] for f, w in sums[c]), torch.zeros_like(source[0]))

            merged, more = rows.clone(), [torch.zeros_like(rows) for _ in adds]
            for c in sums:
                merged[c] = total(m.tokens, c)
                for l, x in enumerate(more):
                    if flat[c] >> l & 1:
                        x[c] = total(m.levels[l], c)
            long = with_decoded(merged[keep], m.positions[:, keep], [x[keep] for x in more])
            wanted = m.run(*long)[2][len(keep) - 1:]
            differ(f"{name} merge", wanted, m.run(*with_decoded(rows[keep], m.positions[:, keep], [x[keep] for x in adds]))[2][len(keep) - 1:])
            case = Case(against, work, m)
            case.say("injector", "merge")
            for i, part in enumerate(parts):
                case.say("kept", i, *part), case.say("depth", i, *depth[i])
                for row in part.values():
                    case.say("merge", i, *[x for pair in row for x in pair])
            plan = list(case.plan)
            case.say("decode", *after)
            against.near(f"{name} merge, decoded", "merge", case.run()[0], wanted)

            # --- the same, each tier brought most of the way to the moments of its picture's own rows
            tiers = [{0: [(0, .5), (2, .25), (1, .25)], 1: [(3, .5), (2, .25), (1, .25)], 4: [(4, 1.)], 5: [(5, .5), (0, .25), (4, .25)]}, {1: [(1, .5), (2, .5)], 3: [(0, .3), (5, .7)]}]
            own = {b + t: [(feature[i] + member, np.float32(w)) for member, w in row] for i, (b, _, _) in enumerate(m.spans) for t, row in tiers[i].items()}
            left = [c for c in range(length) if c not in m.feature or c in own]

            def matched(source):
                out = {c: sum(float(w) * source[f].double() for f, w in own[c]) for c in own}
                for i, (b, r, q) in enumerate(m.spans):
                    every = source[feature[i]:feature[i] + r * q].double()
                    for size in {len(own[c]) for c in own if b <= c < b + r * q} - {1}:
                        some = [c for c in own if b <= c < b + r * q and len(own[c]) == size]
                        if len(some) < 2:
                            continue
                        x = torch.stack([out[c] for c in some])
                        there = every.mean(0) + (x - x.mean(0)) / x.std(0, correction=0) * every.std(0, correction=0)
                        for c, row in zip(some, x + .75 * (there - x)):
                            out[c] = row
                return out

            brought, further = rows.clone(), [torch.zeros_like(rows) for _ in adds]
            for c, row in matched(m.tokens).items():
                brought[c] = row.float()
            for l, x in enumerate(further):
                for c, row in matched(m.levels[l]).items():
                    x[c] = row.float()
            wanted = m.run(*with_decoded(brought[left], m.positions[:, left], [x[left] for x in further]))[2][len(left) - 1:]
            case = Case(against, work, m)
            case.say("injector", "merge", "0.75")
            for i, part in enumerate(tiers):
                case.say("kept", i, *part), case.say("depth", i, *[15] * len(part))
                for row in part.values():
                    case.say("merge", i, *[x for pair in row for x in pair])
            case.say("decode", *after)
            against.near(f"{name} tiers matched, decoded", "matched", case.run()[0], wanted)

            # --- the same with log sizes: alone, and a merged row dropped before layer 1
            stands_for = [len(sums.get(c, [0])) for c in keep] + [1] * DECODED
            lost = min(c for c in sums if len(sums[c]) > 1)
            for drop in (False, True):
                visible = torch.ones(layers, len(keep) + DECODED, dtype=torch.bool)
                if drop:
                    visible[1:, keep.index(lost)] = False
                inside, _, weighed = m.run(*long, visible, sizes=stands_for)
                differ(f"{name} log sizes", weighed[len(keep) - 1:], m.run(*long, visible)[2][len(keep) - 1:])
                case = Case(against, work, m)
                case.plan = plan.copy()
                case.say("injector", "merge", "log_size")
                if drop:
                    case.say("drop", 1, lost)
                paid = [(l, "received", "last", heads, "mean", "after", []) for heads in ("mean", "each") for l in (0, layers - 1)]
                for x in paid:
                    case.say("request", x[0], *x[:6])
                case.say("decode", *after)
                got, lengths = case.run()
                against.near(f"{name} log sizes{', drop' * drop}, decoded", "log size", got, weighed[len(keep) - 1:])
                if lengths != [len(keep) - (drop and l > 0) for l in range(layers)]:
                    against.wrong(f"{name} log sizes: cached rows {lengths}")
                for (i, x), picture in itertools.product(enumerate(paid), range(len(GRIDS))):
                    begin, r, q = m.spans[picture]
                    own = [p for p, c in enumerate(keep) if begin <= c < begin + r * q and visible[x[0]][p]]
                    weights = inside[x[0]]["weights"].numpy()[:, len(keep) - 1][:, own]
                    number = sum(y[0] == x[0] for y in paid[:i])  # requests of a layer are numbered in their order
                    against.near(f"{name} log sizes{', drop' * drop} picture {picture} " + " ".join(map(str, x)), "received",
                                 np.load(case.out / f"request_{x[0]}_{number}_{picture}.npy"),
                                 weights if x[3] == "each" else weights.mean(0))

            # --- order: the curve of the grids below, and the scores that the program gives
            kept = [[0, 1, 2, 3, 4, 5], [0, 1, 3, 4]]
            # 2 x 3 in a square of 4: down the left columns first; 3 x 2: 0 1 / 2 3 / 4 5 by rows of two.
            curves = dict(hilbert=[[0, 1, 4, 3, 5, 2], [0, 1, 3, 4]], z=[[0, 1, 3, 4, 2, 5], [0, 1, 3, 4]],
                          score=[sorted(range(6), key=lambda i: -((i * 5 + 3) % 6)), [[0, 1, 3, 4][i] for i in sorted(range(4), key=lambda i: -((i * 5 + 3) % 4))]])
            for seed in (0, 7):
                curves[f"random {seed}"] = [sorted(k, key=dict(enumerate(drawn(seed, r * q))).get) for k, (_, r, q) in zip(kept, m.spans)]
            stands = m.run(*with_decoded(rows, m.positions, adds))[2][length - 1:]
            for by, tokens in curves.items():
                order, at = [], 0
                for (b, r, q), ts in zip(m.spans, tokens):
                    order += [*range(at, b), *(b + t for t in ts)]
                    at = b + r * q
                order += range(at, length)
                wanted = m.run(*with_decoded(rows[order], m.positions[:, order], [x[order] for x in adds]))[2][len(order) - 1:]
                differ(f"{name} order {by}", wanted, stands)
                case = Case(against, work, m)
                case.say("injector", "order", by)
                for i in range(len(GRIDS)):
                    case.say("kept", i, *kept[i])
                case.say("decode", *after)
                against.near(f"{name} order {by}, decoded", "order", case.run()[0], wanted)
            against.so_far(name)
    return against.end("the language model's inside")


if __name__ == "__main__":
    sys.exit(main())
