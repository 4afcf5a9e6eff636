#!/usr/bin/env python3
"""What `answer` and `allocate` say and write of a clip: settings that come back, costs by pair, heatmaps, allocate.

usage: clip_outputs.py ARRCOC [--data DIR]     DIR holds clip.mp4; exit 0 when all is as docs/video.md says, 77 when ffmpeg or a package is absent
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check, ranks

try:
    import numpy as np
    from PIL import Image
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
checks.need_ffmpeg()

data = pathlib.Path(sys.argv[sys.argv.index("--data") + 1]) / "clip.mp4" if "--data" in sys.argv else None
arrcoc = str(pathlib.Path(sys.argv[1]).resolve())
work = tempfile.TemporaryDirectory()
here = pathlib.Path(work.name)
film, frames = here / "film.mp4", here / "frames"
subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x128:r=10:d=6", "-c:v", "mpeg4", "-q:v", "3", film], check=True)
frames.mkdir()
for i in range(5):
    noise = np.random.default_rng(i).integers(0, 256, (96, 160, 3), np.uint8)
    noise[:, 80:] = 60 + 40 * i
    Image.fromarray(noise).save(frames / f"f{i}.png")
Image.fromarray(noise).save(here / "still.png")
TIMES = [0, 0.5, 1.3, 2, 4]


def run(verb, *words):
    return subprocess.run([arrcoc, verb, *map(str, ["-m", checks.SMALL, "-p", "When?", *words])], capture_output=True, text=True, timeout=300, cwd=here)


def asked(*words, verb="answer"):
    """The JSON result; a failed run is a mismatch, and {}."""
    r = run(verb, "-n", 2, "-q", "--json", *words) if verb == "answer" else run(verb, "-q", "--json", *words)
    check(r.returncode == 0, f"{verb} {words}: {r.stderr.strip()[:300]}")
    return json.loads(r.stdout) if r.returncode == 0 else {}


def refused(code, status, part, *words, verb="answer"):
    r = run(verb, *words)
    lines = r.stderr.splitlines()
    check(r.returncode == status and r.stdout == "" and len(lines) == 1 and part in lines[0] and lines[0].endswith(f"(E{code})"),
          f"{verb} {words}: expected '{part}' (E{code}) and {status}, got {r.returncode}: {r.stderr[:300]}")


# --- settings come back ------------------------------------------------------------------------------------------------------
def seen(result):
    p = result["pictures"][0]
    return p["frame_seconds"], p["resized"], len(result["tokens"]), p["positions"], result["costs"]["sequence_length"]


def settings(*words):
    result = asked(*words)
    (here / "settings.json").write_text(json.dumps(result))
    return result


some = settings("--video", film, "--frames", 6, "--video-max-pixels", 60000, "--frame-cap", 4, "--clip-layout", "flat", "--budget", 5)
c = some["config"]
check((c["clip"]["route"], c["clip"]["layout"], c["clip_sampling"]["frames"], c["clip_limits"]["max_pixels"], c["clip_limits"]["frame_cap"]) == ("hf", "flat", 6, 60000, 4), f"config: {c}")
check(len(some["pictures"][0]["frame_seconds"]) == 6, f"six frames: {some['pictures'][0]['frame_seconds']}")
again = asked("--video", film, "--config", "settings.json")
check(seen(again) == seen(some) and again["config"] == c, f"--config: {seen(again)} {again['config']}, expected {seen(some)} {c}")
nested = asked("--video", film, "--config", "settings.json", "--clip-layout", "nested")
check(nested["costs"]["sequence_length"] == some["costs"]["sequence_length"] + 2, "--clip-layout beside --config wins")
rate = asked("--video", film, "--config", "settings.json", "--sample-fps", 1, "--min-frames", 2)
check(rate["config"]["clip_sampling"]["frames"] == 0 and len(rate["pictures"][0]["frame_seconds"]) == 6 and rate["config"]["clip_sampling"]["fps"] == 1, f"a rate beside --config wins: {rate['config']}")
qwen = settings("--video", film, "--route", "qwen-vl-utils", "--sample-fps", 3, "--max-frames", 8, "--frame-min-tokens", 4, "--context", 100, "--context-share", 0.5)
c = qwen["config"]
check((c["clip"]["route"], c["clip_sampling"]["fps"], c["clip_limits"]["min_frame_tokens"], c["clip_limits"]["context"], c["clip_limits"]["context_share"]) == ("qwen-vl-utils", 3, 4, 100, 0.5), f"config: {c}")
again = asked("--video", film, "--config", "settings.json")
check(seen(again) == seen(qwen) and again["config"] == c, f"--config, qwen-vl-utils: {again['config']}, expected {c}")
other = asked("--video", film, "--config", "settings.json", "--route", "hf-path")
check(other["config"]["clip"]["route"] == "hf" and other["pictures"][0]["resized"] != qwen["pictures"][0]["resized"], f"--route beside --config wins: {other['config']['clip']}")
timed = settings("--video", frames, "--times", ",".join(map(str, TIMES)))
check(timed["config"]["clip"]["times"] == "0,0.5,1.3,2,4" and timed["pictures"][0]["frame_seconds"] == TIMES[:4] + TIMES[4:], f"times: {timed['config']['clip']}")
check(seen(asked("--video", frames, "--config", "settings.json")) == seen(timed), "--config brings times back")
clock = asked("--video", frames, "--config", "settings.json", "--fps", 5)
check(clock["config"]["clip"] == {**timed["config"]["clip"], "fps": 5, "times": ""}, f"--fps beside --config wins: {clock['config']['clip']}")
still = asked("-i", "still.png", "--config", "settings.json")
check("clip" not in still["config"], "a question of pictures alone has no settings of clips")
hms = settings("--video", frames, "--times", "3,61,62,3600,7205", "--clip-timestamps", "hms", "--clip-layout", "flat")
check([p["timestamp"] for p in hms["pictures"][0]["pairs"]] == ["<00:00:32>", "<00:30:31>", "<02:00:05>"] and hms["config"]["clip"]["timestamps"] == "hms", f"hms: {hms['pictures'][0]['pairs']}")
check(seen(asked("--video", frames, "--config", "settings.json")) == seen(hms), "--config brings hms back")
check([p["timestamp"] for p in timed["pictures"][0]["pairs"]] == ["<0.2 seconds>", "<1.6 seconds>", "<4.0 seconds>"], f"timestamps: {timed['pictures'][0]['pairs']}")
refused(101, 2, "expected one of seconds, hms", "--video", film, "--clip-timestamps", "clock")
for wrong, part, code in (({"clip": {"route": "vllm"}}, "vllm", 101), ({"clip": {"layuot": "flat"}}, "layuot", 102), ({"clip_sampling": {"fps": -1}}, "clip_sampling", 101),
                          ({"clip": {"times": "0,x"}}, "clip.times", 101), ({"clip_limits": {"min_pixels": 9, "max_pixels": 3}}, "clip_limits", 101)):
    (here / "wrong.json").write_text(json.dumps(wrong))
    refused(code, 2, part, "--video", film, "--config", "wrong.json")

# --- costs by pair -----------------------------------------------------------------------------------------------------------
def shares(result, living):
    """Token-layers, prefill FLOPs and KV bytes of each pair, from the tokens of each pair that live in each layer."""
    layers = result["costs"]["layers"]
    each = [[n / layer["rows"] for n in row] for row, layer in zip(living, layers)]
    return {"token_layers": np.mean(living, 0), "prefill_flops": sum(np.multiply(e, layer["flops"]) for e, layer in zip(each, layers)),
            "kv_bytes": sum(np.multiply(e, layer["kv_bytes"]) for e, layer in zip(each, layers))}


for pipeline, before in (("none/frame_change/fixed:scale=none/top_k/gather", 0), ("none/none/flat/random/layer:before=1", 1), ("none/none/flat/random/early", 0), ("stock", None)):
    result = asked("--video", film, "--frames", 7, "--pipeline", pipeline, "--budget", 9)
    pairs = result["pictures"][0]["pairs"]
    kept, native = [p["kept"] for p in pairs], [p["tokens"] for p in pairs]
    layers = len(result["costs"]["layers"])
    living = [native if before is None or l < before else kept for l in range(layers)]
    for what, wanted in shares(result, living).items():
        got = [p[what] for p in pairs]
        check(np.allclose(got, wanted, rtol=1e-12), f"{pipeline}: {what} of pairs {got}, expected {wanted}")
    total = result["costs"]["token_layers"]
    check(abs(sum(p["token_layers"] for p in pairs) - total) < 1e-9 * total, f"{pipeline}: token-layers of pairs do not add up to {total}")
result = asked("--video", film, "--frames", 7, "--pipeline", "two_looks", "--budget", 9)
pairs, costs = result["pictures"][0]["pairs"], result["costs"]
first = result["pictures"][0]["decisions"][0]
wanted = np.add([p["kept"] for p in pairs], np.multiply([p["tokens"] for p in pairs], first["layer"] / len(costs["layers"])))
check(first.get("again") and np.allclose([p["token_layers"] for p in pairs], wanted), f"two looks: token-layers of pairs, expected {wanted}")
check(abs(sum(wanted) - costs["token_layers"]) < 1e-9 * sum(wanted), f"two looks: {sum(wanted)}, and {costs['token_layers']} in all")
share = sum(layer["flops"] * layer["visual"] / layer["rows"] for layer in costs["layers"])
check(np.isclose(sum(p["prefill_flops"] for p in pairs), share, rtol=1e-12) and share < costs["prefill_flops"], "two looks: prefill FLOPs of pairs add up to those of visual rows")
both = asked("-i", "still.png", "--video", film, "--video", frames, "--fps", 2, "--pipeline", "none/none/flat/random/gather", "--budget", 5)
rest, clips = both["pictures"][0]["kept_count"], [p for one in both["pictures"][1:] for p in one["pairs"]]
check(np.isclose(sum(p["token_layers"] for p in clips) + rest, both["costs"]["token_layers"]), "picture and two clips: token-layers add up")
told = run("answer", "-n", 2, "--video", film, "--frames", 7, "--pipeline", "none/frame_change/fixed:scale=none/top_k/gather", "--budget", 9).stderr
rows = dict(line.rsplit("  ", 1) for line in told.splitlines() if "of a pair" in line)
check(len(rows) == 2, f"rows of pairs: {rows}")

# --- heatmaps ------------------------------------------------------------------------------------------------------------------
HEAT = np.array([33, 144, 141.0])  # viridis in the middle, what a flat map has
GAP, LINE = 4, 11  # px between tiles, and of the line below each


def decoded(file, height, width):
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", file, "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def painted(frame, grid, kept):
    """The picture of a flat map, and which pixels show no outline: far enough from where kept and dropped meet."""
    height, width = frame.shape[:2]
    rows, cols = np.arange(height) * grid[0] // height, np.arange(width) * grid[1] // width
    alive = np.zeros(grid, bool)
    for row, col in kept:
        alive[row, col] = True
    alive = alive[rows][:, cols]
    p, luma = frame.astype(float), frame @ np.array([0.299, 0.587, 0.114])
    bright = p + (HEAT - p) * (0.18 + 0.22 * luma / 255)[..., None]
    dark = (44 + 0.3 * luma)[..., None] + 0.1 * HEAT
    reach = 5
    edge = np.pad(alive, reach)
    inside = np.ones_like(alive)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            inside &= edge[reach + dy:reach + dy + height, reach + dx:reach + dx + width]
    return np.where(alive[..., None], bright, dark), inside | ~alive


def kept_of(picture, pair):
    return [(k["row"], k["col"]) for k in picture["kept"] if k["frame"] == pair]


RANDOM = ["--pipeline", "none/none/flat/random/gather", "--keep-ratio", 0.4]
large = here / "large.mp4"
subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=640x320:r=10:d=2", "-c:v", "mpeg4", "-q:v", "3", large], check=True)
for file, size, tile, allowed in ((film, (128, 160), (128, 160), 1), (large, (320, 640), (160, 320), 3)):
    result = asked("--video", file, "--frames", 19, *RANDOM, "--heatmap", "sheet.png")
    picture, every = result["pictures"][0], decoded(file, *size)
    sheet = np.asarray(Image.open(here / "sheet.png"))
    height, width = tile[0] + LINE + GAP, tile[1] + GAP
    check(result["heatmaps"] == ["sheet.png"] and sheet.shape[1] == 8 * width + GAP and 10 < sheet.shape[0] - 2 * height - GAP < 50, f"sheet: {sheet.shape}")
    lines = set()
    for pair in range(10):
        cell = sheet[GAP + pair // 8 * height:, GAP + pair % 8 * width:][:tile[0] + LINE, :tile[1]]
        frame = Image.fromarray(every[picture["frame_indices"][2 * pair]]).resize(tile[::-1], Image.Resampling.BICUBIC)
        wanted, plain = painted(np.asarray(frame), picture["grid"], kept_of(picture, pair))
        worst = np.abs(cell[:tile[0]] - wanted)[plain].max()
        check(worst <= allowed, f"sheet of {file.name}, pair {pair}: differs by {worst}")
        lines.add(cell[tile[0]:].tobytes())
        check(cell[tile[0]:].min() < 80 and cell[tile[0]:].max() == 250, f"sheet, pair {pair}: no time below")
    check(len(lines) == 10, "sheet: each pair has a line of its own")

for words, durations in ((["--video", film, "--frames", 7], None), (["--video", frames, "--times", ",".join(map(str, TIMES))], [500, 800, 700, 2000, 2000])):
    result = asked(*words, *RANDOM, "--heatmap", "moving.webp")
    picture = result["pictures"][0]
    at = np.round(1000 * np.array(picture["frame_seconds"])).astype(int)
    durations = durations or [*np.diff(at), at[-1] - at[-2]]
    every = decoded(film, 128, 160) if words[1] == film else [np.asarray(Image.open(frames / f"f{i}.png")) for i in range(5)]
    with Image.open(here / "moving.webp") as moving:
        shown, lasted = [], []
        for i in range(moving.n_frames):
            moving.seek(i)
            shown.append(np.asarray(moving.convert("RGB")).astype(float))
            lasted.append(moving.info["duration"])
        check(moving.size == (160, every[0].shape[0] + LINE) and moving.info["loop"] == 0, f"animation: {moving.size}")
    check(lasted == list(durations), f"animation: frames last {lasted} ms, expected {list(durations)}")
    for i, image in enumerate(shown):
        wanted, plain = painted(every[picture["frame_indices"][i]], picture["grid"], kept_of(picture, i // 2))
        off = np.abs(image[:wanted.shape[0]] - wanted)[plain].mean()
        check(off < 12, f"animation, frame {i}: differs by {off} on average")
two = asked("-i", "still.png", "--video", film, "--frames", 4, *RANDOM, "--heatmap", "both.png")
check(two["heatmaps"] == ["both.png", "both-2.png"] and Image.open(here / "both-2.png").size[0] == 2 * 164 + 4, f"a picture and a clip: {two['heatmaps']}")
one = asked("--video", film, "--frames", 4, "--heatmap", "looked.png")
check(one["heatmaps"] == ["looked.png"], "the default pipeline draws too")
for part, words in ((".webp", ["-i", "still.png", "--video", film, "--heatmap", "x.webp"]), (".gif", ["--video", film, "--heatmap", "x.gif"]), ("--video", ["--video", film, "--heatmap", "film.mp4"]),
                    ("--video", ["--video", "a.webp", "--heatmap", "a.webp"])):
    (here / "a.webp").write_bytes((here / "moving.webp").read_bytes())
    refused(106, 2, part, *words)
check(not [f for f in here.iterdir() if f.name.startswith("x.")], "what was refused left nothing")

# --- allocate -------------------------------------------------------------------------------------------------------------------
EVS = ["--pipeline", "none/frame_change/fixed:scale=none/top_k/gather", "--budget", 27]
answered = asked("--video", film, "--frames", 7, *EVS, "--heatmap", "answered.png")
told = asked("--video", film, "--frames", 7, *EVS, "--heatmap", "told.png", verb="allocate")
picture, pairs = told["pictures"][0], told["pictures"][0]["pairs"]
check("answer" not in told and not {"prefill", "decode"} & set(told["milliseconds"]), f"allocate: no answer, {told['milliseconds']}")
check(all(picture[k] == answered["pictures"][0][k] for k in ("kept", "pairs", "positions", "frame_seconds")) and told["costs"] == answered["costs"], "allocate keeps and costs what answer does")
check(len(picture["relevance"]) == picture["tokens"] == 80 and picture["kept_count"] == 27 and [p["kept"] for p in pairs][0] == 20, f"allocate: {[p['kept'] for p in pairs]} kept")
times = picture["frame_seconds"] + picture["frame_seconds"][-1:]
for k in picture["kept"]:
    check(k["token"] == 20 * k["frame"] + 5 * k["row"] + k["col"] and abs(k["seconds"] - (times[2 * k["frame"]] + times[2 * k["frame"] + 1]) / 2) < 1e-9, f"allocate: {k}")
order = sorted(range(20, 80), key=lambda t: -picture["relevance"][t])[:7]
check(sorted(order) == [k["token"] for k in picture["kept"] if k["frame"] > 0], "allocate: the most relevant tokens behind the first pair")
check((here / "told.png").read_bytes() == (here / "answered.png").read_bytes(), "allocate draws what answer draws")
r = run("allocate", "--video", film, "--frames", 7, *EVS)
check("kept 27 of 80 tokens (4 pairs of frames, 4 x 5 grid)" in r.stderr and "kept of a pair" in r.stderr and json.loads(r.stdout)["pictures"] == told["pictures"], f"allocate tells: {r.stderr}")
check(asked("--video", film, "--frames", 7, "--pipeline", "two_looks", "--budget", 9, verb="allocate")["pictures"][0]["kept_count"] == 9, "allocate with a look")
refused(105, 2, "--video", verb="allocate")
refused(105, 2, "no --video", "--evidence", here, "--video", film, verb="allocate")
refused(105, 2, "the question has none", "-i", "still.png", "--frames", 4, verb="allocate")
refused(412, 1, "--fps or --times", "--video", frames, verb="allocate")

# --- times of the container, and memory -------------------------------------------------------------------------------------------
def shown_at(file):
    """ffprobe's times of the decoded frames, from the first one on."""
    told = json.loads(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "V:0", "-show_frames", "-of", "json", file], capture_output=True, check=True).stdout)
    seconds = np.array([float(f["best_effort_timestamp_time"]) for f in told["frames"]])
    return seconds - seconds[0]


