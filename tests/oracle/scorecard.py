#!/usr/bin/env python3
"""The scorecard of a run and `arrcoc compare --protocol`, computed again from rows.jsonl with NumPy by the rules of docs/sweep.md.

usage: scorecard.py ARRCOC        exit 0 when all agrees, 1 on any mismatch, 77 when Pillow or NumPy is absent

A sweep of models/small over scenes with changed pictures, swapped choices, questions left out, three seeds, two budgets and
columns that differ in one part; then the same rows with scores drawn anew, so that every kind of failure occurs.
"""
import collections
import csv
import hashlib
import json
import math
import pathlib
import re
import sys
import tempfile

import checks
from checks import SMALL, check
from protocol_rules import holm, mean_of, of_class
from sweep import Z, effective, groups_of, lines, near, np, paired, run  # exits 77 itself

PARTS = {  # (column, part) -> the column that is the same without it
    ("three_ways", "scorer participatory"): "texture13/information+perspectival/tension/top_k/gather",
    ("three_ways", "balancer tension"): "texture13/information+perspectival+participatory/fixed/top_k/gather",
    ("texture13/information+perspectival+participatory/tension/coverage_quota/gather", "allocator coverage_quota"): "three_ways",
    ("three_ways:balancer.explore=0.9", "balancer.explore=0.9"): "three_ways",
    ("three_ways:balancer.explore=0.9", "balancer tension"): "texture13/information+perspectival+participatory/fixed/top_k/gather",
    ("none/none/flat/grid/gather@0.5%none/novelty/fixed/top_k/gather", "decision 1"): "none/novelty/fixed/top_k/gather",
}
PIPELINES = list(dict.fromkeys(["full", "three_ways", "three_ways:picture=flip", "three_ways:picture=brightness_0.8", "three_ways:corrupt=0.2", "random", "oracle", "random:picture=flip", "oracle:picture=flip", "full:picture=flip", *(c for c, _ in PARTS), *PARTS.values()]))
PLAIN = {"ambiguous", "contradictory", "empty"}


def pairs_close(got, wanted, what):
    for key, value in zip(("n", "n_effective", "difference", "low", "high", "p"), wanted):
        near(got[key], value, f"{what}: {key}", 1e-7)


# --- what a question asks for, by docs/strategies.md's words ---
CUES = {kind: words.split("|") for kind, words in (
    ("detail", "formula|equation|total|amount|price|cost|number|date|digit|signature|phone|address|dosage|small print|spell|exact|exactly|page|percent|serial|code|time"),
    ("unusual", "unusual|odd|strange|different|anomaly|anomalies|wrong|missing|stands out|error|defect|unexpected"),
    ("count", "how many|count|list|all|every|each|compare|both"),
    ("describe", "describe|summarise|summarize|summary|overview|caption|scene|tell me about|what is this|what kind"),
    ("specific", "find|where|which|who|read|say|says|written|colour|color|is there|red|left|right"))}


