#!/usr/bin/env python3
"""That a failed download of the plots' library is no end: src/sweep's own meson.build with an npm of this test, which fails, works, or brings empty files.

usage: plots_bundle.py ROOT        exit 0 when all holds, 1 when not, 77 where meson or ninja is absent
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "oracle"))
import checks  # noqa: E402
from checks import check  # noqa: E402

NPM = """#!/bin/sh
echo called >> {top}/calls
case $(cat {top}/does) in
  fails) echo 'npm error network' >&2; exit 1 ;;
  empty) text= ;;
  *) text='window.uPlot = 7;' ;;
esac
mkdir -p node_modules/uplot/dist
cd node_modules/uplot
echo 'a licence' > LICENSE
echo '{{"version": "1.2.3"}}' > package.json
printf '%s' "$text" > dist/uPlot.iife.min.js
echo '.u {{}}' > dist/uPlot.min.css
"""


def main():
    if not shutil.which("meson") or not shutil.which("ninja"):
        print("skipped: no meson or ninja")
        return 77
    root = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        shutil.copytree(root / "src/sweep", top / "project/sweep")
        (top / "project/meson.build").write_text("project('plots')\nhave_files = true\nsubdir('sweep')\n")
        (top / "project/meson_options.txt").write_text("option('plots', type: 'feature', value: 'auto')\n")
        (top / "bin").mkdir()
        (top / "bin/npm").write_text(NPM.format(top=top))
        (top / "bin/npm").chmod(0o755)
        env = {**os.environ, "PATH": f"{top / 'bin'}:{os.environ['PATH']}"}

        def build(folder, does):
            """Exit status, what was said, whether the page's text has the library, and how often npm was called."""
            (top / "does").write_text(does)
            (top / "calls").write_text("")
            made = subprocess.run(["ninja", "-C", folder, "sweep/report_assets.hpp"], capture_output=True, text=True, env=env)
            assets = folder / "sweep/report_assets.hpp"
            return made.returncode, made.stdout + made.stderr, assets.exists() and "uPlot 1.2.3" in assets.read_text(), (top / "calls").read_text().count("called")

        for mode in ("auto", "enabled"):
            subprocess.run(["meson", "setup", f"-Dplots={mode}", top / mode, top / "project"], check=True, capture_output=True, env=env)
        auto, script = top / "auto", top / "auto/sweep/report_plots.js"
        status, said, there, calls = build(auto, "fails")
        check(status == 0 and not there and calls == 1 and "npm error network" in said and "next build tries again" in said, f"no network: {status} {there} {calls} {said[-300:]}")
        status, said, there, calls = build(auto, "empty")
        check(status == 0 and not there and calls == 1 and "is empty" in said, f"an empty library: {status} {there} {calls} {said[-300:]}")
        status, said, there, calls = build(auto, "works")
        check(status == 0 and there and calls == 1, f"the next build: {status} {there} {calls} {said[-300:]}")
        before = (auto / "sweep/report_assets.hpp").stat().st_mtime_ns
        status, said, there, calls = build(auto, "fails")
        check(status == 0 and there and calls == 0 and (auto / "sweep/report_assets.hpp").stat().st_mtime_ns == before, f"what stands is not made again: {status} {there} {calls}")
        script.write_text("")
        status, said, there, calls = build(auto, "works")
        check(status == 0 and there and calls == 1 and "uPlot = 7" in script.read_text(), f"a file that was emptied: {status} {there} {calls}")
        status, said, there, calls = build(top / "enabled", "fails")
        check(status != 0 and not there and "npm error network" in said and not (top / "enabled/sweep/report_plots.js").exists(), f"enabled without a network: {status} {there}")
        status, said, there, calls = build(top / "enabled", "works")
        check(status == 0 and there, f"enabled with one: {status} {said[-300:]}")
    print(f"{'FAILED' if checks.problems else 'passed'}: plots_bundle, {checks.made} checks, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
