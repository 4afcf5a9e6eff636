"""Programs that must not compile, and what the compiler must say first.

usage: run.py COMPILER        (for example "g++" or "ccache clang++")

Every *.cpp beside this file holds numbered cases: CASE 0 compiles; every other case has a line "// expect: TEXT" after its number,
and the first error must hold TEXT in at most 200 characters. Exit 1 on any mismatch.
"""
import pathlib
import re
import shlex
import subprocess
import sys

LONGEST = 200
here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent


def first_error(compiler, source, case):
    """The first error after "error: ", or None if the case compiled."""
    command = [*compiler, "-std=c++20", "-fsyntax-only", f"-DCASE={case}", "-I", root / "include", "-I", root / "tests", source]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode == 0:
        return None
    found = re.search(r"error: (.*)", done.stderr)
    return found.group(1) if found else done.stderr[:LONGEST]


def cases_of(source):
    """[(number, expected text or None)]"""
    found = re.findall(r"^#(?:el)?if CASE == (\d+)\n(?:// expect: (.*)\n)?", source.read_text(), re.M)
    return sorted({int(number): text or None for number, text in reversed(found)}.items())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    compiler = shlex.split(sys.argv[1])
    problems, checked = [], 0
    sources = sorted(here.glob("*.cpp"))
    if not sources:
        problems.append("no cases beside run.py")
    for source in sources:
        cases = cases_of(source)
        numbers = [n for n, _ in cases]
        if numbers != list(range(len(numbers))) or len(numbers) < 2:
            problems.append(f"{source.name}: expected cases 0, 1, ..., got {numbers}")
        for number, text in cases:
            where = f"{source.name} CASE {number}"
            error = first_error(compiler, source, number)
            checked += 1
            if number == 0:
                if error is not None:
                    problems.append(f"{where}: expected to compile, got: {error}")
            elif text is None:
                problems.append(f"{where}: no \"// expect: \" line")
            elif error is None:
                problems.append(f"{where}: expected an error, but it compiled")
            elif text not in error:
                problems.append(f"{where}: expected the first error to hold: {text}\n    got: {error}")
            elif len(error) > LONGEST:
                problems.append(f"{where}: the first error has {len(error)} characters, more than {LONGEST}: {error}")
    for p in problems:
        print(p)
    print(f"compile_fail: {checked} cases, {len(problems)} wrong ({' '.join(compiler)})")
    sys.exit(1 if problems else 0)


main()
