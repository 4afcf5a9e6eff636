#!/usr/bin/env python3
"""Does the time of each strategy grow as its header says? bench_strategies over 256, 1,024, 4,096 and 16,384 tokens, and what its times fit.

usage: complexity.py BENCH [--filter EXPRESSION] [--repetitions 5] [--json FILE] [--from FILE] [--count PROGRAM]

BENCH: bench_strategies of a build with -Dbenchmarks=enabled. Times are CPU time of one thread, the least of the repetitions, which are interleaved. For each strategy: the slope of log
time over log N by least squares, the slope that its claimed cost has over the same N, and the root mean square of (time - a claim) / mean time with the best
a (a and a part that does not grow, where the claim has one); and which of N and N log N is nearer by that measure, for their slopes are within the limit of each other. Claims are the table below, written by hand after the headers, N where it says nothing, with a
quarter of the tokens kept and features 256 wide. At the end the eight slowest for each token, and the claims that nothing measured. Exit status 1 when a slope is more than 0.15 from its claim's or an RMS above 15 %,
when nothing was measured, or something at fewer than three sizes. Selectors that look at similarity stop at 4,096 tokens. `--from` reads what an earlier run wrote with --json.
`--count PROGRAM`, bench_strategies of a build with -Dnative=disabled: what is not as claimed in time is counted, in instructions under valgrind (cachegrind)
at 64, 256, 1,024 and 4,096 tokens, two runs less one; caches and branches that are learnt by heart do not change those. Then the count decides.
"""
import argparse
import json
import math
import re
import subprocess
import sys

LIMIT, RMS = 0.15, 0.15
SIZES = (256, 1024, 4096, 16384)
COUNTED = (64, 256, 1024, 4096)
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
    "allocator/adaptive_k": ("N + K log K, K to 400", lambda n: n + min(n / 4, 400) * log2(min(n / 4, 400))),
} | {f"allocator/{name}": ("N + K log K", lambda n: n + n / 4 * log2(n / 4)) for name in ("top_k", "threshold", "context_floor", "centre", "hierarchical", "entry_by_relevance")}

FIXED = {"balancer/policy": "M N + weights", "family/slic_distance": "H W + cells of at most 192 x 192", "family/spectral_residual": "H W + 64 x 64 log 64"}  # claims with a part that does not grow


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


def with_fixed(points):
    """a N + b for the times, b at least 0, relative errors least: sums of squares of (a n + b) / t - 1."""
    n, t = [p[0] for p in points], [p[1] for p in points]
    w = [1 / x ** 2 for x in t]
    sw, sn, snn = sum(w), sum(a * b for a, b in zip(w, n)), sum(a * b * b for a, b in zip(w, n))
    st, snt = sum(a * b for a, b in zip(w, t)), sum(a * b * c for a, b, c in zip(w, n, t))
    a = (sw * snt - sn * st) / (sw * snn - sn * sn)
    b = (st - a * sn) / sw
    return (lambda x: a * x + b) if b > 0 else (lambda x: x)


def counted(program, name):
    """[(tokens, instructions of a call)], by valgrind."""
    def refs(n, times):
        done = subprocess.run(["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", program, "--count", name, str(n), str(times)], capture_output=True, text=True, check=True)
        return int(re.search(r"I\s+refs:\s+([\d,]+)", done.stderr)[1].replace(",", ""))
    return [(n, refs(n, 2) - refs(n, 1)) for n in COUNTED]


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
    p.add_argument("--count")
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
    wrong, rows, short, by_count = 0, [], [], []
    for name, at in times.items():
        points = sorted(at.items())
        if len(points) < 3:
            short.append(f"{name} ({len(points)} of {len(SIZES)} sizes)")
            continue
        claim, f = CLAIMS.get(name.removesuffix("/256 wide"), ("N", lambda n: n))
        if name in FIXED:
            claim, f = FIXED[name], with_fixed(points)
        rms = misfit(points, f)
        got, want = slope(points), slope([(n, f(n)) for n, _ in points])
        held = abs(got - want) <= LIMIT and rms <= RMS
        if not held and args.count:
            told = counted(args.count, name)
            f = with_fixed(told) if name in FIXED else f
            counts = slope(told), slope([(n, f(n)) for n, _ in told]), misfit(told, f)
            held = abs(counts[0] - counts[1]) <= LIMIT and counts[2] <= RMS
            by_count.append(f"| `{name}` | {claim} | {counts[0]:.2f} | {counts[1]:.2f} | {100 * counts[2]:.0f} | {', '.join(f'{t / 1e6:.2f}' for _, t in told)} | {'' if held else 'not as claimed'} |")
        wrong += not held
        rows.append((name, claim, got, want, rms, points, held))
    print("| strategy | claim | exponent | claim's | RMS % | nearer | us at " + ", ".join(f"{n:,}" for n in SIZES) + " | |\n|---|---|---|---|---|---|---|---|")
    for name, claim, got, want, rms, points, held in rows:
        print(f"| `{name}` | {claim} | {got:.2f} | {want:.2f} | {100 * rms:.0f} | {nearer(points)} | {', '.join(f'{t:.1f}' for _, t in points)} | {'' if held else 'not as claimed'} |")
    if by_count:
        print("\ncounted, millions of instructions at " + ", ".join(f"{n:,}" for n in COUNTED) + "\n\n| strategy | claim | exponent | claim's | RMS % | | |\n|---|---|---|---|---|---|---|")
        print("\n".join(by_count))
    print("\nslowest at the largest size, ns a token:")
    for name, *_, points, _ in sorted(rows, key=lambda r: -r[5][-1][1] / r[5][-1][0])[:8]:
        print(f"  {name}: {1e3 * points[-1][1] / points[-1][0]:.0f} at {points[-1][0]:,}")
    covered = {name.removesuffix("/256 wide") for name, *_ in rows}
    print("claimed here, not measured: " + (", ".join(sorted(set(CLAIMS) - covered)) or "none"))
    print("fewer than three sizes: " + (", ".join(short) or "none"))
    print(f"{len(rows)} strategies, {wrong} not as claimed")
    sys.exit(1 if wrong or short or not rows else 0)


main()
