#!/usr/bin/env python3
"""Questions a second of `arrcoc sweep` beside lmms-eval's own loop: its evaluator, its qwen3_vl model class, a task file over the same questions.

usage: sweep_beside_lmms_eval.py PROGRAM MODEL DATA [--limit 150] [--pairs 5] [--threads 1] [--new 32] [--dtype f32|bf16] [--class chat|simple]
DATA is a folder that `arrcoc scenes` wrote; the task (YAML, two functions, JSONL) is written from it into a folder of this run. Both sides have the
same system prompt, bounds of pixels, and limit of new tokens; theirs picks bfloat16 whatever the file holds, `--dtype f32` lets it be float32. Ours runs
twice a pair: `full` (the same work), and the default pipeline at a quarter of the tokens. The sides of a pair take turns at going first; loading the model and
two questions to warm up are not counted. `loop` is the time in its generate_until alone, `evaluate` all of simple_evaluate; ours is the run's own
seconds with reading pictures, scoring and writing rows. Reported: medians in questions a second, the median and range of ours / theirs, shares right,
answers that are the same, and those that are not; and whether its reader of sample logs takes ours, and `arrcoc convert` its own.
Wants lmms-eval (0.7.3 was used), what its evaluator and that class import, and filelock below 4; exit 77 without. Where its many requirements
are not wanted: --no-deps, and by hand accelerate, aiohttp, datasets, decord, evaluate, loguru, qwen-vl-utils, sacrebleu, tenacity, torchvision and what these name as
missing. torchvision may be a build whose compiled part does not fit torch: only its resizing in Python is used.
"""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
try:
    import torch
    import torchvision  # noqa: F401
except RuntimeError:  # its compiled operators do not load; their names are enough to import it
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except ImportError as e:
    print(f"skipped: {e}", file=sys.stderr)
    sys.exit(77)
try:
    from lmms_eval import evaluator
    from lmms_eval.baselines import load_baseline
    from lmms_eval.loggers.evaluation_tracker import EvaluationTracker
    from lmms_eval.models import get_model
    from lmms_eval.models.simple import qwen3_vl
    from lmms_eval.tasks import TaskManager
except ImportError as e:
    print(f"skipped, lmms-eval is absent: {e}", file=sys.stderr)
    sys.exit(77)
from sweep_beside_transformers import arguments, ours, questions  # noqa: E402

SYSTEM = "You are a helpful assistant."
TASK = """dataset_path: json
dataset_kwargs:
  data_files: {{test: {file}}}
task: beside
test_split: test
output_type: generate_until
doc_to_visual: !function of_task.visual
doc_to_text: !function of_task.text
doc_to_target: answer
generation_kwargs: {{max_new_tokens: {new}, temperature: 0, num_beams: 1, do_sample: false}}
process_results: !function of_task.score
metric_list:
  - {{metric: right, aggregation: mean, higher_is_better: true}}
"""
OF_TASK = """from PIL import Image


def visual(doc):
    return [Image.open(doc["picture"]).convert("RGB")]


def text(doc, lmms_eval_specific_kwargs=None):
    return doc["question"]


def score(doc, results):
    return {"right": float(any(results[0].strip().lower() == a.strip().lower() for a in doc["answers"]))}
"""


def write_task(folder, items, a):
    docs = [{"id": x["id"], "picture": str((a.data / x["images"][0]).resolve()), "question": x["question"], "answers": x["answers"], "answer": x["answers"][0]} for x in items]
    (folder / "docs.jsonl").write_text("".join(json.dumps(d) + "\n" for d in docs), encoding="utf-8")
    (folder / "beside.yaml").write_text(TASK.format(file=json.dumps(str(folder / "docs.jsonl")), new=a.new), encoding="utf-8")
    (folder / "of_task.py").write_text(OF_TASK, encoding="utf-8")


class Float32:
    """A model class of transformers that loads in float32."""

    def __init__(self, inner):
        self.inner = inner

    def from_pretrained(self, *args, **kwargs):
        return self.inner.from_pretrained(*args, **{**kwargs, "dtype": "float32"})


