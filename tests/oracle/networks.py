#!/usr/bin/env python3
"""The sketches' networks in torch, as their papers' modules are written, with random weights, against ours.

usage: networks.py PROGRAM        exit 1 on a mismatch, 77 without torch, safetensors or Pillow
       networks.py --write        writes tests/golden/networks.safetensors: small ones of every kind, for the law suites

saliency_network   Conv2d 13-32-16-1, ReLU, sigmoid, on the first sketch's thirteen channels (texture_channels.py)
texture_coupling   Conv2d 13-64-E and a linear query layer, cosine; and 1x1 convolutions without a query layer
policy             Linear D-256-3, softmax; (9 + D)-128-128-3 on raw maps; and one of statistics alone
tension, by=head   Linear 15-8-4, sigmoid: its settings
A kernel read the wrong way round, and weights of maps in another order, must differ.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import checks
from checks import SMALL, check

try:
    import numpy as np
    import torch
    from PIL import Image
    from safetensors.torch import save_file
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)
import texture_channels  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
ROWS, COLS, QUESTION = 7, 10, "How many marks are there?"
torch.set_default_dtype(torch.float64)
torch.manual_seed(5)


def ask(folder, pipeline, *flags):
    """What `allocate` says of the picture."""
    said = subprocess.run([PROGRAM, "allocate", "-m", SMALL, "-i", folder / "a.png", "-p", QUESTION, "--pipeline", pipeline, "--json", "-", "--quiet", *map(str, flags)], capture_output=True, text=True)
    if said.returncode:
        raise SystemExit(f"{pipeline}: {said.stderr}")
    return json.loads(said.stdout)["pictures"][0]


def relevance(folder, pipeline, *flags):
    return np.ravel(ask(folder, pipeline, *flags)["relevance"])


def stored(folder, name, **networks):
    file = folder / f"{name}.safetensors"
    save_file({f"{part}.{key}": t.float().contiguous() for part, net in networks.items() for key, t in net.state_dict().items()}, file)
    for net in networks.values():  # what the file holds is what is computed with
        net.load_state_dict({key: t.float().double() for key, t in net.state_dict().items()})
    return file


def same(ours, theirs, what, tolerance=2e-6):
    worst = np.abs(np.asarray(ours) - np.asarray(theirs)).max()
    check(worst < tolerance, f"{what}: {worst:.1e} apart")
    return worst


def main(folder):
    noise = np.random.default_rng(3)
    picture = noise.integers(0, 256, (ROWS * 4, COLS * 4, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    Image.fromarray(picture).save(folder / "a.png")
    texture_channels.R, texture_channels.C = ROWS, COLS
    seed = torch.tensor(texture_channels.sketches(picture)[0].T.reshape(1, 13, ROWS, COLS))
    subprocess.run([PROGRAM, "answer", "-m", SMALL, "-i", folder / "a.png", "-p", QUESTION, "-n", "1", "--dump", folder / "dump", "--quiet"], check=True, capture_output=True)
    query = torch.tensor(np.load(folder / "dump/query.npy").astype(float)).reshape(1, -1)
    width = query.shape[1]

    saliency = nn.Sequential(nn.Conv2d(13, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 1))
    check(sum(p.numel() for p in saliency.parameters()) == 8417, "parameters of 13-32-16-1")
    file = stored(folder, "saliency", saliency=saliency)
    with torch.no_grad():
        theirs = torch.sigmoid(saliency(seed)).numpy().ravel()
        check(theirs.max() - theirs.min() > 1e-2, "the network says something")
        ours = relevance(folder, "seed13/saliency_network/fixed:scale=none/full/gather", f"--scorers.saliency_network.weights={file}")
        apart = [same(ours, theirs, "saliency_network")]
        saliency[0].weight.copy_(saliency[0].weight.flip(3))
        check(np.abs(torch.sigmoid(saliency(seed)).numpy().ravel() - ours).max() > 1e-4, "a kernel read from right to left is not noticed")

        for name, size, out, layer in (("notes", 3, 96, True), ("repository", 1, width, False)):
            coupling = nn.Sequential(nn.Conv2d(13, 64, size, padding=size // 2), nn.ReLU(), nn.Conv2d(64, out, 1))
            linear = nn.Sequential(nn.Linear(width, out)) if layer else nn.Sequential()
            file = stored(folder, "coupling_" + name, coupling=coupling, query=linear)
            t, q = nn.functional.normalize(coupling(seed), dim=1), nn.functional.normalize(linear(query), dim=1)
            ours = relevance(folder, "seed13/texture_coupling/fixed:scale=none/full/gather", f"--scorers.texture_coupling.weights={file}")
            apart.append(same(ours, ((t * q[:, :, None, None]).sum(1) + 1).numpy().ravel() / 2, f"texture_coupling of the {name}"))

        names = ("information", "perspectival", "participatory")
        raw = torch.tensor(np.array([relevance(folder, f"texture13/{n}/fixed:scale=none/full/gather") for n in names]))
        scaled = (raw - raw.amin(1, True)) / (raw.amax(1, True) - raw.amin(1, True))
        statistics = lambda m: torch.stack([m.mean(1), m.amax(1), m.std(1)], 1).reshape(1, -1)
        for name, maps, scale, into, layers in (("notes", scaled, "min_max", query, (256,)), ("repository", raw, "none", torch.cat([statistics(raw), query], 1), (128, 128)),
                                                ("statistics", scaled, "min_max", statistics(scaled), (8,))):
            widths, parts = (into.shape[1], *layers, 3), []
            for a, b in zip(widths, widths[1:]):
                parts += [nn.Linear(a, b), nn.ReLU()]
            policy = nn.Sequential(*parts[:-1])
            policy[-1].weight *= 10
            policy[-1].bias[0] += 1
            file = stored(folder, "policy_" + name, policy=policy)
            w = torch.softmax(policy(into), 1)[0]
            said = ask(folder, f"texture13/{'+'.join(names)}/policy:scale={scale}/full/gather", f"--balancer.weights={file}")
            apart.append(same(np.ravel(said["relevance"]), w.numpy() @ maps.numpy(), f"policy of the {name}", 5e-6))
            same(said["weights"], w.numpy(), f"policy of the {name}: weights")
            check(np.abs(np.ravel(said["relevance"]) - w.numpy()[::-1] @ maps.numpy()).max() > 1e-3, "weights in another order are not noticed")

        head = nn.Sequential(nn.Linear(15, 8), nn.ReLU(), nn.Linear(8, 4))
        head[0].weight[:, 6:] = 0  # the maps' numbers are held in tests/balancers; here the kind of question: count, third
        file = stored(folder, "tension", tension=head)
        into = torch.zeros(1, 15)
        into[0, 2] = 1
        at = torch.sigmoid(head(into))[0].numpy()
        said = ask(folder, "three_ways:balancer.by=head", f"--balancer.head={file}")["tensions"]
        same([said[n] for n in ("exploit-explore", "focus-diversify", "shallow-deep")], at[1:], "tension, by=head")
    print(f"networks: {checks.made} checks, {len(checks.problems)} mismatches; at most {max(apart):.1e} apart")


def small():
    """For thirteen channels, a query of twelve numbers and three maps; a head that focuses, as diversity changes the order."""
    tension = nn.Sequential(nn.Linear(15, 8), nn.ReLU(), nn.Linear(8, 4))
    saliency = nn.Sequential(nn.Conv2d(13, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 1))
    with torch.no_grad():
        tension[2].bias[2] -= 20
        saliency[0].bias += 1  # so that few units are silent
        saliency[2].bias += 1
    return dict(saliency=saliency, coupling=nn.Sequential(nn.Conv2d(13, 8, 1), nn.ReLU(), nn.Conv2d(8, 12, 1)), policy=nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3)), tension=tension)


if sys.argv[1] == "--write":
    stored(checks.ROOT / "tests/golden", "networks", **small())
    sys.exit(0)
with tempfile.TemporaryDirectory() as work:
    main(pathlib.Path(work))
sys.exit(1 if checks.problems else 0)
