#!/usr/bin/env python3
"""Published methods on other backends, beside eigen: models/small, a question about its own picture, one sweep each.

usage: method_backends.py PROGRAM --backend torch|xtensor [-v]

What a method decides on the host is one program; what it reads (attention, queries, keys, embeddings) and what is done
with it (rows that go, rows that merge, layers that see fewer) is the backend's. Equal are, for every pipeline of
`arrcoc list` with a source, at a quarter and an eighth: the tokens that are kept at the end, the token-layers and the
answer, in float32. Scores that two arithmetics round apart may swap a token: at most 1 % of all kept, and where one is
swapped no answer is compared. Exit status: 0 agreement, 1 a mismatch.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import checks  # noqa: E402
from checks import ROOT, SMALL, check  # noqa: E402

QUESTIONS = ("How much was the tea?",)


def rows_of(program, backend, names, data, out):
    weights = f"--scorers.glimpseprune.weights={ROOT / 'plugins/glimpseprune/small.safetensors'}"
    done = subprocess.run([program, "sweep", "-m", SMALL, "--data", data, "--backend", backend, "--dtype", "f32",
                           "-t", "1", "--keep-ratio", "0.25,0.125", "-s", "0", "--out", out, "--kept", "--no-report",
                           "-q", weights, "--pipeline", ",".join(names)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{backend}: {done.stderr.strip()}")
    rows = map(json.loads, (out / "rows.jsonl").read_text().splitlines())
    return {(r["id"], r["pipeline"], r["budget"]): r for r in rows}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("--backend", required=True), p.add_argument("-v", action="store_true")
    a = p.parse_args()
    listed = json.loads(subprocess.run([a.program, "list", "--json"], capture_output=True, check=True).stdout)
    names = [x["name"] for x in listed["pipelines"] if x["source"]]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        shutil.copy(ROOT / "examples/small_receipt.png", work / "receipt.png")
        (work / "questions.jsonl").write_text("".join(
            json.dumps(dict(id=str(i), images=["receipt.png"], question=q, answers=["?"], metric="exact")) + "\n"
            for i, q in enumerate(QUESTIONS)))
        ours = rows_of(a.program, "eigen", names, work / "questions.jsonl", work / "eigen")
        theirs = rows_of(a.program, a.backend, names, work / "questions.jsonl", work / a.backend)
    check(ours.keys() == theirs.keys(), "the same rows")
    check(len(ours) == 2 * len(names) * len(QUESTIONS), "two budgets of every method and question")
    kept = swapped = 0
    for key, one in ours.items():
        other, name = theirs.get(key, one), " ".join(key)
        mine, its = ({(p, t) for p, tokens in enumerate(r["kept_tokens"]) for t in tokens} for r in (one, other))
        kept += len(mine)
        swapped += len(mine - its)
        if mine != its:
            print(f"{name}: {sorted(mine - its)} for {sorted(its - mine)}")
            continue  # another answer follows
        check(one["costs"]["token_layers"] == other["costs"]["token_layers"], f"{name}: token-layers")
        check(one["prediction"] == other["prediction"], f"{name}: {one['prediction']!r}, {other['prediction']!r}")
        if a.v:
            print(f"{name}: {len(mine)} kept, {one['prediction']!r}")
    check(swapped <= .01 * kept, f"{swapped} of {kept} tokens are others")
    print(f"{a.backend}: {len(names)} methods, {kept} kept tokens, {swapped} swapped, {checks.made} checks, "
          f"{len(checks.problems)} problems")
    sys.exit(bool(checks.problems))


if __name__ == "__main__":
    main()
