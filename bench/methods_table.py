#!/usr/bin/env python3
"""The table of docs/methods.md from a sweep: each pipeline's share of the way from random to oracle at each budget.

usage: methods_table.py RUN [--cost 0.25]
       methods_table.py RUN RUN ... [--cost 256]

RUN: a folder of `arrcoc sweep` with pipelines random and oracle among its columns. Share: (right - random) / (oracle -
random) in per cent, its interval that of `right` (95 %, by picture) on the same scale. At budget --cost: living visual
tokens, mean over the layers, first looks included, and the median time of the decision in milliseconds (query, requests,
look, texture, score, balance, allocate; with stages inside a first look counted once).
Several runs, or one without its summary, are parts of one: their rows are put together, seeds are averaged, and the
interval of a share resamples pictures, those of random and oracle with it. Questions that a column lacks are left out.
"""
import argparse
import collections
import json
import pathlib
import random
import statistics

DECIDES = ("query", "look", "texture", "score", "balance", "allocate")


def taken(runs):
    """Pipeline at budget -> milliseconds of its decisions."""
    times = collections.defaultdict(list)
    for run in runs:
        for line in (run / "timings.jsonl").read_text().splitlines():
            t = json.loads(line)
            if "key" not in t or "milliseconds" not in t:
                continue
            spent = t["milliseconds"]
            name = t["key"].split(" ", 1)[1].split(" seed=")[0]
            inside = 0 if "look" in spent else spent.get("requests", 0)  # a look holds its requests
            times[name].append(inside + sum(spent.get(stage, 0) for stage in DECIDES))
    return times


def from_rows(runs, cost):
    """The table from the rows of several runs."""
    right, layers, picture, columns = {}, collections.defaultdict(list), {}, []
    for run in runs:
        for line in (run / "rows.jsonl").read_text().splitlines():
            r = json.loads(line)
            key = r["pipeline"], "all" if r["pipeline"] in ("full", "stock") else r["budget"]
            picture[r["id"]] = r["images"][0]
            right.setdefault(key, collections.defaultdict(list))[r["id"]].append(r["score"])
            layers[key].append(r["costs"]["token_layers"])
            if r["pipeline"] not in columns:
                columns.append(r["pipeline"])
    columns = [c for c in columns if not c.startswith("oracle_")]
    budgets = sorted({b for n, b in right if n == "oracle"}, key=float)
    asked = set.intersection(*(set(right[k]) for k in right if not k[0].startswith("oracle_")))
    order, groups, rng = sorted(asked), collections.defaultdict(list), random.Random(1)
    for i, q in enumerate(order):
        groups[picture[q]].append(i)
    score = {k: [sum(right[k][q]) / len(right[k][q]) for q in order] for k in right if not k[0].startswith("oracle_")}
    draws = [[i for g in rng.choices(list(groups.values()), k=len(groups)) for i in g] for _ in range(1000)]
    mean = lambda key, some: sum(map(score[key].__getitem__, some)) / len(some)  # noqa: E731
    ends = {(n, b): [mean((n, b), some) for some in [range(len(order)), *draws]]
            for n in ("random", "oracle") for b in budgets}
    times = taken(runs)
    print(f"{len(asked)} questions, {len(groups)} pictures\n")
    print("| pipeline | " + " | ".join(budgets) + f" | token-layers at {cost} | decision, ms |")
    print("|---" * (len(budgets) + 3) + "|")
    for name in columns:
        if name in ("random", "oracle"):
            continue
        cells = []
        for b in budgets:
            key = (name, b) if (name, b) in right else (name, "all")
            way = [100 * (mean(key, some) - low) / max(high - low, 1e-9) for some, low, high in
                   zip([range(len(order)), *draws], ends["random", b], ends["oracle", b])]
            drawn = sorted(way[1:])
            cells.append(f"{way[0]:.0f} ({drawn[24]:.0f}..{drawn[974]:.0f})")
        key = (name, cost) if (name, cost) in right else (name, "all")
        spent = times.get(f"{name}@{cost}") or times.get(name) or [0]
        print(f"| `{name}` | " + " | ".join(cells) + f" | {statistics.fmean(layers[key]):.0f} | {statistics.median(spent):.1f} |")
    for name in ("random", "oracle"):
        print(f"| `{name}`, right in per cent | " + " | ".join(f"{100 * ends[name, b][0]:.1f}" for b in budgets) + " | | |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("runs", type=pathlib.Path, nargs="+"), p.add_argument("--cost", default="0.25")
    a = p.parse_args()
    if len(a.runs) > 1 or not (a.runs[0] / "summary.json").exists():
        return from_rows(a.runs, a.cost)
    groups = [g for g in json.loads((a.runs[0] / "summary.json").read_text())["groups"] if g["depth"] == "all"]
    at = {(g["pipeline"], g["budget"]): g for g in groups}
    budgets = sorted({b for name, b in at if name == "oracle"}, key=lambda b: -float(b))
    times = taken(a.runs)
    columns = list(dict.fromkeys(g["pipeline"] for g in groups))
    print("| pipeline | " + " | ".join(budgets) + f" | token-layers at {a.cost} | decision, ms |")
    print("|---" * (len(budgets) + 3) + "|")
    for name in columns:
        if name in ("random", "oracle") or name.startswith("oracle_"):
            continue
        cells = []
        for b in budgets:
            g = at.get((name, b)) or at.get((name, "all"))
            if g is None:
                cells.append("")
                continue
            low, high = (at[n, b]["all"]["accuracy"] for n in ("random", "oracle"))
            share = [100 * (g["all"][k] - low) / (high - low) for k in ("accuracy", "low", "high")]
            cells.append(f"{share[0]:.0f} ({share[1]:.0f}..{share[2]:.0f})")
        g = at.get((name, a.cost)) or at.get((name, "all"))
        spent = times.get(f"{name}@{a.cost}") or times.get(name) or [0]
        print(f"| `{name}` | " + " | ".join(cells) + f" | {g['means']['token_layers']:.0f} | {statistics.median(spent):.2f} |")
    for name in ("random", "oracle"):
        print(f"| `{name}`, right in per cent | " + " | ".join(f"{100 * at[name, b]['all']['accuracy']:.1f}" for b in budgets) + " | | |")


if __name__ == "__main__":
    main()
