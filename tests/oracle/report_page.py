#!/usr/bin/env python3
"""`arrcoc report` and `sweep --keep-maps`: what the page shows, by real clicks in headless Chromium, against the run's rows; maps against `answer --dump`.

usage: report_page.py ARRCOC [--pictures DIR]     exit 0, 1 on any fault, 77 when NumPy, websocket-client or Chromium is absent
  --pictures   leaves screenshots there: 1280 and 420 px wide, light and dark
"""
import base64
import html
import json
import math
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import checks
from checks import check

try:
    import numpy as np
    import browser
except ImportError as e:
    print(f"report_page: skipped, {e.name} is not installed")
    sys.exit(77)

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "models/small"
PICTURES = pathlib.Path(sys.argv[sys.argv.index("--pictures") + 1]) if "--pictures" in sys.argv else None
# Ends an element, begins one, and has what HTML does not allow.
EVIL = "</script><img src=x onerror=\"window.hacked=1\"><script>window.hacked=2</script><!-- \u0001\u0000\u2028 'q' & <b>"


def run(*args, status=0):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    check(done.returncode == status, f"{' '.join(map(str, args))[:200]}: exit {done.returncode}: {done.stderr[-300:]}")
    return done.stderr


def lines(file):
    return [json.loads(line) for line in pathlib.Path(file).read_text(encoding="utf-8").rstrip("\n").split("\n")]  # U+2028 ends no line


def make_data(work):
    """Twelve pictures' questions, the last of them with a text that would break out of the page."""
    run("scenes", "--out", work / "data", "--count", 12, "--seed", 6000000, "--scenario", "receipt,form,shapes")
    items = lines(work / "data/questions.jsonl")
    evil = dict(items[-1], id="evil " + EVIL.replace("\u0000", ""), question=EVIL.replace("\u0000", "") + " What?", answers=[EVIL.replace("\u0000", "")], scenario=EVIL.replace("\u0000", ""))
    with open(work / "data/questions.jsonl", "a", encoding="utf-8") as f:
        f.write(json.dumps(evil) + "\n")
    return items + [evil]


COLUMNS = ("--pipeline", "full,three_ways,default,random,oracle", "--keep-ratio", "0.5,0.125")


# --- what --keep-maps keeps ------------------------------------------------------------------------------------------------
def values(map8):
    low, high, text = map8
    return low + np.frombuffer(base64.b64decode(text), np.uint8) / 255 * (high - low), (high - low) / 255


