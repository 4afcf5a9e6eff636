#!/usr/bin/env python3
"""Is every C++ file as .clang-format (version 14) writes it?

usage: format.py [CLANG_FORMAT]        exit 0, or 1 with one line per file; 77 when no clang-format 14 is here
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

from layers import code_files

VERSION = 14
root = pathlib.Path(__file__).resolve().parent.parent


def find(name):
    """The program, when it is there and of the version whose output the tree holds."""
    program = shutil.which(name)
    if program is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+)", said)
    return program if found and int(found[1]) == VERSION else None


def main():
    names = sys.argv[1:] or [f"clang-format-{VERSION}", "clang-format"]
    program = next(filter(None, map(find, names)), None)
    if program is None:
        print(f"format: no clang-format {VERSION} here")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    files = list(code_files(root))
    bad = []
    for start in range(0, len(files), 50):
        done = subprocess.run([program, "--dry-run", *map(str, files[start:start + 50])], capture_output=True, text=True)
        bad += re.findall(r"^(\S+?):\d+:\d+: warning: code should be clang-formatted", done.stderr, re.M)
    # One planted fault: the check must be able to fail.
    planted = subprocess.run([program, "--dry-run", "--assume-filename=a.cpp", f"--style=file:{root / '.clang-format'}"],
                             input="int  a ;\n", capture_output=True, text=True)
    if "clang-formatted" not in planted.stderr:
        bad.append("planted fault not found")
    for name in sorted(set(bad)):
        print(f"{os.path.relpath(name, root)}: not as {program} --style=file writes it")
    print(f"format: {len(files)} files, {len(set(bad))} to format")
    sys.exit(1 if bad else 0)


main()
