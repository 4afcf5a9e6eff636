"""Runs the program as a user would and checks what it prints, writes and returns.

usage: cli.py PROGRAM          exit 0 when all is as docs/cli.md says, 1 with one line per mismatch, 77 when a Python package is absent
"""
import json
import math
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import checks
from checks import check, on_backend

try:
    import numpy as np
    from PIL import Image
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())


def run(*args, env=None, stdin=b""):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, input=stdin, timeout=300, env=env)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def refused(status, part, *args, env=None):
    """One line on stderr, nothing on stdout, the status, and the words."""
    code, out, err = run(*args, env=env)
    lines = err.strip().splitlines()
    check(code == status, f"{args}: exit status {code}, expected {status}: {err.strip()[:300]}")
    check(out == b"", f"{args}: wrote to stdout: {out[:80]}")
    check(len(lines) == 1 and lines[0].startswith("arrcoc: error: ["), f"{args}: expected one error line, got {lines}")
    check(part in err, f"{args}: expected '{part}' in: {err.strip()[:400]}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        rng = np.random.default_rng(1)
        Image.fromarray(rng.integers(0, 255, (320, 416, 3), dtype=np.uint8)).save("a.png")
        Image.fromarray(rng.integers(0, 255, (64, 2000, 3), dtype=np.uint8)).save("wide.png")
        Image.fromarray(rng.integers(0, 255, (32, 6500, 3), dtype=np.uint8)).save("too_wide.png")
        check(run("demo-model", "--out", "demo", "--seed", 7)[0] == 0, "demo-model")
        ask = ["answer", "-m", "demo", "-p", "What?", "-n", 6]
        one = [*ask, "-i", "a.png"]
        quiet = {k: v for k, v in os.environ.items() if k not in ("ARRCOC_MODEL", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME")} | {"HOME": folder}

        # stdout is the answer alone; the costs are on stderr
        code, out, err = run(*one)
        check(code == 0 and out.endswith(b"\n") and b"FLOPs" not in out, "answer: stdout holds the answer alone")
        for part in ("kept 33 of 130 tokens", "prefill FLOPs", "random: the answer means nothing"):
            check(part in err, f"answer: expected '{part}' on stderr")
        check("legacy" not in err, "answer: the legacy figure without being asked")
        check("effective tokens (legacy)" in run(*one, "--legacy")[2], "answer: --legacy")
        check("\x1b" not in err, "answer: no colour when stderr is not a terminal")
        check(run(*one, "--no-stream")[1] == out, "--no-stream: the same answer")
        check(run(*one, "-q")[2] == "", "--quiet: stderr is empty")
        check("this image has 130 tokens: nothing to prune" in run(*one, "--budget", 500)[2], "a budget above N is said")
        check("this image has 130 tokens: nothing to prune" in run(*one, "--budget", 130)[2], "a budget of N is said")

        # what was given and not used is an event, one line on stderr, and with --strict an error
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.open("a.png").save("turned.png", exif=exif)
        Image.fromarray((rng.integers(0, 2, (320, 416)) * 60000).astype(np.uint16)).save("grey16.png")
        both = ["answer", "-m", "demo", "-p", "<image>\nWhat?", "-n", 2, "-i", "turned.png", "-i", "grey16.png"]
        code, out, err = run(*both, "--json")
        said = ["turned.png: the turn that EXIF asks for (orientation 6)", "grey16.png: 16-bit grey above 255, white as in Pillow",
                "the question's <image>, which is text like any other"]
        events = [e for e in json.loads(out)["events"] if e.startswith("not used: ")]
        check(code == 0 and len(events) == 3 and all(s in e for s, e in zip(said, events)), f"events: {events}")
        lines = [line for line in err.splitlines() if line.startswith("not used: ")]
        check(len(lines) == 1 and all(s in lines[0] for s in said), f"one line on stderr: {lines}")
        refused(2, "(E107)", *both, "--strict")
        code, out, err = run(*one, "--strict", "--json")
        check(code == 0 and "not used" not in out.decode() + err, "--strict: all of it was used")

        # routes: alpha, EXIF and resize of a reference
        clear = np.zeros((320, 416, 4), np.uint8)
        clear[..., :3] = rng.integers(0, 255, (320, 416, 3))
        Image.fromarray(clear, "RGBA").save("clear.png", exif=exif)
        routes = {}
        for route in ("hf-path", "hf-pil", "qwen-vl-utils"):
            r = json.loads(run("allocate", "-m", "demo", "-p", "What?", "-i", "clear.png", "--json", "--route", route)[1])
            c = r["config"]["run"]
            routes[route] = (c["alpha"], c["exif"], c["resize"], c["min_pixels"], c["max_pixels"], r["pictures"][0]["size"])
        check(routes == {"hf-path": ("drop", True, "torchvision", 0, 0, [416, 320]), "hf-pil": ("white", False, "torchvision", 0, 0, [320, 416]),
                         "qwen-vl-utils": ("rgba", False, "qwen-vl-utils", 4096, 16777216, [320, 416])}, f"routes: {routes}")
        c = json.loads(run(*one, "--json", "--route", "hf-path", "--alpha", "white", "--no-exif", "--resize", "pillow")[1])["config"]["run"]
        check((c["alpha"], c["exif"], c["resize"]) == ("white", False, "pillow"), f"flags win over the route: {c}")

        # tokens: the model's max_new_tokens unless given
        pathlib.Path("short").mkdir()
        for f in pathlib.Path("demo").iterdir():
            (pathlib.Path("short") / f.name).write_bytes(f.read_bytes())
        settings = json.loads(pathlib.Path("short/generation_config.json").read_text())
        pathlib.Path("short/generation_config.json").write_text(json.dumps({**settings, "max_new_tokens": 3}))
        for more, count in (((), 3), (("-n", 5), 5)):
            r = json.loads(run("answer", "-m", "short", "-p", "What?", "-i", "a.png", "--ignore-eos", "--json", *more)[1])
            check(len(r["tokens"]) == count == r["config"]["run"]["max_new_tokens"], f"max_new_tokens {more}: {len(r['tokens'])}")

        # the Hub cache by huggingface_hub's variables
        hub = pathlib.Path("some home/hub/models--Org--Demo")
        (hub / "refs").mkdir(parents=True)
        (hub / "refs/main").write_text("abc")
        (hub / "snapshots").mkdir()
        (hub / "snapshots/abc").symlink_to(pathlib.Path("demo").resolve())
        here = str(pathlib.Path.cwd())
        for given in ({"HF_HOME": f"{here}/some home"}, {"HF_HOME": "~/some home"}, {"HF_HOME": "$ROOM/some home", "ROOM": here}, {"HF_HOME": "${ROOM}/some${GAP}home", "ROOM": here, "GAP": " "},
                      {"HUGGINGFACE_HUB_CACHE": "~/some home/hub", "HF_HOME": "/nowhere"}, {"HF_HUB_CACHE": "$HOME/some home/hub", "HUGGINGFACE_HUB_CACHE": "/nowhere"}):
            code, _, err = run("answer", "-m", "Org/Demo", "-p", "What?", "-n", 1, env={**quiet, **given})
            check(code == 0, f"{given}: {err.strip()[:200]}")
        refused(1, "$UNSET/x/hub", "answer", "-m", "Org/Demo", "-p", "What?", env={**quiet, "HF_HOME": "$UNSET/x"})

        # JSON: a result is a config, and gives the same result again
        code, out, err = run(*one, "--json", "--allocator", "random", "--seed", 5, "--budget", 20, "--balancer.explore=0.5")
        result = json.loads(out)
        check(result["pipeline"] == "texture13/information+perspectival+participatory/tension:explore=0.5/random/gather@20", "json: full name")
        check(len(result["pictures"][0]["kept"]) == 20 and result["seed"] == 5 and not result["clamped"], "json: kept, seed, clamped")
        check(set(result["pictures"][0]["kept"][0]) == {"token", "row", "col", "levels", "cause", "rank", "value"}, "json: provenance")
        check(result["config"]["balancer"]["explore"] == 0.5 and result["config"]["run"]["budget"] == 20, "json: resolved config")
        pathlib.Path("r.json").write_bytes(out)
        again = json.loads(run(*one, "--config", "r.json", "--json", "-")[1])
        for key in ("answer", "tokens", "pictures", "config", "pipeline", "seed", "costs"):
            check(again[key] == result[key], f"--config RESULT: the same {key}")
        flags = json.loads(run(*one, "--config", "r.json", "--json", "--keep-ratio", 0.5, "--pipeline", "grid")[1])
        check(flags["pipeline"] == "none/none/flat/grid/gather@0.5" and len(flags["pictures"][0]["kept"]) == 65, "flags win over --config")
        check(json.loads(run(*one, "--json", "--pipeline", "grid@7")[1])["pipeline"].endswith("@7"), "--pipeline NAME@BUDGET")
        check(len(json.loads(run(*one, "--json", "--pruning-ratio", 0.9)[1])["pictures"][0]["kept"]) == 13, "--pruning-ratio")
        check(json.loads(run(*one, "--json", "--budget", 500)[1])["clamped"] is True, "clamped")
        both = json.loads(run(*one, "-i", "wide.png", "--json", "--budget", 20, "--budget-scope", "prompt")[1])
        check(sum(len(p["kept"]) for p in both["pictures"]) == 20, "--budget-scope prompt")
        sizes = [p["tokens"] for p in both["pictures"]]
        for first, least in (("3x", lambda share, n: 3 * share), ("+0.5", lambda share, n: share + math.ceil((n - share) / 2)), ("1", lambda share, n: share)):
            said = json.loads(run(*one, "-i", "wide.png", "--json", "--budget", 20, "--budget-scope", "prompt", "--pipeline", f"none/none/flat/random/gather@{first}%none/flat/random/layer:before=1")[1])
            ends = [len(p["kept"]) for p in said["pictures"]]
            left = [p["decisions"][0]["kept_count"] for p in said["pictures"]]
            shares = [round(20 * n / sum(sizes)) for n in sizes]  # no halves here
            check(left == [least(s, n) for s, n in zip(shares, sizes)] and sum(ends) == 20, f"@{first} of a total of the prompt: {left}, then {ends} of {sizes}")
        sampled = [json.loads(run(*one, "--json", "--sample", "--temperature", 5, "--top-k", 0, "--top-p", 1, "--seed", s)[1])["tokens"] for s in (1, 1, 2)]
        check(sampled[0] == sampled[1] != sampled[2], "sampling follows the seed")
        compared = json.loads(run(*one, "--json", "--compare", "--pipeline", "full")[1])
        check(compared["baseline"]["tokens"] == compared["tokens"] and compared["baseline"]["pipeline"] == "stock", "--compare")
        tokens = json.loads(run(*one, "--json", "--image-max-tokens", 64, "--image-min-tokens", 4)[1])["pictures"][0]["tokens"]
        check(48 <= tokens <= 64, f"--image-max-tokens 64: {tokens} tokens")
        oracle = json.loads(run(*one, "--json", "--pipeline", "oracle@4", "--box", "0,0,64,64")[1])["pictures"][0]["kept"]
        check([(k["row"], k["col"]) for k in oracle] == [(0, 0), (0, 1), (1, 0), (1, 1)] and oracle[0]["cause"] == "oracle", "--box for the oracle")

        # files appear whole
        check(run(*one, "--pipeline", "three_ways", "--heatmap", "h.png", "--dump", "d", "--json", "j.json")[0] == 0, "heatmap, dump, json")
        check(Image.open("h.png").size[0] > 0 and np.load("d/vision.npy").shape[0] == 130 and json.load(open("j.json"))["dump"] == "d", "files")
        # another model's attention as a texture channel: here this one's, written and read back
        looked = run(*one, "--json", "--dump", "looked", "--pipeline", "none/tower_attention/fixed:scale=none/top_k/gather@9")[1]
        channel = run("allocate", "-m", "demo", "-i", "a.png", "-p", "x", "--json", "--pipeline", "named/channel:of=attention/fixed:scale=none/top_k/gather@9", "--texture.maps", "attention=looked/relevance.npy")[1]
        check(json.loads(looked)["pictures"][0]["positions"] == json.loads(channel)["pictures"][0]["positions"], "the channel attention from a dumped map")
        code, out, _ = run("allocate", "--evidence", "d", "-i", "a.png", "--json")
        check(json.loads(out)["pictures"][0]["positions"] == json.load(open("j.json"))["pictures"][0]["positions"], "allocate --evidence of a dump")
        os.remove("d/relevance.npy")
        code, out, _ = run("allocate", "--evidence", "d", "-i", "a.png", "--grid", "10x13")
        check(json.loads(out)["pictures"][0]["positions"] == json.load(open("j.json"))["pictures"][0]["positions"], "allocate --evidence from features")
        np.save("ids.npy", np.array([3, 1, 4], dtype=np.int64))
        check(json.loads(run(*one, "--json", "--force-ids", "ids.npy")[1])["tokens"][:3] == [3, 1, 4], "--force-ids")
        before = sorted(os.listdir("."))
        refused(2, "budget", *one, "--budget", 0, "--heatmap", "x.png", "--json", "x.json", "--dump", "x")
        refused(2, "exists", *one, "--dump", "d")
        refused(2, "x/y", *one, "--json", "no/such/x/y.json")
        refused(2, "a folder", *one, "--heatmap", ".")
        refused(2, "no picture", *ask, "--heatmap", "x.png")
        check(sorted(os.listdir(".")) == before, f"nothing half-written: {set(os.listdir('.')) ^ set(before)}")

        # what the user typed: 2, what the data holds: 1
        refused(2, "keep ratio", *one, "--keep-ratio", 0)
        refused(2, "keep ratio", *one, "--keep-ratio", "nan")
        refused(2, "exclude", *one, "--keep-ratio", 0.5, "--budget", 3)
        refused(2, "nearest: information", *one, "--scorers", "informaton")
        refused(2, "nearest: default", *one, "--pipeline", "defaul")
        # a question longer than 64 tokens, as multiple choice has them: each of its words pays for itself
        check(run("answer", "-m", "demo", "-i", "a.png", "-n", 2, "-p", "Which of these is it? " * 30, "--pipeline", "none/sparsevlm/fixed:scale=none/top_k/layer")[0] == 0, "sparsevlm: a long question")
        refused(2, "allocator.bugdet", *one, "--allocator.bugdet=1")
        refused(2, "--balancer.explore: given twice", *one, "--balancer.explore=1", "--balancer.explore=0")
        refused(2, "balancer.explore", *one, "--balancer.explore", "many")
        refused(2, "needs textures", *one, "--texture", "none")
        refused(2, "expected eigen, torch or xtensor", *one, "--backend", "cudnn")
        for backend in ("torch", "xtensor"):  # built in and equal, or refused by name
            code, out, err = run(*one, "--backend", backend, "--dtype", "f32", "--json")
            if code == 0:
                for dtype in ("f32", "bf16"):  # the stock path and everything kept through the gather: the same bits
                    logits = []
                    for pipeline in ("stock", "full"):
                        status, _, message = run(*one, *on_backend(backend), "--dtype", dtype, "--pipeline", pipeline, "--dump", f"{backend}_{dtype}_{pipeline}")
                        if status == 0:
                            logits.append(pathlib.Path(f"{backend}_{dtype}_{pipeline}/logits.npy").read_bytes())
                        else:
                            check(dtype == "bf16" and "E301" in message, f"--backend {backend} --dtype {dtype}: {message}")
                    check(len(set(logits)) <= 1, f"--backend {backend} --dtype {dtype}: stock and full give the same bits")
                check(json.loads(out)["tokens"] == json.loads(run(*one, "--dtype", "f32", "--json")[1])["tokens"], f"--backend {backend}: the same tokens")
            else:
                refused(2, f"'{backend}' is not built into this program", *one, "--backend", backend)
        refused(2, "expected auto, f32 or bf16", *one, "--dtype", "f16")
        refused(2, "E105", *one, "--no-such-flag")
        refused(2, "E105", "answr")
        refused(2, "E105", *one, "--budget", "many")
        refused(2, "expected a question", "answer", "-m", "demo", "-i", "a.png")
        refused(2, "empty", "answer", "-m", "demo", "-p", "")
        refused(1, "no such", *ask, "-i", "missing.png")
        refused(1, "aspect ratio", *ask, "-i", "too_wide.png")
        refused(1, "no such", "answer", "-m", "nowhere", "-p", "x")
        refused(1, "hf download", "answer", "-m", "org/name", "-p", "x", env=quiet)
        pathlib.Path("bad.png").write_bytes(pathlib.Path("a.png").read_bytes()[:500])
        refused(1, "bad.png", *ask, "-i", "bad.png")
        refused(1, "no such", *one, "--plugin", "missing.so")
        refused(2, "answer boxes", *one, "--pipeline", "oracle")
        refused(2, "box", *one, "--pipeline", "oracle", "--box", "1,2,3")
        check(run(*ask, "--system", "--budget", "-p", "-5?")[0] != 0, "a prompt is given once")
        check(run("answer", "-m", "demo", "-n", 2, "-p", "--budget")[0] == 0, "a question may look like a flag")

        # bench: medians, and the share of the best that follows from them
        code, out, _ = run("bench", "-m", "demo", "--size", "128x160", "--budgets", "4,9", "-n", 4, "--repeat", 1, "--json")
        bench = json.loads(out)
        best = bench["limits"]
        check(code == 0 and best["flops_per_second"] > 1e8 and best["bytes_per_second"] > 1e7, "bench: limits of the machine")
        all_tokens = bench["runs"][0]["visual_tokens"]
        check([r["visual_tokens"] for r in bench["runs"][1:]] == [4, 9] and all_tokens > 9 and bench["runs"][0]["pipeline"] == "stock", "bench: stock, then the budgets")
        check([r["positions"] - bench["runs"][0]["positions"] for r in bench["runs"]] == [0, 4 - all_tokens, 9 - all_tokens], "bench: positions")
        def is_share(limits, stage, key, flops, read):
            shortest = max(stage["flops"] / limits[flops], stage["bytes"] / limits[read])
            return abs(stage[key] * stage["milliseconds"] / 1e3 / shortest - 1) < 1e-3
        of_best = ("share", "flops_per_second", "bytes_per_second")
        of_roof = ("of_roof", "register_flops_per_second", "read_bytes_per_second")
        for r in bench["runs"]:
            stages = {s["stage"]: s for s in r["stages"]}
            check({"vision", "prefill", "decode"} <= set(stages), "bench: stages")
            for s in (stages["vision"], stages["prefill"], stages["decode"]):
                check(s["flops"] > 0 and s["bytes"] > 0 and is_share(best, s, *of_best), f"bench: share of {s['stage']}")
                check(is_share(best, s, *of_roof), f"bench: share of the roof, {s['stage']}")
            if r["peak_memory_bytes"]:  # the system lets a process forget its peak
                check(set(r["peak_memory_bytes"]) == {"vision", "language model"}, "bench: memory by stage")
                check(all(5e6 < b <= bench["peak_memory_bytes"] for b in r["peak_memory_bytes"].values()), "bench: memory of a stage, below the highest")
        fat = bytearray(400_000_000)  # a process does not inherit what its parent held
        lean = json.loads(run("bench", "-m", "demo", "--size", "64", "-n", 2, "--repeat", 1, "--json")[1])
        check(lean["load_peak_memory_bytes"] < 3e8, f"bench: memory of the load, {lean['load_peak_memory_bytes']:.3g} under a parent of {len(fat)}")
        check(any(lean["runs"][0]["peak_memory_bytes"].values()) and max(lean["runs"][0]["peak_memory_bytes"].values()) < lean["peak_memory_bytes"] + 1, "bench: memory by stage")
        del fat
        check(5e6 < bench["load_peak_memory_bytes"] <= bench["peak_memory_bytes"], "bench: memory of the load")
        code, out, _ = run("bench", "-m", "demo", "--size", 64, "-n", 2, "--repeat", 1, "-q")
        check(code == 0 and b"of best" in out and b"prefill" in out, "bench: a table")
        each = ("bench", "-m", "demo", "--size", 64, "-n", 2, "--repeat", 1, "--each-path")
        paths = json.loads(run(*each, "--json")[1])["paths"]
        there = [p for p in paths if "absent" not in p]
        check([p["isa"] for p in paths] == ["generic", "avx2", "avx512", "avx512bf16", "amx"] and there, "bench: every path")
        check(all("this processor has no" in p["absent"] or "no kernels" in p["absent"] for p in paths if "absent" in p), "bench: why a path is absent")
        for p in there:
            check(p["dtype"] == ("bf16" if p["isa"] in ("avx512bf16", "amx") else "f32"), f"bench: arithmetic of {p['isa']}")
            check(all(is_share(p["limits"], s, *of_roof) for s in p["runs"][0]["stages"] if s["flops"]), f"bench: shares of {p['isa']}")
        code, out, _ = run(*each, "-q")
        check(code == 0 and all(p["isa"].encode() in out for p in paths), "bench: a table of paths")
        refused(2, "--isa says nothing here", *each, "--isa", "generic")
        refused(2, "--budgets says nothing here", *each, "--budgets", "4")
        refused(2, "--each-path", *each, "--backend", "torch")
        refused(2, "expected P or HxW pixels", "bench", "-m", "demo", "--size", "12")
        refused(2, "--budgets", "bench", "-m", "demo", "--size", "64", "--budgets", "0")
        refused(2, "--repeat", "bench", "-m", "demo", "--size", "64", "--repeat", "0")

        # the other verbs
        check(run("answer", "-p", "x", "-n", 2, env=quiet | {"ARRCOC_MODEL": "demo"})[0] == 0, "ARRCOC_MODEL")
        code, out, _ = run("answer", "-i", "a.png", "-p", "x", "-n", 2, "--json", "-", "-q", env=quiet)
        check(code == 0 and json.loads(out)["model"]["path"].endswith("models/small"), "no -m: the bundled model")
        shutil.copy(PROGRAM, "arrcoc")
        alone = subprocess.run(["./arrcoc", "answer", "-p", "x"], capture_output=True, text=True, env=quiet)
        check(alone.returncode == 2 and "the bundled model is not beside this program" in alone.stderr, f"no -m and no bundled model: {alone.stderr}")
        loud = json.loads(run(*one, "--json", "-", "-q", "--seed", 2**53 + 1)[1])
        check(loud["seed"] == str(2**53 + 1) == loud["config"]["run"]["seed"], "an integer above 2^53 is text in JSON")
        pathlib.Path("loud.json").write_text(json.dumps(loud))
        again = json.loads(run(*one, "--json", "-", "-q", "--config", "loud.json")[1])
        check(again["seed"] == str(2**53 + 1), "an integer above 2^53 is read back")
        refused(2, "nearest: answer", "anwser")
        verbs = [line.split()[0] for line in run("--help")[1].decode().split("Subcommands:\n")[1].splitlines() if line.startswith("  ")]
        check(len(verbs) > 14, f"verbs: {verbs}")
        for verb in verbs:
            text = run(verb, "--help")[1].decode()
            examples = [line for line in text.split("Examples:")[-1].splitlines() if f"arrcoc {verb}" in line] if "Examples:" in text else []
            check(len(examples) == 2, f"{verb} --help: two examples, got {examples}")
            known = text.split("Examples:")[0]
            check(verb == "train" or all(flag in known for line in examples for flag in re.findall(r"--[a-z-]+(?![.a-z])", line)), f"{verb} --help: flags of its examples: {examples}")
            check(("--stage.field=value" in text) == (verb in ("answer", "allocate", "sweep", "bench")), f"{verb} --help: settings of stages")

        # rows under any name compare as their run does
        check(run("scenes", "--out", "suite", "--count", 2, "--size", 128)[0] == 0, "scenes")
        check(run("scenes", "--out", "few", "--count", 2, "-q")[2] == "", "scenes -q")
        check(run("sweep", "-m", "demo", "--data", "suite", "--pipeline", "random,grid", "--keep-ratio", 0.25, "-s", 0, "--out", "swept", "-q")[0] == 0, "sweep")
        shutil.copy("swept/rows.jsonl", "elsewhere.txt")
        tables = {name: run("compare", name, "swept")[1] for name in ("swept", "swept/summary.json", "elsewhere.txt")}
        check(len(set(tables.values())) == 1 and b"grid" in tables["swept"], f"compare: a file of rows by any name: {tables}")

        # completion: bash itself completes, zsh reads its script
        pathlib.Path("complete.bash").write_bytes(run("completion", "bash")[1])
        def completed(*words):
            script = 'source ./complete.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _arrcoc; printf "%s\\n" "${COMPREPLY[@]}"'
            return subprocess.run(["bash", "-c", script, "bash", "arrcoc", *words], capture_output=True, text=True, check=True).stdout.split()
        check(completed("ans") == ["answer"] and set(verbs) <= set(completed("")), "completion: verbs")
        check("--keep-ratio" in completed("answer", "--keep") and "--jsonl" in completed("tokenize", "--j"), "completion: flags of each verb")
        check("two_looks" in completed("answer", "--pipeline", "two") and completed("explain", "top_") == ["top_k"], "completion: names")
        check("a.png" in completed("answer", "-i", "a."), "completion: files")
        if shutil.which("zsh"):
            pathlib.Path("_arrcoc").write_bytes(run("completion", "zsh")[1])
            script = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump; print ${_comps[arrcoc]}; functions _arrcoc >/dev/null && autoload +X _arrcoc && print read"
            said = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True)
            check(said.stdout.split() == ["_arrcoc", "read"] and said.stderr == "", f"completion: zsh: {said.stdout} {said.stderr}")
        refused(2, "expected bash or zsh", "completion", "fish")
        names = {(e["kind"], e["name"]) for e in json.loads(run("list", "--json")[1])["strategies"]}
        check({("scorer", "information"), ("allocator", "top_k"), ("injector", "gather")} <= names, "list --json")
        check(b"--balancer.explore=" in run("explain", "tension")[1], "explain")
        refused(2, "nearest: tension", "explain", "tensoin")
        def tensions(question, pipeline):
            return json.loads(run("allocate", "-m", str(checks.SMALL), "-i", str(checks.ROOT / "examples/small_receipt.png"), "-p", question, "--pipeline", pipeline, "--json", "-", "--quiet")[1])["pictures"][0]
        counted = tensions("How many lines are there?", "three_ways:balancer.by=question")
        check(counted["tensions"]["exploit-explore"] == 0.8 and all("by the question ('how many': count)" in s for s in counted["tensions_said"].values()) and len(counted["tensions_said"]) == 4, f"tensions by the question: {counted['tensions_said']}")
        blank = tensions("How many lines are there?", "three_ways:balancer.by=question:query=blank")
        check(blank["tensions"]["exploit-explore"] == 0.25 and "no word of the question" in blank["tensions_said"]["exploit-explore"], "tensions by a question that is left out")
        given = tensions("How many lines are there?", "three_ways")
        check("0.25, as given" in given["tensions_said"]["exploit-explore"], "tensions as given")
        for texture, count in (("texture13", 13), ("seed13", 13), ("repo13", 13), ("d28_13", 13), ("d28_17", 17), ("full40", 40), ("named", 53)):
            listed = [line.split(None, 1) for line in run("explain", texture)[1].decode().split("  channels", 1)[1].splitlines()[1:]]
            check(len(listed) == count and len({c[0] for c in listed}) == count and all(len(c) == 2 for c in listed), f"explain {texture}: {count} channels, a line each: {listed}")
        for asking in ("clse", "hawk"):  # rows of the picture in a layer: once a division by zero
            refused(2, "has its own row alone", *ask, "-i", "a.png", "--pipeline", f"texture13/{asking}/fixed/top_k/reversible")
        check(run("detect", "--pipeline", "three_ways")[:2] == (0, b"no fault found in 'three_ways'\n"), "detect: nothing")
        status, said, _ = run("detect", "--pipeline", "three_ways:injector.positions=sequential:maps=first")
        check(status == 1 and [line.split(b":")[0] for line in said.splitlines()] == [b"batch", b"positions"], f"detect: {said}")
        refused(2, "no preset named", "detect", "--pipeline", "defualt")
        code, out, _ = run("tokenize", "-m", "demo", "--jsonl", "-", stdin=b'"abc"\n"d\\u00e9"\n')
        check([len(json.loads(line)) for line in out.splitlines()] == [3, 3], f"tokenize: {out}")
        check(run("tokenize", "-m", "demo", "--jsonl", "-", stdin=b'"\\ud800"\n')[0] == 1, "tokenize: a lone surrogate is refused")
        check(run("--version")[1].startswith(b"arrcoc ") and run("answer", "--help")[0] == 0, "--version, --help")

        # Ctrl-C: 130, and nothing half-written
        before = sorted(os.listdir("."))
        busy = subprocess.Popen([PROGRAM, "answer", "-m", "demo", "-p", "x", "-n", "200000", "--ignore-eos", "--json", "late.json", "--dump", "late"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        busy.stdout.read(1)
        time.sleep(0.2)
        busy.send_signal(signal.SIGINT)
        busy.communicate(timeout=60)
        check(busy.returncode == 130, f"Ctrl-C: exit status {busy.returncode}")
        check(sorted(os.listdir(".")) == before, "Ctrl-C: nothing is left behind")
        os.chdir("/")
    print(f"{'FAILED' if checks.problems else 'passed'}: {checks.made} checks, {len(checks.problems)} mismatches")
    return 1 if checks.problems else 0


if __name__ == "__main__":
    sys.exit(main())
