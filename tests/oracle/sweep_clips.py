#!/usr/bin/env python3
"""Clips in sweeps: every row beside `arrcoc answer` on the same clip (answer, costs, kept tokens), figures beside NumPy, bad clips, shards, kills, the report's sheet.

usage: sweep_clips.py ARRCOC [--corners]        --corners: the hard cases alone; exit 0 when all agrees, 1 on any mismatch, 77 without ffmpeg or NumPy
"""
import base64
import io
import json
import math
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

try:
    import numpy as np
    from PIL import Image
except ImportError:
    print("skipped: needs numpy and Pillow")
    sys.exit(77)

import checks
from checks import SMALL, check, need_ffmpeg

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
EVS = "none/frame_change/fixed:scale=none/top_k/gather"
COLUMNS = ["full", "stock", "random", "uniform_frames", EVS, "uniattn", "semvid", "default", "oracle"]
PRODUCT = ("rows.jsonl", "summary.json", "summary.csv")


def run(*args, status=0, **options):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600, **options)
    check(done.returncode == status, f"{' '.join(map(str, args))[-200:]}: exit {done.returncode}: {done.stderr[-400:]}")
    return done


def rows_of(folder):
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


def same(one, other, what, names=PRODUCT):
    for name in names:
        check((one / name).exists() and (one / name).read_bytes() == (other / name).read_bytes(), f"{what}: {name} differs")


def make_data(top):
    """Films as frames with fps, the same as a folder, a video and a GIF; times of their own; what is wrong."""
    run("scenes", "--out", top / "films", "--scenario", "video", "--count", 3, "--frames", 18, "--size", 128, "--seed", 6300000, "--no-tsv", "-q")
    data = top / "films"
    lines = [json.loads(line) for line in (data / "questions.jsonl").read_text().splitlines()]
    frames = data / "as_folder"
    frames.mkdir()
    for name in lines[0]["images"]:
        shutil.copy(data / name, frames)
    subprocess.run(["ffmpeg", "-v", "error", "-framerate", "8", "-i", data / "images/video_6300000_%03d.png", "-c:v", "ffv1", data / "film.mkv"], check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=3", data / "test.gif"], check=True)
    (data / "cut.mkv").write_bytes((data / "film.mkv").read_bytes()[:3000])
    car = lines[1]
    plain = {"question": "When does it end?", "answers": ["3 seconds"], "metric": "relaxed_loose"}
    more = [
        {"id": "folder", "video": "as_folder", "fps": 8, "boxes": car["boxes"], "box_images": car["box_images"], "when": car["when"]} | {k: car[k] for k in ("question", "answers", "metric")},
        {"id": "file", "video": "film.mkv", "boxes": car["boxes"], "box_seconds": car["box_seconds"], "when": car["when"]} | {k: car[k] for k in ("question", "answers", "metric")},
        {"id": "marked", "videos": ["test.gif"], "question": "<video>\nWhen does it end?", "answers": ["3 seconds"], "metric": "relaxed_loose"},
        {"id": "times", "images": lines[0]["images"][:5], "times": [0, 1, 2.5, 3, 7]} | plain,
        {"id": "gone", "video": "nowhere.mp4"} | plain,
        {"id": "cut", "video": "cut.mkv"} | plain,
        {"id": "clockless", "video": "as_folder"} | plain,
        {"id": "outside", "video": "as_folder", "fps": 8, "boxes": [[0, 0, 500, 10]], "box_images": [3]} | plain,
        {"id": "frame", "video": "as_folder", "fps": 8, "boxes": [[0, 0, 50, 10]], "box_images": [18]} | plain,
        {"id": "both", "images": lines[0]["images"][:1], "video": "film.mkv"} | plain,
        {"id": "inside", "video": "film.mkv"} | plain | {"question": "In <image> when does it end?"},
        {"id": "picture", "images": lines[0]["images"][:1], "question": "What is the title?", "answers": lines[0]["answers"]},
    ]
    (data / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in lines + more))
    return data, {q["id"]: q for q in lines + more}


