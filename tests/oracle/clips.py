#!/usr/bin/env python3
"""Clips as sampled frames with their times, against ffmpeg's and ffprobe's own output and Pillow's composited frames.

usage: clips.py ARRCOC CLIP_FRAMES [--data DIR]     CLIP_FRAMES: tests/tools/clip_frames; DIR holds clip.mp4
Videos are made by ffmpeg. Then bad inputs, each one sentence; what runs beside ends with us; memory does not grow with the length; and the
commands of docs/video.md. Exit 77 when ffmpeg or a package is absent.
"""
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib

try:
    import numpy as np
    from PIL import Image
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
import checks
from checks import check
from picture_kinds import gif

checks.need_ffmpeg()

arrcoc, clip_frames = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
data = pathlib.Path(sys.argv[sys.argv.index("--data") + 1]) / "clip.mp4" if "--data" in sys.argv else None
work = tempfile.TemporaryDirectory()
here = pathlib.Path(work.name)
rng = np.random.default_rng(4)


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, args)], check=True)


def ours(*files, route="hf", fps=0, clock=0):
    """(frames [F, H, W, 3], indices, seconds, rate), or what was said."""
    out = here / "out.rgb"
    r = subprocess.run([clip_frames, "frames", route, str(fps), str(clock), out, *files], capture_output=True, text=True, timeout=120, cwd=here)
    if r.returncode:
        return r.stderr.strip()
    head, *rows = [line.split() for line in r.stdout.splitlines()]
    frames = np.fromfile(out, np.uint8).reshape(len(rows), int(head[0]), int(head[1]), 3)
    return frames, [int(a) for a, _ in rows], [float(b) for _, b in rows], float(head[2])


def equal(name, got, frames, seconds, tolerance=0):
    """All frames are those of `frames` at the indices, shown at the seconds."""
    if isinstance(got, str):
        return check(False, f"{name}: {got}")
    check(len(got[1]) > 0 and len(got[0]) == len(got[1]), f"{name}: {len(got[0])} frames for {len(got[1])} indices")
    want = [frames[i] for i in got[1]]
    worst = max(int(np.abs(a.astype(int) - b.astype(int)).max()) if a.shape == b.shape else 256 for a, b in zip(got[0], want))
    check(worst <= tolerance, f"{name}: pixels differ by {worst} (256: another size), at most {tolerance} allowed")
    late = max(abs(a - seconds[i]) for i, a in zip(got[1], got[2]))
    check(late < 1e-6, f"{name}: times differ by {late} s")
    return None


def every_frame(file, *before):
    """What ffmpeg decodes, and ffprobe's times of the decoded frames from the first one on."""
    shown = json.loads(subprocess.run(["ffprobe", "-v", "error", "-select_streams", "V:0", "-show_frames", "-show_streams", "-of", "json", file], capture_output=True, check=True).stdout)
    seconds = [float(f["best_effort_timestamp_time"]) for f in shown["frames"]]
    raw = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *before, "-i", file, "-map", "0:V:0", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"],
                         capture_output=True, check=True).stdout
    stream = shown["streams"][0]
    return np.frombuffer(raw, np.uint8).reshape(-1, stream["height"], stream["width"], 3), [s - seconds[0] for s in seconds]


# --- videos --------------------------------------------------------------------------------------------------------------
cfr, vfr, late, turned = here / "cfr.mp4", here / "vfr.mkv", here / "late.ts", here / "turned.mp4"
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=98x64:r=10:d=7.3", "-c:v", "mpeg4", "-q:v", 3, "-bf", 2, cfr)
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=80x64:r=20:d=4", "-vf", "select='not(mod(n,7))+not(mod(n,3))+gt(n,60)'", "-fps_mode", "vfr", "-c:v", "mpeg4", "-q:v", 3, vfr)
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2", "-c:v", "mpeg2video", "-q:v", 3, "-bf", 2, late)
ffmpeg("-i", cfr, "-c", "copy", "-metadata:s:v", "rotate=90", turned)
odd_size = here / "odd.mkv"
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=98x64:r=5:d=2", "-vf", "format=yuv444p,crop=97:63:0:0:0:1,format=yuv420p", "-c:v", "ffv1", odd_size)
for name, file in (("odd sizes", odd_size), ("constant rate", cfr), ("variable rate", vfr), ("a late start", late)):
    frames, seconds = every_frame(file)
    for fps in (0, 2, 30):
        got = ours(file, fps=fps)
        equal(f"{name}, {fps} a second", got, frames, seconds)
        if not isinstance(got, str):
            check(fps or got[1] == list(range(len(frames))), f"{name}: not every frame: {got[1]}")
