"""Holds the conformance suite's own references to PyTorch: torch computes every kernel of the contract in float64 on inputs that are a
formula, and tests/conformance/reference_test.cpp compares its references with the stored numbers.

usage: kernel_references.py            compares tests/golden/kernels.txt with torch now; exit 1 on any mismatch, 77 without torch
       kernel_references.py --write    writes the file
"""
import math
import pathlib
import sys

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("kernels: skipped, no torch")
    sys.exit(77)

golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "kernels.txt"


def formula(rows, cols, seed):
    i = torch.arange(rows * cols, dtype=torch.int64)
    return (((31 * i * i + 17 * i + 101 * seed + 7) % 257 - 128).double() / 64).view(rows, cols)


def attention(q, k, v, heads, kv_heads, scale, causal, offset, segments, prefix, bias):
    lq, lk = q.shape[0], k.shape[0]
    place, keys = torch.arange(lq)[:, None] + offset, torch.arange(lk)[None, :]
    mask = torch.ones(lq, lk, dtype=torch.bool)
    if segments:
        number = torch.full((lk,), -1)
        for n, (begin, end) in enumerate(segments):
            number[begin:end] = n
        mask = (keys < prefix) | (number[place] == number[keys])
        mask &= (place >= prefix) | (keys < prefix)
    if causal:
        mask &= keys <= place
    added = bias.expand(lq, lk).masked_fill(~mask, -math.inf)
    split = lambda t, n: t.view(t.shape[0], n, -1).transpose(0, 1)
    qh, kh, vh = split(q, heads), split(k, kv_heads).repeat_interleave(heads // kv_heads, 0), split(v, kv_heads).repeat_interleave(heads // kv_heads, 0)
    out = F.scaled_dot_product_attention(qh[None], kh[None], vh[None], attn_mask=added[None, None], scale=scale)[0]
    p = (qh @ kh.transpose(1, 2) * scale + added).softmax(-1)
    return out.transpose(0, 1).reshape(lq, -1), p.sum((0, 1))[None]


def results():
    x, y, w, b = formula(5, 12, 1), formula(5, 12, 2), formula(1, 12, 3), formula(1, 12, 4)
    yield "matmul", x @ formula(12, 3, 5)
    yield "layer_norm", F.layer_norm(x, (12,), w[0], b[0], 1e-6)
    yield "rms_norm", F.rms_norm(x, (12,), w[0], 1e-6)
    yield "gelu_tanh", F.gelu(x, approximate="tanh")
    yield "gelu_erf", F.gelu(x)
    yield "silu_mul", F.silu(x) * y
    yield "softmax", x.softmax(-1)
    cos, sin = formula(5, 3, 6), formula(5, 3, 7)
    h = x.view(5, 2, 6)
    turned = torch.cat([-h[..., 3:], h[..., :3]], -1)    # rotate_half of Llama and Qwen
    yield "rope", (h * torch.cat([cos, cos], -1)[:, None] + turned * torch.cat([sin, sin], -1)[:, None]).reshape(5, 12)
    q, k, v = formula(7, 12, 8), formula(11, 6, 9), formula(11, 4, 10)
    none, sizes = torch.zeros(1, 11).double(), formula(1, 11, 14)
    sizes[0, 2] = -math.inf
    for name, causal, offset, segments, prefix, bias in [
            ("plain", False, 0, [], 0, none), ("causal", True, 4, [], 0, none), ("segments", False, 4, [(0, 5), (5, 6), (6, 11)], 0, none),
            ("prefix", True, 4, [(3, 7), (7, 11)], 3, none), ("prefix_rows", False, 0, [(3, 7), (7, 11)], 3, none), ("bias", True, 4, [], 0, sizes)]:
        out, received = attention(q, k, v, 4, 2, 0.25, causal, offset, segments, prefix, bias)
        yield "attention_" + name, out
        yield "received_" + name, received
    picture, kernel, bias = formula(5 * 6, 2, 11), formula(3, 2 * 3 * 2, 12), formula(1, 3, 13)
    nchw = picture.view(1, 5, 6, 2).permute(0, 3, 1, 2)
    flat = lambda t: t[0].permute(1, 2, 0).reshape(-1, t.shape[1])
    yield "conv2d", flat(F.conv2d(nchw, kernel.view(3, 2, 3, 2), bias[0], stride=2, padding=1))
    yield "avg_pool", flat(F.avg_pool2d(nchw, (3, 2), stride=2))


def main():
    text = []
    for name, t in results():
        text.append(f"{name} {t.shape[0]} {t.shape[1]}\n" + " ".join(f"{v:.17g}" for v in t.flatten().tolist()) + "\n")
    if sys.argv[1:] == ["--write"]:
        golden.write_text("".join(text))
        print(f"kernels: wrote {len(text)} results")
        return 0
    stored = golden.read_text().splitlines()
    wrong = 0
    if len(stored) != 2 * len(text):
        print(f"expected {len(text)} results in {golden.name}, got {len(stored) // 2}")
        wrong += 1
    for now, head, line in zip(text, stored[::2], stored[1::2]):
        now_head, now_line = now.splitlines()
        far = now_head != head or any(not abs(float(a) - float(b)) <= 1e-12 * max(1, abs(float(a))) for a, b in zip(now_line.split(), line.split(), strict=True))
        if far:
            print(f"{head}: differs from torch {torch.__version__}")
            wrong += 1
    print(f"kernels: {len(text)} results, {wrong} wrong")
    return 1 if wrong else 0


sys.exit(main())
