#!/usr/bin/env python3
"""Files of questions that people have: five questions in each format give the same rows as in ours; prompts, scores and
what is written for other toolkits.

usage: questions.py ARRCOC        exit 0 when all agrees, 1 on any mismatch. Needs the standard library; pandas,
where it is, reads what we write.
"""
import base64
import csv
import io
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import checks
from checks import check

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else ""


def png(height, width, seed):
    rows = b"".join(b"\0" + bytes((seed * 37 + r * 5 + c * 3 + k * 50) % 256 for c in range(width) for k in range(3))
                    for r in range(height))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def run(*args, status=0):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    check(done.returncode == status, f"{' '.join(map(str, args))[:300]}: exit {done.returncode}: {done.stderr[-400:]}")
    return done


def lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def tsv(rows, columns):
    out = io.StringIO()
    w = csv.writer(out, delimiter="\t", lineterminator="\n")
    w.writerow(columns)
    w.writerows([[r.get(c, "") for c in columns] for r in rows])
    return out.getvalue()


J = lambda *rows: "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)


# --- five questions in every format -----------------------------------------------------------------------------------
def five(top):
    """-> name -> (file, flags): each holds the same five questions about three pictures"""
    pictures = [png(64, 96, i) for i in range(3)]
    for i, p in enumerate(pictures):
        (top / f"p{i}.png").write_bytes(p)
    b64 = [base64.b64encode(p).decode() for p in pictures]
    Q = [("1", [0], "Which shop is this?", ["UMBRA"]), ("2", [0], "Total, in \"EUR\"?", ["4.50", "4,50"]),
         ("3", [1], "First line\nsecond line?", ["7"]), ("4", [1, 2], "Which of both is darker?", ["the first"]),
         ("5", [2], "Wie heißt der Laden?", ["Österreich"])]
    names = lambda s: [f"p{i}.png" for i in s]
    url = lambda i: "data:image/png;base64," + b64[i]
    ours = [dict(id=i, images=names(s), question=q, answers=a) for i, s, q, a in Q]
    file = {}

    def put(name, text, *flags, encoding="utf-8"):
        (top / name).write_bytes(text.encode(encoding))
        file[name] = (top / name, list(flags))

    put("ours.jsonl", J(*ours))
    put("crlf_bom.jsonl", "\ufeff" + J(*ours).replace("\n", "\r\n") + "\r\n\r\n")
    put("numbers.jsonl", J(*[dict(r, id=int(r["id"]), answers=[7] if r["id"] == "3" else r["answers"]) for r in ours]))
    put(
        "strings.jsonl",
        J(*[
            dict(question_id=int(r["id"]),
                 image=r["images"][0] if len(r["images"]) == 1 else r["images"],
                 question=r["question"],
                 answer=r["answers"][0] if len(r["answers"]) == 1 else r["answers"]) for r in ours
        ]))
    put("urls.jsonl",
        J(*[dict(r, images=["file://" + str(top / n.replace("p", "%70", 1)) for n in r["images"]]) for r in ours]))
    put("data_urls.jsonl", J(*[dict(r, images=[url(i) for i in s]) for r, (_, s, _, _) in zip(ours, Q)]))
    put("escaped_urls.jsonl",
        J(*[dict(r, images=[url(i) for i in s]) for r, (_, s, _, _) in zip(ours, Q)]).replace("/", "\\/"))
    put("backslash.jsonl", J(*[dict(r, images=[".\\" + n for n in r["images"]]) for r in ours]))
    put("list.json", json.dumps(ours, indent=1))
    put(
        "hf.jsonl",
        J(*[
            dict(questionId=r["id"],
                 image=[dict(path=n, bytes=b64[i]) for n, i in zip(r["images"], s)],
                 question=r["question"],
                 answers=r["answers"]) for r, (_, s, _, _) in zip(ours, Q)
        ]))
    put(
        "llava.jsonl",
        J(*[
            dict(question_id=int(r["id"]),
                 image=r["images"],
                 text="<image>\n" * len(r["images"]) + r["question"],
                 answer=r["answers"]) for r in ours
        ]))
    put(
        "conversations.json",
        json.dumps([
            dict(id=r["id"],
                 image=r["images"],
                 conversations=[{"from": "human", "value": "<image>\n" * len(r["images"]) + r["question"]},
                                {"from": "gpt", "value": r["answers"][0]}]) for r in ours
        ]))
    put(
        "samples.jsonl",
        J(*[
            dict(doc_id=n,
                 doc=dict(id=r["id"], question=r["question"], image_path=r["images"]),
                 input="x",
                 target=str(r["answers"]) if len(r["answers"]) > 1 else r["answers"][0],
                 resps=[["?"]],
                 filtered_resps=["?"],
                 doc_hash="0") for n, r in enumerate(ours)
        ]))
    put(
        "samples_without_doc.jsonl",  # as lmms-eval 0.7 leaves them on the disk
        J(*[
            dict(doc_id=int(r["id"]),
                 target=str(r["answers"]) if len(r["answers"]) > 1 else r["answers"][0],
                 filtered_resps="?",
                 token_counts=[{"output_tokens": 2}],
                 doc_hash="0",
                 input_media=r["images"],
                 exact=0.0,
                 input=r["question"]) for r in ours
        ]))
    rows = [
        dict(index=r["id"],
             question=r["question"],
             answer=repr(r["answers"]) if len(r["answers"]) > 1 else r["answers"][0],
             image=str([b64[i] for i in s]) if len(s) > 1 else b64[s[0]],
             image_path=str(r["images"]) if len(s) > 1 else r["images"][0],
             split="") for r, (_, s, _, _) in zip(ours, Q)
    ]
    put("base64.tsv", tsv(rows, ["index", "image", "image_path", "question", "answer"]))
    put(
        "base64_crlf.tsv",
        "\ufeff" + tsv(rows, ["question", "answer", "split", "image_path", "index", "image"]).replace(
            "\n", "\r\n").replace("line\r\n", "line\n"))
    by_index = [dict(r) for r in rows]
    by_index[1]["image"] = "1"  # the row that holds it
    by_index[2]["image"], by_index[4]["image"] = b64[1], b64[2]
    put("by_index.tsv", tsv(by_index, ["index", "image", "image_path", "question", "answer"]))
    put(
        "later_index.tsv",
        tsv([dict(by_index[0], image="2"), dict(by_index[1], image=b64[0])] + by_index[2:],
            ["index", "image", "image_path", "question", "answer"]))
    put("paths.tsv", tsv([dict(r, image="") for r in rows], ["index", "image_path", "question", "answer"]))
    (top / "v2_OpenEnded_x_questions.json").write_text(
        json.dumps(
            dict(data_subtype="x",
                 questions=[
                     dict(question_id=int(r["id"]), image_id=s[0], image=r["images"][0], question=r["question"])
                     for r, (_, s, _, _) in zip(ours, Q)
                 ])))
    (top / "v2_x_annotations.json").write_text(
        json.dumps(
            dict(annotations=[
                dict(question_id=int(r["id"]),
                     answers=[dict(answer=a, answer_id=k) for k, a in enumerate(r["answers"])]) for r in ours
            ])))
    file["vqa2"] = (top / "v2_OpenEnded_x_questions.json", ["--metric", "exact"])
    return file


