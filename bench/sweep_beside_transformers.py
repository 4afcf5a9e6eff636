#!/usr/bin/env python3
"""Questions a second of `arrcoc sweep` beside a loop around transformers as lmms-eval and VLMEvalKit have one: open the picture, its processor, the
chat template, generate() greedily with a batch of one, score. The same model, questions and limit of new tokens.

usage: sweep_beside_transformers.py PROGRAM MODEL DATA [--limit 200] [--pairs 5] [--threads 2] [--new 32]
DATA is a folder that `arrcoc scenes` wrote. Ours runs twice a pair: all tokens (`full`, the same work), and the default pipeline at a quarter of the
tokens. A pair is interleaved; each side loads its model anew and the loading is not counted, nor is a warm-up of theirs. Reported: medians in questions
a second, ours / theirs, and on how many questions the answers agree. Exit 77 without torch and transformers.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/oracle"))
from hf_reference import Image, Qwen2VLImageProcessorPil, Qwen3VLForConditionalGeneration, torch, transformers  # noqa: E402  (exits 77 itself)


class Theirs:
    def __init__(self, a):
        torch.set_num_threads(a.threads)
        self.new, self.data = a.new, a.data
        self.model = Qwen3VLForConditionalGeneration.from_pretrained(a.model, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True).eval()
        self.tokenizer, self.processor = transformers.AutoTokenizer.from_pretrained(a.model), Qwen2VLImageProcessorPil.from_pretrained(a.model)

    @torch.inference_mode()
    def answer(self, item):
        picture = Image.open(self.data / item["images"][0]).convert("RGB")
        seen = self.processor(images=[picture], return_tensors="pt")
        content = [{"type": "image"}, {"type": "text", "text": item["question"]}]
        text = self.tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True)
        pads = int(seen["image_grid_thw"][0].prod()) // self.processor.merge_size ** 2
        ids = self.tokenizer(text.replace("<|image_pad|>", "<|image_pad|>" * pads), return_tensors="pt")
        types = (ids["input_ids"] == self.model.config.image_token_id).int()
        out = self.model.generate(**ids, pixel_values=seen["pixel_values"], image_grid_thw=seen["image_grid_thw"], mm_token_type_ids=types, do_sample=False, max_new_tokens=self.new)
        return self.tokenizer.decode(out[0, ids["input_ids"].shape[1]:], skip_special_tokens=True).strip()

    def rate(self, items):
        self.answer(items[0])
        start = time.perf_counter()
        answers = [self.answer(item) for item in items]
        return len(items) / (time.perf_counter() - start), answers


def questions(a):
    return [json.loads(line) for line in (a.data / "questions.jsonl").read_text(encoding="utf-8").splitlines()][:a.limit]


def ours(a, pipeline, folder, *flags):
    """Questions a second by the run's own seconds, and its rows in the order of the questions."""
    command = [a.program, "sweep", "-m", a.model, "--data", a.data, "--limit", a.limit, "--out", folder, "--pipeline", pipeline, "--keep-ratio", 0.25, "-n", a.new, "-t", a.threads, "--no-report", "-q", *flags]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    read = lambda name: [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]  # noqa: E731
    seconds = next(line["seconds"] for line in read("timings.jsonl") if "seconds" in line)
    rows = {row["id"]: row for row in read("rows.jsonl")}
    assert len(rows) == len(questions(a)), f"{len(rows)} rows"
    return len(rows) / seconds, [rows[item["id"]] for item in questions(a)]


def arguments(doc, limit, threads):
    p = argparse.ArgumentParser(description=doc.split("\n")[0])
    p.add_argument("program")
    p.add_argument("model")
    p.add_argument("data", type=pathlib.Path)
    for name, value in (("limit", limit), ("pairs", 5), ("threads", threads), ("new", 32)):
        p.add_argument(f"--{name}", type=int, default=value)
    return p


def main():
    a = arguments(__doc__, limit=200, threads=2).parse_args()
    items = questions(a)
    rates, same = {"transformers": [], "full": [], "default": []}, 0
    for pair in range(a.pairs):
        theirs, said = Theirs(a).rate(items)
        rates["transformers"].append(theirs)
        for pipeline in ("full", "default"):
            with tempfile.TemporaryDirectory() as folder:
                rate, rows = ours(a, pipeline, pathlib.Path(folder) / "run")
            rates[pipeline].append(rate)
            if pipeline == "full":
                same = sum(row["prediction"].strip() == answer for row, answer in zip(rows, said))
        print(f"pair {pair + 1}: " + ", ".join(f"{k} {v[-1]:.1f}" for k, v in rates.items()), file=sys.stderr)
    for name, values in rates.items():
        ratio = statistics.median(x / y for x, y in zip(values, rates["transformers"]))
        print(f"{name:14}{statistics.median(values):8.1f} questions a second{ratio:8.2f} times")
    print(f"{same} of {len(items)} answers of `full` are transformers'")


if __name__ == "__main__":
    main()
