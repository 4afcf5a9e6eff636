#!/usr/bin/env python3
"""Compares `PROGRAM answer --video --dump` with transformers: prompts, positions, pixels, features, logits, and clips of
which a part is kept.

usage: video.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

Random checkpoints; clips are folders of frames with a rate or with times. From transformers: smart_resize of the video
processor (the class itself needs torchvision), Qwen3VLProcessor's own expansion of a clip with its timestamps,
get_rope_index, the model. Frames are resized by torch's uint8 bicubic, what torchvision calls.
  exact    ids in both layouts, positions, pixel rows
  2e-5     features, levels and logits, of the largest value; of pruned clips against transformers' language model on
           the surviving columns of its own sequence, and against the full sequence with the others hidden
  kept     what EVS, vcast, vidcom2, dycoke and semvid keep: their transcriptions on transformers' features
  bits     everything kept, by the stock path and by `full`, `random` and `grid`
Times as <00:01:02> are transformers' expansion with its times replaced by strftime's: ids, positions and logits.
The text behind a portrait clip stands where get_rope_index puts it, and so does that behind a pair that lost every
token. Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import types

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import Against  # noqa: E402  (exits 77 itself)
from hf_reference import Image, Reference, np, render_jinja_template, torch  # noqa: E402
from make_checkpoints import make  # noqa: E402
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "plugins"))
from fixture import method  # noqa: E402
try:
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import smart_resize
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

DEFAULT = "untied_gqa4,four_taps,skewed_sections,moe_released"
TEXT = "Which one is older?"
LIMITS = dict(min_pixels=4096, max_pixels=25165824)
SETTING = dict(video_token="<|video_pad|>", vision_start_token="<|vision_start|>", vision_end_token="<|vision_end|>",
               video_processor=types.SimpleNamespace(merge_size=2, temporal_patch_size=2))


class Clip:
    """A folder of frames, shown `rate` a second, or at the `times`."""

    def __init__(self, folder, count, height, width, rate=2.0, times=None, seed=0):
        self.folder, self.rate, self.times, self.count = folder, rate, times, count
        folder.mkdir(parents=True)
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width]
        for i in range(count):
            waves = [127 + 100 * np.sin((x + 9 * i) / (5.0 + c) + y / (11.0 - c) + c) for c in range(3)]
            picture = np.clip(np.stack(waves, -1) + rng.normal(0, 20, (height, width, 3)), 0, 255)
            Image.fromarray(picture.astype(np.uint8)).save(folder / f"frame{i}.png")
        h, w = smart_resize(num_frames=count, height=height, width=width, temporal_factor=2, factor=32, **LIMITS)
        self.grid = ((count + 1) // 2, h // 16, w // 16)

    def flags(self):
        return ["--video", self.folder]

    def pixels(self):
        """float32 [patches, 1536] in merge-block order."""
        t, h, w = self.grid[0], self.grid[1] * 16, self.grid[2] * 16
        frames = [torch.from_numpy(np.array(Image.open(self.folder / f"frame{i}.png"))) for i in range(self.count)]
        frames += frames[-1:] * (self.count % 2)
        x = torch.stack(frames).permute(0, 3, 1, 2)
        if x.shape[2:] != (h, w):
            x = torch.nn.functional.interpolate(x, (h, w), mode="bicubic", antialias=True, align_corners=False)
        x = (x.float() - 127.5) / 127.5
        x = x.reshape(t, 2, 3, h // 32, 2, 16, w // 32, 2, 16).permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
        return x.reshape(-1, 1536).contiguous()

    def expanded(self, hms=False):
        """What transformers' processor puts in place of the pad; `hms`: with hours, minutes and seconds in place of its times."""
        # The reference divides a frame's number by the rate: times of frames are numbers at one a second.
        numbers, rate = (list(self.times), 1.0) if self.times else (list(range(self.count)), self.rate)
        me = types.SimpleNamespace(**SETTING)
        me._calculate_timestamps = types.MethodType(Qwen3VLProcessor._calculate_timestamps, me)
        metadata = types.SimpleNamespace(fps=rate, frames_indices=numbers)
        inputs = dict(video_grid_thw=torch.tensor([self.grid]), video_metadata=[metadata])
        text, seconds = Qwen3VLProcessor.replace_video_token(me, inputs, 0), iter(self.seconds())
        return re.sub(r"<[\d.]+ seconds>", lambda _: time.strftime("<%H:%M:%S>", time.gmtime(next(seconds))), text) if hms else text

    def seconds(self):
        times = list(self.times) if self.times else [i / self.rate for i in range(self.count)]
        times += times[-1:] * (self.count % 2)
        return [(a + b) / 2 for a, b in zip(times[::2], times[1::2])]


