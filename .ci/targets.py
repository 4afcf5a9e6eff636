"""What ninja must build for the tests of a suite, one output a line: targets.py FOLDER SUITE"""
import json
import pathlib
import subprocess
import sys

folder, suite = pathlib.Path(sys.argv[1]), sys.argv[2]


def told(what):
    return json.loads(subprocess.run(["meson", "introspect", str(folder), what], check=True, capture_output=True, text=True).stdout)


outputs = {t["id"]: t["filename"] for t in told("--targets")}
wanted = {id for t in told("--tests") if any(s.split(":")[-1] == suite for s in t["suite"]) for id in t["depends"]}
if not wanted:
    sys.exit(f"{folder}: no test is of the suite {suite}")
print("\n".join(sorted(str(pathlib.Path(o).relative_to(folder.resolve())) for id in wanted for o in outputs[id])))