def keeps_maps(work):
    run("sweep", "-m", MODEL, "--data", work / "data", "--out", work / "run", "--keep-maps", "--kept", "--no-report", *COLUMNS)
    rows = lines(work / "run/rows.jsonl")
    kept = {m["key"]: m for f in sorted((work / "run/maps").iterdir()) for m in lines(f)}
    check({r["key"] for r in rows} == kept.keys(), "a line of maps for each row")
    for r in rows:
        for p, tokens in zip(kept[r["key"]]["pictures"], r["kept_tokens"]):
            own = list(range(math.prod(p["grid"]))) if p["kept"] == "all" else p["kept"]
            check(own == tokens, f"{r['key']}: the tokens kept")
            check(p["kept"] == "all" or len(p["rank"]) == len(p["value"]) == len(own), f"{r['key']}: a rank and a value each")
    causes = {k.split(" ", 1)[1]: set(c for p in m["pictures"] for c in p.get("causes", [])) for k, m in kept.items() if k.startswith("receipt")}
    check(causes["full"] == set() and causes["random@0.125"] == {"random"} and causes["three_ways@0.125"] == {"score"} and "oracle" in causes["oracle@0.5"], f"causes: {causes}")
    # One picture asked alone: maps are those of `answer`, to half a step of 8 bits.
    row = next(r for r in rows if r["pipeline"] == "three_ways" and r["budget"] == "0.5")
    run("answer", "-m", MODEL, "-i", work / "data" / row["images"][0], "-p", row["question"], "--pipeline", "three_ways", "--keep-ratio", 0.5, "--dump", work / "dump")
    seen = kept[row["key"]]["decisions"][-1]["pictures"][0]
    relevance, step = values(seen["relevance"])
    true = np.load(work / "dump/relevance.npy").reshape(-1)
    check(np.abs(relevance - true).max() <= 0.51 * step and true.max() > true.min(), f"relevance: off by {np.abs(relevance - true).max()}, a step is {step}")
    top = np.sort(np.argsort(-true, kind="stable")[: row["kept"]])
    check(top.tolist() == row["kept_tokens"][0], "top_k keeps the highest of that map")
    # Shards, merged: the same bytes.
    for i in (1, 2):
        run("sweep", "-m", MODEL, "--data", work / "data", "--out", work / f"part{i}", "--shard", f"{i}/2", "--keep-maps", "--kept", "--no-report", *COLUMNS)
    run("merge", work / "part1", work / "part2", "--out", work / "whole", "--no-report")
    files = {f.name: f.read_bytes() for f in (work / "run/maps").iterdir()}
    check(files and files == {f.name: f.read_bytes() for f in (work / "whole/maps").iterdir()}, "maps of shards, merged")
    # The page names one run's command for what was merged; what a shell reads out of it is asked again, and is done.
    whole_again(work, COLUMNS)
    # A run whose end was cut off does that unit again, to the same bytes.
    units = (work / "part1/units.jsonl").read_text().splitlines(keepends=True)
    (work / "part1/units.jsonl").write_text("".join(units[:-1]))
    last = work / f"part1/maps/{json.loads(units[-1])['unit']:06d}.jsonl"
    last.write_text("half a line")
    run("sweep", "-m", MODEL, "--data", work / "data", "--out", work / "part1", "--shard", "1/2", "--keep-maps", "--kept", "--no-report", *COLUMNS)
    check(last.read_bytes() == files[last.name], "maps of a unit that is done again")
    check("maps" in run("sweep", "-m", MODEL, "--data", work / "data", "--out", work / "part1", "--shard", "1/2", "--kept", *COLUMNS, status=2), "without --keep-maps it is another run")
    return rows


def whole_again(work, columns):
    run("report", work / "whole", "--files", work / "whole-files")
    page = (work / "whole/report.html").read_text(encoding="utf-8")
    check("of a single run that gives these rows; they were merged:" in page, "a merged run says so")
    command = html.unescape(re.search(r'<pre id="command">(.*?)</pre>', page, re.S)[1])
    words = shlex.split(command)
    check(words[:2] == ["arrcoc", "sweep"] and not {"--shard", "--store", "--lease"} & set(words) and words[words.index("--out") + 1] == str(work / "whole") and set(columns) <= set(words), f"the command: {command}")
    before = (work / "whole/timings.jsonl").read_bytes()
    run(*words[1:])
    check((work / "whole/timings.jsonl").read_bytes() == before, "it is that run's")
    words[words.index("--out") + 1] = str(work / "it's one")
    run(*words[1:])
    check((work / "it's one/rows.jsonl").read_bytes() == (work / "whole/rows.jsonl").read_bytes(), "and gives its rows")
    # Of what was merged again, and with quotes to read.
    for i in (1, 2):
        run("sweep", "-m", MODEL, "--data", work / "data", f"--out={work}/it's part {i}", f"--shard={i}/2", "--system", "it's --out x", "--no-report", "--limit", 12, "--pipeline", "grid", "--budget", 8)
    run("merge", work / "it's part 1", work / "it's part 2", "--out", work / "first merge", "--no-report")
    run("merge", work / "first merge", "--out", work / "it's merged")
    said = html.unescape(re.search(r'<pre id="command">(.*?)</pre>', (work / "it's merged/report.html").read_text(encoding="utf-8"), re.S)[1])
    check(shlex.split(said) == ["arrcoc", "sweep", "-m", str(MODEL), "--data", str(work / "data"), "--out", str(work / "it's merged"), "--system", "it's --out x", "--no-report", "--limit", "12", "--pipeline", "grid", "--budget", "8"], f"the command: {said}")


