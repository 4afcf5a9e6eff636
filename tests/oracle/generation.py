#!/usr/bin/env python3
"""What generation_config.json says beside transformers: which tokens may come next, and what is named as not used.

usage: generation.py PROGRAM CHOOSE_ROWS
1. Random rows through the list of processors that transformers makes of random settings: the same tokens dropped, the rest equal.
2. Whole greedy answers of a random checkpoint whose generation_config.json holds each setting: transformers' generate, token by token; each
   setting must change the answer.
3. Settings that are not read are named in `events` and on stderr, neutral values are not; --strict refuses. A prompt longer than
   max_position_embeddings is refused, and runs with --long-context.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import checks
from checks import check
from make_checkpoints import make  # exits 77 itself
from hf_parity import write_pictures
from hf_reference import Question, Reference, np, torch, transformers
from transformers import GenerationConfig

PROGRAM, ROWS = sys.argv[1:3]
VOCABULARY = 40


# ---- rows
def random_settings(rng):
    def ids(most):
        return [int(i) for i in rng.choice(VOCABULARY, rng.integers(1, most + 1), replace=False)]
    c = {}
    if rng.random() < 0.4:
        c["repetition_penalty"] = float(np.float32(rng.uniform(0.7, 1.8)))
    if rng.random() < 0.5:
        c["no_repeat_ngram_size"] = int(rng.integers(1, 5))
    if rng.random() < 0.5:
        c["bad_words_ids"] = [[int(i) for i in rng.integers(0, 4, rng.integers(1, 4))] for _ in range(rng.integers(1, 5))] + [[7]]
    if rng.random() < 0.4:
        c["suppress_tokens"] = ids(6) + ([VOCABULARY + 3, -1] if rng.random() < 0.3 else [])
    if rng.random() < 0.4:
        c["begin_suppress_tokens"] = ids(6)
    if rng.random() < 0.5:
        c["min_new_tokens"] = int(rng.integers(0, 4))
    if rng.random() < 0.6:
        c.update(do_sample=True, temperature=float(np.float32(rng.uniform(0.3, 2))))
        if rng.random() < 0.5:
            c["top_k"] = int(rng.integers(1, VOCABULARY + 5))
        if rng.random() < 0.5:
            c["top_p"] = float(np.float32(rng.uniform(0.05, 0.99)))
        if rng.random() < 0.6:
            c["min_p"] = float(np.float32(rng.uniform(0, 0.6)))
    c["eos_token_id"] = [7] if rng.random() < 0.5 else [7, 9]
    return c


def expected_row(model, case):
    c = dict(case["config"])
    for key, off in (("top_k", 0), ("top_p", 1.0), ("min_p", None)):
        c.setdefault(key, off)
    config = GenerationConfig(**{"do_sample": False, "num_beams": 1, **c})
    config._eos_token_tensor = torch.tensor(c["eos_token_id"])
    prompt = len(case["seen"]) - case["new_tokens"]
    processors = model._get_logits_processor(config, input_ids_seq_length=prompt, device="cpu", model_kwargs={})
    return processors(torch.tensor([case["seen"]]), torch.tensor([case["scores"]], dtype=torch.float32))[0].numpy()


def check_rows(model, count=3000):
    rng = np.random.default_rng(5)
    cases = []
    for _ in range(count):
        length = int(rng.integers(1, 24))
        cases.append({"scores": [float(x) for x in rng.normal(0, 3, VOCABULARY).astype(np.float32)],
                      "seen": [int(i) for i in rng.integers(0, 4 if rng.random() < 0.7 else VOCABULARY, length)],
                      "new_tokens": int(rng.integers(0, min(length, 4))), "config": random_settings(rng)})
    done = subprocess.run([ROWS], input="".join(json.dumps(c) + "\n" for c in cases), capture_output=True, text=True)
    check(done.returncode == 0, f"choose_rows: {done.stderr.strip()}")
    dropped = 0
    for case, line in zip(cases, done.stdout.splitlines(), strict=True):
        want = expected_row(model, case)
        got = np.array([-np.inf if x is None else x for x in json.loads(line)], np.float32)
        dropped += int(np.isinf(want).sum())
        same = np.array_equal(np.isinf(got), np.isinf(want)) and np.allclose(got[np.isfinite(got)], want[np.isfinite(want)], rtol=1e-6, atol=0)
        check(same, f"{case['config']} seen {case['seen']} new {case['new_tokens']}: {np.flatnonzero(got != want)}")
    print(f"  {count} rows, {dropped} scores dropped")


# ---- whole answers
def answer(folder, picture, *more, status=0):
    with tempfile.TemporaryDirectory() as out:
        report = pathlib.Path(out) / "r.json"
        done = subprocess.run([PROGRAM, "answer", "-m", str(folder), "-i", str(picture), "-p", "What is the total?", "--pipeline", "stock", "--dtype", "f32", "-t", "1",
                               "--json", str(report), *more], capture_output=True, text=True)
        check(done.returncode == status, f"{more}: exit {done.returncode}, expected {status}: {done.stderr.strip()[-300:]}")
        return (json.loads(report.read_text()) if status == 0 and report.exists() else {}), done.stderr


@torch.no_grad()
def generate(ref, inputs, settings):
    ref.model.model.rope_deltas = None
    ref.model.generation_config = GenerationConfig(**settings)
    out = ref.model.generate(**inputs, attention_mask=torch.ones_like(inputs["input_ids"]))
    return out[0, inputs["input_ids"].shape[1]:].tolist()


def check_answers(work, picture):
    folder = work / "model"
    ref = Reference(make("few_layers", folder))
    check_rows(ref.model)
    inputs = ref.inputs(Question("What is the total?", [picture]))
    base = {"do_sample": False, "max_new_tokens": 24, "eos_token_id": [1], "pad_token_id": 0, "bos_token_id": 0}
    plain = generate(ref, inputs, base)
    stop = plain[2]
    settings = {
        "plain": ({}, False),
        "max_new_tokens": ({"max_new_tokens": 7}, True),
        "no_repeat_ngram_size 1": ({"no_repeat_ngram_size": 1}, True),
        "no_repeat_ngram_size 2": ({"no_repeat_ngram_size": 2}, None),
        "repetition_penalty": ({"repetition_penalty": 1.4}, True),
        "bad_words_ids": ({"bad_words_ids": [[plain[0]], plain[1:3], plain[3:7]]}, True),
        "bad_words_ids of the stop token": ({"eos_token_id": [stop], "bad_words_ids": [[stop], [plain[0]]]}, True),
        "suppress_tokens": ({"suppress_tokens": sorted(set(plain[:6]))}, True),
        "begin_suppress_tokens": ({"begin_suppress_tokens": [plain[0]]}, True),
        "eos_token_id": ({"eos_token_id": [stop]}, True),
        "min_new_tokens": ({"eos_token_id": [stop], "min_new_tokens": 9}, True),
        "all": ({"eos_token_id": [stop, plain[4]], "min_new_tokens": 5, "no_repeat_ngram_size": 3, "suppress_tokens": [plain[5]],
                 "begin_suppress_tokens": [plain[0], plain[1]], "bad_words_ids": [plain[6:8]], "repetition_penalty": 1.1}, True),
    }
    for name, (more, changes) in settings.items():
        given = {**base, **more}
        (folder / "generation_config.json").write_text(json.dumps(given))
        want = generate(ref, inputs, given)
        report, _ = answer(folder, picture)
        got = report.get("tokens", []) + (want[-1:] if report.get("stopped") else [])  # ours are without the stop token
        check(got == want, f"{name}: tokens {got}, expected {want}")
        check(changes is None or (want != plain) == changes, f"{name}: the setting must change the reference's answer")
        check([e for e in report.get("events", []) if e.startswith("not used")] == [], f"{name}: events {report.get('events')}")
    return folder, base


def check_unused(folder, base, picture):
    def write(**more):
        (folder / "generation_config.json").write_text(json.dumps({**base, **more}))
    write(num_beams=4, length_penalty=0.8, typical_p=0.9, stop_strings=["x"], made_up=1, num_return_sequences=1, use_cache=True, transformers_version="5.23.0",
          guidance_scale=None)
    report, err = answer(folder, picture)
    named = [e for e in report["events"] if e.startswith("not used: generation_config.json's ")]
    check(sorted(e.split("'s ")[1].split(" ")[0] for e in named) == ["length_penalty", "made_up", "num_beams", "stop_strings", "typical_p"], f"named: {named}")
    lines = [line for line in err.splitlines() if line.startswith("not used: ")]
    check(len(lines) == 1 and all(e.removeprefix("not used: ") in lines[0] for e in named), f"stderr: {lines}")
    check("not used" not in answer(folder, picture, "-q")[1], "-q is quiet")
    _, err = answer(folder, picture, "--strict", status=2)
    check("num_beams" in err and "(E107)" in err, f"--strict: {err}")
    write()
    answer(folder, picture, "--strict")
    config = json.loads((folder / "config.json").read_text())
    length = answer(folder, picture)[0]["costs"]["sequence_length"]
    for most, status in ((length, 0), (length - 1, 2)):
        config["text_config"]["max_position_embeddings"] = most
        (folder / "config.json").write_text(json.dumps(config))
        _, err = answer(folder, picture, status=status)
        check(status == 0 or f"expected at most {most} tokens (max_position_embeddings), got {length}" in err, f"{most}: {err}")
    report, _ = answer(folder, picture, "--long-context")
    check(any(f"{length} tokens, beyond" in e for e in report["events"]), f"--long-context: {report['events']}")


def main():
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        picture = write_pictures(work / "pictures") / "exact.png"
        folder, base = check_answers(work, picture)
        check_unused(folder, base, picture)
    print(f"generation oracle: {checks.made} checks against transformers {transformers.__version__}, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
