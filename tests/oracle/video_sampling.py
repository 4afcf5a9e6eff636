#!/usr/bin/env python3
"""Which frames of a clip are sampled, when they are shown, and their size, against the references' own functions.

usage: video_sampling.py PROGRAM [--utils FILE]
PROGRAM is tests/tools/clip_frames. transformers' video processor cannot be imported without torchvision; its functions need no more than
NumPy, so they are taken out of its source one by one and run. qwen-vl-utils is transcribed here with torch's linspace; --utils names its
vision_process.py, whose functions then stand in for the transcription. The vectors of the facts page stand here too. Exit 77 when a
package is absent.
"""
import ast
import importlib.util
import math
import pathlib
import subprocess
import sys
import types

try:
    import numpy as np
    import torch
    import transformers
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
import checks
from checks import check

program = sys.argv[1]
rng = np.random.default_rng(11)


def functions(path, names, around):
    """The functions `names` of a source file, methods too, run with the names of `around`."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name in names and node.name not in found:
            node.decorator_list, node.returns = [], None
            for a in [*node.args.args, *node.args.kwonlyargs, node.args.kwarg]:
                if a is not None:
                    a.annotation = None
            module = ast.Module(body=[node], type_ignores=[])
            exec(compile(ast.fix_missing_locations(module), str(path), "exec"), around, found)
            around[node.name] = found[node.name]
    assert set(found) == set(names), f"{path}: {set(names) - set(found)} is missing"
    return found


folder = pathlib.Path(importlib.util.find_spec("transformers").origin).parent / "models/qwen3_vl"
quiet = types.SimpleNamespace(warning_once=lambda *_: None, warning=lambda *_: None)
hf = functions(folder / "video_processing_qwen3_vl.py", ["smart_resize", "sample_frames"], {"math": math, "np": np, "logger": quiet})
hf |= functions(folder / "processing_qwen3_vl.py", ["_calculate_timestamps"], {"np": np})


# --- qwen-vl-utils 0.0.14 ------------------------------------------------------------------------------------------------
def utils_count(total, rate, s):
    if s["frames"]:
        n = round(s["frames"] / 2) * 2
    else:
        least, most = math.ceil(s["least"] / 2) * 2, math.floor(min(s["most"], total) / 2) * 2
        n = math.floor(min(min(max(total / rate * s["fps"], least), most), total) / 2) * 2
    if not 2 <= n <= total:
        raise ValueError(n)
    return n


def utils_resize(height, width, factor, min_pixels, max_pixels):
    if max(height, width) / min(height, width) > 200:
        raise ValueError
    h, w = (max(factor, round(v / factor) * factor) for v in (height, width))
    if h * w > max_pixels:
        beta = math.sqrt(height * width / max_pixels)
        h, w = (math.floor(v / beta / factor) * factor for v in (height, width))
    elif h * w < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        h, w = (math.ceil(v * beta / factor) * factor for v in (height, width))
    return h, w


if "--utils" in sys.argv:
    real = functions(pathlib.Path(sys.argv[sys.argv.index("--utils") + 1]),
                     ["round_by_factor", "ceil_by_factor", "floor_by_factor", "smart_nframes", "smart_resize"],
                     {"math": math, "logger": quiet, "FRAME_FACTOR": 2, "FPS": 2.0, "FPS_MIN_FRAMES": 4, "FPS_MAX_FRAMES": 768, "MAX_RATIO": 200})
    utils_resize = real["smart_resize"]

    def utils_count(total, rate, s):  # noqa: F811
        ask = {"nframes": s["frames"]} if s["frames"] else {"fps": s["fps"], "min_frames": s["least"], "max_frames": s["most"]}
        return real["smart_nframes"](ask, total, rate)


# --- what the references say ---------------------------------------------------------------------------------------------
def sampled(route, total, rate, s):
    if route == "hf":
        self = types.SimpleNamespace(fps=None if s["frames"] else s["fps"], min_frames=s["least"], max_frames=s["most"])
        return hf["sample_frames"](self, types.SimpleNamespace(total_num_frames=total, fps=rate), num_frames=s["frames"] or None).tolist()
    return torch.linspace(0, total - 1, utils_count(total, rate, s)).round().long().tolist()


def size(route, frames, h, w, l):
    if route == "hf":
        most = l["most"]
        if l["cap"]:
            most = frames * max(min(l["cap"] * 1024, l["most"] // frames), int(l["least"] * 1.05))
        h, w = hf["smart_resize"](num_frames=frames, height=h, width=w, temporal_factor=2, factor=32, min_pixels=l["least"], max_pixels=most)
    else:
        if frames < 2:
            raise ValueError
        least = l["frame_least"] * 1024
        most = max(min(l["frame_most"] * 1024, l["context"] * 1024 * l["share"] / frames * 2), int(least * 1.05))
        h, w = utils_resize(h, w, 32, least, most)
        if min(h, w) == 0:
            raise ValueError
    patches = math.ceil(frames / 2)
    return h, w, patches, patches * (h // 32) * (w // 32)


def wanted(f, *args):
    try:
        return f(*args)
    except (ValueError, ZeroDivisionError):
        return None


def ours(what, lines):
    done = subprocess.run([program, what], input="\n".join(" ".join(map(str, l)) for l in lines) + "\n", capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def compare(what, lines, expected):
    answers = ours(what, lines)
    check(len(answers) == len(lines), f"{what}: {len(answers)} answers to {len(lines)} lines")
    for line, want, got in zip(lines, expected, answers):
        got = None if got == "error" else [float(v) for v in got.split()]
        want = None if want is None else [float(v) for v in want]
        if got != want:
            at = next((i for i, (a, b) in enumerate(zip(want or [], got or [])) if a != b), 0)
            check(False, f"{what} {line[:12]}: expected {want and want[at:at + 4]}, got {got and got[at:at + 4]} at place {at} of {want and len(want)} and {got and len(got)}")
        else:
            check(True, "")
    return sum(w is None for w in expected)


released = {"fps": 2, "frames": 0, "least": 4, "most": 768}
cases = [(r, total, rate, released) for r in ("hf", "utils") for total in (1, 2, 3, 4, 5, 7, 10, 73, 250, 434, 1536, 1537, 100_000, 432_000)
         for rate in (0.1, 1.0, 2.0, 3.0, 24.0, 25.0, 30000 / 1001, 60.0, 434 / (1777664 / 12288))]
for _ in range(600):
    total = int(2 ** rng.uniform(0, 17))
    least = int(rng.integers(1, 12))
    s = {"fps": float(rng.choice([0.25, 0.5, 1, 2, 3.3, 8, 60])), "frames": 0, "least": least, "most": int(rng.integers(least, 900))}
    if rng.random() < 0.3:
        s = {**released, "frames": int(rng.integers(1, total + 1))}
    cases.append((str(rng.choice(["hf", "utils"])), total, float(rng.choice([rng.uniform(0.5, 61), 25.0, 24000 / 1001, 12.5])), s))
expected = [wanted(sampled, *c) for c in cases]
name = {"hf": "hf", "utils": "qwen-vl-utils"}
refused = compare("sampling", [[name[r], total, repr(rate), repr(s["fps"]), s["frames"], s["least"], s["most"]] for r, total, rate, s in cases], expected)

moments = [(rate, i) for (r, total, rate, s), i in zip(cases, expected) if i is not None and len(i) < 900][:400]
compare("times", [[repr(rate), *i] for rate, i in moments], [hf["_calculate_timestamps"](None, list(i), rate, 2) for rate, i in moments])

limits = {"least": 4096, "most": 25165824, "cap": 0, "frame_least": 128, "frame_most": 768, "context": 128000, "share": 0.9}
shapes = [(r, f, h, w, limits) for r in ("hf", "utils") for f in (1, 2, 3, 4, 5, 7, 20, 60, 768)
          for h, w in ((1, 1), (16, 16), (20, 40), (31, 6200), (31, 6300), (32, 6400), (32, 6401), (48, 9600), (100, 100), (224, 398), (240, 320), (360, 640), (720, 1280), (1080, 1920), (1920, 1080), (2160, 3840), (4320, 7680), (200, 1))]
for _ in range(600):
    h, w = (int(2 ** rng.uniform(0, 13)) for _ in "hw")
    l = dict(limits)
    if rng.random() < 0.5:
        l["least"] = int(2 ** rng.uniform(0, 20))
        l["most"] = l["least"] + int(2 ** rng.uniform(5, 27))
        l["cap"] = int(rng.choice([0, 1, 64, 768]))
        l["frame_least"] = int(rng.integers(1, 300))
        l["frame_most"] = l["frame_least"] + int(rng.integers(0, 2000))
        l["context"], l["share"] = int(2 ** rng.uniform(10, 20)), float(rng.choice([0.1, 0.5, 0.9, 1]))
    shapes.append((str(rng.choice(["hf", "utils"])), int(2 ** rng.uniform(0, 10.5)), h, w, l))
expected = [wanted(size, *c) for c in shapes]
refused += compare("sizes", [[name[r], f, h, w, l["least"], l["most"], l["cap"], l["frame_least"], l["frame_most"], l["context"], repr(l["share"])] for r, f, h, w, l in shapes], expected)

# --- vectors that were written down when the references were run -----------------------------------------------------------
compare("sampling", [["hf", 250, 25, 2, 0, 4, 768], ["hf", 73, 24, 2, 0, 4, 768], ["hf", 10, 24, 2, 0, 4, 768], ["hf", 3, 1, 2, 0, 4, 768], ["hf", 9, 24, 2, 5, 4, 768]],
        [[0, 13, 26, 39, 52, 66, 79, 92, 105, 118, 131, 144, 157, 170, 183, 197, 210, 223, 236, 249], [0, 14, 29, 43, 58, 72], [0, 3, 6, 9], [0, 1, 2], [0, 2, 4, 6, 8]])
plain = [4096, 25165824, 0, 128, 768, 128000, 0.9]
compare("sizes", [["hf", *v, *plain] for v in ((4, 360, 640), (20, 720, 1280), (60, 1080, 1920), (768, 1080, 1920), (5, 240, 320), (7, 100, 100), (4, 20, 40), (2, 16, 16))],
        [(352, 640, 2, 440), (704, 1280, 10, 8800), (480, 832, 30, 11700), (128, 224, 384, 10752), (256, 320, 3, 240), (96, 96, 4, 36), (32, 64, 2, 4), (64, 64, 1, 4)])
capped = [4096, 25165824, 768, *plain[3:]]
for (f, h, w), tokens in (((4, 1080, 1920), 1440), ((20, 720, 1280), 7200), ((60, 1080, 1920), 11700)):
    got = ours("sizes", [["hf", f, h, w, *capped]])[0].split()
    check(int(got[3]) == tokens, f"sizes with the cap {f, h, w}: expected {tokens} tokens, got {got}")
printed = [f"{float(t):.1f}" for t in ours("times", [[25, *ours("sampling", [["hf", 250, 25, 2, 0, 4, 768]])[0].split()]])[0].split()]
check(printed == "0.3 1.3 2.4 3.4 4.5 5.5 6.5 7.6 8.7 9.7".split(), f"times of 250 frames at 25 a second: {printed}")

print(f"video_sampling: transformers {transformers.__version__}, {len(cases)} samplings, {len(shapes)} sizes, {len(moments)} clocks, {refused} refused; "
      f"{checks.made} checks, {len(checks.problems)} problems")
sys.exit(1 if checks.problems or refused < 10 else 0)