# --- colours --------------------------------------------------------------------------------------------------------------
# What protanopes, deuteranopes and tritanopes see of linear RGB: Machado, Oliveira and Fernandes 2009, table 1, severity 1.
SEES = {"everybody": np.eye(3),
        "protanopes": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
        "deuteranopes": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
        "tritanopes": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]])}


def colours(page, work):
    """Lines are told apart by everybody (CIE 1976, 18 units and more), and from the controls; lines and words stand out from the paper (WCAG 2.1: 3 and 4.5)."""
    def linear(name):
        name = name.lstrip("#")
        v = np.array([int((c * 2) if len(name) == 3 else c, 16) / 255 for c in (name if len(name) == 3 else re.findall("..", name))])
        return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    def lab(rgb):
        x = np.array([[.4124564, .3575761, .1804375], [.2126729, .7151522, .072175], [.0193339, .119192, .9503041]]) @ np.clip(rgb, 0, 1) / np.array([.95047, 1, 1.08883])
        f = np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
    light = lambda name: float(np.array([.2126729, .7151522, .072175]) @ linear(name)) + 0.05
    contrast = lambda a, b: max(light(a), light(b)) / min(light(a), light(b))
    sheets = [dict(re.findall(r"--(\w+):(#\w+)", s)) for s in re.findall(r":root\{([^}]*)\}", page.read_text(encoding="utf-8"))]
    check([s.get("paper") for s in sheets] == ["#fff", "#16181c", "#fff"], f"light, dark and paper: {[s.get('paper') for s in sheets]}")
    for s in sheets:
        lines_, controls = [f"c{k}" for k in range(6)], ["n1", "n2", "n3"]
        for who, m in SEES.items():
            for k, a in enumerate(lines_):
                for b in lines_[:k] + controls:
                    apart = float(np.linalg.norm(lab(m @ linear(s[a])) - lab(m @ linear(s[b]))))
                    check(apart >= 18, f"{who}: {a} {s[a]} and {b} {s[b]} on {s['paper']} are {apart:.1f} apart")
            check(np.linalg.norm(lab(m @ linear(s["more"])) - lab(m @ linear(s["less"]))) >= 30, f"{who}: more and less on {s['paper']}")
        for name in lines_ + controls:
            check(contrast(s[name], s["paper"]) >= 3, f"{name} on {s['paper']}: {contrast(s[name], s['paper']):.2f}")
        for name in ("ink", "soft", "accent", "good", "bad"):
            check(contrast(s[name], s["paper"]) >= 4.5 and contrast(s[name], s["wash"]) >= 4.5, f"{name} on {s['paper']}")
    # The files of single plots have the light ones.
    for svg in (work / "run/report").glob("*.svg"):
        check(all(f".{k}{{--c:{sheets[0][k]}}}" in svg.read_text() for k in lines_), f"{svg.name}: the page's colours")