def comparable(row, pictures=True):
    drop = set() if pictures else {"images", "draw"}
    return {k: v for k, v in row.items() if k not in drop}


def same_rows(top, demo):
    file = five(top)
    common = ["-m", demo, "-n", 3, "-q", "-t", 1, "--pipeline", "full,grid,random", "--budget", 3, "--seed", 0]
    formats = {}
    for name, (path, flags) in file.items():
        out = top / ("run_" + name)
        done = run("sweep", *common, "--data", path, *flags, "--out", out)
        check("problems" not in done.stderr, f"{name}: {done.stderr}")
        rows = lines(out / "rows.jsonl")
        formats[name] = json.loads((out / "summary.json").read_text())["data"]["format"]
        if name == "ours.jsonl":
            reference = rows
            check(len(rows) == 15 and len({r["prediction"] for r in rows}) > 2, "15 rows that differ")
        if name == "vqa2":  # one picture a question there, so other questions share it
            known = {r["key"]: r for r in reference if r["id"] != "4"}
            plain = lambda r: dict(r, figures={k: v for k, v in r["figures"].items() if k != "distinctiveness"})
            check(
                all(plain(r) == plain(known[r["key"]]) for r in rows if r["id"] != "4") and len(rows) == 15,
                "vqa2: the same rows")
            continue
        for a, b in zip(rows, reference):
            named = a["images"] == b["images"]
            if not named:  # a picture without a name of its own draws another random set
                check(name in ("urls.jsonl", "data_urls.jsonl", "escaped_urls.jsonl", "backslash.jsonl"),
                      f"{name}: names {a['images']}")
                if a["pipeline"] == "random":
                    continue
            if name in ("conversations.json",):
                a, b = dict(a, answers=0, score=0), dict(b, answers=0, score=0)
            check(comparable(a, named) == comparable(b, named), f"{name}: {a} and {b}")
        check(len(rows) == len(reference), f"{name}: {len(rows)} rows")
    check(
        formats["base64.tsv"] == "vlmevalkit" and formats["llava.jsonl"] == "llava" and
        formats["samples.jsonl"] == "lmms" and formats["list.json"] == "json" and formats["vqa2"] == "vqa2" and
        formats["strings.jsonl"] == "jsonl", f"formats: {formats}")

    # converted, and asked again
    for name in ("base64.tsv", "data_urls.jsonl", "llava.jsonl", "vqa2"):
        path, flags = file[name]
        made = top / ("made_" + name)
        run("convert", "--data", path, *flags, "--out", made, "-q")
        done = run("sweep", "-m", demo, "-n", 3, "-q", "-t", 1, "--pipeline", "full,grid", "--budget", 3, "--data",
                   made, "--out", top / ("again_" + name))
        wanted = [r for r in lines(top / ("run_" + name) / "rows.jsonl") if r["pipeline"] != "random"]
        got = lines(top / ("again_" + name) / "rows.jsonl")
        check([comparable(r, False) for r in got] == [comparable(r, False) for r in wanted],
              f"converted {name}: the same rows")
    check(
        sorted(p.name for p in (top / "made_base64.tsv" / "images").iterdir()) == ["p0.png", "p1.png", "p2.png"],
        "pictures written out once each")
    check(
        all((top / "made_base64.tsv" / "images" / f"p{i}.png").read_bytes() == (top / f"p{i}.png").read_bytes()
            for i in range(3)), "and byte by byte")
    return file, len(file)