uneven, minute, ten = here / "uneven.mkv", here / "minute.mp4", here / "ten.mp4"
subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=80x64:r=20:d=4", "-vf", "select='not(mod(n,7))+not(mod(n,3))+gt(n,60)'", "-fps_mode", "vfr", "-c:v", "mpeg4", uneven], check=True)
for file in [uneven, film] + [f for f in [data] if f and f.exists()]:
    picture, seconds = asked("--video", file, *EVS, verb="allocate")["pictures"][0], shown_at(file)
    at = seconds[picture["frame_indices"]]
    pairs = [(a + b) / 2 for a, b in zip(at[::2], np.append(at, at[-1])[1::2])]
    check(np.allclose(picture["frame_seconds"], at, atol=1e-6) and np.allclose([p["seconds"] for p in picture["pairs"]], pairs, atol=1e-6), f"{file.name}: times are not ffprobe's")
    check(all(abs(k["seconds"] - pairs[k["frame"]]) < 1e-6 for k in picture["kept"]), f"{file.name}: times of kept tokens")
subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=5:d=60", "-c:v", "mpeg4", "-q:v", "5", minute], check=True)
subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-stream_loop", "9", "-i", minute, "-c", "copy", ten], check=True)
for picture in ("kept.png", "kept.webp"):
    small, large = (asked("--video", file, "--frames", 48, *EVS, "--heatmap", picture, verb="allocate")["peak_memory_bytes"] / 2**20 for file in (minute, ten))
    check(large < small + 4, f"peak memory with {picture}: {small:.1f} MiB for a minute, {large:.1f} MiB for ten")