class Theirs:
    def __init__(self, a, folder):
        self.a, self.manager = a, TaskManager(include_path=str(folder), include_defaults=False)
        torch.set_num_threads(a.threads)
        if a.dtype == "f32":
            find = qwen3_vl._resolve_model_class
            qwen3_vl._resolve_model_class = lambda *x: (Float32(find(*x)[0]), "dtype")
        pixels = json.loads((pathlib.Path(a.model) / "preprocessor_config.json").read_text(encoding="utf-8"))["size"]
        make = get_model("qwen3_vl", a.kind == "simple")
        self.model = make(pretrained=a.model, device="cpu", device_map="cpu", batch_size=1, attn_implementation="sdpa", system_prompt=SYSTEM,
                          min_pixels=pixels["shortest_edge"], max_pixels=pixels["longest_edge"])
        qwen3_vl._resolve_model_class = find if a.dtype == "f32" else qwen3_vl._resolve_model_class
        self.inner, self.seconds, self.weights = self.model.generate_until, 0.0, self.model._model
        self.model.generate_until = self.timed
        self.evaluate(2)

    def timed(self, requests):
        start = time.perf_counter()
        out = self.inner(requests)
        self.seconds = time.perf_counter() - start
        return out

    def evaluate(self, limit):
        """Questions a second of the loop alone and of the whole evaluation, answers in the order of the file, share right."""
        self.model._model = self.weights  # an evaluation takes it away at its end
        start = time.perf_counter()
        with contextlib.redirect_stdout(sys.stderr):
            out = evaluator.simple_evaluate(model=self.model, tasks=["beside"], task_manager=self.manager, limit=limit, batch_size=1, bootstrap_iters=0, log_samples=True)
        whole = time.perf_counter() - start
        samples = sorted(out["samples"]["beside"], key=lambda s: s["doc_id"])
        assert len(samples) == limit, f"{len(samples)} of {limit} questions were asked"
        said = [s["filtered_resps"][0].strip() for s in samples]
        self.samples = samples
        return limit / self.seconds, limit / whole, said, sum(s["right"] for s in samples) / limit


def logs(a, theirs, run, rows, folder):
    """On how many questions lmms-eval reads our score out of our sample log, and `arrcoc convert` the question, answer and picture out of its log."""
    convert = lambda *args: subprocess.run([a.program, "convert", *map(str, args), "-q"], check=True)  # noqa: E731
    convert(run, "--to", "lmms", "--column", "full", "--out", folder / "ours.jsonl")
    scores, _ = load_baseline(str(folder / "ours.jsonl"), "beside")
    tracker = EvaluationTracker(output_path=str(folder / "theirs"))
    tracker.general_config_tracker.model_name_sanitized, tracker.date_id = "model", "date"
    tracker.save_results_samples("beside", theirs.samples)
    convert("--data", folder / "theirs/model/date_samples_beside.jsonl", "--out", folder / "back")
    back = [json.loads(line) for line in (folder / "back/questions.jsonl").read_text(encoding="utf-8").splitlines()]
    same = [(x["question"], x["answers"][0], (folder / "back" / x["images"][0]).resolve()) == (y["question"], y["answers"][0], (a.data / y["images"][0]).resolve())
            for x, y in zip(back, questions(a))]
    return sum(scores.get(n) == row["score"] for n, row in enumerate(rows)), sum(same)


def main():
    p = arguments(__doc__, limit=150, threads=1)
    p.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    p.add_argument("--class", choices=("chat", "simple"), default="chat", dest="kind")
    a = p.parse_args()
    items = questions(a)
    rates = {"loop": [], "evaluate": [], "full": [], "default": []}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        write_task(folder, items, a)
        theirs = Theirs(a, folder)

        def ask_theirs():
            loop, whole, said, right = theirs.evaluate(len(items))
            rates["loop"].append(loop)
            rates["evaluate"].append(whole)
            return said, right

        def ask_ours(pair):
            told = {}
            for pipeline in ("full", "default"):
                rate, rows = ours(a, pipeline, folder / f"{pipeline}{pair}", "--system", SYSTEM, "--dtype", a.dtype, "--resize", "pillow")
                rates[pipeline].append(rate)
                told[pipeline] = rows
            return told

        for pair in range(a.pairs):
            if pair % 2:
                told = ask_ours(pair)
                said, right = ask_theirs()
            else:
                said, right = ask_theirs()
                told = ask_ours(pair)
            read, back = logs(a, theirs, folder / f"full{pair}", told["full"], folder) if pair + 1 == a.pairs else (0, 0)
            print(f"pair {pair + 1}: " + ", ".join(f"{k} {v[-1]:.1f}" for k, v in rates.items()), file=sys.stderr)
    for name, values in rates.items():
        line = f"{name:10}{statistics.median(values):8.1f} questions a second"
        for base in ("loop", "evaluate") if name in told else ():
            ratios = [x / y for x, y in zip(values, rates[base])]
            line += f"; {statistics.median(ratios):.2f} times `{base}` ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line)
    print(f"right: theirs {right:.3f}" + "".join(f", {k} {statistics.mean(r['score'] for r in v):.3f}" for k, v in told.items()))
    unlike = [(r["id"], r["prediction"].strip(), s) for r, s in zip(told["full"], said) if r["prediction"].strip() != s]
    print(f"{len(items) - len(unlike)} of {len(items)} answers of `full` are lmms-eval's")
    print(f"sample logs: {read} of our scores are read by lmms-eval, {back} of its questions by arrcoc, of {len(items)}")
    for line in unlike[:10]:
        print("  %s: ours %r, theirs %r" % line)


if __name__ == "__main__":
    main()
