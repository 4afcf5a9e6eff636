#!/usr/bin/env python3
"""One picture and question: `arrcoc bench` beside OpenVINO GenAI on an export of the same checkpoint, interleaved in one sitting.

usage: beside_openvino.py PROGRAM MODEL EXPORT PICTURE [--budget TOKENS] [--weights auto|int8|int4] [--pairs 5] [--new 16] [--threads 2] [--json FILE]
EXPORT: optimum-cli export openvino -m MODEL --task image-text-to-text --weight-format fp16|int8 EXPORT (optimum-intel 2.2 wants transformers 4.57.6).
Each pair is a process of ours (its second run) and a run of theirs (loaded once, one warm-up). OpenVINO says when the first token was there and what each
later one took; so `first token` is the tower and the prefill together, here as there. With --budget the same again with so many visual tokens, by
CDPruner on both sides (theirs keeps at least so many: it takes whole percents).
Reported: medians in milliseconds and the median of the pairs' ratios, ours / theirs. Exit 77 without openvino_genai.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

try:
    import numpy as np
    import openvino as ov
    import openvino_genai
    from PIL import Image
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

NAMES = ("first token", "a later token")


def ours(a):
    """Of all tokens, and of the budget: milliseconds to the first token and for each later one, rows of the prompt, visual tokens."""
    command = [a.program, "bench", "-m", a.model, "-i", a.picture, "-p", a.question, "-n", str(a.new), "--weights", a.weights, "-t", str(a.threads), "--repeat", "1", "-q",
               "--json", "-"] + (["--pipeline", "cdpruner", "--budgets", str(a.budget)] if a.budget else [])
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    out = []
    for run in json.loads(done.stdout)["runs"]:
        times = {s["stage"]: s["milliseconds"] for s in run["stages"]}
        decode = times.pop("decode") / (a.new - 1)
        first = sum(ms for stage, ms in times.items() if stage not in ("load", "decode_image"))
        out.append((dict(zip(NAMES, (first, decode))), run["positions"], run["visual_tokens"]))
    return out


class Theirs:
    def __init__(self, a):
        self.pipe = openvino_genai.VLMPipeline(a.export, "CPU", INFERENCE_NUM_THREADS=a.threads)
        self.picture = ov.Tensor(np.array(Image.open(a.picture).convert("RGB"))[None])
        self.question, self.new = a.question, a.new

    def run(self, percent):
        config = openvino_genai.GenerationConfig()
        config.max_new_tokens, config.do_sample, config.ignore_eos, config.pruning_ratio = self.new, False, True, percent
        m = self.pipe.generate(self.question, images=[self.picture], generation_config=config).perf_metrics
        if m.get_num_generated_tokens() != self.new:
            sys.exit(f"{m.get_num_generated_tokens()} tokens for {self.new}")
        return dict(zip(NAMES, (m.get_ttft().mean, m.get_tpot().mean))), m.get_num_input_tokens()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("export"), p.add_argument("picture")
    p.add_argument("--question", default="How much was the tea?"), p.add_argument("--weights", default="auto")
    p.add_argument("--pairs", type=int, default=5), p.add_argument("--new", type=int, default=16), p.add_argument("--threads", type=int, default=2)
    p.add_argument("--budget", type=int), p.add_argument("--json", type=pathlib.Path)
    a = p.parse_args()
    theirs = Theirs(a)
    percents = [0]
    if a.budget:
        visual = ours(a)[0][2]
        percents.append(100 * (visual - a.budget) // visual)
    for percent in percents:
        theirs.run(percent)
    report = {}
    pairs = [(ours(a), [theirs.run(percent) for percent in percents]) for _ in range(a.pairs)]
    for k, percent in enumerate(percents):
        name = f"{percent} % pruned" if percent else "all tokens"
        print(f"{name}: {pairs[0][0][k][1]} rows ours, {pairs[0][1][k][1]} theirs")
        for what in NAMES:
            mine, other = [o[k][0][what] for o, _ in pairs], [t[k][0][what] for _, t in pairs]
            ratios = [x / y for x, y in zip(mine, other)]
            report[f"{name}, {what}"] = dict(ours=mine, openvino=other)
            print(f"  {what:14} ours {statistics.median(mine):9.1f} ms, openvino {statistics.median(other):9.1f} ms, ratio {statistics.median(ratios):.2f} "
                  f"({', '.join(f'{r:.2f}' for r in ratios)})")
    if a.json:
        a.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
