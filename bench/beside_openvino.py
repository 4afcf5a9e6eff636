#!/usr/bin/env python3
"""One picture and question: `arrcoc bench` beside OpenVINO GenAI on an export of the same checkpoint, interleaved in one sitting.

usage: beside_openvino.py PROGRAM MODEL EXPORT PICTURE [--budget TOKENS] [--weights auto|int8|int4] [--pairs 5] [--new 16] [--threads 2] [--json FILE]
EXPORT: optimum-cli export openvino -m MODEL --task image-text-to-text --weight-format fp16|int8 EXPORT (optimum-intel 2.2 wants transformers 4.57.6).
Each pair is a process of ours (its second run) and a run of theirs (loaded once, one warm-up). OpenVINO says when the first token was there and what each
later one took; so `first token` is the tower and the prefill together, here as there. With --budget the same again with so many visual tokens, by
CDPruner on both sides (theirs keeps at least so many: it takes whole percents).
Reported: medians in milliseconds and the median of the pairs' ratios, ours / theirs. Exit 77 without openvino_genai.
"""
import json
import sys

import peers

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
    pruned = ["--pipeline", "cdpruner", "--budgets", str(a.budget)] if a.budget else []
    first = lambda times: sum(ms for stage, ms in times.items() if stage not in ("load", "decode_image", "decode"))  # noqa: E731
    return [(dict(zip(NAMES, (first(times), times["decode"]))), run["positions"], run["visual_tokens"])
            for times, run in peers.ours(a, *peers.weights(a), *pruned)]


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
    p = peers.parser()
    p.add_argument("--budget", type=int)
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
        report[name] = peers.show(f"{name}: {pairs[0][0][k][1]} rows ours, {pairs[0][1][k][1]} theirs", [(o[k][0], t[k][0]) for o, t in pairs], "openvino")
    if a.json:
        a.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