seconds = every_frame(vfr)[1]
gaps = {round(b - a, 3) for a, b in zip(seconds, seconds[1:])}
check(len(gaps) > 1, f"the clip of variable rate has one rate: {gaps}")
upright, seconds = every_frame(turned, "-noautorotate")
side = json.loads(subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream_side_data=rotation", "-of", "json", turned], capture_output=True).stdout)
angle = side["streams"][0]["side_data_list"][0]["rotation"]
equal("a quarter turn", ours(turned), np.rot90(upright, angle // 90, axes=(1, 2)), seconds)
odd = here / "-a b'c%03d[1].mp4"
shutil.copy(cfr, odd)
equal("a strange name", ours(odd.name, fps=1), *every_frame(cfr))
if data and data.exists():
    frames, seconds = every_frame(data)
    for route in ("hf", "qwen-vl-utils"):
        equal(f"the real clip, {route}", ours(data, fps=2, route=route), frames, seconds)
        got = ours(data, fps=2, route=route)
        check(abs(got[3] - 3) < 1e-12 and len(got[1]) == {"hf": 289, "qwen-vl-utils": 288}[route], f"the real clip: {got[3]} a second, {len(got[1])} frames")

# --- animations ----------------------------------------------------------------------------------------------------------
def over_white(image):
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))


def by_pillow(file):
    frames, seconds, at = [], [], 0.0
    with Image.open(file) as image:
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(over_white(image))
            seconds.append(at)
            at += image.info["duration"] / 1000
    return frames, seconds


def drawing(i, mode):
    """A square that moves over noise or nothing."""
    a = np.zeros((24, 32, 4), np.uint8)
    if mode == "RGB":
        a[:] = noise
    a[3 + i:11 + i, 2 + 3 * i:12 + 3 * i] = (250 - 30 * i, 40 * i, 90, 255 if i % 2 else 140)
    return Image.fromarray(a, "RGBA").convert(mode)


def by_specification(file):
    """An animated PNG put together by the rules of its specification. Pillow's own reader pastes alpha too where frames are laid over what
    is transparent, and forgets to clear such frames; where frames replace, the two agree."""
    content, at, header, parts = file.read_bytes(), 8, b"", []
    while at < len(content):
        size, = struct.unpack(">I", content[at:at + 4])
        kind, body = content[at + 4:at + 8], content[at + 8:at + 8 + size]
        at += size + 12
        if kind == b"IHDR":
            header = body
        elif kind == b"fcTL":
            parts.append([struct.unpack(">IIIIHHBB", body[4:]), b""])
        elif kind in (b"IDAT", b"fdAT"):
            parts[-1][1] += body[0 if kind == b"IDAT" else 4:]
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    width, height = struct.unpack(">II", header[:8])
    opaque = header[9] == 2  # no alpha: cleared is black
    canvas, frames = np.zeros((height, width, 4)), []
    if opaque:
        canvas[..., 3] = 255
    for (w, h, x, y, _, _, disposal, blend), body in parts:
        one = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">II", w, h) + header[8:]) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
        new = np.asarray(Image.open(io.BytesIO(one)).convert("RGBA")).astype(float)
        before, area = canvas.copy(), canvas[y:y + h, x:x + w]
        if blend == 0:
            area[:] = new
        else:
            over, under = new[..., 3:] / 255, area[..., 3:] / 255
            alpha = over + under * (1 - over)
            area[..., :3] = np.where(alpha > 0, (new[..., :3] * over + area[..., :3] * under * (1 - over)) / np.maximum(alpha, 1e-9), 0)
            area[..., 3:] = 255 * alpha
        frames.append(np.round(255 + (canvas[..., :3] - 255) * canvas[..., 3:] / 255).astype(np.uint8))
        if disposal == 1 or (disposal == 2 and len(frames) == 1):
            area[:] = (0, 0, 0, 255 if opaque else 0)
        elif disposal == 2:
            canvas = before
    return frames


