#!/usr/bin/env python3
"""`arrcoc quantise`: files beside the model hold what the rule says, answers keep their bits, and wrong files are found.

usage: quantised_files.py PROGRAM [--configs A,B] [-v]

Of each checkpoint and form: every code and scale in the files beside the rule in NumPy; logits with the files equal, bit for bit,
those without; files of other weights are said, not used, and an error with --strict; cut, foreign and altered ones are refused.
Exit status: 0 agreement, 1 a mismatch, 77 a Python package is missing.
"""
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from against import Against  # noqa: E402  (exits 77 itself)
from hf_parity import cases, write_pictures  # noqa: E402
from hf_reference import np  # noqa: E402
from make_checkpoints import make  # noqa: E402
from quantised_rule import FORMS  # noqa: E402
from safetensors import safe_open  # noqa: E402
from weights import Weights  # noqa: E402

DEFAULT = "untied_gqa4,sharded_bf16,moe_released,moe_dense_layers"
FLAGS = dict(layers="--weights", head="--weights-head", tower="--weights-tower")


def stored(folder):
    """{name: float32 array} of the checkpoint."""
    out = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as f:
            out.update({n: f.get_tensor(n).float().numpy() for n in f.keys()})
    return out


def matrix(weights, name):
    """[out, in] of a name in a file; an expert's is NAME[e], and inputs come first in released checkpoints."""
    if name == "lm_head.weight" and name not in weights:
        name = "model.language_model.embed_tokens.weight"
    if not name.endswith("]"):
        return weights[name].reshape(weights[name].shape[0], -1)
    base, e = name[:-1].split("[")
    return weights[base][int(e)]


