#!/usr/bin/env python3
"""What published methods keep of a picture, against their transcriptions (plugins/METHOD/METHOD.py) on transformers'
own numbers: attn_implementation='eager', float32, models/small and examples/small_receipt.png.

usage: methods.py PROGRAM            arrcoc
Kept tokens are equal, weights of merged rows within 1e-4. Exit status: 0, 1 a mismatch, 77 a Python package is missing.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import tower_requests  # noqa: E402  (exits 77 itself)
from checks import ROOT, SMALL  # noqa: E402
from hf_reference import Question, Reference  # noqa: E402

sys.path.insert(0, str(ROOT / "plugins"))
import fixture  # noqa: E402
from fixture import method  # noqa: E402
PICTURE, WORDS, BUDGETS = ROOT / "examples/small_receipt.png", "How much was the tea?", (7, 16, 40)


class Seen:
    """The inside of transformers' tower on the picture."""

    def __init__(self):
        ref = Reference(SMALL)
        inputs = ref.inputs(Question(WORDS, [PICTURE]))
        grids = inputs["image_grid_thw"].tolist()
        self.grid = grids[0][1] // 2, grids[0][2] // 2
        self.vision = ref.vision(inputs)[0].detach().double().numpy()
        tower = tower_requests.Tower(SMALL)
        self.heads, self.blocks = tower.visual.config.num_heads, tower.run(inputs["pixel_values"], grids)[1]
        self.patches = slice(0, len(inputs["pixel_values"]))

    def of(self, block, what, heads="mean"):
        request = (block, what, "all", heads, "mean", "after", [])
        return tower_requests.expected(request, self.blocks[block], self.patches, [0], self.heads)


def expected(s):
    """method -> budget -> (kept, members or None)"""
    received = [s.of(b, "received") for b in range(len(s.blocks))]
    half, quarter, scaled = len(s.blocks) // 2, len(s.blocks) // 4, fixture.min_max
    q, k = s.of(len(s.blocks) - 1, "q", "each"), s.of(len(s.blocks) - 1, "k", "each")
    pru, scan = method("prumerge"), method("vscan")
    attention = pru.attention_of(q, k)

    def only(f):
        return lambda b: (f(b), None)

    def scanned(b):
        kept = scan.select(received[quarter], received[-1], s.grid, b)
        return kept, scan.averaged(kept, s.vision)

    return {
        "divprune": only(lambda b: method("divprune").select(s.vision, b)),
        "visionzip": lambda b: method("visionzip").select(received[-2], s.of(len(s.blocks) - 2, "k"), b),
        "prumerge": lambda b: pru.select(attention, k, b),
        "prumerge_plus": lambda b: pru.select(attention, k, b, uniform=True),
        "vispruner": only(lambda b: method("vispruner").select(received[-2], s.vision, b)),
        "hiprune": only(lambda b: method("hiprune").select(received[half], received[-1], s.grid, b)),
        "holov": only(lambda b: method("holov").select(received[-1], s.vision, s.grid, b)),
        "scope": only(lambda b: method("scope").select(received[-1], s.vision, b)),
        "idpruner": only(lambda b: method("idpruner").mmr(
            lambda most: (scaled(received[-2]) - most) / 2, s.vision, b)),
        "uniattn": only(lambda b: method("uniattn").select(received[-1], s.vision, b)),
        "hired": only(lambda b: method("hired").select(received[0], received[-1], s.grid, b)),
        "vscan": scanned,
        "tome": lambda b: method("tome").select(s.of(len(s.blocks) - 1, "k"), b),
        "pact": lambda b: method("pact").select(method("pact").importance(
            q, k, s.of(len(s.blocks) - 1, "hidden"), s.heads), k, b, 0.55, 0.21),
        "geoprune": only(lambda b: fixture.best(method("geoprune").score(s.vision), b)),
        "flowcut": only(lambda b: fixture.best(method("flowcut").score(
            [(s.of(i, "q", "each"), s.of(i, "k", "each"), s.of(i, "v"))
             for i in (len(s.blocks) - 3, len(s.blocks) - 1)],
            s.heads), b)),
    }


def differences(what, kept, merge, got):
    """got: token -> what the program says of it"""
    if sorted(kept) != sorted(got):
        return [f"{what}: expected {sorted(kept)}, got {sorted(got)}"]
    out = []
    for t, members in zip(kept, merge or []):
        own = {m["token"]: m["weight"] for m in got[t].get("members", [{"token": t, "weight": 1}])}
        if own.keys() != {m for m, _ in members} or any(abs(own[m] - w) > 1e-4 for m, w in members):
            out.append(f"{what}: members of {t}: expected {members}, got {own}")
    return out


def main():
    program, problems, compared, seen = sys.argv[1], [], 0, Seen()
    with tempfile.TemporaryDirectory() as work:
        out = pathlib.Path(work) / "result.json"
        for name, of in expected(seen).items():
            for budget in BUDGETS:
                subprocess.run([program, "allocate", "-m", SMALL, "-i", PICTURE, "-p", WORDS, "--dtype", "f32",
                                "--pipeline", name, "--budget", str(budget), "--json", out, "-q"],
                               check=True, capture_output=True)
                got = {t["token"]: t for t in json.loads(out.read_text())["pictures"][0]["kept"]}
                kept, merge = of(budget)
                problems += differences(f"{name}, {budget}", kept, merge, got)
                compared += 1
                # Planted faults: another token kept, another weight.
                other = next(t for t in range(len(seen.vision)) if t not in kept)
                heavier = [[(m, w + .01) for m, w in row] for row in merge or []]
                if not differences("", [other, *kept[1:]], None, got) or (
                        merge and not differences("", kept, heavier, got)):
                    problems.append(f"{name}, {budget}: a planted fault was not noticed")
    for line in problems:
        print(line)
    print(f"methods: {compared} selections, {len(problems)} mismatches")
    sys.exit(1 if problems else 0)


main()
