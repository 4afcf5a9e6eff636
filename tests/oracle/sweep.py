#!/usr/bin/env python3
"""`arrcoc sweep` and `arrcoc compare` against `arrcoc answer` run one by one, and against every figure computed again with NumPy.

usage: sweep.py ARRCOC        exit 0 when all agrees, 1 on any mismatch, 77 when Pillow or NumPy is absent
"""
import collections
import csv
import fractions
import functools
import json
import math
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import checks
from checks import check

try:
    import numpy as np
    from PIL import Image
except ImportError as e:
    print(f"sweep: skipped, {e.name} is not installed")
    sys.exit(77)

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
Z = 1.959963984540054


def near(a, b, what, tolerance=1e-9):
    check((a is None) == (b is None) and (a is None or abs(a - b) <= tolerance * max(1, abs(b))), f"{what}: {a} and {b}")


def run(*args, status=0):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    check(done.returncode == status, f"{' '.join(map(str, args))[:200]}: exit {done.returncode}: {done.stderr[-300:]}")
    return done.stderr if status else done.stdout


def lines(file):
    return [json.loads(line) for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines()]


# --- figures, again ------------------------------------------------------------------------------------------------------
def shares(boxes, grid, size):
    """Share of each cell under the union, by painting: boxes of scenes have corners at whole pixels."""
    return painted(tuple(map(tuple, boxes)), tuple(grid), tuple(size))


@functools.lru_cache(None)
def painted(boxes, grid, size):
    mask = np.zeros((size[0], size[1]))
    for r0, c0, r1, c1 in boxes:
        check(all(float(v).is_integer() for v in (r0, c0, r1, c1)), "a box with a fractional corner: paint it finer")
        mask[int(r0):int(r1), int(c0):int(c1)] = 1
    rows, cols = grid
    repeat = mask.repeat(rows, 0).repeat(cols, 1)  # exact for grids that do not divide the picture
    return repeat.reshape(rows, size[0], cols, size[1]).mean((1, 3)).reshape(-1)


def ink_of(picture, grid):
    return inked(picture.tobytes(), picture.shape, tuple(grid))


