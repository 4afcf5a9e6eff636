#!/usr/bin/env python3
"""Lists that people keep by hand, held against what they are of.

usage: lists.py PROGRAM        PROGRAM: arrcoc. Exit 1 with one line per difference.
  include/arrcoc/arrcoc.hpp    every header that needs neither torch nor files
  docs/strategies.md           a row for every registered strategy, with the header that declares it
  docs/methods.md              a row for every published method, with its source and the settings of its stages
  plugins/meson.build          every folder of a method
  docs/seeds.md                a row for every row of the early notes, with the strategies that say they realise it; a strategy claims
                               every row that one can realise
  docs/pitfalls.md             every pitfall has a test, a file or a detector that holds it
  docs/plugins.md, library.md, hooks.md, plugins/README.md  their code is the example's, and their commands run
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHORT, SHORT_EXAMPLES = 15, ("examples/plugin_ink/plugin_ink.cpp", "examples/plugin_mmr/plugin_mmr.cpp", "examples/plugin_fastv/plugin_fastv.cpp", "examples/ask.cpp")
SECTIONS = {"Textures": "texture", "Scorers": "scorer", "Query encoders": "query", "Splits": "split", "Passes": "passes", "Injectors": "injector", "Balancers": "balancer", "Allocators": "allocator"}


CHANNELS = re.compile(r"`([a-z_0-9]+)`")


def umbrella(text, headers):
    """Headers missing in, or foreign to, arrcoc.hpp."""
    apart = ("io/", "engine/", "sweep/", "registry/")
    want = {h for h in headers if not h.startswith(apart) and h not in ("arrcoc.hpp", "core/check_finite.hpp")}
    have = set(re.findall(r'#include "arrcoc/([^"]+)"', text))
    return [f"arrcoc.hpp: {h} is missing" for h in sorted(want - have)] + [f"arrcoc.hpp: {h} does not belong" for h in sorted(have - want)]


def strategies(page, entries):
    """Rows of docs/strategies.md against `list --json`."""
    problems = []
    for title, kind in SECTIONS.items():
        part = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
        rows = dict(re.findall(r"^\| `([a-z0-9_]+)` \| `([a-z0-9_/.]+)` \|", part[1], re.M)) if part else {}
        names = {e["name"] for e in entries if e["kind"] == kind}
        problems += [f"docs/strategies.md: {kind} '{n}' has no row under '{title}'" for n in sorted(names - rows.keys())]
        problems += [f"docs/strategies.md: '{n}' under '{title}' is no {kind}" for n in sorted(rows.keys() - names)]
        for name, header in rows.items():
            path = ROOT / "include/arrcoc" / header
            if not path.exists() or f'"{name}"' not in path.read_text(encoding="utf-8"):
                problems.append(f"docs/strategies.md: '{name}': {header} does not declare it")
    return problems


def methods(page, listing, declared):
    """Rows of docs/methods.md against `list --json`. declared: method -> names of the stages in its header."""
    problems, rows = [], {}
    for name, folder, source, asks, settings in re.findall(
            r"^\| \[`(\w+)`\]\(\.\./plugins/([\w/]+)\.hpp\) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|", page, re.M):
        rows[name] = source, settings
        if folder != f"{name}/{name}":
            problems.append(f"docs/methods.md: '{name}': its header is not {folder}.hpp")
    presets = {p["name"]: p["source"] for p in listing["pipelines"] if p["source"]}
    stages = {e["name"]: e["settings"] for e in listing["strategies"]}
    problems += [f"docs/methods.md: no row for '{n}'" for n in sorted(presets.keys() - rows.keys())]
    problems += [f"docs/methods.md: '{n}' is no method" for n in sorted(rows.keys() - presets.keys())]
    problems += [f"plugins/{n}: not in plugins/meson.build" for n in sorted(declared.keys() - presets.keys())]
    for name in sorted(rows.keys() & presets.keys() & declared.keys()):
        source, settings = rows[name]
        if source.strip() != presets[name]:
            problems.append(f"docs/methods.md: '{name}': source: expected '{presets[name]}', got '{source.strip()}'")
        for stage in declared[name]:
            if stage not in stages:
                problems.append(f"plugins/{name}: stage '{stage}' is not registered")
            problems += [f"docs/methods.md: '{name}': setting `{s['name']}` {s['default']} is missing"
                         for s in stages.get(stage, []) if f"`{s['name']}` {s['default']}" not in settings]
    return problems


SEED_ROWS = [f"{letter}{i}" for letter, first, last in (("B", 1, 13), ("P", 1, 14), ("T", 0, 11), ("K", 1, 15), ("L", 1, 11), ("G", 1, 12), ("H", 1, 22), ("2A.", 1, 20))
             for i in range(first, last + 1)]


# Rows of the notes that a strategy must claim, by `seeds`, and those that no strategy can, each with its reason.
CLAIMED = [f"{letter}{i}" for letter, first, last in (("B", 2, 7), ("T", 0, 10), ("K", 1, 15), ("L", 1, 11), ("G", 1, 12), ("H", 1, 22), ("2A.", 1, 9), ("2A.", 13, 16))
           for i in range(first, last + 1)] + ["B10", "B12", "B13", "A14", "2A.18"]
NO_STRATEGY = {"K11": "asks for a test of each scorer alone: tests/laws/registered_test.cpp",
               "H14": "is a rationale",
               "B12": "is how questions are read, before any strategy: io/conversation.hpp, --messages"}


def claimed(listing):
    """Every row that a program can do is claimed by a strategy; the exceptions are none that one claims."""
    by = {row for e in listing["strategies"] for row in e["seeds"]}
    return ([f"list --json: no strategy claims row {r}" for r in CLAIMED if r not in by and r not in NO_STRATEGY] +
            [f"tests/lists.py: row {r} is an exception and claimed, or no row" for r in NO_STRATEGY if r in by or r not in CLAIMED])


def missing_files(page, text):
    """Files that a page names and that are not there."""
    return [f"{page}: `{f}` is not there" for f in re.findall(r"`((?:include|tests|src|docs|tools|bench|plugins|examples)/[\w./]+)`", text) if not (ROOT / f).exists()]


def seeds(page, listing):
    """docs/seeds.md against the fields `seeds` of `list --json`."""
    cells = re.findall(r"^\| ([A-Z0-9.]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.M)
    rows = {row: realised for row, _, realised, _ in cells}
    problems = [f"docs/seeds.md: row {r} is missing" for r in SEED_ROWS if r not in rows]
    problems += [f"docs/seeds.md: row {r} is none of the notes', or stands twice" for r, *_ in cells if r not in SEED_ROWS or [c[0] for c in cells].count(r) > 1]
    names = {e["name"] for e in listing["strategies"]} | {p["name"] for p in listing["pipelines"]} | set(CHANNELS.findall((ROOT / "docs/strategies.md").read_text(encoding="utf-8")))
    for e in listing["strategies"]:
        for r in e["seeds"]:
            if r in rows and f"`{e['name']}`" not in rows[r]:
                problems.append(f"docs/seeds.md: row {r}: {e['kind']} '{e['name']}' says that it realises it")
    for row, realised in rows.items():
        for word in re.findall(r"`([a-z0-9_.]+)`", realised):
            if "/" not in word and word not in names:
                problems.append(f"docs/seeds.md: row {row}: nothing is named '{word}'")
    return problems + missing_files("docs/seeds.md", page)


def pitfalls(page, detectors):
    """docs/pitfalls.md: what holds each pitfall exists."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", page, re.M)
    problems = [f"docs/pitfalls.md: nothing holds '{what.strip()}'" for what, _, held in rows
                if not re.search(r"`tests/[\w./]+`", held) and not set(re.findall(r"detector `(\w+)`", held)) & detectors and what.strip("- ") not in ("", "pitfall")]
    problems += [f"docs/pitfalls.md: no detector is called '{d}'" for d in re.findall(r"detector `(\w+)`", page) if d not in detectors]
    return problems + missing_files("docs/pitfalls.md", page)


