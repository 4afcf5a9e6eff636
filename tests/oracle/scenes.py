#!/usr/bin/env python3
"""What `arrcoc scenes` writes, read back by other libraries: Pillow, json, csv, base64.

usage: scenes.py ARRCOC        exit 0 when all agrees, 1 on any mismatch, 77 when Pillow or NumPy is absent
"""
import base64
import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check

try:
    import numpy as np
    from PIL import Image
except ImportError as e:
    print(f"scenes: skipped, {e.name} is not installed")
    sys.exit(77)



def read_set(folder):
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    coco = json.loads((folder / "boxes.json").read_text())
    csv.field_size_limit(1 << 30)
    with open(folder / "questions.tsv", newline="") as f:
        table = list(csv.DictReader(f, delimiter="\t"))
    return rows, coco, table


def contrast_of(picture, box):
    r0, c0, r1, c1 = (int(round(v)) for v in box)
    cut = picture[r0:r1, c0:c1].astype(int)
    return int((cut.max(axis=(0, 1)) - cut.min(axis=(0, 1))).max()) if cut.size else 0


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        seen = 0
        for name, flags in {"png": [], "jpeg": ["--jpeg-quality", "92"], "wide": ["--size", "384x768", "--noise", "0"], "hard": ["--difficulty", "8"]}.items():
            out = root / name
            run = subprocess.run([program, "scenes", "--out", str(out), "--count", "30", "--seed", "5999990", "--scenario", "all", "--frames", "4", *flags],
                                 capture_output=True, text=True)
            check(run.returncode == 0, f"{name}: exit {run.returncode}: {run.stderr}")
            check(run.stdout == "", f"{name}: stdout is not empty")
            if run.returncode:
                continue
            rows, coco, table = read_set(out)
            check(len(rows) == len(table), f"{name}: {len(rows)} rows, {len(table)} in the table")
            sizes = {i["file_name"]: (i["height"], i["width"]) for i in coco["images"]}
            files = {p.relative_to(out).as_posix() for p in (out / "images").iterdir()}
            check(files == set(sizes), f"{name}: boxes.json names other pictures than there are")
            pictures = {}
            for f in files:
                pictures[f] = np.asarray(Image.open(out / f).convert("RGB"))
                check(pictures[f].shape[:2] == sizes[f], f"{name}: {f} has the shape {pictures[f].shape}, boxes.json says {sizes[f]}")
            holder = {}
            for row, line in zip(rows, table):
                where = f"{name}: {row['id']}"
                check(line["question"] == row["question"], f"{where}: TSV question {line['question']!r}")
                check(json.loads(line["boxes"]) == row["boxes"], f"{where}: TSV boxes")
                if row["metric"] == "none":
                    check(row["answers"] == [] and line["answer"] == "", f"{where}: an answer where none is scored")
                else:
                    check(line["answer"] == row["answers"][0] or json.loads(line["answer"]) == row["answers"], f"{where}: TSV answer {line['answer']!r}")
                split = "train" if int(row["id"].split("-")[1]) < 5000000 else "dev" if int(row["id"].split("-")[1]) < 6000000 else "test"
                check(row["split"] == split == line["split"], f"{where}: split {row['split']}")
                if len(line["image"]) > 64:
                    holder[line["index"]] = line["image"]
                shown = holder.get(line["index"], holder.get(line["image"]))
                check(shown is not None, f"{where}: no picture in the TSV")
                if shown and len(row["images"]) == 1:
                    again = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown, validate=True))).convert("RGB"))
                    check(np.array_equal(again, pictures[row["images"][0]]), f"{where}: the TSV holds another picture")
                for k, box in enumerate(row["boxes"]):
                    picture = pictures[row["images"][row.get("box_images", [0] * 999)[k]]]
                    check(0 <= box[0] < box[2] <= picture.shape[0] and 0 <= box[1] < box[3] <= picture.shape[1], f"{where}: box {box} outside")
                    if row["scenario"] not in ("popout_absence", "noise_text_blank", "face_wall", "camouflage"):
                        check(contrast_of(picture, box) > 25, f"{where}: nothing is drawn in {box}")
                    seen += 1
            ids = {c["id"] for c in coco["categories"]}
            by_id = {i["id"]: i for i in coco["images"]}
            for a in coco["annotations"]:
                x, y, w, h = a["bbox"]
                i = by_id[a["image_id"]]
                check(a["category_id"] in ids and x >= 0 and y >= 0 and x + w <= i["width"] + 1e-6 and y + h <= i["height"] + 1e-6 and abs(a["area"] - w * h) < 1e-3, f"{name}: annotation {a}")
        for flags, status, words in [(["--scenario", "recipt"], 2, "unknown scenario 'recipt'"), (["--size", "64"], 2, "expected 128 to 8192"), (["--size", "12y"], 2, "--size"),
                                     (["--count", "0"], 2, "count"), (["--out", str(root / "png")], 2, "expected a new or empty folder"), (["--atlas", str(root / "none")], 1, "no such file")]:
            run = subprocess.run([program, "scenes", *(["--out", str(root / "bad")] if "--out" not in flags else []), *flags], capture_output=True, text=True)
            check(run.returncode == status and words in run.stderr and run.stderr.count("\n") == 1, f"{flags}: exit {run.returncode}, {run.stderr!r}")
            check(not list(root.glob("bad*")), f"{flags}: something was left behind")
    print(f"scenes: {seen} boxes checked, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