@functools.lru_cache(None)
def inked(pixels, shape, grid):
    luma = (np.frombuffer(pixels, np.uint8).reshape(shape).astype(np.int64) @ np.array([299, 587, 114])) // 1000
    height, width = luma.shape
    row = np.minimum(((2 * np.arange(height) + 1) * grid[0]) // (2 * height), grid[0] - 1)
    col = np.minimum(((2 * np.arange(width) + 1) * grid[1]) // (2 * width), grid[1] - 1)
    out = np.zeros(grid)
    for r in range(grid[0]):
        for c in range(grid[1]):
            v = luma[np.ix_(row == r, col == c)].reshape(-1)
            median = np.sort(v)[(len(v) - 1) // 2]
            out[r, c] = np.maximum(np.abs(v - median) - 12, 0).sum()
    return out.reshape(-1)


def components(hole):
    label, best = np.zeros(hole.shape, int), 0
    for start in zip(*np.nonzero(hole)):
        if label[start]:
            continue
        todo, size = [start], 0
        label[start] = 1
        while todo:
            r, c = todo.pop()
            size += 1
            for q in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if 0 <= q[0] < hole.shape[0] and 0 <= q[1] < hole.shape[1] and hole[q] and not label[q]:
                    label[q] = 1
                    todo.append(q)
        best = max(best, size)
    return best


def figures(kept, grid, relevance, boxes, picture, scale):
    n = grid[0] * grid[1]
    keep = np.zeros(n, bool)
    keep[kept] = True
    out, ink = {}, ink_of(picture, grid)
    if ink.sum() > 0:
        inky = ink >= 0.01 * ink.max()
        out["ink_kept"] = ink[keep].sum() / ink.sum()
        out["largest_hole"] = components((inky & ~keep).reshape(grid)) / inky.sum()
    if not boxes:
        return out
    share = shares(boxes, grid, picture.shape)
    target = share > 0
    m = np.asarray(relevance, dtype=np.float64)
    if m.size == 0 or (m == m[0]).all():
        m = keep.astype(float)
    low = min(0.0, m.min())
    out["recall"] = keep[target].mean()
    out["box_coverage"] = share[keep].sum() / share.sum()
    out["miss"] = float(not keep[target].all())
    if (m - low).sum() > 0:
        out["mass_in_box"] = ((m - low) * share).sum() / (m - low).sum()
    if not target.all():
        a, b = m[target][:, None], m[~target][None]
        out["auc"] = ((a > b) + 0.5 * (a == b)).mean()
    if not (m == m[0]).all():
        top = np.zeros(n, bool)
        top[np.argsort(-m, kind="stable")[:max(1, math.floor(0.2 * n + 0.5))]] = True
        out["iou20"] = (top & target).sum() / (top | target).sum()
    heights = 0
    for b in boxes:
        own = shares([b], grid, picture.shape)
        heights += (b[2] - b[0]) * scale * own[keep].sum() / own.sum()
    out["legibility"] = heights / len(boxes)
    return out


# --- statistics, again ---------------------------------------------------------------------------------------------------
def wilson(right, n):
    """The shares at which the score test just reaches z: roots of (p - q)^2 = z^2 q (1 - q) / n."""
    p = right / n
    low, high = sorted(np.roots([1 + Z * Z / n, -(2 * p + Z * Z / n), p * p]).real)
    return max(0.0, low), min(1.0, high)


def groups_of(scores, picture):
    """Scores by picture."""
    out = collections.defaultdict(list)
    for i, v in scores.items():
        out[picture[i]].append(v)
    return [np.array(g, float) for g in out.values()]


def effective(groups):
    """n over the design effect: the ratio estimator's variance between clusters over that of a simple random sample (Kish 1965), which counts as 1 below that."""
    x, g = np.concatenate(groups), len(groups)
    if np.ptp(x) < 1e-9:
        return float(g)
    if g < 2:
        return 1.0
    totals, sizes = np.array([v.sum() for v in groups]), np.array([len(v) for v in groups])
    clustered = g / (g - 1) * ((totals - x.mean() * sizes) ** 2).sum() / len(x) ** 2
    return len(x) / max(1.0, clustered / (x.var(ddof=1) / len(x)))


def flips(totals):
    """Exact: of all 2^m signs of the pictures' totals, how many give a sum at least as far from 0."""
    totals = [int(t) for t in totals if t]
    ways = collections.Counter({0: 1})
    for t in totals:
        following = collections.Counter()
        for at, count in ways.items():
            following[at + t] += count
            following[at - t] += count
        ways = following
    return float(fractions.Fraction(sum(c for at, c in ways.items() if abs(at) >= abs(sum(totals))), 2 ** len(totals)))


def paired(first, second, picture):
    ids = [i for i in first if i in second]
    groups = groups_of({i: first[i] - second[i] for i in ids}, picture)
    d, n, m = np.concatenate(groups), len(ids), effective(groups)
    if all(x in (-1, 0, 1) for x in d):
        a, b = (d == 1).sum() * m / n, (d == -1).sum() * m / n
        pa, pb = (a + 1) / (m + 2), (b + 1) / (m + 2)
        half = Z * math.sqrt((pa + pb - (pa - pb) ** 2) / (m + 2))
        return n, m, d.mean(), max(-1, pa - pb - half), min(1, pa - pb + half), flips([g.sum() for g in groups])
    mean, error = np.mean(d), np.std(d, ddof=1) / math.sqrt(m)
    return n, m, mean, max(-1, mean - Z * error), min(1, mean + Z * error), math.erfc(abs(mean) / error / math.sqrt(2))


def normal(text):
    """Exact match's normal form, written another way."""
    words = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else " " if c in "\t\n\v\f\r" else c for c in text).split(" ")
    text = " ".join(w for w in words if w)
    return text[:-1].rstrip(" ") if len(text) > 1 and text.endswith(".") else text


def check_share(got, scores, picture, what):
    near(got["n"], len(scores), what + ": n")
    near(got["right"], float(sum(scores.values())), what + ": right")
    m = effective(groups_of(scores, picture))
    near(got["n_effective"], m, what + ": effective n", 1e-9)
    low, high = wilson(sum(scores.values()) / len(scores) * m, m)
    near(got["low"], low, what + ": low", 1e-6)
    near(got["high"], high, what + ": high", 1e-6)


def check_axes(axes, columns, scores, picture, what):
    """Shares by the value of a setting, from columns that are the same but for it."""
    lines = collections.defaultdict(lambda: collections.defaultdict(dict))  # path -> column -> value -> the column of the rows
    for pipeline, budget, depth in columns:
        if not scores((pipeline, budget, depth)):
            continue
        tail = "" if depth == "all" else " depth=" + depth
        if budget != "all":
            lines["budget"][pipeline + tail][budget] = (pipeline, budget, depth)
            tail = "@" + budget + tail
        if "/" in pipeline:
            stages = dict(zip(("texture", "scorers", "balancer", "allocator", "injector"), pipeline.split("/")))
            settings = [(f"{stage}.{one.split('=')[0]}", one.split("=")[1], ":" + one) for stage, part in stages.items() if "%" not in pipeline for one in part.split(":")[1:]]
        else:
            settings = [(*one.split("="), ":" + one) for one in pipeline.split(":")[1:] if "." in one.split("=")[0]]
        for path, value, text in settings:
            lines[path][pipeline.replace(text, "") + tail][value] = (pipeline, budget, depth)
    wanted = {path: {c: v for c, v in found.items() if len(v) > 1} for path, found in lines.items()}
    wanted = {path: found for path, found in wanted.items() if found}
    check({a["setting"] for a in axes} == set(wanted), f"{what}: axes {[a['setting'] for a in axes]}, expected {set(wanted)}")
    for axis in axes:
        found = wanted.get(axis["setting"], {})
        name = f"{what}: by {axis['setting']}"
        check({line["column"] for line in axis["columns"]} == set(found), f"{name}: columns {set(found)}")
        check(sorted(axis["values"]) == sorted({v for line in found.values() for v in line}), f"{name}: values {axis['values']}")
        check(all(a != b and (not is_number(a) or float(a) < float(b)) for a, b in zip(axis["values"], axis["values"][1:])), f"{name}: order {axis['values']}")
        for line in axis["columns"]:
            for value, got in zip(axis["values"], line["shares"], strict=True):
                column = found.get(line["column"], {}).get(value)
                check((got is None) == (column is None), f"{name} {line['column']} {value}: a share")
                if got:
                    check_share(got, scores(column), picture, f"{name} {line['column']} {value}")


def is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def check_summary(folder):
    rows, summary = lines(folder / "rows.jsonl"), json.loads((folder / "summary.json").read_text())
    columns = collections.defaultdict(lambda: collections.defaultdict(list))  # column -> seed -> rows
    for r in rows:
        columns[r["pipeline"], r["budget"], r["depth"]][r["seed"]].append(r)
    wanted = [(c, str(s)) for c, seeds in columns.items() for s in sorted(seeds)] + [(c, "mean") for c, seeds in columns.items() if len(seeds) > 1]
    groups = {((g["pipeline"], g["budget"], g["depth"]), g["seed"]): g for g in summary["groups"]}
    check(set(groups) == set(wanted), f"summary: groups {set(groups) ^ set(wanted)}")

    def scores(column, seed="mean"):
        of = collections.defaultdict(list)
        for s, part in columns.get(column, {}).items():
            for r in part:
                if r["score"] is not None and seed in ("mean", str(s)):
                    of[r["id"]].append(r["score"])
        return {i: float(np.mean(v)) for i, v in of.items()}
    full = scores(("full", "all", "all"))
    picture = {r["id"]: tuple(r["images"]) for r in rows}
    for (column, seed), g in groups.items():
        name, mine = f"summary {column} {seed}", [r for s, part in columns[column].items() for r in part if seed in ("mean", str(s))]
        s = scores(column, seed)
        check(g["rows"] == len(mine), name + ": rows")
        check(("all" in g) == bool(s), name + ": scored")
        if s:
            check_share(g["all"], s, picture, name)
            scenario = {r["id"]: r["scenario"] for r in mine}
            check(set(g["scenarios"]) == {scenario[i] for i in s}, name + ": scenarios")
            for x, got in g["scenarios"].items():
                check_share(got, {i: v for i, v in s.items() if scenario[i] == x}, picture, f"{name} {x}")
            check(("difference_to_full" in g) == (bool(full) and column != ("full", "all", "all")), name + ": difference")
            if "difference_to_full" in g:
                d = g["difference_to_full"]
                for key, value in zip(("n", "n_effective", "difference", "low", "high", "p"), paired(s, full, picture)):
                    near(d[key], value, f"{name}: difference {key}")
            small = scores(("downsample", column[1], "all"))
            failed = {i: v for i, v in s.items() if small.get(i) == 0}
            check(("where_downsample_fails" in g) == (bool(failed) and column[0] != "downsample"), name + ": where downsample fails")
            if "where_downsample_fails" in g:
                check_share(g["where_downsample_fails"], failed, picture, name + " where downsample fails")
            leaks = [scores((column[0] + x, column[1], column[2])) for x in ("_blank", "_other")]
            check(("beyond_leaks" in g) == (column[0] == "oracle"), name + ": leaks")
            if "beyond_leaks" in g:
                check_share(g["beyond_leaks"], {i: v * all(x[i] == 0 for x in leaks) for i, v in s.items() if all(i in x for x in leaks)}, picture, name + " beyond leaks")
        for key in ("sequence_length", "deepstack_additions", "prefill_flops", "kv_bytes", "legacy_effective_tokens", "token_layers", "evidence_flops"):
            near(g["means"][key], float(np.mean([r["costs"][key] for r in mine])), f"{name}: {key}")
        near(g["means"]["tower_flops"], float(np.mean([r["costs"]["vision_flops"] + r["costs"]["merger_flops"] for r in mine])), f"{name}: tower_flops")
        near(g["means"]["kept"], float(np.mean([r["kept"] for r in mine])), name + ": kept")
        near(g["means"]["visual_tokens"], float(np.mean([r["tokens"] for r in mine])), name + ": tokens")
        for key, got in g["figures"].items():
            values = [r["figures"][key] for r in mine if key in r["figures"]]
            check(got["n"] == len(values), f"{name}: n of {key}")
            near(got["mean"], float(np.mean(values)), f"{name}: {key}")
        check(set(g["figures"]) == {k for r in mine for k in r["figures"]}, name + ": figures")
    check_axes(summary.get("axes", []), columns, scores, picture, str(folder))
    with open(folder / "summary.csv", newline="") as f:
        table = list(csv.DictReader(f))
    check(len(table) == sum(1 + len(g["scenarios"]) for g in groups.values() if "all" in g), "summary.csv: lines")
    for line in table:
        g = groups[(line["pipeline"], line["budget"], line["depth"]), line["seed"]]
        got = g["all"] if line["scenario"] == "all" else g["scenarios"][line["scenario"]]
        check(all(float(line[k]) == got[k] for k in ("n", "right", "accuracy", "low", "high")), f"summary.csv: {line}")
    return rows


def picture_of(rows):
    return {r["id"]: tuple(r["images"]) for r in rows}


def check_rows(rows, data, folder, levels=3):
    """Every row against the data: counts, hash, figures, score."""
    samples = {s["id"]: s for s in lines(data / "questions.jsonl")}
    by_picture = collections.defaultdict(list)
    for s in samples.values():
        by_picture[tuple(s["images"])].append(s)
    pictures, relevance, beside = {}, {}, collections.defaultdict(list)
    column = lambda r: (tuple(r["images"]), *(r[x] for x in ("pipeline", "budget", "depth", "seed")))
    for r in rows:
        beside[column(r)].append(r)
    for r in rows:
        s, what = samples[r["id"]], r["key"]
        image = pictures.setdefault(r["images"][0], np.asarray(Image.open(data / r["images"][0]).convert("RGB")))
        grid, kept = tuple(r["grids"][0]), r["kept_tokens"][0]
        n = grid[0] * grid[1]
        check(len(kept) == r["kept"] == r["costs"]["visual_tokens_after"] and r["tokens"] == (64 if r["pipeline"] == "downsample" else n) and kept == sorted(set(kept)), what + ": counts")
        budget = r["budget"]
        k = n if budget == "all" else math.floor(float(budget) * 64 + 0.5) if "." in budget else min(int(budget), n)
        if r["pipeline"] == "downsample":
            check(r["kept"] == n <= k, what + ": downsample spends at most the budget")
        else:
            check(r["kept"] == k and r["clamped"] == ("." not in budget and budget != "all" and int(budget) > n), what + ": budget")
        mask = {"all": 0xffffffff, "none": 0}.get(r["depth"]) if r["depth"] in ("all", "none") else sum(1 << int(x) for x in r["depth"].split("+"))
        whole = n if r["pipeline"].endswith("/layer:before=1") else len(kept)  # level 0 follows layer 0, before which nobody was dropped
        additions = sum((whole if level == 0 else len(kept)) * (mask >> level & 1) for level in range(levels))
        check(r["costs"]["deepstack_additions"] == additions, what + ": DeepStack additions")
        h = 0xcbf29ce484222325
        for t in kept:
            for v in (t, mask):
                for i in range(8):
                    h = ((h ^ (v >> 8 * i & 255)) * 0x100000001b3) & (2 ** 64 - 1)
        check(r["kept_hash"] == f"{h:016x}", what + ": hash")

        boxes = s["boxes"]
        used = boxes
        if r["pipeline"] == "oracle_other":
            ring = by_picture[tuple(r["images"])]
            at = ring.index(s)
            used = next(q["boxes"] for q in ring[at + 1:] + ring[:at] if q["boxes"] and q["boxes"] != boxes)
        check(r["question"] == ("" if r["pipeline"] == "oracle_blank" else s["question"]), what + ": the question as asked")
        if r["pipeline"].startswith("oracle"):
            cover = shares(used, grid, image.shape) if used else np.zeros(n)
            hit = np.flatnonzero(cover > 0)
            check(set(hit) <= set(kept) if len(hit) <= k else set(kept) <= set(hit), what + ": the oracle's tokens")
            m = cover.astype(np.float32)
        elif r["pipeline"] == "three_ways" and not s["question"]:
            continue  # `allocate` refuses an empty question
        elif "attention" in r["pipeline"] and (not s["question"] or int(r["id"].rsplit("-", 1)[1]) % 4):
            continue  # a process each: every fourth will do
        elif r["pipeline"] == "three_ways" or "attention" in r["pipeline"]:
            key = (r["id"], r["pipeline"], budget)
            if key not in relevance:
                flag = ["--keep-ratio" if "." in budget else "--budget", budget]
                relevance[key] = json.loads(run("allocate", "-m", folder / "demo", "-i", data / r["images"][0], "-p", s["question"], "--pipeline", r["pipeline"], *flag, "-q", "-t", 1))["pictures"][0]["relevance"]
            m = relevance[key]
        else:
            m = np.ones(n)
        scale = grid[0] * 32 / image.shape[0]
        mine = figures(kept, grid, m, boxes, image, scale)
        others = [q["kept_tokens"][0] for q in beside[column(r)] if samples[q["id"]]["question"] != s["question"]]
        if others:
            mine["distinctiveness"] = float(np.mean([1 - len(set(o) & set(kept)) / len(set(o) | set(kept)) for o in others]))
        check(set(mine) == set(r["figures"]), f"{what}: figures {set(mine) ^ set(r['figures'])}")
        for key in set(mine) & set(r["figures"]):
            near(r["figures"][key], float(mine[key]), f"{what}: {key}", 2e-6)
        if r["prediction"] is not None:
            if s["metric"] == "exact":
                check(r["score"] == float(normal(r["prediction"]) in map(normal, s["answers"])), what + ": score")
        else:
            check(r["score"] is None, what + ": a score without an answer")
        check((r["prediction"] is None) == (s["metric"] == "none"), what + ": who is asked")


def check_answers(rows, data, model, every):
    """Rows against `arrcoc answer`, one question at a time."""
    asked = 0
    samples = {s["id"]: s for s in lines(data / "questions.jsonl")}
    for r in rows[::every]:
        if r["prediction"] is None or r["depth"] != "all" or r["question"] == "":
            continue
        s, budget = samples[r["id"]], r["budget"]
        flags = ["--pipeline", r["pipeline"]]
        if budget != "all":
            flags += ["--keep-ratio" if "." in budget else "--budget", budget]
        if r["pipeline"] == "oracle":
            if not s["boxes"]:
                flags[1] = "grid"
            for b in s["boxes"]:
                flags += ["--box", ",".join(map(str, b))]
        if r["pipeline"] == "oracle_other":
            continue
        one = json.loads(run("answer", "-m", model, "-i", data / r["images"][0], "-p", r["question"], "-s", r["draw"], "-n", 6, "--json", "-q", "-t", 1, *flags))
        asked += 1
        check(one["answer"] == r["prediction"] and one["stopped"] == r["stopped"], f"{r['key']}: answer {one['answer']!r} and {r['prediction']!r}")
        check([t["token"] for t in one["pictures"][0]["kept"]] == r["kept_tokens"][0], r["key"] + ": kept tokens")
        check({key: one["costs"][key] for key in r["costs"]} == r["costs"], f"{r['key']}: costs {one['costs']} and {r['costs']}")
        if r["pipeline"] == "downsample":  # what the model's own resize with that upper limit gives
            k = math.floor(float(budget) * 64 + 0.5) if "." in budget else int(budget)
            limits = ["--image-min-tokens", 1, "--image-max-tokens", k] if k < 64 else []
            small = json.loads(run("answer", "-m", model, "-i", data / r["images"][0], "-p", r["question"], "-n", 6, "--json", "-q", "-t", 1, "--pipeline", "full", *limits))
            check(small["answer"] == r["prediction"] and small["pictures"][0]["grid"] == r["grids"][0], f"{r['key']}: the smaller picture gives {small['answer']!r}")
        if r["pipeline"] != "oracle":
            check(one["pipeline"] == r["name"] or budget == "all", f"{r['key']}: name {r['name']}")
    return asked


def main():
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        data, demo = top / "data", top / "demo"
        run("demo-model", "--out", demo, "--seed", 3)
        run("scenes", "--out", data, "--count", 6, "--seed", 6000000, "--scenario", "receipt,form,shapes,relations,adversarial,eight_queries", "--no-tsv", "--quiet")
        common = ["-m", demo, "--data", data, "-n", 6, "-q", "--kept"]
        inside = "none/none/flat/grid/early,none/tower_attention:block=0/fixed/top_k/tower:before=1,none/layer_attention:layer=0/fixed/top_k/layer:before=1,none/layer_attention:layer=0/fixed/top_k/again:before=1"
        pipelines = ["--pipeline", "stock,full,three_ways,random,grid,centre,downsample,oracle,uniform@5," + inside]

        first = top / "first"
        table = run("sweep", *common, *pipelines, "--out", first, "--keep-ratio", "0.5,0.25", "--seed", "0,1", "-t", 1)
        check(sorted(p.name for p in first.iterdir()) == ["report.html", "rows.jsonl", "run.json", "summary.csv", "summary.json", "timings.jsonl", "units.jsonl"], "files of a run")
        rows = check_summary(first)
        check(len({r["key"] for r in rows}) == len(rows), "keys are distinct")
        check(all(g["pipeline"] in table for g in json.loads((first / "summary.json").read_text())["groups"]), "the table names every column")
        check_rows(rows, data, top)
        asked = check_answers(rows, data, demo, 7)
        check(asked > 20, f"{asked} rows asked again")
        print(f"sweep: {len(rows)} rows, {asked} asked again one by one")
        stock = {r["id"]: r["prediction"] for r in rows if r["pipeline"] == "stock"}
        check(all(r["prediction"] == stock[r["id"]] for r in rows if r["pipeline"] == "full") and len(set(stock.values())) > 5, "full answers as stock does")
        keys = [line.get("key") for line in lines(first / "timings.jsonl")]
        check([k for k in keys if k] == [r["key"] for r in rows], "timings: a line for each row")
        seen = [line for line in lines(first / "timings.jsonl") if "images" in line]
        check(len(seen) == len({tuple(r["images"]) for r in rows}) and all(line["milliseconds"]["vision"] > 0 for line in seen), "timings: a line for each picture")

        # the same bytes again, on two threads too, without the shared beginnings, and where results of the tower make room
        for name, more in {"again": ["-t", 1], "threads": ["-t", 2], "whole": ["-t", 1, "--no-shared-prefix"], "bounded": ["-t", 1, "--evidence-mib", 0]}.items():
            run("sweep", *common, *pipelines, "--out", top / name, "--keep-ratio", "0.5,0.25", "--seed", "0,1", *more)
            check((top / name / "rows.jsonl").read_bytes() == (first / "rows.jsonl").read_bytes(), f"{name}: the same rows")
        made = [[sum(line[k] for line in lines(top / name / "timings.jsonl") if "images" in line) for k in ("encodings", "dropped")] for name in ("again", "bounded")]
        check(made[0][1] == 0 < made[1][1] and made[1][0] >= made[0][0] > 0, f"encodings and what made room: {made}")
        check((top / "again" / "summary.json").read_bytes() == (first / "summary.json").read_bytes(), "again: the same summary")

        # answers that can be right: half of them what the whole picture gives, the others what three_ways gives
        right = top / "right"
        right.mkdir()
        (right / "images").symlink_to(data / "images")
        given = {(r["id"], r["pipeline"]): r["prediction"] for r in rows if r["pipeline"] in ("full", "three_ways", "downsample", "oracle", "oracle_blank", "random") and r["budget"] in ("all", "0.5") and r["seed"] == 0}
        kinds = ["full", "three_ways", "oracle", "downsample", "random", "full", "oracle_blank"]
        out = []
        for i, s in enumerate(lines(data / "questions.jsonl")):
            told = given.get((s["id"], kinds[i % len(kinds)]))
            if told is not None:
                s["answers"] = ["something else", "  " + told.upper() + " . "] if told.isascii() else [told]
            out.append(s)
        (right / "questions.jsonl").write_text("".join(json.dumps(s) + "\n" for s in out))
        run("sweep", "-m", demo, "--data", right, "-n", 6, "-q", "--kept", *pipelines, "--out", top / "second", "--keep-ratio", "0.5", "--seed", "0,1,2", "--depth", "all,none,each,0+2", "-t", 1)
        scored = check_summary(top / "second")
        check_rows(scored, right, top)
        totals = collections.Counter(r["pipeline"] for r in scored if r["score"] == 1)
        check(all(totals[k] > 0 for k in ("full", "three_ways", "oracle", "downsample", "random")) and any(r["score"] == 0 for r in scored), f"some answers are right: {totals}")
        check({r["depth"] for r in scored} == {"all", "none", "0", "1", "2", "0+2"}, "depths")
        check(len({r["prediction"] for r in scored if r["pipeline"] == "full" and r["id"] == scored[0]["id"]}) > 1, "depth changes answers")

        # any setting as an axis: each column answers as its name says
        axis = top / "axis"
        by_order = "none/none/flat/random/order"
        told = run("sweep", "-m", demo, "--data", right, "-n", 6, "-q", "--kept", "-t", 1, "--pipeline", f"full,three_ways,three_ways:query=blank,{by_order},grid", "--balancer.explore=0:1:0.5", "--injector.by=raster,random",
                   "--budget", "6:14:4", "--seed", "3:4", "--out", axis)
        along = check_summary(axis)
        names = {r["pipeline"] for r in along}
        check(names == {"full", "grid"} | {f"three_ways:balancer.explore={v}{q}" for v in ("0", "0.5", "1") for q in ("", ":query=blank")} | {f"{by_order}:by={v}" for v in ("raster", "random")}, f"axis: columns {names}")
        check({(r["budget"], r["seed"]) for r in along if r["pipeline"].startswith(by_order)} == {(str(b), s) for b in (6, 10, 14) for s in (3, 4)}, "axis: budgets and seeds by ranges")
        check(check_answers(along, right, demo, 11) > 20, "axis: rows asked again")
        check(len({tuple(r["kept_tokens"][0]) for r in along if r["id"] == along[0]["id"] and r["budget"] == "6" and r["pipeline"].startswith("three_ways") and ":query" not in r["pipeline"]}) > 1, "axis: values change what is kept")
        check(sum("own_question_brings" in g for g in json.loads((axis / "summary.json").read_text())["groups"]) == 9, "axis: what the own question brings, for each value and budget")
        for head in ("right % by balancer.explore", "right % by injector.by", "right % by budget"):
            check(head in told, f"axis: a table {head}")
        for a, b in (("three_ways:balancer.explore=0@6", "three_ways:balancer.explore=1@6"), (f"{by_order}:by=raster@6 seed=3", f"{by_order}:by=random@6 seed=4")):
            one = json.loads(run("compare", axis, "--columns", f"{a},{b}", "--json"))["columns"]
            sides = [{r["id"]: r["score"] for r in along if r["key"] == f"{r['id']} {x}" and r["score"] is not None} for x in (a, b)]
            check_share(one[0]["second"], sides[1], picture_of(along), f"compare --columns {a},{b} second")
            for key, value in zip(("n", "n_effective", "difference", "low", "high", "p"), paired(sides[1], sides[0], picture_of(along))):
                near(one[0]["difference"][key], value, f"compare --columns {a},{b} {key}")

        # a subset: scenario, split, limit
        part = top / "part"
        run("sweep", *common, "--pipeline", "grid", "--out", part, "--scenario", "form,receipt", "--split", "test", "--limit", 7, "--budget", "9,500")
        some = check_summary(part)
        check(len(some) == 14 and {r["scenario"] for r in some} <= {"form", "receipt"}, "scenario and limit")
        check_rows(some, data, top)

        # no model: the same figures, no answers; the tower only where a scorer looks at it
        free = top / "free"
        run("sweep", *common, *pipelines, "--out", free, "--keep-ratio", "0.5,0.25", "--seed", "0,1", "--model-free")
        for a, b in zip(lines(free / "rows.jsonl"), rows):
            check(a["prediction"] is None and a["figures"] == b["figures"] and a["kept_tokens"] == b["kept_tokens"] and a["costs"] == b["costs"], "model-free: " + a["key"])
        check_summary(free)
        run("sweep", *common, "--pipeline", "grid,oracle,texture13/information/flat/top_k/gather", "--out", top / "pixels", "--model-free")
        check(all("vision" not in line.get("milliseconds", {}) for line in lines(top / "pixels" / "timings.jsonl")), "model-free: no tower for pixels alone")

        # two checkpoints
        other = top / "other"
        run("demo-model", "--out", other, "--seed", 4)
        run("sweep", "-m", other, "--data", right, "-n", 6, "-q", "--pipeline", "full,three_ways,random,oracle,grid", "--out", top / "third", "--keep-ratio", "0.5", "--seed", "0,2")
        text = run("compare", top / "second", top / "third" / "summary.json", "--json")
        columns = {c["column"]: c for c in json.loads(text)["columns"]}
        second, third = ({r["key"]: r for r in lines(top / x / "rows.jsonl")} for x in ("second", "third"))
        both = collections.defaultdict(list)
        for key, r in second.items():
            if key in third and r["score"] is not None:
                both[key[len(r["id"]) + 1:]].append((r["id"], r["scenario"], r["score"], third[key]["score"]))
        check(set(columns) == set(both) and "random@0.5 seed=2" in both and "random@0.5 seed=1" not in both, f"compare: columns {set(columns) ^ set(both)}")
        picture = {r["id"]: tuple(r["images"]) for r in second.values()}
        for label, c in columns.items():
            a, b = ({i: x[k] for i, *x in both[label]} for k in (1, 2))
            check_share(c["first"], a, picture, f"compare {label} first")
            check_share(c["second"], b, picture, f"compare {label} second")
            for key, value in zip(("n", "n_effective", "difference", "low", "high", "p"), paired(b, a, picture)):
                near(c["difference"][key], value, f"compare {label} {key}")
            for x, got in c["scenarios"].items():
                near(got["difference"], float(np.mean([q - p for _, y, p, q in both[label] if y == x])), f"compare {label} {x}")
        check("full" in run("compare", top / "second", top / "third"), "compare: a table")
        for a, b in (("full", "three_ways@0.5"), ("random@0.5", "random@0.5 depth=none seed=1")):
            one = json.loads(run("compare", top / "second", "--columns", f"{a},{b}", "--json"))["columns"]
            sides = [{i: r["score"] for r in second.values() if r["key"] == f"{(i := r['id'])} {x}" and r["score"] is not None} for x in (a, b)]
            sides = [{i: side[i] for i in side if all(i in other for other in sides)} for side in sides]
            check(len(one) == 1 and one[0]["column"] == f"{b} - {a}" and len(sides[0]) > 5, f"compare --columns {a},{b}: one line")
            check_share(one[0]["first"], sides[0], picture, f"compare --columns {a},{b} first")
            check_share(one[0]["second"], sides[1], picture, f"compare --columns {a},{b} second")
            for key, value in zip(("n", "n_effective", "difference", "low", "high", "p"), paired(sides[1], sides[0], picture)):
                near(one[0]["difference"][key], value, f"compare --columns {a},{b} {key}")
        run("compare", top / "second", "--columns", "full,absent", status=2)
        run("compare", top / "second", "--columns", "full", status=2)
        run("compare", top / "second", status=2)
        same = json.loads(run("compare", first, top / "again", "--json"))["columns"]
        check(all(c["difference"]["difference"] == 0 and c["difference"]["p"] == 1 for c in same), "compare: a run with itself")

        # Ctrl-C: 130, and no folder while no picture is done
        before = sorted(p.name for p in top.iterdir())
        busy = subprocess.Popen([PROGRAM, *map(str, ["sweep", "-m", demo, "--data", data, "--pipeline", "random", "--budget", 16, "--seed", ",".join(map(str, range(3000))), "--out", top / "late"])], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(400):
            time.sleep(0.05)
            if (top / "late" / "run.json").exists():
                break
        time.sleep(0.2)
        busy.send_signal(signal.SIGINT)
        out, _ = busy.communicate(timeout=60)
        check(busy.returncode == 130 and out == b"", f"Ctrl-C: exit status {busy.returncode}")
        check(sorted(p.name for p in top.iterdir()) == before, f"Ctrl-C: nothing is left behind: {set(p.name for p in top.iterdir()) ^ set(before)}")
    print(f"sweep: {checks.made} checks, {len(checks.problems)} mismatches: {'FAILED' if checks.problems else 'ok'}")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
