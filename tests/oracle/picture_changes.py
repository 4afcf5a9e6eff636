#!/usr/bin/env python3
"""Pictures that a pipeline has changed, against pictures that Pillow changed and the same pipeline got as files; answer boxes against boxes moved by
hand; rank correlations of a sweep again with NumPy; tokens swapped for dropped ones.

usage: picture_changes.py ARRCOC        exit 0 when all agrees, 1 on any mismatch, 77 when Pillow or NumPy is absent
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check, ranks

try:
    import numpy as np
    import PIL
    from PIL import Image, ImageEnhance, ImageOps
except ImportError as e:
    print(f"picture_changes: skipped, {e.name} is not installed")
    sys.exit(77)

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
MOVED = "none/none/flat/oracle/gather"
CHANGES = ("flip", "brightness_0.8", "brightness_1.2", "shift_32", "shift_7", "jpeg_30", "jpeg_95", "scale_2", "scale_0.5")


def run(*args, status=0):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    check(done.returncode == status, f"{' '.join(map(str, args))[-300:]}: exit {done.returncode}: {done.stderr[-300:]}")
    return done.stdout


def changed(picture, change, folder):
    """-> the picture as Pillow makes it"""
    name, _, amount = change.partition("_")
    if name == "flip":
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if name == "brightness":
        return ImageEnhance.Brightness(picture).enhance(float(amount))
    if name == "shift":
        return ImageOps.expand(picture, (int(amount), int(amount), 0, 0), (127, 127, 127))
    if name == "jpeg":
        picture.save(folder / "through.jpg", quality=int(amount), subsampling="4:2:0")
        return Image.open(folder / "through.jpg").convert("RGB")
    return picture.resize(tuple(max(1, math.floor(s * float(amount) + 0.5)) for s in picture.size), Image.Resampling.BICUBIC)


def moved(box, change, size, new):
    r0, c0, r1, c1 = box
    name, _, amount = change.partition("_")
    if name == "flip":
        return [r0, size[0] - c1, r1, size[0] - c0]
    if name == "shift":
        return [x + int(amount) for x in box]
    if name == "scale":
        return [r0 * new[1] / size[1], c0 * new[0] / size[0], r1 * new[1] / size[1], c1 * new[0] / size[0]]
    return box


def cells_under(change, seen, native, size, new):
    """-> pairs (cell of the changed picture's grid, cell of the native one) where the middle of the first lies in the second"""
    name, _, amount = change.partition("_")
    for r in range(seen[0]):
        for c in range(seen[1]):
            y, x = (r + 0.5) * new[1] / seen[0], (c + 0.5) * new[0] / seen[1]
            if name == "flip":
                x = size[0] - x
            elif name == "shift":
                y, x = y - int(amount), x - int(amount)
            elif name == "scale":
                y, x = y * size[1] / new[1], x * size[0] / new[0]
            row, col = math.floor(y * native[0] / size[1]), math.floor(x * native[1] / size[0])
            if 0 <= row < native[0] and 0 <= col < native[1]:
                yield r * seen[1] + c, row * native[1] + col


def main():
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        demo = top / "demo"
        run("demo-model", "--out", demo, "--seed", 3)
        rng = np.random.default_rng(5)
        sizes = {"wide": (165, 96), "tall": (64, 160), "square": (96, 96)}
        for name, (w, h) in sizes.items():
            smooth = Image.fromarray(rng.integers(0, 256, (h // 8, w // 8, 3), np.uint8)).resize((w, h), Image.Resampling.BICUBIC)
            smooth.save(top / f"{name}.png")
        box = [20, 34, 50, 60]
        for name, size in sizes.items():
            picture = Image.open(top / f"{name}.png").convert("RGB")
            for change in CHANGES:
                other = changed(picture, change, top)
                other.save(top / "other.png")
                new = other.size
                what = f"{name} {change}"
                asked = ["answer", "-m", demo, "-p", "What?", "-n", 3, "-q", "--json", "--budget", 3]
                ours = json.loads(run(*asked, "-i", top / f"{name}.png", "--pipeline", f"{MOVED}:picture={change}", "--box", ",".join(map(str, box)), "--dump", top / f"{what} a"))
                theirs = json.loads(run(*asked, "-i", top / "other.png", "--pipeline", MOVED, "--box", ",".join(map(str, moved(box, change, size, new))), "--dump", top / f"{what} b"))
                a, b = (np.load(top / f"{what} {x}" / "pixel_values.npy") for x in "ab")
                near = 3 / 255 if change.startswith("scale") and int(PIL.__version__.split(".")[0]) < 13 else 0  # Pillow 13 has another order of passes
                check(a.shape == b.shape and np.abs(a - b).max() <= near, f"{what}: pixels, {np.abs(a - b).max() if a.shape == b.shape else (a.shape, b.shape)}")
                check(ours["pictures"][0]["kept"] == theirs["pictures"][0]["kept"] and ours["tokens"] == theirs["tokens"], f"{what}: boxes and answer")
                check(ours["pipeline"] == f"{MOVED}:picture={change}@3", f"{what}: the name {ours['pipeline']}")
        run("answer", "-m", demo, "-i", top / "wide.png", "-p", "What?", "-q", "--pipeline", "full:picture=upside_down", status=2)

        # a sweep: the same answers, figures of the changed picture, and how alike it is looked at
        questions = [{"id": f"{n}-{i}", "images": [f"{n}.png"], "question": q, "answers": ["a"], "boxes": [box]} for n in sizes for i, q in enumerate(("What?", "Where is it?"))]
        questions.append({"id": "coordinates", "images": ["wide.png"], "question": "Box?", "answers": ["[1, 2, 30, 40]"], "metric": "box"})
        (top / "q.jsonl").write_text("".join(json.dumps(q) + "\n" for q in questions))
        folder = top / "run"
        table = run("sweep", "-m", demo, "--data", top / "q.jsonl", "--out", folder, "-n", 3, "-q", "-t", 1, "--kept", "--pipeline", "full,three_ways,oracle,stock", "--keep-ratio", "0.5",
                    "--picture", "native," + ",".join(CHANGES))
        check("right % by picture" in table, "a table by picture")
        rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
        check(not any("error" in r for r in rows) and {r["pipeline"] for r in rows} == {"stock"} | {f"{p}{s}" for s in [""] + [":picture=" + c for c in CHANGES] for p in ("full", "three_ways")} |
              {f"oracle{s}{leak}" for s in [""] + [":picture=" + c for c in CHANGES] for leak in ("", "_blank", "_other")} - {f"oracle{s}_other" for s in [""] + [":picture=" + c for c in CHANGES]}, f"columns {sorted({r['pipeline'] for r in rows})}")
        maps = {}
        for r in rows:
            change = r["pipeline"].partition(":picture=")[2].removesuffix("_blank")
            if r["id"] == "coordinates":
                check((r["score"] is None) == (change.partition("_")[0] in ("flip", "shift")), f"{r['key']}: a score of coordinates")
            if not r["pipeline"].startswith(("three_ways", "full")) or r["id"].endswith("-1"):
                continue
            question = next(q for q in questions if q["id"] == r["id"])
            flags = ["-m", demo, "-i", top / r["images"][0], "-p", question["question"], "-q", "--pipeline", r["pipeline"], *(["--keep-ratio", "0.5"] if r["budget"] != "all" else [])]
            one = json.loads(run("answer", *flags, "-n", 3, "--json", "-t", 1))
            check(one["answer"] == r["prediction"] and [t["token"] for t in one["pictures"][0]["kept"]] == r["kept_tokens"][0] and one["pictures"][0]["grid"] == r["grids"][0], f"{r['key']}: as answer")
            if r["pipeline"].startswith("three_ways"):
                maps[r["id"], change] = np.array(json.loads(run("allocate", *flags, "--json"))["pictures"][0]["relevance"]), r
        compared = 0
        for (i, change), (seen, row) in maps.items():
            if not change:
                check("rank_correlation" not in row["figures"], f"{row['key']}: nothing to compare")
                continue
            native, usual = maps[i, ""]
            size = sizes[row["images"][0].removesuffix(".png")]
            new = changed(Image.open(top / row["images"][0]).convert("RGB"), change, top).size
            pairs = list(cells_under(change, row["grids"][0], usual["grids"][0], size, new))
            a, b = ranks(seen[[p for p, _ in pairs]]), ranks(native[[p for _, p in pairs]])
            want = np.corrcoef(a, b)[0, 1]
            check(abs(row["figures"]["rank_correlation"] - want) < 1e-6, f"{row['key']}: {row['figures'].get('rank_correlation')} and {want}")
            compared += 1
        check(compared == 4 * len(CHANGES), f"{compared} correlations")
        check({r["figures"].get("recall") for r in rows if r["pipeline"].startswith("oracle") and "blank" not in r["pipeline"] and r["id"] != "coordinates"} == {1.0}, "the oracle sees its moved boxes")

        # wrong choices: their number, by seeds, and the same as `answer -s`
        wrong = top / "wrong"
        run("sweep", "-m", demo, "--data", top / "q.jsonl", "--out", wrong, "-n", 3, "-q", "-t", 1, "--kept", "--pipeline", "full,three_ways", "--budget", 6, "--corrupt", "0:0.5:0.25,1", "--seed", "0,1")
        rows = [json.loads(line) for line in (wrong / "rows.jsonl").read_text().splitlines()]
        kept = {(r["id"], r["pipeline"], r["seed"]): set(r["kept_tokens"][0]) for r in rows}
        check({(p, s) for _, p, s in kept} == {("full", 0), ("three_ways", 0)} | {(f"three_ways:corrupt={p}", s) for p in ("0.25", "0.5", "1") for s in (0, 1)}, f"columns {sorted({(p, s) for _, p, s in kept})}")
        for (i, pipeline, seed), own in kept.items():
            share = float(pipeline.partition("corrupt=")[2] or 0)
            right = kept[i, "three_ways", 0]
            total = math.prod(next(r["grids"][0] for r in rows if r["id"] == i))
            if pipeline != "full":
                check(len(own) == 6 and len(own - right) == min(total - 6, math.floor(6 * share + 0.5)), f"{i} {pipeline} {seed}: {len(own - right)} of {len(own)} are other tokens")
        check(any(kept[i, p, 0] != kept[i, p, 1] for i, p, s in kept if s == 1), "seeds draw other tokens")
        for r in rows[::3]:
            if r["pipeline"] != "full":
                one = json.loads(run("answer", "-m", demo, "-i", top / r["images"][0], "-p", r["question"], "-n", 3, "--json", "-q", "-t", 1, "--pipeline", r["pipeline"], "--budget", 6, "-s", r["draw"]))
                check(one["answer"] == r["prediction"] and [t["token"] for t in one["pictures"][0]["kept"]] == r["kept_tokens"][0], f"{r['key']}: as answer")
        axes = {a["setting"]: a for a in json.loads((wrong / "summary.json").read_text())["axes"]}
        check(axes["corrupt"]["values"] == ["0", "0.25", "0.5", "1"] and [c["column"] for c in axes["corrupt"]["columns"]] == ["three_ways@6"], f"an axis of wrong choices: {axes}")
        run("sweep", "-m", demo, "--data", top / "q.jsonl", "--out", top / "merged", "-n", 3, "-q", "--pipeline", "tome", "--corrupt", "0.1", status=2)
    print(f"picture_changes: {checks.made} checks, {len(checks.problems)} mismatches: {'FAILED' if checks.problems else 'ok'}")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