noise = np.concatenate([rng.integers(0, 256, (24, 32, 3), np.uint8), np.full((24, 32, 1), 255, np.uint8)], 2)
kinds = [("gif", m, {"disposal": d, "optimize": o}) for m in ("RGB", "RGBA") for d in (0, 1, 2, 3) for o in (False, True)]
kinds += [("webp", m, options) for m in ("RGB", "RGBA") for options in ({"lossless": True}, {"quality": 70}, {"lossless": True, "minimize_size": True})]
kinds += [("png", m, {"disposal": d, "blend": b}) for m in ("RGB", "RGBA") for d in (0, 1, 2) for b in (0, 1)]
for number, (suffix, mode, options) in enumerate(kinds):
    file = here / f"a{number}.{suffix}"
    images = [drawing(i, mode) for i in range(6)]
    images[0].save(file, save_all=True, append_images=images[1:], duration=[100, 250, 40, 330, 90, 500], loop=0, **options)
    frames, seconds = by_pillow(file)
    name, over = f"{suffix} {mode} {options}", options.get("blend") == 1
    if suffix == "png":
        equal(name + ", by its specification", ours(file), by_specification(file), seconds, 2)
    if not over:
        equal(name, ours(file), frames, seconds)
    got = ours(file, fps=4)
    equal(name + " at 4 a second", got, by_specification(file) if over else frames, seconds, 2 if over else 0)
    check(isinstance(got, str) or abs(got[3] - len(frames) / 1.31) < 1e-9, f"{name}: {got[3]} frames a second")
palette = bytes([250, 0, 0, 0, 250, 0, 0, 0, 250, 90, 90, 90])


def made_gif(disposals, through, delays):
    """Frames that cover a part, each with its disposal, transparent index and delay."""
    parts = [(0, 0, 9, 7), (2, 1, 5, 4), (4, 3, 5, 4), (0, 0, 3, 3), (1, 1, 7, 5)]
    file = gif(9, 7, [(*p, None, t, k % 2 == 1, rng.integers(0, 4, (p[3], p[2]))) for k, (p, t) in enumerate(zip(parts, through))], palette)
    at = 0
    for k, (disposal, delay) in enumerate(zip(disposals, delays)):
        at = file.index(b"!\xf9\x04", at) + 3
        file = file[:at] + struct.pack("<BH", (file[at] & 1) | disposal << 2, delay) + file[at + 3:]
    return file


for number in range(40):
    file = here / f"made{number}.gif"
    file.write_bytes(made_gif(rng.integers(0, 4, 5), [None if rng.random() < 0.5 else int(rng.integers(0, 4)) for _ in range(5)], rng.integers(1, 90, 5)))
    equal(f"made GIF {number}", ours(file), *by_pillow(file))
file = here / "still.gif"
file.write_bytes(made_gif([1] * 5, [None] * 5, [10, 0, 10, 10, 10]))
check("expected a clock" in str(ours(file)), f"a GIF with a delay of 0: {ours(file)}")
equal("a GIF with a delay of 0 and --fps", ours(file, clock=5), by_pillow(file)[0], [i / 5 for i in range(5)])

# --- frames ----------------------------------------------------------------------------------------------------------------
frames, _ = every_frame(cfr)
folder = here / "frames"
folder.mkdir()
for i in range(12):
    Image.fromarray(frames[i]).save(folder / f"f{i}.png")
equal("a folder", ours(folder, clock=8), frames, [i / 8 for i in range(12)])
files = [folder / f"f{i}.png" for i in (3, 1, 2)]
equal("a list with times", ours(*files, clock="0.5,0.75,3"), frames[[3, 1, 2]], [0.5, 0.75, 3])
got = ours(folder, clock=8, fps=2)
check(got[1] == [0, 4, 7, 11], f"a folder, sampled: {got[1]}")


# --- the verb -----------------------------------------------------------------------------------------------------------------
def run(*args, **options):
    return subprocess.run([arrcoc, *map(str, args)], capture_output=True, text=True, timeout=120, cwd=here, **options)