# --- what we write ----------------------------------------------------------------------------------------------------
def written(top, file):
    run_folder = top / "run_base64.tsv"
    rows = {r["id"]: r for r in lines(run_folder / "rows.jsonl") if r["pipeline"] == "grid"}
    run("convert", run_folder, "--to", "vlmevalkit", "--column", "grid@3", "--data", file["base64.tsv"][0], "--out",
        top / "m_d.tsv", "-q")
    with open(top / "m_d.tsv", newline="", encoding="utf-8") as f:
        got = list(csv.DictReader(f, delimiter="\t"))
    with open(file["base64.tsv"][0], newline="", encoding="utf-8") as f:
        csv.field_size_limit(1 << 30)
        source = list(csv.DictReader(f, delimiter="\t"))
    check([list(r) for r in got][0] == ["index", "image_path", "question", "answer", "prediction"],
          f"columns of a prediction file: {list(got[0])}")
    for a, b in zip(got, source):
        check(
            all(a[k] == b[k] for k in a if k != "prediction") and a["prediction"] == rows[a["index"]]["prediction"],
            f"prediction file: {a}")
    try:
        import pandas
        table = pandas.read_csv(top / "m_d.tsv", sep="\t")
        check(
            list(table["index"]) == [1, 2, 3, 4, 5] and list(table["question"]) == [r["question"] for r in source],
            "pandas reads it")
    except ImportError:
        print("questions: pandas is not here")
    run("convert", run_folder, "--to", "vlmevalkit", "--column", "grid@3", "--out", top / "plain.tsv", "-q")
    with open(top / "plain.tsv", newline="", encoding="utf-8") as f:
        plain = list(csv.DictReader(f, delimiter="\t"))
    check([r["prediction"] for r in plain] == [r["prediction"] for r in got] and
          plain[1]["answer"] == '["4.50","4,50"]', f"made from rows alone: {plain[1]}")
    run("convert", run_folder, "--to", "lmms", "--column", "grid@3", "--out", top / "s.jsonl", "-q")
    for n, r in enumerate(lines(top / "s.jsonl")):
        row = rows[str(r["doc"]["id"])]
        check(
            r["doc_id"] == n and r["resps"] == [[row["prediction"]]] and r["filtered_resps"] == [row["prediction"]] and
            r["exact"] == row["score"] and r["input"] == row["question"] and {"target", "doc_hash"} <= set(r),
            f"sample log: {r}")
    again = run("convert", "--data", top / "s.jsonl", "--pictures", top, "--out", top / "from_log", "-q")
    check([(r["id"], r["answers"]) for r in lines(top / "from_log" / "questions.jsonl")
          ] == [(r["id"], r["answers"]) for r in rows.values()], f"our sample log reads back: {again.stderr}")
    run("convert", run_folder, "--to", "llava", "--column", "full", "--model-name", "m", "--out", top / "a.jsonl", "-q")
    full = {r["id"]: r for r in lines(run_folder / "rows.jsonl") if r["pipeline"] == "full"}
    for r in lines(top / "a.jsonl"):
        row = full[str(r["question_id"])]
        check(
            list(r) == ["question_id", "prompt", "text", "answer_id", "model_id", "metadata"] and
            r["text"] == row["prediction"] and r["prompt"] == row["question"], f"LLaVA: {r}")
    run("convert", run_folder, "--to", "vqa2", "--column", "full", "--out", top / "v.json", "-q")
    check(
        json.loads((top / "v.json").read_text()) == [
            dict(question_id=int(i), answer=r["prediction"]) for i, r in full.items()
        ], "VQA v2 results")
    check(
        "full, grid@3, random@3" in run("convert", run_folder, "--to", "llava", "--out", top / "x", "-q",
                                        status=2).stderr, "a run of several columns names them")


