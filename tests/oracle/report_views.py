#!/usr/bin/env python3
"""The report's figures of kept tokens and maps, as the page shows them after real clicks, against NumPy over the run's maps.

usage: report_views.py ARRCOC [--pictures DIR]     exit 0, 1 on any fault, 77 when NumPy, Pillow, websocket-client or Chromium is absent
  --pictures   leaves screenshots there: 1280 and 420 px wide, light and dark
"""
import base64
import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import checks
from checks import SMALL, check, ranks

try:
    import numpy as np
    import browser
    import protocol_rules
    import texture_oracle
    from PIL import Image
except ImportError as e:
    print(f"report_views: skipped, {e.name} is not installed")
    sys.exit(77)

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
PICTURES = pathlib.Path(sys.argv[sys.argv.index("--pictures") + 1]) if "--pictures" in sys.argv else None


def narrow_and_wide(b, name):
    """Nothing is wider than the window; a picture of each, light and dark, where pictures are asked for."""
    for width in (420, 1280):
        b.size(width)
        check(b.value("document.documentElement.scrollWidth") <= width, f"nothing wider than {width} px")
        for dark in (False, True) if PICTURES else ():
            PICTURES.mkdir(parents=True, exist_ok=True)
            b.dark(dark)
            b.picture(PICTURES / f"{name}-{width}-{'dark' if dark else 'light'}.png", whole=True)


def run(*args):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    check(done.returncode == 0, f"{' '.join(map(str, args))[:200]}: exit {done.returncode}: {done.stderr[-300:]}")
    return done.stderr


def lines(file):
    return [json.loads(line) for line in pathlib.Path(file).read_text(encoding="utf-8").splitlines()]


# --- the figures, in NumPy -------------------------------------------------------------------------------------------------
def values(map8):
    low, high, text = map8
    return low + np.frombuffer(base64.b64decode(text), np.uint8) / 255 * (high - low)


def living(seen):
    return np.array(seen.get("at", range(seen["grid"][0] * seen["grid"][1])))


def kept(line):
    p = line["pictures"][0]
    return living(p) if p["kept"] == "all" else living(p)[p["kept"]]


def spearman(x, y):
    return np.corrcoef(ranks(x), ranks(y))[0, 1] if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0 else None


def relevance(line):
    """The last decision's tokens and what it made of them; None where it says nothing."""
    seen = line["decisions"][-1]["pictures"][0] if line["decisions"] else {}
    return (living(seen), values(seen["relevance"])) if "relevance" in seen and np.ptp(values(seen["relevance"])) > 0 else None


def shared(x, y):
    _, i, j = np.intersect1d(x[0], y[0], return_indices=True)
    return x[1][i], y[1][j]


