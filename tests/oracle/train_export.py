#!/usr/bin/env python3
"""`arrcoc train export`: transformers loads the folder unchanged, sees the same prompt and pixels, and gives the same greedy answers and logits.

usage: train_export.py ARRCOC [--state FILE | --model FOLDER [--at-least SHARE]] [--backends eigen,torch] [--pictures N] [--scenes FLAGS] [--write-golden]
FILE: any training state of the small model (default: the weights of models/small, which must come out as they are); FOLDER: a model that was exported before.
SHARE: of the answers that must be right. FLAGS: of `arrcoc scenes`, for the unseen pictures (two questions each).
--write-golden stores transformers' prompt ids in tests/golden/train/prompt_ids.txt.
exit 0 when all agrees, 1 on any mismatch, 77 when a Python package or the state is absent
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check

try:
    import numpy as np
    import torch
    import transformers
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoTokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
except ImportError as e:
    print(f"train_export: skipped, {e}")
    sys.exit(77)

HERE = pathlib.Path(__file__).resolve().parent
SMALL = HERE.parents[1] / "models/small"
TOKENS = 24
LOGITS = 2e-5  # of the largest, float32
LIMIT = {False: 0.0, True: 1.2e-7}  # the Pillow class divides by 255 before it normalises: one rounding more (values lie in [-1, 1])


class Processor:
    """transformers' processor: the whole one where torchvision is installed, else its parts (chat template, tokenizer, Pillow class)."""

    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.kind = "parts"
        try:
            from transformers import AutoProcessor
            self.whole = AutoProcessor.from_pretrained(folder)
            self.kind = type(self.whole).__name__
        except ImportError:
            self.images = Qwen2VLImageProcessorPil.from_pretrained(folder)
            self.template = (pathlib.Path(folder) / "chat_template.jinja").read_text()

    def __call__(self, picture, question):
        content = [{"type": "image", "image": picture}, {"type": "text", "text": question}]
        if self.kind != "parts":
            return dict(self.whole.apply_chat_template([{"role": "user", "content": content}], tokenize=True, add_generation_prompt=True,
                                                       return_dict=True, return_tensors="pt"))
        seen = self.images(images=picture, return_tensors="pt")
        t, rows, cols = seen["image_grid_thw"][0].tolist()
        text = self.tokenizer.apply_chat_template([{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True,
                                                  chat_template=self.template)
        text = text.replace("<|image_pad|>", "<|image_pad|>" * (t * rows * cols // 4))
        ids = self.tokenizer(text, return_tensors="pt")
        return {**dict(ids), **dict(seen), "mm_token_type_ids": (ids["input_ids"] == self.tokenizer.convert_tokens_to_ids("<|image_pad|>")).int()}


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"exit status {done.returncode}: {done.stderr.strip()[-400:]} ({' '.join(map(str, command))})")
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--state", default=str(SMALL / "model.safetensors"))
    parser.add_argument("--model")
    parser.add_argument("--at-least", type=float, default=0)
    parser.add_argument("--scenes", default="--scenario document,picture")
    parser.add_argument("--backends", default="eigen")
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--write-golden", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(1)
    asked = equal = right = 0
    worst = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        model = pathlib.Path(a.model) if a.model else root / "model"
        if not a.model:
            run([a.program, "train", "export", "--state", a.state, "--out", model])
            if pathlib.Path(a.state).parent == SMALL:
                for file in sorted(model.iterdir()):
                    check(file.read_bytes() == (SMALL / file.name).read_bytes(), f"models/small/{file.name} is not what export writes")
        run([a.program, "scenes", "--out", root / "scenes", "--count", str(a.pictures), "--seed", "6000000", *a.scenes.split(), "--no-tsv", "--quiet", "-t", "1"])
        rows = [json.loads(line) for line in (root / "scenes/questions.jsonl").read_text().splitlines()]
        hf = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32).eval()
        check(type(hf).__name__ == "Qwen3VLForConditionalGeneration", f"transformers made a {type(hf).__name__}")
        check(hf.lm_head.weight.data_ptr() == hf.get_input_embeddings().weight.data_ptr(), "the head is not tied to the embeddings")
        processor = Processor(str(model))
        golden, seen = [], {}
        for row in rows:
            if seen.setdefault(row["images"][0], 0) >= 2:
                continue
            seen[row["images"][0]] += 1
            picture, question = root / "scenes" / row["images"][0], row["question"]
            inputs = processor(Image.open(picture).convert("RGB"), question)
            with torch.no_grad():
                made = hf.generate(**inputs, max_new_tokens=TOKENS, do_sample=False, output_logits=True, return_dict_in_generate=True)
            out, logits = made.sequences[0, inputs["input_ids"].shape[1]:].tolist(), torch.cat(made.logits).numpy()
            stops = set(hf.generation_config.eos_token_id)
            expected = [t for t in out if t not in stops]
            text = processor.tokenizer.decode(expected, skip_special_tokens=True)
            grid = inputs["image_grid_thw"][0].tolist()
            golden.append("\t".join([question, str(grid[1] // 2), str(grid[2] // 2), " ".join(map(str, inputs["input_ids"][0].tolist()))]))
            for backend in a.backends.split(","):
                name = f"{row['id']} {backend} '{question}'"
                dump, report = root / f"dump{asked}", root / f"answer{asked}.json"
                asked += 1
                run([a.program, "answer", "-m", model, "-i", picture, "-p", question, "--pipeline", "stock", "--backend", backend, "--dtype", "f32", "-n", str(TOKENS),
                     "-t", "1", "--dump", dump, "--json", report])
                got = json.loads(report.read_text())
                check(np.load(dump / "input_ids.npy").tolist() == inputs["input_ids"][0].tolist(), f"{name}: prompt ids differ")
                pixels = np.load(dump / "pixel_values.npy")
                want = inputs["pixel_values"].numpy()
                off = np.abs(pixels - want).max() if pixels.shape == want.shape else np.inf
                check(off <= LIMIT[processor.kind == "parts"], f"{name}: pixels differ by {off}")
                check(got["tokens"] == expected, f"{name}: {got['tokens']}, transformers {expected}")
                check(got["answer"] == text, f"{name}: '{got['answer']}', transformers '{text}'")
                equal += got["tokens"] == expected
                right += got["answer"] in row["answers"]
                ours = np.load(dump / "logits.npy")[-len(logits):]
                apart = np.abs(ours - logits).max() / np.abs(logits).max() if ours.shape == logits.shape else np.inf
                worst = max(worst, apart)
                check(apart <= LOGITS, f"{name}: logits {ours.shape} differ by {apart:.2g} of the largest ({logits.shape})")
        if a.write_golden:
            (HERE.parent / "golden/train").mkdir(exist_ok=True)
            (HERE.parent / "golden/train/prompt_ids.txt").write_text("\n".join(golden) + "\n")
    check(asked > 0, "nothing was asked")
    check(right >= a.at_least * asked, f"{right} of {asked} answers right, expected a share of {a.at_least}")
    print(f"train_export: transformers {transformers.__version__} ({processor.kind}), {equal} of {asked} greedy answers equal, logits within {worst:.1e}, "
          f"{100 * right / asked:.1f} % right, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
