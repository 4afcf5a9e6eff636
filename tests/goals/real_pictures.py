#!/usr/bin/env python3
"""Every real picture through `answer` at four budgets, and relevance on hand-marked boxes.

  real_pictures.py PROGRAM MODEL DATA [--out DIR]

For each picture of DATA: budgets 64, 128, 256, 400 keep exactly that many tokens (or all, when the picture has fewer), the run ends
well, and a heatmap is written. On pictures with marked boxes (marked_boxes.json beside this script, native pixels), the median relevance of
the pipeline `document` inside text must lie above the 90th percentile of blank; the default follows the question, not text as such.
Exit 77 when DATA is not there.
"""
import array
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

program, model, data = sys.argv[1:4]
data = pathlib.Path(data)
if not data.is_dir():
    print(f"skipped: no folder {data}")
    sys.exit(77)
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]) if "--out" in sys.argv else pathlib.Path(tempfile.mkdtemp())
out.mkdir(parents=True, exist_ok=True)
marked = json.loads((pathlib.Path(__file__).parent / "marked_boxes.json").read_text())
marks = marked.get("pictures", marked)
problems = 0


def cells(box, grid, size):
    """Tokens whose centre lies in the box."""
    (rows, cols), (height, width) = grid, size
    r0, c0, r1, c1 = box
    return [(r, c) for r in range(rows) for c in range(cols)
            if r0 <= (r + 0.5) * height / rows < r1 and c0 <= (c + 0.5) * width / cols < c1]


for path in sorted(data.iterdir()):
    line = [path.name]
    for budget in (64, 128, 256, 400):
        result = subprocess.run([program, "answer", "-m", model, "-i", str(path), "-p", "What does it say?", "-n", "4", "--budget", str(budget), "--json",
                                 str(out / "r.json"), "--heatmap", str(out / f"{path.stem}_{budget}.png"), "--quiet"], capture_output=True, text=True)
        if result.returncode:
            problems += 1
            line.append(f"{budget}: {result.stderr.strip()[-200:]}")
            continue
        r = json.loads((out / "r.json").read_text())
        picture = r["pictures"][0]
        n, kept = picture["tokens"], picture["kept_count"]
        if kept != min(budget, n):
            problems += 1
            line.append(f"{budget}: kept {kept}")
        line.append(f"{kept}/{n}")
    if path.name in marks and result.returncode == 0:
        m = marks[path.name]
        grid = picture["grid"]
        size = m.get("size") or picture["size"]
        dump = out / f"{path.stem}_dump"
        subprocess.run([program, "answer", "-m", model, "-i", str(path), "-p", "What does it say?", "-n", "1", "--budget", "64", "--pipeline", "document", "--dump",
                        str(dump), "--quiet"], capture_output=True, check=True)
        raw = (dump / "relevance.npy").read_bytes()  # version 1, float32: the header's length stands at 8
        flat = array.array("f", raw[10 + int.from_bytes(raw[8:10], "little"):])
        values = {kind: [flat[r * grid[1] + c] for box in m[kind] for r, c in cells(box, grid, size)] for kind in ("text", "blank")}
        text = statistics.median(values["text"])
        blank = sorted(values["blank"])[int(0.9 * (len(values["blank"]) - 1))]
        line.append(f"text median {text:.3f}, blank 90th percentile {blank:.3f}")
        if not text > blank:
            problems += 1
            line.append("TEXT DOES NOT STAND OUT")
    print("  ".join(line), flush=True)
print(f"{'all pictures as they should be' if not problems else str(problems) + ' problems'}; heatmaps in {out}")
sys.exit(1 if problems else 0)