def figures_of(line):
    out, (rows, cols) = {}, line["pictures"][0]["grid"]
    tokens = kept(line)
    row, col = np.divmod(tokens, cols)
    regions = lambda r, c: {(int(a), int(b)) for a, b in zip((r + 0.5) * 4 // rows, (c + 0.5) * 4 // cols)}
    out["regions"], out["there"] = len(regions(row, col)), len(regions(*np.divmod(np.arange(rows * cols), cols)))
    if relevance(line):
        at, v = relevance(line)
        inside = np.isin(at, tokens)
        if 0 < inside.sum() < len(at):
            a, b = v[inside], v[~inside]
            out["kept"], out["dropped"] = np.percentile(a, [25, 50, 75]), np.percentile(b, [25, 50, 75])
            out["above"] = ((a[:, None] > b).sum() + 0.5 * (a[:, None] == b).sum()) / (len(a) * len(b))
        out["first"], out["held"] = np.sort(v)[::-1][: inside.sum()].sum() / v.sum(), v[inside].sum() / v.sum()
    return out


def beside(x, y):
    a, b = set(kept(x)), set(kept(y))
    out = {"both": len(a & b), "added": len(a - b), "removed": len(b - a), "overlap": len(a & b) / len(a | b), "rank": None}
    if relevance(x) and relevance(y):
        u, v = shared(relevance(x), relevance(y))
        out.update(rank=spearman(u, v), shift=np.abs(u - v).mean(), most=np.abs(u - v).max())
    return out


def maps_of(line, side):
    out = {}
    for n, d in enumerate(line["decisions"]):
        seen, where = d["pictures"][0], f"decision {n + 1}: " if len(line["decisions"]) > 1 else ""
        for name, m in [*zip(d["scorers"], seen.get("maps", [])), *([("relevance", seen["relevance"])] if "relevance" in seen else [])]:
            out[f"{side}: {where}{name}"] = (living(seen), values(m))
    return out


def near(text, value, digits=3):
    return abs(float(text) - value) <= 0.6 * 10 ** -digits


# --- the page --------------------------------------------------------------------------------------------------------------
THREE, DEFT = "three_ways@0.25", "deft@0.25"
CONTROLS = {"no question": "blank", "another question": "other"}


def control_of(column, what):
    return column.replace("@", f":query={CONTROLS[what]}@")


def one_question(b, of, ids):
    """Every caption of a question against NumPy."""
    captions = lambda where, name: b.value(f"[...document.querySelectorAll('#detail {where} [data-view={name}] figcaption')].map(f => f.textContent)")
    number = r"(-?[\d.]+(?:e-?\d+)?)"
    for side, column in (("a", THREE), ("b", DEFT)):
        f = figures_of(of[ids, column])
        said = captions(f".side.body.{side}", "split")[0]
        got = re.match(rf"Relevance, quartiles: kept {number}, {number}, {number}; dropped {number}, {number}, {number}\. .* in {number} %", said).groups()
        for text, want in zip(got[:6], [*f["kept"], *f["dropped"]]):
            check(abs(float(text) - want) <= 1e-3 * abs(want), f"{column}: {said}, not {want}")
        check(near(got[6], 100 * f["above"], 1), f"{column}: {said}, not {f['above']}")
        said = captions(f".side.body.{side}", "decay")[0]
        first, first_share, held = re.search(rf"the first {number} hold {number} % of its sum, those kept {number} %", said).groups()
        check(int(first) == len(kept(of[ids, column])) and near(first_share, 100 * f["first"], 1) and near(held, 100 * f["held"], 1), f"{column}: {said}, not {f}")
        said = captions(f".side.body.{side}", "coverage")[0]
        check(said.startswith(f"{f['regions']} of {f['there']} regions"), f"{column}: {said}, not {f['regions']}")
    pairs = captions("", "pair")
    want = [("A beside B", THREE, DEFT)] + [(f"{side}, its question beside {what}", c, control_of(c, what)) for side, c in (("A", THREE), ("B", DEFT)) for what in CONTROLS if (ids, control_of(c, what)) in of]
    check([p.split(":")[0] for p in pairs] == [w[0] for w in want], f"pairs: {pairs}")
    for said, (_, x, y) in zip(pairs, want):
        f = beside(of[ids, x], of[ids, y])
        got = re.search(rf": {number} kept by both \(grey\), {number} .*\(\+, orange\), {number} .*\(−, blue\); overlap {number}; rank correlation of the relevance {number}", said).groups()
        check([int(v) for v in got[:3]] == [f["both"], f["added"], f["removed"]] and near(got[3], f["overlap"]) and near(got[4].rstrip("."), f["rank"]), f"{said}, not {f}")
        shift = re.search(rf"mean shift {number}, at most {number} ", said)
        check((shift is None) == ((x, y) == (THREE, DEFT)), f"a shift: {said}")
        if shift:
            check(all(abs(float(t) - w) <= 1e-3 * w for t, w in zip(shift.groups(), (f["shift"], f["most"]))), f"{said}, not {f}")
    drawn = b.value("[...document.querySelectorAll('#detail [data-view=pair]')].map(f => ['both', 'added', 'removed'].map(c => ((f.querySelector('path.' + c) || {getAttribute: () => ''}).getAttribute('d').match(/M/g) || []).length))")
    check(drawn == [[f["both"], f["added"], f["removed"]] for f in (beside(of[ids, x], of[ids, y]) for _, x, y in want)], f"cells drawn: {drawn}")


def over(b, of, ids):
    """Means over questions, correlations of maps and tensions."""
    table = lambda name: dict((r[0], r[1:]) for r in b.value(f"[...document.querySelectorAll('#{name} tr')].map(r => [...r.cells].map(c => c.title ? c.textContent + ' ' + c.title : c.textContent))"))
    want = {}
    for side, column in enumerate((THREE, DEFT)):
        put = lambda name, v: v is not None and want.setdefault(name, ([], []))[side].append(v)
        for q in ids:
            f = figures_of(of[q, column])
            put("regions that hold a kept token, share", f["regions"] / f["there"])
            put("a kept token above a dropped one, chance", f.get("above"))
            put("relevance held by the tokens kept, share", f.get("held"))
            for what in CONTROLS:
                if (q, control_of(column, what)) in of:
                    g = beside(of[q, column], of[q, control_of(column, what)])
                    put(f"overlap with {what}", g["overlap"])
                    put(f"rank correlation of the relevance with {what}", g["rank"])
            if side == 0:
                put("overlap of A and B", beside(of[q, THREE], of[q, DEFT])["overlap"])
    got = table("over-figures")
    check(got.keys() - {"figure"} == want.keys(), f"figures: {sorted(got)}")
    for name, sides in want.items():
        for text, v in zip(got.get(name, []), sides):
            check((not v and text == "–") or near(text.split(" ")[0], np.mean(v)) and text.endswith(f" mean of {len(v)}"), f"{name}: {text}, not {np.mean(v) if v else None} of {len(v)}")
    got, related, order = table("over-maps"), {}, []
    for q in ids:
        maps = {**maps_of(of[q, THREE], "A"), **maps_of(of[q, DEFT], "B")}
        order += [n for n in maps if n not in order]
        for x in maps:
            for y in maps:
                r = spearman(*shared(maps[x], maps[y]))
                if r is not None:
                    related.setdefault((x, y), []).append(r)
    check(got.get("map") == order and len(order) == 8, f"maps: {got.get('map')}, not {order}")
    for x in order:
        for y, text in zip(order, got.get(x, [])):
            check(text == "1" if x == y else near(text.split(" ")[0], np.mean(related[x, y])) and text.endswith(f" mean of {len(related[x, y])}"), f"{x}, {y}: {text}, not {np.mean(related[x, y])}")
    check(abs(np.mean(related["A: information", "A: relevance"])) > 0.1, "the maps are related")
    tensions = {q: of[q, THREE]["decisions"][0]["pictures"][0]["tensions"] for q in ids}
    points = b.value("[...document.querySelectorAll('svg.scatter .point')].map(p => p.getAttribute('aria-label'))")
    x = b.value("document.querySelector('#tension-x').value")
    said = {p.split(": ")[0]: float(re.search(rf"{x} (-?[\d.e-]+)", p)[1]) for p in points}
    check(said.keys() == set(ids) and all(abs(v - tensions[q][x]) <= 1e-3 for q, v in said.items()) and len(set(said.values())) > 3, f"tensions: {points[:3]}")


# --- all scorers, and channels ---------------------------------------------------------------------------------------------
def scorers(b, of, ids):
    """Every scorer of every column once, but those of controls: columns with the same maps everywhere share it."""
    columns, signs, order = list(dict.fromkeys(c for _, c in of)), {}, []
    columns.sort(key=b.value("[...document.querySelector('#column-a').options].map(o => o.textContent)").index)
    each = lambda q, c: [(n, d["scorers"][k], living(d["pictures"][0]), m) for n, d in enumerate(of[q, c]["decisions"]) for k, m in enumerate(d["pictures"][0].get("maps", []))]
    for c in columns:
        if ":query=" in c:
            continue
        for k in range(len(each(ids[0], c))):
            name = each(ids[0], c)[k][1]
            sign = (name, *((m[2], m[0], m[1], tuple(at)) for _, _, at, m in (each(q, c)[k] for q in ids)))
            if sign not in signs:
                order.append(sign)
            signs.setdefault(sign, []).append((c, k))
    rows = b.value("[...document.querySelectorAll('#over-scorers tr')].map(r => [...r.cells].map(c => c.title ? c.textContent + ' ' + c.title : c.textContent))")
    names = [s[0] for s in order]
    check(len(order) > 4 and [r[0].split(" (")[0] for r in rows[1:]] == names, f"scorers: {[r[0] for r in rows]}, not {names}")
    check([r[-1] for r in rows[1:]] == [f"{len(signs[s])} {', '.join(c for c, _ in signs[s])}" for s in order], f"columns of scorers: {[r[-1] for r in rows]}")
    check(all((names.count(n) > 1) == (" (" in r[0]) for n, r in zip(names, rows[1:])), "a column's name stands where a scorer's is not enough")
    check(any(len(v) > 1 for v in signs.values()), "some columns share a scorer")
    at = {s: signs[s][0] for s in order}
    for i, x in enumerate(order):
        for j, y in enumerate(order):
            got = [spearman(*shared(*((m[2], values(m[3])) for m in (each(q, at[s][0])[at[s][1]] for s in (x, y))))) for q in ids]
            got = [r for r in got if r is not None]
            text = rows[i + 1][j + 1]
            check(text == "1" if i == j else near(text.split(" ")[1].rstrip(","), np.mean(got)) and text.endswith(f" mean of {len(got)}") if got else text == "–", f"{names[i]}, {names[j]}: {text}, not {np.mean(got) if got else None} of {len(got)}")


def textures_of(work):
    """question -> channels of texture13 as the run keeps them: name -> values; and that they are NumPy's."""
    out = {}
    for f in (work / "run/maps").iterdir():
        of, kept = {}, []
        for m in lines(f):
            kept += m.get("textures", [])
            of[m["key"]] = m
        for key, m in of.items():
            q, column = m["key"].split(" ", 1)
            seen = m["decisions"][-1]["pictures"][0] if m["decisions"] else {}
            check(("texture" in seen) == column.startswith(("three_ways", "texture13")), f"{key}: a texture")
            if column == THREE:
                out[q] = dict(zip(kept[seen["texture"]]["channels"], kept[seen["texture"]]["maps"]))
        check(len(kept) == 1, f"{f.name}: {len(kept)} textures, one picture")
    items = {s["id"]: s["images"][0] for s in lines(work / "data/questions.jsonl")}
    for picture in dict.fromkeys(items[q] for q in out):
        im = np.array(Image.open(work / "data" / picture).convert("RGB")).astype(np.int64)
        texture_oracle.H, texture_oracle.W, texture_oracle.R, texture_oracle.C = *im.shape[:2], im.shape[0] // 32, im.shape[1] // 32
        wanted = texture_oracle.textures(im)
        for q in (q for q in out if items[q] == picture):
            check(len(out[q]) == 13, f"{q}: {list(out[q])}")
            for c, (name, m) in enumerate(out[q].items()):
                check(np.abs(values(m) - wanted[:, c]).max() <= (m[1] - m[0]) / 510 + 1e-5, f"{q}: channel {name} is {np.abs(values(m) - wanted[:, c]).max()} off")
    return out


def channels(b, of, textures, ids):
    """The inspector, by the pointer and by the keyboard."""
    own, (rows, cols) = textures[ids], of[ids, THREE]["pictures"][0]["grid"]
    shown = b.value("[...document.querySelectorAll('#detail .channel-grid figure')].map(f => f.querySelector('b').textContent)")
    check(shown == list(own), f"channels: {shown}, not {list(own)}")
    table = lambda: {r[0]: r[1:] for r in b.value("[...document.querySelectorAll('#detail .inspector tbody tr')].map(r => [...r.cells].map(c => c.textContent))")}
    def says(row, col):
        i, got = row * cols + col, table()
        for name, m in own.items():
            v = values(m)
            here, below, rho, least, mean, most = got[name]
            near_to = lambda text, x: abs(float(text) - x) <= 6e-4 * max(abs(x), 1e-9) + 1e-9
            check(near_to(here, v[i]) and near_to(least, v.min()) and near_to(mean, v.mean()) and near_to(most, v.max()), f"{ids} {name} at {row}, {col}: {got[name]}, not {v[i]}, {v.min()}, {v.mean()}, {v.max()}")
            share = None if np.ptp(v) == 0 else ((v < v[i]).sum() + 0.5 * (v == v[i]).sum()) / len(v)
            check(below == "–" if share is None else abs(float(below) - 100 * share) <= 0.51, f"{ids} {name}: {below} %, not {share}")
            r = spearman(v, relevance(of[ids, THREE])[1])
            check(rho == "–" if r is None else near(rho, r), f"{ids} {name}: rho {rho}, not {r}")
        check(b.value("document.querySelector('#detail .channels .readout').textContent").startswith(f"row {row}, column {col};"), f"the cell {row}, {col}")
        marks = b.value("[...document.querySelectorAll('#detail .cell-mark')].map(m => [m.hidden, parseFloat(m.style.top), parseFloat(m.style.left)])")
        check(len(marks) == len(own) and all(m == [False, 100 * row / rows, 100 * col / cols] for m in marks), f"marks: {marks[:2]}")
    check(all(r[0] == "–" for r in table().values()), "no cell before one is pointed at")
    b.hover("#detail .channel-grid figure:nth-child(3) .channel", 4.5 / cols, 2.5 / rows)
    says(2, 4)
    b.value("document.querySelector('#detail .channel-grid').focus()")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowUp"):
        b.key(key)
    says(3, 4)
    for _ in range(rows + 1):
        b.key("ArrowDown")
    says(rows - 1, 4)
    b.hover("#detail .side.body.a canvas.picture", 1.5 / cols, 5.5 / rows)
    says(5, 1)
    for column in (1, 3):
        for down in (False, True):
            b.click(f"#detail .inspector thead th:nth-child({column + 1}) button")
            v = [float(r[column - 1]) for r in table().values() if r[column - 1] != "–"]
            check(v == sorted(v, reverse=down) and len(v) > 8, f"sorted by {column}: {v}")


TIERS, DEPTHS = "texture13/information/fixed/tiers:region=9:tiers=1+4+6+9:thresholds=0.2+0.4+0.7/tier@0.5", "texture13/information/fixed/hierarchical/gather@0.5"


def cells(work, ids, column):
    """(tier, depth) -> scores of the questions whose tokens under the boxes fell there; the depth of a dropped token is None."""
    of = {m["key"]: m for f in (work / "tiers/maps").iterdir() for m in lines(f)}
    score = {r["key"]: r["score"] for r in lines(work / "tiers/rows.jsonl")}
    out = {}
    for item in lines(work / "data/questions.jsonl"):
        if item["id"] not in ids:
            continue
        key = f"{item['id']} {column}"
        p, side = of[key]["pictures"][0], np.array(Image.open(work / "data" / item["images"][0]).size)[::-1]
        (rows, cols), rank = p["grid"], {t: i for i, t in enumerate(p["kept"])}
        places = p.get("places", [[t // cols, t % cols, 1, 1] for t in range(rows * cols)])
        for t, (r, c, h, w) in enumerate(places):
            px = np.array([r, c, r + h, c + w]) * np.tile(side / [rows, cols], 2)
            if not any(px[0] < b[2] and px[2] > b[0] and px[1] < b[3] and px[3] > b[1] for b in item["boxes"]):
                continue
            tier = next((g[4] for g in p.get("regions", []) if g[0] <= r + h / 2 < g[2] and g[1] <= c + w / 2 < g[3]), None)
            depth = None if t not in rank else p["depth"][rank[t]] if "depth" in p else -1
            out.setdefault((tier, depth), []).append(score[key])
    return out


def tiers_and_depths(work):
    """Share right by tier and depth of the tokens under boxes; nothing where columns decide neither."""
    ids = {r["id"] for r in lines(work / "tiers/rows.jsonl")}
    tier_name = lambda t: "no regions" if t is None else str(t)
    levels = lambda d: "dropped" if d is None else "all levels" if d < 0 else "level " + ", ".join(str(l) for l in range(31) if d >> l & 1)
    with browser.Browser() as b:
        b.open(work / "tiers/report.html")
        names = b.value("[...document.querySelector('#column-a').options].map(o => o.textContent)")
        b.choose("#column-a", names.index(TIERS))
        b.choose("#column-b", names.index(DEPTHS))
        b.click("#over summary")
        b.wait(lambda: b.value("document.querySelector('#over-figures') !== null"), 30, "figures")
        for side, column in (("a", TIERS), ("b", DEPTHS)):
            got = b.value(f"[...document.querySelectorAll('#over-tiers-{side} tr')].map(r => [...r.cells].map(c => c.textContent))")
            want, found = cells(work, ids, column), {}
            for tier, *texts in got[1:]:
                for depth, text in zip(got[0][1:], texts):
                    found[tier, depth] = text
            check({k for k, v in found.items() if v != "–"} == {(tier_name(t), levels(d)) for t, d in want}, f"{column}: cells {found}")
            for (tier, depth), scores in want.items():
                says = f"{100 * np.mean(scores):.1f} % of {len(scores)}"
                text = found.get((tier_name(tier), levels(depth)))
                check(text == (f"({says})" if len(scores) < 20 else says), f"{column}: {tier}, {depth}: {text}, not {says}")
            check(len(want) > 2, f"{column}: {len(want)} cells")
        # Hedging: of all regions those whose tier is neither the column's least nor its most.
        of = {m["key"]: m for f in (work / "tiers/maps").iterdir() for m in lines(f)}
        tiers = np.array([g[4] for i in ids for p in of[f"{i} {TIERS}"]["pictures"] for g in p["regions"]])
        shown = b.value("[...document.querySelectorAll('#over-figures tr')].map(r => [...r.cells].map(c => c.textContent + '|' + c.title))")
        row = next((r for r in shown if r[0].startswith("regions of a middle tier")), ["", "", ""])
        share = np.mean((tiers > tiers.min()) & (tiers < tiers.max()))
        check(0 < share < 1 and row[1] == f"{share:.3f}|mean of {len(tiers)}" and row[2].startswith("–"), f"middle tiers: {row}, {share} of {len(tiers)}")
        check(any(len(s) < 20 for c in (TIERS, DEPTHS) for s in cells(work, ids, c).values()), "a cell of few")
        if PICTURES:
            b.picture(PICTURES / "tiers.png", whole=True)
        b.choose("#column-a", names.index("grid@0.5"))
        b.wait(lambda: "A: grid" in b.value("document.querySelector('#over-body p').textContent"), 30, "another column")
        check(b.value("document.querySelector('#over-tiers-a') === null && document.querySelector('#over-tiers-b') !== null"), "none where a column decides neither")
        check(not b.faults, f"faults in the page: {b.faults}")


def shows(work):
    page, of = work / "run/report.html", {}
    for f in (work / "run/maps").iterdir():
        for m in lines(f):
            q, column = m["key"].split(" ", 1)
            of[q, column] = m
    ids, textures = list(dict.fromkeys(r["id"] for r in lines(work / "run/rows.jsonl"))), textures_of(work)
    with browser.Browser() as b:
        b.open(page)
        names = b.value("[...document.querySelector('#column-a').options].map(o => o.textContent)")
        b.choose("#column-a", names.index(THREE))
        b.choose("#column-b", names.index(DEFT))
        check(b.value("document.querySelector('#over-body').children.length") == 0, "nothing is reckoned before it is asked for")
        b.click("#over summary")
        count = lambda: b.value("parseInt((document.querySelector('#over-body p') || {textContent: '-1'}).textContent)")
        b.wait(lambda: count() == len(ids), 30, "figures over all questions")
        over(b, of, ids)
        scorers(b, of, ids)
        scenario = b.value("[...document.querySelector('#scenario').options].findIndex(o => o.textContent === 'receipt')")
        b.choose("#scenario", scenario)
        receipts = [q for q in ids if q.startswith("receipt")]
        b.wait(lambda: count() == len(receipts), 30, "figures over the questions listed")
        over(b, of, receipts)
        scorers(b, of, receipts)
        # Another tension, by the keyboard; a point opens its question, by a click and by Enter.
        axes = b.value("[...document.querySelector('#tension-y').options].map(o => o.value)")
        check(set(axes) == set(next(iter(of[q, THREE] for q in ids))["decisions"][0]["pictures"][0]["tensions"]), f"tensions: {axes}")
        b.choose("#tension-y", 1)
        check(b.value("document.querySelector('#tension-y').value") == axes[1] and b.value("document.querySelector('svg.scatter text').textContent") == axes[1], "another tension")
        b.hover("svg.scatter .point:last-child .m")
        check(not b.value("document.querySelector('#tip').hidden") and b.value("document.querySelector('#tip').textContent").split(":")[0] in receipts, "a point says what it is")
        target = b.value("document.querySelector('svg.scatter .point:last-child').getAttribute('aria-label')").split(":")[0]
        b.click("svg.scatter .point:last-child .m")
        b.wait(lambda: b.value("document.querySelectorAll('#detail canvas.picture').length") == 2, 20, "two pictures")
        check(b.value("document.querySelector('#detail h3').textContent") == target, "the point's question")
        one_question(b, of, target)
        channels(b, of, textures, target)
        b.key("Escape")
        b.value("document.querySelector('svg.scatter .point').focus()")
        first = b.value("document.activeElement.getAttribute('aria-label')").split(":")[0]
        b.key("Enter")
        check(b.value("document.querySelector('#detail h3').textContent") == first and not b.value("document.querySelector('#detail').hidden"), "Enter opens a point's question")
        one_question(b, of, first)
        channels(b, of, textures, first)
        narrow_and_wide(b, "views")
        b.choose("#column-b", names.index(control_of(THREE, "no question")))
        said = b.value("[...document.querySelectorAll('#detail [data-view=pair] figcaption')].map(f => f.textContent.split(':')[0])")
        check(said == ["A beside B", "A, its question beside no question", "A, its question beside another question"], f"each control once: {said}")
        # Columns that weigh nothing have neither relevance nor tensions; the same column on both sides has no other.
        for side, name in (("a", "full"), ("b", "grid@0.25")):
            b.choose(f"#column-{side}", names.index(name))
        b.wait(lambda: "full" in b.value("document.querySelector('#over-body p').textContent") and b.value("document.querySelector('svg.scatter') === null"), 30, "no tensions")
        views = b.value("[...document.querySelectorAll('#detail [data-view]')].map(v => v.dataset.view)")
        check("split" not in views and "coverage" in views, f"views of columns without relevance: {views}")
        b.choose("#column-b", names.index("full"))
        check("A beside B" not in b.value("document.querySelector('#detail').textContent"), "one column is not set beside itself")
        check(not b.faults, f"faults in the page: {b.faults}")
        check(b.requests == [page.resolve().as_uri()], f"requests: {b.requests}")


# --- two columns class by class --------------------------------------------------------------------------------------------
def reckoned(b):
    """The page's rules on made scores against NumPy: rights and wrongs, parts of them, many, all alike, hardly any."""
    rng, names = np.random.default_rng(20), ["specific", "vague", "detail", "counting"]
    right = lambda n, p: (rng.random(n) < p).astype(float)
    parts = lambda n, p: np.round(rng.random(n) * p, 3)
    cases = [("rights", 300, 60, right, .6, .7, 50), ("a picture a question", 240, 240, right, .5, .8, 1000), ("parts", 200, 50, parts, .8, 1, 40),
             ("many", 9000, 9000, right, .4, .6, 9000), ("few pictures", 24, 2, right, .3, .7, 50), ("none right, all right", 40, 10, right, 0, 1.1, 7), ("the same", 60, 20, right, 0, 0, 50)]
    for what, n, pictures, draw, p, q, wanted in cases:
        x, y = draw(n, p), draw(n, q)
        picture, kind, turn = rng.integers(0, pictures, n), rng.integers(0, 4, n), rng.permutation(n)
        if what == "few pictures":
            kind[kind == 1] = 2  # a class without questions
        unscored = set(np.flatnonzero(rng.random(n) < .05).tolist()) if what == "rights" else set()
        missing = set(np.flatnonzero(rng.random(n) < .05).tolist()) if what == "rights" else set()
        cells = [[None if i in missing else [None if i in unscored else float(x[i])], [float(y[i])]] for i in range(n)]
        ink = [[int(v), int(w)] for v, w in rng.integers(0, 1001, (n, 2))]
        data = dict(classes=names, of=kind.tolist(), turn=turn.tolist(), picture=picture.tolist(), ink=ink, asks_else=[])
        got = b.value(f"(() => {{ const cells = {json.dumps(cells)}; const t = protocol.of({json.dumps(data)}, 0, 1, {wanted}, (i, c) => cells[i][c]); t.classes.forEach(c => delete c.differences); return t; }})()")
        scored, of_picture = [], dict(enumerate(picture.tolist()))
        for k, c in enumerate(got["classes"]):
            here = [int(i) for i in np.argsort(turn) if kind[i] == k and int(i) not in missing]
            drawn = here[:wanted]
            check(c["name"] == names[k] and c["there"] == len(here) and c["drawn"] == drawn, f"{what} {names[k]}: drawn")
            check(c["ink"] is None if not drawn else abs(c["ink"] - np.mean([ink[i][1] - ink[i][0] for i in drawn]) / 1000) < 1e-12, f"{what} {names[k]}: ink")
            ids = [i for i in drawn if i not in unscored]
            check(c["n"] == len(ids), f"{what} {names[k]}: {c['n']} scored, not {len(ids)}")
            if not ids:
                continue
            w = protocol_rules.of_class({i: float(x[i]) for i in ids}, {i: float(y[i]) for i in ids}, of_picture)
            low, high = c["interval"]
            check(all(abs(v - u) < 1e-9 for v, u in ((c["difference"], w["difference"]), (low, w["low"]), (high, w["high"]), (c["a"], x[ids].mean()), (c["b"], y[ids].mean()))), f"{what} {names[k]}: {c}, not {w}")
            check((c["detectable"] is None) == (w["detectable"] is None) and abs((c["detectable"] or 0) - (w["detectable"] or 0)) < 1e-9, f"{what} {names[k]}: detectable {c['detectable']}, not {w['detectable']}")
            scored.append((w, {i: float(y[i] - x[i]) for i in ids}, c))
        check(all(abs(c["p"] - p) < 1e-9 for (_, _, c), p in zip(scored, protocol_rules.holm([w["p"] for w, _, _ in scored]))), f"{what}: p")
        want = protocol_rules.mean_of([(w, d) for w, d, _ in scored], of_picture)
        mean = dict(zip(("difference", "low", "high", "p"), (got["mean"]["difference"], *got["mean"]["interval"], got["mean"]["p"])))
        check(all(abs(mean[k] - want[k]) < 1e-7 for k in want), f"{what}: mean {mean}, not {want}")


def by_class(work):
    """The page's table of two columns, and the one of every column beside full, against `arrcoc compare --protocol`, which scorecard.py holds against NumPy."""
    page, rows = work / "run/report.html", lines(work / "run/rows.jsonl")
    def told(a, c, wanted):
        run("compare", work / "run", "--columns", f"{a},{c}", "--protocol", "--per-class", wanted, "--json", work / "ab.json")
        return json.loads((work / "ab.json").read_text())
    close = lambda text, v: text is not None and abs(float(text) - v) < 1e-9
    def holds(cells, c, what):
        """[drawn, scored, A, B, difference, interval, p, detectable, ink] of the page."""
        check(cells[0] == str(c["drawn"]) and cells[1] == str(c.get("difference", {"n": 0})["n"]), f"{what}: {cells}, not {c}")
        if "difference" in c:
            for text, v in zip(cells[2:7], (c["a"]["accuracy"], c["b"]["accuracy"], c["difference"]["difference"], c["difference"]["low"], c["p_holm"])):
                check(close(text, v), f"{what}: {text}, not {v}")
        check(close(cells[7], c["detectable"]) if "detectable" in c else cells[7] is None, f"{what}: detectable {cells[7]}")
        check(abs(float(cells[8]) - c["ink_kept"]["difference"]) < 1e-3 if "ink_kept" in c else cells[8] is None, f"{what}: ink {cells[8]}")
    with browser.Browser() as b:
        b.open(page)
        reckoned(b)
        names = b.value("[...document.querySelector('#column-a').options].map(o => o.textContent)")
        check(b.value("document.querySelector('#ab-table') === null"), "nothing is reckoned before it is asked for")
        b.click("#ab summary")
        table = lambda: b.value("[...document.querySelectorAll('#ab-table tbody tr')].map(r => [r.cells[0].textContent, ...[...r.cells].slice(1).map(c => c.dataset.v ?? null)])")
        listed = lambda: b.value("parseInt(document.querySelector('#question-count').textContent)")
        all_listed = listed()
        for a, c, wanted in (("full", THREE, 50), (DEFT, THREE, 3), (THREE, control_of(THREE, "no question"), 5), ("grid@0.25", "full", 1)):
            b.choose("#column-a", names.index(a))
            b.choose("#column-b", names.index(c))
            b.value(f"(() => {{ const e = document.querySelector('#ab-wanted'); e.value = {wanted}; e.dispatchEvent(new Event('change')); }})()")
            want, got = told(a, c, wanted), table()
            check([r[0] for r in got] == [k["class"] for k in want["classes"]] + ["mean"], f"classes: {got}")
            for (_, *cells), k in zip(got, want["classes"]):
                holds(cells, k, f"{a}, {c}, {k['class']}")
            check(all(close(v, want["mean"][k]) for v, k in zip(got[-1][5:8], ("difference", "low", "p"))), f"{a}, {c}: mean {got[-1]}, not {want['mean']}")
            check(f"--per-class {wanted} " in b.value("document.querySelector('#ab-body code').textContent"), "the command")
            # The list holds those that were drawn, alone.
            b.click("#ab-only")
            ids = {i for k in want["classes"] for i in k["ids"]}
            shown = b.value("[...document.querySelectorAll('#question-table tbody th')].map(t => t.textContent.replace('▣ ', ''))")
            check(listed() == len(ids) and set(shown) == (ids if len(ids) <= 50 else set(shown) & ids), f"{a}, {c}: listed {listed()}, not {len(ids)}")
            check(b.value("document.activeElement.id") == "ab-only", "the box keeps the focus")
            b.key(" ")
            check(listed() == all_listed, "all are listed again, by the keyboard")
        b.choose("#column-b", names.index("grid@0.25"))
        check("one column" in b.value("document.querySelector('#ab-body').textContent") and b.value("document.querySelector('#ab-table') === null"), "A beside A")
        b.choose("#column-b", names.index(DEFT))
        heads = b.value("[...document.querySelectorAll('#class-table thead th')].map(t => t.textContent)")
        static = {r[0]: dict(zip(heads[1:], r[1:])) for r in b.value("[...document.querySelectorAll('#class-table tbody tr')].map(r => [r.cells[0].textContent, ...[...r.cells].slice(1).map(c => c.dataset.v ?? null)])")}
        check(set(static) == {c for c in names if c != "full"}, f"columns beside full: {sorted(static)}")
        for c in static:
            want = told("full", c, 50)
            check(all(close(static[c][k["class"]], k["difference"]["difference"]) for k in want["classes"] if "difference" in k), f"beside full, {c}: {static[c]}")
            check(close(static[c]["mean"], want["mean"]["difference"]) and close(static[c]["95 %"], want["mean"]["low"]), f"beside full, {c}: mean {static[c]}")
        narrow_and_wide(b, "classes")
        check(not b.faults, f"faults in the page: {b.faults}")
        check(b.requests == [page.resolve().as_uri()], f"requests: {b.requests}")
    run("report", work / "run", "--data", work / "data", "--out", page, "--files", work / "files")
    with open(work / "files/classes.csv", newline="") as f:
        table = list(csv.DictReader(f))
    for c in static:
        want, own = told("full", c, 50), [t for t in table if t["b"] == c]
        check([t["class"] for t in own] == [k["class"] for k in want["classes"]] + ["mean"] and all(t["a"] == "full" for t in own), f"classes.csv: {c}")
        for t, k in zip(own, want["classes"]):
            check(int(t["there"]) == k["there"] and int(t["drawn"]) == k["drawn"] and (close(t["p_holm"], k["p_holm"]) and close(t["high"], k["difference"]["high"]) if "difference" in k else t["difference"] == ""), f"classes.csv: {t}")
        check(close(own[-1]["difference"], want["mean"]["difference"]) and close(own[-1]["p_holm"], want["mean"]["p"]) and own[-1]["ink_difference"] == "", f"classes.csv: {own[-1]}")


# --- plots that zoom -------------------------------------------------------------------------------------------------------
def zooms(work):
    """With uPlot: the points of plots.json under the pointer, a part dragged, buttons, lines put out. A build without npm says that it is one."""
    page = work / "run/report.html"
    run("report", work / "run", "--data", work / "data", "--out", page, "--files", work / "files")
    plots = json.loads((work / "files/plots.json").read_text())
    with browser.Browser() as b:
        b.open(page)
        if b.value("document.getElementById('plots-data') === null"):
            check("built without uPlot" in b.value("document.querySelector('#plots').textContent") and b.value("document.querySelector('#zooms') === null"), "a build without npm says so")
            print("report_views: this build has no npm, its plots do not zoom")
            return
        check("built without uPlot" not in b.value("document.querySelector('#plots').textContent") and b.value("document.querySelectorAll('.zoom').length") == 0, "drawings until it is asked for")
        drawn = "[...document.querySelectorAll('#plots svg.plot.wide')].filter(s => getComputedStyle(s).display !== 'none').length"
        check(b.value(drawn) == len(plots), "the page's own drawings")
        b.click("#zooms")
        b.wait(lambda: b.value("document.querySelectorAll('.zoom canvas').length") == len(plots), 20, "charts")
        check(b.value(drawn) == 0 and b.value("[...document.querySelectorAll('.zoom h3')].map(h => h.textContent)") == [p["title"] for p in plots], "charts in the place of drawings")
        # Where a value stands is read off the ticks' grid of a whole chart: its corners are 4 % beyond the least and the most.
        plot = plots[0]
        ends = lambda values: (min(values) - 0.04 * (max(values) - min(values)), max(values) + 0.04 * (max(values) - min(values)))
        points = [(s["name"], p) for s in plot["series"] for p in s["points"]]
        many = len(plot["series"]) > 12
        xs, ys = ends([p["x"] for _, p in points]), ends([100 * v for _, p in points for v in ([p["y"]] if many else [p["y"], p["low"], p["high"]])])
        across, down = lambda p: (p["x"] - xs[0]) / (xs[1] - xs[0]), lambda p: 1 - (100 * p["y"] - ys[0]) / (ys[1] - ys[0])
        tip = lambda: b.value("document.querySelector('#tip').hidden ? '' : document.querySelector('#tip').textContent")
        same = lambda p: {q["column"] for _, q in points if abs(q["x"] - p["x"]) < 1e-9 and abs(q["y"] - p["y"]) < 1e-9}
        for name, p in points:
            b.hover(".zoom .u-over", across(p), down(p))
            said = tip()
            check(said.split(": ")[0] in same(p) and f": {100 * p['y']:.1f} %" in said, f"{name} at {p['x']}, {p['y']}: {said}")
        b.hover(".zoom .u-over", 0.5, 0.5 if all(abs(down(p) - 0.5) > 0.15 or abs(across(p) - 0.5) > 0.1 for _, p in points) else 0.01)
        check(tip() == "", f"nothing where no point is: {tip()}")
        # A part that holds the first point alone of its x; then the whole by a double click, and closer and back by buttons.
        ticks = lambda: b.value("document.querySelector('.zoom canvas').toDataURL()")
        whole = ticks()
        _, _, left, top, width, height = b.place(".zoom .u-over")
        name, p = points[0]
        x, y = left + across(p) * width, top + down(p) * height
        corner = (max(left + 2, x - 60), max(top + 2, y - 60), min(left + width - 2, x + 60), min(top + height - 2, y + 60))
        b.mouse("mouseMoved", corner[0], corner[1])
        b.mouse("mousePressed", corner[0], corner[1], button="left", clickCount=1)
        b.mouse("mouseMoved", corner[2], corner[3], button="left", buttons=1)
        b.mouse("mouseReleased", corner[2], corner[3], button="left", clickCount=1)
        b.wait(lambda: ticks() != whole, 10, "a part of the chart")
        b.hover(".zoom .u-over", (x - corner[0]) / (corner[2] - corner[0]), (y - corner[1]) / (corner[3] - corner[1]))
        check(tip().split(": ")[0] in same(p), f"{name} in the part that was dragged: {tip()}")
        b.click(".zoom .zoom-buttons button:last-child")
        b.wait(lambda: ticks() == whole, 10, "the whole again")
        b.value("document.querySelector('.zoom .zoom-buttons button').focus()")
        b.key("Enter")
        b.wait(lambda: ticks() != whole, 10, "closer, by the keyboard")
        b.click(".zoom .zoom-buttons button:last-child")
        b.wait(lambda: ticks() == whole, 10, "the whole once more")
        b.click(f".zoom .zoom-names button[data-line={json.dumps(name)}]")
        check(b.value(f"[...document.querySelectorAll('.zoom-names button')].filter(x => x.dataset.line === {json.dumps(name)}).every(x => x.getAttribute('aria-pressed') === 'false')"), "a line is put out in every chart")
        b.hover(".zoom .u-over", across(p), down(p))
        check(tip().split(": ")[0] != p["column"], f"a line that is out says nothing: {tip()}")
        b.click("#logs")
        b.wait(lambda: ticks() != whole, 10, "a logarithmic foot")
        for width in (420, 1280):
            b.size(width)
            check(b.value("document.documentElement.scrollWidth") <= width, f"charts no wider than {width} px")
            if PICTURES:
                b.picture(PICTURES / f"zoom-{width}.png")
        b.click("#zooms")
        check(b.value(drawn) == len(plots) and b.value("document.querySelectorAll('.zoom').length") == 0, "the drawings again")
        check(not b.faults, f"faults in the page: {b.faults}")
        check(b.requests == [page.resolve().as_uri()], f"requests: {b.requests}")


def main():
    if not browser.program():
        print("report_views: skipped, no Chromium here")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        run("scenes", "--out", work / "data", "--count", 6, "--seed", 6000000, "--scenario", "receipt,form,shapes")
        run("sweep", "-m", SMALL, "--data", work / "data", "--out", work / "run", "--keep-maps", "--kept", "--pipeline", "three_ways,deft,grid,full,texture13/information+perspectival/fixed/top_k/gather,none/novelty+feature_norm/fixed/top_k/gather", "--keep-ratio", 0.25, "--query-controls")
        shows(work)
        zooms(work)
        by_class(work)
        run("sweep", "-m", SMALL, "--data", work / "data", "--out", work / "tiers", "--keep-maps", "--kept", "--pipeline", ",".join((*(c.split("@")[0] for c in (TIERS, DEPTHS)), "grid")), "--keep-ratio", 0.5)
        tiers_and_depths(work)
    print(f"report_views: {checks.made} checks, {len(checks.problems)} mismatches: {'FAILED' if checks.problems else 'ok'}")
    sys.exit(1 if checks.problems else 0)


main()
