#!/usr/bin/env python3
"""The early notes' figures once more, by plain arithmetic, against `arrcoc explain seed-claims`, which asks the allocators.

usage: seed_claims.py PROGRAM
"""
import math
import subprocess
import sys

text = subprocess.run([sys.argv[1], "explain", "seed-claims"], capture_output=True, text=True, check=True).stdout
rows = {line[:45].strip(): (line[46:62].strip(), line[63:79].strip()) for line in text.splitlines()[1:]}

census = [(16, 400, 4), (40, 256, 2), (200, 64, 1)]  # regions, tokens, levels
tokens = sum(n * t for n, t, _ in census)
levels = sum(n * d for n, _, d in census)
both = sum(n * t * d for n, t, d in census)
formula = 64 + 400 * 3 + 64


def k_of(scores):
    """64 to 400 by the entropy of the softmax, over ln N: temperature 1."""
    e = [math.exp(s) for s in scores]
    p = [x / sum(e) for x in e]
    return int(64 + 336 * -sum(x * math.log(x) for x in p) / math.log(len(p)))


want = {
    "receipt: tokens": ("29440, 2.2x", f"{tokens}, {65536 / tokens:.2f}x"),
    "receipt: against what can be run": ("2.2x", f"{16384 / tokens:.2f}x"),
    "receipt: tokens x levels": ("39680, 6.6x", f"{both}, {4 * 65536 / both:.2f}x"),
    "receipt: levels given": ("100-200, 5-10x", f"{levels}, {1024 / levels:.2f}x"),
    "overall: both together": ("12-25x", f"{4 * 65536 / both:.2f}x"),
    "formula page: tokens": ("not given", f"{64 + 400 + 64}"),
    "formula page: tokens x levels": ("1328 < 1200", f"{formula}, {3600 / formula:.2f}x"),
    "best class against worst, four levels": ("25x", f"{1600 / 64:.2f}x"),
    "best class against worst, three levels": ("18x", f"{1200 / 64:.2f}x"),
    "2000-2400 tokens to 180-220": ("10-12x", f"{2000 / 220:.1f} to {2400 / 180:.1f}x"),
    "simple questions, 64-100 tokens": ("20-35x", f"{2000 / 100:.1f} to {2400 / 64:.1f}x"),
    "complex questions, 300-400 tokens": ("6-8x", f"{2000 / 400:.1f} to {2400 / 300:.1f}x"),
    "hedged, 120-180 tokens": ("11-13x", f"{2000 / 180:.1f} to {2400 / 120:.1f}x"),
    "sequence 1024 + 50 to 200 + 50": ("76 %", f"{100 * (1 - 250 / 1074):.1f} %"),
    "adaptive K, one hot spot": ("near 64", str(k_of([1] + [0] * 1023))),
    "adaptive K, half of the picture": ("between", str(k_of([1] * 512 + [0] * 512))),
    "400 tokens": ("400 x 400 px", f"{32 * 20} x {32 * 20} px"),
    "160 tokens as a square": ("yes", f"{32 * 10} x {32 * 16} px"),
}
problems = [f"{claim}: expected {want.get(claim)}, got {rows.get(claim)}" for claim in sorted(want.keys() | rows.keys()) if want.get(claim) != rows.get(claim)]
for p in problems:
    print(p)
print(f"seed_claims: {len(rows)} figures, {len(problems)} problems")
sys.exit(1 if problems else 0)
