#!/usr/bin/env python3
"""Films of `arrcoc scenes --scenario video` through the strategies of clips, at equal tokens; the model chooses tokens and is not asked to answer.

  video_scenes.py PROGRAM MODEL [--films 20] [--seed 6200000] [--size 256] [--frames 60] [--ratio 0.25] [--rows NAME,...] [--add NAME=PIPELINE] [--json FILE]

Of each film and row, means over films with 95 % intervals (bootstrap over films):
  car, title, caption   share of the 32x32 px cells under the box that are kept in the pair of its frame, mean over frames; of the car also the least frame
  static                tokens of a pair in which nothing moves (second shot, no car now or in the pair before) over those of one in which something does
  flicker               of a title's cell: how often it goes or comes, a second
  within, across        cosine of the relevance maps of neighbouring pairs of a shot, and of the last pair before and the first behind the cut's own
  within_shape, across_shape  the same of maps minus their own mean
  cut                   share of films whose least cosine of neighbouring maps lies at the pair that holds the cut, or the one behind it
`features`: cosine of a place's features with those of the same place, pairs as in within and across.
`reset` is the rule of `temporal` on the features themselves: films in which more than 30 % of the tokens change by more than .5 in the cut's pair or the next, and in how many other pairs they do.
Exit 1 where a row keeps another number of tokens; 77 without NumPy.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: needs numpy")
    sys.exit(77)

REALISER = "none/frame_change:first=0{}/temporal:scale=none:decay={}:boost=0:radius={}:spread={}/{}/gather"  # settings by dev seeds from 5,300,000
ROWS = {
    "temporal": REALISER.format("", 0.8, 2, 0.5, "frame_quota:floor=2"),
    "temporal with the question": REALISER.format("+patch_max", 0.8, 2, 0.5, "frame_quota:floor=2"),
    "temporal without spread": REALISER.format("", 0.8, 2, 0, "frame_quota:floor=2"),
    "temporal without motion": REALISER.format("", 0.8, 0, 0.5, "frame_quota:floor=2"),
    "temporal without memory": REALISER.format("", 0, 0, 0.5, "frame_quota:floor=2"),
    "temporal by top_k": REALISER.format("", 0.8, 2, 0.5, "top_k"),
    "temporal of pixels": REALISER.format("", 0.8, 2, 0.5, "frame_quota:floor=2").replace("none/frame_change:first=0", "named:channels=temporal_difference/channel:of=temporal_difference"),
    "EVS": "none/frame_change/fixed:scale=none/top_k/gather",
    "frame_quota anywhere": "none/frame_change/fixed/frame_quota:by=anywhere:floor=2/gather",
    "vcast": "vcast",
    "semvid": "semvid",
    "dycoke": "dycoke",
    "vidcom2": "vidcom2",
    "uniform_frames": "uniform_frames",
    "grid": "grid",
    "random": "random",
    "oracle": None,  # cells of all boxes first, the rest by chance
}
COLUMNS = ("car", "car_least", "title", "caption", "static", "flicker", "within", "across", "within_shape", "across_shape", "cut")
SIDE = 32


def cells(box, rows, cols):
    r0, c0, r1, c1 = box
    r, c = np.arange(rows), np.arange(cols)
    return ((r * SIDE < r1) & (r * SIDE + SIDE > r0))[:, None] & ((c * SIDE < c1) & (c * SIDE + SIDE > c0))[None]


def cosine(a, b):
    a, b = a.ravel(), b.ravel()
    n = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / n) if n > 0 else float("nan")


def figures(kept, relevance, boxes, cut):
    """kept [pairs, rows, cols]; relevance the same or None; boxes: name -> [(frame, box)]; cut: frame"""
    pairs, rows, cols = kept.shape
    out = {}
    for name, seen in boxes.items():
        share = [kept[f // 2][cells(b, rows, cols)].mean() for f, b in seen]
        out[name] = np.mean(share)
        if name == "car":
            out["car_least"] = np.min(share)
    car = {f for f, _ in boxes["car"]}
    caption = {f for f, _ in boxes["caption"]}
    shown = lambda seen, k: (2 * k in seen, 2 * k + 1 in seen)
    static, changed = [], []
    for k in range(cut // 2 + 1, pairs):
        moves = any(f in car for f in range(2 * k - 2, 2 * k + 2)) or 2 * k - 2 < cut or len({*shown(caption, k), *shown(caption, k - 1)}) > 1
        (changed if moves else static).append(kept[k].sum())
    out["static"] = np.mean(static) / max(np.mean(changed), 1e-9) if static and changed else np.nan
    title = cells(boxes["title"][0][1], rows, cols)
    out["flicker"] = (kept[1:] != kept[:-1])[:, title].sum(axis=0).mean() / (pairs / 4)
    if relevance is not None:
        at = cut // 2
        near = [cosine(relevance[k], relevance[k - 1]) for k in range(1, pairs)]
        out["within"] = np.nanmean([near[k - 1] for k in range(1, pairs) if k not in (at, at + 1)])
        out["across"] = cosine(relevance[at - 1], relevance[at + 1])
        shape = relevance - relevance.mean(axis=(1, 2), keepdims=True)
        out["within_shape"] = np.nanmean([cosine(shape[k], shape[k - 1]) for k in range(1, pairs) if k not in (at, at + 1)])
        out["across_shape"] = cosine(shape[at - 1], shape[at + 1])
        out["cut"] = float(1 + int(np.nanargmin(near)) in (at, at + 1))
    return out


def run(program, model, frames, count, ratio, pipeline, dump):
    shutil.rmtree(dump, ignore_errors=True)
    command = [program, "answer", "-m", model, "--video", frames, "--fps", "8", "--frames", str(count), "-p", "After how many seconds has the car left?", "--keep-ratio", str(ratio),
               "--pipeline", pipeline, "--max-new-tokens", "1", "--dump", dump, "--json", dump.with_suffix(".json")]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{pipeline}: {done.stderr.strip()}")
    return np.load(dump / "relevance.npy"), np.load(dump / "kept.npy"), np.load(dump / "vision.npy")


def interval(values):
    v = np.array([x for x in values if np.isfinite(x)])
    if not len(v):
        return None
    means = np.random.default_rng(0).choice(v, (2000, len(v))).mean(axis=1)
    return float(v.mean()), *map(float, np.quantile(means, (0.025, 0.975)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model")
    for name, default in [("films", 20), ("seed", 6200000), ("size", 256), ("frames", 60)]:
        p.add_argument(f"--{name}", type=int, default=default)
    p.add_argument("--ratio", type=float, default=0.25)
    p.add_argument("--rows", default=",".join(ROWS))
    p.add_argument("--add", action="append", default=[])
    p.add_argument("--json")
    o = p.parse_args()
    rows = {n: ROWS[n] for n in o.rows.split(",") if n} | dict(a.split("=", 1) for a in o.add)
    features = []
    table, resets, bad = {n: [] for n in rows}, [], 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = folder / "data"
        subprocess.run([o.program, "scenes", "--out", data, "--scenario", "video", "--count", str(o.films), "--frames", str(o.frames), "--size", str(o.size), "--seed", str(o.seed), "--no-tsv"],
                       check=True, capture_output=True)
        films = {}
        for line in (data / "questions.jsonl").read_text().splitlines():
            q = json.loads(line)
            films.setdefault(q["images"][0], []).append(q)
        for number, questions in enumerate(films.values()):
            title, car, caption = questions[:3]
            boxes = {n: list(zip(q["box_images"], q["boxes"])) for n, q in (("title", title), ("car", car), ("caption", caption))}
            cut = round(title["cut_seconds"] * title["fps"])
            frames = folder / f"film{number}"
            frames.mkdir()
            for name in title["images"]:
                (data / name).rename(frames / pathlib.Path(name).name)
            shape, vision = None, None
            for name, pipeline in sorted(rows.items(), key=lambda r: r[1] is None):
                if pipeline is None and shape is None:
                    sys.exit("oracle: wants another row beside it")
                if pipeline is None:
                    score = np.random.default_rng(number).random(shape)
                    for seen in boxes.values():
                        for f, b in seen:
                            score[f // 2][cells(b, *shape[1:])] += 1
                    relevance, kept = None, np.argsort(-score.ravel(), kind="stable")[:total]
                else:
                    relevance, kept, vision = run(o.program, o.model, frames, o.frames, o.ratio, pipeline, folder / "dump")
                    relevance = relevance.reshape(-1, *relevance.shape[-2:])
                    shape, total = relevance.shape, int(o.ratio * relevance.size)
                    relevance = None if np.ptp(relevance) == 0 else relevance
                bad += len(kept) != total
                mask = np.zeros(int(np.prod(shape)), bool)
                mask[kept] = True
                table[name].append(figures(mask.reshape(shape), relevance, boxes, cut))
            x = vision.reshape(shape[0], -1, vision.shape[-1])
            x = x / np.linalg.norm(x, axis=-1, keepdims=True)
            at, alike = cut // 2, lambda j, k: float((x[j] * x[k]).sum(axis=-1).mean())
            features.append((np.mean([alike(k - 1, k) for k in range(1, shape[0]) if k not in (at, at + 1)]), alike(at - 1, at + 1)))
            jumps = 1 + np.flatnonzero((1 - (x[1:] * x[:-1]).sum(axis=-1) > 0.5).mean(axis=1) > 0.3)
            resets.append((bool({cut // 2, cut // 2 + 1} & set(jumps.tolist())), sum(k not in (cut // 2, cut // 2 + 1) for k in jumps.tolist())))
    print("| row | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 1))
    summary = {}
    for name, results in table.items():
        summary[name] = {c: interval([r.get(c, np.nan) for r in results]) for c in COLUMNS}
        print(f"| {name} | " + " | ".join("-" if v is None else f"{v[0]:.2f} ({v[1]:.2f} to {v[2]:.2f})" for v in summary[name].values()) + " |")
    said = ["{:.2f} ({:.2f} to {:.2f})".format(*interval(v)) for v in zip(*features)]
    print(f"features of a place, cosine with those of the pair before: {said[0]} within a shot; of the pairs before and behind the cut: {said[1]}")
    print(f"reset: at the cut in {sum(r[0] for r in resets)} of {len(resets)} films, at {sum(r[1] for r in resets)} other pairs in all; {total} of {int(np.prod(shape))} tokens a film")
    if o.json:
        pathlib.Path(o.json).write_text(json.dumps({"rows": summary, "resets": resets, "features": features}))
    if bad:
        print(f"{bad} rows of films kept another number of tokens")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