# --- files beside the page ------------------------------------------------------------------------------------------------
def files_beside(work):
    said = run("report", work / "run", "--questions", 5)
    check("13 questions" not in said and "pictures" in said, said)
    summary = json.loads((work / "run/summary.json").read_text())["groups"]
    plots = json.loads((work / "run/report/plots.json").read_text())
    check([p["id"] for p in plots] == ["accuracy-tokens", "accuracy-token-layers", "accuracy-milliseconds"], "three plots")
    for plot, key in zip(plots, ("kept", "token_layers")):
        for s in plot["series"]:
            for g in summary:
                name = s["name"] if g["budget"] == "all" else f"{s['name']}@{g['budget']}"
                if g["pipeline"] != s["name"] or g["seed"] not in ("mean", "0") or (g["pipeline"] == "random" and g["seed"] == "0"):
                    continue
                point = next(p for p in s["points"] if p["column"].split(" ")[0] == name)
                for a, b in ((point["y"], g["all"]["accuracy"]), (point["low"], g["all"]["low"]), (point["high"], g["all"]["high"]), (point["x"], g["means"][key])):
                    check(abs(a - b) < 1e-12, f"{plot['id']}: {name}: {a} and {b}")
        check({"full", "random", "oracle", "three_ways", "default"} == {s["name"] for s in plot["series"]}, "a line for each pipeline, none for leaks")
    # Milliseconds: own stages, and those of the pictures that the row has not itself.
    totals, shared, median = {}, {}, lambda v: sorted(v)[len(v) // 2]
    for line in lines(work / "run/timings.jsonl"):
        if "images" in line:
            shared = line["milliseconds"]
        if "key" in line and line["key"].endswith(" three_ways@0.5"):
            totals.setdefault("three_ways@0.5", []).append(sum({**shared, **line["milliseconds"]}.values()))
    point = next(p for s in plots[2]["series"] for p in s["points"] if p["column"] == "three_ways@0.5")
    check(abs(point["x"] - median(totals["three_ways@0.5"])) < 1e-4 * point["x"], "milliseconds")
    for plot in plots:
        svg = xml.etree.ElementTree.parse(work / f"run/report/{plot['id']}.svg").getroot()
        drawn = [g for g in svg.iter("{http://www.w3.org/2000/svg}g") if g.get("class") == "point"]
        check(len(drawn) == sum(len(s["points"]) for s in plot["series"]), f"{plot['id']}.svg: a mark for each point")
        looks = [g.get("class") for g in svg.iter("{http://www.w3.org/2000/svg}g") if (g.get("class") or "").startswith("series")]
        check(len(set(looks)) == len(looks), "no two lines look alike")
    # TensorBoard: records of a length, its checksum, an event, its checksum.
    for name in {s["name"] for p in plots for s in p["series"]}:
        data, records = next((work / "run/report/tensorboard" / name).iterdir()).read_bytes(), 0
        while data:
            data, records = data[16 + int.from_bytes(data[:8], "little"):], records + 1
        check(records == 1 + 3 * sum(len(s["points"]) for p in plots for s in p["series"] if s["name"] == name), f"events of {name}: {records}")
    head = (work / "run/report/columns.csv").read_text().splitlines()
    check(len(head) == len(summary) + 1 and head[0].startswith("column,pipeline,budget"), "columns.csv")


# --- the page --------------------------------------------------------------------------------------------------------------
def shows(work, rows, items):
    page = work / "run/report.html"
    questions = {}
    for r in rows:
        questions.setdefault(r["id"], {})[r["key"][len(r["id"]) + 1:]] = r
    text = page.read_text(encoding="utf-8")
    check("http://" not in re.sub(r"http://www\.w3\.org/2000/svg", "", text) and "https://" not in text, "no address in the page")
    check("\0" not in text and "\x01" not in text, "no control characters in the page")
    with browser.Browser() as b:
        b.open(page)
        cells = lambda column: b.value(f"[...document.querySelectorAll('#columns tbody tr')].filter(r => !r.hidden).map(r => r.cells[{column}].textContent)")
        # Sort: up, down, what is missing last.
        right = b.value("[...document.querySelectorAll('#columns thead th')].findIndex(h => h.textContent === 'right %')")
        for direction in ("ascending", "descending"):
            b.click(f"#columns thead th:nth-child({right + 1}) button")
            got = [float(x) for x in cells(right) if x != "–"]
            check(got == sorted(got, reverse=direction == "descending") and len(set(got)) > 3, f"sorted {direction}: {got}")
            check(b.value(f"document.querySelectorAll('#columns thead th')[{right}].getAttribute('aria-sort')") == direction, "aria-sort")
        summary = {g["pipeline"] + ("" if g["budget"] == "all" else "@" + g["budget"]): g for g in json.loads((work / "run/summary.json").read_text())["groups"] if g["seed"] == "0"}
        for name, share in zip(cells(0), cells(right)):
            if name in summary:
                check(share == f"{100 * summary[name]['all']['accuracy']:.1f}", f"{name}: {share}")
        b.write("input[data-filters=columns]", "THREE")
        check(sorted(cells(0)) == ["three_ways@0.125", "three_ways@0.5"], f"filtered: {cells(0)}")
        # Two columns, by the keyboard; then what they disagree on.
        names = b.value("[...document.querySelector('#column-a').options].map(o => o.textContent)")
        check(names == list(next(iter(questions.values()))), "the columns to choose from")
        a, c = "three_ways@0.5", "three_ways@0.125"
        b.choose("#column-a", names.index(a))
        b.choose("#column-b", names.index(c))
        ids = lambda: b.value("[...document.querySelectorAll('#question-table tbody tr th')].map(h => h.textContent.replace(/^▣ /, ''))")
        verdicts = b.value("[...document.querySelector('#verdict').options].map(o => o.value)")
        score = lambda q, column: questions[q][column]["score"] >= 0.5
        for verdict, fits in (("disagree", lambda q: score(q, a) != score(q, c)), ("a1b0", lambda q: score(q, a) and not score(q, c)), ("b0", lambda q: not score(q, c)), ("", lambda q: True)):
            b.choose("#verdict", verdicts.index(verdict))
            want = [q for q in questions if fits(q)]
            shown = ids()
            check(shown == want[:50] and (verdict == "" or 0 < len(want) < len(questions)), f"{verdict}: {len(shown)} and {len(want)} questions")
        scenario = b.value("[...document.querySelector('#scenario').options].findIndex(o => o.textContent === 'receipt')")
        b.choose("#scenario", scenario)
        want = [q["id"] for q in items if q["scenario"] == "receipt"]
        check(ids() == want[:50], "one scenario")
        b.choose("#scenario", 0)
        b.write("#words", "total")
        check(0 < len(ids()) < len(items), "searched")
        b.value("document.querySelector('#words').value = ''; document.querySelector('#words').dispatchEvent(new Event('input'))")
        # A question: its picture, both columns, the cause of the token under the pointer.
        b.choose("#verdict", verdicts.index("a1b0"))
        first = ids()[0]
        check(b.value("document.querySelector('#detail').hidden") is True, "no question is open")
        b.click("#question-table tbody button")
        b.wait(lambda: b.value("document.querySelectorAll('#detail canvas.picture').length") == 2, 20, "two pictures")
        maps = {m["key"]: m for f in (work / "run/maps").iterdir() for m in lines(f)}
        for side, column in (("a", a), ("b", c)):
            m = maps[f"{first} {column}"]
            picture, seen = m["pictures"][0], m["decisions"][-1]["pictures"][0]
            rows_, cols = picture["grid"]
            dropped = next(t for t in range(rows_ * cols) if t not in picture["kept"])
            for token in (picture["kept"][0], picture["kept"][-1], dropped):
                r, k = divmod(token, cols)
                b.hover(f"#detail .side.body.{side} canvas.picture", (k + 0.5) / cols, (r + 0.5) / rows_)
                said = b.value(f"document.querySelector('#detail .side.body.{side} .readout').textContent")
                check(said.startswith(f"row {r}, column {k}; "), said)
                if token == dropped:
                    check("; dropped; " in said, said)
                else:
                    at = picture["kept"].index(token)
                    check(f"; kept, cause: score; rank {picture['rank'][at]}; " in said, said)
                relevance = float(re.search(r"relevance (\S+)$", said)[1])
                check(abs(relevance - values(seen["relevance"])[0][token]) <= 1e-3 * max(1, abs(relevance)), said)
        # Drawn: a kept cell is as light as the picture, a dropped one is dark. In a corner of the cell no outline runs.
        light = b.value("""(() => { const c = document.querySelector('#detail .side.body.b canvas.picture'), all = c.getContext('2d').getImageData(0, 0, c.width, c.height).data, out = [];
          for (let t = 0; t < %d; ++t) { const r = Math.floor(t / %d), k = t %% %d;
            let most = 0;
            for (let y = Math.floor((r + 0.2) * c.height / %d); y < (r + 0.8) * c.height / %d; ++y)
              for (let x = Math.floor((k + 0.2) * c.width / %d); x < (k + 0.8) * c.width / %d; ++x) {
                const i = 4 * (y * c.width + x); most = Math.max(most, all[i] + all[i + 1] + all[i + 2]); }
            out.push(most); } return out; })()""" % (rows_ * cols, cols, cols, rows_, rows_, cols, cols))
        kept = set(maps[f"{first} {c}"]["pictures"][0]["kept"])
        inside, outside = [v for t, v in enumerate(light) if t in kept], [v for t, v in enumerate(light) if t not in kept]
        check(min(inside) > 450 > max(v for v in sorted(outside)[: len(outside) // 2]), f"kept cells {min(inside)}.., dropped ones ..{sorted(outside)[len(outside) // 2]}")
        # By the keyboard: the next token; another map on the picture; closed by Escape.
        b.hover("#detail .side.body.a canvas.picture")
        b.value("document.querySelector('#detail .side.body.a canvas.picture').focus()")
        before = b.value("document.querySelector('#detail .side.body.a .readout').textContent").split(";")[0]
        b.key("ArrowLeft")
        after = b.value("document.querySelector('#detail .side.body.a .readout').textContent").split(";")[0]
        check(before != after and after.startswith("row "), f"arrow keys: {before}, {after}")
        overlays = b.value("[...document.querySelector('#overlay').options].map(o => o.value)")
        check(overlays[0] == "kept" and "relevance" in overlays and len(overlays) > 2, f"maps to show: {overlays}")
        plain = b.value("document.querySelector('#detail .side.body.b canvas.picture').toDataURL()")
        b.choose("#overlay", 1)
        check(b.value("document.querySelector('#detail .thumbs button').getAttribute('aria-pressed')") == "true", "the map that is shown")
        check(b.value("document.querySelector('#detail .side.body.b canvas.picture').toDataURL()") != plain, "a map on the picture")
        check(b.value("[...document.querySelectorAll('#detail *')].every(e => getComputedStyle(e).opacity === '1' || e.disabled)"), "nothing of a question is faint")
        if PICTURES:
            PICTURES.mkdir(parents=True, exist_ok=True)
            for width in (1280, 420):
                for dark in (False, True):
                    b.size(width)
                    b.dark(dark)
                    b.picture(PICTURES / f"{width}-{'dark' if dark else 'light'}.png", whole=True)
            b.size(1280)
            b.dark(False)
        # Nothing hangs over on a narrow screen.
        b.size(420)
        check(b.value("document.documentElement.scrollWidth") <= 420, "nothing wider than a narrow window")
        check(b.value("getComputedStyle(document.querySelector('svg.plot.wide')).display") == "none" and b.value("document.querySelector('svg.plot.narrow').getBoundingClientRect().width") > 300, "narrow plots")
        b.size(1280)
        b.value("document.querySelector('#close').focus()")
        b.key("Escape")
        check(b.value("document.querySelector('#detail').hidden") is True, "closed")
        # A plot's point says what it is.
        b.hover("svg.plot.wide .series .point .m")
        said = b.value("document.querySelector('#tip').textContent")
        check(re.match(r"full: \d+\.\d % \(\d+\.\d % to \d+\.\d %\), 64 visual tokens kept$", said) and not b.value("document.querySelector('#tip').hidden"), f"a point: {said}")
        # A name that is clicked, or chosen by the keyboard, keeps its line lit in every plot.
        lit = lambda: b.value("[...document.querySelectorAll('svg.plot.wide')].map(s => s.classList.contains('lit') ? [...s.querySelectorAll('.key.on title')].map(t => t.textContent).join() : '')")
        key = "document.querySelectorAll('svg.plot.wide .key')[1]"
        name = b.value(f"{key}.querySelector('title').textContent")
        b.click("svg.plot.wide .key:nth-of-type(%d)" % b.value(f"[...{key}.parentNode.children].filter(e => e.tagName === 'g').indexOf({key}) + 1"))
        b.hover("h1")
        check(lit() == [name] * 3 and b.value(f"{key}.getAttribute('aria-pressed')") == "true", f"pinned: {lit()}")
        b.value(f"{key}.focus()")
        b.key("Enter")
        b.value("document.activeElement.blur()")
        check(lit() == [""] * 3 and b.value(f"{key}.getAttribute('aria-pressed')") == "false", f"no longer: {lit()}")
        # What would break out of the page.
        b.choose("#verdict", 0)
        b.write("#words", "evil ")
        evil = items[-1]
        check(ids() == [evil["id"]], f"the question that would break out: {ids()}")
        b.click("#question-table tbody button")
        check(b.value("document.querySelector('#detail .asked').textContent") == questions[evil["id"]]["full"]["question"], "its text, as it stands")
        check(b.value("document.images.length") == 0 and b.value("window.hacked") is None, "nothing in it was run")
        check(not b.faults, f"faults in the page: {b.faults}")
        check(b.requests == [page.resolve().as_uri()], f"requests: {b.requests}")
    # The policy holds for what would get in: a handler of an element that somebody adds is not run.
    planted = work / "planted.html"
    planted.write_text(text.replace("<h1>", "<img src=x onerror=\"window.hacked=1\"><h1>", 1), encoding="utf-8")
    with browser.Browser() as b:
        b.open(planted)
        check(b.value("window.hacked") is None and b.faults, "a planted handler is refused, and the test sees faults")
    # Without the escape the same data would stand in the page as elements.
    planted.write_text(text.replace("\\u003c", "<"), encoding="utf-8")
    with browser.Browser() as b:
        b.open(planted)
        check(b.value("document.images.length") > 0 and b.faults, "the test sees what is not escaped")


def bare_runs(work):
    """Without pictures, maps, kept tokens or scores the page stands all the same."""
    run("sweep", "-m", MODEL, "--data", work / "data", "--out", work / "bare", "--limit", 4, "--pipeline", "full,grid", "--budget", 8)
    check((work / "bare/report.html").exists(), "sweep writes the page")
    run("sweep", "-m", MODEL, "--data", work / "data", "--out", work / "free", "--limit", 4, "--model-free", "--pipeline", "three_ways,grid", "--budget", 8, "--kept")
    crowd = "full,grid,random,uniform,centre,three_ways,document,reading,searching,safe,divprune,scope,mean_cosine"
    run("sweep", "-m", MODEL, "--data", work / "data", "--out", work / "crowd", "--limit", 4, "--model-free", "--pipeline", crowd, "--keep-ratio", "0.25,0.5")
    (work / "data").rename(work / "moved")
    said = run("report", work / "bare", "--out", work / "bare.html")
    check("no pictures" in said and not (work / "bare/report").exists(), said)
    run("report", work / "free", "--data", work / "moved", "--out", work / "free.html")
    with browser.Browser() as b:
        for page, series in (("bare", 2), ("free", 2)):
            b.open(work / f"{page}.html")
            check(b.value("document.querySelectorAll('#plots svg.wide')[0].querySelectorAll('.series').length") == series, f"{page}: lines")
            b.click("#question-table tbody button")
            b.wait(lambda: b.value("document.querySelectorAll('#detail canvas.picture').length") == 2, 20, "two grids")
            check(("(--keep-maps" in (b.hover("#detail canvas.picture") or b.value("document.querySelector('#detail .readout').textContent"))) == (page == "bare"), f"{page}: what was kept")
        # More than twelve lines: a band is seen where its line is lit.
        b.open(work / "crowd/report.html")
        bands = "[...document.querySelectorAll('svg.plot.wide')[0].querySelectorAll('.band')].filter(g => getComputedStyle(g).display !== 'none').length"
        check(b.value("document.querySelectorAll('svg.plot.wide.many').length") > 0 and b.value(bands) == 0, "a crowd: no bands")
        b.hover("svg.plot.wide .series .point .m")
        check(b.value(bands) == 1, "a crowd: one band")
        # On paper: dark or not, black on white, every row of the tables and each on one line, nothing to press, hardly wider than the sheet.
        b.open(work / "bare.html")
        b.size(794)
        b.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        check(b.value("[document.body, document.documentElement].map(e => getComputedStyle(e).backgroundColor).find(c => c !== 'rgba(0, 0, 0, 0)') || 'rgb(255, 255, 255)'") == "rgb(255, 255, 255)"
              and b.value("getComputedStyle(document.body).color") == "rgb(0, 0, 0)", "paper: black on white")
        pressed = b.value("[...document.querySelectorAll('nav, .tools, #pages')].filter(e => e.checkVisibility()).length")
        cut = b.value("[...document.querySelectorAll('.wide-box')].filter(e => e.checkVisibility() && e.scrollHeight > e.clientHeight + 1 && getComputedStyle(e).overflowY !== 'visible').length")
        check(pressed == 0 and cut == 0, f"paper: {pressed} things to press, {cut} tables cut off")
        wide, high = b.value("[document.documentElement.scrollWidth / innerWidth, Math.max(...[...document.querySelectorAll('#columns tbody tr')].map(r => r.offsetHeight))]")
        check(wide <= 1.25 and 5 < high < 20, f"paper: {wide} times as wide as the sheet, {high} px a line")
        b.call("Emulation.setEmulatedMedia", media="", features=[])
        check(not b.faults, f"faults: {b.faults}")
    # A broken end of the maps is named, and leaves no page.
    broken = next((work / "run/maps").iterdir())
    broken.write_text("{")
    (work / "run/report.html").unlink()
    said = run("report", work / "run", "--data", work / "moved", status=1)
    check(broken.name in said and "E409" in said and not (work / "run/report.html").exists(), said)
    check("E401" in run("report", work / "nowhere", status=1), "no such run")


def large(work, least=20_000, most_bytes=30e6, most_seconds=3):
    """A run of many rows with kept tokens and maps: how long the page is, and the processor time of its main thread until it can be used (by the clock other work would count)."""
    run("scenes", "--out", work / "many", "--count", 130, "--seed", 6900000, "--scenario", "receipt,form,shapes", "--size", 256, "--no-tsv", "-q")
    run("sweep", "-m", MODEL, "--data", work / "many", "--out", work / "large", "--limit", 500, "--model-free", "--kept", "--keep-maps", "-q", "--seed", "0:2",
        "--pipeline", "grid,random,uniform,centre,document,three_ways,oracle,full", "--budget", "2,4,8,16,32")
    rows, page = sum(1 for _ in open(work / "large/rows.jsonl", "rb")), work / "large/report.html"
    check(rows > least and page.stat().st_size < most_bytes, f"{rows} rows are a page of {page.stat().st_size} bytes")
    with browser.Browser() as b:
        b.call("Performance.enable", timeDomain="threadTicks")
        b.open(page)
        b.wait(lambda: b.value("document.querySelectorAll('#question-table tbody tr').length") > 10, 20, "questions")
        seconds = {m["name"]: m["value"] for m in b.call("Performance.getMetrics")["metrics"]}["TaskDuration"]
        check(0.01 < seconds < most_seconds, f"a page of {rows} rows opens in {seconds} s")
        check(not b.faults, f"faults: {b.faults}")


def main():
    if not browser.program():
        print("report_page: skipped, no Chromium here")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        items = make_data(work)
        rows = keeps_maps(work)
        files_beside(work)
        colours(work / "run/report.html", work)
        shows(work, rows, items)
        bare_runs(work)
        large(work)
    print(f"report_page: {checks.made} checks, {len(checks.problems)} mismatches: {'FAILED' if checks.problems else 'ok'}")
    sys.exit(1 if checks.problems else 0)


main()
