#!/usr/bin/env python3
"""What a decision saves in time beside what it saves in operations: a pipeline and the full run, a process each,
interleaved.

usage: phase_savings.py PROGRAM MODEL [--cases early/2,early/4,layer/4] [--pairs 20] [more]
       phase_savings.py PROGRAM MODEL --cases received [--side 2048] [--pairs 3] [more]
       phase_savings.py PROGRAM MODEL --base PIPELINE --new PIPELINE --stage vision|prefill [--pairs 20] [more]
more:  [-i PICTURE] [--side 1024] [--dtype bf16] [--threads 1] [--limit 1.15] [--share 0.02] [--cpu] [--no-warm-up]
       [--json FILE]

early/N    1/N of the tokens enters the tower, by information and salience; stage `vision`, operations of the tower and
           its mergers
layer/N    a hook before layer 2 keeps 1/N, by what the question's words pay in layer 1; stage `prefill`, operations of
           all rows and of the evidence
received   the same with everything kept: the stage `requests` (answers of that one layer) as a share of the `prefill`
           around it. layer/N reports it as a share of the full run's prefill
--base, --new  any two pipelines, each with its budget behind @

MODEL: bench/real_shapes.py write MODEL --shape 2b. Times are the program's own stages, operations its own costs. In a
round every pipeline runs once, in an order that moves on by one from round to round, after one round that is thrown
away; a ratio is new / base within a round. Reported: medians of the ratios with 95 % intervals by 10,000 seeded
resamples of the rounds. `over` is the ratio of times over that of operations. --json is written after every round. Exit
status 1 when the median of an `over` or of a share is above its limit. Let nothing else run meanwhile; the load is
printed.
--cpu: where other work runs beside, the program's steady clock is that of its own processor time (a shared object,
compiled with cc and loaded before libc): what one thread would take on a core of its own, as far as caches and memory
are not shared.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

from beside_commit import noise_png

EARLY = "texture13/information+perspectival/fixed/top_k/early"
HOOK = "none/layer_attention:layer=1/fixed/top_k/layer:before=2"
OPERATIONS = {"vision": ("vision_flops", "merger_flops"), "prefill": ("prefill_flops", "evidence_flops")}
QUESTION = "What is the total on this receipt, and who paid it?"
CLOCK = """#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec* t) {
  static int (*next)(clockid_t, struct timespec*);
  if (!next) next = dlsym(RTLD_NEXT, "clock_gettime");
  return next(clock == CLOCK_MONOTONIC ? CLOCK_PROCESS_CPUTIME_ID : clock, t);
}
"""


def run_once(a, picture, pipeline):
    """Milliseconds of the stages, operations by stage, tokens of the picture and bytes resident at most."""
    command = [a.program, "answer", "-m", a.model, "-i", str(picture), "-p", QUESTION, "-n", "1", "--ignore-eos",
               "--pipeline", pipeline, "--dtype", a.dtype, "-t", str(a.threads), "-q", "--json", "-"]
    environment = dict(os.environ, LD_PRELOAD=a.clock) if a.clock else None
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    costs = result["costs"]
    flops = {stage: sum(costs[c] for c in of) for stage, of in OPERATIONS.items()}
    return dict(milliseconds=result["milliseconds"], flops=flops, tokens=costs["visual_tokens_before"],
                peak=result["peak_memory_bytes"])


def interval(values):
    """(median, lower, upper)"""
    rng = random.Random(7)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(10000))
    return statistics.median(values), medians[249], medians[9749]


def cases_of(a):
    """[(name, pipeline, stage)] beside the base."""
    if a.new:
        return [(a.new, a.new, a.stage)]
    out = []
    for name in a.cases.split(","):
        kind, _, share = name.partition("/")
        if kind == "received":
            out.append((name, HOOK + "@1.0", "requests"))
        elif kind in ("early", "layer") and share.isdigit() and int(share) > 0:
            early = kind == "early"
            out.append((name, f"{EARLY if early else HOOK}@{1 / int(share)}", "vision" if early else "prefill"))
        else:
            sys.exit(f"--cases: expected early/N, layer/N or received, got {name}")
    return out


def summary(a, cases, rounds):
    """{case: what was measured}"""
    report = {}
    for name, pipeline, stage in cases:
        runs = [(r["base"], r[name]) for r in rounds]
        took = [(b["milliseconds"], n["milliseconds"]) for b, n in runs]
        row = dict(pipeline=pipeline, stage=stage, passed=True)
        if stage != "requests":
            ratio, low, high = interval([n[stage] / b[stage] for b, n in took])
            flops = runs[0][1]["flops"][stage] / runs[0][0]["flops"][stage]
            base, new = (statistics.median(pair[i][stage] for pair in took) for i in (0, 1))
            row.update(base=base, new=new, ratio=ratio, low=low, high=high, flops=flops, over=ratio / flops)
            row["passed"] = row["over"] <= a.limit
        if "requests" in took[0][1]:  # of the prefill of everything
            share, low, high = interval([n["requests"] / (n if stage == "requests" else b)["prefill"] for b, n in took])
            row["requests"] = dict(milliseconds=statistics.median(n["requests"] for _, n in took), share=share, low=low,
                                   high=high)
            row["passed"] = row["passed"] and share <= a.share
        report[name] = row
    return report


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("model"), p.add_argument("-i", "--picture")
    p.add_argument("--cases", default="early/2,early/4,layer/4")
    p.add_argument("--base", default="full"), p.add_argument("--new")
    p.add_argument("--stage", choices=OPERATIONS, default="prefill"), p.add_argument("--side", type=int, default=1024)
    p.add_argument("--pairs", type=int, default=20), p.add_argument("--dtype", default="bf16")
    p.add_argument("--threads", type=int, default=1), p.add_argument("--limit", type=float, default=1.15)
    p.add_argument("--share", type=float, default=0.02), p.add_argument("--json", type=pathlib.Path)
    p.add_argument("--cpu", action="store_true"), p.add_argument("--no-warm-up", action="store_true")
    a = p.parse_args()
    if a.cpu and a.threads != 1:
        p.error("--cpu: expected --threads 1")
    cases = cases_of(a)
    pipelines = {"base": a.base, **{name: pipeline for name, pipeline, _ in cases}}
    if all(stage == "requests" for _, _, stage in cases):
        del pipelines["base"]
    before = " ".join(f"{x:.2f}" for x in os.getloadavg())
    print(f"load before: {before} on {os.cpu_count()} cores, {a.threads} threads", flush=True)
    rounds, names, load = [], list(pipelines), []
    with tempfile.TemporaryDirectory() as temporary:
        a.clock = a.cpu and f"{temporary}/clock.so"
        if a.cpu:
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-xc", "-", "-o", a.clock, "-ldl"], input=CLOCK, text=True,
                           check=True)
        picture = a.picture or pathlib.Path(temporary) / "noise.png"
        if not a.picture:
            noise_png(picture, a.side)
        for i in range(0 if a.no_warm_up else -1, a.pairs):
            first = (i + 1) % len(names)
            taken = {name: run_once(a, picture, pipelines[name]) for name in names[first:] + names[:first]}
            taken.setdefault("base", next(iter(taken.values())))
            times = {n: taken[n]["milliseconds"] for n in names}
            print(f"round {i + 1}: " + "; ".join(f"{n} " + " ".join(
                f"{s} {t[s]:.0f}" for s in ("vision", "prefill", "requests") if s in t) for n, t in times.items()),
                file=sys.stderr, flush=True)
            if i < 0:
                continue
            rounds.append(taken)
            load.append(os.getloadavg()[0])
            report = summary(a, cases, rounds)
            if a.json:
                a.json.write_text(json.dumps(dict(dtype=a.dtype, threads=a.threads, cpu=a.cpu, load=load, cases=report,
                                                  rounds=rounds), indent=1) + "\n")
    tokens = rounds[0]["base"]["tokens"]
    print(f"{len(rounds)} rounds, {tokens} tokens, load {statistics.median(load):.1f} in the median")
    for name, row in report.items():
        if "ratio" in row:
            print(f"{name:12s} {row['stage']:8s} {row['base']:8.0f} -> {row['new']:8.0f} ms   {row['ratio']:.3f} "
                  f"[{row['low']:.3f}, {row['high']:.3f}] of the time, {row['flops']:.3f} of the operations: "
                  f"over {row['over']:.2f}")
        if "requests" in row:
            r = row["requests"]
            print(f"{name:12s} requests {r['milliseconds']:8.1f} ms   {100 * r['share']:.2f} % "
                  f"[{100 * r['low']:.2f}, {100 * r['high']:.2f}] of the prefill")
    missed = [name for name, row in report.items() if not row["passed"]]
    print("FAILED: " + ", ".join(missed) if missed else
          f"passed: times at most {a.limit} x the operations, requests at most {100 * a.share:g} % of the prefill")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