class Mixed(Reference):
    """Questions about pictures and clips in any order."""

    def asked(self, sources, flat, hms=False):
        content = [{"type": "video" if isinstance(s, Clip) else "image"} for s in sources]
        messages = [{"role": "user", "content": [*content, {"type": "text", "text": TEXT}]}]
        text = render_jinja_template(conversations=[messages], chat_template=self.template, add_generation_prompt=True)
        while not isinstance(text, str):
            text = text[0]
        pixels, grids, triple = {Clip: [], pathlib.PosixPath: []}, {Clip: [], pathlib.PosixPath: []}, "<|vision_start|>{}<|vision_end|>"
        for s in sources:
            if isinstance(s, Clip):
                rows, grid, pad = s.pixels(), s.grid, "<|video_pad|>"
                text = text.replace(triple.format(pad) if flat else pad, s.expanded(hms).replace(pad, "<|V|>"), 1)
            else:
                rows, grid = self.pixels(s)
                text = text.replace("<|image_pad|>", "<|I|>" * (grid[1] * grid[2] // 4), 1)
            pixels[type(s)].append(rows), grids[type(s)].append(grid)
        text = text.replace("<|V|>", "<|video_pad|>").replace("<|I|>", "<|image_pad|>")
        ids = torch.tensor(self.tokenizer.encode(text, add_special_tokens=False).ids)
        kinds = (ids == self.config.image_token_id).int() + 2 * (ids == self.config.video_token_id).int()
        out = dict(input_ids=ids[None], mm_token_type_ids=kinds[None])
        if grids[pathlib.PosixPath]:
            out.update(pixel_values=torch.cat(pixels[pathlib.PosixPath]), image_grid_thw=torch.tensor(grids[pathlib.PosixPath]))
        if grids[Clip]:
            out.update(pixel_values_videos=torch.cat(pixels[Clip]), video_grid_thw=torch.tensor(grids[Clip]))
        return out

    def positions(self, inputs):
        table, _ = self.model.model.get_rope_index(inputs["input_ids"], inputs["mm_token_type_ids"], inputs.get("image_grid_thw"),
                                                   inputs.get("video_grid_thw"))
        return table[:, 0]

    @torch.no_grad()
    def vision(self, inputs):
        """In the order of the sequence: a row of pictures or of clips at each of their pads."""
        kinds, parts = inputs["mm_token_type_ids"][0], {}
        if "pixel_values" in inputs:
            parts[1] = self.model.model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"], return_dict=True)
        if "pixel_values_videos" in inputs:
            parts[2] = self.model.model.get_video_features(inputs["pixel_values_videos"], inputs["video_grid_thw"], return_dict=True)

        def merged(of):
            rows = {kind: torch.cat(list(of(out))) for kind, out in parts.items()}
            all_rows = torch.empty(int((kinds > 0).sum()), next(iter(rows.values())).shape[1])
            for kind, some in rows.items():
                all_rows[kinds[kinds > 0] == kind] = some
            return all_rows

        count = len(next(iter(parts.values())).deepstack_features)
        return merged(lambda out: out.pooler_output), [merged(lambda out, k=k: out.deepstack_features[k]) for k in range(count)]

    @torch.no_grad()
    def assembled(self, inputs):
        rows, mask = self.model.get_input_embeddings()(inputs["input_ids"]), inputs["mm_token_type_ids"] > 0
        tokens, levels = self.vision(inputs)
        return rows.masked_scatter(mask[..., None].expand_as(rows), tokens), mask, levels, self.positions(inputs)[:, None]


def rows_in_order(inputs, sources, ref):
    return torch.cat([s.pixels() if isinstance(s, Clip) else ref.pixels(s)[0] for s in sources])


def places(inputs, sources, ref):
    """(source, frame, row, col) of each visual column in order."""
    out = []
    for i, s in enumerate(sources):
        t, h, w = s.grid if isinstance(s, Clip) else ref.pixels(s)[1]
        out += [(i, f, r, c) for f in range(t) for r in range(h // 2) for c in range(w // 2)]
    return out


def evs(tokens, levels, grid, count):
    """vLLM's rule: the `count` tokens whose features, all levels together, turn most from the pair before; the first pair in front."""
    frames, rows, cols = grid[0], grid[1] // 2, grid[2] // 2
    x = torch.cat([tokens, *levels], 1).double().reshape(frames, rows * cols, -1)
    turned = torch.cat([torch.full((1, rows * cols), 255.0).double(), 1 - torch.nn.functional.cosine_similarity(x[1:], x[:-1], dim=-1)]).flatten()
    return sorted(torch.sort(turned, descending=True, stable=True).indices[:count].tolist())


def published(tokens, words, grid, count):
    """method -> the tokens that its transcription (plugins/METHOD) keeps of transformers' features."""
    x, e, frames, merged = tokens.double().numpy(), words.double().numpy(), grid[0], (grid[1] // 2, grid[2] // 2)
    return {"vcast": method("vcast").select(x, frames, count), "vidcom2": method("vidcom2").select(x, frames, count),
            "dycoke": method("dycoke").select(x, merged, frames, count), "semvid": method("semvid").select(x, frames, e, count)}


def compare(against, label, ref, sources, ask, flat):
    inputs = ref.asked(sources, flat)
    ids, visual = inputs["input_ids"][0].numpy(), (inputs["mm_token_type_ids"][0] > 0).numpy()
    layout = ["--clip-layout", "flat" if flat else "nested"]
    out, dump = ask(sources, *layout, "--pipeline", "stock", "-n", 4)

    def equal(what, got, wanted):
        got, wanted = np.asarray(got), np.asarray(wanted)
        against.note(got.shape == wanted.shape and bool((got == wanted).all()), f"{label} {what}: {got.shape} differs from transformers' {wanted.shape}")

    equal("ids", dump["input_ids"], ids)
    equal("positions", dump["position_ids"], ref.positions(inputs))
    equal("pixels", dump["pixel_values"], rows_in_order(inputs, sources, ref))
    tokens, levels = ref.vision(inputs)
    against.near(label, "vision", dump["vision"], tokens)
    for k, level in enumerate(levels):
        against.near(label, "deepstack", dump[f"deepstack_{k}"], level)
    generated, logits = ref.greedy(inputs, 4, 1.0)
    equal("tokens", dump["tokens"], generated)
    against.near(label, "logits", dump["logits"], logits)
    own, clip = dump["logits"], next(i for i, s in enumerate(sources) if isinstance(s, Clip))
    pairs = out["pictures"][clip]["pairs"]
    against.note(np.allclose([p["seconds"] for p in pairs], sources[clip].seconds(), atol=1e-9), f"{label}: times of pairs {pairs}")

    for pipeline in ("full", "none/none/flat/random/gather", "none/none/flat/grid/gather"):
        out, dump = ask(sources, *layout, "--pipeline", pipeline, "--keep-ratio", 1, "-n", 4)
        against.note(dump["logits"].tobytes() == own.tobytes(), f"{label} {pipeline}: everything kept differs from stock")
    for pipeline, budget in (("none/none/flat/random/gather", 3), ("none/none/flat/grid/gather", 5), ("none/feature_norm/fixed/top_k/gather", 2),
                             ("none/none/flat/random/early", 3), ("none/none/flat/random/layer:before=1", 3)):
        out, dump = ask(sources, *layout, "--pipeline", pipeline, "--budget", budget, "-n", 4, "--seed", 5)
        columns, named = dump["kept_columns"], f"{label} {pipeline}"
        kept = [p["kept"] for p in out["pictures"]]
        wanted = [(i, k.get("frame", 0), k["row"], k["col"]) for i, some in enumerate(kept) for k in some]
        all_places, order = places(inputs, sources, ref), np.flatnonzero(visual)
        from_columns = [all_places[int(np.searchsorted(order, c))] for c in columns if visual[c]]
        against.note(wanted == from_columns, f"{named}: kept {wanted}, columns say {from_columns}")
        against.note(set(np.flatnonzero(~visual)) <= set(columns.tolist()), f"{named}: text is missing")
        against.note(all(len(k) == min(budget, sum(p[0] == i for p in all_places)) for i, k in enumerate(kept)), f"{named}: {[len(k) for k in kept]} kept")
        for i, s in enumerate(sources):
            if isinstance(s, Clip):
                seconds = s.seconds()
                against.note(all(abs(k["seconds"] - seconds[k["frame"]]) < 1e-9 for k in kept[i]), f"{named}: times of tokens")
        if "gather" in pipeline:
            everywhere, chosen, logits = ref.pruned(inputs, columns, 4)
            equal("pruned tokens", dump["tokens"], chosen)
            against.near(named, "pruned", dump["logits"], logits[:4])
            masked = ref.masked(inputs, columns)
            against.near(named, "masked", dump["logits"][0], masked[-1])


    if len(sources) == 1 and sources[0].grid[0] > 1:
        each = int(np.prod(sources[0].grid[1:])) // 4
        for count in (each, each + 1, 2 * each - 1):
            out, _ = ask(sources, *layout, "--pipeline", "none/frame_change/fixed:scale=none/top_k/gather", "--budget", count, "-n", 1)
            got = [k["token"] for k in out["pictures"][0]["kept"]]
            against.note(got == evs(tokens, levels, sources[0].grid, count), f"{label}: EVS keeps {evs(tokens, levels, sources[0].grid, count)}, got {got}")
        with torch.no_grad():
            words = ref.model.get_input_embeddings()(torch.tensor(ref.tokenizer.encode(TEXT, add_special_tokens=False).ids))
        for count in (sources[0].grid[0], each + 1, 2 * each - 1):
            for name, kept in published(tokens, words, sources[0].grid, count).items():
                got = [k["token"] for k in ask(sources, *layout, "--pipeline", name, "--budget", count, "-n", 1)[0]["pictures"][0]["kept"]]
                against.note(got == sorted(kept), f"{label}: {name} keeps {sorted(kept)}, got {got}")


def compare_hms(against, label, ref, sources, ask, flat):
    """Times as <00:01:02>: the same prompt but for their text, and the model on it."""
    inputs = ref.asked(sources, flat, hms=True)
    out, dump = ask(sources, "--clip-layout", "flat" if flat else "nested", "--clip-timestamps", "hms", "--pipeline", "stock", "-n", 4)
    ids = inputs["input_ids"][0].numpy()
    against.note(np.array_equal(dump["input_ids"], ids), f"{label} hms: ids {dump['input_ids'].tolist()}, expected {ids.tolist()}")
    against.note(np.array_equal(dump["position_ids"], ref.positions(inputs)), f"{label} hms: positions")
    told = [p["timestamp"] for s in out["pictures"] for p in s.get("pairs", [])]
    wanted = [time.strftime("<%H:%M:%S>", time.gmtime(t)) for s in sources if isinstance(s, Clip) for t in s.seconds()]
    against.note(told == wanted, f"{label} hms: {told}, expected {wanted}")
    against.near(label, "logits", dump["logits"], ref.greedy(inputs, 4, 1.0)[1])


def main():
    against = Against(__doc__, DEFAULT, "comparisons")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        clips = [Clip(work / "two", 2, 70, 100), Clip(work / "three", 3, 130, 60, times=[0, 0.4, 1.3], seed=1), Clip(work / "seven", 7, 100, 40, seed=2),
                 Clip(work / "exact", 4, 64, 96, rate=2.5, seed=3), Clip(work / "ten", 3, 40, 140, times=[9.5, 10.05, 12], seed=4)]
        two, three, seven, exact, ten = clips
        late = Clip(work / "late", 5, 64, 100, times=[59.2, 61.5, 207.9, 208, 3725.75], seed=6)
        picture = work / "picture.png"
        Image.fromarray(np.random.default_rng(9).integers(0, 256, (96, 64, 3), np.uint8)).save(picture)
        cases = {"two frames": [two], "three frames, portrait, with times": [three], "seven frames, portrait": [seven], "no resize": [exact],
                 "two clips": [seven, two], "clip and picture": [three, picture], "picture and clip": [picture, ten]}
        for number, name in enumerate(against.configs):
            ref = Mixed(make(name, work / name))

            def ask(sources, *words):
                dump, clocks = work / "dump", [s for s in sources if isinstance(s, Clip)]
                shutil.rmtree(dump, ignore_errors=True)
                clock = ["--times", ",".join(map(str, clocks[0].times))] if clocks[0].times else ["--fps", clocks[0].rate]
                flags = [f for s in sources for f in (s.flags() if isinstance(s, Clip) else ["-i", s])]
                out = json.loads(against.said(name, "answer", *map(str, ["-m", ref.folder, *flags, *clock, "-p", TEXT, "-t", 1, "-q", "--ignore-eos", "--backend",
                                                                         against.a.backend, "--dtype", "f32", "--dump", dump, "--json", *words])))
                return out, {f.stem: np.load(f) for f in dump.glob("*.npy")}

            for case, sources in cases.items():
                for flat in ([False, True] if number == 0 else [number % 2 == 1]):
                    label = f"{name}, {case}, {'flat' if flat else 'nested'}"
                    try:
                        if case in ("two frames", "clip and picture"):
                            compare_hms(against, label, ref, [late, *sources[1:]], ask, flat)
                        compare(against, label, ref, sources, ask, flat)
                    except (IndexError, KeyError, RuntimeError, ValueError) as e:  # what differs has other shapes
                        against.wrong(f"{label}: {type(e).__name__}: {e}")
            against.so_far(name)
        one = Clip.__new__(Clip)
        one.folder = work / "one"
        one.folder.mkdir()
        shutil.copy(picture, one.folder)
        done = subprocess.run([against.a.program, "answer", "-m", str(ref.folder), "--video", str(one.folder), "--fps", "2", "-p", TEXT], capture_output=True, text=True)
        against.note(done.returncode == 1 and "one frame alone is a picture" in done.stderr and done.stdout == "", f"a clip of one frame: {done.stderr}")
    return against.end("video")


if __name__ == "__main__":
    sys.exit(main())
