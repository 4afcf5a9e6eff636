#!/usr/bin/env python3
"""Two builds, or two trees, of this project side by side: what a change costs in time, and in compiling.

usage: beside_commit.py run BASE_PROGRAM NEW_PROGRAM [-m MODEL] [-i PICTURE] [--pairs 20] [--side 1024] [--limit 1.03] [--json FILE] [-- ARGUMENT...]
       beside_commit.py compile BASE_TREE NEW_TREE [--file examples/pipeline_by_type.cpp] [--pairs 5] [--limit 1.2] [--compiler 'g++ -std=c++20 -O2']
                                [--json FILE]

run: `arrcoc answer` and `arrcoc allocate` of one question with SELECT, a process each time, base and new in turn (who goes first changes from pair to
pair, one pair before the first is thrown away). Reported: `decision`, the milliseconds of texture, score, balance, allocate and inject; `answer`, of all
stages but load and decode_image; `answer process` and `allocate process`, from start to end. Without -i the picture is seeded noise of SIDE pixels.
Arguments behind -- go to both programs.
compile: the file of each tree with its headers; seconds of the compiler, and its largest resident memory (the kernel's count for all its processes).
build_info.hpp is made empty where the tree has only its template.

A ratio is new / base: the geometric mean over the pairs, with a 95 % interval by 10,000 seeded resamples of the pairs. Exit status 1 when the lower end
of a ratio lies above the limit. Let nothing else run meanwhile; the load is printed.
"""
import argparse
import json
import math
import os
import pathlib
import random
import re
import shlex
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib

DECISION = ("texture", "score", "balance", "allocate", "inject")
OUTSIDE = ("load", "decode_image")


def noise_png(path, side):
    """Seeded noise over stripes, so that no two tokens score alike."""
    rng = random.Random(1)
    rows = b"".join(b"\0" + bytes(min(255, (90 if (x // 7 + y // 11) % 3 else 10) + rng.randrange(120)) for x in range(side) for _ in range(3)) for y in range(side))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def run_once(program, arguments):
    """Milliseconds by what is reported."""
    out = {}
    for verb, more in (("answer", ["-n", "16", "--ignore-eos", "-q"]), ("allocate", ["-q"])):
        start = time.perf_counter()
        done = subprocess.run([program, verb, *arguments, *more, "--json", "-"], capture_output=True, text=True)
        out[f"{verb} process"] = (time.perf_counter() - start) * 1e3
        if done.returncode != 0:
            sys.exit(f"{program} {verb}: {done.stderr.strip()}")
        if verb == "answer":
            stages = json.loads(done.stdout)["milliseconds"]
            out["decision"] = sum(stages.get(s, 0) for s in DECISION)
            out["answer"] = sum(v for s, v in stages.items() if s not in OUTSIDE)
    return out


def compile_once(tree, file, compiler, work):
    """Seconds and bytes."""
    tree = pathlib.Path(tree).resolve()
    info = work / f"{tree.parent.name}_{tree.name}" / "arrcoc"
    template = tree / "include/arrcoc/build_info.hpp.in"
    if template.exists():
        info.mkdir(parents=True, exist_ok=True)
        (info / "build_info.hpp").write_text(re.sub(r"@\w+@", "", template.read_text()))
    command = [*shlex.split(compiler), "-c", str(tree / file), "-o", str(work / "out.o"), f"-I{tree / 'include'}", f"-I{info.parent}", f"-I{tree / 'backends/eigen'}",
               "-isystem", "/usr/include/eigen3"]
    start = time.perf_counter()
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    error = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: {error[-2000:]}")
    return {"seconds": seconds, "peak MiB": usage.ru_maxrss / 1024}


def interval(pairs):
    """(geometric mean of new / base, lower, upper)"""
    logs = [math.log(new / base) for base, new in pairs]
    rng = random.Random(7)
    means = sorted(statistics.fmean(rng.choices(logs, k=len(logs))) for _ in range(10000))
    return tuple(math.exp(x) for x in (statistics.fmean(logs), means[249], means[9749]))


def main():
    arguments = sys.argv[1:]
    passed_on = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, passed_on = arguments[:at], arguments[at + 1:]
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("mode", choices=("run", "compile"))
    p.add_argument("base"), p.add_argument("new")
    p.add_argument("-m", "--model", default="models/small"), p.add_argument("-i", "--picture")
    p.add_argument("--side", type=int, default=1024), p.add_argument("--pairs", type=int)
    p.add_argument("--limit", type=float), p.add_argument("--json", type=pathlib.Path)
    p.add_argument("--file", default="examples/pipeline_by_type.cpp"), p.add_argument("--compiler", default="g++ -std=c++20 -O2")
    a = p.parse_args(arguments)
    pairs = a.pairs or (20 if a.mode == "run" else 5)
    limit = a.limit or (1.03 if a.mode == "run" else 1.2)
    print(f"load before: {' '.join(f'{x:.2f}' for x in os.getloadavg())} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        if a.mode == "run":
            picture = a.picture or work / "noise.png"
            if not a.picture:
                noise_png(picture, a.side)
            question = ["-m", a.model, "-i", str(picture), "-p", "How much was the tea?", *(passed_on or ["--pipeline", "texture13/information+perspectival+participatory/tension/top_k/gather", "--keep-ratio", "0.25"])]
            one = lambda which: run_once(which, question)  # noqa: E731
        else:
            one = lambda which: compile_once(which, a.file, a.compiler, work)  # noqa: E731
        one(a.base), one(a.new)
        taken = []
        for i in range(pairs):
            order = (0, 1) if i % 2 == 0 else (1, 0)
            pair = {side: one((a.base, a.new)[side]) for side in order}
            taken.append((pair[0], pair[1]))
    report, slower = {}, []
    for what in taken[0][0]:
        of = [(base[what], new[what]) for base, new in taken]
        ratio, low, high = interval(of)
        report[what] = dict(base=statistics.median(b for b, _ in of), new=statistics.median(n for _, n in of), ratio=ratio, low=low, high=high, pairs=of)
        print(f"{what:17s} {report[what]['base']:10.2f} -> {report[what]['new']:10.2f}   {ratio:.3f} [{low:.3f}, {high:.3f}]", flush=True)
        if low > limit:
            slower.append(what)
    print(f"{'FAILED' if slower else 'passed'}: {pairs} pairs, medians and ratios new / base with 95 % intervals; "
          + (f"above {limit} at the lower end: {', '.join(slower)}" if slower else f"no lower end above {limit}"))
    if a.json:
        a.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
