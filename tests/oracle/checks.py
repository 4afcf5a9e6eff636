"""What an oracle test counts: checks made, and what did not hold. A test imports `checks` and ends with the length of `checks.problems`."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = ROOT / "models/small"
made = 0
problems = []


def check(ok, what):
    global made
    made += 1
    if not ok:
        problems.append(what)
        print("MISMATCH", what, flush=True)


def model_script(name, *arguments, timeout=None):
    """models/NAME, with this Python; whatever its exit status."""
    return subprocess.run([sys.executable, ROOT / "models" / name, *map(str, arguments)], capture_output=True, text=True, timeout=timeout)