def words_kind(question):
    text = " " + re.sub(r"[^a-z0-9]", " ", "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in question)) + " "
    found = {kind: sum(f" {w} " in text or f" {w}s " in text for w in words) for kind, words in CUES.items()}
    most = max(found.values())
    return next(k for k, v in found.items() if v == most) if most else "vague"


def class_of(row):
    if row["kind"] in PLAIN:
        return "vague"
    kind = words_kind(row["question"])
    if kind == "vague":
        return "specific" if "recall" in row["figures"] else "vague"
    return {"count": "counting", "detail": "detail", "describe": "vague"}.get(kind, "specific")


# --- the card ---
class Run:
    def __init__(self, rows):
        self.columns = collections.defaultdict(list)
        for r in rows:
            self.columns[r["pipeline"], r["budget"], r["depth"]].append(r)
        self.picture = {r["id"]: tuple(r["images"]) for r in rows}

    def scores(self, pipeline, budget, depth="all"):
        of = collections.defaultdict(list)
        for r in self.columns.get((pipeline, budget, depth), []):
            if r["score"] is not None:
                of[r["id"]].append(r["score"])
        return {i: float(np.mean(v)) for i, v in of.items()}


def framing(name):
    """What follows `full` in the name of the column with every token of the same, perhaps changed, picture."""
    found = re.search(r":picture=[^:]+?(?=(_blank|_other)?($|:))", name)
    return found[0] if found else ""


def check_way(run, card, column, what):
    name, budget, depth = column
    s, low, high = run.scores(*column), *(run.scores(other + framing(name), budget, depth) for other in ("random", "oracle"))
    ids = [i for i in s if i in low and i in high]
    there = name not in ("random" + framing(name), "oracle" + framing(name)) and bool(ids) and sum(high[i] - low[i] for i in ids) > 0
    check(("way_to_oracle" in card) == there, what + ": way to the oracle")
    if not there:
        return 0
    up, below = (np.array([x[i] - low[i] for i in ids]) for x in (s, high))
    ratio = up.mean() / below.mean()
    residual = {i: u - ratio * b for i, u, b in zip(ids, up, below)}
    totals = np.array([g.sum() for g in groups_of(residual, run.picture)])
    error = math.sqrt(len(totals) / (len(totals) - 1) * (totals ** 2).sum()) / below.sum()
    for key, value in (("n", len(ids)), ("share", ratio), ("low", ratio - Z * error), ("high", ratio + Z * error)):
        near(card["way_to_oracle"][key], value, f"{what}: way {key}", 1e-9)
    return 1


def check_costs(run, card, column, what):
    def answered(rows):
        return {r["id"] for r in rows if not r.get("error")}

    def mean(rows, key):
        """Each question's mean over its seeds, summed: seeds that failed weigh nothing."""
        of = collections.defaultdict(list)
        for r in rows:
            if r["id"] in both and not r.get("error"):
                of[r["id"]].append(r["kept"] if key == "tokens" else sum(r["costs"][k] for k in key))
        return sum(np.mean(v) for v in of.values())
    full = run.columns["full", "all", "all"]
    both = answered(full) & answered(run.columns[column])
    flops = ("vision_flops", "merger_flops", "evidence_flops", "prefill_flops")
    for name, key in (("tokens", "tokens"), ("token_layers", ("token_layers",)), ("flops", flops), ("kv_bytes", ("kv_bytes",))):
        near(card["costs_of_full"][name], float(mean(run.columns[column], key) / mean(full, key)), f"{what}: {name}")


def check_changes(run, card, column, what):
    own = run.scores(*column)
    wanted = {}
    for name, budget, depth in run.columns:
        changed = re.search(r":((?:picture|corrupt)=[^:]+)", name)
        if changed and not name.endswith(("_blank", "_other")) and (name.replace(changed[0], ""), budget, depth) == column:
            wanted[changed[1]] = name
    got = {c["change"]: c for c in card.get("changes", [])}
    check(set(got) == set(wanted), f"{what}: changes {set(got) ^ set(wanted)}")
    for change, name in wanted.items():
        pairs_close(got[change]["difference"], paired(run.scores(name, *column[1:]), own, run.picture), f"{what} {change}")
        ranks = [r["figures"]["rank_correlation"] for r in run.columns[(name, *column[1:])] if "rank_correlation" in r["figures"]]
        check(("rank_correlation" in got[change]) == bool(ranks), f"{what} {change}: ranks")
        if ranks:
            near(got[change]["rank_correlation"], float(np.mean(ranks)), f"{what} {change}: rank correlation", 1e-9)
    return len(wanted)


def check_losses(run, card, column, what):
    own, full, kinds = run.scores(*column), run.scores("full" + framing(column[0]), "all"), collections.defaultdict(set)
    for r in run.columns[column]:
        for by in ("scenario", "kind"):
            if r[by]:
                kinds[by, r[by]].add(r["id"])
    several = collections.Counter(by for by, _ in kinds)
    wanted = {}
    for (by, name), ids in kinds.items():
        mine = {i: own[i] for i in ids if i in own}
        if several[by] > 1 and sum(i in full for i in mine) >= 20:
            wanted[by, name] = paired(mine, full, run.picture)
    if column[0] == "full" + framing(column[0]):
        wanted = {}
    got = {(x["by"], x["name"]): x for x in card.get("losses", [])}
    check(set(got) == set(wanted), f"{what}: kinds {set(got) ^ set(wanted)}")
    for (kind, p), adjusted in zip(wanted.items(), holm([p[5] for p in wanted.values()])):
        pairs_close(got[kind]["difference_to_full"], p, f"{what} {kind}")
        near(got[kind]["p_holm"], adjusted, f"{what} {kind}: Holm", 1e-7)
    differences = [x["difference_to_full"]["difference"] for x in card.get("losses", [])]
    check(differences == sorted(differences), what + ": the worst kind first")
    check(("spread" in card) == (len(wanted) > 1), what + ": spread")
    if len(wanted) > 1:
        near(card["spread"], max(p[2] for p in wanted.values()) - min(p[2] for p in wanted.values()), what + ": spread", 1e-9)


def check_consistency(run, card, column, budgets, what):
    by = collections.defaultdict(list)
    for r in run.columns[column]:
        if r["score"] is not None:
            by[r["id"]].append(r["score"] >= 0.5)
    agree = [np.mean([a == b for i, a in enumerate(v) for j, b in enumerate(v) if i != j]) for v in by.values() if len(v) > 1]
    check(("seeds_agree" in card) == bool(agree), what + ": seeds")
    if agree:
        near(card["seeds_agree"], float(np.mean(agree)), what + ": seeds agree", 1e-9)
    own = run.scores(*column)
    larger = [b for b in budgets if column[1] != "all" and float(b) > float(column[1])]
    more = run.scores(column[0], min(larger, key=float), column[2]) if larger else {}
    stay = [more[i] >= 0.5 for i in own if i in more and own[i] >= 0.5]
    check(("stays_right" in card) == bool(stay), what + ": stays right")
    if stay:
        near(card["stays_right"], float(np.mean(stay)), what + ": stays right", 1e-9)


def check_failures(run, card, column, what):
    full, oracle, wanted = run.scores("full" + framing(column[0]), "all"), run.scores("oracle" + framing(column[0]), *column[1:]), collections.Counter()
    for r in run.columns[column]:
        if r["score"] is None or r["score"] >= 0.5:
            continue
        wanted["n"] += 1
        miss = r["figures"].get("miss")
        if r["kind"] in PLAIN or not r["question"] or ("recall" not in r["figures"] and words_kind(r["question"]) == "vague"):
            wanted["question"] += 1
        elif full.get(r["id"], 1) < 0.5:
            wanted["model"] += 1
        elif r["id"] not in full or miss is None:
            wanted["unknown"] += 1
        elif miss == 0:
            wanted["reading"] += 1
        else:
            wanted["budget" if oracle.get(r["id"], 1) < 0.5 else "choice"] += 1
    check(all(v == wanted[k] for k, v in card["failures"].items()), f"{what}: failures {card['failures']}, expected {dict(wanted)}")
    check(card["failures"]["n"] == sum(v for k, v in card["failures"].items() if k != "n"), what + ": failures add up")
    return wanted


def check_cards(folder, budgets):
    rows, summary = lines(folder / "rows.jsonl"), json.loads((folder / "summary.json").read_text())
    run, kinds, ways, changes, parts = Run(rows), collections.Counter(), 0, 0, {}
    cards = {(g["pipeline"], g["budget"], g["depth"]): g["scorecard"] for g in summary["groups"] if "scorecard" in g}
    check(set(cards) == {c for c in run.columns if not c[0].endswith(("_blank", "_other"))}, "cards of every column but leaks")
    for column, card in cards.items():
        what = f"card {column}"
        ways += check_way(run, card, column, what)
        check_costs(run, card, column, what)
        changes += check_changes(run, card, column, what)
        blank = (column[0] + ":query=blank", *column[1:])
        check(("own_question_brings" in card) == (blank in run.columns), what + ": question")
        if blank in run.columns:
            pairs_close(card["own_question_brings"], paired(run.scores(*column), run.scores(*blank), run.picture), what + " question")
        check_losses(run, card, column, what)
        check_consistency(run, card, column, budgets, what)
        kinds += check_failures(run, card, column, what)
        for part in card.get("parts", []):
            parts[column, part["part"]] = part["without"]
            at = next(c for c in ((part["without"], *column[1:]), (part["without"], "all", "all")) if c in run.columns)
            pairs_close(part["brings"], paired(run.scores(*column), run.scores(*at), run.picture), f"{what} {part['part']}")
    for g in summary["groups"]:
        if g["seed"] != "mean" and any(o["seed"] == "mean" and (o["pipeline"], o["budget"]) == (g["pipeline"], g["budget"]) for o in summary["groups"]):
            continue
        column, what = (g["pipeline"], g["budget"], g["depth"]), f"{g['pipeline']}@{g['budget']}"
        like = "full" + framing(column[0])
        whole = like if (like, "all", "all") in run.columns else "full"
        check(("difference_to_full" in g) == (column[0] != whole), what + ": difference to full")
        if "difference_to_full" in g:
            pairs_close(g["difference_to_full"], paired(run.scores(*column), run.scores(whole, "all"), run.picture), what + ": difference to full")
        said = {r["id"]: (r["prediction"] or "").strip().lower() for r in run.columns[whole, "all", "all"]}
        if "_blank" not in column[0] and column[0] != whole:
            wrong = [r["id"] for r in run.columns[column] if r["prediction"] is not None and r.get("loyal") != int(r["prediction"].strip().lower() == said[r["id"]])]
            check(not wrong, f"{what}: loyal, {wrong[:3]}")
    for budget in budgets:
        for (name, part), without in PARTS.items():
            got = parts.get(((name, budget, "all"), part))
            check(got == without, f"{name}@{budget} {part}: beside {got}, expected {without}")
    named = {(name, part) for (name, *_), part in parts if ":query=" not in name}
    check(named == set(PARTS), f"parts: {named ^ set(PARTS)}")
    return ways, changes, kinds, cards


# --- the protocol ---
def check_protocol(folder, top, a, b, wanted, drawn_again):
    rows = lines(folder / "rows.jsonl")
    told = run("compare", folder, "--columns", f"{a},{b}", "--protocol", "--per-class", wanted, "--json", top / "ab.json", "--csv", top / "ab.csv")
    got = json.loads((top / "ab.json").read_text())
    of = {}
    for column in (a, b):
        of[column] = {r["id"]: r for r in rows if r["key"] == f"{r['id']} {column}" and not r.get("error")}
    picture, there = {r["id"]: tuple(r["images"]) for r in rows}, collections.defaultdict(list)
    for i in of[a]:
        if i in of[b]:
            there[class_of(of[a][i])].append(i)
    check([c["class"] for c in got["classes"]] == ["specific", "vague", "detail", "counting"], "classes")
    scored, holms = [], []
    for c in got["classes"]:
        what, ids = f"protocol {a} {b} {c['class']}", c["ids"]
        check(c["there"] == len(there[c["class"]]) and set(ids) <= set(there[c["class"]]) and len(set(ids)) == c["drawn"] == min(wanted, c["there"]), f"{what}: drawn {c['drawn']} of {c['there']}, {len(there[c['class']])}")
        x, y = ({i: of[k][i]["score"] for i in ids if of[a][i]["score"] is not None and of[b][i]["score"] is not None} for k in (a, b))
        check(("difference" in c) == bool(x), what + ": scored")
        ink = [{i: of[k][i]["figures"]["ink_kept"] for i in ids if all("ink_kept" in of[z][i]["figures"] for z in (a, b))} for k in (a, b)]
        check(("ink_kept" in c) == bool(ink[0]), what + ": ink")
        if ink[0]:
            near(c["ink_kept"]["difference"], float(np.mean([ink[1][i] - ink[0][i] for i in ink[0]])), what + ": ink", 1e-9)
        if not x:
            continue
        wanted_here, d = of_class(x, y, picture), {i: y[i] - x[i] for i in x}
        pairs_close(c["difference"], [wanted_here[k] for k in ("n", "n_effective", "difference", "low", "high", "p")], what)
        for side, s in (("a", x), ("b", y)):
            near(c[side]["accuracy"], float(np.mean(list(s.values()))), f"{what}: {side}")
        check(("detectable" in c) == (wanted_here["detectable"] is not None), what + ": nothing varies")
        if "detectable" in c:
            near(c["detectable"], wanted_here["detectable"], what + ": detectable", 1e-9)
        scored.append((c["difference"], d))
        holms.append((c["p_holm"], c["difference"]["p"]))
    for (got_p, _), p in zip(holms, holm([p for _, p in holms])):
        near(got_p, p, f"protocol {a} {b}: Holm", 1e-7)
    for key, value in mean_of(scored, picture).items():
        near(got["mean"][key], value, f"protocol mean, {key}", 1e-7)
    with open(top / "ab.csv", newline="") as f:
        table = list(csv.DictReader(f))
    check([(t["class"], t["id"]) for t in table] == [(c["class"], i) for c in got["classes"] for i in c["ids"]], "csv: the questions drawn")
    check(all(t["answer_a"] == (of[a][t["id"]]["prediction"] or "") and t["score_b"] == ("" if of[b][t["id"]]["score"] is None else f"{of[b][t['id']]['score']:g}") for t in table), "csv: answers and scores")
    check(all(c["class"] in told for c in got["classes"]), "table")
    drawn_again.append([c["ids"] for c in got["classes"]])
    return got


def scored_anew(folder, out):
    """The rows with scores by a hash: wrong and right everywhere."""
    out.mkdir()
    rows = lines(folder / "rows.jsonl")
    for r in rows:
        if r["score"] is not None:
            r["score"] = int(hashlib.sha256(r["key"].encode()).digest()[0] > 100)
    (out / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return out


def main():
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        data, folder = top / "data", top / "run"
        run("scenes", "--out", data, "--count", 42, "--seed", 6510000, "--scenario", "receipt,form,formula,shapes,street,adversarial", "--size", 256, "--no-tsv", "-q")
        run("sweep", "-m", SMALL, "--data", data, "--out", folder, "--keep-ratio", "0.25,0.5", "--query-controls", "-q", "--pipeline", ",".join(PIPELINES))
        ways, changes, kinds, cards = check_cards(folder, ["0.25", "0.5"])
        check(ways > 10 and changes >= 30 and all(kinds[k] > 0 for k in ("question", "model", "choice", "reading")), f"{ways} ways, {changes} changes, failures {dict(kinds)}")
        print(f"scorecard: {len(cards)} columns, failures {dict(kinds)}, {checks.made} checks")

        run("report", folder, "--files", top / "files", "--questions", 1)
        written = {c["column"]: c["scorecard"] for c in json.loads((top / "files/scorecard.json").read_text())}
        check(len(written) == len(cards) and all(c in cards.values() for c in written.values()), "scorecard.json beside the report")
        with open(top / "files/scorecard.csv", newline="") as f:
            table = {t["column"]: t for t in csv.DictReader(f)}
        check(set(table) == set(written), "scorecard.csv: columns")
        for name, t in table.items():
            card = written[name]
            worst = min(card.get("changes", []), key=lambda c: c["difference"]["difference"], default=None)
            for key, value in (("way", card.get("way_to_oracle", {}).get("share")), ("flops", card["costs_of_full"]["flops"]), ("spread", card.get("spread")), ("wrong", card["failures"]["n"]),
                               ("change_difference", worst and worst["difference"]["difference"]), ("wrong_choice", card["failures"]["choice"]), ("stays_right", card.get("stays_right"))):
                check(t[key] == "" if value is None else math.isclose(float(t[key]), value, rel_tol=1e-12), f"scorecard.csv {name}: {key} {t[key]}, expected {value}")
            check(t["worst_change"] == (worst["change"] if worst else ""), f"scorecard.csv {name}: worst change")

        # An oracle by its full name has leak rows that no parser of names knows.
        run("sweep", "-m", SMALL, "--data", data, "--out", top / "named", "--limit", 6, "-q", "--keep-ratio", 0.25, "--pipeline", "full,full:picture=flip,none/none/flat/oracle/gather:picture=flip")
        named = {r["pipeline"] for r in lines(top / "named/rows.jsonl")} if (top / "named/rows.jsonl").exists() else set()
        check(any(n.endswith("flip_blank") for n in named), f"leak rows of an oracle by its full name: {named}")

        anew, draws = scored_anew(folder, top / "anew"), []
        summary = json.loads(run("compare", anew, "--columns", "three_ways@0.25,oracle@0.25", "--json"))
        check(summary["columns"][0]["difference"]["n"] > 100, "compare without --protocol is as it was")
        for a, b, wanted in (("three_ways@0.25", "oracle@0.25", 20), ("full", "random@0.5 seed=1", 50), ("random@0.25", "random@0.25 seed=2", 20)):
            got = check_protocol(folder, top, a, b, wanted, draws)
            check(check_protocol(anew, top, a, b, wanted, draws)["mean"]["difference"] != got["mean"]["difference"], "other scores, another difference")
        check(draws[0] == draws[1] == draws[4], "the same questions are drawn whatever the columns and scores")
        vague = next(c for c in got["classes"] if c["class"] == "vague")
        check(vague["drawn"] > 5 and {c["class"] for c in got["classes"] if "difference" in c} >= {"specific", "detail", "counting"}, f"vague {vague['drawn']}")
        other = json.loads(run("compare", folder, "--columns", "three_ways@0.25,oracle@0.25", "--protocol", "--per-class", 20, "-s", 1, "--json"))
        check([c["ids"] for c in other["classes"]] != draws[0], "another seed draws others")
        two = json.loads(run("compare", folder, anew, "--columns", "full", "--protocol", "--per-class", 20, "--json"))
        check([c["ids"] for c in two["classes"]] == draws[0] and two["a"] == f"full of {folder}", "two runs, one column")
        for a, b in (("three_ways@0.25", "oracle@0.25"), ("full", "full:picture=flip"), ("full", "full")):
            mean = check_protocol(anew, top, a, b, 2, [])["mean"]
            check(mean["low"] < mean["difference"] < mean["high"], f"{a} {b}: an interval of few pictures")
        check(mean["difference"] == 0 and mean["p"] == 1 and -0.9 < mean["low"] < 0, f"a column beside itself: {mean}")
        nope = run("compare", folder, "--columns", "full,nope", "--protocol", status=2)
        check("[compare] --columns: expected one of " in nope and "got 'nope'" in nope, f"a column that is not there: {nope[:200]}")
        run("compare", folder, "--protocol", status=2)
        run("compare", folder, "--columns", "full", "--protocol", status=2)
        run("compare", folder, "--columns", "full,random@0.5", "--per-class", 9, status=2)
        run("compare", folder, "--columns", "full,random@0.5", "--protocol", "--per-class", 0, status=2)
    print(f"{'FAILED' if checks.problems else 'passed'}: scorecard, {checks.made} checks, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
