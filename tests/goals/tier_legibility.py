#!/usr/bin/env python3
"""What of a picture's small print survives an allocation: pictures of 4096 x 4096 px (128 x 128 tokens) at 2,560 tokens, no model asked.

  tier_legibility.py PROGRAM [--pictures 6] [--seed 5900000] [--rows NAME,NAME] [--budget 2560] [--seconds S] [--json FILE] [--zoom FILE.png] [--no-read]

For each picture and row: the allocation of `arrcoc allocate`; the picture as a tower sees it, rebuilt (each token's native pixels to 32 x 32 px and back,
what was dropped in the background's colour); of each answer in text
  legible   the height of its ink times the coarsest scale of the tokens that cover its box is 8 px or more
  read      Tesseract finds the answer in the rebuilt box and its surroundings
Shares of answers, with 95 % intervals over pictures (bootstrap), and the difference from `downsample` in pairs. `native` (nothing dropped or resampled) says what the
meter can read at all: below 95 % it counts for nothing, and the program fails. Scenes are drawn with letters of 14, 16, 18 and 22 px, in turn. Exit 77 without Tesseract.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    from PIL import Image, ImageDraw, ImageOps
except ImportError:
    print("skipped: needs numpy and pillow")
    sys.exit(77)
Image.MAX_IMAGE_PIXELS = None

SIDE, PICTURE = 32, 4096
GRID = PICTURE // SIDE
GLYPHS = (14, 16, 18, 22)
SCENARIOS = ("desk", "receipt", "form", "panorama")
LEGIBLE = 8
ANSWERS = 8  # of a picture, at most
# name -> (kind, pipeline without injector)
ROWS = {
    "native": ("native", None),
    "oracle": ("tiers", "none/oracle/fixed/tiers"),
    "tiers": ("tiers", "texture13/information/fixed/tiers"),
    "tiers sobel": ("tiers", "texture13/sobel/fixed/tiers"),
    "tiers entropy": ("tiers", "none/entropy/fixed/tiers"),
    "tiers perspectival": ("tiers", "texture13/perspectival/fixed/tiers"),
    "tiers best": ("tiers", "texture13/information/fixed/tiers:by=best"),
    "tiers power": ("tiers", "texture13/information/fixed/tiers:by=power"),
    "tiers exponential": ("tiers", "texture13/information/fixed/tiers:by=exponential"),
    "tiers blend": ("tiers", "texture13/information/fixed/tiers:by=blend"),
    "tiers knapsack": ("tiers", "texture13/information/fixed/tiers:by=knapsack"),
    "tiers quadtree": ("tiers", "texture13/information/fixed/tiers:regions=quadtree"),
    "tiers quadtree knapsack": ("tiers", "texture13/information/fixed/tiers:regions=quadtree:by=knapsack"),
    "tiers fine": ("tiers", "texture13/information/fixed/tiers:region=256"),
    "random": ("tiers", "none/random/fixed/tiers"),
    "uniform": ("tiers", "none/uniform/fixed/tiers"),
    "downsample": ("downsample", None),
    "top_k": ("tokens", "texture13/information/fixed/top_k"),
    "random tokens": ("tokens", "none/none/flat/random"),
    "oracle tokens": ("tokens", "none/oracle/fixed/top_k"),
}
DEFAULT = "native,oracle,tiers,random,uniform,downsample,top_k,random tokens"


# --- allocations --------------------------------------------------------------------------------------------------------------------------


def lattice(region):
    """The rule of include/arrcoc/primitives/regions.hpp again."""
    h, w, tokens = region["row1"] - region["row0"], region["col1"] - region["col0"], region["tokens"]
    if tokens >= h * w:
        return h, w
    r = min(max(int((tokens * h / w) ** 0.5 + 0.5), 1), min(h, tokens))
    return r, min(tokens // r, w)


class Tokens:
    """Where tokens lie, [row, col, rows, cols] in raster tokens; what was spent on them; regions, where there are any."""

    def __init__(self, places, spent, regions=()):
        self.places, self.spent, self.regions = np.asarray(places, float).reshape(-1, 4), spent, regions

    def over(self, box):
        """Places that meet a box of pixels."""
        p = self.places * SIDE
        hit = (p[:, 0] < box[2]) & (p[:, 0] + p[:, 2] > box[0]) & (p[:, 1] < box[3]) & (p[:, 1] + p[:, 3] > box[1])
        return self.places[hit]


def of_regions(regions):
    places = []
    for g in regions:
        r, c = lattice(g)
        h, w = (g["row1"] - g["row0"]) / r, (g["col1"] - g["col0"]) / c
        places += [(g["row0"] + i * h, g["col0"] + j * w, h, w) for i in range(r) for j in range(c)]
    return Tokens(places, sum(g["tokens"] for g in regions), regions)


def shares(boxes):
    """How much of each token's cell the boxes cover, [rows, cols]: the oracle's map, without its scorer and the picture."""
    out = np.zeros((GRID, GRID), np.float32)
    for r0, c0, r1, c1 in boxes:  # that do not overlap
        rows = np.clip(np.minimum(r1 / SIDE, np.arange(1, GRID + 1)) - np.maximum(r0 / SIDE, np.arange(GRID)), 0, 1)
        cols = np.clip(np.minimum(c1 / SIDE, np.arange(1, GRID + 1)) - np.maximum(c0 / SIDE, np.arange(GRID)), 0, 1)
        out += np.outer(rows, cols).astype(np.float32)
    return out


class Allocator:
    def __init__(self, program, budget, injector, work):
        self.program, self.budget, self.injector, self.work = program, budget, injector, work
        (work / "none").mkdir()
        (work / "boxes").mkdir()

    def __call__(self, kind, pipeline, picture, boxes, seed):
        if kind == "native":
            return of_regions([dict(row0=0, col0=0, row1=GRID, col1=GRID, tokens=GRID * GRID)])
        if kind == "downsample":  # the largest square of tokens
            n = int(self.budget ** 0.5)
            return Tokens([(i * GRID / n, j * GRID / n, GRID / n, GRID / n) for i in range(n) for j in range(n)], n * n)
        out = self.work / "allocation.json"
        evidence = self.work / ("boxes" if "oracle" in pipeline else "none")
        if "oracle" in pipeline:
            np.save(evidence / "relevance.npy", shares(boxes))
        injector = self.injector if kind == "tiers" else "gather"
        looks = not any(map in pipeline for map in ("oracle", "random", "uniform"))
        command = [self.program, "allocate", "--evidence", str(evidence), "--grid", f"{GRID}x{GRID}", "--pipeline", f"{pipeline}/{injector}"]
        command += ["--budget", str(self.budget), "--seed", str(seed), "--json", str(out), "--quiet", *(["-i", str(picture)] if looks else [])]
        if "random" in pipeline.split("/")[1]:
            command += [f"--scorers.random.seed={seed}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{pipeline}: {done.stderr.strip()[-400:]}")
        got = json.loads(out.read_text())["pictures"][0]
        if kind == "tiers":
            tokens = of_regions(got["regions"])
            if tokens.spent > self.budget:
                raise SystemExit(f"{pipeline}: {tokens.spent} tokens of {self.budget}")
            return tokens
        return Tokens([(k["row"], k["col"], 1, 1) for k in got["kept"]], got["kept_count"])


# --- rebuilding and reading ---------------------------------------------------------------------------------------------------------------


def rebuilt(image, tokens, box):
    """The part of a picture inside a box of whole pixels, as its tokens see it."""
    r0, c0, r1, c1 = box
    native = np.asarray(image.crop((c0, r0, c1, r1)))
    ground = tuple(int(v) for v in np.median(native.reshape(-1, 3), axis=0))
    out = Image.new("RGB", (c1 - c0, r1 - r0), ground)
    for row, col, rows, cols in tokens.over(box):
        a, b, c, d = (int(np.floor(v * SIDE + 0.5)) for v in (row, col, row + rows, col + cols))
        cell = image.crop((b, a, d, c))
        if cell.size != (SIDE, SIDE):
            cell = cell.resize((SIDE, SIDE), Image.BICUBIC).resize(cell.size, Image.BICUBIC)
        out.paste(cell, (b - c0, a - r0))
    return out


def downsampled(image, tokens):
    """All at once: no borders between tokens."""
    n = int(len(tokens.places) ** 0.5) * SIDE
    return image.resize((n, n), Image.BICUBIC).resize(image.size, Image.BICUBIC)


def ink_height(image, box):
    """Rows of a box between its first and last ink."""
    r0, c0, r1, c1 = (int(v) for v in box)
    grey = np.asarray(image.crop((c0, r0, c1, r1)).convert("L"), float)
    away = np.abs(grey - np.median(grey))
    rows = np.flatnonzero((away > 0.4 * away.max()).any(axis=1))
    return int(rows[-1] - rows[0] + 1)


def ready(crop, height):
    """Grey, dark on light, letters of about 36 px, a margin: as Tesseract likes it. The same for every row."""
    grey = ImageOps.autocontrast(crop.convert("L"))
    if np.median(np.asarray(grey)) < 128:
        grey = ImageOps.invert(grey)
    scale = 48 / height
    grey = grey.resize((max(1, round(grey.width * scale)), max(1, round(grey.height * scale))), Image.LANCZOS)
    return ImageOps.expand(grey, border=24, fill=int(np.median(np.asarray(grey))))


def read(crops, work):
    """Lines of text of many small pictures, by one run of Tesseract."""
    if not crops:
        return []
    names = []
    for i, crop in enumerate(crops):
        crop.save(work / f"crop_{i}.png")
        names.append(str(work / f"crop_{i}.png"))
    (work / "crops.txt").write_text("\n".join(names) + "\n")
    done = subprocess.run(["tesseract", str(work / "crops.txt"), "stdout", "--psm", "7", "--dpi", "150", "-l", "eng"], capture_output=True, text=True,
                          env={**os.environ, "OMP_THREAD_LIMIT": "1"})
    pages = done.stdout.split("\f")
    if done.returncode or len(pages) < len(crops):
        raise SystemExit(f"tesseract: {len(pages)} pages of {len(crops)}: {done.stderr[-400:]}")
    return pages[: len(crops)]


def plain(text):
    return re.sub(r"[^a-z0-9.:]", "", text.lower())


# --- statistics ---------------------------------------------------------------------------------------------------------------------------


def interval(hits, counts, rounds=4000):
    """A share over pictures, each with several answers: [share, low, high]."""
    hits, counts = np.asarray(hits, float), np.asarray(counts, float)
    pick = np.random.default_rng(7).integers(0, len(hits), (rounds, len(hits)))
    shares = hits[pick].sum(axis=1) / counts[pick].sum(axis=1)
    return [float(hits.sum() / counts.sum()), *(float(v) for v in np.quantile(shares, (0.025, 0.975)))]


def per_cent(x):
    return f"{100 * x[0]:.1f} ({100 * x[1]:.1f} to {100 * x[2]:.1f})"


# --- the whole ----------------------------------------------------------------------------------------------------------------------------


def scenes(program, work, seed, count):
    """(picture, seed, a few questions with an answer in text), one after the other; a folder at a time, which is then removed."""
    for first in range(0, count, len(SCENARIOS)):
        folder = work / "scenes"
        n = min(len(SCENARIOS), count - first)
        subprocess.run([program, "scenes", "--out", str(folder), "--count", str(n), "--seed", str(seed + first), "--size", str(PICTURE), "--glyph",
                        str(GLYPHS[first // len(SCENARIOS) % len(GLYPHS)]), "--scenario", ",".join(SCENARIOS), "--no-tsv"], check=True, capture_output=True)
        rows = {}
        for line in (folder / "questions.jsonl").read_text().splitlines():
            q = json.loads(line)
            if q["boxes"] and re.search(r"[A-Za-z0-9]{2}", q["answers"][0]) and q["answers"][0] not in ("yes", "no"):
                rows.setdefault(q["images"][0], []).append(q)
        for name, questions in rows.items():
            questions = [questions[i * len(questions) // min(ANSWERS, len(questions))] for i in range(min(ANSWERS, len(questions)))]
            yield folder / name, int(re.search(r"(\d+)\.png", name)[1]), questions
        shutil.rmtree(folder)


def with_regions(image, regions, box):
    """The picture with the tokens of each region, and where the answer stands."""
    small = image.resize((512, 512), Image.BOX)
    draw = ImageDraw.Draw(small)
    for g in regions:
        r0, c0, r1, c1 = (512 * g[k] // GRID for k in ("row0", "col0", "row1", "col1"))
        draw.rectangle((c0, r0, c1 - 1, r1 - 1), outline=(230, 0, 150))
        draw.rectangle((c0 + 2, r0 + 2, c0 + 24, r0 + 14), fill=(230, 0, 150))
        draw.text((c0 + 4, r0 + 3), str(g["tokens"]), fill=(255, 255, 255))
    r0, c0, r1, c1 = box
    draw.rectangle((c0 * 512 // PICTURE - 3, r0 * 512 // PICTURE - 3, c1 * 512 // PICTURE + 3, r1 * 512 // PICTURE + 3), outline=(0, 90, 230), width=2)
    return small


def zoom(image, regions, seen, box, path):
    """Left: the picture with the regions of each row that has some; right: what each row makes of one answer, twice as large."""
    r0, c0, r1, c1 = box
    tall, wide = 104, 240
    row, col = min(max(0, (r0 + r1 - tall) // 2), PICTURE - tall), min(max(0, (c0 + c1 - wide) // 2), PICTURE - wide)
    out = Image.new("RGB", (512 + 8 + 2 * wide, max((512 + 16) * len(regions), len(seen) * (2 * tall + 16))), (255, 255, 255))
    draw = ImageDraw.Draw(out)
    for i, (name, some) in enumerate(regions.items()):
        draw.text((2, 528 * i + 2), name, fill=(0, 0, 0))
        out.paste(with_regions(image, some, box), (0, 528 * i + 16))
    for i, (name, part) in enumerate(seen.items()):
        y = i * (2 * tall + 16)
        draw.text((520, y + 2), name, fill=(0, 0, 0))
        out.paste(part(row, col, row + tall, col + wide).resize((2 * wide, 2 * tall), Image.NEAREST), (520, y + 16))
    out.quantize(64).save(path, optimize=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("program")
    a.add_argument("--pictures", type=int, default=6)
    a.add_argument("--seed", type=int, default=5900000)
    a.add_argument("--rows", default=DEFAULT)
    a.add_argument("--budget", type=int, default=2560)
    a.add_argument("--injector", default="tier", help="that honours regions")
    a.add_argument("--seconds", type=float, default=1e9, help="no new picture after that")
    a.add_argument("--json")
    a.add_argument("--zoom")
    a.add_argument("--no-read", action="store_true")
    a = a.parse_args()
    if not a.no_read and not shutil.which("tesseract"):
        print("skipped: no tesseract")
        return 77
    program = str(pathlib.Path(a.program).resolve())
    known = json.loads(subprocess.run([program, "list", "--json"], capture_output=True, text=True, check=True).stdout)["strategies"]
    if not any(e["kind"] == "injector" and e["name"] == a.injector for e in known):
        print(f"skipped: no injector '{a.injector}'")
        return 77
    names = a.rows.split(",")
    got = {n: {"legible": [], "read": [], "count": [], "spent": []} for n in names}
    by_scenario, started = {}, time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        allocate = Allocator(program, a.budget, a.injector, work)
        for picture, seed, questions in scenes(program, work, a.seed, a.pictures):
            if time.monotonic() - started > a.seconds:
                break
            image = Image.open(picture).convert("RGB")
            answers = [q["boxes"][-1] for q in questions]  # labels come first
            heights = [ink_height(image, b) for b in answers]
            around = []
            for r0, c0, r1, c1 in answers:
                m = round(0.2 * (r1 - r0))
                around.append((max(0, int(r0) - m // 2), max(0, int(c0) - m), min(PICTURE, int(r1) + m // 2), min(PICTURE, int(c1) + m)))
            crops, whose = [], []
            for name in names:
                kind, pipeline = ROWS[name]
                whole = None
                legible = 0
                for i, q in enumerate(questions):
                    if i == 0 or (pipeline and "oracle" in pipeline):
                        tokens = allocate(kind, pipeline, picture, q["boxes"], seed)
                        whole = downsampled(image, tokens) if kind == "downsample" and not a.no_read else None
                    scale = covered(tokens, answers[i])
                    legible += int(heights[i] * scale >= LEGIBLE)
                    if not a.no_read:
                        r0, c0, r1, c1 = around[i]
                        crop = whole.crop((c0, r0, c1, r1)) if whole else rebuilt(image, tokens, around[i])
                        crops.append(ready(crop, answers[i][2] - answers[i][0]))
                        whose.append((name, i))
                got[name]["legible"].append(legible)
                got[name]["count"].append(len(questions))
                got[name]["spent"].append(tokens.spent)
            hits = dict.fromkeys(names, 0)
            for (name, i), text in zip(whose, read(crops, work)):
                right = any(plain(x) in plain(text) for x in questions[i]["answers"])
                hits[name] += right
                kind = by_scenario.setdefault((questions[i]["scenario"], name), [0, 0])
                kind[0] += right
                kind[1] += 1
                if name == "native" and not right:
                    print(f"  native: {questions[i]['id']}: {questions[i]['answers'][0]!r} read as {text.strip()!r}")
            for name in names:
                got[name]["read"].append(hits[name])
            if a.zoom and len(got[names[0]]["count"]) == 1:
                seen, shown = {}, {}
                for name in ("native", "oracle", "tiers", "tiers quadtree", "downsample"):
                    tokens = allocate(*ROWS[name], picture, questions[0]["boxes"], seed)
                    whole = downsampled(image, tokens) if name == "downsample" else None
                    seen[name] = lambda r0, c0, r1, c1, t=tokens, w=whole: w.crop((c0, r0, c1, r1)) if w else rebuilt(image, t, (r0, c0, r1, c1))
                    shown |= {name: tokens.regions} if name.startswith("tiers") else {}
                zoom(image, shown, seen, tuple(int(v) for v in answers[0]), a.zoom)
    pictures, total = len(got[names[0]]["count"]), sum(got[names[0]]["count"])
    print(f"{pictures} pictures of {PICTURE} x {PICTURE} px from seed {a.seed}, {total} answers, budget {a.budget}")
    print("| row | tokens | legible, % | read, % | read, against downsample |\n|---|---|---|---|---|")
    table = {}
    for name in names:
        g = got[name]
        row = {"tokens": float(np.mean(g["spent"])), "legible": interval(g["legible"], g["count"])}
        text = "-"
        if not a.no_read:
            row["read"] = interval(g["read"], g["count"])
            text = per_cent(row["read"])
            if "downsample" in got and name != "downsample":
                row["against"] = interval(np.subtract(g["read"], got["downsample"]["read"]), g["count"])
        table[name] = row
        print(f"| {name} | {row['tokens']:.0f} | {per_cent(row['legible'])} | {text} | {per_cent(row['against']) if 'against' in row else '-'} |")
    for scenario in sorted({s for s, _ in by_scenario}):
        print(f"{scenario}: " + ", ".join(f"{n} {100 * by_scenario[scenario, n][0] / by_scenario[scenario, n][1]:.0f}" for n in names) + f" % of {by_scenario[scenario, names[0]][1]}")
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps({"pictures": pictures, "answers": total, "seed": a.seed, "budget": a.budget, "rows": table, "per_picture": got}, indent=1))
    if a.no_read:
        return 0
    problems = []
    if "native" in got and table["native"]["read"][0] < 0.95:
        problems.append(f"the meter reads {100 * table['native']['read'][0]:.1f} % of the native answers, expected 95 or more")
    if "oracle" in got and "downsample" in got and not table["oracle"]["read"][0] > table["downsample"]["read"][0]:
        problems.append("the oracle's tiers are read no better than the picture scaled down")
    for p in problems:
        print("FAIL", p)
    return 1 if problems else 0


def covered(tokens, box):
    """Allocated px per native px of the coarsest token that a box needs; 0 where a part of it was dropped."""
    over = tokens.over(box)
    r0, c0, r1, c1 = (v / SIDE for v in box)
    seen = 0.0
    for row, col, rows, cols in over:
        seen += max(0, min(r1, row + rows) - max(r0, row)) * max(0, min(c1, col + cols) - max(c0, col))
    if seen < 0.999 * (r1 - r0) * (c1 - c0):
        return 0.0
    return 1 / max(max(p[2], p[3]) for p in over)


sys.exit(main())
