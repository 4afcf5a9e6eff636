#!/usr/bin/env python3
"""The four ways into a user's project, tried on an install staged in the build folder.

usage: run.py --build BUILD --source ROOT --prefix PREFIX --compiler "g++" [--parts eigen,files] [--folder NAME] ROUTE
ROUTE: plain (-I and nothing else), pkgconfig, cmake, meson (subproject), absent (a part that is not there is refused)
"""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

EXPECTED = {"plain": "1 3 5", "eigen": "5", "files": "E401"}


def run(command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    if done.returncode != 0:
        print(" ".join(str(c) for c in command), done.stdout[-3000:], done.stderr[-3000:], sep="\n")
        sys.exit(f"consumers: '{command[0]}' ended with {done.returncode}")
    return done.stdout.strip()


def expect(program, part):
    got = run([program])
    if got != EXPECTED[part]:
        sys.exit(f"consumers: {part}: expected '{EXPECTED[part]}', got '{got}'")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", required=True, type=pathlib.Path)
    p.add_argument("--source", required=True, type=pathlib.Path)
    p.add_argument("--prefix", required=True)
    p.add_argument("--compiler", required=True)
    p.add_argument("--meson", default="meson")
    p.add_argument("--parts", default="")
    p.add_argument("--folder", default="", help="of several runs beside each other, the place of this one")
    p.add_argument("route", choices=["plain", "pkgconfig", "cmake", "meson", "absent"])
    a = p.parse_args()
    here = a.source / "tests" / "consumers"
    parts = [x for x in a.parts.split(",") if x]
    work = a.build / "tests" / "consumers" / a.folder / a.route
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    compiler = shlex.split(a.compiler)
    stage = work / "stage"
    if a.route != "meson":
        run([*shlex.split(a.meson), "install", "-C", a.build, "--no-rebuild", "--quiet", "--destdir", stage])
    root = stage / a.prefix.lstrip("/")
    if a.route == "plain":
        run([*compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-I", root / "include", here / "plain" / "main.cpp", "-o", work / "plain"])
        expect(work / "plain", "plain")
        for leftover in list(root.rglob("meson.build")) + list((root / "include").rglob("*.in")):
            sys.exit(f"consumers: {leftover} was installed")
    elif a.route == "pkgconfig":
        env = dict(os.environ, PKG_CONFIG_PATH=str(root / "share" / "pkgconfig"))
        for part in ["plain", *parts]:
            name = "arrcoc" if part == "plain" else "arrcoc-" + part
            flags = shlex.split(run(["pkg-config", "--cflags", "--libs", name], env=env))
            if "-ffp-contract=off" not in flags:
                sys.exit("consumers: pkg-config does not pass -ffp-contract=off")
            source = here / ("plain/main.cpp" if part == "plain" else part + ".cpp")
            run([*compiler, "-std=c++20", source, *flags, "-o", work / part])
            expect(work / part, part)
            if part == "eigen":
                example = a.source / "examples" / "pipeline_by_type.cpp"
                start = time.monotonic()
                run([*[c for c in compiler if c != "ccache"], "-std=c++20", "-O2", example, *flags, "-o", work / "example"])
                print(f"time: examples/pipeline_by_type.cpp, {len(example.read_text().splitlines())} lines, compiles in {time.monotonic() - start:.1f} s")
    elif a.route in ("cmake", "absent"):
        want = parts if a.route == "cmake" else ["sorcery"]
        command = ["cmake", "-S", here / "cmake", "-B", work / "build", f"-DCMAKE_PREFIX_PATH={root}", f"-DSOURCES={here}",
                   f"-DPARTS={';'.join(want)}", f"-DCMAKE_CXX_COMPILER={compiler[-1]}"]
        if a.route == "absent":
            done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
            if done.returncode == 0 or "sorcery" not in done.stderr:
                sys.exit("consumers: a component that does not exist was not refused by name")
        else:
            run(command)
            run(["cmake", "--build", work / "build"])
            for part in ["plain", *parts]:
                expect(work / "build" / part, part)
    else:
        project = work / "project"
        (project / "subprojects").mkdir(parents=True)
        shutil.copy(here / "meson" / "meson.build", project)
        shutil.copy(here / "plain" / "main.cpp", project)
        (project / "subprojects" / "arrcoc").symlink_to(a.source, target_is_directory=True)
        run([*shlex.split(a.meson), "setup", work / "build", project, "-Darrcoc:torch=disabled"], env=dict(os.environ, CXX=" ".join(compiler)))
        run(["ninja", "-C", work / "build", "-j1"])
        expect(work / "build" / "plain", "plain")
        made = sorted(x.name for x in (work / "build" / "subprojects" / "arrcoc").rglob("*.o"))
        if made:
            sys.exit(f"consumers: the subproject compiled more than it was asked for: {made}")
    print(f"consumers: {a.route} works ({', '.join(['headers', *parts])})")


if __name__ == "__main__":
    main()