def answered(data, question, row):
    """`arrcoc answer` on the same; None where it has no such path."""
    if row["pipeline"].startswith("oracle"):
        return None
    clip = []
    if "images" in question:
        folder = data / ("alone_" + question["id"])
        if not folder.exists():
            folder.mkdir()
            for k, name in enumerate(question["images"]):
                shutil.copy(data / name, folder / f"{k:04}.png")
        clip = [folder, "--times", ",".join(map(str, question["times"]))] if "times" in question else [folder, "--fps", question["fps"]]
    else:
        clip = [data / (question.get("video") or question["videos"][0])] + (["--fps", question["fps"]] if "fps" in question else [])
    out = data / "answer.json"
    run("answer", "-m", SMALL, "--video", *clip, "-p", row["question"], "--pipeline", row["pipeline"], *([] if row["budget"] == "all" else ["--keep-ratio", row["budget"]]),
        "--seed", row["draw"], "-n", 8, "-t", 1, "--min-frames", 6, "--json", out, "-q")
    return json.loads(out.read_text())


def cells_under(box, height, width, rows, cols):
    r0, c0, r1, c1 = box
    tall, wide = height / rows, width / cols
    r, c = np.arange(rows), np.arange(cols)
    down = np.clip(np.minimum(r1, (r + 1) * tall) - np.maximum(r0, r * tall), 0, None)
    across = np.clip(np.minimum(c1, (c + 1) * wide) - np.maximum(c0, c * wide), 0, None)
    return down[:, None] * across[None]


