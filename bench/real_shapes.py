#!/usr/bin/env python3
"""Random checkpoints of published shapes, dense and mixtures of experts, and the memory a run on a mixture takes.

usage: real_shapes.py write DIR [--shape 2b|30b|235b] [--layers N] [--newer]     bf16, streamed: under 1 GB of memory whatever the size
       real_shapes.py run PROGRAM DIR [--rows N] [--new N]                    PROGRAM is bench/mixture_memory; exit 1 if more of the file is
                                                                          resident than the layers' dense weights and the experts in use
       real_shapes.py sizes [--shape ...] [--layers N]                        what `write` would need on disk

The vision tower is whole; the language model of a mixture is cut to N layers (default 4), that of 2b has its 28. Weights have deviation 2/sqrt(fan in), norms are 1 +- 0.3.
--newer stores the experts as transformers 5 saves them ([E, 2I, H]) instead of as released ([E, H, 2I]). `write` refuses when the disk
has less than it needs and 5 % to spare. Exit status 77: a Python package is missing.
"""
import argparse
import json
import math
import pathlib
import shutil
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests" / "oracle"))
SHARD = 2 << 30
CHUNK = 1 << 23
SHAPES = {  # no inner width: dense, with the head tied to the embedding
    "2b": dict(hidden=2048, heads=16, kv=8, intermediate=6144, layers=28),
    "30b": dict(hidden=2048, heads=32, kv=4, inner=768, intermediate=6144, layers=4),
    "235b": dict(hidden=4096, heads=64, kv=4, inner=1536, intermediate=12288, layers=4),
}
EXPERTS, PER_TOKEN, VOCAB, HEAD_DIM = 128, 8, 151936, 128


def vision(shape):
    small = shape == "2b"
    return dict(depth=24 if small else 27, hidden_size=1024 if small else 1152, num_heads=16, intermediate_size=4096 if small else 4304, patch_size=16,
                temporal_patch_size=2, spatial_merge_size=2, in_channels=3, num_position_embeddings=2304,
                deepstack_visual_indexes=[5, 11, 17] if small else [8, 16, 24], hidden_act="gelu_pytorch_tanh", model_type=model_type(shape))


def model_type(shape):
    return "qwen3_vl_moe" if "inner" in SHAPES[shape] else "qwen3_vl"


def tensors(shape, layers, newer):
    """[(name, shape, fan in)]; fan in 0: a norm's weight, -1: a bias."""
    s, m = SHAPES[shape], "model.language_model."
    h, a, k, i, dense = s["hidden"], s["heads"] * HEAD_DIM, s["kv"] * HEAD_DIM, s.get("inner"), s["intermediate"]
    out = [(m + "embed_tokens.weight", [VOCAB, h], h)]
    for layer in range(layers):
        p = f"{m}layers.{layer}."
        out += [(p + "input_layernorm.weight", [h], 0), (p + "post_attention_layernorm.weight", [h], 0),
                (p + "self_attn.q_norm.weight", [HEAD_DIM], 0), (p + "self_attn.k_norm.weight", [HEAD_DIM], 0),
                (p + "self_attn.q_proj.weight", [a, h], h), (p + "self_attn.k_proj.weight", [k, h], h), (p + "self_attn.v_proj.weight", [k, h], h),
                (p + "self_attn.o_proj.weight", [h, a], a)]
        if i is None:
            out += [(p + "mlp.gate_proj.weight", [dense, h], h), (p + "mlp.up_proj.weight", [dense, h], h), (p + "mlp.down_proj.weight", [h, dense], dense)]
            continue
        out += [(p + "mlp.gate.weight", [EXPERTS, h], h),
                (p + "mlp.experts.gate_up_proj", [EXPERTS, 2 * i, h] if newer else [EXPERTS, h, 2 * i], h),
                (p + "mlp.experts.down_proj", [EXPERTS, h, i] if newer else [EXPERTS, i, h], i)]
    out += [(m + "norm.weight", [h], 0)] + ([("lm_head.weight", [VOCAB, h], h)] if i else [])
    tower = vision(shape)
    v, d, f = "model.visual.", tower["hidden_size"], tower["intermediate_size"]

    def linear(name, rows, cols):
        return [(name + ".weight", [rows, cols], cols), (name + ".bias", [rows], -1)]

    def norm(name, n):
        return [(name + ".weight", [n], 0), (name + ".bias", [n], -1)]

    out += [(v + "patch_embed.proj.weight", [d, 3, 2, 16, 16], 1536), (v + "patch_embed.proj.bias", [d], -1), (v + "pos_embed.weight", [2304, d], d)]
    for j in range(tower["depth"]):
        p = f"{v}blocks.{j}."
        out += norm(p + "norm1", d) + norm(p + "norm2", d) + linear(p + "attn.qkv", 3 * d, d) + linear(p + "attn.proj", d, d)
        out += linear(p + "mlp.linear_fc1", f, d) + linear(p + "mlp.linear_fc2", d, f)
    for p, width in [(v + "merger.", d)] + [(f"{v}deepstack_merger_list.{n}.", 4 * d) for n in range(3)]:
        out += norm(p + "norm", width) + linear(p + "linear_fc1", 4 * d, 4 * d) + linear(p + "linear_fc2", h, 4 * d)
    return out


