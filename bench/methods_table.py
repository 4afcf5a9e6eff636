#!/usr/bin/env python3
"""The table of docs/methods.md from a sweep: each pipeline's share of the way from random to oracle at each budget.

usage: methods_table.py RUN [--cost 0.25]

RUN: a folder of `arrcoc sweep` with pipelines random and oracle among its columns. Share: (right - random) / (oracle -
random) in per cent, its interval that of `right` (95 %, by picture) on the same scale. At budget --cost: living visual
tokens, mean over the layers, first looks included, and the median time of the decision in milliseconds (query, requests,
look, texture, score, balance, allocate; with stages inside a first look counted once).
"""
import argparse
import collections
import json
import pathlib
import statistics

DECIDES = ("query", "look", "texture", "score", "balance", "allocate")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("run", type=pathlib.Path), p.add_argument("--cost", default="0.25")
    a = p.parse_args()
    groups = [g for g in json.loads((a.run / "summary.json").read_text())["groups"] if g["depth"] == "all"]
    at = {(g["pipeline"], g["budget"]): g for g in groups}
    budgets = sorted({b for name, b in at if name == "oracle"}, key=lambda b: -float(b))
    times = collections.defaultdict(list)
    for line in (a.run / "timings.jsonl").read_text().splitlines():
        t = json.loads(line)
        if "key" not in t or "milliseconds" not in t:
            continue
        spent = t["milliseconds"]
        name = t["key"].split(" ", 1)[1]
        inside = 0 if "look" in spent else spent.get("requests", 0)  # a look holds its requests
        times[name].append(inside + sum(spent.get(stage, 0) for stage in DECIDES))
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
