#!/usr/bin/env python3
"""Eight strategies as a stranger writes them, from the pages and public headers alone, and what they give.

usage: run.py PROGRAM --build BUILD --source ROOT --compiler "g++" [-k NAME]

The plug-ins and programs beside this file are compiled against include/ and the built library, and run on models/small
and examples/small_receipt.png. Features, keys, attention and logits are those of transformers in float32, and what is
decided on them is stated in NumPy. Tokens within TOLERANCE of the cut may be kept or not.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "oracle"))
import checks  # noqa: E402
from checks import ROOT, SMALL, check  # noqa: E402
from hf_reference import Image, Question, Reference, np, torch  # noqa: E402  (exits 77 itself)
from transformers.models.qwen3_vl import modeling_qwen3_vl as modeling  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PICTURE, WORDS = ROOT / "examples/small_receipt.png", "How much was the tea?"
TOLERANCE = 2e-5  # of the largest value
LINES = 40  # of code, includes aside, that a stranger writes
KEPT = 16


class Workshop:
    """Compiles strangers and runs the program on them."""

    def __init__(self, a, work):
        self.program, self.work, self.build = str(a.program.resolve()), work, a.build
        self.eigen = a.source / "backends/eigen"
        self.compiler = [*shlex.split(a.compiler), "-std=c++20", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off",
                         "-I", a.source / "include"]

    def run(self, command, status=0, **more):
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=ROOT, **more)
        if done.returncode != status:
            print(" ".join(str(c) for c in command), done.stdout[-2000:], done.stderr[-4000:], sep="\n")
            sys.exit(f"strangers: ended with {done.returncode}, expected {status}")
        return done.stdout if status == 0 else done.stderr

    def compiled(self, name, *flags):
        """Once, whatever is linked of it."""
        out = self.work / f"{name}.o"
        if not out.exists():
            self.run([*self.compiler, *flags, "-O0", "-fPIC", "-c", HERE / f"{name}.cpp", "-o", out])
        return out

    def plugin(self, name):
        out = self.work / f"lib{name}.so"
        self.run([*self.compiler, "-shared", self.compiled(name), "-o", out])
        return out

    def executable(self, name, *libraries):
        """Against headers alone, or with pkg-config's flags of the build that is there."""
        flags = []
        if libraries:
            found = self.run(["pkg-config", "--cflags", "--libs", *libraries],
                             env=dict(os.environ, PKG_CONFIG_PATH=str(self.build / "cmake")))
            flags = [f"-isystem{f[2:]}" if f.startswith("-I") else f for f in shlex.split(found)]
        out, link = self.work / name, [f for f in flags if f.startswith(("-l", "-L", "-p"))]
        made = self.compiled(name, "-I", self.eigen, *(f for f in flags if f not in link))
        self.run([*self.compiler, made, "-o", out, "-L", self.build / "src", *link])
        return out

    def ask(self, verb, plugin, pipeline, *more, status=0, budget=KEPT):
        """`arrcoc allocate` or `answer` with a plug-in: the result, or what stands on stderr."""
        out = self.work / "result.json"
        said = self.run([self.program, verb, "--plugin", plugin, "-m", SMALL, "-i", PICTURE, "-p", WORDS,
                         "--dtype", "f32", "-t", "1", "--pipeline", pipeline, "--budget", budget, "--json", out,
                         *more], status)
        return json.loads(out.read_text()) if status == 0 else said


def min_max(x):
    return (x - x.min()) / (x.max() - x.min())


def kept_of(result):
    return [t["token"] for t in result["pictures"][0]["kept"]]


def check_top(kept, values, k, what):
    """The k largest of the values, up to those that lie at the cut."""
    cut, near = np.sort(values)[-k], TOLERANCE * np.abs(values).max()
    must, may = set(np.flatnonzero(values > cut + near)), set(np.flatnonzero(values >= cut - near))
    check(len(kept) == k and must <= set(kept) <= may,
          f"{what}: kept {sorted(kept)}, expected {sorted(np.argsort(-values)[:k].tolist())}")