# --- prompts ----------------------------------------------------------------------------------------------------------
def prompts(top, demo):
    b64 = base64.b64encode(png(64, 96, 9)).decode()
    rows = [
        dict(index=0,
             image=b64,
             question="What is it?",
             hint="Look.",
             A="a cat",
             B="a dog",
             C="",
             D="None",
             answer="B",
             category="animals")
    ]
    (top / "mc.tsv").write_text(tsv(rows, list(rows[0])))
    (top / "vqa.jsonl").write_text(
        J(dict(id="a", images=["p0.png"], question="what COLOUR is it?", answers=["red"] * 10, metric="vqa"),
          dict(id="b", images=["p0.png"], question="How much?", answers=["5"], metric="relaxed"),
          dict(id="c", images=["p0.png"], question="Is it?", answers=["yes"], metric="yesno"),
          dict(id="d", images=["p0.png"], question="Read.", answers=["x"], metric="ocrbench")))
    block = "Hint: Look.\nQuestion: What is it?\nOptions:\nA. a cat\nB. a dog\nD. None\n"
    word = "\nAnswer the question using a single word or phrase."
    short = "\nPlease answer concisely with short words or phrases when possible."
    wanted = {
        "auto": [
            block + "Please select the correct answer from the options above. \n", "what COLOUR is it?", "How much?",
            "Is it?", "Read."
        ], "none": ["What is it?", "what COLOUR is it?", "How much?", "Is it?", "Read."], "vlmevalkit": [
            block + "Please select the correct answer from the options above. \n", "what COLOUR is it?" + word,
            "How much?" + word, "Is it?", "Read."
        ], "qwen3vl": [
            block + "Answer with the option letter only.", "what COLOUR is it?" + short, "How much?" + short,
            "Is it? Please answer yes or no.", "Read."
        ], "lmms": [
            "Look.\nWhat is it?\nA. a cat\nB. a dog\nD. None\n"
            "Answer with the option's letter from the given choices directly.", "What colour is it?" + word,
            "How much?\nAnswer the question with a single word.", "Is it?" + word, "Read."
        ]
    }
    hashes = set()
    for shape, texts in wanted.items():
        got = []
        for name in ("mc.tsv", "vqa.jsonl"):
            out = top / f"shape_{shape}_{name}"
            done = run("sweep", "-m", demo, "-n", 2, "-t", 1, "--data", top / name, "--shape", shape, "--pipeline",
                       "grid", "--budget", 3, "--out", out)
            got += [r["question"] for r in lines(out / "rows.jsonl")]
            data = json.loads((out / "summary.json").read_text())["data"]
            check(data["shape"] == shape and "prompts " + data["prompts"] in done.stderr, f"{shape}: hash printed")
            hashes.add((name, data["prompts"]))
        check(got == texts, f"shape {shape}: {got}")
    check(len(hashes) == 8, f"auto and vlmevalkit ask the choice alike, auto and none the others: {len(hashes)}")
    (top / "placed.jsonl").write_text(
        J(dict(id="a", images=["p0.png", "p1.png"], question="Is <image> larger than <image>?", answers=["no"])))
    done = run("sweep", "-m", demo, "-n", 2, "-q", "-t", 1, "--data", top / "placed.jsonl", "--pipeline", "grid",
               "--budget", 3, "--out", top / "run_placed")
    check(
        "inside the text" not in done.stderr and
        lines(top / "run_placed" / "rows.jsonl")[0]["question"] == "Is <image> larger than <image>?",
        "a mark is a place, which rows tell")
    run("convert", "--data", top / "placed.jsonl", "--out", top / "made_placed", "-q")
    check(
        lines(top / "made_placed" / "questions.jsonl")[0]["question"] == "Is <image> larger than <image>?",
        "and a place goes out as a mark")


