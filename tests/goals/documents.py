#!/usr/bin/env python3
"""What an outside reader needs of a page, and what an allocation leaves of it; no model asked.

  documents.py PROGRAM [--data FOLDER] [--each 2] [--seed 5970000] [--rows NAME,NAME=PIPELINE] [--read NAME,NAME] [--read-each 2] [--json FILE] [--sheet FILE.png] [--cache DIR] [--aims]

Tesseract reads each page at full size. A word counts that it is sure of (confidence 80 or more, two letters or digits); the tokens (32 x 32 px of the resized picture) under such words are
its word cells. For each row at 1/8, 1/4 and 1/2 of the tokens
  kept    share of word cells kept
  held    the same over what the budget could hold, min(1, K / word cells)
  read    share of the words that Tesseract still reads, at their place, when dropped cells are painted with the page's local background
Means over pages with 95 % intervals (bootstrap over pages). `oracle` keeps every word cell whatever the budget: on a page where it reads less than 95 % of the words `read`
counts for nothing and is left out; where that is so on more than a third of the pages, the program fails. Pages are those of document_pages.py (tuning seeds unless told otherwise), or the pictures of --data that hold five words or more. --aims fails below 90 % held for the preset
`document`. Exit 77 without Tesseract, Debian's fonts, NumPy or Pillow.
"""
import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image, ImageDraw
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    import document_pages
except ImportError:
    print("skipped: needs numpy and pillow")
    sys.exit(77)

SIDE, SURE, RATIOS = 32, 80, (0.125, 0.25, 0.5)
ROWS = {
    "document": "document",
    "three maps": "texture13/information+perspectival/tension/top_k/gather",  # `three_ways` without its map of the question, which needs a model
    "information": "texture13/information/fixed/top_k/gather",
    "sobel": "texture13/sobel/fixed/top_k/gather",
    "random": "random",
    "grid": "grid",
}


class Reader:
    """Tesseract's words of a picture, kept by the picture's digest."""

    def __init__(self, cache):
        self.cache = pathlib.Path(cache)
        self.cache.mkdir(parents=True, exist_ok=True)

    def __call__(self, image):
        scale = 2 if min(image.size) < 500 else 1  # it wants letters of 20 px
        at = self.cache / (hashlib.sha256(image.tobytes() + str((image.size, scale)).encode()).hexdigest() + ".json")
        if not at.exists():
            with tempfile.TemporaryDirectory() as work:
                picture = pathlib.Path(work) / "p.png"
                image.resize((image.width * scale, image.height * scale), Image.BICUBIC).save(picture, compress_level=1)
                done = subprocess.run(["nice", "-n", "15", "tesseract", str(picture), "stdout", "--psm", "11", "--dpi", "150", "-l", "eng", "tsv"], capture_output=True, text=True,
                                      env={**os.environ, "OMP_THREAD_LIMIT": "1"}, check=True)
            found = []
            for line in done.stdout.splitlines()[1:]:
                c = line.split("\t")
                if c[0] == "5" and c[11].strip():
                    x, y, w, h = (int(v) / scale for v in c[6:10])
                    found.append([c[11].strip(), float(c[10]), y, x, y + h, x + w])
            at.write_text(json.dumps(found))
        return json.loads(at.read_text())


