#!/usr/bin/env python3
"""Signals at random moments, and what ends a run from outside.   signals.py ARRCOC [SEED]

SIGINT, SIGTERM, SIGHUP and SIGKILL x answer, sweep and scenes x ten moments: the status is 128 + signal (or 0 when the run was faster), each
output is whole or absent, and nothing unfinished is left but a sweep's run, which the same command finishes; what a killed run leaves, the
next one removes. Then: a weight file that is cut while
it is mapped, a file size limit, closed and full outputs, a dangling link and a file's mode, names that hold escapes, lengths of what is echoed.
"""
import base64
import concurrent.futures
import csv
import fcntl
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zlib

program = str(pathlib.Path(sys.argv[1]).resolve())
seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 30)
MOMENTS = 10
problems, done = [], 0


def check(ok, sentence):
    global done
    done += 1
    if not ok:
        problems.append(sentence)
    return ok


def png(height, width):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x * y) & 255 for x in range(3 * width)) for y in range(height))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def run(arguments, cwd, **options):
    return subprocess.run([program, *map(str, arguments)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, **options)


def verbs(top):
    picture = top / "picture.png"
    return {
        "answer": (["answer", "-m", top / "demo", "-i", picture, "-p", "What?", "-n", "60", "--ignore-eos", "-q", "--json", "a.json", "--heatmap", "h.png", "--dump", "dump"], ["a.json", "h.png", "dump"]),
        "sweep": (["sweep", "-m", top / "demo", "--data", top / "data", "--out", "run", "-n", "2", "-q", "--pipeline", "grid,full"], ["run"]),
        "scenes": (["scenes", "--out", "suite", "--count", "12", "--size", "256", "--quiet"], ["suite"]),
    }


def whole(path, reference):
    """Is an output complete? Folders hold the names that an undisturbed run's has."""
    if path.is_dir():
        return sorted(p.name for p in path.rglob("*")) == sorted(p.name for p in reference.rglob("*"))
    data = path.read_bytes()
    if path.suffix == ".json":
        try:
            return isinstance(json.loads(data), dict)
        except ValueError:
            return False
    return data.startswith(b"\x89PNG") and data.endswith(b"IEND\xaeB`\x82")


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir() if ".partial" in p.name)


def started(process, number):
    """Waits until the program has its handlers."""
    while process.poll() is None:
        try:
            caught = int(next(line for line in open(f"/proc/{process.pid}/status") if line.startswith("SigCgt")).split()[1], 16)
        except (OSError, StopIteration):
            return
        if number == signal.SIGKILL or caught >> (number - 1) & 1:
            return
        time.sleep(0.001)


