#!/usr/bin/env python3
"""Runs that are ended from outside go on: kill -9 at random moments, SIGTERM, a full disk, pieces of a power loss; shards
make one run; settings guard the folder. Every figure here is the bytes of a run that nobody disturbed.

usage: sweep_resume.py ARRCOC [SEED]        exit 0 when all agrees, 1 on any mismatch. Needs the standard library only.
"""
import json
import os
import pathlib
import pty
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import checks
from checks import check
from questions import png

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 30)
KILLS, PICTURES = 20, 30
PRODUCT = ("rows.jsonl", "summary.json", "summary.csv")
EVERYTHING = sorted(PRODUCT + ("report.html", "run.json", "timings.jsonl", "units.jsonl"))


def run(*args, status=0, **options):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600, **options)
    check(done.returncode == status, f"{' '.join(map(str, args))[-200:]}: exit {done.returncode}: {done.stderr[-300:]}")
    return done


def same(one, other, what, names=PRODUCT):
    for name in names:
        check((one / name).exists() and (one / name).read_bytes() == (other / name).read_bytes(), f"{what}: {name} differs")


def units(folder):
    file = folder / "units.jsonl"
    return file.read_text().count("\n") if file.exists() else 0


def make_data(top, pictures=PICTURES):
    """Pictures with one to three questions each; one that only decoding finds broken."""
    data = top / "data"
    data.mkdir()
    out = []
    for p in range(pictures):
        bytes_ = png(64 + 32 * (p % 3), 96, p)
        (data / f"{p}.png").write_bytes(bytes_[:len(bytes_) // 2] if p == 6 else bytes_)
        for q in range(1 + p % 3):
            out.append({"id": f"{p}-{q}", "images": [f"{p}.png"], "question": f"What is {q}?", "answers": ["a", str(q)], "boxes": [[0, 0, 32, 32 * (q + 1)]],
                        "scenario": "odd" if p % 2 else "even", "metric": "yesno" if q == 2 else "exact"} | ({"answers": ["yes"]} if q == 2 else {}))
    rng = random.Random(5)
    rng.shuffle(out)  # the questions about a picture need not stand together
    (data / "questions.jsonl").write_text("".join(json.dumps(s) + "\n" for s in out))
    return data, out


def killed(command, folder, rng, seconds, kills, **options):
    """Ends the command so often at random moments; how often it was in the middle."""
    ends = [signal.SIGKILL] * (kills - 2) + [signal.SIGTERM, signal.SIGINT]
    rng.shuffle(ends)
    middles = 0
    for number in ends:
        p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
        began = units(folder)
        # half of them soon after a unit, since that is where files are being written
        until = time.monotonic() + rng.uniform(0, seconds)
        wait = number != signal.SIGKILL or rng.random() < 0.5  # a program that still loads dies of the others as well
        while p.poll() is None and time.monotonic() < until + (30 if wait else 0) and not (wait and units(folder) > began):
            time.sleep(0.0005)
        time.sleep(rng.uniform(0, 0.004))
        p.send_signal(number)
        err = p.communicate(timeout=120)[1].decode("utf-8", "replace")
        check(p.returncode in (0, -9 if number == signal.SIGKILL else 128 + number), f"signal {number}: status {p.returncode}: {err[-300:]}")
        have = units(folder)
        check(have >= began, f"signal {number}: {began} units became {have}")
        middles += 0 < have < PICTURES and p.returncode != 0
    return middles


def main():
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        demo = top / "demo"
        run("demo-model", "--out", demo, "--seed", 3)
        data, questions = make_data(top)
        common = ["sweep", "-m", demo, "--data", data, "-n", 4, "-t", 1, "--pipeline", "full,three_ways,three_ways:query=other,random,downsample,oracle", "--keep-ratio", "0.25", "--seed", "0,1"]
        began = time.monotonic()
        whole = top / "whole"
        run(*common, "--out", whole)
        seconds = time.monotonic() - began
        check(sorted(p.name for p in whole.iterdir()) == EVERYTHING, "files of a run")
        rows = [json.loads(line) for line in (whole / "rows.jsonl").read_text().splitlines()]
        check(len({r["key"] for r in rows}) == len(rows) > 300, f"{len(rows)} rows")
        check([json.loads(line)["unit"] for line in (whole / "units.jsonl").read_text().splitlines()] == list(range(PICTURES)), "a line for each unit")
        bad = [r for r in rows if "error" in r]
        check({r["id"] for r in bad} == {"6-0"} and all("E408" in r["error"] for r in bad), "the broken picture is rows with a reason")

        # twenty ends, then the rest
        part = top / "part"
        command = [PROGRAM, *map(str, common), "--out", str(part), "-q"]
        middles = killed(command, part, rng, 0.1 * seconds, KILLS)
        run(*common, "--out", part, "-q")
        same(part, whole, "after twenty ends")
        check(sorted(p.name for p in part.iterdir()) == EVERYTHING, f"after twenty ends: {sorted(p.name for p in part.iterdir())}")
        keys = [json.loads(line).get("key") for line in (part / "timings.jsonl").read_text().splitlines()]
        check([k for k in keys if k] == [r["key"] for r in rows], "after twenty ends: a timing for each row")
        check(middles >= 5, f"{middles} ends in the middle")
        print(f"sweep_resume: seed {SEED}, {KILLS} ends, {middles} of them in the middle, {seconds:.1f} s undisturbed")

        # a finished run is left as it is
        before = {p.name: p.read_bytes() for p in part.iterdir()}
        again = run(*common, "--out", part)
        check({p.name: p.read_bytes() for p in part.iterdir()} == before and "done already" in again.stderr, "a finished run once more")
        check(again.stdout == run(*common, "--out", whole).stdout != "", "its table")

        def cut_copy(name, n):
            """A run of which n units were done."""
            shutil.copytree(whole, top / name)
            lines = (whole / "units.jsonl").read_text().splitlines(keepends=True)[:n]
            (top / name / "units.jsonl").write_text("".join(lines))
            (top / name / "summary.json").unlink()
            return top / name

        # what a power loss leaves: half a line, rows without a unit, zeros, too little
        for name, change in {
                "half_a_line": lambda f: (f / "units.jsonl").write_bytes((f / "units.jsonl").read_bytes()[:-9]),
                "rows_beyond": lambda f: None,
                "rows_cut": lambda f: os.truncate(f / "rows.jsonl", json.loads((f / "units.jsonl").read_text().splitlines()[2])["end"] + 100),
                "zeros": lambda f: (f / "rows.jsonl").write_bytes((f / "rows.jsonl").read_bytes()[:json.loads((f / "units.jsonl").read_text().splitlines()[4])["end"]] + bytes(70000)),
                "no_rows": lambda f: (f / "rows.jsonl").unlink(),
                "no_timings": lambda f: (f / "timings.jsonl").unlink(),
                "empty_record": lambda f: [(f / "run.json").write_bytes(b""), (f / "units.jsonl").unlink()],
                "first_files": lambda f: [(f / x).unlink() for x in ("run.json", "summary.csv", "report.html")] + [(f / x).write_bytes(b"") for x in ("rows.jsonl", "timings.jsonl", "units.jsonl")],
                "older_rows": lambda f: [(f / "run.json").write_bytes(b""), (f / "rows.jsonl").write_bytes((f / "rows.jsonl").read_bytes() * 3)],
                "partial_record": lambda f: [(f / x).unlink() for x in ("run.json", "rows.jsonl", "timings.jsonl", "units.jsonl", "summary.csv", "report.html")] + [(f / "run.json.partial7_0").write_bytes(b"{")],
                "partial_summary": lambda f: (f / "summary.json.partial7_0").write_bytes(b"{")}.items():
            folder = cut_copy(name, 6)
            change(folder)
            run(*common, "--out", folder, "-q")
            same(folder, whole, name)
            check(not [p.name for p in folder.iterdir() if "partial" in p.name], f"{name}: a partial file stays")
            check(units(folder) == PICTURES, f"{name}: {units(folder)} lines of units")
        # `auto` is measured: what began in float32 goes on in it
        narrow = top / "float32"
        run(*common, "--out", narrow, "--dtype", "f32", "-q")
        begun = json.loads((narrow / "run.json").read_text())["backend"]["dtype"]
        cut = top / "float32_cut"
        shutil.copytree(narrow, cut)
        (cut / "units.jsonl").write_text("".join((narrow / "units.jsonl").read_text().splitlines(keepends=True)[:6]))
        (cut / "summary.json").unlink()
        run(*common, "--out", cut, "-q")
        same(cut, narrow, "a run in float32 goes on by itself")
        refused = run(*common, "--out", cut, "--dtype", "bf16", "-q", status=2)
        check(begun == "f32" and ("dtype" in refused.stderr or "E301" in refused.stderr), f"another arithmetic by name: {refused.stderr}")
        for name, file in {"foreign_file": "notes.txt", "foreign_rows": "rows.jsonl", "foreign_link": "units.jsonl"}.items():  # somebody else's
            (top / name).mkdir()
            if name == "foreign_link":
                (top / name / file).symlink_to(top / "nowhere")
            else:
                (top / name / file).write_text("" if name == "foreign_file" else "{}\n")
            refused = run(*common, "--out", top / name, "-q", status=2)
            check("something that exists" in refused.stderr and [p.name for p in (top / name).iterdir()] == [file], f"{name}: {refused.stderr}")
        edited = cut_copy("edited", 6)
        text = (edited / "rows.jsonl").read_bytes()
        (edited / "rows.jsonl").write_bytes(text.replace(b'"key":"', b'"kez":"', 1))
        refused = run(*common, "--out", edited, "-q", status=1)
        check("E409" in refused.stderr and "unit 0" in refused.stderr and (edited / "rows.jsonl").read_bytes() != b"", f"rows that somebody changed: {refused.stderr}")

        # a full disk: nothing but whole units stays, and the same command goes on
        full = top / "full"
        limit = (whole / "rows.jsonl").stat().st_size * 2 // 3
        stopped = run(*common, "--out", full, "-q", status=2, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        check("E106" in stopped.stderr and "rows.jsonl" in stopped.stderr and 0 < units(full) < PICTURES, f"a full disk: {stopped.stderr}, {units(full)} units")
        check((full / "rows.jsonl").stat().st_size == json.loads((full / "units.jsonl").read_text().splitlines()[-1])["end"], "a full disk: the rows end with a unit")
        run(*common, "--out", full, "-q")
        same(full, whole, "after a full disk")
        full = top / "full_at_once"
        run(*common, "--out", full, "-q", status=2, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
        check(not full.exists(), "a disk that takes no unit: no folder")

        # other settings are refused by name, and nothing changes
        for change, word in {("-n", 5): "run.max_new_tokens was 4 and is 5", ("--system", "Be brief."): "run.system", ("--budget", 9): None, ("--resize", "pillow"): "run.asked.resize", ("--kept", ): "run.kept",
                             ("--limit", 3): "data.questions", ("--flavour", "lmms"): "data.flavour", ("--balancer.explore=0.7", ): "run.settings", ("--shard", "1/2"): "shard 1/1"}.items():
            base = [x for x in common if x not in ("--keep-ratio", "0.25")] if word is None else common
            if "-n" in change:
                base = [x for i, x in enumerate(common) if x != "-n" and common[i - 1] != "-n"]
            other = run(*base, *change, "--out", whole, "-q", status=2)
            check("other settings" in other.stderr or "holds shard" in other.stderr, f"{change}: {other.stderr}")
            check((word or "run.columns") in other.stderr, f"{change}: {other.stderr}")
        same(whole, part, "after refusals")
        moved = top / "moved"
        shutil.copytree(demo, moved)  # the model somewhere else, and of another time, is the same model
        base = [moved if x == demo else x for x in common]
        base[base.index("-t") + 1] = 2  # nor do threads matter, nor the bound on what the tower gave
        base += ["--evidence-mib", 0]
        run(*base, "--out", cut_copy("elsewhere", 4), "-q")
        same(top / "elsewhere", whole, "a copied model")
        weights = bytearray((moved / "model.safetensors").read_bytes())
        weights[-3] ^= 1
        (moved / "model.safetensors").write_bytes(weights)
        other = run(*base, "--out", whole, "-q", status=2)
        check("model.content" in other.stderr, f"other weights: {other.stderr}")
        busy = subprocess.Popen([PROGRAM, *map(str, common), "--out", top / "busy", "-q", "--depth", "all,none,each"], stdout=subprocess.DEVNULL)
        while busy.poll() is None and not units(top / "busy"):
            time.sleep(0.01)
        if busy.poll() is None:
            two = run(*common, "--depth", "all,none,each", "--out", top / "busy", "-q", status=2)
            check("another process" in two.stderr, f"two processes: {two.stderr}")
        busy.kill()
        busy.wait()

        # shards
        for n in (3, 8):
            parts = [top / f"shard{n}_{i}" for i in range(1, n + 1)]
            made = []
            for i, folder in enumerate(parts, 1):
                slurm = {"SLURM_ARRAY_TASK_ID": str(4 + 2 * i), "SLURM_ARRAY_TASK_MIN": "6", "SLURM_ARRAY_TASK_MAX": str(4 + 2 * n), "SLURM_ARRAY_TASK_COUNT": str(n)}
                if n == 3 and i == 2:  # a task of an array job that is ended and goes on
                    killed([PROGRAM, *map(str, common), "--out", folder, "--shard", "slurm", "-q"], folder, rng, 0.3 * seconds, 3, env=os.environ | slurm)
                run(*common, "--out", folder, *(["--shard", "slurm"] if n == 3 else ["--shard", f"{i}/{n}"]), "-q", env=os.environ | slurm)
                check(json.loads((folder / "summary.json").read_text())["shard"] == {"index": i, "count": n}, "a shard says so")
                made.append(folder)
            if n == 3:
                none = run(*common, "--out", top / "never", "--shard", "31/31", "-q", status=2)
                check("30 pictures" in none.stderr and not (top / "never").exists(), f"a shard without pictures: {none.stderr}")
                early = run("merge", *made[:2], "--out", top / "early", status=2)
                check("10 of 30 units are missing" in early.stderr and not (top / "early").exists(), f"a shard is missing: {early.stderr}")
            rng.shuffle(made)
            table = run("merge", *made, "--out", top / f"merged{n}").stdout
            check(table == again.stdout, f"{n} shards: the table")
            same(top / f"merged{n}", whole, f"{n} shards", PRODUCT + ("run.json", ))
            timed = [json.loads(line).get("key") for line in (top / f"merged{n}" / "timings.jsonl").read_text().splitlines()]
            check([k for k in timed if k] == [r["key"] for r in rows], f"{n} shards: timings")
        kept = {p.name: p.read_bytes() for p in (top / "merged3").iterdir()}
        run(*common, "--out", top / "merged3", "-q")
        check({p.name: p.read_bytes() for p in (top / "merged3").iterdir()} == kept, "a merged run is a finished run")
        run("merge", *made, made[0], "--out", top / "twice")
        same(top / "twice", whole, "a shard given twice")
        foreign = top / "foreign"
        run(*[x if x != 4 else 3 for x in common], "--out", foreign, "--shard", "1/3", "-q")
        other = run("merge", top / "shard3_2", top / "shard3_3", foreign, "--out", top / "never", status=2)
        check("max_new_tokens" in other.stderr and not (top / "never").exists(), f"a shard of another run: {other.stderr}")
        for text in ("0/3", "4/3", "3", "a/b", "1/0", "-1/3"):
            check("i/n" in run(*common, "--out", top / "never", f"--shard={text}", status=2).stderr, f"--shard {text}")
        env = {k: v for k, v in os.environ.items() if not k.startswith("SLURM")}
        check("SLURM_ARRAY_TASK_MIN" in run(*common, "--out", top / "never", "--shard", "slurm", status=2, env=env).stderr, "no array job")
        uneven = run(*common, "--out", top / "never", "--shard", "slurm", status=2, env=env | {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "7", "SLURM_ARRAY_TASK_COUNT": "3"})
        check("evenly spaced" in uneven.stderr, f"an uneven array: {uneven.stderr}")

        # an axis: ended and gone on, in shards, and the command of the page
        along = [*common[:common.index("--pipeline")], "--pipeline", "full,three_ways,three_ways:query=other,random,oracle", "--balancer.explore=0.2:0.8:0.3", "--texture.clusters=4,8", "--budget", "3:5", "--seed", "0:1"]
        began = time.monotonic()
        run(*along, "--out", top / "axis", "-q")
        seconds = time.monotonic() - began
        named = {f"three_ways:texture.clusters={c}:balancer.explore={e}{q}" for c in (4, 8) for e in (0.2, 0.5, 0.8) for q in ("", ":query=other")}
        rows = [json.loads(line) for line in (top / "axis" / "rows.jsonl").read_text().splitlines()]
        check({r["pipeline"] for r in rows} == named | {"full", "random", "oracle", "oracle_blank", "oracle_other"} and {r["budget"] for r in rows} == {"all", "3", "4", "5"}, f"an axis: columns {sorted({r['pipeline'] for r in rows})}")
        middles = killed([PROGRAM, *map(str, along), "--out", str(top / "axis_ended"), "-q"], top / "axis_ended", rng, 0.2 * seconds, 6)
        check(middles >= 2, f"an axis: {middles} ends in the middle")
        table = run(*along, "--out", top / "axis_ended", "-q").stdout
        check("right % by balancer.explore" in table and "right % by texture.clusters" in table and "right % by budget" in table, "an axis: its tables")
        same(top / "axis_ended", top / "axis", "an axis that was ended")
        for i in (1, 2, 3):
            run(*along, "--out", top / f"axis{i}", "--shard", f"{i}/3", "-q")
        check(run("merge", *[top / f"axis{i}" for i in (2, 3, 1)], "--out", top / "axis_merged").stdout == table, "an axis in shards: the table")
        same(top / "axis_merged", top / "axis", "an axis in shards", PRODUCT + ("run.json", ))
        for change in ("--balancer.explore=0.2:0.8:0.2", "--balancer.explore=0.2"):
            other = run(*[change if str(x).startswith("--balancer.explore") else x for x in along], "--out", top / "axis", "-q", status=2)
            check("run.columns" in other.stderr, f"another axis: {other.stderr}")
        page = (pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "sweep.md").read_text(encoding="utf-8")
        commands = [line.split()[1:] for line in page.splitlines() if re.match(r"arrcoc (sweep|compare) .*explore", line)]
        check([c[0] for c in commands] == ["sweep", "compare"], f"the page's commands: {commands}")
        os.symlink(data, top / "test")
        for c in commands:
            check("balancer.explore=0.1" in run(*[str(demo) if x == "MODEL" else x for x in c], cwd=top).stdout, f"the page's {' '.join(c)}")

        # progress: on a terminal, and where it was asked for
        ours, theirs = pty.openpty()
        slow = [PROGRAM, *map(str, common), "--depth", "all,none,each,0+1,1+2,0+2"]
        p = subprocess.Popen([*slow, "--out", top / "slow"], stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 4096):
                told += part
        except OSError:  # the other end is closed
            pass
        check(p.wait() == 0 and re.search(r"sweep: \d+ of 60 questions, [\d.]+ a second, \d+ s left; [\d.]+ % right, [\d.]+ of [\d.]+ tokens kept, \d+ rows failed", told.decode()), f"a terminal: {told[-400:]}")
        piped = run(*slow[1:], "--out", top / "piped", "--progress").stderr
        check("tokens kept" in piped or float(re.search(r"rows in ([\d.]+) s", piped)[1]) < 12, f"--progress: {piped}")
        check("s left" not in run(*slow[1:], "--out", top / "quiet").stderr, "no progress where nobody looks")
    print(f"sweep_resume: {checks.made} checks, {len(checks.problems)} mismatches: {'FAILED' if checks.problems else 'ok'}")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