def plain(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def sure(words):
    return [w for w in words if w[1] >= SURE and len(plain(w[0])) >= 2]


def under(words, grid):
    """[rows, cols]: the cells that a word's box meets by two pixels or more each way."""
    out = np.zeros(grid, bool)
    for _, _, r0, c0, r1, c1 in words:
        out[int((r0 + 2) // SIDE):int((r1 - 2) // SIDE) + 1, int((c0 + 2) // SIDE):int((c1 - 2) // SIDE) + 1] = True
    return out


def background(image, grid):
    """The page's local background: the median of the cells' medians over 5 x 5 cells, smooth in between."""
    rows, cols = grid
    cells = np.asarray(image).reshape(rows, SIDE, cols, SIDE, 3).transpose(0, 2, 1, 3, 4).reshape(rows, cols, -1, 3)
    medians = np.pad(np.median(cells, axis=2), ((2, 2), (2, 2), (0, 0)), mode="edge")
    around = np.stack([medians[i:i + rows, j:j + cols] for i in range(5) for j in range(5)])
    return Image.fromarray(np.median(around, axis=0).astype(np.uint8)).resize(image.size, Image.BILINEAR)


def painted(image, ground, kept):
    mask = Image.fromarray(np.repeat(np.repeat(kept, SIDE, 0), SIDE, 1).astype(np.uint8) * 255)
    return Image.composite(image, ground, mask)


def still_read(words, now):
    """How many of the words are among those read now, where they were."""
    hits = 0
    for text, _, r0, c0, r1, c1 in words:
        row, col = (r0 + r1) / 2, (c0 + c1) / 2
        hits += any(plain(text) in plain(w[0]) and w[2] - 4 <= row <= w[4] + 4 and w[3] - 4 <= col <= w[5] + 4 for w in now)
    return hits


class Allocator:
    def __init__(self, program, work):
        self.program, self.evidence, self.out = program, work / "evidence", work / "allocation.json"
        self.evidence.mkdir()

    def __call__(self, picture, pipeline, ratio, seed):
        """(grid, kept [rows, cols])"""
        done = subprocess.run([self.program, "allocate", "--evidence", str(self.evidence), "-i", str(picture), "--pipeline", pipeline, "--keep-ratio", str(ratio), "--seed", str(seed), "--quiet",
                               "--json", str(self.out)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{pipeline}: {done.stderr.strip()[-300:]}")
        p = json.loads(self.out.read_text())["pictures"][0]
        kept = np.zeros(p["grid"], bool)
        for r, c in p["positions"]:
            kept[r, c] = True
        return kept


def mean(values, rounds=4000):
    """[mean, low, high] over pages."""
    v = np.asarray(values, float)
    pick = np.random.default_rng(7).integers(0, len(v), (rounds, len(v)))
    return [float(v.mean()), *(float(q) for q in np.quantile(v[pick].mean(axis=1), (0.025, 0.975)))]


def shown(image, kept, words):
    """A page small: dropped cells dark, word cells that are dropped red, kept cells without words blue."""
    a = np.asarray(image.resize((kept.shape[1] * 8, kept.shape[0] * 8), Image.BOX), float)
    big = lambda m: np.repeat(np.repeat(m, 8, 0), 8, 1)[..., None]
    a = np.where(big(kept), a, 0.3 * a)
    a = np.where(big(~kept & words), 0.5 * a + np.array([150, 0, 0]), a)
    a = np.where(big(kept & ~words), 0.7 * a + 0.3 * np.array([40, 90, 255]), a)
    return Image.fromarray(a.clip(0, 255).astype(np.uint8))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("program")
    a.add_argument("--data")
    a.add_argument("--each", type=int, default=2)
    a.add_argument("--seed", type=int, default=5970000)
    a.add_argument("--rows")
    a.add_argument("--read", default="document,three maps,sobel,random,grid", help="rows whose painted pages are read; '' for none")
    a.add_argument("--read-each", type=int, default=1, help="so many pages of a class")
    a.add_argument("--aims", action="store_true")
    a.add_argument("--json")
    a.add_argument("--sheet")
    a.add_argument("--cache", default=str(pathlib.Path(tempfile.gettempdir()) / "arrcoc_documents"))
    a = a.parse_args()
    if not shutil.which("tesseract") or not (a.data or all(os.path.exists(f) for f in document_pages.FACES)):
        print("skipped: no tesseract, or no fonts-dejavu-core and fonts-liberation")
        return 77
    rows = dict(ROWS) if not a.rows else {n.partition("=")[0]: n.partition("=")[2] or ROWS[n] for n in a.rows.split(",")}
    read = Reader(a.cache)
    got, oracle, cover, drawn, counts = {}, [], [], {}, {}
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        allocate = Allocator(str(pathlib.Path(a.program).resolve()), work)
        if a.data:
            if not pathlib.Path(a.data).is_dir():
                print(f"skipped: no folder {a.data}")
                return 77
            source = ((p.stem, p.stem, Image.open(p).convert("RGB")) for p in sorted(pathlib.Path(a.data).iterdir()))
        else:
            source = document_pages.pages(a.seed, a.each)
        for number, (kind, name, image) in enumerate(source):
            image.save(work / "page.png", compress_level=1)
            grid = allocate(work / "page.png", "grid", 0.5, 0).shape
            image = image.resize((grid[1] * SIDE, grid[0] * SIDE), Image.BICUBIC) if image.size != (grid[1] * SIDE, grid[0] * SIDE) else image
            words = sure(read(image))
            if len(words) < 5:
                print(f"{name}: {len(words)} words, left out", flush=True)
                continue
            cells, ground = under(words, grid), background(image, grid)
            share = cells.mean()
            counts[kind] = counts.get(kind, 0) + 1
            asked = reads = a.read.split(",") if a.read and counts[kind] <= a.read_each else []
            if asked:
                oracle.append(still_read(words, read(painted(image, ground, cells))) / len(words))
                asked, reads = reads, reads if oracle[-1] >= 0.95 else []
            cover.append(share)
            print(f"{name}: {grid[0]} x {grid[1]} tokens, {len(words)} words over {100 * share:.0f} % of them" + (f", oracle reads {100 * oracle[-1]:.0f} %" if asked else "") + ("" if reads or not asked else ": not counted"), flush=True)
            for row, pipeline in rows.items():
                for ratio in RATIOS:
                    kept = allocate(work / "page.png", pipeline, ratio, number)
                    here = (kept & cells).sum() / cells.sum()
                    could = min(1, kept.sum() / cells.sum())
                    back = still_read(words, read(painted(image, ground, kept))) / len(words) if row in reads else None
                    got.setdefault((row, ratio), []).append((kind, here, here / could, back, share))
                    if a.sheet and ratio == 0.25 and row in ("document", "three maps") and kind not in {k for k, r in drawn if r == row}:
                        drawn[kind, row] = shown(image, kept, cells)
    print(f"{len(cover)} pages, words over {100 * min(cover):.0f} to {100 * max(cover):.0f} % of the tokens" +
          (f"; on {sum(v >= 0.95 for v in oracle)} of {len(oracle)} pages read oracle has 95 % of the words or more" if oracle else ""))
    cell = lambda x: f"{100 * x[0]:.1f} ({100 * x[1]:.1f} to {100 * x[2]:.1f})" if x else "-"
    print("| row | tokens | kept, % | held, % | read, % |\n|---|---|---|---|---|")
    table = {}
    for (row, ratio), values in got.items():
        three = [mean(known) if (known := [v[i] for v in values if v[i] is not None]) else None for i in (1, 2, 3)]
        table[f"{row} {ratio}"] = three
        print(f"| {row} | {ratio} | " + " | ".join(cell(x) for x in three) + " |")
    kinds = list(dict.fromkeys(v[0] for v in next(iter(got.values()))))
    by_kind = {k: {f"{row} {ratio}": [float(np.mean(known)) if (known := [v[i] for v in values if v[0] == k and v[i] is not None]) else None for i in (1, 2, 3)] for (row, ratio), values in got.items()} for k in kinds}
    for k in kinds:
        print(f"{k}: held " + ", ".join(f"{row} " + "/".join(f"{100 * by_kind[k][f'{row} {ratio}'][1]:.0f}" for ratio in RATIOS) for row in rows))
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps({"oracle": oracle, "cover": cover, "rows": table, "kinds": by_kind}, indent=1))
    if a.sheet:
        kinds = list(dict.fromkeys(k for k, _ in drawn))
        wide, tall = 176, 236
        sheet = Image.new("RGB", (len(kinds) * (wide + 4), 2 * (tall + 16)), (255, 255, 255))
        d = ImageDraw.Draw(sheet)
        for i, k in enumerate(kinds):
            for j, row in enumerate(("document", "three maps")):
                if (k, row) in drawn:
                    drawn[k, row].thumbnail((wide, tall))
                    sheet.paste(drawn[k, row], (i * (wide + 4), j * (tall + 16) + 14))
                    d.text((i * (wide + 4) + 2, j * (tall + 16) + 1), f"{k}: {row}", fill=(0, 0, 0))
        sheet.quantize(64).save(a.sheet, optimize=True)
    problems = []
    blind = sum(v < 0.95 for v in oracle)
    if 3 * blind > len(oracle):
        problems.append(f"with every word cell kept, 95 % of the words are read on {len(oracle) - blind} of {len(oracle)} pages, expected two thirds or more")
    for ratio in RATIOS if a.aims else ():
        if table[f"document {ratio}"][1][0] < 0.9:
            problems.append(f"document at {ratio} has {100 * table[f'document {ratio}'][1][0]:.1f} % of the word cells that the budget could hold, expected 90 or more")
    for p in problems:
        print("FAIL", p)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