def size(shape):
    return 2 * math.prod(shape)


def is_expert(name):
    return ".experts." in name


def write(folder, shape, layers, newer):
    import numpy as np
    from make_checkpoints import CHAT_TEMPLATE, PLAIN, SPECIAL, make_tokenizer  # exits 77 itself
    listed = tensors(shape, layers, newer)
    total = sum(size(s) for _, s, _ in listed)
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    print(f"{shape}, {layers} layers: {len(listed)} tensors, {total / 1e9:.2f} GB; free on disk: {free / 1e9:.2f} GB", flush=True)
    if free < 1.05 * total:
        sys.exit(f"expected {1.05 * total / 1e9:.2f} GB free at {folder}, got {free / 1e9:.2f} GB")

    # Normal deviates by table: bf16 bits of 65,536 quantiles, drawn by 16 random bits.
    at = (np.arange(65536) + 0.5) / 65536
    normal = np.sort(np.sqrt(-2 * np.log(at)) * np.cos(2 * np.pi * np.random.default_rng(0).permutation(at)))  # Box and Muller
    normal /= normal.std()

    def bf16(x):
        u = x.astype(np.float32).view(np.uint32)
        return ((u + 0x7fff + ((u >> 16) & 1)) >> 16).astype("<u2")

    shards, room = [[]], SHARD
    for t in listed:
        if shards[-1] and room < size(t[1]):
            shards.append([])
            room = SHARD
        shards[-1].append(t)
        room -= size(t[1])
    rng, where = np.random.default_rng(7), {}
    for n, shard in enumerate(shards, 1):
        name = f"model-{n:05d}-of-{len(shards):05d}.safetensors"
        header, place = {"__metadata__": {"format": "pt"}}, 0
        for tensor, dims, _ in shard:
            header[tensor] = dict(dtype="BF16", shape=dims, data_offsets=[place, place + size(dims)])
            place += size(dims)
            where[tensor] = name
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(folder / name, "wb") as f:
            f.write(struct.pack("<Q", len(text)) + text)
            for _, dims, fan in shard:
                table = bf16(normal * (2 / math.sqrt(fan))) if fan > 0 else bf16((at - 0.5) * 0.6 + (fan == 0))
                left = math.prod(dims)
                while left:
                    count = min(left, CHUNK)
                    f.write(table[rng.integers(0, 65536, count, dtype=np.uint16)].tobytes())
                    left -= count
        print(f"{name}: {(folder / name).stat().st_size / 1e9:.2f} GB", flush=True)
    (folder / "model.safetensors.index.json").write_text(json.dumps(dict(metadata=dict(total_size=total), weight_map=where)))

    s, tokenizer = SHAPES[shape], make_tokenizer(64)
    ids = {t: tokenizer.token_to_id(t) for t in SPECIAL + PLAIN}
    text = dict(vocab_size=VOCAB, hidden_size=s["hidden"], num_hidden_layers=layers, num_attention_heads=s["heads"], num_key_value_heads=s["kv"],
                head_dim=HEAD_DIM, intermediate_size=s["intermediate"], hidden_act="silu", rms_norm_eps=1e-6, rope_theta=5000000,
                max_position_embeddings=262144, attention_bias=False, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"],
                rope_scaling=dict(rope_type="default", mrope_section=[24, 20, 20], mrope_interleaved=True), tie_word_embeddings="inner" not in s)
    if "inner" in s:
        text.update(moe_intermediate_size=s["inner"], num_experts=EXPERTS, num_experts_per_tok=PER_TOKEN, norm_topk_prob=True, decoder_sparse_step=1, mlp_only_layers=[])
    (folder / "config.json").write_text(json.dumps(dict(
        architectures=["Qwen3VLMoeForConditionalGeneration" if "inner" in s else "Qwen3VLForConditionalGeneration"], model_type=model_type(shape),
        arrcoc_untrained=True, tie_word_embeddings="inner" not in s, dtype="bfloat16",
        image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"], vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"], text_config=text, vision_config=dict(vision(shape), out_hidden_size=s["hidden"])), indent=2))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    (folder / "preprocessor_config.json").write_text(json.dumps(dict(
        size=dict(shortest_edge=65536, longest_edge=16777216), patch_size=16, temporal_patch_size=2, merge_size=2, image_mean=[0.5] * 3, image_std=[0.5] * 3)))
    return 0


