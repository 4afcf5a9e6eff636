"""The plots' library from npm, as one script and one style: bundle.py NPM MODE WORK SCRIPT STYLE PACKAGE LOCK NPMRC.

MODE enabled: a failure ends the build; auto: SCRIPT and STYLE are empty then, and reports keep the page's own drawings. The
library is installed from the lock file into WORK, without running its scripts, and its licence stands above it.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys

npm, mode = sys.argv[1:3]
work, script, style, package, lock, npmrc = map(pathlib.Path, sys.argv[3:])


def install():
    work.mkdir(parents=True, exist_ok=True)
    for file, name in ((package, "package.json"), (lock, "package-lock.json"), (npmrc, ".npmrc")):
        shutil.copyfile(file, work / name)
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"], cwd=work, check=True, timeout=180,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    library = work / "node_modules/uplot"
    licence = (library / "LICENSE").read_text(encoding="utf-8").replace("*/", "* /")
    version = json.loads((library / "package.json").read_text(encoding="utf-8"))["version"]
    code = (library / "dist/uPlot.iife.min.js").read_text(encoding="utf-8")
    code = re.sub(r"^/\*!.*?\*/\s*", "", code, flags=re.S)  # its banner is an address, of which a page has none
    return f"/*\nuPlot {version}\n{licence}*/\n{code}", (library / "dist/uPlot.min.css").read_text(encoding="utf-8")


try:
    code, css = install()
except (OSError, subprocess.SubprocessError) as e:
    said = (getattr(e, "stderr", None) or str(e)).strip()[-300:]
    if mode == "enabled":
        sys.exit(f"plots: npm brought nothing: {said}")
    print(f"plots: npm brought nothing, reports are built without plots that zoom: {said}", file=sys.stderr)
    code = css = ""
script.write_text(code, encoding="utf-8")
style.write_text(css, encoding="utf-8")