# --- what EVS keeps: the figures of docs/video.md ----------------------------------------------------------------------------------
subprocess.run([arrcoc, "scenes", "--out", here / "scene", "--scenario", "video", "--count", "1", "--frames", "60", "--seed", "6000000", "--size", "512"], check=True, capture_output=True)
questions = [json.loads(line) for line in (here / "scene/questions.jsonl").read_text().splitlines()]
car = next(q for q in questions if "car" in q["question"])
COUNTS = {0.5: [256, 171, 182, 175, 217, 11, 9, 3], 0.25: [256, 24, 28, 25, 165, 6, 6, 2], 0.125: [256, 0, 0, 0, 0, 0, 0, 0]}
OF_CAR = {EVS[1]: [19, 8, 0], "none/none/flat/random/gather": [15, 10, 4], "none/none/flat/grid/gather": [12, 8, 0]}
for pipeline, wanted in OF_CAR.items():
    for (share, counts), cells in zip(COUNTS.items(), wanted):
        picture = asked("--video", here / "scene/images", "--fps", 8, "--pipeline", pipeline, "--keep-ratio", share, verb="allocate")["pictures"][0]
        numbers, under = picture["frame_indices"], set()
        for (row0, col0, row1, col1), frame in zip(car["boxes"], car["box_images"]):
            if frame in numbers:
                under |= {(numbers.index(frame) // 2, r, c) for r in range(16) for c in range(16) if 32 * r < row1 and 32 * r + 32 > row0 and 32 * c < col1 and 32 * c + 32 > col0}
        got, per_pair = len(under & {(k["frame"], k["row"], k["col"]) for k in picture["kept"]}), [p["kept"] for p in picture["pairs"]]
        check(len(under) == 32 and abs(got - cells) <= 1, f"{pipeline} at {share}: {got} of the car's {len(under)} tokens, docs/video.md says {cells} of 32")
        check(pipeline != EVS[1] or np.abs(np.subtract(per_pair, counts)).max() <= 2, f"EVS at {share}: {per_pair}, docs/video.md says {counts}")
if data and data.exists():
    gray = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", data, "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"], capture_output=True, check=True).stdout
    every = np.frombuffer(gray, np.uint8).reshape(-1, 224, 398).astype(float)
    for share, rho, empty in ((0.5, 0.93, 6), (0.25, 0.92, 14), (0.125, 0.9, 31)):
        picture = asked("--video", data, *EVS[:2], "--keep-ratio", share, verb="allocate")["pictures"][0]
        kept, at = np.array([p["kept"] for p in picture["pairs"]]), picture["frame_indices"] + picture["frame_indices"][-1:]
        pairs = np.array([(every[at[2 * i]] + every[at[2 * i + 1]]) / 2 for i in range(len(kept))])
        change = np.abs(np.diff(pairs, axis=0)).mean((1, 2))
        got = np.corrcoef(ranks(kept[1:]), ranks(change))[0, 1]
        check(abs(got - rho) < 0.01 and abs((kept == 0).sum() - empty) <= 1, f"the real clip at {share}: rank correlation {got:.3f}, {(kept == 0).sum()} empty; docs/video.md says {rho} and {empty}")

print(f"clip outputs: {checks.made} checks, {len(checks.problems)} problems")
sys.exit(1 if checks.problems else 0)
