#!/usr/bin/env python3
"""One fuzz target for some seconds, from its kept corpus.

usage: run.py PROGRAM CORPUS [--seconds N] [--megabytes N]      exit 0 without a finding, 1 with one
New inputs that reach new code stay in PROGRAM.found/, and what was found in PROGRAM.findings/; neither is kept in the
tree. The last line has the counts.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("program", type=pathlib.Path)
parser.add_argument("corpus", type=pathlib.Path)
parser.add_argument("--seconds", type=int, default=60)
parser.add_argument("--megabytes", type=int, default=1536)
a = parser.parse_args()
found = a.program.with_name(a.program.name + ".found")
findings = a.program.with_name(a.program.name + ".findings")
found.mkdir(exist_ok=True)
findings.mkdir(exist_ok=True)
seeds = sorted(p for p in a.corpus.iterdir() if p.is_file())
if not seeds:
    sys.exit(f"run: {a.corpus}: no seeds")
# A seed may be longer than what is worth trying in its place: lengths up to twice the longest.
longest = max(4096, 2 * max(p.stat().st_size for p in seeds))
with tempfile.TemporaryDirectory(prefix="arrcoc_fuzz_") as temporary:
    done = subprocess.run(
        [a.program, found, a.corpus, f"-max_total_time={a.seconds}", f"-rss_limit_mb={a.megabytes}", "-timeout=10",
         f"-max_len={longest}", "-print_final_stats=1", "-verbosity=1", f"-artifact_prefix={findings}/"],
        env=os.environ | {"TMPDIR": temporary}, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
counts = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stdout))
covered = re.findall(r"cov: (\d+)", done.stdout)
if done.returncode != 0:
    print(done.stdout[-6000:])
runs = int(counts.get("number_of_executed_units", 0))
if runs <= len(seeds):
    sys.exit(f"run: {a.program.name}: {runs} inputs ran, expected more than the {len(seeds)} seeds")
print(f"run: {a.program.name}: {runs} inputs, {covered[-1] if covered else 0} edges, peak {counts.get('peak_rss_mb')} MiB, "
      f"{'a finding' if done.returncode else 'no finding'}")
sys.exit(1 if done.returncode else 0)
