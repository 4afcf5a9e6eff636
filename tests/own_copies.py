#!/usr/bin/env python3
"""Units that are hot keep their own copies of inline functions: else the linker may take those of a unit that was compiled
with less of the compiler's work, and textures are seven times as slow.

usage: own_copies.py ARCHIVE MEMBER...      exit 1 where a member that has one of the names in its own defines weak functions
"""
import re
import subprocess
import sys

archive, *names = sys.argv[1:]
lines = subprocess.run(["nm", "-A", "-C", "--defined-only", archive], check=True, capture_output=True, text=True).stdout.splitlines()
symbols = [m.groups() for m in (re.match(r".*?:([^:]+\.o):[0-9a-f]* (\w) (.*)", line) for line in lines) if m]
problems = 0
for name in names:
    own = [(kind, symbol) for member, kind, symbol in symbols if name in member]
    weak = [symbol for kind, symbol in own if kind in "WVu" and not symbol.startswith("DW.ref.")]
    functions = sum(kind in "tT" for kind, _ in own)
    if functions == 0 or weak:
        problems += 1
        print(f"own_copies: {name}: {functions} functions, {len(weak)} weak symbols: {'; '.join(weak[:3])}")
print(f"own_copies: {len(symbols)} symbols, {len(names)} units, {problems} problems")
sys.exit(1 if problems else 0)
