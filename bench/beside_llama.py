#!/usr/bin/env python3
"""One picture and question: `arrcoc bench` beside llama.cpp on a GGUF of the same checkpoint, interleaved in one sitting.

usage: beside_llama.py PROGRAM MODEL GGUF PICTURE --mmproj GGUF --cli llama-mtmd-cli [--weights auto|int8|int4] [--weights-head ...] [--weights-tower ...]
                       [--pairs 5] [--new 16] [--threads 2] [--json FILE]
GGUF: convert_hf_to_gguf.py of llama.cpp (the source of PyPI's llama-cpp-python has all of it), then llama-quantize for fewer bits; --mmproj: the same with
--mmproj, the tower. Each pair is a process of ours (its second run) and one of theirs, which warms up by itself. Theirs says how long the tower took, the
tower with the prompt, and the tokens after it; ours are the stages `vision`, `prefill` and `decode`.
Reported: medians in milliseconds and the median of the pairs' ratios, ours / theirs. Exit 77 without the program of --cli.
"""
import json
import re
import shutil
import subprocess
import sys

import peers


def ours(a):
    times, run = peers.ours(a, *peers.weights(a))[0]
    return {"tower": times["vision"], "prefill": times["prefill"], "a later token": times["decode"]}, run["positions"]


def theirs(a):
    command = [a.cli, "-m", a.export, "--mmproj", a.mmproj, "--image", a.picture, "-p", a.question, "-n", str(a.new), "-t", str(a.threads), "-tb", str(a.threads),
               "--temp", "0", "--ignore-eos", "-c", "8192", "--chat-template", "chatml", "--perf", "-lv", "4"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    said = done.stdout + done.stderr

    def found(pattern):
        m = re.search(pattern, said)
        if done.returncode != 0 or m is None:
            sys.exit(f"{' '.join(command)}: status {done.returncode}, no {pattern!r} in\n{said[-2000:]}")
        return m

    prompt = found(r"prompt eval time = +([0-9.]+) ms / +([0-9]+) tokens")
    after = found(r" eval time = +([0-9.]+) ms / +([0-9]+) runs")
    if int(after[2]) != a.new - 1:
        sys.exit(f"{after[2]} tokens after the first for {a.new}")
    tower = float(found(r"batch encoding done in ([0-9]+) ms")[1])
    return {"tower": tower, "prefill": float(prompt[1]) - tower, "a later token": float(after[1]) / int(after[2])}, int(prompt[2])


def main():
    p = peers.parser()
    p.add_argument("--mmproj", required=True), p.add_argument("--cli", default="llama-mtmd-cli")
    a = p.parse_args()
    if shutil.which(a.cli) is None:
        print(f"skipped: no program {a.cli}")
        sys.exit(77)
    pairs = [(ours(a), theirs(a)) for _ in range(a.pairs)]
    report = peers.show(f"{pairs[0][0][1]} rows ours, {pairs[0][1][1]} theirs", [(o[0], t[0]) for o, t in pairs], "llama.cpp")
    if a.json:
        a.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
