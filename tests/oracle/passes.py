#!/usr/bin/env python3
"""Looks that follow one another, from the outside: each is what the program answers alone at that size, and their costs add up.

usage: passes.py PROGRAM
  escalate  at 1 the stock model's answer about the native picture, at 0 about the small one, token by token; in between as the probability says
  costs     the sum of the looks' own, and those the stock model's at each size; what a first look decoded is evidence
  recall    of the last level of a cascade, counted again from the kept tokens and the box
  many      a sweep's row is the answer of the question alone
Needs the standard library only. Exit status: 0 agreement, 1 a mismatch.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import check

PICTURE = pathlib.Path(__file__).resolve().parents[2] / "examples/small_receipt.png"
WORK = ("vision_flops", "merger_flops", "prefill_flops", "token_layers", "deepstack_additions", "visual_tokens_encoded")
STATE = ("kv_bytes", "sequence_length", "decode_flops_per_token", "visual_tokens_after")


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())

    def run(*words):
        done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=300)
        check(done.returncode == 0, f"{words}: {done.stderr[-300:]}")
        return done.stdout

    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        run("demo-model", "--out", work / "demo")

        limits = work / "limits.json"  # `allocate` has no flags of generation
        limits.write_text(json.dumps({"run": {"max_new_tokens": 6, "ignore_eos": True}}))

        def ask(pipeline, *more, verb="answer"):
            length = ("-n", 6, "--ignore-eos") if verb == "answer" else ("--config", limits)
            return json.loads(run(verb, "-m", work / "demo", "-i", PICTURE, "-p", "What is the total?", *length, "--pipeline", pipeline,
                                  "--json", "-", "-q", *more))

        stock = ask("stock")
        rows, cols = stock["pictures"][0]["grid"]
        native = rows * cols
        small_tokens = int(0.25 * native + 0.5)
        small = ask("stock", "--max-pixels", small_tokens * 1024, "--min-pixels", 1024)
        check(small["pictures"][0]["grid"] != [rows, cols], "the small picture is as large as the native one")
        check(small["tokens"] != stock["tokens"], "both sizes give one answer: the test can tell nothing")

        # --- escalate
        always, never = (ask(f"full:passes=escalate:passes.below={x}") for x in (1, 0))
        check(always["tokens"] == stock["tokens"] and len(always["passes"]) == 2, "below=1 is not the native picture's answer")
        check(never["tokens"] == small["tokens"] and len(never["passes"]) == 1, "below=0 is not the small picture's answer")
        check(always["passes"][0]["tokens"] == small["tokens"], "the first look is not the small picture's answer")
        check(never["pictures"][0]["resized"] == small["pictures"][0]["resized"], "the size of the first look")
        sure = never["passes"][0]["probability"]
        check(0 < sure < 1, f"probability {sure}")
        for below, looks in ((sure * 1.001, 2), (sure * 0.999, 1)):
            got = ask(f"full:passes=escalate:passes.below={below:.9f}")
            check(len(got["passes"]) == looks, f"below {below}, sure to {sure}: {len(got['passes'])} looks")

        # --- costs
        for got, alone in ((always["passes"][0], small), (always["passes"][1], stock), (never["passes"][0], small)):
            for key in WORK + STATE:
                check(got["costs"][key] == alone["costs"][key], f"{got['what']}: {key} {got['costs'][key]}, alone {alone['costs'][key]}")
        for key in WORK:
            check(always["costs"][key] == sum(p["costs"][key] for p in reversed(always["passes"])), f"sum of {key}")
        for key in STATE:
            check(always["costs"][key] == stock["costs"][key], f"last look's {key}")
        check(always["costs"]["evidence_flops"] == 5 * small["costs"]["decode_flops_per_token"], "what the first look decoded")
        check(never["costs"]["visual_tokens_before"] == native, "the baseline is the native picture")

        # --- recall, fixations, a coarse answer
        box = (40, 60, 200, 140)
        boxes = ("--box", ",".join(map(str, box)))
        picture = stock["pictures"][0]["size"]
        got = ask(f"three_ways:passes=cascade:passes.tokens={small_tokens}+{native}@0.25", *boxes)
        check(len(got["passes"]) == 2 and "answer" not in got["passes"][0], "a cascade answers once")
        tall, wide = picture[0] / rows, picture[1] / cols
        under = {r * cols + c for r in range(rows) for c in range(cols)
                 if min(box[2], (r + 1) * tall) > max(box[0], r * tall) and min(box[3], (c + 1) * wide) > max(box[1], c * wide)}
        kept = {k["token"] for k in got["pictures"][0]["kept"]}
        check(abs(got["passes"][1]["recall"][0] - len(under & kept) / len(under)) < 1e-12, f"recall {got['passes'][1]['recall']}")
        check(got["passes"][1]["costs"]["visual_tokens_encoded"] < native, "the last level's tower saw everything")
        one, two = (ask(f"three_ways:passes=fixations:passes.count={n}@0.25") for n in (1, 2))
        check(one["tokens"] == ask("three_ways@0.25")["tokens"], "one fixation is no plain answer")
        check([p["kept"] for p in two["passes"]] == [[int(0.125 * native + 0.5)], [int(0.25 * native + 0.5)]], "shares of the budget")
        check(two["costs"]["vision_flops"] == stock["costs"]["vision_flops"], "the tower of fixations ran more than once")
        coarse = ask("coarse_answer@0.25")
        check(coarse["passes"][0]["tokens"] == small["tokens"], "asked what it looked at, the coarse answer changed")
        early = ask("none/previous_attention/fixed/top_k/early:passes=coarse_answer@0.25")
        check({k["token"] for k in early["pictures"][0]["kept"]} == {k["token"] for k in coarse["pictures"][0]["kept"]},
              "the same map before and behind the tower chose other tokens")
        check(early["passes"][1]["costs"]["visual_tokens_encoded"] == int(0.25 * native + 0.5), "tokens that entered the tower")

        # --- without an answer, and in a sweep
        for name, looks in (("coarse_answer@0.25", 2), ("three_ways:passes=fixations@0.25", 2), ("full:passes=escalate:passes.below=0", 1)):
            got, whole = ask(name, verb="allocate"), ask(name)
            check(len(got["passes"]) == looks and "answer" not in got, f"allocate {name}")
            check(got["pictures"][0]["kept"] == whole["pictures"][0]["kept"], f"allocate {name} keeps other tokens than answer")
        run("scenes", "--out", work / "scenes", "--count", 2, "--scenario", "receipt,shapes", "--size", 256, "--seed", 9)
        names = ["coarse_answer", "three_ways:passes=escalate:passes.below=0.5", "three_ways:passes=cascade:passes.tokens=16+64"]
        run("sweep", "-m", work / "demo", "--data", work / "scenes", "--pipeline", ",".join(names), "--keep-ratio", 0.25, "--out", work / "run",
            "-n", 4)
        lines = [json.loads(x) for x in (work / "run/rows.jsonl").read_text().splitlines()]
        questions = {q["id"]: q for q in map(json.loads, (work / "scenes/questions.jsonl").read_text().splitlines())}
        check(len(lines) == len(questions) * len(names), f"{len(lines)} rows")
        for line in lines[::5]:
            q = questions[line["id"]]
            alone = json.loads(run("answer", "-m", work / "demo", "-i", work / "scenes" / q["images"][0], "-p", q["question"], "-n", 4,
                                   "--pipeline", line["pipeline"], "--keep-ratio", 0.25, "--json", "-", "-q", "-s", line["draw"]))
            check(line["prediction"] == alone["answer"] and line["kept"] == alone["pictures"][0]["kept_count"] and
                  line["costs"]["token_layers"] == alone["costs"]["token_layers"], f"{line['key']}: the row is not the answer alone")
    print(f"looks: {checks.made} checks, {len(checks.problems)} problems")
    sys.exit(1 if checks.problems else 0)


main()