def run(program, folder, rows, new):
    weights = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
    dense, experts, unread = 0, 0, 0  # unread by a prompt without a picture: the tower, and the rows of the embedding that are not asked for
    for file in set(weights.values()):
        with open(folder / file, "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        for name, t in header.items():
            if name != "__metadata__":
                bytes_ = t["data_offsets"][1] - t["data_offsets"][0]
                if is_expert(name):
                    experts += bytes_
                elif "visual" in name or "embed_tokens" in name:
                    unread += bytes_
                else:
                    dense += bytes_
    print(f"in the file: experts {experts / 1e6:.0f} MB, the tower and the embedding {unread / 1e6:.0f} MB, the rest {dense / 1e6:.0f} MB")
    done = subprocess.run([program, str(folder), str(rows), str(new)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return done.returncode
    print(f"{'step':<8} {'ms':>9} {'experts':>8} {'their MB':>9} {'weights resident MB':>20} {'other MB':>9} {'peak MB':>8}")
    worst, total = 0.0, experts + dense + unread
    for line in done.stdout.splitlines():
        step, ms, count, used, resident, other, peak = line.split()
        used, resident, other, peak = int(used), int(resident), int(other), int(peak)
        print(f"{step:<8} {float(ms):>9.1f} {count:>8} {used / 1e6:>9.0f} {resident / 1e6:>20.0f} {other / 1e6:>9.0f} {peak / 1e6:>8.0f}")
        # The kernel maps more than the page that is touched, up to a folio of the page cache at both ends of an expert.
        worst = max(worst, resident / (dense + used + (64 << 20)))
    ok = worst <= 1.1
    print(f"{'passed' if ok else 'FAILED'}: of {total / 1e6:.0f} MB of weights at most the dense ones of the language model and the experts in use are resident "
          f"(x {worst:.3f}; limit 1.1)")
    return 0 if ok else 1


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = p.add_subparsers(dest="verb", required=True)
    for verb in ("write", "sizes", "run"):
        v = verbs.add_parser(verb)
        if verb == "run":
            v.add_argument("program")
            v.add_argument("--rows", type=int, default=4)
            v.add_argument("--new", type=int, default=8)
        else:
            v.add_argument("--shape", choices=SHAPES, default="30b")
            v.add_argument("--layers", type=int)
            v.add_argument("--newer", action="store_true")
        if verb != "sizes":
            v.add_argument("folder", type=pathlib.Path)
    a = p.parse_args()
    if a.verb == "run":
        return run(a.program, a.folder, a.rows, a.new)
    layers = a.layers or SHAPES[a.shape]["layers"]
    if a.verb == "write":
        return write(a.folder, a.shape, layers, a.newer)
    listed = tensors(a.shape, layers, a.newer)
    experts = sum(size(s) for n, s, _ in listed if is_expert(n))
    print(f"{a.shape}, {layers} layers: {sum(size(s) for _, s, _ in listed)} bytes, of them {experts} in experts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