def decoded(w, name, shape, form):
    """The matrix that a file's codes and scales stand for."""
    def values(part, kind):
        h = w.header[f"{name}.{part}"]
        begin, end = h["data_offsets"]
        return h, np.frombuffer(bytes(w.data[begin:end]), kind).reshape(h["shape"])
    if form == "int8":
        (ch, codes), (sh, scales) = values("codes", np.int8), values("scales", np.float32)
        assert (ch["dtype"], sh["dtype"]) == ("I8", "F32"), (ch, sh)
        return codes.astype(np.float32) * scales[:, None]
    (ch, words), (sh, halves) = values("codes", np.uint32), values("scales", np.uint16)
    assert (ch["dtype"], sh["dtype"]) == ("U32", "BF16"), (ch, sh)
    scales = (halves.astype(np.uint32) << 16).view(np.float32)
    out, groups = scales.shape
    made = np.zeros((out, groups, 32), np.float32)
    for first in range(0, groups, 16):  # a block: its groups side by side, eight inputs a word
        width = min(16, groups - first)
        block = words[:, first * 4:(first + width) * 4].reshape(out, 4, width)
        for i in range(32):
            made[:, first:first + width, i] = ((block[:, i // 8] >> np.uint32(4 * (i % 8))) & 15).astype(np.float32) - 8
    return (made * scales[..., None]).reshape(out, -1)[:, :shape[1]]


class Run:
    def __init__(self, t, work, questions):
        self.t, self.work, self.questions = t, work, questions
        np.save(work / "forced.npy", np.array([17, 3, 250, 99, 42, 7], np.int64))

    def logits(self, folder, *flags):
        """(logits of the questions, JSON of the last)"""
        out = []
        for q in self.questions:
            said = self.t.answer(folder, q.pictures, q.text, self.work / "dump", "--pipeline", "full", "--force-ids", self.work / "forced.npy", *flags)
            out.append(np.load(self.work / "dump" / "logits.npy"))
        return out, said

    def refused(self, label, folder, code, word, *flags):
        q = self.questions[0]
        done = subprocess.run([self.t.a.program, "answer", "-m", folder, "-p", q.text, "-q", "-n", "2", *[w for p in q.pictures for w in ("-i", p)], *flags],
                              capture_output=True, text=True, timeout=300)
        self.t.note(done.returncode in (1, 2) and f"(E{code})" in done.stderr and word in done.stderr and done.stderr.count("\n") == 1,
                    f"{label}: expected E{code} and '{word}', got {done.returncode}, {done.stderr.strip()!r}")


def same(a, b):
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b))


def check_files(t, run, folder, form, name):
    flags = [w for f in FLAGS.values() for w in (f, form)]
    before, said = run.logits(folder, *flags)
    t.note("quantised_files" not in said["backend"], f"{name} {form}: files before any was written")
    t.said(name, "quantise", "-q", "-m", str(folder), *flags)
    after, said = run.logits(folder, *flags)
    t.note(said["backend"].get("quantised_files") == [f"quantised/{u}-{form}.safetensors" for u in ("tower", "layers", "head")], f"{name} {form}: {said['backend']}")
    t.note(same(before, after), f"{name} {form}: other bits than made at load")
    weights, exact, total = stored(folder), 0, 0
    for use in FLAGS:
        w = Weights(folder / "quantised" / f"{use}-{form}.safetensors")
        names = [n[:-len(".codes")] for n in w.names(".codes")]
        t.note(len(names) > 0 and len(w.names(".scales")) == len(names), f"{name} {use}: {len(names)} matrices")
        for n in names:
            plain = matrix(weights, n)
            got_rows = w.header[n + ".codes"]["shape"][0]
            if n.endswith("]") and (got_rows != plain.shape[0] or name == "moe_released"):
                plain = plain.T
            wanted = FORMS[form](plain)
            got = decoded(w, n, wanted.shape, form)
            equal = int((got == wanted).sum())
            exact, total = exact + equal, total + wanted.size
            t.note(equal >= 0.999 * wanted.size, f"{name} {use} {form}: {n}: {wanted.size - equal} of {wanted.size} values differ")
    t.note(exact > 0.9999 * total, f"{name} {form}: {exact} of {total} values by the rule")
    return flags, before


def check_one_thread(t, run, folder, form):
    files = [folder / "quantised" / f"{u}-{form}.safetensors" for u in FLAGS]
    before = [f.read_bytes() for f in files]
    t.said("threads", "quantise", "-q", "-t", "1", "-m", str(folder), *[w for f in FLAGS.values() for w in (f, form)])
    t.note(before == [f.read_bytes() for f in files], f"{form}: other bytes on one thread")


def check_wrong(t, run, folder, form, flags, logits):
    """Spoils the files of `folder` one way after the other."""
    layers = folder / "quantised" / f"layers-{form}.safetensors"
    whole = layers.read_bytes()

    def spoil(change):
        layers.write_bytes(whole)
        w = Weights(layers)
        change(w)
        w.write()

    first = Weights(layers).names(".codes")[0]
    scales = first[:-len("codes")] + "scales"

    def flip(w):
        at = w.header[first]["data_offsets"][0]
        for i in range(64):
            w.data[at + i] ^= 0x77
    spoil(flip)
    t.note(not same(logits, run.logits(folder, *flags)[0]), f"{form}: altered codes change nothing, so that the file is not read")

    layers.write_bytes(whole[:len(whole) - 700])
    run.refused("a cut file", folder, 403, "layers-", *flags)
    layers.write_bytes(b"")
    run.refused("an empty file", folder, 403, "layers-", *flags)

    def transpose(w):
        w.header[first]["shape"] = w.header[first]["shape"][::-1]
    spoil(transpose)
    run.refused("a transposed shape", folder, 404, "codes", *flags)

    def rename(w):
        w.header["other.codes"] = w.header.pop(first)
    spoil(rename)
    run.refused("a missing matrix", folder, 404, "got none", *flags)

    def nan(w):
        at = w.header[scales]["data_offsets"][0]
        w.data[at:at + 4] = struct.pack("<f", float("nan")) if form == "int8" else b"\xc0\x7f\xc0\x7f"
    spoil(nan)
    run.refused("a scale that is NaN", folder, 404, "NaN", *flags)

    def no_tail(w):
        w.header["tall"] = w.header.pop("tail")
    spoil(no_tail)
    run.refused("no tail", folder, 404, "tail", *flags)

    shutil.copy(folder / "quantised" / f"head-{form}.safetensors", layers)
    run.refused("the head's file for the layers", folder, 404, "head in " + form, *flags)
    shutil.copy(sorted(folder.glob("*.safetensors"))[0], layers)
    run.refused("the model's own file", folder, 404, "got another", *flags)

    def older(w):
        w.header["__metadata__"]["arrcoc_rule"] = "0"
    spoil(older)
    got, said = run.logits(folder, *flags)
    t.note(same(logits, got) and any("another rule" in e for e in said["events"]), f"{form}: a file by another rule: {said['events']}")
    layers.write_bytes(whole)
    run_again, said = run.logits(folder, *flags)
    t.note(same(logits, run_again) and not any("not used" in e for e in said["events"]), f"{form}: the whole file again: {said['events']}")


def check_stale(t, run, folder, form, flags):
    """Weights that changed under the same names and sizes, and later were quantised again."""
    file = sorted(folder.glob("*.safetensors"))[0]
    w = Weights(file)
    name = next(n for n in w.names("q_proj.weight"))
    begin, end = w.header[name]["data_offsets"]
    w.data[begin:begin + (end - begin) // 2] = bytes((end - begin) // 2)
    w.write()
    got, said = run.logits(folder, *flags)
    t.note(sum("made of other weights" in e for e in said["events"]) == 3 and "quantised_files" not in said["backend"], f"{form}: stale files: {said['events']}")
    run.refused("stale files with --strict", folder, 107, "other weights", "--strict", *flags)
    t.said("again", "quantise", "-q", "-m", str(folder), *flags)
    again, said = run.logits(folder, *flags)
    t.note(same(got, again) and len(said["backend"]["quantised_files"]) == 3, f"{form}: quantised again: {said['events']}")
    w.data[begin:begin + 4] = b"\xff\xff\xff\x7f"
    w.write()
    done = subprocess.run([t.a.program, "quantise", "-q", "-m", folder, *flags], capture_output=True, text=True, timeout=300)
    t.note(done.returncode == 1 and "(E404)" in done.stderr and "NaN" in done.stderr, f"{form}: weights with NaN: {done.stderr.strip()!r}")


def main():
    t = Against(__doc__, DEFAULT, "checks")
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        questions = list(cases(write_pictures(work / "pictures")).values())[:2]
        run = Run(t, work, questions)
        for name in t.configs:
            for form in ("int8", "int4"):
                folder = make(name, work / f"{name}_{form}")
                flags, logits = check_files(t, run, folder, form, name)
                if name == t.configs[0]:
                    check_one_thread(t, run, folder, form)
                    check_wrong(t, run, folder, form, flags, logits)
                    check_stale(t, run, folder, form, flags)
            t.so_far(name)
        done = subprocess.run([t.a.program, "quantise", "-q", "-m", folder, "--weights", "auto"], capture_output=True, text=True, timeout=300)
        t.note(done.returncode == 2 and "(E101)" in done.stderr, f"nothing to quantise: {done.stderr.strip()!r}")
    return t.end("files of quantised weights")


sys.exit(main())