def disturb(name, number, delay, folder, arguments, outputs, reference):
    folder.mkdir(exist_ok=True)
    p = subprocess.Popen([program, *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    started(p, number)
    time.sleep(delay)
    p.send_signal(number)
    try:
        err = p.communicate(timeout=60)[1].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        p.kill()
        return [f"{name}, signal {number} after {delay:.3f} s: still running 60 s later"]
    wrong = []
    expected = -9 if number == signal.SIGKILL else 128 + number
    if p.returncode not in (0, expected):
        wrong.append(f"status {p.returncode}, expected {expected}: {err[-200:]}")
    for output in outputs:
        # a sweep that ended early goes on with what stands there
        unfinished = p.returncode != 0 and ((folder / output / "units.jsonl").exists() or (name == "sweep" and number == signal.SIGKILL))
        if (folder / output).exists() and not unfinished and not whole(folder / output, reference / output):
            wrong.append(f"{output} is half-written")
        elif p.returncode == 0 and not (folder / output).exists():
            wrong.append(f"status 0 without {output}")
    if number != signal.SIGKILL and leftovers(folder):
        wrong.append(f"left behind: {leftovers(folder)}")
    return [f"{name}, signal {number} after {delay:.3f} s: {w}" for w in wrong]


def check_signals(top):
    rng = random.Random(seed)
    jobs, again = [], []
    for name, (arguments, outputs) in verbs(top).items():
        reference = top / f"{name}_whole"
        reference.mkdir()
        began = time.monotonic()
        r = run(arguments, reference)
        if not check(r.returncode == 0 and all((reference / o).exists() for o in outputs), f"{name}: undisturbed: {r.returncode} {r.stderr.decode()[-300:]}"):
            continue
        seconds = time.monotonic() - began
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            for i in range(MOMENTS):
                jobs.append((name, number, rng.uniform(0, 1.1 * seconds), top / f"{name}{int(number)}_{i}", arguments, outputs, reference))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for wrong in pool.map(lambda job: disturb(*job), jobs):
            check(not wrong, "\n".join(wrong))
    for name, number, _, folder, arguments, outputs, reference in jobs:
        unfinished = (folder / "run").exists() and not whole(folder / "run", reference / "run")
        if not unfinished and (number != signal.SIGKILL or not leftovers(folder)):
            continue
        r = run(arguments, folder)
        check(r.returncode == 0 and not leftovers(folder) and all(whole(folder / o, reference / o) for o in outputs), f"{name} after a killed run: {r.returncode} {leftovers(folder)} {r.stderr.decode()[-200:]}")
        again.append(name)
    # Sure to be there, whatever the moments were: a partial file and a partial folder of nobody, and one that somebody holds.
    arguments, outputs = verbs(top)["answer"]
    folder = top / "stale"
    (folder / "dump.partial77_0").mkdir(parents=True)
    (folder / "dump.partial77_0" / "x.npy").write_bytes(b"x")
    (folder / "a.json.partial77_0").write_text("x")
    with open(folder / "a.json.partial78_0", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        r = run(arguments, folder)
        check(r.returncode == 0 and leftovers(folder) == ["a.json.partial78_0"], f"stale partials: {r.returncode} {leftovers(folder)}")


def check_files(top):
    demo, picture = top / "demo", top / "picture.png"
    ask = ["answer", "-m", demo, "-i", picture, "-p", "What?", "-n", "2"]
    folder = top / "files"
    folder.mkdir()

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
    r = run([*ask, "-q", "--json", "a.json"], folder, preexec_fn=limited)
    check(r.returncode == 2 and b"(E106)" in r.stderr and not list(folder.iterdir()), f"file size limit: {r.returncode} {r.stderr.decode()[-200:]} {list(folder.iterdir())}")
    for arguments in (["--help"], ["answer", "--help"], ["--version"], ["list"], ["explain", "top_k"], [*ask, "-q"], [*ask, "-q", "--json"]):
        with open("/dev/full", "wb") as full:
            p = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=60)
        check(p.returncode == 2 and b"(E106)" in p.stderr, f"{arguments[0]} onto a full device: {p.returncode} {p.stderr.decode()[-200:]}")
    read, write = os.pipe()
    os.close(read)
    p = subprocess.run([program, *map(str, ask), "-q"], stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, timeout=60)
    os.close(write)
    check(p.returncode == 2 and b"(E106)" in p.stderr, f"closed pipe: {p.returncode} {p.stderr.decode()[-200:]}")

    (folder / "link.json").symlink_to("target.json")
    r = run([*ask, "-q", "--json", "link.json"], folder)
    check(r.returncode == 0 and (folder / "link.json").is_symlink() and (folder / "target.json").is_file(), f"dangling link: {r.returncode} {r.stderr.decode()[-200:]}")
    (folder / "target.json").chmod(0o640)
    r = run([*ask, "-q", "--json", "link.json"], folder)
    check(r.returncode == 0 and stat.S_IMODE((folder / "target.json").stat().st_mode) == 0o640, "a file's mode is kept")
    r = run([*ask, "-q", "--json", "fresh.json"], folder, preexec_fn=lambda: os.umask(0o027))
    check(stat.S_IMODE((folder / "fresh.json").stat().st_mode) == 0o640, f"a new file has the mode of the umask: {oct((folder / 'fresh.json').stat().st_mode)}")

    url = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
    by_url = run([*ask[:3], "-i", url, *ask[5:], "--json", "url.json"], folder)
    by_path = run([*ask, "--json", "path.json"], folder)
    same = by_url.returncode == 0 and json.loads((folder / "url.json").read_text())["tokens"] == json.loads((folder / "path.json").read_text())["tokens"]
    check(same and len(by_url.stderr) < 4000, f"data URL: {by_url.returncode} {by_url.stderr.decode()[-200:]}")
    file_url = "file://localhost" + str(picture).replace("p", "%70", 1)
    r = run([*ask[:3], "-i", file_url, *ask[5:], "-q"], folder)
    check(r.returncode == 0 and r.stdout == run([*ask, "-q"], folder).stdout, f"file URL: {r.returncode} {r.stderr.decode()[-200:]}")

    odd = 'receipts, "old"\nand new'
    rows = [{"id": f"{i}{image[:4]}", "images": [image], "question": "Q?", "answers": ["A"], "scenario": scenario} for image in (url, file_url, str(picture)) for i, scenario in enumerate((odd, "form"))]
    (folder / "questions.jsonl").write_text("".join(json.dumps(q) + "\n" for q in rows))
    r = run(["sweep", "-m", demo, "--data", "questions.jsonl", "--out", "run", "-n", "1", "-q", "--pipeline", "grid"], folder)
    if check(r.returncode == 0, f"sweep of URLs: {r.returncode} {r.stderr.decode()[-200:]}"):
        with open(folder / "run" / "summary.csv", newline="") as f:
            table = list(csv.DictReader(f, strict=True))
        check([t["scenario"] for t in table] == ["all", "form", odd] and all(None not in t and t["n"] in ("6", "3") for t in table), f"CSV: {table}")

    for name in ("a\x1b[31mb.png", "a\u009b31mb.png", "x" * 200 + "/" + "y" * 60000):
        r = run([*ask[:3], "-i", name, *ask[5:]], folder)
        check(r.returncode in (1, 2) and b"\x1b" not in r.stderr and b"\xc2\x9b" not in r.stderr and len(r.stderr) < 2500 and r.stderr.rstrip().endswith(b")"), f"echo of {name[:12]!r}: {r.returncode} {len(r.stderr)} {r.stderr[-200:]}")
    r = run(["answer", "--" + "z" * 60000], folder)
    check(r.returncode == 2 and len(r.stderr) < 2500 and b"(E105)" in r.stderr, f"echo of a long flag: {len(r.stderr)} {r.stderr[-100:]}")


def check_cut_weights(top):
    """The file is cut to its header while the model answers."""
    model = top / "cut"
    shutil.copytree(top / "demo", model)
    ids = struct.pack("<100000q", *([7] * 100000))
    head = f"{{'descr': '<i8', 'fortran_order': False, 'shape': (100000,), }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    (top / "ids.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + ids)
    p = subprocess.Popen([program, "answer", "-m", model, "-p", "go on", "-n", "1000000", "--ignore-eos", "--force-ids", top / "ids.npy", "--json", top / "cut.json"], cwd=top, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.read(1)  # it answers
    with open(model / "model.safetensors", "r+b") as f:
        f.truncate(4096)
    try:
        err = p.communicate(timeout=10)[1].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:  # everything had been copied: nothing to show
        p.kill()
        p.communicate()
        print("note: the weights were not in their mapping any more")
        return
    check(p.returncode == 1 and "model.safetensors" in err.splitlines()[-1] and "cut while" in err and "(E402)" in err and not (top / "cut.json").exists(), f"weights cut in use: {p.returncode} {err[-300:]}")


def main():
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / "picture.png").write_bytes(png(200, 300))
        made = run(["demo-model", "--out", "demo"], top)
        scenes = run(["scenes", "--out", "data", "--count", "4", "--size", "128", "--quiet"], top)
        if made.returncode or scenes.returncode:
            sys.exit(f"signals: {made.stderr.decode()} {scenes.stderr.decode()}")
        check_signals(top)
        check_files(top)
        check_cut_weights(top)
    print("\n".join(problems[:40]) + ("\n" if problems else "") + f"signals: seed {seed}, {done - len(problems)} of {done} as they should be, {time.monotonic() - began:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
