#!/usr/bin/env python3
"""What fewer bits for the weights cost: answers and logits beside those of the weights as stored, with all tokens and with a part of them.

usage: quantised_accuracy.py PROGRAM MODEL [--questions 500] [--logits 60] [--keep-ratio 0.25] [--seed 6900000] [--json FILE]

Scenes of the synthetic suite that nothing was trained or tuned on, 256x256. For each form of weights and each row (all tokens, the default, random and
oracle at the ratio): share of right answers with a 95 % interval (bootstrap over pictures, whose questions stay together; random is the mean of
three seeds), share of answers equal to those of the stored weights,
and, on the first questions, the mean Kullback-Leibler divergence of the next token's distribution from the stored weights' (nats), and the share of
equal first choices. Exit 77 without NumPy.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

FORMS = {
    "as stored": [],
    "int8": ["--weights", "int8"],
    "int8, head int8": ["--weights", "int8", "--weights-head", "int8"],
    "int8 everywhere": ["--weights", "int8", "--weights-head", "int8", "--weights-tower", "int8"],
    "int4": ["--weights", "int4"],
    "int4, head int8": ["--weights", "int4", "--weights-head", "int8"],
    "int4 everywhere": ["--weights", "int4", "--weights-head", "int4", "--weights-tower", "int4"],
}
ROWS = "full,default,random,oracle"


def interval(right, pictures, rng):
    """right[i] of a question about pictures[i]."""
    which = np.unique(pictures, return_inverse=True)[1]
    sums, counts = np.bincount(which, right), np.bincount(which)
    drawn = rng.integers(0, len(sums), (2000, len(sums)))
    return [float(x) for x in np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])]


def answers(a, data, words, out):
    done = subprocess.run([a.program, "sweep", "-m", a.model, "--data", str(data), "--limit", str(a.questions), "--pipeline", ROWS, "--keep-ratio", str(a.keep_ratio),
                           "--seed", "0:2", "--out", str(out), "--no-report", "-q", *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    rows = {}
    for line in (out / "rows.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["pipeline"] not in ROWS.split(","):
            continue  # controls of the oracle
        rows.setdefault(row["pipeline"], {})[row["id"], row["seed"]] = (row["prediction"], row["score"], row["images"][0])
    return rows


def logits(a, picture, question, words, work):
    out = []
    for row in ("full", "default"):
        done = subprocess.run([a.program, "answer", "-m", a.model, "-i", str(picture), "-p", question, "--pipeline", row, "--keep-ratio", str(a.keep_ratio), "-n", "1",
                               "-q", "--dump", str(work), *words], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(done.stderr)
        out.append(np.load(work / "logits.npy")[0].astype(np.float64))
        for f in work.iterdir():
            f.unlink()
        work.rmdir()
    return out


def log_softmax(x):
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("model"), p.add_argument("--json")
    p.add_argument("--questions", type=int, default=500), p.add_argument("--logits", type=int, default=60)
    p.add_argument("--keep-ratio", type=float, default=0.25), p.add_argument("--seed", type=int, default=6900000)
    a = p.parse_args()
    result = {}
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        subprocess.run([a.program, "scenes", "--out", str(work / "scenes"), "--count", str(a.questions // 3 + 8), "--seed", str(a.seed), "--scenario", "receipt,form,shapes",
                        "--size", "256", "--no-tsv", "--quiet"], check=True)
        items = [json.loads(line) for line in (work / "scenes" / "questions.jsonl").read_text().splitlines()][:a.questions]
        items = items[::max(1, len(items) // a.logits)][:a.logits]
        stored_rows, stored_logits = None, None
        for number, (form, words) in enumerate(FORMS.items()):
            rows = answers(a, work / "scenes", words, work / f"run{number}")
            at = [logits(a, work / "scenes" / i["images"][0], i["question"], words, work / "dump") for i in items]
            stored_rows, stored_logits = stored_rows or rows, stored_logits or at
            result[form] = {}
            for name, row in rows.items():
                right, pictures = [score for _, score, _ in row.values()], [picture for _, _, picture in row.values()]
                same = [row[i][0] == stored_rows[name][i][0] for i in row]
                result[form][name] = dict(right=float(np.mean(right)), interval=interval(right, pictures, np.random.default_rng(1)), same=float(np.mean(same)))
            for column, name in enumerate(("full", "default")):
                truth = [log_softmax(x[column]) for x in stored_logits]
                ours = [log_softmax(x[column]) for x in at]
                key = next(k for k in rows if k == name or k.startswith(name))
                result[form][key]["kl"] = float(np.mean([(np.exp(t) * (t - o)).sum() for t, o in zip(truth, ours)]))
                result[form][key]["first"] = float(np.mean([t.argmax() == o.argmax() for t, o in zip(truth, ours)]))
            for name, r in result[form].items():
                print(f"{form:16} {name:10} right {100 * r['right']:.1f} ({100 * r['interval'][0]:.1f} to {100 * r['interval'][1]:.1f}), same answers {100 * r['same']:.1f} %"
                      + (f", KL {r['kl']:.1e}, same first token {100 * r['first']:.0f} %" if "kl" in r else ""), flush=True)
    if a.json:
        pathlib.Path(a.json).write_text(json.dumps(result, indent=1))


main()
