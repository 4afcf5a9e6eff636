#!/usr/bin/env python3
"""Learns where the tensions of balancer `tension` should stand for each kind of question, and writes them as a head.

usage: train_tensions.py PROGRAM MODEL DATA OUT [--limit N] [--samples S] [--budgets A,B] [--pipeline NAME] [--work DIR]

PROGRAM: arrcoc. DATA: questions with answers that are used for nothing else (`arrcoc scenes`). S settings of particularize, explore and diversify, spread
evenly over [0, 1]^3 by a Halton sequence, answer all questions in one sweep. A kind's setting is the mean of the eighth of the settings with most
right answers of its questions, over the budgets; a kind with fewer than 20 questions keeps that of all questions. OUT: safetensors for
`--balancer tension --balancer.by=head --balancer.head=OUT`: logits that move from those of all questions to the kind's by its confidence; the maps' numbers have
no weight, and `deep`, which changes no order, stays at 1/2. Needs NumPy and safetensors.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
from safetensors.numpy import save_file

KINDS = ("specific", "detail", "count", "unusual", "describe", "vague")
NAMES = ("particularize", "explore", "diversify")


def halton(n):
    def one(i, base):
        out, part = 0.0, 1.0
        while i:
            part /= base
            out += part * (i % base)
            i //= base
        return out
    return np.round([[one(i + 1, base) for base in (2, 3, 5)] for i in range(n)], 3)


def kind_of(program, question):
    said = subprocess.run([program, "explain", "--question", question], capture_output=True, text=True, check=True).stdout
    return dict(line.split(None, 1) for line in said.splitlines())["kind"].strip()


def right_answers(args, settings, work):
    """{question: (its text, [S] share right over the budgets)}"""
    spelled = [args.pipeline + "".join(f":balancer.{n}={v:g}" for n, v in zip(NAMES, s)) for s in settings]
    run = pathlib.Path(work) / "tensions"
    subprocess.run([args.program, "sweep", "-m", args.model, "--data", args.data, "--limit", str(args.limit), "--keep-ratio", args.budgets, "--out", str(run), "--pipeline", ",".join(spelled)], check=True)
    out, texts, asked = {}, {}, np.zeros(len(spelled), int)
    for line in (run / "rows.jsonl").read_text().splitlines():
        row = json.loads(line)
        name = row["pipeline"].split("@")[0]
        if name not in spelled:
            continue
        texts[row["id"]] = row["question"]
        out.setdefault(row["id"], np.zeros(len(spelled)))[spelled.index(name)] += row["score"] / len(args.budgets.split(","))
        asked[spelled.index(name)] += 1
    if not out or (asked != len(out) * len(args.budgets.split(","))).any():
        raise SystemExit(f"{run}: {np.count_nonzero(asked)} of {len(spelled)} settings have answers, or some have not all")
    return {k: (texts[k], v) for k, v in out.items()}


def elite(settings, right):
    best = np.argsort(-right, kind="stable")[:max(1, len(settings) // 8)]
    return settings[best].mean(0), right[best].mean()


def main():
    p = argparse.ArgumentParser()
    for name in ("program", "model", "data", "out"):
        p.add_argument(name)
    p.add_argument("--limit", type=int, default=600)
    p.add_argument("--samples", type=int, default=64)
    p.add_argument("--budgets", default="0.25,0.125")
    p.add_argument("--pipeline", default="three_ways")
    p.add_argument("--work")
    args = p.parse_args()
    settings = halton(args.samples)
    with tempfile.TemporaryDirectory() as own:
        answers = right_answers(args, settings, args.work or own)
    kinds = {text: kind_of(args.program, text) for text in {text for text, _ in answers.values()}}
    everything = np.mean([right for _, right in answers.values()], 0)
    base, gets = elite(settings, everything)
    print(f"all: {len(answers)} questions, {', '.join(f'{n} {v:.2f}' for n, v in zip(NAMES, base))}; right {100 * gets:.1f} %, {100 * everything.mean():.1f} % by any setting")
    logit = lambda v: np.log(np.clip(v, 0.02, 0.98) / (1 - np.clip(v, 0.02, 0.98)))
    out = np.zeros((4, 6), np.float32)
    for k, kind in enumerate(KINDS):
        own = [right for text, right in answers.values() if kinds[text] == kind]
        if len(own) >= 20:
            at, gets = elite(settings, np.mean(own, 0))
            out[:3, k] = logit(at) - logit(base)
            print(f"{kind}: {len(own)} questions, {', '.join(f'{n} {v:.2f}' for n, v in zip(NAMES, at))}; right {100 * gets:.1f} %, {100 * np.mean(own):.1f} % by any setting")
    bias = np.append(logit(base), 0).astype(np.float32)
    save_file({"tension.0.weight": np.eye(6, 15, dtype=np.float32), "tension.0.bias": np.zeros(6, np.float32), "tension.2.weight": out, "tension.2.bias": bias}, args.out)


main()
