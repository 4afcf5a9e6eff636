"""Compares our safetensors reader and writer with the safetensors package. usage: safetensors_io.py PROGRAM [FILES [SEED]]

1. Files that the package writes come back equal through ours, every dtype, bit for bit (names, shapes, all 65,536 codes of F16 and BF16).
2. F16 and BF16 widen as NumPy and torch widen them; F32 rounds to BF16 as torch rounds it.
3. Damaged files: ours accepts exactly those that the package accepts.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import safetensors
    import torch
    from safetensors.torch import load_file, save_file
except ImportError as e:
    print(f"skipped: needs {e.name}")
    sys.exit(77)

program = sys.argv[1]
damaged = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
failures = []


def check(good, what):
    if not good:
        failures.append(what)


def raw(t):
    return t.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b""


def run(mode, folder, source):
    out = os.path.join(folder, mode + ".safetensors")
    subprocess.run([program, mode, source, out], check=True)
    return load_file(out)


def samples():
    g = torch.Generator().manual_seed(seed)
    codes = torch.arange(65536, dtype=torch.int32).to(torch.int16)
    bits = torch.randint(-2**31, 2**31 - 1, (1_000_000,), generator=g, dtype=torch.int64).to(torch.int32)
    halves = ((torch.randint(0, 2**16, (200_000,), generator=g) << 16) | 0x8000).to(torch.int32)  # exact ties
    tensors = {
        "f16.codes": codes.view(torch.float16), "bf16.codes": codes.clone().view(torch.bfloat16).reshape(256, 256),
        "f32.bits": bits.view(torch.float32).reshape(1000, 1000), "f32.ties": halves.view(torch.float32),
        "scalar": torch.tensor(-0.0), "none": torch.zeros(0, 3), "name \"with\" \\ é 日": torch.ones(1, 1, 1, 1, 1, 2),
        "i32": torch.randint(-2**31, 2**31 - 1, (7, 3), generator=g, dtype=torch.int64).to(torch.int32),
        "i64": torch.randint(-2**62, 2**62, (5,), generator=g), "u8": torch.randint(0, 255, (13,), generator=g, dtype=torch.uint8),
    }
    for i in range(50):
        shape = [random.randint(1, 9) for _ in range(random.randint(0, 5))]
        dtype = random.choice([torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.int64, torch.uint8])
        t = torch.randn(shape, generator=g) * 100
        tensors[f"random.{i}"] = t.abs().to(dtype) if dtype == torch.uint8 else t.to(dtype)
    return tensors


def same_values(ours, theirs, name):
    a, b = ours.reshape(-1), theirs.reshape(-1)
    nan = torch.isnan(b)
    check(torch.equal(torch.isnan(a), nan), f"{name}: NaN in other places")
    whole = {torch.float32: torch.int32, torch.bfloat16: torch.int16}[a.dtype]
    wrong = (a.view(whole)[~nan] != b.view(whole)[~nan]).sum().item()
    check(wrong == 0, f"{name}: {wrong} values differ")


def equal_round_trips(folder):
    tensors = samples()
    source = os.path.join(folder, "in.safetensors")
    save_file(tensors, source, metadata={"format": "pt", "note": "é"})
    back = run("copy", folder, source)
    check(set(back) == set(tensors), "other names")
    for name, t in tensors.items():
        check(back[name].dtype == t.dtype and back[name].shape == t.shape and raw(back[name]) == raw(t), f"copy: {name} differs")
    values = 0
    for name, t in run("floats", folder, source).items():
        if tensors[name].dtype in (torch.float16, torch.bfloat16):
            expected = torch.from_numpy(tensors[name].numpy().astype(np.float32)) if tensors[name].dtype == torch.float16 else tensors[name].float()
            same_values(t, expected, "floats: " + name)
            values += t.numel()
    for name, t in run("bf16", folder, source).items():
        if tensors[name].dtype == torch.float32:
            same_values(t, tensors[name].to(torch.bfloat16), "bf16: " + name)
            values += t.numel()
    return len(tensors), values


def damage(header, data, rng):
    """One changed file. Half of the changes are in the structure, so that the JSON stays valid."""
    entries = json.loads(header)
    names = [n for n in entries if n != "__metadata__"]
    kind = rng.randrange(14)
    e = entries[rng.choice(names)]
    if kind == 0: e["data_offsets"][rng.randrange(2)] += rng.choice([-1, 1, 2, 4, 8, 1 << 40])
    elif kind == 1: e["shape"] = [rng.choice([0, 1, 2, 3, 1 << 31, 1 << 63]) for _ in range(rng.randrange(4))]
    elif kind == 2: e["dtype"] = rng.choice(["F32", "F16", "BF16", "I8", "BOOL", "F8_E4M3", "U16", "F64", "f32", "", "F8", "C64", "F4", "F6_E2M3", "F8_E8M0"])
    elif kind == 3: del entries[rng.choice(names)]
    elif kind == 4: data = data[:rng.randrange(len(data) + 1)]
    elif kind == 5: data += bytes(rng.randrange(1, 9))
    elif kind == 6: del e[rng.choice(["dtype", "shape", "data_offsets"])]
    elif kind == 7: entries["__metadata__"] = rng.choice([{}, {"a": "b"}, {"a": 1}, [], {"a": None}, "x"])
    elif kind == 8: entries[rng.choice(["new", "é", ""])] = rng.choice([{}, 1, None, dict(e), {"dtype": "F32", "shape": [0], "data_offsets": [len(data), len(data)]}])
    elif kind == 9: e[rng.choice(["dtype", "shape", "data_offsets"])] = rng.choice([1, None, "F32", [], [0], [0, 0], [1.0, 2.0], [-1, 3], {}])
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=rng.random() < 0.5).encode()
    if kind == 10: text = text.replace(b'"dtype"', b'"dtype":"F32","dtype"', 1)
    if kind in (11, 12):
        at = rng.randrange(len(text))
        text = text[:at] + bytes([rng.choice([0, 32, 34, 44, 48, 57, 92, 93, 125, 123, rng.randrange(256)])]) + text[at + (kind == 11):]
    if kind == 13: text += rng.choice([b" ", b"   ", b"\n", b"\t ", b"x", b"{}", b"\0"])
    length = len(text) + (rng.choice([-1, 1, 8, 1 << 30, 1 << 62]) if rng.random() < 0.05 else 0)
    file = struct.pack("<Q", length % 2**64) + text + data
    return file[:rng.randrange(len(file))] if rng.random() < 0.05 else file


def same_verdicts(folder):
    rng = random.Random(seed)
    source = os.path.join(folder, "small.safetensors")
    save_file({"a": torch.ones(2, 3), "b.weight": torch.ones(4, dtype=torch.bfloat16), "c": torch.ones(3, dtype=torch.uint8), "s": torch.tensor(1.0)}, source)
    good = open(source, "rb").read()
    length = struct.unpack("<Q", good[:8])[0]
    header, data = good[8:8 + length].rstrip(), good[8 + length:]
    paths, verdicts = [], []
    for i in range(damaged):
        content = damage(header, data, rng)
        path = os.path.join(folder, f"{i}.bad")
        with open(path, "wb") as f:
            f.write(content)
        try:
            safetensors.deserialize(content)
            verdicts.append("ok")
        except Exception as e:  # the package raises several types
            verdicts.append(f"{type(e).__name__}: {e}")
        paths.append(path)
    ours = subprocess.run([program, "check"], input="\n".join(paths) + "\n", capture_output=True, text=True, check=True).stdout.splitlines()
    check(len(ours) == len(paths), "not one line for each file")
    for path, our, their in zip(paths, ours, verdicts):
        if (our == "ok") != (their == "ok"):
            failures.append(f"{open(path, 'rb').read()[:400]!r}: ours {our!r}, theirs {their!r}")
    return verdicts.count("ok")


random.seed(seed)
with tempfile.TemporaryDirectory() as folder:
    tensors, values = equal_round_trips(folder)
    accepted = same_verdicts(folder)
for f in failures[:10]:
    print(f)
print(f"safetensors: {tensors} tensors round-tripped, {values} values converted, {damaged} damaged files ({accepted} still valid), {len(failures)} mismatches")
sys.exit(1 if failures else 0)
