#!/usr/bin/env python3
"""Every public header alone, and twice, by another compiler's front end:   alone.py COMPILER FOLDER INCLUDE...

FOLDER holds the generated header_*.cpp; INCLUDE: our folders, and behind -- those of others. Exit 1 when one is refused.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

at = sys.argv.index("--")
compiler, folder, own, others = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:at], sys.argv[at + 1:]
command = [compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *[f"-I{i}" for i in own], *[w for i in others for w in ("-isystem", i)]]


def refused(source):
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    return f"{source.name}: {done.stderr.strip()[:600]}" if done.returncode else ""


sources = sorted(folder.glob("header_*.cpp"))
with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
    problems = [p for p in pool.map(refused, sources) if p]
print("\n".join(problems) + ("\n" if problems else "") + f"{len(sources) - len(problems)} of {len(sources)} headers stand alone")
sys.exit(1 if problems or not sources else 0)
