#!/usr/bin/env python3
"""Compares the faults of published harnesses, which are switches here, with transformers run as such a harness runs it.

usage: harness_faults.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

PROGRAM: arrcoc. Random checkpoints, one picture and two in a prompt, a third of the tokens kept and all of them (the
control, through the same faulty path). The kept columns are read from the dump; logits of the prompt and of tokens fed
back by transformers:
  positions=sequential  the language model on the kept rows with position ids 0, 1, 2 ... on all axes
  deepstack=dropped     the language model on the kept rows at their true positions, without DeepStack levels
  both                  transformers' own generate(inputs_embeds=rows), with neither ids nor grids
  picture=grey_square   the stock model on the picture that Pillow has pasted on a grey square: pixel rows equal, and the
                        rows of a sweep, figures among them
  maps=first            norms of the first picture's embeddings, by NumPy, choose tokens of both pictures
Each fault moves the logits by over 100 times the limit, also when everything is kept, but maps=first, query=template
and a picture that is square, which keep every bit then. Limit: 2e-5 of the largest value.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import LIMIT, Against  # noqa: E402  (exits 77 itself)
from hf_parity import Program  # noqa: E402
from hf_reference import Image, Question, Reference, np, torch  # noqa: E402
from make_checkpoints import make  # noqa: E402

STEPS = 6


def pictures(folder):
    """Names and sizes: wide, tall, square, a large one and a small one."""
    rng, out = np.random.default_rng(9), {}
    for name, height, width in [("wide", 96, 230), ("tall", 190, 95), ("even", 128, 128)]:
        y, x = np.mgrid[0:height, 0:width]
        base = np.stack([127 + 110 * np.sin(x / (4.0 + c) + y / (9.0 - c)) for c in range(3)], -1)
        out[name] = folder / f"{name}.png"
        Image.fromarray(np.clip(base + rng.normal(0, 30, base.shape), 0, 255).astype(np.uint8)).save(out[name])
    return out


def grey_square(path, out):
    image = Image.open(path).convert("RGB")
    side = max(image.size)
    square = Image.new("RGB", (side, side), (127, 127, 127))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    square.save(out)
    return out


@torch.no_grad()
def faulty(ref, inputs, columns, sequential, dropped):
    """Logits [STEPS + 1, V] after the prompt and behind tokens fed back, and these tokens."""
    rows, mask, levels, positions = ref.assembled(inputs)
    columns = torch.as_tensor(columns)
    if sequential and dropped:  # by transformers' own rule for embeddings that come alone
        ref.model.model.rope_deltas = None
        g = ref.model.generation_config
        g.eos_token_id = g.temperature = g.top_p = g.top_k = g.repetition_penalty = None
        out = ref.model.generate(inputs_embeds=rows[:, columns], attention_mask=torch.ones(1, len(columns)).long(),
                                 do_sample=False, max_new_tokens=STEPS + 1, return_dict_in_generate=True,
                                 output_logits=True)
        return torch.cat(out.logits), out.sequences[0].tolist()
    feature = (mask[0].cumsum(0) - 1)[columns][mask[0, columns]]
    at = torch.arange(len(columns)).expand(3, 1, -1) if sequential else positions[:, :, columns]
    start = len(columns) if sequential else int(positions.max()) + 1
    lm, head, embed = ref.model.model.language_model, ref.model.lm_head, ref.model.get_input_embeddings()
    out = lm(inputs_embeds=rows[:, columns], position_ids=at, visual_pos_masks=mask[:, columns], use_cache=True,
             deepstack_visual_embeds=None if dropped else [level[feature] for level in levels])
    logits, tokens = [head(out.last_hidden_state)[0, -1]], []
    for i in range(STEPS):
        tokens.append(int(logits[-1].argmax()))
        out = lm(inputs_embeds=embed(torch.tensor([[tokens[-1]]])), use_cache=True,
                 position_ids=torch.full((3, 1, 1), start + i), past_key_values=out.past_key_values)
        logits.append(head(out.last_hidden_state)[0, -1])
    tokens.append(int(logits[-1].argmax()))
    return torch.stack(logits), tokens


def compare_sweeps(against, folder, files, work):
    """Rows of a sweep with picture=grey_square against those of a sweep over what Pillow makes, its boxes moved along."""
    plain, squares = [], []
    for name, path in files.items():
        image, box = Image.open(path), [20.0, 10.0, 70.0, 60.0]
        side = max(image.size)
        down, right = (side - image.height) // 2, (side - image.width) // 2
        row = dict(id=name, question="What is it?", answers=["4.50"], metric="exact")
        plain.append(dict(row, images=[str(path)], boxes=[box]))
        squares.append(dict(row, images=[str(grey_square(path, work / f"square_{name}.png"))],
                            boxes=[[box[0] + down, box[1] + right, box[2] + down, box[3] + right]]))
    rows = []
    for what, questions, more in (("plain", plain, ":picture=grey_square"), ("squares", squares, "")):
        data, out = work / f"{what}.jsonl", work / f"sweep_{what}"
        data.write_text("".join(json.dumps(q) + "\n" for q in questions))
        subprocess.run([against.a.program, "sweep", "-m", folder, "--data", data, "--budget", "5", "--kept", "--out", out,
                        "--backend", against.a.backend, "--dtype", "f32", "--pipeline", f"default{more},oracle{more}"],
                       check=True, capture_output=True)
        rows.append([json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()])
    against.note(len(rows[0]) == len(rows[1]) > len(files), f"sweeps: {len(rows[0])} and {len(rows[1])} rows")
    for one, two in zip(*rows):
        for key in ("id", "grids", "kept_tokens", "figures", "prediction", "costs"):
            against.note(one[key] == two[key], f"sweep {one['key']} {key}: {one[key]}, expected {two[key]}")
        against.note(":picture=grey_square@" in one["name"] and "picture" not in two["name"], f"sweep: a row named {one['name']}")


def main():
    against = Against(__doc__, "tied,untied_gqa4,four_taps,moe_released", "comparisons")

    def moved(label, got, true):
        """A fault that changes nothing is none."""
        by = float(np.abs(np.asarray(got[0]) - np.asarray(true[0])).max() / np.abs(np.asarray(true[0])).max())
        against.note(by > 100 * LIMIT, f"{label}: moves the logits by {by:.1e}, expected over {100 * LIMIT:.0e}")

    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        files = pictures(work)
        program = Program(against.a.program, against.a.backend, work)

        def answer(ref, question, pipeline, *more):
            return program.answer(ref.folder, question, ["--pipeline", pipeline, "-n", str(STEPS + 1), "--seed", "3", *more])

        for name in against.configs:
            ref = Reference(make(name, work / name))
            one = Question("What is the total, and why?", [files["wide"]])
            two = Question("Which one is older?", [files["tall"], files["wide"]], system="Answer briefly.")
            for case, question in [("one", one), ("two", two)]:
                inputs = ref.inputs(question)
                for budget, allocator in [("0.33", "random"), ("1.0", "random"), ("1.0", "full")]:
                    true = answer(ref, question, f"none/none/flat/{allocator}/gather@{budget}")
                    for fault in ("positions=sequential", "deepstack=dropped", "positions=sequential:deepstack=dropped"):
                        label = f"{name} {case} {fault} {allocator}@{budget}"
                        pipeline = f"none/none/flat/{allocator}/gather:{fault}@{budget}"
                        got = answer(ref, question, pipeline)
                        against.note(np.array_equal(got["kept_columns"], true["kept_columns"]), f"{label}: keeps others")
                        logits, tokens = faulty(ref, inputs, got["kept_columns"], "positions" in fault, "deepstack" in fault)
                        against.near(label, "logits", got["logits"][0], logits[0])
                        against.note(got["tokens"].tolist() == tokens, f"{label}: {got['tokens'].tolist()}, expected {tokens}")
                        if got["tokens"].tolist() == tokens:
                            against.near(label, "decode", got["logits"], logits)
                        moved(label, got["logits"], true["logits"])
                        reported = json.loads(sorted(work.glob("answer*.json"))[-1].read_text())
                        against.note(reported["pipeline"].split("@")[0].endswith("gather:" + ":".join(sorted(fault.split(":")))),
                                     f"{label}: the row's name is {reported['pipeline']}")
                        if "deepstack" in fault:
                            against.note(reported["costs"]["deepstack_additions"] == 0, f"{label}: additions are counted")

            # A layer decision behind the faulty rows: entry of all, then a drop.
            got = answer(ref, one, "none/none/flat/full/gather:positions=sequential:deepstack=dropped%none/flat/full/layer:before=1")
            logits, tokens = faulty(ref, ref.inputs(one), got["kept_columns"], True, True)
            against.near(f"{name} faulty rows in front of a layer", "logits", got["logits"], logits)

            for case, question in [("one", one), ("two", two)]:
                squares = Question(question.text, [grey_square(p, work / f"square_{p.name}") for p in question.pictures],
                                   question.system)
                inputs = ref.inputs(squares)
                got = answer(ref, question, "full:picture=grey_square")
                same = np.array_equal(got["pixel_values"], inputs["pixel_values"])
                against.note(same, f"{name} {case}: pixel rows of the grey square differ from Pillow's")
                expected, logits = ref.greedy(inputs, STEPS + 1, None)
                against.near(f"{name} {case} grey square", "logits", got["logits"], logits)
                moved(f"{name} {case} grey square", got["logits"], answer(ref, question, "full")["logits"])
            square = Question("Why?", [files["even"]])
            same = np.array_equal(answer(ref, square, "full:picture=grey_square")["logits"], answer(ref, square, "full")["logits"])
            against.note(same, f"{name}: a square picture does not stay as it is")

            # Scores of the first picture for both: as many tokens of the second as it has itself.
            for question in (two, Question(two.text, two.pictures[::-1], two.system)):
                inputs = ref.inputs(question)
                sizes = [int(g.prod()) // 4 for g in inputs["image_grid_thw"]]
                norms = ref.vision(inputs)[0].double().norm(dim=1).numpy()
                first = norms[:sizes[0]]
                carried = np.full(sizes[1], first.min())
                carried[:min(sizes)] = first[:min(sizes)]
                for maps, second in [("own", norms[sizes[0]:]), ("first", carried)]:
                    k = 5
                    expected = [np.sort(np.argsort(-first, kind="stable")[:k]), np.sort(np.argsort(-second, kind="stable")[:k])]
                    got = answer(ref, question, f"none/feature_norm/fixed/top_k/gather:maps={maps}@{k}")
                    ids = inputs["input_ids"][0].numpy() == ref.config.image_token_id
                    visual = (np.cumsum(ids) - 1)[got["kept_columns"]][ids[got["kept_columns"]]]
                    want = np.concatenate([expected[0], expected[1] + sizes[0]])
                    against.note(np.array_equal(visual, want), f"{name} maps={maps}: kept {visual.tolist()}, expected {want.tolist()}")
                full = answer(ref, question, "full")["logits"]
                for control in ("none/feature_norm/fixed/top_k/gather:maps=first@1.0", "none/participatory/fixed/top_k/gather:query=template@1.0"):
                    against.note(np.array_equal(answer(ref, question, control)["logits"], full), f"{name} {control}: not the stock model's bits")
            if name == against.configs[0]:
                compare_sweeps(against, ref.folder, files, work)
            against.so_far(name)
    return against.end("faults of harnesses")


if __name__ == "__main__":
    sys.exit(main())
