#!/usr/bin/env python3
"""Compares what the query encoders make of a question with transformers' own embeddings and hidden states.

usage: query_encoders.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

Random checkpoints, questions with and without pictures and system prompts. Which columns hold the user's own words, and
to which word they belong, is told by the offsets of Hugging Face's tokenizer on the rendered conversation. mean, last,
attention and words are stated in NumPy over transformers' embedding rows, and so is template, which counts every column but pads; contextual is the mean of the rows that its
language model returns for the question alone (after the final norm), attn_implementation='eager'. transformers computes
in float64, but for rotation, norms and softmax. Limit: 2e-5 of the largest value. What a question asked in any other
way would give (another encoder, template and pads counted in, the question read behind its prompt, rows before the
final norm, positions that go on behind the picture) differs by more than ten times the limit, so that it could not pass.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import itertools
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import LIMIT, Against  # noqa: E402
from hf_reference import Reference, np, render_jinja_template, torch  # noqa: E402  (exits 77 itself)
from make_checkpoints import CONFIGS, make  # noqa: E402

# system, question, merged grids of the pictures
QUESTIONS = [
    ("", "What is the total on this receipt?", [(3, 4)]),
    ("Answer briefly.", "Which one is older, the first or the second?", [(2, 2), (5, 1)]),
    ("You count.", "How many items are listed, and why?", []),
    ("", "Where does\n\nthe line end?  And\tthen?", [(1, 6)]),
    ("", "it's 12.50 € – naïve", [(2, 3)]),
    ("", "Why", [(1, 1)]),
]


def prompt_of(ref, system, question, grids):
    """ids [L], columns of the question [Q], their words [Q], by Hugging Face's tokenizer alone."""
    content = [{"type": "image"} for _ in grids] + [{"type": "text", "text": question}]
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": content}]
    rendered = render_jinja_template(conversations=[messages], chat_template=ref.template, add_generation_prompt=True)
    while not isinstance(rendered, str):
        rendered = rendered[0]
    for rows, cols in grids:
        rendered = rendered.replace("<|image_pad|>", "\0" * (rows * cols), 1)
    text = rendered.replace("\0", "<|image_pad|>")
    assert text.count(question) == 1
    begin, end = text.index(question), text.index(question) + len(question)
    encoded = ref.tokenizer.encode(text, add_special_tokens=False)
    columns, words = [], []
    for column, (first, last) in enumerate(encoded.offsets):
        if begin <= first < end:
            so_far, blank = text[begin:last].split(), text[first:last].isspace()
            words.append(len(so_far) - (not blank))  # white space is of the word behind it
            columns.append(column)
    return torch.tensor(encoded.ids), columns, words


class Expected:
    """What each encoder must give, and what it would give were it asked otherwise."""

    @torch.no_grad()
    def __init__(self, ref, ids, columns, words):
        lm = ref.model.model.language_model
        self.rows = ref.model.get_input_embeddings()(ids).numpy()
        e, q = self.rows, self.rows[columns]
        inside = {}
        hook = lm.norm.register_forward_pre_hook(lambda _, args: inside.update(before_norm=args[0]))
        run = lambda x, at: lm(inputs_embeds=torch.as_tensor(x)[None], position_ids=at.expand(3, 1, -1), use_cache=False).last_hidden_state[0].numpy()  # noqa: E731
        plain = torch.arange(len(columns))
        hidden = run(q, plain)
        before_norm = inside["before_norm"][0].numpy()
        whole = ref.model.model(input_ids=ids[None, columns], use_cache=False, output_hidden_states=True)
        assert np.array_equal(whole.last_hidden_state[0].numpy(), hidden)  # transformers' own way for a text alone
        assert np.array_equal(whole.hidden_states[0][0].numpy(), q)
        behind = run(e, torch.arange(len(ids)))[columns]
        hook.remove()
        text = e[(ids != ref.config.image_token_id).numpy()]
        by_word = np.stack([q[np.equal(words, w)].mean(0) for w in range(max(words) + 1)])
        row = lambda x: x[None]  # noqa: E731
        self.of = {"mean": (row(q.mean(0)), q), "last": (q[-1:], q), "contextual": (row(hidden.mean(0)), hidden),
                   "attention": (row(self.pooled(q, 1.0)), q), "attention_sharp": (row(self.pooled(q, 0.25)), q),
                   "words_mean": (row(by_word.mean(0)), by_word), "template": (row(text.mean(0)), text)}
        self.otherwise = {"all columns": e.mean(0), "behind the prompt": behind.mean(0), "before the norm": before_norm.mean(0),
                          "last hidden row": hidden[-1], "attention turned": self.pooled(q, -1.0)}

    @staticmethod
    def pooled(q, temperature):
        mean = q.mean(0)
        cosine = q @ mean / np.linalg.norm(q, axis=1) / np.linalg.norm(mean)
        w = np.exp(-cosine * np.sqrt(q.shape[1]) / temperature)
        return w / w.sum() @ q


def main():
    t, apart = Against(__doc__, ",".join(CONFIGS), "comparisons"), 0
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        for name in t.configs:
            ref = Reference(make(name, work / name), torch.float64)
            ref.model.set_attn_implementation("eager")
            for number, (system, question, grids) in enumerate([*QUESTIONS, ("", "", [(2, 2)])]):
                out = work / f"{name}_{number}"
                out.mkdir()
                t.run(name, ref.folder, out, system, question, *(str(n) for g in grids for n in g))
                got = {f.stem: np.load(f) for f in out.glob("*.npy")}
                label = f"{name} '{question}'"
                if not question:  # nothing was asked: a query that couples to everything alike
                    for k in ("mean", "last", "contextual", "attention", "attention_sharp", "words_mean"):
                        t.note(got[k].shape == (1, ref.config.text_config.hidden_size) and not got[k].any(), f"{label} {k}: expected zeros")
                    continue
                ids, columns, words = prompt_of(ref, system, question, grids)
                for k, wanted in (("ids", ids), ("question", columns), ("words", words)):
                    t.note(np.array_equal(got[k], np.asarray(wanted)), f"{label} {k}: {got[k].tolist()}, expected {list(wanted)}")
                expected = Expected(ref, ids, columns, words)
                for k, (vector, rows) in expected.of.items():
                    for part, wanted in ((k, vector), (f"{k}_words", rows)):
                        t.near(f"{label} {part}", k, got[part], wanted)
                if len(columns) < 2:  # one token is its own mean
                    continue
                every = [(k, v[0]) for k, (v, _) in expected.of.items()] + list(expected.otherwise.items())
                for (one, x), (two, y) in itertools.combinations(every, 2):
                    if {one, two} == {"mean", "words_mean"} and len(set(np.bincount(words))) == 1:
                        continue
                    if not grids and {one, two} == {"template", "all columns"}:  # a text alone has no pads
                        continue
                    assert np.abs(x - y).max() > 10 * LIMIT * np.abs(x).max(), (label, one, two)
                    apart += 1
            t.so_far(name)
    return t.end("query encoders", f", {apart} pairs told apart")


if __name__ == "__main__":
    sys.exit(main())
