#!/usr/bin/env python3
"""Compares `PROGRAM answer --video --dump` with transformers: prompts, positions, pixels, features, logits, and clips of
which a part is kept.

usage: video.py PROGRAM [--backend eigen|torch|xtensor] [--configs A,B] [-v]

Random checkpoints; clips are folders of frames with a rate or with times. From transformers: the file that its video
processor is read from, with what the class has where that says nothing, sample_frames, smart_resize and the patches it
counts (the class itself needs torchvision), Qwen3VLProcessor's own expansion of a clip with its timestamps,
get_rope_index, the model. Frames are resized by torch's uint8 bicubic, what torchvision calls. Each checkpoint has a
video processor of other limits, mean and standard deviation; some flags stand in place of what it says. Every layout and
every processor with one checkpoint alone, on eigen; the other backends take a layout with each checkpoint.
  exact    ids in all layouts, positions (of `block`: Qwen2-VL's), pixel rows, numbers of the frames
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
from checks import on_backend  # noqa: E402
from hf_reference import Image, Reference, np, render_jinja_template, torch  # noqa: E402
from make_checkpoints import make  # noqa: E402
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "plugins"))
from fixture import method  # noqa: E402
try:
    from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VLModel
    from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor, smart_resize
    from transformers.video_processing_utils import VideoProcessorMixin
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)

DEFAULT = "untied_gqa4,four_taps,skewed_sections,moe_released"
TEXT = "Which one is older?"
# What stands in a folder besides its preprocessor_config.json, and flags that win over it.
RELEASED = dict(size=dict(shortest_edge=4096, longest_edge=25165824), patch_size=16, temporal_patch_size=2, merge_size=2, image_mean=[0.5] * 3,
                image_std=[0.5] * 3, processor_class="Qwen3VLProcessor", video_processor_type="Qwen3VLVideoProcessor")
PROCESSORS = [
    dict(file="video_preprocessor_config.json", says=RELEASED),
    dict(file="video_preprocessor_config.json", says=dict(RELEASED, size=dict(shortest_edge=20000.0, longest_edge=30000), image_mean=[0.485, 0.456, 0.406],
                                                          image_std=[0.229, 0.224, 0.225], max_frames=5, resample=2)),
    dict(file="processor_config.json", says=dict(video_processor=dict(size=dict(shortest_edge=1024, longest_edge=65536), fps=1.5, min_frames=2, image_std=[0.3, 0.5, 1],
                                                                      cap_pixels_per_frame=True, max_video_tokens=3, resample=1), processor_class="Qwen3VLProcessor"),
         beside=dict(RELEASED, size=dict(shortest_edge=1024, longest_edge=1024))),
    dict(),
    dict(file="video_preprocessor_config.json", says=dict(image_mean=[0.1, 0.2, 0.3])),
    dict(file="video_preprocessor_config.json", says=RELEASED, flags={"--video-max-pixels": 16384, "--max-frames": 4, "--min-frames": 2, "--sample-fps": 1.2},
         means=dict(size=dict(shortest_edge=4096, longest_edge=16384), max_frames=4, min_frames=2, fps=1.2)),
]
SETTING = dict(video_token="<|video_pad|>", vision_start_token="<|vision_start|>", vision_end_token="<|vision_end|>",
               video_processor=types.SimpleNamespace(merge_size=2, temporal_patch_size=2))


class VideoProcessor:
    """What transformers' own would be made of in a folder, `means` on top."""

    def __init__(self, folder, means):
        said, _ = VideoProcessorMixin.get_video_processor_dict(str(folder))
        said.update(means)
        for key in ("size", "fps", "min_frames", "max_frames", "cap_pixels_per_frame", "max_video_tokens", "image_mean", "image_std", "patch_size", "merge_size",
                    "temporal_patch_size", "resample"):
            setattr(self, key, getattr(Qwen3VLVideoProcessor, key) if said.get(key) is None else said[key])

    def sampled(self, total, rate):
        return Qwen3VLVideoProcessor.sample_frames(self, types.SimpleNamespace(total_num_frames=total, fps=rate)).tolist()

    def grid(self, count, height, width):
        least, most = self.size["shortest_edge"], self.size["longest_edge"]
        if self.cap_pixels_per_frame:
            most = count * max(min(self.max_video_tokens * 1024, most // count), int(1.05 * least))
        h, w = smart_resize(num_frames=count, height=height, width=width, temporal_factor=2, factor=32, min_pixels=least, max_pixels=most)
        assert (count + 1) // 2 * (h // 16) * (w // 16) == Qwen3VLVideoProcessor.get_num_of_video_patches(self, count, height, width)
        return (count + 1) // 2, h // 16, w // 16

    def normalised(self, x):
        mean, deviation = (torch.tensor(v) * (1.0 / (1 / 255)) for v in (self.image_mean, self.image_std))
        return (x.float() - mean[:, None, None]) / deviation[:, None, None]


def prepare(folder, processor):
    for file, says in ((processor.get("file"), processor.get("says")), ("video_preprocessor_config.json", processor.get("beside"))):
        if says is not None:
            (folder / file).write_text(json.dumps(says))
    return VideoProcessor(folder, processor.get("means", {}))


class Clip:
    """A folder of frames, shown `rate` a second, or at the `times`, all of which are there; `fit` says which are looked at."""

    def __init__(self, folder, count, height, width, rate=2.0, times=None, seed=0):
        self.folder, self.rate, self.total, self.side = folder, rate, count, (height, width)
        self.all_times = times if times else [i / rate for i in range(count)]
        self.timed = times is not None
        folder.mkdir(parents=True)
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width]
        for i in range(count):
            waves = [127 + 100 * np.sin((x + 9 * i) / (5.0 + c) + y / (11.0 - c) + c) for c in range(3)]
            picture = np.clip(np.stack(waves, -1) + rng.normal(0, 20, (height, width, 3)), 0, 255)
            Image.fromarray(picture.astype(np.uint8)).save(folder / f"frame{i}.png")

    def fit(self, processor):
        rate = (self.total - 1) / (self.all_times[-1] - self.all_times[0]) if self.timed else self.rate
        self.processor, self.indices = processor, processor.sampled(self.total, rate)
        self.count, self.times = len(self.indices), [self.all_times[i] for i in self.indices]
        self.grid = processor.grid(self.count, *self.side)

    def flags(self):
        return ["--video", self.folder]

    def pixels(self):
        """float32 [patches, 1536] in merge-block order."""
        t, h, w = self.grid[0], self.grid[1] * 16, self.grid[2] * 16
        frames = [torch.from_numpy(np.array(Image.open(self.folder / f"frame{i}.png"))) for i in self.indices]
        frames += frames[-1:] * (self.count % 2)
        x = torch.stack(frames).permute(0, 3, 1, 2)
        if x.shape[2:] != (h, w):
            x = torch.nn.functional.interpolate(x, (h, w), mode={1: "lanczos", 2: "bilinear", 3: "bicubic"}[int(self.processor.resample)], antialias=True)
        x = self.processor.normalised(x)
        x = x.reshape(t, 2, 3, h // 32, 2, 16, w // 32, 2, 16).permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
        return x.reshape(-1, 1536).contiguous()

    def expanded(self, layout, hms=False):
        """What transformers' processor puts in place of the pad; `block`: Qwen2-VL's; `hms`: with hours, minutes and seconds in place of its times."""
        if layout == "block":
            return "<|video_pad|>" * (int(np.prod(self.grid)) // 4)
        # The reference divides a frame's number by the rate: times of frames are numbers at one a second.
        numbers, rate = (list(self.times), 1.0) if self.timed else (list(self.indices), self.rate)
        me = types.SimpleNamespace(**SETTING)
        me._calculate_timestamps = types.MethodType(Qwen3VLProcessor._calculate_timestamps, me)
        metadata = types.SimpleNamespace(fps=rate, frames_indices=numbers)
        inputs = dict(video_grid_thw=torch.tensor([self.grid]), video_metadata=[metadata])
        text, seconds = Qwen3VLProcessor.replace_video_token(me, inputs, 0), iter(self.seconds())
        return re.sub(r"<[\d.]+ seconds>", lambda _: time.strftime("<%H:%M:%S>", time.gmtime(next(seconds))), text) if hms else text

    def seconds(self):
        times = self.times + self.times[-1:] * (self.count % 2)
        return [(a + b) / 2 for a, b in zip(times[::2], times[1::2])]


def qwen2_positions(kinds, grids):
    """[3, L] of Qwen2-VL's get_rope_index until transformers 4.57, in NumPy; kinds [L] 0 text, else of a source; grids in prompt order."""
    out, at, grids = [], 0, iter(grids)
    while at < len(kinds):
        start = int(out[-1].max()) + 1 if out else 0
        if kinds[at] == 0:
            end = at + int(np.argmax(np.append(kinds[at:], -1) != 0))
            out.append(np.tile(np.arange(end - at), (3, 1)) + start)
        else:
            t, h, w = next(grids)
            out.append(np.stack(np.meshgrid(np.arange(t), np.arange(h // 2), np.arange(w // 2), indexing="ij")).reshape(3, -1) + start)
            end = at + t * h * w // 4
        at = end
    return np.concatenate(out, 1)


class Mixed(Reference):
    """Questions about pictures and clips in any order."""

    def asked(self, sources, layout, hms=False):
        content = [{"type": "video" if isinstance(s, Clip) else "image"} for s in sources]
        messages = [{"role": "user", "content": [*content, {"type": "text", "text": TEXT}]}]
        text = render_jinja_template(conversations=[messages], chat_template=self.template, add_generation_prompt=True)
        while not isinstance(text, str):
            text = text[0]
        pixels, grids, triple = {Clip: [], pathlib.PosixPath: []}, {Clip: [], pathlib.PosixPath: []}, "<|vision_start|>{}<|vision_end|>"
        for s in sources:
            if isinstance(s, Clip):
                rows, grid, pad = s.pixels(), s.grid, "<|video_pad|>"
                text = text.replace(triple.format(pad) if layout == "flat" else pad, s.expanded(layout, hms).replace(pad, "<|V|>"), 1)
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
        self.block = [s.grid if isinstance(s, Clip) else self.pixels(s)[1] for s in sources] if layout == "block" else None
        return out

    def positions(self, inputs):
        if self.block:
            return torch.from_numpy(qwen2_positions(inputs["mm_token_type_ids"][0].numpy(), self.block))
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


def path_of(out):
    """What the process measured to be the fastest; two that chose differently give other bits."""
    return " ".join(out["backend"][key] for key in ("isa", "attention") if key in out["backend"]) or out["backend"]["name"]


def compare(against, label, ref, sources, ask, layout):
    inputs = ref.asked(sources, layout)
    ids, visual = inputs["input_ids"][0].numpy(), (inputs["mm_token_type_ids"][0] > 0).numpy()
    block, layout = layout == "block", ["--clip-layout", layout]
    out, dump = ask(sources, *layout, "--pipeline", "stock", "-n", 4)

    def equal(what, got, wanted):
        got, wanted = np.asarray(got), np.asarray(wanted)
        against.note(got.shape == wanted.shape and bool((got == wanted).all()), f"{label} {what}: {got.shape} differs from transformers' {wanted.shape}")

    equal("ids", dump["input_ids"], ids)
    equal("positions", dump["position_ids"], ref.positions(inputs))
    for s, seen in zip(sources, out["pictures"]):
        against.note(not isinstance(s, Clip) or seen["frame_indices"] == s.indices, f"{label}: frames {seen.get('frame_indices')}")
    if block and all(t <= max(h, w) // 2 for t, h, w in ref.block):  # beyond that 5.23 forgets t behind the block
        me = types.SimpleNamespace(config=ref.config)
        me.get_vision_position_ids = types.MethodType(Qwen2VLModel.get_vision_position_ids, me)
        table, _ = Qwen2VLModel.get_rope_index(me, inputs["input_ids"], inputs["mm_token_type_ids"], inputs.get("image_grid_thw"), inputs.get("video_grid_thw"))
        equal("positions of Qwen2VLModel", dump["position_ids"], table[:, 0])
    equal("pixels", dump["pixel_values"], rows_in_order(inputs, sources, ref))
    tokens, levels = ref.vision(inputs)
    against.near(label, "vision", dump["vision"], tokens)
    for k, level in enumerate(levels):
        against.near(label, "deepstack", dump[f"deepstack_{k}"], level)
    if block:  # Qwen3-VL's own generate looks for times between the pairs
        _, generated, logits = ref.pruned(inputs, range(len(ids)), 4)
        logits = logits[:4]
    else:
        generated, logits = ref.greedy(inputs, 4, 1.0)
    equal("tokens", dump["tokens"], generated)
    against.near(label, "logits", dump["logits"], logits)
    own, how, clip = dump["logits"], path_of(out), next(i for i, s in enumerate(sources) if isinstance(s, Clip))
    pairs = out["pictures"][clip]["pairs"]
    against.note(np.allclose([p["seconds"] for p in pairs], sources[clip].seconds(), atol=1e-9), f"{label}: times of pairs {pairs}")

    for pipeline in ("full", "none/none/flat/random/gather", "none/none/flat/grid/gather"):
        out, dump = ask(sources, *layout, "--pipeline", pipeline, "--keep-ratio", 1, "-n", 4)
        against.note(dump["logits"].tobytes() == own.tobytes(), f"{label} {pipeline}: everything kept differs from stock ({path_of(out)} beside {how})")
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


    if len(sources) == 1 and sources[0].grid[0] > 1 and not block:
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


def compare_hms(against, label, ref, sources, ask, layout):
    """Times as <00:01:02>: the same prompt but for their text, and the model on it."""
    inputs = ref.asked(sources, layout, hms=True)
    out, dump = ask(sources, "--clip-layout", layout, "--clip-timestamps", "hms", "--pipeline", "stock", "-n", 4)
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
            said = {}

            def use(processor):
                for file in ("processor_config.json", "video_preprocessor_config.json"):
                    (ref.folder / file).unlink(missing_ok=True)
                theirs = prepare(ref.folder, processor)
                said["flags"] = [w for flag in processor.get("flags", {}).items() for w in flag]
                for c in [*clips, late]:
                    c.fit(theirs)

            def ask(sources, *words):
                dump, clocks = work / "dump", [s for s in sources if isinstance(s, Clip)]
                shutil.rmtree(dump, ignore_errors=True)
                clock = ["--times", ",".join(map(str, clocks[0].all_times))] if clocks[0].timed else ["--fps", clocks[0].rate]
                clock += said["flags"]
                flags = [f for s in sources for f in (s.flags() if isinstance(s, Clip) else ["-i", s])]
                out = json.loads(against.said(name, "answer", *map(str, ["-m", ref.folder, *flags, *clock, "-p", TEXT, "-t", 1, "-q", "--ignore-eos",
                                                                         *on_backend(against.a.backend), "--dtype", "f32", "--dump", dump, "--json", *words])))
                return out, {f.stem: np.load(f) for f in dump.glob("*.npy")}

            def all_of(label, sources, layout):
                try:
                    compare(against, label, ref, sources, ask, layout)
                except (IndexError, KeyError, RuntimeError, ValueError) as e:  # what differs has other shapes
                    against.wrong(f"{label}: {type(e).__name__}: {e}")

            every = number == 0 and against.a.backend == "eigen"  # pixels, frames and prompts are made before any backend
            for case, sources in cases.items():
                use(PROCESSORS[0] if number == 0 else PROCESSORS[number % len(PROCESSORS)])
                for layout in (["nested", "flat", "block"] if every else [["nested", "flat", "block"][number % 3]]):
                    all_of(f"{name}, {case}, {layout}", sources, layout)
                    if case in ("two frames", "clip and picture") and layout != "block":
                        compare_hms(against, f"{name}, {case}, {layout}", ref, [late, *sources[1:]], ask, layout)
            for k, processor in enumerate(PROCESSORS[1:] if every else []):
                use(processor)
                for case in ("seven frames, portrait", "two clips"):
                    all_of(f"{name}, {case}, video processor {k + 1}", cases[case], "nested")
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
