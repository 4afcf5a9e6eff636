#!/usr/bin/env python3
"""Every figure of a model card: test pictures, trained heads, sweeps over them, tables.

usage: evaluate.py ARRCOC MODEL OUT [--train] [--pictures 70] [--jobs 2] [--only keep,large]

Draws six scenarios in three fonts from the test split (seeds from 6,000,000), trains scorer, balancer and depth rule anew with --train (otherwise those in MODEL),
sweeps, and writes OUT/tables.md. What is done already in OUT is not done again. About 15 minutes on two cores; 1024x1024 takes half of it.
"""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys

SCENARIOS = ["receipt", "form", "formula", "shapes", "popout", "relations"]
DOCUMENTS = SCENARIOS[:3]
FONTS = range(3)
LEARNED = "none/learned/fixed/top_k/gather"
LEARNED_DEPTH = "none/learned/fixed/learned_depth/gather"
BALANCED = "texture13/information+perspectival+participatory/learned/top_k/gather"
RECIPE = pathlib.Path(__file__).resolve().parent / "recipes" / "scorer.json"
DEPTHS = ["all", "0", "1", "2", "none"]


class Evaluation:
    def __init__(self, a):
        self.program, self.model, self.out, self.a = str(pathlib.Path(a.program).resolve()), str(pathlib.Path(a.model).resolve()), pathlib.Path(a.out).resolve(), a
        self.out.mkdir(exist_ok=True)
        self.heads = self.out if a.train else pathlib.Path(self.model)
        self.pool = concurrent.futures.ThreadPoolExecutor(a.jobs)

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"evaluate: {' '.join(map(str, arguments))}: {done.stderr.strip()[-500:]}")
        return done.stdout

    # --- pictures ---------------------------------------------------------------------------------------------------
    def draw(self, name, parts):
        """One file of questions: parts are (folder, flags of `arrcoc scenes`)."""
        file = self.out / f"{name}.jsonl"
        if file.exists():
            return
        lines = []
        for folder, flags in parts:
            shutil.rmtree(self.out / folder, ignore_errors=True)
            (self.out / folder).parent.mkdir(exist_ok=True)
            self.run("scenes", *flags, "--no-tsv", "--quiet", "-t", 1, "--out", self.out / folder)
            for line in (self.out / folder / "questions.jsonl").read_text().splitlines():
                question = json.loads(line)
                question["images"] = [f"{folder}/{image}" for image in question["images"]]
                lines.append(json.dumps(question))
        file.write_text("\n".join(lines) + "\n")

    def sets(self):
        n = self.a.pictures
        few = max(1, n * 4 // 35)
        # Text keeps its size in larger pictures anyway; with 32 cells marks do too.
        for name, folder, size, count, flags in (("t256", "pictures256", 256, n, []), ("t512", "pictures512", 512, max(1, n * 2 // 7), []), ("t1024", "pictures1024", 1024, few, []),
                                                 ("same_marks", "pictures_same", 1024, few, ["--cells", 32])):
            self.draw(name, [(f"{folder}/{s}_{f}", ["--scenario", s, "--font", f, "--size", size, "--count", count, "--seed", 6_000_000 + 1000 * f, *flags]) for s in SCENARIOS for f in FONTS])
        self.draw("lines", [(f"pictures_lines/{s}_{f}_{k}", ["--scenario", s, "--font", f, "--lines", k, "--count", max(1, n * 5 // 14), "--seed", 6_100_000 + 10_000 * k + 1000 * f])
                            for s in DOCUMENTS for f in FONTS for k in (4, 6, 8, 10)])

    # --- heads ------------------------------------------------------------------------------------------------------
    def train(self, kind, name, *flags, steps=600, pictures=120):
        file = self.out / f"{name}.safetensors"
        if not file.exists():
            self.run("train", kind, "-m", self.model, "--recipe", RECIPE, "--out", file, "-t", 1, "-q", *(["--steps", 2, "--evaluate-pictures", 6] if self.a.pictures < 10 else ["--steps", steps, "--evaluate-pictures", pictures]), *flags)
        return file

    def scorer(self):
        if self.a.train:
            boxes = self.train("scorer", "boxes", "--loss", "ranking")
            self.train("scorer", "scorer", "--loss", "gumbel_top_k", "--from", boxes, "--lr", 0.001)

    def balancer_and_depth(self):
        if self.a.train:
            self.train("balancer", "balancer")
            self.train("depth", "depth", "--price", 0.02, steps=300, pictures=60)

    def hold_out(self, scenario):
        if self.a.train:
            self.train("scorer", f"without_{scenario}", "--loss", "ranking", "--hold-out", scenario, pictures=240)

    # --- sweeps -----------------------------------------------------------------------------------------------------
    def sweep(self, name, data, *flags):
        folder = self.out / name
        if not (folder / "summary.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            self.run("sweep", "-m", self.model, "--data", self.out / f"{data}.jsonl", "--out", folder, "-t", 1, "-q", *flags)

    def sweeps(self):
        scorer, depth, balancer = (f"--{what}.weights={self.heads / file}" for what, file in
                                   (("scorers.learned", "scorer.safetensors"), ("allocator", "depth.safetensors"), ("balancer", "balancer.safetensors")))
        rows = f"full,random,oracle,grid,downsample,three_ways,{LEARNED}"
        ratios = ["--keep-ratio", "0.5,0.25,0.125,0.0625"]
        return {"large": ("t1024", "--pipeline", rows, scorer, "--budget", "400,256,128,64"), "keep": ("t256", "--pipeline", rows, scorer, *ratios),
                "middle": ("t512", "--pipeline", rows, scorer, "--keep-ratio", "0.25,0.125"), "depth": ("t256", "--pipeline", "full,oracle", "--keep-ratio", "0.25", "--depth", "all,none,each"),
                "same_marks": ("same_marks", "--pipeline", "full,oracle,random", "--budget", "256"),
                "lines": ("lines", "--pipeline", f"full,oracle,random,{LEARNED}", scorer, "--keep-ratio", "0.5,0.25"), "balancer": ("t256", "--pipeline", BALANCED, balancer, *ratios),
                "learned_depth": ("t256", "--pipeline", LEARNED_DEPTH, scorer, depth, "--keep-ratio", "1,0.25")}

    def together(self, tasks):
        for future in [self.pool.submit(*t) for t in tasks]:
            future.result()

    def all(self):
        sweeps = self.sweeps()
        if unknown := [k for k in self.a.only if k not in sweeps]:
            sys.exit(f"evaluate: --only: unknown: {', '.join(unknown)}; known: {', '.join(sweeps)}")
        self.sets()
        wanted = {k: v for k, v in sweeps.items() if not self.a.only or k in self.a.only}
        self.together([(self.scorer,), (self.balancer_and_depth,)])
        self.together([(self.sweep, k, *v) for k, v in wanted.items()] + [(self.hold_out, s) for s in SCENARIOS])
        text = "\n\n".join(filter(None, [getattr(self, "table_" + k)(Summary(self.out / k)) for k in wanted] + [self.table_hold_out()])) + "\n"
        (self.out / "tables.md").write_text(text)
        print(text)

    # --- tables -----------------------------------------------------------------------------------------------------
    def table_keep(self, s):
        out = ["| scenario | questions | all tokens | oracle 1/4 | random 1/4 | learned 1/4 |", "|---|---|---|---|---|---|"]
        for x in SCENARIOS + [None]:
            out.append(f"| {x or 'all'} | {s.at('full', 'all', x)['n']:,} | " + " | ".join([s.cell("full", "all", x, True)] + [s.cell(p, "0.25", x, x is None) for p in ("oracle", "random", LEARNED)]) + " |")
        out += ["", *s.curve({"1/2": "0.5", "1/4": "0.25", "1/8": "0.125", "1/16": "0.0625"}), ""]
        for b in ("0.25", "0.125"):
            oracle, random, learned = (s.at(p, b)["accuracy"] for p in ("oracle", "random", LEARNED))
            out.append(f"learned at {b}: {100 * (learned - random) / (oracle - random):.0f} % of the way from random to oracle"
                       if oracle > random else f"at {b} the oracle is not above random")
        return "\n".join(out)

    def sized(self, s, budgets):
        return "\n".join([f"| questions | all | {' | '.join(SCENARIOS)} |", "|" + "---|" * 8, s.by_scenario(f"{s.at('full', 'all')['n']:,}", "full", "all"), "", *s.curve(budgets)])

    def table_middle(self, s):
        return self.sized(s, {"64 of 256": "0.25", "32 of 256": "0.125"})

    def table_large(self, s):
        return self.sized(s, {f"{k} of 1,024": str(k) for k in (400, 256, 128, 64)})

    def table_same_marks(self, s):
        rows = [s.by_scenario(*row) for row in (("all", "full", "all"), ("oracle, 256", "oracle", "256"), ("random, 256", "random", "256"))]
        return "\n".join([f"| 1,024 tokens, marks of 32 px, {s.at('full', 'all')['n']:,} questions | all | {' | '.join(SCENARIOS)} |", "|" + "---|" * 8, *rows])

    def table_lines(self, s):
        sums = collections.defaultdict(list)
        for line in (self.out / "lines" / "rows.jsonl").read_text().splitlines():
            r = json.loads(line)
            if r["pipeline"] == "full":
                sums[r["scenario"], min(r["difficulty"], 8) // 2 * 2].append(r["score"])
        out = ["| lines | 4, 5 | 6, 7 | 8 to 10 | all | oracle 1/2 | oracle 1/4 | learned 1/4 |", "|" + "---|" * 8]
        for x in DOCUMENTS + [None]:
            rows = [sum((v for (y, at), v in sums.items() if at == k and x in (None, y)), []) for k in (4, 6, 8)]
            out.append(f"| {x or 'all'} | " + " | ".join([f"{100 * sum(v) / len(v):.1f}" if v else "-" for v in rows] + [s.cell("full", "all", x, True)] +
                                                         [s.cell(p, b, x) for p, b in (("oracle", "0.5"), ("oracle", "0.25"), (LEARNED, "0.25"))]) + " |")
        return "\n".join(out)

    def table_depth(self, s):
        rows = [f"| {title} | " + " | ".join(s.cell(p, b, depth=d) for d in DEPTHS) + " |" for title, p, b in (("all", "full", "all"), ("oracle, 1/4", "oracle", "0.25"))]
        return "\n".join([f"| levels: | {' | '.join(DEPTHS)} |", "|" + "---|" * 6, *rows])

    def table_balancer(self, s):
        return "balancer: " + ", ".join(f"{b}: {s.cell(BALANCED, b)}" for b in ("0.5", "0.25", "0.125", "0.0625"))

    def table_learned_depth(self, s):
        return "learned depth: " + ", ".join(f"{b}: {s.cell(LEARNED_DEPTH, b)}" for b in ("1.0", "0.25"))

    def table_hold_out(self):
        """Of a scorer trained without the scenario: its recall of box tokens there, from random (0) to the best choice (1)."""
        shares = collections.defaultdict(list)
        for x in SCENARIOS:
            log = self.out / f"without_{x}.safetensors.jsonl"
            for r in map(json.loads, log.read_text().splitlines() if log.exists() else []):
                if r.get("split") == "dev" and r.get("scenario") == x:
                    shares[r["keep_ratio"]].append(100 * (r["recall"] - r["random"]) / (r["oracle"] - r["random"]))
        if not shares:
            return ""
        rows = [f"| {ratio} | " + " | ".join(f"{v:.0f} %" for v in own + [sum(own) / len(own), min(own)]) + " |" for ratio, own in shares.items()]
        return "\n".join([f"| trained without: | {' | '.join(SCENARIOS)} | mean | worst |", "|" + "---|" * 9, *rows])


class Summary:
    def __init__(self, folder):
        self.groups = collections.defaultdict(dict)
        for g in json.loads((folder / "summary.json").read_text())["groups"]:
            self.groups[g["pipeline"], g["budget"], g["depth"]][g["seed"]] = g

    def at(self, pipeline, budget, scenario=None, depth="all"):
        seeds = self.groups[pipeline, budget, depth]
        g = seeds.get("mean") or next(iter(seeds.values()))
        return g["all"] if scenario is None else g["scenarios"][scenario]

    def cell(self, pipeline, budget, scenario=None, interval=False, depth="all"):
        s = self.at(pipeline, budget, scenario, depth)
        return f"{100 * s['accuracy']:.1f}" + (f" ({100 * s['low']:.1f}..{100 * s['high']:.1f})" if interval else "")

    def by_scenario(self, title, pipeline, budget):
        return f"| {title} | " + " | ".join([self.cell(pipeline, budget, None, True)] + [self.cell(pipeline, budget, x) for x in SCENARIOS]) + " |"

    def curve(self, budgets):
        names = ["oracle", "random", "grid", "downsample", "three_ways", LEARNED, "oracle_blank", "oracle_other"]
        rows = [f"| {title} | " + " | ".join(self.cell(p, b, None, p in ("oracle", "random")) for p in names) + " |" for title, b in budgets.items()]
        return ["| kept | oracle | random (3 seeds) | grid | downsample | three_ways | learned | oracle, no question | oracle of another question |", "|" + "---|" * 9, *rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--train", action="store_true", help="heads anew, and one scorer without each scenario")
    parser.add_argument("--pictures", type=int, default=70, help="of a scenario and font at 256x256; fewer of the others; below 10 heads take 2 steps")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=lambda t: t.split(","), default=[], help="sweeps, comma-separated; all of them by default")
    Evaluation(parser.parse_args()).all()


if __name__ == "__main__":
    main()