def check_map(result, values, what):
    """Balancer `fixed` of one map gives it min-max scaled."""
    got = np.array(result["pictures"][0]["relevance"], dtype=np.float64).reshape(-1)
    off = np.abs(got - min_max(values)).max() if got.shape == values.shape else np.inf
    check(off <= TOLERANCE, f"{what}: relevance differs by {off:.2g}")
    check_top(kept_of(result), values, KEPT, what)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


class Strangers:
    def __init__(self, shop):
        self.shop, self.ref = shop, Reference(SMALL)
        self.inputs = self.ref.inputs(Question(WORDS, [PICTURE]))
        tokens, _ = self.ref.vision(self.inputs)
        self.vision = tokens.numpy().astype(np.float64)  # [64, D]

    def word_match(self):
        """1: the best cosine with a word of the question."""
        tokenizer = self.ref.tokenizer
        encoded = tokenizer.encode(WORDS, add_special_tokens=False)
        of = [len(WORDS[:last].split()) - (not WORDS[first:last].isspace()) for first, last in encoded.offsets]
        rows = self.ref.model.get_input_embeddings()(torch.tensor(encoded.ids)).detach().numpy().astype(np.float64)
        words = np.stack([rows[np.equal(of, w)].mean(0) for w in range(max(of) + 1)])
        check(len(words) == len(WORDS.split()) < len(rows), f"word_match: {len(words)} words of {len(rows)} tokens")
        plugin = self.shop.plugin("word_match")
        by_word = (unit(self.vision) @ unit(words).T).max(1)
        check_map(self.shop.ask("allocate", plugin, "none/word_match/fixed/top_k/gather:query=words"), by_word,
                  "word_match")
        by_token = (unit(self.vision) @ unit(rows).T).max(1)
        check(np.abs(min_max(by_token) - min_max(by_word)).max() > 1e-3, "word_match: words and tokens say the same")
        got = self.shop.ask("allocate", plugin, "none/word_match/fixed/top_k/gather")
        check_map(got, by_token, "word_match, tokens")

    def cascade(self):
        """2: dark tokens go into the tower, and of those the ones stay that are unlike their mean."""
        plugin = self.shop.plugin("cascade")
        pixels = np.asarray(self.ref.load(PICTURE), dtype=np.float64)[..., 1]
        dark = 255 - pixels.reshape(8, 32, 8, 32).mean((1, 3)).reshape(-1)
        dump = self.shop.work / "cascade"
        for first, entered in (("gather", 64), ("early", 32)):
            more = ["--dump", dump] if first == "early" else []
            pipeline = f"texture13/dark/fixed/top_k/{first}@0.5%odd/fixed/top_k/gather"
            r = self.shop.ask("answer", plugin, pipeline, *more)
            one, two = r["pictures"][0]["decisions"]
            left = sorted(set(range(64)) - set(one["dropped"]))
            check_top(left, dark, 32, f"cascade, {first}: the first decision")
            rows = self.vision[left] if first == "gather" else np.load(dump / "vision.npy").astype(np.float64)
            odd = np.linalg.norm(rows - rows.mean(0), axis=1)
            check_top([left.index(t) for t in kept_of(r)], odd, KEPT, f"cascade, {first}: the second decision")
            check(two["tokens"] == 32 and r["costs"]["visual_tokens_encoded"] == entered,
                  f"cascade, {first}: {entered} tokens enter the tower")

    def join_similar(self):
        """3: each dropped token joins the kept one it is most like."""
        plugin = self.shop.plugin("join_similar")
        r = self.shop.ask("allocate", plugin, "texture13/information/fixed/join_similar/merge")
        kept = [{"members": [{"token": t["token"], "weight": 1}], **t} for t in r["pictures"][0]["kept"]]
        relevance = np.array(r["pictures"][0]["relevance"]).reshape(-1)
        tokens = [t["token"] for t in kept]
        check_top(tokens, relevance, KEPT, "join_similar")
        cosine = unit(self.vision) @ unit(self.vision).T
        member = {m["token"]: t["token"] for t in kept for m in t["members"]}
        check(sorted(member) == list(range(64)) and sum(len(t["members"]) for t in kept) == 64,
              "join_similar: each token is in one row")
        for t in range(64):
            best = t if t in tokens else max(tokens, key=lambda k: cosine[t, k])
            near = t not in tokens and cosine[t, best] - cosine[t, member[t]] <= TOLERANCE
            check(member[t] == best or near, f"join_similar: {t} joins {member[t]}, expected {best}")
        for t in kept:
            check(all(abs(m["weight"] * len(t["members"]) - 1) < 1e-6 for m in t["members"]),
                  f"join_similar: weights of {t['token']}")
        said = self.shop.ask("allocate", plugin, "texture13/information/fixed/join_similar/gather", status=1)
        check("merged rows" in said and "E203" in said, f"join_similar without an injector that merges: {said}")

    def block_tiers(self):
        """4: regions get tokens; what is spent fits the budget, and no region could go up."""
        program, generator = self.shop.executable("block_tiers"), np.random.default_rng(4)
        for rows, cols in ((8, 8), (1, 17), (6, 5), (2, 3)):
            relevance = generator.permutation(rows * cols) / 64.0
            said = self.shop.run([program], input=f"{rows} {cols} " + " ".join(map(repr, relevance.tolist())))
            for budget, line in enumerate(said.splitlines(), 1):
                numbers, kept = line.split("kept")
                got = {tuple(r[:4]): r[4] for r in np.array(numbers.split(), dtype=int).reshape(-1, 5).tolist()}
                want = self.tiers(relevance.reshape(rows, cols), budget)
                where, spent = f"block_tiers {rows}x{cols} at {budget}", sum(got.values())
                check(got == {k: v for k, v in want.items() if v}, f"{where}: {got}, expected {want}")
                check(1 <= spent <= budget, f"{where}: spends {spent}")
                for at in want:
                    native, has = (at[2] - at[0]) * (at[3] - at[1]), got.get(at, 0)
                    higher = [min(t, native) for t in (1, 4, 16) if min(t, native) > has]
                    check(not higher or spent - has + higher[0] > budget, f"{where}: {at} could have {higher[:1]}")
                inside = [t for t in range(rows * cols)
                          if any(a <= t // cols < e and b <= t % cols < f for a, b, e, f in got)]
                check([int(t) for t in kept.split()] == inside, f"{where}: kept")
            check(budget == rows * cols, f"block_tiers: a line for each budget, got {budget}")
        plugin = self.shop.plugin("block_tiers")
        said = self.shop.ask("allocate", plugin, "texture13/information/fixed/block_tiers/gather", status=1)
        check("regions" in said and "E203" in said, f"block_tiers without an injector of regions: {said}")
        said = self.shop.ask("answer", plugin, "texture13/information/fixed/block_tiers/tier", "-n", "2")
        picture, regions = said["pictures"][0], said["pictures"][0]["regions"]
        sides = [(r, (r["row1"] - r["row0"]) / r["tokens"] ** 0.5) for r in regions]  # blocks of 4 x 4 with 1, 4 or 16
        want = sorted((r["row0"] + i * side, r["col0"] + j * side, side, side) for r, side in sides
                      for i in range(round(4 / side)) for j in range(round(4 / side)))
        got = sorted((t["row"], t["col"], t.get("rows", 1), t.get("cols", 1)) for t in picture["kept"])
        check(np.allclose(got, want) and len(got) == sum(r["tokens"] for r in regions), f"block_tiers/tier: {got}")
        check(said["costs"]["visual_tokens_encoded"] == len(got) and said["mode"] == "tier", "block_tiers/tier: costs")

    @staticmethod
    def tiers(relevance, budget):
        rows, cols = relevance.shape
        blocks = [(r, c, min(r + 4, rows), min(c + 4, cols))
                  for r in range(0, rows, 4) for c in range(0, cols, 4)]
        blocks.sort(key=lambda b: -relevance[b[0]:b[2], b[1]:b[3]].max())
        given = dict.fromkeys(blocks, 0)
        for tier in (1, 4, 16):
            for b in blocks:
                up = min(tier, (b[2] - b[0]) * (b[3] - b[1]))
                if sum(given.values()) - given[b] + up <= budget:
                    given[b] = up
        return given

    @torch.no_grad()
    def key_norm(self):
        """5: norms of the keys of a block of the tower, of the block that the setting names."""
        keys, plugin = [], self.shop.plugin("key_norm")
        original = modeling.apply_rotary_pos_emb_vision

        def turned(q, k, cos, sin):
            out = original(q, k, cos, sin)
            keys.append(out[1].double().numpy())
            return out
        modeling.apply_rotary_pos_emb_vision = turned
        self.ref.vision(self.inputs)
        modeling.apply_rotary_pos_emb_vision = original
        check(len(keys) == self.ref.config.vision_config.depth, f"key_norm: {len(keys)} blocks were seen")
        norms = [np.linalg.norm(k.reshape(-1, 4, k.shape[-2] * k.shape[-1]).mean(1), axis=1) for k in keys]
        for block, of in ((-1, norms[-1]), (0, norms[0]), (2, norms[2])):
            r = self.shop.ask("allocate", plugin, f"none/key_norm:block={block}/fixed/top_k/gather")
            check_map(r, of, f"key_norm of block {block}")
        said = self.shop.ask("allocate", plugin, "none/key_norm:block=9/fixed/top_k/gather", status=2)
        check("block" in said and "E101" in said, f"key_norm of a block that is not there: {said}")

    @torch.no_grad()
    def fastv_hook(self):
        """6: attention of the last row in layer 1 chooses; from layer 2 on the others are masked."""
        program = self.shop.executable("fastv_hook", "arrcoc-files", "arrcoc-eigen")
        answer, kept, logits = self.shop.run([program, SMALL, PICTURE, WORDS]).split("\n")
        kept, logits = [int(t) for t in kept.split()], np.array(logits.split(), dtype=np.float64)
        self.ref.model.set_attn_implementation("eager")
        rows, mask, levels, positions = self.ref.assembled(self.inputs)
        lm, length = self.ref.model.model.language_model, rows.shape[1]
        pads = mask[0].nonzero().flatten()
        causal = torch.ones(length, length, dtype=torch.bool).tril()

        def forward(dropped):
            """Attention of layer 1 [heads, L, L], and the last logits; from layer 2 on `dropped` columns are hidden."""
            hidden = causal.clone()
            hidden[:, dropped] = False
            hidden |= torch.eye(length, dtype=torch.bool)
            bias = [torch.zeros(1, 1, length, length).masked_fill(~m, torch.finfo(torch.float32).min)
                    for m in (causal, hidden)]
            seen, hooks = [], []
            for i, layer in enumerate(lm.layers):
                hooks.append(layer.register_forward_pre_hook(
                    lambda _, args, kwargs, i=i: (args, {**kwargs, "attention_mask": bias[i >= 2]}), with_kwargs=True))
            hooks.append(lm.layers[1].self_attn.register_forward_hook(lambda _, args, out: seen.append(out[1][0])))
            out = lm(inputs_embeds=rows, position_ids=positions, attention_mask=bias[0], visual_pos_masks=mask,
                     deepstack_visual_embeds=levels, use_cache=False)
            for h in hooks:
                h.remove()
            return seen[0], self.ref.model.lm_head(out.last_hidden_state[0, -1]).double().numpy()
        paid, whole = forward([])
        paid = paid[:, -1, pads].mean(0).double().numpy()
        check_top(kept, paid, KEPT, "fastv_hook")
        _, expected = forward([int(pads[t]) for t in range(64) if t not in kept])
        self.ref.model.set_attn_implementation("sdpa")
        scale = np.abs(expected).max()
        off = np.abs(logits - expected).max() / scale
        check(off <= TOLERANCE, f"fastv_hook: logits differ by {off:.2g}")
        check(np.abs(whole - expected).max() > 1e-3 * scale, "fastv_hook: the drop changes nothing")
        check(answer == "88.48", f"fastv_hook: answers '{answer}'")

    def frame_split(self):
        """7: five frames, each with tokens by how much it differs from the one before."""
        program = self.shop.executable("frame_split", "arrcoc-files", "arrcoc-eigen")
        first = np.asarray(self.ref.load(PICTURE))
        frames = [first]
        for top, left, bottom, right in ((64, 0, 128, 192), (128, 0, 160, 256), (0, 64, 64, 256), (160, 128, 256, 224)):
            frames.append(frames[-1].copy())
            frames[-1][top:bottom, left:right] = 255 - frames[-1][top:bottom, left:right]
        names = [self.shop.work / f"frame{i}.png" for i in range(len(frames))]
        for name, frame in zip(names, frames):
            Image.fromarray(frame).save(name)
        total = 100
        kept, rows = self.shop.run([program, SMALL, total, WORDS, *names]).splitlines()
        dark = [1 - f[..., 1].reshape(8, 32, 8, 32).mean((1, 3)).reshape(-1) / 255 for f in frames]
        change = np.array([np.abs(d - (dark[i - 1] if i else 0)).sum() for i, d in enumerate(dark)])
        quota = total * change / change.sum()
        share = np.floor(quota).astype(int)
        for i in np.argsort(-(quota - share), kind="stable")[:total - share.sum()]:
            share[i] += 1
        check(1 <= share.min() and share.max() <= 64 and len(set(share)) >= 4, f"frame_split: bounds matter, {share}")
        got = [[int(k.split(":")[1]) for k in kept.split() if k.startswith(f"{f}:")] for f in range(5)]
        check([len(k) for k in got] == share.tolist(),
              f"frame_split: {[len(k) for k in got]} tokens, expected {share.tolist()}")
        for i, k in enumerate(got):
            check_top(k, dark[i], len(k), f"frame_split: frame {i}")
        length = self.ref.inputs(Question(WORDS, names))["input_ids"].shape[1]
        check(rows == f"{length - 5 * 64 + total} rows of {length}", f"frame_split: {rows} in the language model")


    @torch.no_grad()
    def v2drop(self):
        """8: how far a row moves in the layer below the decision."""
        inputs, lm = [], self.ref.model.model.language_model
        hooks = [layer.register_forward_pre_hook(
            lambda _, args, kwargs: inputs.append((args[0] if args else kwargs["hidden_states"])[0]), with_kwargs=True)
            for layer in lm.layers]
        rows, mask, levels, positions = self.ref.assembled(self.inputs)
        lm(inputs_embeds=rows, position_ids=positions, visual_pos_masks=mask, deepstack_visual_embeds=levels)
        for h in hooks:
            h.remove()
        plugin = self.shop.plugin("v2drop")
        for layer in (4, 3):
            moved = (inputs[layer] - inputs[layer - 1])[mask[0]].double().norm(dim=1).numpy()
            r = self.shop.ask("allocate", plugin, f"none/v2drop:layer={layer}/fixed/top_k/layer:before={layer}")
            check_map(r, moved, f"v2drop before layer {layer}")
        said = self.shop.ask("allocate", plugin, "none/v2drop/fixed/top_k/gather", status=2)
        check("acts at phase 'vision'" in said and "E204" in said, f"v2drop behind the tower: {said}")
        for layer in (0, -1, -3):
            said = self.shop.ask("allocate", plugin, f"none/v2drop:layer={layer}/fixed/top_k/layer:before={layer}", status=2)
            check(f"layer: expected at least 1, got {layer}" in said and "E101" in said, f"v2drop before layer {layer}: {said}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program", type=pathlib.Path)
    p.add_argument("--build", required=True, type=pathlib.Path)
    p.add_argument("--source", required=True, type=pathlib.Path)
    p.add_argument("--compiler", required=True)
    p.add_argument("-k", default="", help="only this one")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as work:
        strangers = Strangers(Workshop(a, pathlib.Path(work)))
        for name in ("word_match", "cascade", "join_similar", "block_tiers", "key_norm", "fastv_hook", "frame_split", "v2drop"):
            source = HERE / f"{name}.hpp" if (HERE / f"{name}.hpp").exists() else HERE / f"{name}.cpp"
            text = [x.strip() for x in source.read_text().splitlines() if x.strip()]
            lines = [x for x in text if not x.startswith(("//", "#include", "#pragma"))]
            check(len(lines) <= LINES, f"{source.name}: {len(lines)} lines, at most {LINES} were promised")
            if a.k in ("", name):
                getattr(strangers, name)()
    print(f"strangers: {checks.made} checks, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