def figures(question, row, height, width):
    """recall, frame_recall and worst_frame by their definitions."""
    if not question.get("boxes"):
        return {}
    clip, (rows, cols) = row["clips"][0], row["grids"][0]
    frames = clip["frames"]
    numbers = question.get("box_images") or [round(t * 8) for t in question["box_seconds"]]
    kept = np.zeros(len(clip["seconds"]) * rows * cols, bool)
    kept[row["kept_tokens"][0]] = True
    kept = kept.reshape(-1, rows, cols)
    under = np.zeros(kept.shape, bool)
    shares = []
    for at, frame in enumerate(frames):
        own = [b for b, n in zip(question["boxes"], numbers) if n == frame]
        cells = sum(cells_under(b, height, width, rows, cols) for b in own) > 0 if own else np.zeros((rows, cols), bool)
        under[at // 2] |= cells
        if cells.any():
            shares.append(kept[at // 2][cells].mean())
    if not shares:
        return {}
    return {"recall": kept[under].mean(), "frame_recall": np.mean(shares), "worst_frame": np.min(shares)}


def oracle_kept(question, row, height, width):
    """The tokens that the union of the pair's boxes covers most, equal ones by the smaller index; what is left over is not looked at."""
    clip, (rows, cols) = row["clips"][0], row["grids"][0]
    numbers = question["box_images"]
    area = []
    for pair in range(len(clip["seconds"])):
        own = [b for b, n in zip(question["boxes"], numbers) if n in clip["frames"][2 * pair:2 * pair + 2]]
        fine = np.zeros((height * 4, width * 4), bool)
        for r0, c0, r1, c1 in own:
            fine[round(r0 * 4):round(r1 * 4), round(c0 * 4):round(c1 * 4)] = True
        area += list(fine.reshape(rows, height * 4 // rows, cols, width * 4 // cols).sum(axis=(1, 3)).ravel() / 16)
    order = sorted((t for t in range(len(area)) if area[t] > 0), key=lambda t: (-area[t], t))
    return set(order[:row["kept"]])


def check_rows(data, questions, folder):
    rows = rows_of(folder)
    clips = [r for r in rows if "clips" in r]
    check(len(clips) > 100 and not [r for r in clips if "error" in r], f"{len(clips)} rows of clips")
    compared = 0
    for row in clips:
        question = questions[row["id"]]
        size = (64, 96) if row["id"] == "marked" else (128, 128)
        if row["id"] not in ("folder", "file", "marked", "times") and row["pipeline"] not in ("random", EVS, "default", "uniform_frames") and row["id"] != clips[0]["id"]:
            continue
        alone = answered(data, question, row)
        for name, value in figures(question, row, *size).items():
            check(abs(row["figures"].get(name, -1) - value) < 1e-9, f"{row['key']}: {name} {row['figures'].get(name)}, expected {value}")
        if row["pipeline"] == "oracle" and "box_images" in question:
            want = oracle_kept(question, row, *size)
            check(want <= set(row["kept_tokens"][0]), f"{row['key']}: oracle's covered tokens")
        if alone is None:
            continue
        compared += 1
        check(alone["answer"] == row["prediction"], f"{row['key']}: {row['prediction']!r}, alone {alone['answer']!r}")
        check({k: v for k, v in alone["costs"].items() if k != "layers"} == row["costs"], f"{row['key']}: costs {row['costs']} alone {alone['costs']}")
        kept = [k["token"] for k in alone["pictures"][0]["kept"]]
        check(kept == row["kept_tokens"][0], f"{row['key']}: kept tokens differ")
        check(alone["pictures"][0]["frame_indices"] == row["clips"][0]["frames"], f"{row['key']}: frames")
        check([p["kept"] for p in alone["pictures"][0]["pairs"]] == row["clips"][0]["kept"], f"{row['key']}: tokens of pairs")
        check([p["seconds"] for p in alone["pictures"][0]["pairs"]] == row["clips"][0]["seconds"], f"{row['key']}: times of pairs")
    check(compared > 60, f"{compared} rows compared with answer")
    first = lambda text: (re.findall(r"\d+(?:\.\d+)?", text) or [None])[0]
    timed = 0
    for row in clips:  # answers of this model state bare numbers and seconds
        gold = questions[row["id"]]["answers"][0]
        truth = questions[row["id"]].get("when", [[float(first(gold) or 0)]])[0][0]
        said = first(row["prediction"]) if re.fullmatch(r"[a-z ]*\d+(\.\d+)?[a-z ]*( to \d+(\.\d+)?[a-z ]*)?", row["prediction"]) else None
        timed_gold = "when" in questions[row["id"]] or re.search(r"\d (s|second)", gold)
        if first(gold) is None or not timed_gold:
            check("seconds_off" not in row["figures"], f"{row['key']}: no time was asked")
        elif said is not None:
            timed += 1
            check(abs(row["figures"].get("seconds_off", -1) - abs(float(said) - truth)) < 1e-9, f"{row['key']}: seconds_off {row['figures'].get('seconds_off')} of {row['prediction']!r}")
    check(timed > 10, f"{timed} times")
    return len(clips), compared


def check_report(data, folder):
    """The sheet of a question: its picture, kept tokens and map, moved by hand."""
    page = (folder / "report.html").read_text()
    rows = json.loads(re.search(r'<script type="application/json" id="rows">(.*?)</script>', page, re.S).group(1))
    number = next(i for i, r in enumerate(rows) if r[0] == "folder")
    facts = json.loads(re.search(r'id="facts">(.*?)</script>', page, re.S).group(1))
    detail = json.loads(re.search(rf'id="q-{number}">(.*?)</script>', page, re.S).group(1))
    row = next(r for r in rows_of(folder) if r["id"] == "folder" and r["pipeline"] == EVS)
    clip, (r, c) = row["clips"][0], row["grids"][0]
    pairs = len(clip["seconds"])
    columns = [k for k in range(1, 9) if pairs % k == 0]
    across = next((k for k in columns if k * k >= pairs), columns[-1])
    column = detail["columns"][str(facts["columns"].index(row["key"].split(" ", 1)[1]))]
    grid = column["pictures"][0]["grid"]
    check(grid == [pairs // across * r, across * c] and "frames" not in column["pictures"][0], f"sheet: grid {grid} of {pairs} pairs")
    order = np.arange(pairs * r * c).reshape(pairs // across, across, r, c).transpose(0, 2, 1, 3).ravel()  # clip's token of each cell of the sheet
    check(sorted(int(order[t]) for t in column["pictures"][0]["kept"]) == row["kept_tokens"][0], "sheet: kept tokens")
    check(column["pictures"][0]["kept"] == sorted(column["pictures"][0]["kept"]), "sheet: kept tokens ascend")
    line = next(json.loads(x) for f in sorted((folder / "maps").iterdir()) for x in f.read_text().splitlines() if json.loads(x)["key"] == row["key"])
    own, shown = line["pictures"][0], column["pictures"][0]
    check({(t, own["rank"][i], own["value"][i]) for i, t in enumerate(own["kept"])} == {(int(order[t]), shown["rank"][i], shown["value"][i]) for i, t in enumerate(shown["kept"])}, "sheet: ranks and values")
    raw = np.frombuffer(base64.b64decode(line["decisions"][0]["pictures"][0]["relevance"][2]), np.uint8)
    moved = np.frombuffer(base64.b64decode(detail["maps"][column["decisions"][0]["pictures"][0]["relevance"]][2]), np.uint8)
    check(np.array_equal(raw[order], moved), "sheet: relevance")
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(rf'id="{detail["pictures"][0]["id"]}">data:image/jpeg;base64,(.*?)<', page).group(1))))
    check(picture.size == (128 * across, 128 * (pairs // across)), f"sheet: picture {picture.size}")
    files = sorted((data / "as_folder").iterdir())
    for k in range(pairs):
        tile = np.asarray(picture.crop((k % across * 128, k // across * 128, k % across * 128 + 128, k // across * 128 + 128)), float)
        frame = np.asarray(Image.open(files[clip["frames"][2 * k]]).convert("RGB"), float)
        check(np.abs(tile - frame).mean() < 6, f"sheet: tile {k} is {np.abs(tile - frame).mean():.1f} levels off")
    check(len(detail["boxes"][0]) > 0 and all(0 <= x <= 1 for b in detail["boxes"][0] for x in b), "sheet: boxes")


def check_texture(data, folder):
    """A clip's texture on its sheet: the channel is the map of the scorer that takes it as it is."""
    run("sweep", "-m", SMALL, "--data", data, "--limit", 3, "-n", 2, "-t", 1, "--pipeline", "full,named:channels=flow+luma/channel:of=flow/fixed:scale=none/top_k/gather",
        "--keep-ratio", "0.25", "--min-frames", 6, "--keep-maps", "--out", folder, "-q")
    seen = 0
    for text in re.findall(r'id="q-\d+">(.*?)</script>', (folder / "report.html").read_text(), re.S):
        detail = json.loads(text)
        for column in detail["columns"].values():
            for picture in (p for d in column.get("decisions", []) for p in d["pictures"] if "texture" in p):
                texture = detail["textures"][picture["texture"]]
                seen += 1
                check(texture["channels"] == ["flow", "luma"] and detail["maps"][texture["maps"][0]] == detail["maps"][picture["relevance"]], "sheet: texture")
    check(seen > 0, "sheet: no texture")


def check_corners(data, top):
    """Films that share both ends, boxes in frames that nobody looks at, counts beside times, clocks and boxes that contradict, pictures beside clips in either order."""
    film = [json.loads(line) for line in (data / "questions.jsonl").read_text().splitlines()][:1][0]["images"]
    shades = [f"images/shade{i}.png" for i in range(4)]
    for name, (one, two) in zip(shades, ((0, 0), (60, 60), (200, 60), (255, 255))):
        Image.fromarray(np.repeat(np.array([[one] * 64 + [two] * 64] * 128, np.uint8)[..., None], 3, 2)).save(data / name)
    plain = {"question": "When does it end?", "answers": ["3 seconds"], "metric": "relaxed_loose"}
    ask = lambda id_, frames=film, **more: {"id": id_, "images": frames, "fps": 8} | plain | more

    def sweep(name, items, *more, pipeline="full,random,oracle", status=0):
        (data / f"{name}.jsonl").write_text("".join(json.dumps(q) + "\n" for q in items))
        done = run("sweep", "-m", SMALL, "--data", data / f"{name}.jsonl", "--out", top / name, "-n", 2, "-t", 1, "--seed", 0, "--keep-ratio", "0.25", "--kept", "--min-frames", 4,
                   *(["--pipeline", pipeline] if pipeline else []), *more, status=status)
        return done.stderr, rows_of(top / name) if (top / name / "rows.jsonl").exists() else []

    # the same ends, other frames between
    ends = [shades[0], shades[1], shades[1], shades[3]], [shades[0], shades[2], shades[2], shades[3]]
    evs = "none/frame_change/fixed:scale=none/top_k/gather"
    _, rows = sweep("ends", [ask("dark", ends[0]), ask("light", ends[1])], pipeline="random," + evs)
    sweep("light", [ask("light", ends[1])], pipeline="random," + evs)
    check(json.loads((top / "ends/run.json").read_text())["units"] == 2, "two films that share both ends are two")
    check(len({tuple(r["images"]) for r in rows}) == 2 and len({r["draw"] for r in rows if r["pipeline"] == "random"}) == 2, "their names and draws are their own")
    if rows:
        check([r for r in rows if r["id"] == "light"] == rows_of(top / "light"), "a film is answered as it is alone")

    # boxes in no frame that is looked at: four of eighteen are
    lost = ask("lost", boxes=[[10, 10, 60, 60]], box_images=[2])
    seen = ask("seen", boxes=[[10, 10, 60, 60]], box_images=[0])
    said, rows = sweep("lost", [lost, seen])
    by = {(r["id"], r["pipeline"]): r for r in rows}
    check("1 questions have no box" in said and not [r for r in rows if "error" in r], f"lost boxes: {said[-300:]}")
    check({p for i, p in by if i == "lost"} == {"full", "random", "oracle"} and ("seen", "oracle_blank") in by, f"lost boxes: {sorted(by)}")
    sweep("none", [ask("lost")])
    none = {r["pipeline"]: r for r in rows_of(top / "none")} if (top / "none/rows.jsonl").exists() else {}
    if none and by:
        check(by["lost", "oracle"]["kept_tokens"] == none["oracle"]["kept_tokens"] and "recall" not in by["lost", "oracle"]["figures"], "lost boxes: the lattice")

    # numbers that count are no times
    _, rows = sweep("counts", [ask("count", question="How many cars are there?", answers=["3"]), ask("when", answers=["3"], when=[[2, 4]]), ask("unit")], pipeline="full", )
    check(not [r for r in rows if r["id"] == "count" and "seconds_off" in r["figures"]], "a count has no seconds_off")
    check(not [r for r in rows if r["id"] != "count" and first_number(r["prediction"]) and "seconds_off" not in r["figures"]], "a time has")

    # what contradicts itself or has no end is left out
    wrong = [ask("slow", fps=1e-9), ask("later", fps=None, times=[*range(17), 2e9]), ask("clocks", times=[i / 4 for i in range(18)]), ask("length", boxes=[[0, 0, 9, 9]], box_images=[0], box_seconds=[0, 1]),
             ask("frames", boxes=[[0, 0, 9, 9]], box_images=[2], box_seconds=[1])]
    right = ask("right", times=[i / 8 for i in range(18)], boxes=[[0, 0, 9, 9]], box_images=[8], box_seconds=[1])
    said, rows = sweep("wrong", [*wrong, right], pipeline="full")
    for id_, words in {"slow": "fps: expected", "later": "expected frames before", "clocks": "fps and times", "length": "box_seconds: expected one for each", "frames": "expected the same frame, got 2 and 8"}.items():
        line = [x for x in said.splitlines() if f"('{id_}')" in x]
        check(len(line) == 1 and words in line[0] and "left out" in line[0], f"{id_}: {line}")
    check([r["id"] for r in rows] == ["right"], f"one is right: {[r['id'] for r in rows]}")

    # pictures and clips, whichever stands first
    picture = {"id": "picture", "images": film[:1], "question": "What is it?", "answers": ["a car"]}
    for name, items in (("ahead", [ask("clip"), picture]), ("behind", [picture, ask("clip")])):
        _, rows = sweep(name, items, pipeline="full,downsample")
        errors = {(r["id"], r["pipeline"]): r.get("error", "") for r in rows}
        check(len(rows) == 4 and [k for k, e in errors.items() if e] == [("clip", "downsample")] and "expected a picture, got a clip" in errors["clip", "downsample"], f"{name}: {errors}")
    _, rows = sweep("both", [ask("clip"), picture], pipeline="")
    check({r["pipeline"] for r in rows} == {"full", "default", "random", "grid", "centre", "oracle"} and all(r["pipeline"] == "centre" for r in rows if "error" in r), f"columns of both: {[(r['key'], r.get('error')) for r in rows]}")

    # flags that say nothing
    for flag, value in (("--image-max-tokens", 64), ("--fps", 4)):
        said, rows = sweep("idle", [ask("clip")], flag, value, pipeline="full", status=2)
        check(flag in said and "says nothing here" in said and not rows, f"{flag}: {said[-200:]}")
    said = run("bench", "-m", SMALL, "--video", data / "as_folder", "--fps", 8, "--size", 64, status=2).stderr
    check("--size says nothing here" in said, f"bench: {said[-200:]}")


def first_number(text):
    return re.fullmatch(r"\d+(\.\d+)?( seconds)?", text)


def main():
    need_ffmpeg()
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        data, questions = make_data(top)
        common = ["sweep", "-m", SMALL, "--data", data, "-n", 8, "-t", 1, "--pipeline", ",".join(COLUMNS), "--keep-ratio", "0.25", "--seed", "0,1", "--min-frames", 6, "--kept", "--keep-maps"]
        check_corners(data, top)
        if "--corners" in sys.argv:
            print("\n".join(checks.problems))
            return 1 if checks.problems else 0
        whole = top / "whole"
        began = time.monotonic()
        done = run(*common, "--out", whole)
        seconds = time.monotonic() - began
        for id_, words in {"gone": "no such clip", "cut": "", "clockless": "--fps", "outside": "box outside", "frame": "expected below 18, got 18", "both": "expected one of them", "inside": "stands before the text"}.items():
            lines = [x for x in done.stderr.splitlines() if f"('{id_}')" in x]
            check(len(lines) == 1 and words in lines[0] and "left out" in lines[0], f"{id_}: {lines}")
        record = json.loads((whole / "run.json").read_text())
        asked = record["run"]["asked"]
        check(asked.get("clip_sampling.min_frames") == 6 and asked.get("clip.layout") == "nested" and asked.get("clip_limits.max_pixels") == 16777216, f"settings of clips: {asked}")
        counted, compared = check_rows(data, questions, whole)
        check_report(data, whole)
        check_texture(data, top / "texture")

        # a clip and its clock are a unit: three films, a folder, a file, a GIF, frames with times, and a picture
        check(record["units"] == 8, f"{record['units']} units")
        parts = []
        for i in (1, 2, 3):
            parts.append(top / f"part{i}")
            run(*common, "--out", parts[-1], "--shard", f"{i}/3", "-q")
        run("merge", *parts, "--out", top / "merged", "-q")
        same(top / "merged", whole, "three shards")
        for file in (whole / "maps").iterdir():
            check((top / "merged/maps" / file.name).read_bytes() == file.read_bytes(), f"three shards: maps {file.name}")

        # killed twice in the middle, then the rest
        part, middles = top / "killed", 0
        for until in (1, 4):
            p = subprocess.Popen([PROGRAM, *map(str, common), "--out", str(part), "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            units = part / "units.jsonl"
            while p.poll() is None and not (units.exists() and units.read_text().count("\n") >= until):
                time.sleep(0.005)
            p.send_signal(signal.SIGKILL)
            p.wait()
            middles += p.returncode == -9
        check(middles == 2, f"{middles} ends in the middle")
        run(*common, "--out", part, "-q")
        same(part, whole, "killed twice")

        # other settings of clips are another run; without clips they are refused
        done = run(*common, "--out", whole, "--sample-fps", 4, status=2)
        check("clip_sampling.fps" in done.stderr, f"another rate: {done.stderr[-300:]}")
        done = run("sweep", "-m", SMALL, "--data", data, "--out", top / "no", "--limit", 1, "--pipeline", "downsample", "--keep-ratio", "0.25", status=1)
        check("[injector.downsample]" in done.stderr, f"what reads a picture anew ends a run that has answered nothing: {done.stderr[-300:]}")
        (data / "pictures.jsonl").write_text(json.dumps(questions["picture"]) + "\n")
        done = run("sweep", "-m", SMALL, "--data", data / "pictures.jsonl", "--out", top / "no", "--sample-fps", 4, status=2)
        check("the data has none" in done.stderr, done.stderr[-300:])
        check(not (top / "no").exists(), "no folder of a refused run")

        # a clip that ends early is rows with their reason, never the end
        (data / "late.jsonl").write_text("".join(json.dumps(q) + "\n" for q in (questions["file"], {"id": "late", "video": "late", "fps": 8, "question": "When?", "answers": ["3"], "metric": "exact"}, questions["folder"])))
        late = data / "late"
        shutil.copytree(data / "as_folder", late)
        last = sorted(late.iterdir())[-1]
        last.write_bytes(last.read_bytes()[:300])
        done = run("sweep", "-m", SMALL, "--data", data / "late.jsonl", "--out", top / "late", "--pipeline", "full,random", "--keep-ratio", "0.5", "--seed", 0, "-n", 2)
        late_rows = rows_of(top / "late")
        check([bool(r.get("error")) for r in late_rows] == [False, False, True, True, False, False] and "E4" in late_rows[2]["error"], f"late: {[r.get('error') for r in late_rows]}")

        # the columns of clips alone where none are named; published tables
        run("sweep", "-m", SMALL, "--data", data / "late.jsonl", "--out", top / "columns", "--limit", 1, "-n", 1, "--seed", 0)
        check([r["pipeline"] for r in rows_of(top / "columns")] == ["full", "default", "random", "grid", "uniform_frames", EVS, "oracle", "oracle_blank"], "columns of clips")
        (data / "table.tsv").write_text("index\tvideo\tquestion\tanswer\n7\tfilm\tWhen does the car leave?\t2 seconds\n")
        (data / "log.jsonl").write_text(json.dumps({"doc_id": 3, "doc": {"video": "film.mkv", "question": "When?", "answer": "2"}, "target": "2"}) + "\n")
        for name in ("table.tsv", "log.jsonl"):
            run("sweep", "-m", SMALL, "--data", data / name, "--out", top / name, "--pipeline", EVS, "--keep-ratio", "0.25", "-n", 2, "-q")
            row = rows_of(top / name)[0]
            check(row["clips"][0]["frames"] == [0, 6, 11, 17] and row["kept"] == row["tokens"] // 4, f"{name}: {row['clips']}")
        converted = top / "converted"
        run("convert", "--data", data / "late.jsonl", "--out", converted, "-q")
        again = [json.loads(x) for x in (converted / "questions.jsonl").read_text().splitlines()]
        check([("video" in q, q.get("fps")) for q in again][0] == (True, None) and len(again[0]["boxes"]) == len(again[0]["box_images"]), f"converted: {again[0].keys()}")
        print(f"sweep_clips: {counted} rows of clips, {compared} beside answer, {seconds:.1f} s; {checks.made} checks, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
