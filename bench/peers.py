"""`arrcoc bench` beside another engine on the same checkpoint, picture and question, interleaved in one sitting: what beside_llama, beside_openvino and beside_transformers share."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys


def parser():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("export"), p.add_argument("picture")
    p.add_argument("--question", default="How much was the tea?"), p.add_argument("--weights", default="auto")
    p.add_argument("--weights-head", default="auto"), p.add_argument("--weights-tower", default="auto")
    p.add_argument("--pairs", type=int, default=5), p.add_argument("--new", type=int, default=16), p.add_argument("--threads", type=int, default=2)
    p.add_argument("--json", type=pathlib.Path)
    return p


def weights(a):
    return ["--weights", a.weights, "--weights-head", a.weights_head, "--weights-tower", a.weights_tower]


def ours(a, *flags):
    """`arrcoc bench`, its second run: of all tokens and of each budget the milliseconds of each stage, `decode` those of a token, and the run as it is printed."""
    command = [a.program, "bench", "-m", a.model, "-i", a.picture, "-p", a.question, "-n", str(a.new), "-t", str(a.threads), "--repeat", "1", "-q", "--json", "-", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    out = []
    for run in json.loads(done.stdout)["runs"]:
        times = {s["stage"]: s["milliseconds"] for s in run["stages"]}
        times["decode"] /= a.new - 1
        out.append((times, run))
    return out


def show(heading, pairs, peer):
    """`pairs`: [({what: milliseconds}, {what: milliseconds})], ours and theirs. Prints medians and the pairs' ratios; returns the times."""
    print(heading)
    out = {}
    for what in pairs[0][0]:
        mine, other = [o[what] for o, _ in pairs], [t[what] for _, t in pairs]
        ratios = [x / y for x, y in zip(mine, other)]
        out[what] = {"ours": mine, peer: other}
        print(f"  {what:14} ours {statistics.median(mine):9.1f} ms, {peer} {statistics.median(other):9.1f} ms, ratio {statistics.median(ratios):.2f} "
              f"({', '.join(f'{r:.2f}' for r in ratios)})")
    return out
