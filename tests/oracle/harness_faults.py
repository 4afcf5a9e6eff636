#!/usr/bin/env python3
"""Compares the faults of published harnesses and the experiments with positions, which are switches here, with
transformers run so.

usage: harness_faults.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

PROGRAM: arrcoc. Random checkpoints, one picture and two in a prompt, a third of the tokens kept and all of them (the
control, through the same faulty path). The kept columns are read from the dump; logits of the prompt and of tokens fed
back by transformers:
  positions=sequential  the language model on the kept rows with position ids 0, 1, 2 ... on all axes
  deepstack=dropped     the language model on the kept rows at their true positions, without DeepStack levels
  positions=seed        the language model on the kept rows with the first sketch's position ids, by NumPy: text at
                        (0, 0, 0), (0, 0, 1) ... over the whole prompt, every picture from (0, 0, 0) on
  rotary=blocked        transformers' rotary embedding replaced by one in NumPy that gives each axis a block of
                        frequencies; the same in turn equals transformers' own tables to the last bits
  both                  transformers' own generate(inputs_embeds=rows), with neither ids nor grids
  picture=grey_square   the stock model on the picture that Pillow has pasted on a grey square: pixel rows equal, and
                        the rows of a sweep, figures among them
  maps=first            norms of the first picture's embeddings, by NumPy, choose tokens of both pictures
Each fault moves the logits by over 100 times the limit, also when everything is kept, but maps=first, query=template
and a picture that is square, which keep every bit then, and rotary=blocked on text, which keeps every bit always. Limit: 2e-5 of the largest value.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import LIMIT, Against  # noqa: E402  (exits 77 itself)
from checks import on_backend  # noqa: E402
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


def axes_of(half, section, blocked):
    """Which axis (t, h, w: 0, 1, 2) turns each frequency: a block of `section` each, or in turn while an axis has any."""
    if blocked:
        return np.repeat([0, 1, 2], section)
    axes = np.zeros(half, int)
    for axis in (1, 2):
        axes[axis:3 * section[axis]:3] = axis
    return axes


class Rotary(torch.nn.Module):
    """cos and sin [1, L, d] of position ids [3, 1, L], by the rule, in NumPy."""

    def __init__(self, config, blocked):
        super().__init__()
        self.head, self.blocked = config.head_dim, blocked
        self.theta, self.section = config.rope_parameters["rope_theta"], config.rope_parameters["mrope_section"]

    def forward(self, x, position_ids):
        half = self.head // 2
        frequencies = 1 / np.float32(self.theta) ** (np.arange(0, self.head, 2, dtype=np.float32) / np.float32(self.head))
        at = position_ids[:, 0].numpy().astype(np.float32)
        angles = at[axes_of(half, self.section, self.blocked)].T * frequencies
        both = np.concatenate([angles, angles], 1).astype(np.float32)
        return torch.from_numpy(np.cos(both))[None].to(x.dtype), torch.from_numpy(np.sin(both))[None].to(x.dtype)


def seed_positions(positions, mask):
    """[3, 1, L] of the first sketch from the true ones: text counts on w alone; each picture from its first token on."""
    true, visual = positions[:, 0].numpy(), mask[0].numpy()
    out = np.zeros_like(true)
    out[2, ~visual] = np.arange((~visual).sum())
    for i in np.flatnonzero(visual):
        first = i if i == 0 or not visual[i - 1] else first
        out[:, i] = true[:, i] - true[0, first]
    return torch.from_numpy(out)[:, None]


@torch.no_grad()
def faulty(ref, inputs, columns, fault):
    """Logits [STEPS + 1, V] after the prompt and behind tokens fed back, and these tokens."""
    rows, mask, levels, positions = ref.assembled(inputs)
    columns = torch.as_tensor(columns)
    sequential, dropped = "positions=sequential" in fault, "deepstack=dropped" in fault
    seed, blocked = "positions=seed" in fault, "rotary=blocked" in fault
    if sequential and dropped:  # by transformers' own rule for embeddings that come alone
        ref.model.model.rope_deltas = None
        g = ref.model.generation_config
        g.eos_token_id = g.temperature = g.top_p = g.top_k = g.repetition_penalty = None
        out = ref.model.generate(inputs_embeds=rows[:, columns], attention_mask=torch.ones(1, len(columns)).long(),
                                 do_sample=False, max_new_tokens=STEPS + 1, return_dict_in_generate=True,
                                 output_logits=True)
        return torch.cat(out.logits), out.sequences[0].tolist()
    feature = (mask[0].cumsum(0) - 1)[columns][mask[0, columns]]
    every = seed_positions(positions, mask) if seed else positions
    at = torch.arange(len(columns)).expand(3, 1, -1) if sequential else every[:, :, columns]
    start = len(columns) if sequential else int((~mask).sum()) if seed else int(positions.max()) + 1
    moves = torch.tensor([0, 0, 1] if seed else [1, 1, 1]).reshape(3, 1, 1)  # axes on which what is decoded goes on
    lm, head, embed = ref.model.model.language_model, ref.model.lm_head, ref.model.get_input_embeddings()
    own = lm.rotary_emb
    lm.rotary_emb = Rotary(ref.config.text_config, blocked)
    out = lm(inputs_embeds=rows[:, columns], position_ids=at, visual_pos_masks=mask[:, columns], use_cache=True,
             deepstack_visual_embeds=None if dropped else [level[feature] for level in levels])
    logits, tokens = [head(out.last_hidden_state)[0, -1]], []
    for i in range(STEPS):
        tokens.append(int(logits[-1].argmax()))
        out = lm(inputs_embeds=embed(torch.tensor([[tokens[-1]]])), use_cache=True,
                 position_ids=(start + i) * moves, past_key_values=out.past_key_values)
        logits.append(head(out.last_hidden_state)[0, -1])
    lm.rotary_emb = own
    tokens.append(int(logits[-1].argmax()))
    return torch.stack(logits), tokens


def compare_sweeps(against, folder, files, work):
    """Rows of a sweep with picture=grey_square against those of one over what Pillow makes, its boxes moved along."""
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
        words = ["--data", data, "--budget", "5", "--kept", "--out", out, *on_backend(against.a.backend),
                 "--dtype", "f32", "--pipeline", f"default{more},oracle{more}"]
        subprocess.run([against.a.program, "sweep", "-m", folder, *words], check=True, capture_output=True)
        rows.append([json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()])
    against.note(len(rows[0]) == len(rows[1]) > len(files), f"sweeps: {len(rows[0])} and {len(rows[1])} rows")
    for one, two in zip(*rows):
        for key in ("id", "grids", "kept_tokens", "figures", "prediction", "costs"):
            against.note(one[key] == two[key], f"sweep {one['key']} {key}: {one[key]}, expected {two[key]}")
        named = ":picture=grey_square@" in one["name"] and "picture" not in two["name"]
        against.note(named, f"sweep: a row is named {one['name']}")


class Checkpoint:
    """One random checkpoint, and what is held against it."""

    def __init__(self, against, program, name, files, work):
        self.against, self.program, self.name, self.files, self.work = against, program, name, files, work
        self.ref = Reference(make(name, work / name))
        self.one = Question("What is the total, and why?", [files["wide"]])
        self.two = Question("Which one is older?", [files["tall"], files["wide"]], system="Answer briefly.")

    def answer(self, question, pipeline):
        extra = ["--pipeline", pipeline, "-n", str(STEPS + 1), "--seed", "3"]
        return self.program.answer(self.ref.folder, question, extra)

    def same_bits(self, label, got, expected):
        self.against.note(np.array_equal(got["logits"], expected["logits"]), f"{self.name} {label}: not the stock bits")

    def moved(self, label, got, true):
        """A fault that changes nothing is none."""
        first, second = (np.asarray(x["logits"][0], np.float64) for x in (got, true))
        by = np.abs(first - second).max() / np.abs(second).max()
        self.against.note(by > 100 * LIMIT, f"{label}: moves the logits by {by:.1e}, expected over {100 * LIMIT:.0e}")

    def rows_and_levels(self):
        """positions=sequential and seed, rotary=blocked, deepstack=dropped, together; some tokens and all."""
        both = "deepstack=dropped:positions=sequential"
        faults = ("positions=sequential", "deepstack=dropped", both, "rotary=blocked", "positions=seed",
                  "positions=seed:rotary=blocked")
        for case, question in (("one", self.one), ("two", self.two)):
            inputs = self.ref.inputs(question)
            for budget, allocator in (("0.33", "random"), ("1.0", "random"), ("1.0", "full")):
                true = self.answer(question, f"none/none/flat/{allocator}/gather@{budget}")
                for fault in faults:
                    label = f"{self.name} {case} {fault} {allocator}@{budget}"
                    got = self.answer(question, f"none/none/flat/{allocator}/gather:{fault}@{budget}")
                    self.compare(label, inputs, got, true, fault)
                    report = json.loads(sorted(self.work.glob("answer*.json"))[-1].read_text())
                    said = report["pipeline"].split("@")[0]
                    self.against.note(said.endswith("gather:" + fault), f"{label}: the name is {said}")
                    additions = report["costs"]["deepstack_additions"]
                    self.against.note(additions == 0 or "deepstack" not in fault, f"{label}: {additions} additions")
        # A decision in a layer behind the faulty rows.
        got = self.answer(self.one, f"none/none/flat/full/gather:{both}%none/flat/full/layer:before=1")
        logits, _ = faulty(self.ref, self.ref.inputs(self.one), got["kept_columns"], both)
        self.against.near(f"{self.name} faulty rows in front of a layer", "logits", got["logits"], logits)

    def compare(self, label, inputs, got, true, fault):
        self.against.note(np.array_equal(got["kept_columns"], true["kept_columns"]), f"{label}: keeps others")
        logits, tokens = faulty(self.ref, inputs, got["kept_columns"], fault)
        self.against.near(label, "logits", got["logits"][0], logits[0])
        said = got["tokens"].tolist()
        self.against.note(said == tokens, f"{label}: {said}, expected {tokens}")
        if said == tokens:
            self.against.near(label, "decode", got["logits"], logits)
        self.moved(label, got, true)

    def tables(self):
        """The transcription in turn is transformers' table; text alone turns alike whatever the axes."""
        lm, at = self.ref.model.model.language_model, np.random.default_rng(4).integers(0, 900, (3, 1, 40))
        at = torch.from_numpy(at)
        for label, wanted, got in zip(("cos", "sin"), lm.rotary_emb(torch.zeros(1), at),
                                      Rotary(self.ref.config.text_config, False)(torch.zeros(1), at)):
            self.against.near(f"{self.name} NumPy {label}", "tables", got.numpy(), wanted.numpy())
        text = Question("How many items are listed, and why?", [])
        blocked = self.answer(text, "full:injector.rotary=blocked")
        self.same_bits("text, rotary=blocked", blocked, self.answer(text, "full"))
        named = self.answer(self.one, "full:injector.rotary=interleaved:injector.positions=true")
        self.same_bits("the defaults, named", named, self.answer(self.one, "full"))

    def squares(self):
        """picture=grey_square."""
        for case, question in (("one", self.one), ("two", self.two)):
            label = f"{self.name} {case} grey square"
            pasted = [grey_square(p, self.work / f"square_{p.name}") for p in question.pictures]
            inputs = self.ref.inputs(Question(question.text, pasted, question.system))
            got = self.answer(question, "full:picture=grey_square")
            same = np.array_equal(got["pixel_values"], inputs["pixel_values"])
            self.against.note(same, f"{label}: pixel rows differ from Pillow's")
            self.against.near(label, "logits", got["logits"], self.ref.greedy(inputs, STEPS + 1, None)[1])
            self.moved(label, got, self.answer(question, "full"))
        even = Question("Why?", [self.files["even"]])
        self.same_bits("a square picture", self.answer(even, "full:picture=grey_square"), self.answer(even, "full"))

    def first_picture(self):
        """maps=first, the larger picture first and last; what query=template does when everything is kept."""
        k = 5

        def top(values):
            return np.sort(np.argsort(-values, kind="stable")[:k])

        for question in (self.two, Question(self.two.text, self.two.pictures[::-1], self.two.system)):
            inputs = self.ref.inputs(question)
            sizes = [int(g.prod()) // 4 for g in inputs["image_grid_thw"]]
            norms = self.ref.vision(inputs)[0].double().norm(dim=1).numpy()
            first = norms[:sizes[0]]
            carried = np.full(sizes[1], first.min())
            carried[:min(sizes)] = first[:min(sizes)]
            for maps, second in (("own", norms[sizes[0]:]), ("first", carried)):
                got = self.answer(question, f"none/feature_norm/fixed/top_k/gather:maps={maps}@{k}")["kept_columns"]
                pads = inputs["input_ids"][0].numpy() == self.ref.config.image_token_id
                kept = (np.cumsum(pads) - 1)[got][pads[got]].tolist()
                wanted = np.concatenate([top(first), top(second) + sizes[0]]).tolist()
                self.against.note(kept == wanted, f"{self.name} maps={maps}: kept {kept}, expected {wanted}")
            full = self.answer(question, "full")
            for name in ("none/feature_norm/fixed/top_k/gather:maps=first",
                         "none/participatory/fixed/top_k/gather:query=template"):
                self.same_bits(name, self.answer(question, name + "@1.0"), full)


def main():
    against = Against(__doc__, "tied,untied_gqa4,four_taps,moe_released", "comparisons")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        files = pictures(work)
        program = Program(against.a.program, against.a.backend, work)
        for name in against.configs:
            one = Checkpoint(against, program, name, files, work)
            one.tables()
            one.rows_and_levels()
            one.squares()
            one.first_picture()
            if name == against.configs[0]:
                compare_sweeps(against, one.ref.folder, files, work)
            against.so_far(name)
    return against.end("faults of harnesses")


if __name__ == "__main__":
    sys.exit(main())
