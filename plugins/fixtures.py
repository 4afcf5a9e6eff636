#!/usr/bin/env python3
"""The fixtures of the published methods, made by the transcriptions beside them.

usage: fixtures.py [--write] [METHOD ...]

Without --write: whether METHOD/METHOD.py still makes METHOD/fixture.json, and whether every folder has its three files.
Exit status: 0, 1 with a line for each difference, 77 without NumPy.
"""
import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
try:
    import fixture
except ImportError as e:
    print(f"fixtures: {e}")
    sys.exit(77)


def made(method):
    """The cases of a transcription, by value."""
    return json.loads(json.dumps(list(fixture.method(method).cases())))


def written(cases):
    return "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n"


def differences(one, two, at):
    if isinstance(one, float) or isinstance(two, float):
        numbers = isinstance(one, (int, float)) and isinstance(two, (int, float))
        if not (numbers and abs(one - two) <= 1e-8 * max(1, abs(two))):
            yield f"{at}: {one} and {two}"
    elif type(one) is not type(two):
        yield f"{at}: {one} and {two}"
    elif isinstance(one, dict):
        for key in one.keys() | two.keys():
            yield from differences(one.get(key), two.get(key), f"{at}.{key}")
    elif isinstance(one, list):
        if len(one) != len(two):
            yield f"{at}: {len(one)} and {len(two)} values"
        for i, (a, b) in enumerate(zip(one, two)):
            yield from differences(a, b, f"{at}[{i}]")
    elif one != two:
        yield f"{at}: {one} and {two}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--write", action="store_true")
    p.add_argument("methods", nargs="*")
    a = p.parse_args()
    folders = sorted(d.name for d in HERE.iterdir() if d.is_dir() and d.name != "__pycache__")
    problems, count = [], 0
    for method in a.methods or folders:
        cases, path = made(method), HERE / method / "fixture.json"
        if a.write:
            path.write_text(written(cases))
        count += len(cases)
        stored = json.loads(path.read_text())
        problems += [f"{method}: {d}" for d in differences(cases, stored, "")][:5]
        # A planted fault: another token kept must be noticed.
        stored[0]["picks"][0]["kept"][-1] += 1
        if not list(differences(cases, stored, "")):
            problems.append(f"{method}: a token changed in its fixture was not noticed")
        if not (HERE / method / f"{method}.hpp").exists():
            problems.append(f"{method}: no {method}.hpp")
    for line in problems:
        print(line)
    print(f"fixtures: {len(a.methods or folders)} methods, {count} cases, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