def declared_by_methods():
    """method -> names of the stages that its header declares, or none where it is made of stages of the kit."""
    return {d.name: re.findall(r'string_view name = "(\w+)"', (d / f"{d.name}.hpp").read_text(encoding="utf-8"))
            for d in sorted((ROOT / "plugins").iterdir()) if d.is_dir() and d.name != "__pycache__"}


def lines_of(text):
    """Lines that are neither empty nor a comment alone."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith("//"))


def short(texts):
    """What a user writes to add or call something stays small."""
    return [f"{name}: {lines_of(text)} lines, at most {SHORT} were promised" for name, text in texts.items() if lines_of(text) > SHORT]


def pages(program):
    problems, checked = [], 0
    for page in ("docs/plugins.md", "docs/library.md", "docs/hooks.md", "plugins/README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        blocks = re.findall(r"```cpp\n(.*?)```", text, re.S)
        files = [f for f in re.findall(r"`((?:examples|tests/consumers/strangers)/[a-z0-9_/]+\.cpp)`", text)]
        for block in blocks:
            checked += 1
            if not any((ROOT / f).read_text(encoding="utf-8").rstrip() == block.rstrip() for f in files):
                problems.append(f"{page}: a block of code is no example's: {block.splitlines()[0]}")
        with tempfile.TemporaryDirectory() as work:
            for command in filter(None, "\n".join(re.findall(r"```sh\n(.*?)```", text, re.S)).splitlines()):
                line = re.sub(r"\barrcoc (answer|allocate|detect|list|scenes|sweep)", rf"'{program}' \1", command).replace("--out scenes", f"--out {work}/scenes").replace("--data scenes", f"--data {work}/scenes").replace("--out run", f"--out {work}/run").replace("--dump seen", f"--dump {work}/seen")
                line = line.replace("-o lib", f"-o {work}/lib").replace("./lib", f"{work}/lib")
                line = re.sub(r"^c\+\+", "c++" if shutil.which("c++") else "g++", line)
                done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
                checked += 1
                if done.returncode or not (done.stdout or "-shared" in line or " scenes " in command):
                    problems.append(f"{page}: $ {command}: ended with {done.returncode}: {done.stderr[-400:]}")
    return problems, checked


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    headers = {p.relative_to(ROOT / "include/arrcoc").as_posix() for p in (ROOT / "include/arrcoc").rglob("*.hpp")}
    text = (ROOT / "include/arrcoc/arrcoc.hpp").read_text(encoding="utf-8")
    page = (ROOT / "docs/strategies.md").read_text(encoding="utf-8")
    listing = json.loads(subprocess.run([program, "list", "--json"], capture_output=True, text=True, check=True).stdout)
    declared, method_page = declared_by_methods(), (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    of_methods = {stage for names in declared.values() for stage in names}
    entries = [e for e in listing["strategies"] if e["name"] not in of_methods]
    problems, checked = pages(program)
    problems += umbrella(text, headers) + strategies(page, entries) + methods(method_page, listing, declared)
    seed_page, pitfall_page = ((ROOT / f"docs/{p}.md").read_text(encoding="utf-8") for p in ("seeds", "pitfalls"))
    detectors = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (ROOT / "docs/plugins.md").read_text(encoding="utf-8"), re.M))))
    problems += seeds(seed_page, listing) + claimed(listing) + pitfalls(pitfall_page, detectors)
    texts = {f: (ROOT / f).read_text(encoding="utf-8") for f in SHORT_EXAMPLES}
    problems += short(texts)
    # Planted faults: each check must be able to fail.
    if not umbrella(text.replace('#include "arrcoc/core/error.hpp"\n', ""), headers):
        problems.append("a header taken out of arrcoc.hpp was not noticed")
    if not strategies(page.replace("| `top_k` |", "| `topk` |"), entries):
        problems.append("a strategy renamed in docs/strategies.md was not noticed")
    if not methods(method_page.replace("| [`divprune`]", "| [`divprunes`]"), listing, declared):
        problems.append("a method renamed in docs/methods.md was not noticed")
    if len(seeds(seed_page.replace("| G2 |", "| G22 |").replace("`top_k`", "`topk`"), listing)) < 4:
        problems.append("a row and a strategy renamed in docs/seeds.md were not noticed")
    without = {"strategies": [e | {"seeds": [r for r in e["seeds"] if r != "G2"] + (["H14"] if e["name"] == "tiers" else [])} for e in listing["strategies"]]}
    if len(claimed(without)) != 2:
        problems.append("a row that nobody claims any more, and an exception that somebody does, were not noticed")
    if not pitfalls(pitfall_page.replace("detector `wrap`", "detector `wraps`"), detectors):
        problems.append("a detector renamed in docs/pitfalls.md was not noticed")
    if not short({"one too many": "int x;\n" * (SHORT + 1)}):
        problems.append("a line too many in an example was not noticed")
    for p in problems:
        print(p)
    print(f"lists: {len(headers)} headers, {len(entries)} strategies, {len(declared)} methods, {checked} blocks and commands, {len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
