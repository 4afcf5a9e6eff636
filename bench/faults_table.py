#!/usr/bin/env python3
"""The table of docs/methods.md of what faults of published harnesses cost: five methods at 1/2, 1/4 and 1/8.

usage: faults_table.py ARRCOC [--model DIR] [--count 40] [--seed 6000000] [--keep DIR]

Three sweeps of `arrcoc sweep`: square pictures of 256x256 through kept tokens numbered one after the other, through
kept tokens without DeepStack, both, and with template and special tokens as the question; pictures of 192x320 on a grey
square, at as many tokens as without it; questions about the second of two pictures, chosen by the first one's scores.
Each has its control, everything kept through the same path, and its own correct column. Prints the tables: right
answers in per cent, each fault less the correct column in points with a 95 % interval that resamples pictures.
"""
import argparse
import collections
import json
import pathlib
import random
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
METHODS = {"full": "full", "three_ways": "three_ways",
           "tower": "none/tower_attention:block=-1/fixed:scale=none/top_k/gather", "divprune": "divprune",
           "cdpruner": "cdpruner", "fastv": "none/none/flat/full/gather{}%layer_attention:rows=last/fixed:scale=none/top_k/layer"}
# Of an injector; fastv has its own in front. Of the whole pipeline: behind the name.
INJECTED = {"sequential": ":positions=sequential", "dropped": ":deepstack=dropped",
            "both": ":positions=sequential:deepstack=dropped"}
WHOLE = {"template": ":query=template", "grey_square": ":picture=grey_square", "first": ":maps=first"}


def name(method, fault):
    pipeline, parts = METHODS[method], INJECTED.get(fault, "")
    if "{}" in pipeline:
        return pipeline.format(parts) + WHOLE.get(fault, "")
    if parts and "/" not in pipeline:
        parts = parts.replace(":", ":injector.")
    return pipeline + parts + WHOLE.get(fault, "")


def scenes(a, folder, size):
    subprocess.run([a.program, "scenes", "--out", folder, "--count", str(a.count), "--seed", str(a.seed), "--scenario",
                    "receipt,form,shapes", "--size", size, "-q", "--no-tsv"], check=True)


def paired(folder):
    """Every question about the second of two pictures, behind another document's."""
    lines = [json.loads(x) for x in (folder / "questions.jsonl").read_text().splitlines()]
    pictures = list(dict.fromkeys(q["images"][0] for q in lines))
    before = dict(zip(pictures, pictures[1:] + pictures[:1]))
    for q in lines:
        q["images"] = [before[q["images"][0]], q["images"][0]]
        q["box_images"] = [1] * len(q["boxes"])
    (folder / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in lines))


def sweep(a, folder, faults, budgets):
    """(method, fault, budget) -> question -> right; and the picture of each question."""
    run, columns = folder / "run", {}
    for method in METHODS:
        for fault in ("correct", *faults):
            columns[name(method, fault)] = method, fault
    subprocess.run([a.program, "sweep", "-m", str(a.model), "--data", folder, "--out", run, "-t", "1", "-s", "0",
                    "--pipeline", ",".join(columns), *budgets], check=True, capture_output=True)
    right, asked = collections.defaultdict(dict), {}
    for line in (run / "rows.jsonl").read_text().splitlines():
        row = json.loads(line)
        asked[row["id"]] = row["images"][-1]
        right[(*columns[row["pipeline"]], row["budget"])][row["id"]] = row["score"]
    return right, asked


def points(one, other, asked):
    """Mean of one less that of the other, in points, and its 95 % interval."""
    by_picture = collections.defaultdict(list)
    for q in one:
        by_picture[asked[q]].append(one[q] - other[q])
    groups, rng = list(by_picture.values()), random.Random(1)
    mean = lambda some: 100 * sum(map(sum, some)) / sum(map(len, some))  # noqa: E731
    drawn = sorted(mean(rng.choices(groups, k=len(groups))) for _ in range(2000))
    return mean(groups), drawn[49], drawn[1949]


def table(title, right, asked, faults, budgets):
    print(f"\n{title}: {len(asked)} questions, {len(set(asked.values()))} pictures\n")
    print("| method | correct | " + " | ".join(f"`{f}`" for f in faults) + " |\n" + "|---" * (len(faults) + 2) + "|")
    for method in METHODS:
        own = sorted({b for m, _, b in right if m == method}, key=budgets.index) if method != "full" else [
            next(b for m, _, b in right if m == "full")]
        share = lambda f, b: 100 * sum(right[method, f, b].values()) / len(right[method, f, b])  # noqa: E731
        cells = [", ".join(f"{share('correct', b):.1f}" for b in own)]
        for f in faults:
            lost = [points(right[method, f, b], right[method, "correct", b], asked) for b in own]
            cells.append("; ".join(f"{share(f, b):.1f} ({d:+.0f}, {low:+.0f}..{high:+.0f})"
                                   for b, (d, low, high) in zip(own, lost)))
        print(f"| `{method}` | " + " | ".join(cells) + " |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("--model", type=pathlib.Path, default=ROOT / "models/small")
    p.add_argument("--count", type=int, default=40), p.add_argument("--seed", type=int, default=6000000)
    p.add_argument("--keep", type=pathlib.Path)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = a.keep or pathlib.Path(temporary)
        work.mkdir(exist_ok=True)
        for title, size, faults, budgets in (
                ("256x256", "256", [*INJECTED, "template"], ["0.5", "0.25", "0.125"]),
                ("192x320, 60 tokens, on a square of 100", "192x320", ["grey_square"], ["30", "15", "8"]),
                ("second of two 256x256", "256", ["first"], ["0.5", "0.25", "0.125"])):
            folder = work / "-".join(faults)
            scenes(a, folder, size)
            if faults == ["first"]:
                paired(folder)
            flag = "--keep-ratio" if "." in budgets[0] else "--budget"
            right, asked = sweep(a, folder, faults, [flag, ",".join(budgets)])
            table(title, right, asked, faults, budgets)


if __name__ == "__main__":
    main()
