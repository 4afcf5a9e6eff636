#!/usr/bin/env python3
"""Does the time of each strategy grow as its header says? bench_strategies over 256, 1,024, 4,096 and 16,384 tokens, and what its times fit.

usage: complexity.py BENCH [--filter EXPRESSION] [--repetitions 5] [--json FILE] [--from FILE]

BENCH: bench_strategies of a build with -Dbenchmarks=enabled. Times are CPU time of one thread, the least of the repetitions, which are interleaved. For each strategy: the slope of log
time over log N by least squares, the slope that its claimed cost has over the same N, and the root mean square of (time - a claim) / mean time with the best
a; and which of N and N log N is nearer by that measure, for their slopes are within the limit of each other. Claims are the table below, written by hand after the headers, N where it says nothing, with a
quarter of the tokens kept and features 256 wide. At the end the eight slowest for each token, and the claims that nothing measured. Exit status 1 when a slope is more than 0.15 from its claim's or an RMS above 15 %,
when nothing was measured, or something at fewer than three sizes. Selectors that look at similarity stop at 4,096 tokens. `--from` reads what an earlier run wrote with --json.
"""
import argparse
import json
import math
import subprocess
import sys

LIMIT, RMS = 0.15, 0.15
SIZES = (256, 1024, 4096, 16384)
log2 = math.log2
CLAIMS = {  # of those whose cost is not proportional to N, or to the pixels, 1,024 a token
    "balancer/tension": ("M N log N", lambda n: n * log2(n)),
    "balancer/rank_fusion": ("M N log N", lambda n: n * log2(n)),
    "scorer/novelty": ("N D", lambda n: n),
    "allocator/farthest_point": ("N^2 D", lambda n: n * n),
    "allocator/dpp_greedy": ("K N D + K^2 N, K to D", lambda n: min(n / 4, 256) * n * (256 + min(n / 4, 256))),  # no more than D are independent
    "allocator/facility_location": ("N^2 D + K N^2, lazy", lambda n: n * n),
    "allocator/cumulative_mass": ("N log N", lambda n: n * log2(n)),
    "allocator/nms": ("N log N", lambda n: n * log2(n)),
    "allocator/coverage_quota": ("N log N", lambda n: n * log2(n)),
    "allocator/tiers": ("N log N", lambda n: n * log2(n)),
    "allocator/merge_similar": ("N K", lambda n: n * n),
} | {f"allocator/{name}": ("N + K log K", lambda n: n + n / 4 * log2(n / 4)) for name in ("top_k", "adaptive_k", "threshold", "context_floor", "centre", "hierarchical", "entry_by_relevance")}


def measured(args):
    if args.source:
        with open(args.source) as f:
            return json.load(f)
    flags = ["--benchmark_format=json", f"--benchmark_repetitions={args.repetitions}", "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.05"]
    pattern = f"({args.filter})/tokens:({'|'.join(map(str, SIZES))})$"
    out = json.loads(subprocess.run([args.bench, *flags, f"--benchmark_filter={pattern}"], capture_output=True, text=True, check=True).stdout)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(out, f)
    return out


def slope(points):
    x, y = [math.log(n) for n, _ in points], [math.log(t) for _, t in points]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / sum((a - mx) ** 2 for a in x)


def misfit(points, f):
    """Root mean square of time - a f(N) over the mean time, with the best a."""
    a = sum(t * f(n) for n, t in points) / sum(f(n) ** 2 for n, _ in points)
    return math.sqrt(sum((t - a * f(n)) ** 2 for n, t in points) / len(points)) / (sum(t for _, t in points) / len(points))


def nearer(points):
    """Which of N and N log N the times fit better, with both RMS in percent."""
    plain, sorting = misfit(points, lambda n: n), misfit(points, lambda n: n * log2(n))
    return f"{'N' if plain < sorting else 'N log N'} ({100 * plain:.0f}, {100 * sorting:.0f})"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bench", nargs="?")
    p.add_argument("--filter", default="(texture|family|scorer|balancer|allocator|decision)/.*")
    p.add_argument("--repetitions", type=int, default=5)
    p.add_argument("--json")
    p.add_argument("--from", dest="source")
    args = p.parse_args()
    times = {}
    for row in measured(args)["benchmarks"]:
        if row.get("run_type") != "iteration" or "/tokens:" not in row["name"]:
            continue
        if row.get("error_occurred"):
            sys.exit(f"{row['name']}: {row.get('error_message', 'an error')}")
        name, n = row["name"].rsplit("/tokens:", 1)
        unit = {"ns": 1e-3, "us": 1, "ms": 1e3}[row["time_unit"]]
        at = times.setdefault(name, {})
        at[int(n)] = min(at.get(int(n), math.inf), row["cpu_time"] * unit)
    wrong, rows, short = 0, [], []
    for name, at in times.items():
        points = sorted(at.items())
        if len(points) < 3:
            short.append(f"{name} ({len(points)} of {len(SIZES)} sizes)")
            continue
        claim, f = CLAIMS.get(name.removesuffix("/256 wide"), ("N", lambda n: n))
        rms = misfit(points, f)
        got, want = slope(points), slope([(n, f(n)) for n, _ in points])
        held = abs(got - want) <= LIMIT and rms <= RMS
        wrong += not held
        rows.append((name, claim, got, want, rms, points, held))
    print("| strategy | claim | exponent | claim's | RMS % | nearer | us at " + ", ".join(f"{n:,}" for n in SIZES) + " | |\n|---|---|---|---|---|---|---|---|")
    for name, claim, got, want, rms, points, held in rows:
        print(f"| `{name}` | {claim} | {got:.2f} | {want:.2f} | {100 * rms:.0f} | {nearer(points)} | {', '.join(f'{t:.1f}' for _, t in points)} | {'' if held else 'not as claimed'} |")
    print("\nslowest at the largest size, ns a token:")
    for name, *_, points, _ in sorted(rows, key=lambda r: -r[5][-1][1] / r[5][-1][0])[:8]:
        print(f"  {name}: {1e3 * points[-1][1] / points[-1][0]:.0f} at {points[-1][0]:,}")
    covered = {name.removesuffix("/256 wide") for name, *_ in rows}
    print("claimed here, not measured: " + (", ".join(sorted(set(CLAIMS) - covered)) or "none"))
    print("fewer than three sizes: " + (", ".join(short) or "none"))
    print(f"{len(rows)} strategies, {wrong} not as claimed")
    sys.exit(1 if wrong or short or not rows else 0)


main()