# --- metrics in a sweep -----------------------------------------------------------------------------------------------
def scores(top, demo):
    base = [dict(id=str(i), images=[f"p{i % 3}.png"], question=f"Question {i}?") for i in range(12)]
    (top / "ask.jsonl").write_text(J(*base))
    run("sweep", "-m", demo, "-n", 4, "-q", "-t", 1, "--data", top / "ask.jsonl", "--pipeline", "full,grid,stock",
        "--budget", 2, "--out", top / "asked")
    asked = lines(top / "asked" / "rows.jsonl")
    check(all(r["metric"] == "unscored" and r["score"] is None and r["prediction"] is not None for r in asked),
          "without answers: asked, not scored")
    full = {r["id"]: r["prediction"] for r in asked if r["pipeline"] == "full"}
    told = [
        dict(q, metric="vqa", answers=[full[q["id"]]] * (i % 5) + ["something else"] * (10 - i % 5))
        for i, q in enumerate(base)
    ]
    (top / "told.jsonl").write_text(J(*told))
    run("sweep", "-m", demo, "-n", 4, "-q", "-t", 1, "--data", top / "told.jsonl", "--flavour", "official",
        "--pipeline", "full,grid,stock", "--budget", 2, "--out", top / "scored")
    rows = lines(top / "scored" / "rows.jsonl")
    groups = {g["pipeline"]: g for g in json.loads((top / "scored" / "summary.json").read_text())["groups"]}
    mine = [r for r in rows if r["pipeline"] == "full"]
    steps = (0, 0.3, 0.6, 0.9, 1)
    check(all(abs(r["score"] - steps[int(r["id"]) % 5]) < 1e-9 for r in mine),
          f"scores between 0 and 1: {[r['score'] for r in mine]}")
    mean = sum(r["score"] for r in mine) / len(mine)
    a = groups["full"]["all"]
    check(
        abs(a["accuracy"] - mean) < 1e-9 and 0 < mean < 1 and a["low"] < mean < a["high"],
        f"mean and its interval: {a}")
    d = groups["grid"]["difference_to_full"]
    diffs = [g["score"] - f["score"] for f, g in zip(mine, [r for r in rows if r["pipeline"] == "grid"])]
    check(
        abs(d["difference"] - sum(diffs) / len(diffs)) < 1e-9 and d["only_this"] == sum(x > 0 for x in diffs) and
        d["only_other"] == sum(x < 0 for x in diffs) and d["low"] <= d["difference"] <= d["high"], f"paired: {d}")
    for name in ("grid", "stock"):
        agree = [
            float(" ".join(r["prediction"].lower().split()) == " ".join(full[r["id"]].lower().split())) for r in rows
            if r["pipeline"] == name
        ]
        check(
            all(r["loyal"] in (0, 1) for r in rows if r["pipeline"] == name) and
            abs(groups[name]["loyalty"]["accuracy"] - sum(agree) / len(agree)) < 1e-9,
            f"loyalty of {name}: {groups[name]['loyalty']} {agree}")
    check(groups["stock"]["loyalty"]["accuracy"] == 1 and "loyalty" not in groups["full"], "stock says what full says")
    text = run("compare", top / "scored", top / "scored", "--json").stdout
    check(all(c["difference"]["difference"] == 0 for c in json.loads(text)["columns"]),
          "compare reads scores between 0 and 1")


