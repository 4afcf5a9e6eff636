#!/usr/bin/env python3
"""No two names are one strategy: every registered scorer against every other, and every allocator, on real pictures.

  aliases.py PROGRAM MODEL DATA

Each picture of DATA, at most 256 tokens, is scored with every scorer alone and allocated with every allocator on one relevance map. Two names that
keep equal sets at a quarter of the tokens on every picture, and whose maps have rank correlation above .999 on every picture, are aliases. Allocators
have no map: equal tokens with equal depths at a quarter, and with all tokens allowed (where the budget is a cap), are enough. A name that is like no
other on the pictures so far is asked no further (that it runs on them all is every_pair's to see). Trained strategies that need a file take MODEL's. A planted alias must be found. Exit 77 without DATA.
"""
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: needs numpy")
    sys.exit(77)

program, model, data = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
if not data.is_dir():
    print(f"skipped: no folder {data}")
    sys.exit(77)
pictures = sorted(p for p in data.iterdir() if p.suffix in (".jpg", ".png"))
WITHOUT = {"oracle", "full",  # they need boxes, or keep all
           "frame_change",  # of clips: a picture is one frame, and as flat as uniform
           "uniform_frames", "dycoke", "frame_quota", "vcast_frames", "vidcom2_frames",  # of clips: one frame is a lattice, or the most relevant
           "flowcut_schedule",  # in a single decision it keeps what that is given: its schedule lies between blocks
           "given", "saliency_network", "texture_coupling",  # they are what their file says
           "previous_relevance", "inhibition"}  # alone they repeat an earlier look that was as flat
FILES = {"scorer": "scorer.safetensors", "allocator": "depth.safetensors"}
OWN = {"glimpseprune": pathlib.Path(__file__).resolve().parents[2] / "plugins/glimpseprune/small.safetensors"}


def ranks(values):
    """Mean ranks: equal values share theirs."""
    v = np.asarray(values)
    _, place, count = np.unique(v, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def correlation(a, b):
    a, b = ranks(a), ranks(b)
    if a.std() == 0 or b.std() == 0:
        return 1.0 if a.std() == b.std() else 0.0
    return float(np.corrcoef(a, b)[0, 1])


def seen(pipeline, picture, ratio=0.25):
    """(relevance, kept tokens with their levels, when they join and whom they stand for) of one picture."""
    with tempfile.TemporaryDirectory() as work:
        out = pathlib.Path(work) / "a.json"
        flags = [program, "allocate", "-m", str(model), "-i", str(picture), "-p", "What does it say?", "--pipeline", pipeline[0], "--keep-ratio", str(ratio),
                 "--max-pixels", str(256 * 1024), "--json", str(out), "--quiet", *pipeline[1]]
        done = subprocess.run(flags, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{pipeline[0]} on {picture.name}: {done.stderr.strip()[-400:]}")
        p = json.loads(out.read_text())["pictures"][0]
        return np.ravel(p["relevance"]), tuple((k["row"], k["col"], k.get("rows", 1), str(k["levels"]), k.get("entry", 0), str(k.get("members"))) for k in p["kept"])


def alike(table, pairs, with_maps):
    """Those of the pairs that are one strategy in this table of name -> what was seen."""
    return [(a, b) for a, b in pairs if all(x[1] == y[1] and (not with_maps or correlation(x[0], y[0]) > 0.999) for x, y in zip(table[a], table[b]))]


def aliases(names, look, with_maps):
    """Pairs that are alike on every picture; look(name, picture) gives a list."""
    pairs = list(itertools.combinations(sorted(names), 2))
    for picture in pictures:
        table = {n: look(n, picture) for n in {n for pair in pairs for n in pair}}
        pairs = alike(table, pairs, with_maps)
    return pairs


def main():
    listed = json.loads(subprocess.run([program, "list", "--json"], capture_output=True, text=True, check=True).stdout)
    entries = listed["strategies"]
    names = lambda kind: [e["name"] for e in entries if e["kind"] == kind and e["name"] not in WITHOUT]
    setting = lambda e, kind, path: [f"--{path}.weights={OWN.get(e['name'], model / FILES[kind])}"] if any(s["name"] == "weights" for s in e.get("settings", [])) else []
    by_name = {(e["kind"], e["name"]): e for e in entries}
    inside = lambda e: "layer:before=-1" if e["phase"] == "layer" else "gather:passes=coarse_answer" if e["name"].startswith("previous") else "gather"  # what lets it decide
    carries = {}  # a published method's allocator goes by the injector of the method
    for preset in listed["pipelines"]:
        *_, allocator, injector = preset["pipeline"].split("%")[-1].split("/")
        carries.setdefault(allocator.split(":")[0], injector.split("@")[0])
    carries |= {"top_k": "gather", "entry_by_relevance": "entry", "merge_similar": "merge", "pool": "merge", "tiers": "tier", "one_region": "tier"}
    spelled = {"tiers": "tiers:region=64:tiers=4+9+16+25+36",  # whose regions are larger than these pictures
               "cdpruner": "cdpruner:weight=0.5"}  # its blended kernel; the full one is that of dpp_greedy
    scorer = lambda n, p: [seen((f"texture13/{n}/fixed/top_k/{inside(by_name['scorer', n])}", setting(by_name["scorer", n], "scorer", f"scorers.{n}")), p)]
    allocator = lambda n, p: [seen((f"texture13/information+perspectival/tension/{spelled.get(n, n)}/{carries.get(n, 'gather')}", setting(by_name["allocator", n], "allocator", "allocator")), p, ratio)
                              for ratio in (0.25, 1)]
    original, copy = "information", "information again"
    of_scorers = aliases([*names("scorer"), copy], lambda n, p: scorer(original if n == copy else n, p), True)
    of_allocators = aliases(names("allocator"), allocator, False)
    if (original, copy) not in of_scorers:
        print("a planted alias was not found")
        return 1
    found = [pair for pair in of_scorers if copy not in pair] + of_allocators
    for a, b in found:
        print(f"ALIAS {a} and {b} are one strategy on every picture")
    print(f"aliases: {len(names('scorer'))} scorers, {len(names('allocator'))} allocators, {len(pictures)} pictures, {len(found)} aliases")
    return 1 if found else 0


sys.exit(main())
