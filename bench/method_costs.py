#!/usr/bin/env python3
"""The break-even table of docs/methods.md: what selecting costs beside the prefill that it saves, on the 2B shape.

usage: method_costs.py METHOD_COSTS ARRCOC MODEL [--sizes 32x32,64x64,128x128] [--limit 30] [--json FILE] [--cpu]
                       [--methods NAME,...] [--layers 28]

METHOD_COSTS: bench/method_costs. MODEL: bench/real_shapes.py write MODEL --shape 2b; fewer layers than 28 in its
config.json are enough (num_hidden_layers; `depth` and deepstack_visual_indexes of the tower too): the prefill of all
tokens and of a quarter is measured at 1,024 and 4,096 tokens and scaled to --layers; at more tokens it is operations
over the rate of the largest that was measured. Every method keeps a quarter; saved is the prefill of all less that of a
quarter, which methods inside the language model do not reach. Selection is one run, the median of 5 where 1,024 tokens
take less than 2 s, the mean of 51 below 40 ms (of 5 at more tokens); it counts neither the model's own answers nor what
gathers them.
--json is written after every method; what it holds is not measured again. --limit: seconds of processor time of a
process, drawing its evidence included. --cpu: processor time of the one thread, where other work runs beside
(phase_savings.py).
"""
import argparse
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile

from beside_commit import noise_png
from phase_savings import CLOCK, QUESTION



def measured(command, clock, limit):
    environment = dict(os.environ, LD_PRELOAD=clock) if clock else None
    bound = limit and (lambda: resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 1)))
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=environment, preexec_fn=bound)
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return None
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def operations(tokens, layers):
    """Of a prefill of the 2B shape, with some 32 rows of text."""
    n = tokens + 32
    linear = 2 * (2048 * (2048 + 2 * 1024 + 2048) + 3 * 2048 * 6144)  # products of a layer, a row
    return layers * (linear * n + 2 * n * n * 2048)  # causal: half of 4 n^2 d


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("costs"), p.add_argument("program"), p.add_argument("model")
    p.add_argument("--sizes", default="32x32,64x64,128x128"), p.add_argument("--limit", type=float, default=30)
    p.add_argument("--json", type=pathlib.Path), p.add_argument("--cpu", action="store_true")
    p.add_argument("--methods"), p.add_argument("--layers", type=int, default=28)
    a = p.parse_args()
    sizes = [tuple(map(int, s.split("x"))) for s in a.sizes.split(",")]
    own = json.loads((pathlib.Path(a.model) / "config.json").read_text())["text_config"]["num_hidden_layers"]
    listed = json.loads(subprocess.run([a.program, "list", "--json"], capture_output=True, text=True, check=True).stdout)
    names = a.methods.split(",") if a.methods else [x["name"] for x in listed["pipelines"] if x["source"]]
    report = {"prefill": {}, "methods": {}}
    if a.json and a.json.exists():
        report = json.loads(a.json.read_text())
    with tempfile.TemporaryDirectory() as work:
        clock = a.cpu and f"{work}/clock.so"
        if a.cpu:
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-xc", "-", "-o", clock, "-ldl"], input=CLOCK, text=True,
                           check=True)
        rate = None
        for rows, cols in sizes:
            tokens, took = rows * cols, {}
            if str(tokens) in report["prefill"]:
                took = {float(share): ms for share, ms in report["prefill"][str(tokens)].items()}
                rate = operations(tokens, a.layers) / took[1.0]
            elif tokens <= 4096:
                picture = pathlib.Path(work) / f"{rows}.png"
                noise_png(picture, 32 * rows)
                for share in (1.0, .25):
                    got = measured([a.program, "answer", "-m", a.model, "-i", picture, "-p", QUESTION, "-n", 1,
                                    "--ignore-eos", "--pipeline", f"random@{share}", "--dtype", "bf16", "-t", 1, "-q",
                                    "--json", "-"], clock, None)
                    took[share] = got["milliseconds"]["prefill"] * a.layers / own
                    print(f"{tokens} tokens, {share}: prefill {took[share] / 1000:.1f} s", file=sys.stderr, flush=True)
                rate = operations(tokens, a.layers) / took[1.0]
            else:
                took = {share: operations(int(tokens * share), a.layers) / rate for share in (1.0, .25)}
            report["prefill"][str(tokens)] = took
            saved = took[1.0] - took[.25]
            for name in names:
                command = [a.costs, name, rows, cols]
                if str(tokens) in report["methods"].get(name, {}):
                    continue
                got = measured(command, clock, a.limit)
                short = got and got["milliseconds"] < 40
                if short or (got and tokens <= 1024 and got["milliseconds"] < 2000):
                    got = measured([*command, 51 if short and tokens <= 1024 else 5], clock, a.limit) or got
                    got["milliseconds"] = got["mean"] if short else got["milliseconds"]
                report["methods"].setdefault(name, {})[str(tokens)] = got
                text = "over the limit" if got is None else \
                    f"{got['milliseconds']:.1f} ms, {100 * got['milliseconds'] / saved:.3f} % of the prefill saved, {got['bytes'] / 2**20:.0f} MiB"
                print(f"{tokens} {name}: {text}", file=sys.stderr, flush=True)
                if a.json:
                    a.json.write_text(json.dumps(report, indent=1) + "\n")
    print("| method | " + " | ".join(f"{r * c:,} tokens, ms | of the prefill saved | MiB" for r, c in sizes) + " |")
    print("|---" * (3 * len(sizes) + 1) + "|")
    for name in names:
        cells = []
        for r, c in sizes:
            got, took = report["methods"][name][str(r * c)], report["prefill"][str(r * c)]
            saved = list(took.values())[0] - list(took.values())[1]
            cells.append(f"over {a.limit:g} s | over {100 * 1000 * a.limit / saved:.0f} % | " if got is None else
                         f"{got['milliseconds']:.{1 if got['milliseconds'] < 100 else 0}f} | "
                         f"{100 * got['milliseconds'] / saved:.2g} % | {got['bytes'] / 2**20:.0f}")
        print(f"| `{name}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