told = json.loads(run("clip", cfr, "--json", "--sheet", here / "sheet.png").stdout)
check(told["indices"] == [round(i) for i in np.linspace(0, 72, 14)] and told["resized"] == {"height": 64, "width": 96} and told["patches"]["count"] == 7 and told["tokens"] == 42, f"clip --json: {told}")
check(np.allclose(told["patches"]["seconds"], told["patches"]["reference_seconds"]), f"clip --json: times of a constant rate: {told['patches']}")
sheet = np.asarray(Image.open(here / "sheet.png"))
check(sheet.shape == (2 * 108 + 4, 8 * 164 + 4, 3), f"sheet: {sheet.shape}")
for i, index in enumerate(told["indices"]):
    cell = sheet[4 + i // 8 * 108:][:104, 4 + i % 8 * 164:][:, :160]
    want = np.asarray(Image.fromarray(frames[index]).resize((160, 104), Image.Resampling.BICUBIC))
    check(np.abs(cell.astype(int) - want).max() <= 2, f"sheet: frame {i} is not frame {index} of the clip")
plan = json.loads(run("explain", "video-plan", "--minutes", 120, "--context", 262144, "--json").stdout)
check((plan["frames"], plan["height"], plan["width"], plan["tokens_per_patch"], plan["tokens"], plan["room"]) == (768, 128, 224, 28, 10752, 235929), f"video-plan: {plan}")
check(abs(plan["rate_at_floor_per_frame"] - 235929 / 7200 / 128) < 1e-3 and plan["left"] == 262144 - 10752 - plan["marks"], f"video-plan: {plan}")
check(384 * 8 <= plan["marks"] <= 384 * 11, f"video-plan: {plan['marks']} tokens of 384 timestamps")

# --- bad input -------------------------------------------------------------------------------------------------------------------
sound, cut, middle, huge, none, cover = (here / n for n in ("sound.wav", "cut.mp4", "middle.mp4", "huge.mp4", "none.mp4", "cover.mp3"))
ffmpeg("-f", "lavfi", "-i", "sine=d=1", sound)
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x480:r=10:d=6", "-c:v", "mpeg4", "-q:v", 2, "-movflags", "faststart", here / "whole.mp4")
whole = (here / "whole.mp4").read_bytes()
cut.write_bytes(whole[:len(whole) // 2])
(here / "head.mp4").write_bytes(whole[:300])
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=6", "-c:v", "mpeg4", "-q:v", 2, here / "whole.mkv")
(here / "cut.mkv").write_bytes((here / "whole.mkv").read_bytes()[:90000])
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=7680x4320:r=5:d=0.4", "-c:v", "mpeg4", huge)
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x64:r=5:d=0.2", "-c:v", "mpeg4", here / "one.mp4")
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=5:d=1", "-frames:v", "0", "-c:v", "mpeg4", none)
ffmpeg("-i", sound, "-i", folder / "f0.png", "-map", "0", "-map", "1", "-c:v", "png", "-disposition:v:0", "attached_pic", cover)
# The index says that frames are there, and behind the third quarter of the file there is nothing that decodes.
broken = bytearray(whole)
start = whole.index(b"mdat") + 4 + (len(whole) - whole.index(b"mdat")) * 3 // 4
broken[start:] = bytes(len(broken) - start)
middle.write_bytes(broken)
(here / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:PORT/a.ts\n#EXT-X-ENDLIST\n")
(here / "cut.gif").write_bytes(made_gif([1] * 5, [None] * 5, [10] * 5)[:150])
for kind in ("webp", "png"):
    source = next(here / f"a{i}.{k}" for i, (k, m, o) in enumerate(kinds) if k == kind).read_bytes()
    (here / f"cut.{kind}").write_bytes(source[:len(source) * 2 // 3])
(here / "empty.mp4").write_bytes(b"")
for name, size, offset in (("first", "96x64", 0), ("again", "96x64", 0), ("other", "128x96", 2)):
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=2", "-c:v", "mpeg2video", "-q:v", 3, "-output_ts_offset", offset, here / f"{name}.ts")
(here / "back.ts").write_bytes((here / "first.ts").read_bytes() + (here / "again.ts").read_bytes())
(here / "change.ts").write_bytes((here / "first.ts").read_bytes() + (here / "other.ts").read_bytes())
(here / "text.mp4").write_text("no video at all, " * 99)
(here / "list.mp4").write_text("ffconcat version 1.0\nfile first.ts\n")
os.mkfifo(here / "pipe")
bad = [
    ("sound alone", 412, 1, ["without pictures that move"], [sound]),
    ("a song with a cover", 412, 1, ["without pictures that move"], [cover]),
    ("cut off", 412, 1, ["cut off behind"], [cut]),
    ("cut off in its head", 412, 1, ["without pictures that move"], ["head.mp4"]),
    ("cut off mkv", 412, 1, ["cut off behind"], ["cut.mkv"]),
    ("cut off GIF", 412, 1, ["cut off"], ["cut.gif"]),
    ("cut off WebP", 412, 1, ["cut off"], ["cut.webp"]),
    ("cut off PNG", 412, 1, ["cut off"], ["cut.png"]),
    ("a PNG animation of no frames", 412, 1, ["expected frames, got none"], [pathlib.Path(__file__).parents[1] / "fuzz/corpus/clip/no_frames.png"]),
    ("frames that do not decode", 412, 1, ["the clip ends early: expected frame", "sampled), got none"], [middle, "--check", "--max-frames", "60", "--sample-fps", "10"]),
    ("a clock that goes back", 412, 1, ["goes back behind 50 frames"], ["back.ts"]),
    ("frames of two sizes", 412, 1, ["expected 64x96 px as the header says, got another size"], ["change.ts", "--check"]),
    ("no frames", 412, 1, ["got"], [none]),
    ("one frame", 412, 1, ["expected at least 2, got 1"], ["one.mp4"]),
    ("one frame for qwen-vl-utils", 412, 1, ["an even number"], ["one.mp4", "--route", "qwen-vl-utils"]),
    ("8K frames", 408, 1, ["at most 16777216 pixels", "4320", "--max-decoded-pixels"], [huge]),
    ("an empty file", 412, 1, ["empty file"], ["empty.mp4"]),
    ("no video", 412, 1, ["ffprobe says"], ["text.mp4"]),
    ("a file that is not there", 401, 1, ["absent.mp4"], ["absent.mp4"]),
    ("a pipe", 402, 1, ["pipe"], ["pipe"]),
    ("a device", 402, 1, ["/dev/zero"], ["/dev/zero"]),
    ("a folder without frames", 412, 1, ["got none"], ["empty"]),
    ("a folder without a clock", 412, 1, ["expected a clock: --fps or --times"], [folder]),
    ("a folder with something else", 408, 1, ["expected a picture"], ["mixed", "--fps", "2", "--check"]),
    ("times that do not ascend", 101, 2, ["ascending", "0.5 behind 1"], [folder / "f0.png", folder / "f1.png", folder / "f2.png", "--times", "0,1,0.5"]),
    ("too few times", 101, 2, ["for each of 12 frames, got 2"], [folder, "--times", "0,1"]),
    ("times that are no numbers", 105, 2, ["--times"], [folder, "--times", "0,x"]),
    ("a clock for a clip that has one", 105, 2, ["a clock of its own"], [cfr, "--fps", "5"]),
    ("fps and times", 105, 2, ["exclude"], [folder, "--fps", "5", "--times", "0,1"]),
    ("more frames than there are", 101, 2, ["the clip's 73, got 74"], [cfr, "--frames", "74"]),
    ("no rate", 101, 2, ["above 0"], [cfr, "--sample-fps", "0"]),
    ("fewer at most than at least", 101, 2, ["least <= most"], [cfr, "--min-frames", "9", "--max-frames", "8"]),
    ("an unknown route", 101, 2, ["vllm"], [cfr, "--route", "vllm"]),
    ("a download", 401, 1, ["nothing is downloaded"], ["https://example.com/a.mp4"]),
    ("a list that downloads", 412, 1, ["ffprobe says"], ["list.m3u8"]),
    ("a list of files", 412, 1, ["a list of other files (concat)"], ["list.mp4"]),
    ("a cap beyond all frames", 101, 2, ["--frame-cap: expected 0 to 99999999"], [cfr, "--frame-cap", "9007199254740993"]),
    ("a count and a rate", 105, 2, ["--sample-fps", "--frames says how many"], [cfr, "--frames", "4", "--sample-fps", "1"]),
    ("a limit of the other route", 105, 2, ["--context", "it is of --route qwen-vl-utils"], [cfr, "--context", "5"]),
    ("a limit of hf for qwen-vl-utils", 105, 2, ["--video-max-pixels"], [cfr, "--route", "qwen-vl-utils", "--video-max-pixels", "99999"]),
    ("a sheet over its clip", 106, 2, ["--sheet"], [folder / "f0.png", folder / "f1.png", "--fps", "1", "--sheet", folder / "f0.png"]),
]
(here / "empty").mkdir()
shutil.copytree(folder, here / "mixed")
(here / "mixed/f3.png").write_text("notes")
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.settimeout(0.01)
    (here / "list.m3u8").write_text((here / "list.m3u8").read_text().replace("PORT", str(listener.getsockname()[1])))
    for name, code, status, words, args in bad:
        r = run("clip", *args)
        lines = r.stderr.splitlines()
        ok = len(lines) == 1 and lines[0].startswith("arrcoc: error:") and lines[0].endswith(f"(E{code})") and r.returncode == status and all(w in lines[0] for w in words)
        check(ok, f"{name}: expected one sentence with {words} (E{code}) and {status}, got {r.returncode}: {r.stderr[:600]}")
    try:
        listener.accept()
        check(False, "a list of addresses made ffmpeg connect")
    except TimeoutError:
        check(True, "")
r = run("clip", cfr, env={**os.environ, "PATH": str(here)})
check(r.returncode == 1 and "Debian package ffmpeg" in r.stderr and "(E304)" in r.stderr, f"no ffmpeg: {r.stderr}")

# --- ends with us, and stays small ---------------------------------------------------------------------------------------------
def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def peak(clip):
    """MiB of our own process while all frames of a clip are pulled."""
    p = subprocess.Popen([arrcoc, "clip", str(clip), "--check", "--max-frames", "100000", "--sample-fps", "10"], stdout=subprocess.DEVNULL)
    most = 0
    while p.poll() is None:
        try:
            most = max(most, *(int(v) for v in re.findall(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{p.pid}/status").read_text())), 0)
        except (OSError, ProcessLookupError):
            pass
        time.sleep(0.002)
    check(p.returncode == 0, f"{clip}: ended with {p.returncode}")
    return most / 1024


minute, ten = here / "minute.mp4", here / "ten.mp4"
ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=60", "-c:v", "mpeg4", "-q:v", 5, minute)
ffmpeg("-stream_loop", 9, "-i", minute, "-c", "copy", ten)
small, large = peak(minute), peak(ten)
check(checks.checks_addresses(arrcoc) or large < small + 3, f"peak memory: {small:.1f} MiB for a minute, {large:.1f} MiB for ten")

p = subprocess.Popen([arrcoc, "clip", str(ten), "--check", "--max-frames", "100000", "--sample-fps", "10"], stdout=subprocess.DEVNULL)
beside = []
for _ in range(500):
    time.sleep(0.01)
    beside = children(p.pid)
    if beside and "ffmpeg" in pathlib.Path(f"/proc/{beside[0]}/cmdline").read_text().split("\0")[0]:
        break
p.send_signal(signal.SIGKILL)
p.wait()
for _ in range(200):
    alive = [b for b in beside if pathlib.Path(f"/proc/{b}").exists()]
    if not alive:
        break
    time.sleep(0.01)
check(beside and not alive, f"killed, and ffmpeg goes on: {beside}, {alive}")

# --- the page --------------------------------------------------------------------------------------------------------------------
page = (checks.ROOT / "docs/video.md").read_text(encoding="utf-8")
commands = [c for block in re.findall(r"```sh\n(.*?)```", page, re.S) for c in block.splitlines() if re.match(r"(arrcoc (clip|explain)|ffmpeg) ", c)]
check(len(commands) >= 5, f"docs/video.md: {len(commands)} commands")
(here / "page").mkdir()
for command in commands:
    r = subprocess.run(["bash", "-c", re.sub(r"^arrcoc ", f"'{arrcoc}' ", command)], cwd=here / "page", capture_output=True, text=True)
    check(r.returncode == 0, f"docs/video.md: $ {command}: {r.stderr[-300:]}")
    shown = re.search(re.escape(command) + r"\n```\n\n```\n(.*?)```", page, re.S)
    check(not shown or shown[1] == r.stdout, f"docs/video.md: $ {command}: expected {shown and shown[1]}, got {r.stdout}")

print(f"clips: {len(kinds) + 41} animations, {len(bad) + 1} bad inputs, peak {small:.1f} and {large:.1f} MiB for 1 and 10 minutes, {len(commands)} commands; {checks.made} checks, {len(checks.problems)} problems")
sys.exit(1 if checks.problems else 0)
