#!/usr/bin/env python3
"""The plots' library from npm, as one script and one style: bundle.py NPM MODE WORK SCRIPT STYLE PACKAGE LOCK NPMRC.

MODE enabled: a failure ends the build; auto: SCRIPT and STYLE are empty then, reports keep the page's own drawings, and the next
build tries again: this runs in every build, and at once where WORK/done says that these inputs made what stands there. The
library is installed from the lock file into WORK, without running its scripts, and its licence stands above it.
"""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

npm, mode = sys.argv[1:3]
work, script, style, package, lock, npmrc = map(pathlib.Path, sys.argv[3:])
done = work / "done"


def digest(*files):
    return hashlib.sha256(b"\0".join(hashlib.sha256(f.read_bytes()).digest() for f in files)).hexdigest()


def stands():
    try:
        return done.read_text(encoding="utf-8") == digest(pathlib.Path(__file__), package, lock, npmrc, script, style)
    except OSError:
        return False


def install():
    work.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    for file, name in ((package, "package.json"), (lock, "package-lock.json"), (npmrc, ".npmrc")):
        shutil.copyfile(file, work / name)
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0", "--fetch-timeout=30000"], cwd=work, check=True,
                   timeout=180, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    library = work / "node_modules/uplot"
    licence = (library / "LICENSE").read_text(encoding="utf-8").replace("*/", "* /")
    version = json.loads((library / "package.json").read_text(encoding="utf-8"))["version"]
    code = (library / "dist/uPlot.iife.min.js").read_text(encoding="utf-8")
    code = re.sub(r"^/\*!.*?\*/\s*", "", code, flags=re.S)  # its banner is an address, of which a page has none
    css = (library / "dist/uPlot.min.css").read_text(encoding="utf-8")
    if not code.strip() or not css.strip():
        raise OSError("uPlot's script or style is empty")
    return f"/*\nuPlot {version}\n{licence}*/\n{code}", css


def write(file, text):
    """An unchanged file keeps its time: what is made of it is not made again."""
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


if stands():
    sys.exit(0)
try:
    code, css = install()
except (OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
    said = (getattr(e, "stderr", None) or str(e)).strip()[-300:]
    if mode == "enabled":
        sys.exit(f"plots: npm brought nothing: {said}")
    print(f"plots: npm brought nothing, reports are built without plots that zoom; the next build tries again (-Dplots=disabled: none does): {said}", file=sys.stderr)
    code = css = ""
write(script, code)
write(style, css)
if code:
    done.write_text(digest(pathlib.Path(__file__), package, lock, npmrc, script, style), encoding="utf-8")