# --- yes and no -------------------------------------------------------------------------------------------------------
def yes_and_no(top, demo):
    base = [
        dict(id=str(i),
             images=[f"p{i // 2}.png"],
             question=f"Is it {i}?",
             metric="yesno",
             answers=["Yes" if i % 3 else "no"]) for i in range(6)
    ]
    (top / "yesno.jsonl").write_text(J(*base))
    run("sweep", "-m", demo, "-n", 4, "-q", "-t", 1, "--data", top / "yesno.jsonl", "--pipeline", "full", "--out",
        top / "yes")
    rows = lines(top / "yes" / "rows.jsonl")
    g = json.loads((top / "yes" / "summary.json").read_text())["groups"][0]
    check(
        all(r["extracted"] in ("yes", "no", "unknown") for r in rows) and g["yes_no"]["n"] == 6 and
        g["pictures_right"]["n"] == 3, f"yes and no: {g}")
    said = [(r["answers"][0].lower() == "yes", r["extracted"] == "yes") for r in rows]
    hits = sum(a and b for a, b in said)
    check(
        abs(g["yes_no"]["recall"] - hits / sum(a for a, _ in said)) < 1e-12 and
        abs(g["yes_no"]["accuracy"] - sum(r["score"] for r in rows) / 6) < 1e-12, f"yes and no: {g['yes_no']}")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        demo = top / "demo"
        run("demo-model", "--out", demo, "--seed", 3)
        file, n = same_rows(top, demo)
        written(top, file)
        prompts(top, demo)
        scores(top, demo)
        yes_and_no(top, demo)
    print(f"questions: {n} forms of five questions; {checks.made} checks, {len(checks.problems)} problems")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
