"""What an oracle test counts: checks made, and what did not hold. A test imports `checks` and ends with the length of `checks.problems`."""
import pathlib
import shutil
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


def checks_addresses(program):
    """Whether AddressSanitizer is in it, which takes address space and memory of its own."""
    return b"__asan_init" in pathlib.Path(program).read_bytes()


def on_backend(name):
    """Words that choose a backend, and one attention where it would be measured: two processes then give the same bits."""
    return ["--backend", name, *(["--attention", "own"] if name == "torch" else [])]


def model_script(name, *arguments, timeout=None):
    """models/NAME, with this Python; whatever its exit status."""
    return subprocess.run([sys.executable, ROOT / "models" / name, *map(str, arguments)], capture_output=True, text=True, timeout=timeout)


def need_ffmpeg():
    """Ends the test with 77 where the programs are absent."""
    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        print("skipped: no ffmpeg")
        sys.exit(77)


def ranks(values):
    """From 1; equal values share the mean of theirs."""
    import numpy as np
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]
