#!/usr/bin/env python3
"""Bad inputs against the program: each ends in one clear sentence, the stated code and exit status, and leaves nothing behind.

usage: bad_input.py PROGRAM [NAME...]     NAME: only the cases whose name holds it
The program may be built with sanitizers; a report of theirs fails the case. At the end the codes that were hit are compared with
include/arrcoc/core/error.hpp and docs/errors.md: what the command line cannot reach must be named by a doctest case.
Needs the standard library only. Exit status: 0 all as stated, 1 otherwise.
"""
import base64
import json
import math
import os
import pathlib
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from checks import checks_addresses
from weights import Weights

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A JPEG of 40 x 64 px, quality 60.
JPEG = base64.b64decode("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYV"
                       "pQYEpRUk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAo"
                       "AEADASIAAhEBAxEB/8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhBy"
                       "JxFDKBkaEII0KxwRVS0fAkM2JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKT"
                       "lJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAA"
                       "AAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBAQAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRom"
                       "JygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExc"
                       "bHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAxEAPwDhIrL2q5FY57VqwWftWjBY9OKyofvTDD463UxYtPz2q5Fp3+zW"
                       "0tssZxty3pViK0kf2+nFa1Pq8Hy/E+yPdw2Nb6nL6zpoFkhYAfvB1+hrLjsIwQCR+HNdprFgiWce7A/eD+RrNitB/DGfxrelUpqFnFJ9tW/wse"
                       "bmWNf1vfojHjsYxjCk/QVcisUP/LNvyrXS0YAE7V/DrVmK0GQcuc+lKdWClql9yX6tnThsa+4+2sunFaAtfLQYHzHpXmlpZ9OKuJZ75jx04rOj"
                       "g3DDrlnrLRaf8E+dw+X3f8T8P+Cej29hxkircdsWOIxgevevOBaFm2AcDr71bS0x8iDnufSsZYJQXLGdkvLVvstf69D38Nl//Tz8P+CdprFkiW"
                       "aArlvMHA+hrNjtGxk4RfauV1iyCWUYVQW8wfhwazI7IA/MCzelbUME407c9vRfg3e7fkjzcyy//a/4nRdP+CejQ2Q6ImT6mrcdp05J9lrzhLQ8"
                       "Bhn/AGRVuO0xwRj2XrUTwSjop2+Vv1/Nt+R04bL/APp5+H/BJbS0wuSOgzVu3s9kZbb0ooohUkqcWukW/wCvuPEw9WVy1DZ7EGB8x6Vbis9gCq"
                       "vzH9KKKwnOUdI9LJfPf5nv4arIg1ezxZoiDnzBk+nBrLis8cIAB3aiitqE3yK3eS+S/wA+p5uZVZfW/ki3FZgDgbV9fWrUVngDC7QfzNFFZyqy"
                       "Sv2Sf3u39fjc6cNVkf/Z")


# --- inputs ------------------------------------------------------------------------------------------------------------
def png(height, width, rows=None, depth=8, colour=2):
    """A PNG whose header says height x width; `rows` is its raw data (None: grey pixels that fit)."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    if rows is None:
        rows = (b"\0" + b"\x80" * (3 * width)) * height
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def npy(shape, values, dtype="<f4"):
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + values


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


class Setting:
    """What one case works with: a folder of its own, a copy of the demo model made when asked for."""

    def __init__(self, folder, model, picture):
        self.here, self.demo, self.picture = folder, model, picture
        (folder / "out").mkdir()

    def file(self, name, content):
        path = self.here / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def model(self):
        shutil.copytree(self.demo, self.here / "model")
        return self.here / "model"

    def weights(self):
        return Weights(self.model() / "model.safetensors")

    def json(self, name, change):
        """A model whose JSON file `name` went through `change`."""
        path = self.model() / name
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))
        return ["-m", "model"]

    def answer(self, *more, model=True, image=True, prompt=True):
        return (["answer"] + (["-m", self.demo] if model else []) + (["-i", self.picture] if image else []) +
                (["-p", "What is the total?"] if prompt else []) + ["-n", "4", *more])

    def outputs(self):
        return ["--json", "out/answer.json", "--heatmap", "out/heat.png", "--dump", "out/dump"]


CASES = []  # (name, code or None, exit status, words the sentence must hold, function)


def case(name, code, status, *words):
    def keep(f):
        CASES.append((name, code, status, words, f))
        return f
    return keep


def flags(name, code, status, words, *arguments, **parts):
    """A case made of command-line arguments alone."""
    CASES.append((name, code, status, tuple(words), lambda s: s.answer(*arguments, **parts)))


def model_case(name, code, words, change):
    """A case whose model folder is spoilt; change(setting) returns nothing."""
    def run(s):
        change(s)
        return s.answer("-m", "model", model=False)
    CASES.append((name, code, 1, tuple(words), run))


def weight_case(name, code, words, change):
    def run(s):
        w = s.weights()
        more = change(w) or {}
        w.write(**more)
        return s.answer("-m", "model", model=False)
    CASES.append((name, code, 1, tuple(words), run))


def config_case(name, words, change, file="config.json", code=405):
    CASES.append((name, code, 1, tuple(words), lambda s: s.answer(*s.json(file, change), model=False)))


def clip_config_case(name, words, change):
    """A video processor that is refused where a clip is asked about, and nowhere else."""
    file = "video_preprocessor_config.json"
    CASES.append((name, 405, 1, tuple(words), lambda s: s.answer(*s.json(file, change), "--video", "film.mp4", model=False, image=False)))


def picture_case(name, words, content, code=408):
    CASES.append((name, code, 1, tuple(words), lambda s: s.answer("-i", s.file("picture", content), image=False)))


# --- what the user typed -------------------------------------------------------------------------------------------------
CASES.append(("no verb", 105, 2, (), lambda s: []))
CASES.append(("unknown verb", 105, 2, ("nearest: compare", "tokenize"), lambda s: ["comparr"]))
flags("unknown flag", 105, 2, ["--frobnicate"], "--frobnicate", "3")
flags("flag without its value", 105, 2, ["--budget"], "--budget")
flags("a word for a number", 105, 2, ["many"], "--budget", "many")
flags("budget 0", 103, 2, ["0"], "--budget", "0")
flags("negative budget", 103, 2, ["-5"], "--budget=-5")
flags("keep ratio 0", 103, 2, ["(0, 1]"], "--keep-ratio", "0")
flags("keep ratio 1.5", 103, 2, ["1.5"], "--keep-ratio", "1.5")
flags("keep ratio NaN", 103, 2, ["nan"], "--keep-ratio", "nan")
flags("budget and keep ratio", 105, 2, ["exclude"], "--budget", "64", "--keep-ratio", "0.5")
flags("unknown preset", 501, 2, ["ful"], "--pipeline", "ful")
flags("a layer behind the last", 101, 2, ["layer it acts before", "expected -", "99"], "--pipeline", "none/none/flat/random/layer:before=99")
flags("a block behind the last", 101, 2, ["block it acts before", "99"], "--pipeline", "none/none/flat/random/tower:before=99")
flags("a first look with no layer", 101, 2, ["expected 1 to", "got 0"], "--pipeline", "none/none/flat/random/again:before=0")
flags("a layer's answer behind the decision", 101, 2, ["acts before 1", "expected 0 to 1"], "--pipeline", "none/layer_attention:layer=2/fixed/top_k/layer:before=1")
flags("decisions against the order of phases", 101, 2, ["acts before the decision in front of it"], "--pipeline", "none/none/flat/random/gather@0.5%none/flat/random/early")
flags("features before the tower", 204, 2, ["phase 'vision'", "early"], "--pipeline", "none/participatory/fixed/top_k/early")
flags("entry without its injector", 203, 1, ["later entry"], "--pipeline", "none/none/flat/entry_by_relevance/gather")
flags("regions that nobody gives", 203, 1, ["injector.tier", "nothing would be encoded"], "--pipeline", "none/none/flat/random/tier")
flags("regions without their injector", 203, 1, ["asks for regions"], "--pipeline", "none/none/flat/one_region/early")
flags("a layout that does not exist", 101, 2, ["mixed or packed", "loose"], "--pipeline", "none/none/flat/one_region/tier:layout=loose")
flags("regions behind another decision before the tower", 101, 2, ["'tier' makes tokens of its own"], "--pipeline", "none/none/flat/random/early@0.5%none/flat/one_region/tier")
flags("packed regions and a decision in the tower", 101, 2, ["exclude each other"], "--pipeline", "none/none/flat/one_region/tier:layout=packed@0.5%none/flat/random/tower:before=1")
flags("entry behind the last layer", 203, 1, ["a token enters before layer 99", "expected 0 to"], "--pipeline", "none/none/flat/entry_by_relevance:step=99/entry")
flags("an order that nobody knows", 101, 2, ["by: expected raster", "got spiral"], "--pipeline", "none/none/flat/random/order:by=spiral")
flags("a negative seed of an order", 101, 2, ["seed: expected at least 0", "got -1"], "--pipeline", "none/none/flat/random/order:by=random:seed=-1")
flags("log sizes by half", 101, 2, ["log_size", "'half'"], "--pipeline", "none/none/flat/merge_similar/merge:log_size=half")
flags("merged rows without their injector", 203, 1, ["merged rows"], "--pipeline", "none/none/flat/merge_similar/gather")
flags("unknown passes", 501, 2, ["no passes named 'twice'", "once, escalate"], "--pipeline", "default:passes=twice")
flags("sizes of a cascade that do not ascend", 101, 2, ["ascending numbers", "'256+64'"], "--pipeline", "default:passes=cascade:passes.tokens=256+64")
flags("a size of a cascade that is no number", 101, 2, ["ascending numbers", "'64+all'"], "--passes", "cascade", "--passes.tokens=64+all")
flags("an escalation below more than 1", 101, 2, ["below: expected a number in [0, 1]", "1.5"], "--pipeline", "default:passes=escalate:passes.below=1.5")
flags("an escalation below nothing", 101, 2, ["below: expected a number in [0, 1]", "-0.1"], "--passes", "escalate", "--passes.below=-0.1")
flags("an escalation below what is no number", 101, 2, ["below: expected a finite number", "nan"], "--passes", "escalate", "--passes.below=nan")
flags("a first look of nothing", 101, 2, ["share: expected a number in (0, 1]", "0"], "--passes", "coarse_answer", "--passes.share=0")
flags("no fixation", 101, 2, ["count: expected 1..64, got 0"], "--passes", "fixations", "--passes.count=0")
flags("an earlier look in the only one", 204, 2, ["an earlier look", "'once' does not have", "coarse_answer"], "--pipeline", "none/inhibition/fixed/top_k/gather")
flags("an earlier look in a cascade's first", 204, 2, ["'cascade' does not have"], "--pipeline", "none/previous_attention/fixed/top_k/gather:passes=cascade")
flags("intermediates of several looks", 105, 2, ["expected passes=once"], "--passes", "escalate", "--dump", "out/dump")
flags("tensions set by a whim", 101, 2, ["by: expected given, question or head, got 'whim'"], "--pipeline", "three_ways:balancer.by=whim")
flags("tensions set by a head that is not named", 101, 2, ["head: expected a file"], "--pipeline", "three_ways:balancer.by=head")
flags("a head that nobody asks", 101, 2, ["head: expected by=head, got by=given"], "--pipeline", "three_ways", f"--balancer.head={ROOT}/models/small/tension.safetensors")
flags("a head of another kind", 404, 1, ["tension.0.weight: missing"], "--pipeline", "three_ways:balancer.by=head", f"--balancer.head={ROOT}/models/small/scorer.safetensors")
def head_case(what, sentence, shapes):
    """A file of a tension head: zeros of these shapes."""
    def run(s):
        header, at = {}, 0
        for name, shape in shapes.items():
            size = 4 * math.prod(shape)
            header[f"tension.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(header).encode()
        file = s.file("head.safetensors", struct.pack("<Q", len(text)) + text + bytes(at))
        return s.answer("--pipeline", "three_ways:balancer.by=head", f"--balancer.head={file}")
    CASES.append((what, 404, 1, (sentence,), run))


head_case("a head whose second layer has another number", "tension.3.bias: expected weight and bias of layers tension.0, tension.2",
          {"0.weight": [4, 15], "0.bias": [4], "3.weight": [4, 4], "3.bias": [4]})
head_case("a head without hidden units", "tension.0.weight: expected at least one value", {"0.weight": [0, 15], "0.bias": [0], "2.weight": [4, 0], "2.bias": [4]})
head_case("a head whose second layer has a bias alone", "tension.2.weight: missing", {"0.weight": [8, 15], "0.bias": [8], "2.bias": [4]})
flags("a network without its file", 101, 2, ["saliency.0.weight, got none"], "--pipeline", "texture13/saliency_network/fixed/top_k/gather")
flags("a network for other channels", 404, 1, ["expected 8 channels in", "got 13 and 1"], "--pipeline", "named/saliency_network/fixed/top_k/gather", f"--scorers.saliency_network.weights={ROOT}/tests/golden/networks.safetensors")
flags("a coupling for another width of query", 404, 1, ["and a query of", "got 13 and 12"], "--pipeline", "texture13/texture_coupling/fixed/top_k/gather", f"--scorers.texture_coupling.weights={ROOT}/tests/golden/networks.safetensors")
flags("a policy of other scorers", 101, 2, ["expected 1 outputs", "got 3 outputs and 9 inputs"], "--pipeline", "texture13/information/policy/top_k/gather", f"--balancer.weights={ROOT}/tests/golden/networks.safetensors")
flags("unknown scorer", 501, 2, ["salience"], "--scorers", "salience")
flags("unknown allocator", 501, 2, ["topk", "top_k"], "--allocator", "topk")
flags("unknown setting", 102, 2, ["allocator.nonsense"], "--allocator.nonsense=1")
flags("a setting outside its range", 101, 2, ["clusters"], "--pipeline", "three_ways", "--texture.clusters=-3")
flags("a setting that is no number", 101, 2, ["clusters"], "--pipeline", "three_ways", "--texture.clusters=few")
flags("unknown layout of clips", 101, 2, ["nested, flat, block", "loose"], "--clip-layout", "loose")
flags("unknown resize", 101, 2, ["nearest"], "--resize", "nearest")
flags("unknown backend", 101, 2, ["abacus"], "--backend", "abacus")
flags("arithmetic that is not built in", 301, 2, ["xtensor"], "--backend", "xtensor", "--dtype", "bf16")
flags("unknown arithmetic", 101, 2, ["f16"], "--dtype", "f16")
flags("unknown form of weights", 101, 2, ["int8", "int3"], "--weights", "int3")
flags("unknown form of the head", 101, 2, ["weights-head", "q4"], "--weights-head", "q4")
flags("weights in eight bits elsewhere", 301, 2, ["eigen"], "--backend", "xtensor", "--weights", "int8")
flags("a choice of attention elsewhere", 301, 2, ["attention", "torch"], "--attention", "own")
flags("an octal budget", 105, 2, ["decimal", "'010'"], "--budget", "010")
flags("a hexadecimal budget", 105, 2, ["decimal", "'0x10'"], "--budget", "0x10")
flags("a budget of 2^64", 105, 2, ["18446744073709551616"], "--budget", "18446744073709551616")
flags("a budget with a tail", 105, 2, ["'64k'"], "--budget", "64k")
flags("an empty budget", 105, 2, ["--budget"], "--budget=")
flags("negative seed", 105, 2, ["0 or more", "'-1'"], "--seed=-1")
flags("threads of more than 32 bits", 105, 2, ["4294967297"], "--threads", "4294967297")
flags("a hexadecimal temperature", 105, 2, ["0x1p3"], "--temperature", "0x1p3")
flags("an octal number of image tokens", 105, 2, ["'0100'"], "--image-max-tokens", "0100")
flags("100,000 threads", 101, 2, ["four for each core"], "-t", "100000")
flags("100,000 threads of a sweep", 101, 2, ["four for each core"], "-t", "100000")
CASES[-1] = (*CASES[-1][:4], lambda s: ["sweep", "-m", s.demo, "--data", data(s, question()), "--out", "out/run", "-t", "100000"])
CASES.append(("a list of budgets with an octal one", 105, 2, ("'010'",), lambda s: ["sweep", "-m", s.demo, "--data", data(s, question()), "--out", "out/run", "--budget", "64,010"]))
CASES.append(("a hexadecimal level of compression", 105, 2, ("'0x3'",), lambda s: ["scenes", "--out", "out/suite", "--png-level", "0x3"]))
CASES.append(("a negative seed of scenes", 105, 2, ("'-1'",), lambda s: ["scenes", "--out", "out/suite", "--seed=-1"]))
flags("decoded pixels below the picture's", 408, 1, ["at most 6999 pixels", "100x70"], "--max-decoded-pixels", "6999")
flags("decoded pixels below 0", 101, 2, ["--max-decoded-pixels"], "--max-decoded-pixels=-1")
flags("negative threads", 101, 2, ["-2"], "--threads=-2")
flags("empty prompt", 104, 2, ["empty"], "-p", "", prompt=False)
flags("no prompt", 105, 2, ["-p"], prompt=False)
flags("a placeholder without an image", 104, 2, [], "-p", "<|vision_start|><|image_pad|><|vision_end|> what?", prompt=False, image=False)
flags("two placeholders for one image", 104, 2, [], "-p", "<|image_pad|> and <|image_pad|>", prompt=False)
flags("oracle without boxes", 204, 2, ["box"], "--pipeline", "oracle")
flags("malformed box", 105, 2, ["1,2,3"], "--pipeline", "oracle", "--box", "1,2,3")
flags("box of a picture that is not there", 105, 2, ["7:"], "--box", "7:0,0,9,9")
flags("heatmap of no picture", 105, 2, ["heatmap"], "--heatmap", "out/heat.png", image=False)
flags("unknown route", 101, 2, ["hf-path", "vllm"], "--route", "vllm")
flags("unknown alpha", 101, 2, ["grey"], "--alpha", "grey")
flags("min-p above 1", 101, 2, ["min-p", "1.5"], "--min-p", "1.5")
flags("a mark too many", 105, 2, ["--interleave", "got 2"], "-p", "<image> and <image>", "--interleave", prompt=False)
flags("a rendered prompt and a system prompt", 105, 2, ["--rendered"], "--rendered", "--system", "x")
flags("a picture's mark in the question, and --strict", 107, 2, ["<image>"], "-p", "<image>\nWhat?", "--strict", prompt=False)
flags("plug-in that is not there", 401, 1, ["absent.so"], "--plugin", "absent.so")
flags("config that is not there", 401, 1, ["absent.json"], "--config", "absent.json")


@case("plug-in that is no module", 503, 2, "mine.so")
def _(s):
    return s.answer("--plugin", "./" + s.file("mine.so", b"\x7fELF" + b"\0" * 60))


@case("config that is no JSON", 101, 2, "run.json")
def _(s):
    return s.answer("--config", s.file("run.json", '{"run": {"budget": 64,}'))


@case("config of 60,000 nested objects", 101, 2, "64 levels")
def _(s):
    return s.answer("--config", s.file("run.json", '{"a":' * 60000 + "1" + "}" * 60000))


@case("config with wrong types", 101, 2, "run.budget")
def _(s):
    return s.answer("--config", s.file("run.json", json.dumps({"run": {"budget": "sixty"}})))


@case("config with an unknown field", 102, 2, "run.bugdet")
def _(s):
    return s.answer("--config", s.file("run.json", json.dumps({"run": {"bugdet": 64}})))


# --- outputs -----------------------------------------------------------------------------------------------------------------
@case("JSON under a regular file", 106, 2, "file/answer.json")
def _(s):
    s.file("file", "kept as it is")
    return s.answer("--json", "file/answer.json")


@case("heatmap into a folder that is not there", 106, 2, "nowhere")
def _(s):
    return s.answer("--heatmap", "nowhere/heat.png")


@case("dump into a folder that holds something", 106, 2, "full")
def _(s):
    (s.here / "full").mkdir()
    s.file("full/kept.txt", "kept as it is")
    return s.answer("--dump", "full")


@case("dump under a regular file", 106, 2, "file")
def _(s):
    s.file("file", "kept as it is")
    return s.answer("--dump", "file/dump")


@case("demo model over a file", 106, 2, "file")
def _(s):
    s.file("file", "kept as it is")
    return ["demo-model", "--out", "file"]


@case("JSON onto a full device", 106, 2, "/dev/full")
def _(s):
    return s.answer("--json", "/dev/full")


def named(name, words, *arguments, **parts):
    """A run whose files get into each other's way."""
    def run(s):
        (s.here / "mine.png").write_bytes(s.picture.read_bytes())
        for file, text in (("q.txt", "What?"), ("run.json", "{}")):
            s.file(file, text)
        os.link(s.here / "mine.png", s.here / "same.png")
        return s.answer(*arguments, **parts)
    CASES.append((name, 106, 2, tuple(words), run))


named("two outputs with one name", ["--heatmap", "--json"], "--json", "out/x.png", "--heatmap", "out/../out/x.png")
named("a heatmap over its picture", ["--heatmap", "--image"], "-i", "mine.png", "--heatmap", "mine.png", image=False)
named("a heatmap over its picture by another name", ["same.png"], "-i", "mine.png", "--heatmap", "same.png", image=False)
named("the second heatmap over a picture", ["h-2.png"], "-i", "mine.png", "-i", "h-2.png", "--heatmap", "h.png", image=False)
named("JSON over the question", ["q.txt"], "-f", "q.txt", "--json", "q.txt", prompt=False)
named("JSON over the settings", ["run.json"], "--config", "run.json", "--json", "run.json")
named("JSON inside the dump", ["--dump"], "--dump", "out", "--json", "out/a.json")
named("a heatmap that ends in .jpg", [".jpg", ".png"], "--heatmap", "out/heat.JPG")


@case("JSON over the model's config", 106, 2, "config.json", "--model")
def _(s):
    return s.answer("-m", s.model(), "--json", "model/config.json", model=False)


# --- files that are none -----------------------------------------------------------------------------------------------------
def strange(name, words, make, status=1):
    """make(setting, file) -> arguments; the file is a pipe without a writer."""
    def run(s):
        os.mkfifo(s.here / "pipe")
        return make(s, "pipe")
    CASES.append((name, 402, status, tuple(words), run))


strange("a pipe for a picture", ["pipe"], lambda s, f: s.answer("-i", f, image=False))
strange("a pipe for a question", ["pipe"], lambda s, f: s.answer("-f", f, prompt=False))
strange("a pipe for settings", ["pipe"], lambda s, f: s.answer("--config", f))
strange("a pipe for ids", ["pipe"], lambda s, f: s.answer("--force-ids", f))
strange("a pipe for lines", ["pipe"], lambda s, f: ["tokenize", "-m", s.demo, "--jsonl", f])
strange("a pipe for questions", ["pipe"], lambda s, f: ["sweep", "-m", s.demo, "--data", f, "--out", "out/run"])
strange("a device for a picture", ["device", "/dev/zero"], lambda s, f: s.answer("-i", "/dev/zero", image=False))
strange("a device for a question", ["device"], lambda s, f: s.answer("-f", "/dev/zero", prompt=False))
strange("a device for lines", ["device"], lambda s, f: ["tokenize", "-m", s.demo, "--jsonl", "/dev/zero"])


def large(name, code, words, make):
    """A file of a terabyte, all of it a hole."""
    def run(s):
        with open(s.here / "large", "wb") as f:
            f.truncate(1 << 40)
        return make(s)
    CASES.append((name, code, 1, tuple(words), run))


large("a picture of a terabyte", 402, ["1099511627776"], lambda s: s.answer("-i", "large", image=False))
large("a question of a terabyte", 402, ["1099511627776"], lambda s: s.answer("-f", "large", prompt=False))


def in_model(name, code, words, file, change):
    def run(s):
        path = s.model() / file
        path.unlink()
        change(path)
        return s.answer("-m", "model", model=False)
    CASES.append((name, code, 1, tuple(words), run))


def hole(path):
    with open(path, "wb") as f:
        f.truncate(1 << 40)


in_model("a pipe for weights", 402, ["regular file"], "model.safetensors", os.mkfifo)
in_model("a pipe for config.json", 402, ["pipe"], "config.json", os.mkfifo)
in_model("a tokenizer of a terabyte", 402, ["1099511627776"], "tokenizer.json", hole)


# --- pictures ------------------------------------------------------------------------------------------------------------------
flags("picture that is not there", 401, 1, ["absent.png"], "-i", "absent.png", image=False)
flags("a folder for a picture", 402, 1, ["out"], "-i", "out", image=False)
picture_case("zero bytes", [], b"")
picture_case("text for a picture", [], "this is no picture")
picture_case("truncated PNG", [], png(64, 64)[:-40])
picture_case("PNG cut in its header", [], png(64, 64)[:20])
picture_case("PNG with too little data", [], png(64, 64, rows=b"\0" * 100))
picture_case("PNG with a damaged chunk", [], bytes(b ^ (0x55 if i == 60 else 0) for i, b in enumerate(png(64, 64))))
picture_case("header of 60,000 x 60,000 px", ["60000"], png(60000, 60000, rows=b""))
picture_case("JPEG header of 60,000 x 60,000 px", ["60000"], JPEG.replace(b"\xff\xc0\x00\x11\x08\x00\x28\x00\x40", b"\xff\xc0\x00\x11\x08\xea\x60\xea\x60"))
picture_case("truncated JPEG", [], JPEG[:-60])
picture_case("JPEG cut in its header", [], JPEG[:100])
picture_case("1 x 201 px", ["200"], png(1, 201))
picture_case("201 x 1 px", ["200"], png(201, 1))
picture_case("0 px wide", [], png(4, 0, rows=b"\0" * 4))
picture_case("WebP that is none", [], b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0" + b"\0" * 20)
picture_case("GIF without a picture", [], b"GIF89a\x10\0\x10\0\0\0\0;")
picture_case("a format that is not read", ["PNG, JPEG, WebP"], b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 40)
picture_case("BMP of 60,000 x 60,000 px", ["60000"], b"BM" + struct.pack("<IHHIIiiHHIIIIII", 54, 0, 0, 54, 40, 60000, 60000, 1, 24, 0, 0, 0, 0, 0, 0))
picture_case("BMP that is cut off", ["truncated"], b"BM" + struct.pack("<IHHIIiiHHIIIIII", 54, 0, 0, 54, 40, 64, 64, 1, 24, 0, 0, 0, 0, 0, 0) + b"\0" * 999)
picture_case("TIFF without tags", ["TIFF"], b"II*\0\x08\0\0\0\0\0\0\0\0\0")
picture_case("WebP of 38 bytes and 268 million px", ["16383"], bytes.fromhex("524946461e000000574542505650384c110000002ffebfff0f07d0842634a1ff8188e87f0000"))
flags("a picture on the web", 401, 1, ["nothing is downloaded"], "-i", "https://example.org/a.png", image=False)
flags("a data URL that is no base64", 408, 1, ["base64", "data:image/png;base64,... ("], "-i", "data:image/png;base64," + "!" * 60000, image=False)
flags("a data URL without data", 408, 1, ["data:"], "-i", "data:image/png;base64", image=False)


# --- model folders ---------------------------------------------------------------------------------------------------------------
flags("model that is not there", 401, 1, ["absent"], "-m", "./absent", model=False)
flags("model that is not in the Hub cache", 401, 1, ["hf download Org/Absent"], "-m", "Org/Absent", model=False)
model_case("folder without config.json", 401, ["config.json"], lambda s: (s.model() / "config.json").unlink())
model_case("folder without weights", 401, ["model.safetensors"], lambda s: (s.model() / "model.safetensors").unlink())
model_case("folder without a tokenizer", 401, ["tokenizer"], lambda s: (s.model() / "tokenizer.json").unlink())
model_case("config.json that is no JSON", 405, ["config.json"], lambda s: (s.model() / "config.json").write_text("{"))
model_case("unknown chat template", 407, ["builtin"], lambda s: (s.model() / "chat_template.jinja").write_text("{{ messages[0].content }}"))
model_case("tokenizer.json that is no JSON", 406, ["tokenizer.json"], lambda s: (s.model() / "tokenizer.json").write_bytes(b"\xff\xfe{"))
config_case("absurd width", ["hidden_size"], lambda c: c["text_config"].update(hidden_size=2**40))
config_case("negative layers", ["num_hidden_layers"], lambda c: c["text_config"].update(num_hidden_layers=-1))
config_case("a million layers", [], lambda c: c["text_config"].update(num_hidden_layers=1000000))
config_case("heads of width 0", ["head_dim"], lambda c: c["text_config"].update(head_dim=0))
config_case("unknown model type", ["llama"], lambda c: c.update(model_type="llama"))
config_case("another family", ['"llava"', "only Qwen3-VL is read"], lambda c: c.update(model_type="llava"))
config_case("DeepStack taps out of order", ["deepstack"], lambda c: c["vision_config"].update(deepstack_visual_indexes=[2, 1, 0]))
config_case("token id outside the vocabulary", ["image_token_id"], lambda c: c.update(image_token_id=10**9))
config_case("text where a number belongs", ["num_attention_heads"], lambda c: c["text_config"].update(num_attention_heads="four"))
config_case("patch size that does not agree", ["patch_size"], lambda c: c.update(patch_size=14), file="preprocessor_config.json")
clip_config_case("a clip of more pixels than can be", ["video_preprocessor_config.json.size.longest_edge", "281474976710657"], lambda c: c["size"].update(longest_edge=2**48 + 1))
clip_config_case("fewer pixels of a clip than none", ["size.shortest_edge", "-1"], lambda c: c["size"].update(shortest_edge=-1))
clip_config_case("a video processor of another family", ["video_processor_type", "Qwen2VLVideoProcessor"], lambda c: c.update(video_processor_type="Qwen2VLVideoProcessor"))
clip_config_case("frames a second that are no number", ["video_preprocessor_config.json"], lambda c: c.update(fps=float("nan")))
config_case("tokenizer without its model", [], lambda c: c.pop("model"), file="tokenizer.json", code=406)
config_case("tokenizer of another kind", ["WordPiece"], lambda c: c["model"].update(type="WordPiece"), file="tokenizer.json", code=406)
config_case("merge of unknown tokens", [], lambda c: c["model"].update(merges=["qqqq zzzz"]), file="tokenizer.json", code=406)


def cut(w):
    del w.data[-64:]


def overlap(w):
    a, b = w.names()[:2]
    w.header[b]["data_offsets"][0] = w.header[a]["data_offsets"][0]


def overflow(w):
    w.header[w.names()[0]].update(shape=[2**62, 2**62], data_offsets=[0, 2])


def set_dtype(dtype):
    def change(w):
        w.header[w.names("language_model.norm.weight")[0]]["dtype"] = dtype
    return change


def forget(w):
    n = w.names("language_model.norm.weight")[0]
    w.header["model.language_model.spare.weight"] = w.header.pop(n)


def reshape(w):
    n = w.names("q_proj.weight")[0]
    w.header[n]["shape"] = w.header[n]["shape"][::-1] if len(set(w.header[n]["shape"])) > 1 else [1, w.header[n]["shape"][0] ** 2]


def add(name):
    """A tensor that the model does not have."""
    def change(w):
        w.header[name] = {"dtype": "F32", "shape": [1], "data_offsets": [len(w.data), len(w.data) + 4]}
        w.data += b"\0\0\x80\x3f"
    return change


def fill(part, two_bytes, whole=False):
    """The first value (or all) of a bf16 tensor becomes `two_bytes`."""
    def change(w):
        begin, end = w.header[w.names(part)[0]]["data_offsets"]
        w.data[begin:end if whole else begin + 2] = two_bytes * ((end - begin) // 2 if whole else 1)
    return change


weight_case("weights cut off", 403, [], cut)
weight_case("header longer than the file", 403, [], lambda w: {"size": 2**40})
weight_case("header of 0 bytes", 403, [], lambda w: {"size": 0})
weight_case("header that is no JSON", 403, [], lambda w: {"text": b'{"a": {"dtype": '})
weight_case("header that is a list", 403, [], lambda w: {"text": b"[]"})
weight_case("tensors that overlap", 403, ["embed_tokens.weight"], overlap)
weight_case("shape that overflows", 403, [], overflow)
weight_case("the same name twice", 403, ["duplicate"], lambda w: {"text": b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'})
weight_case("unknown dtype", 403, ["F23"], set_dtype("F23"))
weight_case("integers where numbers belong", 404, ["I16"], set_dtype("I16"))
weight_case("a weight that is missing", 404, ["norm.weight"], forget)
weight_case("a weight of the wrong shape", 404, ["q_proj"], reshape)
weight_case("NaN in a weight", 404, ["q_proj"], fill("q_proj.weight", b"\xc0\x7f"))
weight_case("infinity in an embedding", 404, ["embed"], fill("embed_tokens.weight", b"\x80\x7f"))
weight_case("weights so large that the answer overflows", 411, ["not finite"], fill("language_model.norm.weight", b"\x7f\x7f", whole=True))
weight_case("LoRA factors that were not merged", 404, ["LoRA", "merge", "q_proj.lora_A.weight"], add("model.language_model.layers.0.self_attn.q_proj.lora_A.weight"))
def wrapped(w):
    w.header = {k if k == "__metadata__" else "module." + k: v for k, v in w.header.items()}


def lone_adapter(s):
    path = s.model()
    (path / "config.json").unlink()
    (path / "adapter_config.json").write_text('{"peft_type": "LORA"}')


weight_case("names of a wrapped model", 404, ["begin with module.", "prefix"], wrapped)
model_case("a LoRA adapter alone", 401, ["LoRA adapter", "merge it"], lone_adapter)
in_model("a Git LFS pointer for the weights", 403, ["Git LFS pointer", "git lfs pull"], "model.safetensors",
         lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d" * 32 + "\nsize 4255140312\n"))
weight_case("a scale beside raw values", 404, ["q_proj.weight_scale_inv", "F8_E4M3", "BF16"], add("model.language_model.layers.0.self_attn.q_proj.weight_scale_inv"))
weight_case("zero points without their values", 404, ["q_proj.qzeros"], add("model.language_model.layers.0.self_attn.q_proj.qzeros"))
config_case("quantised in a way that is not read", ["quant_method", "awq"], lambda c: c.update(quantization_config={"quant_method": "awq"}))
config_case("every token forbidden", ["forbids every token"], lambda c: c.update(suppress_tokens=list(range(288))), file="generation_config.json")
config_case("bad words that are no lists", ["bad_words_ids"], lambda c: c.update(bad_words_ids=[3]), file="generation_config.json")
CASES.append(("a prompt longer than the model's positions", 104, 2, ("at most 16 tokens", "--long-context"),
              lambda s: s.answer(*s.json("config.json", lambda c: c["text_config"].update(max_position_embeddings=16)), model=False)))


@case("a tensor that nobody reads, and --strict", 107, 2, "mtp.weight")
def _(s):
    w = s.weights()
    add("mtp.weight")(w)
    w.write()
    return s.answer("-m", "model", "--strict", model=False)


model_case("zero-byte weights", 403, [], lambda s: (s.model() / "model.safetensors").write_bytes(b""))


@case("a bit flipped in the header", 403, 1)
def _(s):
    file = s.model() / "model.safetensors"
    raw = bytearray(file.read_bytes())
    raw[8] ^= 0x08  # the opening brace
    file.write_bytes(raw)
    return s.answer("-m", "model", model=False)


def shards(s, change):
    folder = s.model()
    w = Weights(folder / "model.safetensors")
    index = {"metadata": {}, "weight_map": {n: "model-00001-of-00002.safetensors" for n in w.names()}}
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    change(index, w.names())
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return s.answer("-m", "model", model=False)


@case("missing shard", 401, 1, "model-00002-of-00002.safetensors")
def _(s):
    return shards(s, lambda index, names: index["weight_map"].update({names[0]: "model-00002-of-00002.safetensors"}))


@case("shard outside the folder", 403, 1, "evil")
def _(s):
    return shards(s, lambda index, names: index["weight_map"].update({names[0]: "../evil.safetensors"}))


@case("index without a map", 403, 1, "weight_map")
def _(s):
    return shards(s, lambda index, names: index.pop("weight_map"))


# --- text and arrays ---------------------------------------------------------------------------------------------------------
for title, line, status in (("lone surrogate", '"a\\ud800b"', 1), ("half a JSON string", '"abc', 1), ("a number for a string", "17", 1), ("bytes that are not UTF-8", b'"\xff"', 1)):
    CASES.append((title + " in JSONL", 409, status, ("2",), lambda s, line=line: [
        "tokenize", "-m", s.demo, "--jsonl", s.file("in.jsonl", b'"fine"\n' + (line if isinstance(line, bytes) else line.encode()) + b"\n")]))
CASES.append(("JSONL of 100,000 brackets", 409, 1, ("line 1", "64 levels"), lambda s: ["tokenize", "-m", s.demo, "--jsonl", s.file("deep.jsonl", "[" * 100000 + "\n")]))
CASES.append(("JSONL of 100,000 brackets that close", 409, 1, ("line 1", "64 levels"), lambda s: ["tokenize", "-m", s.demo, "--jsonl", s.file("deep.jsonl", "[" * 100000 + "]" * 100000)]))
CASES.append(("JSONL that is not there", 401, 1, ("absent.jsonl",), lambda s: ["tokenize", "-m", s.demo, "--jsonl", "absent.jsonl"]))


@case("question that is not UTF-8", 409, 1)
def _(s):
    return s.answer("-f", s.file("question.txt", b"what \xff\xfe?"), prompt=False)


def evidence(name, code, status, words, files, *more):
    def run(s):
        (s.here / "evidence").mkdir()
        for file, content in files.items():
            s.file("evidence/" + file, content)
        return ["allocate", "--evidence", "evidence", "--json", "out/a.json", *more]
    CASES.append((name, code, status, tuple(words), run))


grid = ("--pipeline", "none/none/flat/top_k/gather")
evidence("decisions in layers from files", 204, 2, ["decides inside the model"], {}, "--grid", "2x3", "--pipeline", "none/none/flat/random/layer")
evidence("array cut off", 410, 1, ["relevance.npy"], {"relevance.npy": npy((2, 3), floats(1, 2))})
evidence("array that is none", 410, 1, ["relevance.npy"], {"relevance.npy": b"not an array"})
evidence("array with an absurd shape", 410, 1, ["relevance.npy"], {"relevance.npy": npy((2**40, 2**40), b"")})
evidence("array of another grid", 201, 1, [], {"relevance.npy": npy((2, 3), floats(1, 2, 3, 4, 5, 6))}, "--grid", "4x4")
evidence("NaN in a relevance map", 203, 1, [], {"relevance.npy": npy((2, 3), floats(1, 2, float("nan"), 4, 5, 6))})
evidence("evidence that is not there", 204, 2, [], {}, "--grid", "4x4")
evidence("absurd grid", 105, 2, ["0x4"], {}, "--grid", "0x4")
CASES.append(("evidence folder that is not there", 401, 1, ("absent",), lambda s: ["allocate", "--evidence", "absent"]))


# --- sweeps --------------------------------------------------------------------------------------------------------------------
def question(**change):
    return {"id": "a", "images": ["images/a.png"], "question": "Q?", "answers": ["A"], "boxes": [[0, 0, 9, 9]], "scenario": "form", "split": "test", **change}


def data(s, *questions):
    """A dataset beside out/; texts stand for themselves."""
    (s.here / "data" / "images").mkdir(parents=True)
    s.file("data/images/a.png", png(70, 100))
    s.file("data/images/cut.png", png(64, 64)[:-40])
    s.file("data/questions.jsonl", b"".join((q if isinstance(q, bytes) else json.dumps(q).encode()) + b"\n" for q in questions))
    return "data"


def sweep(name, code, status, words, *flags, questions=(question(),), out="out/run"):
    CASES.append((name, code, status, tuple(words), lambda s: ["sweep", "-m", s.demo, "--data", data(s, *questions), "--out", out, "-n", "2", *flags]))


sweep("sweep of a missing picture", 401, 1, ["line 2", "absent.png"], "--strict", questions=[question(), question(id="b", images=["images/absent.png"])])
sweep("sweep of a picture that is cut off", 408, 1, ["cut.png"], "--strict", questions=[question(), question(id="b", images=["images/cut.png"])])
sweep("sweep with a box outside the picture", 409, 1, ["line 2", "outside the picture"], "--strict", questions=[question(), question(id="b", boxes=[[0, 0, 71, 9]])])
sweep("sweep with a box without area", 409, 1, ["line 1", "outside the picture"], questions=[question(boxes=[[5, 5, 5, 9]])])
sweep("sweep with a box that is none", 409, 1, ["line 1", "boxes"], questions=[question(boxes=[[1, 2, 3]])])
sweep("sweep of an empty file", 409, 1, ["at least one question"], questions=[])
sweep("sweep of an empty split", 409, 1, ["'dev' is empty", "test"], "--split", "dev")
sweep("sweep of an unknown scenario", 501, 2, ["'tiger'", "form"], "--scenario", "tiger")
sweep("sweep of half a line", 409, 1, ["line 2"], "--strict", questions=[question(), b'{"id": "b",'])
sweep("sweep of bytes that are not UTF-8", 409, 1, ["line 1", "UTF-8"], questions=[b'{"id": "\xff"}'])
sweep("sweep with an id that comes twice", 409, 1, ["line 2", "line 1"], "--strict", questions=[question(), question()])
sweep("sweep with an unknown metric", 409, 1, ["fuzzy"], questions=[question(metric="fuzzy")])
sweep("sweep of a picture cut off, among good ones", 408, 1, ["2 problems", "line 2 ('b')", "line 3 ('c')"], "--strict",
      questions=[question(), question(id="b", images=["images/cut.png"]), question(id="c", answers=[])])
sweep("sweep of nothing but bad questions", 409, 1, ["2 problems", "line 1", "line 2"], questions=[b"{", b"[]"])
sweep("sweep with an unknown format", 105, 2, ["jsonl", "'parquet'"], "--format", "parquet")
sweep("sweep with an unknown shape", 105, 2, ["qwen3vl", "'round'"], "--shape", "round")
sweep("sweep with an unknown flavour", 105, 2, ["official", "'sweet'"], "--flavour", "sweet")
sweep("sweep with an unknown metric for all", 105, 2, ["'bleu'", "docs/metrics.md"], "--metric", "bleu")
sweep("sweep of JSONL named as a TSV", 409, 1, ["column"], "--format", "vlmevalkit")
CASES.append(("convert without a place", 105, 2, ("--out",), lambda s: ["convert", "--data", data(s, question())]))
CASES.append(("convert of nothing", 105, 2, ("--data",), lambda s: ["convert", "--out", "out/x"]))
CASES.append(("convert of data into answers", 105, 2, ("RUN",), lambda s: ["convert", "--data", data(s, question()), "--to", "llava", "--out", "out/x"]))
CASES.append(("convert of a run that is not there", 401, 1, ("absent",), lambda s: ["convert", "absent", "--to", "llava", "--out", "out/x"]))
CASES.append(("convert into a folder that holds something", 106, 2, ("data",), lambda s: ["convert", "--data", data(s, question()), "--out", "data"]))
sweep("sweep of an unknown pipeline", 501, 2, ["oracel", "nearest: oracle"], "--pipeline", "full,oracel")
sweep("sweep of an unknown stage", 501, 2, ["topk"], "--pipeline", "none/none/flat/topk/gather")
sweep("sweep that asks for a column twice", 105, 2, ["grid@0.25", "twice"], "--pipeline", "grid,grid@0.25")
sweep("sweep with budget 0", 103, 2, ["0"], "--budget", "64,0")
sweep("sweep with keep ratio 1.5", 103, 2, ["1.5"], "--keep-ratio", "0.5,1.5")
sweep("sweep with a word for a budget", 105, 2, ["many"], "--budget", "many")
sweep("sweep with budget and keep ratio", 105, 2, ["exclude"], "--budget", "64", "--keep-ratio", "0.5")
sweep("sweep with an unknown depth", 101, 2, ["deep"], "--depth", "all,deep")
sweep("sweep with a level that is not there", 101, 2, ["below 3", "7"], "--depth", "7", "--pipeline", "grid")
sweep("sweep with a setting that nothing has", 102, 2, ["allocator.nonsense"], "--allocator.nonsense=1")
sweep("sweep with a setting that is nearly one", 102, 2, ["nearest: balancer.explore"], "--pipeline", "three_ways", "--balancer.exploer=0.1,0.2")
sweep("sweep with a word among an axis's numbers", 101, 2, ["balancer.explore", "'half'"], "--pipeline", "three_ways", "--balancer.explore=0.1,half")
sweep("sweep along a range that leads nowhere", 101, 2, ["balancer.explore", "'1:0:0.1'"], "--pipeline", "three_ways", "--balancer.explore=1:0:0.1")
sweep("sweep of too many columns", 105, 2, ["at most 4096 columns, got 10010"], "--pipeline", "three_ways", "--balancer.explore=0:1:0.001", "--budget", "1:10")
sweep("sweep of a range without end", 105, 2, ["at most 4096 values"], "--pipeline", "three_ways", "--balancer.explore=0:1:1e-300")
sweep("sweep along files that a name cannot hold", 101, 2, ["scorers.learned.weights", "'a/b'"], "--pipeline", "none/learned/flat/top_k/gather", "--scorers.learned.weights=a/b,c")
sweep("sweep with a setting that every name has", 105, 2, ["a value of its own"], "--pipeline", "three_ways:balancer.explore=0.5", "--balancer.explore=0.1")
sweep("sweep with a range of half tokens", 105, 2, ["--budget", "decimal", "'1.5'"], "--budget", "1.5:4")
sweep("sweep on a picture that nobody makes", 101, 2, ["brightness_x from 0 to 4", "'upside_down'"], "--pipeline", "three_ways", "--picture", "native,upside_down")
sweep("sweep with more than all choices wrong", 101, 2, ["share in [0, 1]", "'1.5'"], "--pipeline", "three_ways", "--corrupt", "0,1.5")
sweep("sweep of rendered prompts in a shape", 105, 2, ["--shape lmms"], "--rendered", "--shape", "lmms")
sweep("sweep of rendered prompts that are literal", 105, 2, ["exclude"], "--rendered", "--literal")
sweep("sweep with a setting outside its range", 101, 2, ["clusters"], "--pipeline", "three_ways", "--texture.clusters=-3")
sweep("sweep into a folder that holds something", 106, 2, ["data"], out="data")
sweep("sweep under a folder that is not there", 106, 2, ["nowhere"], out="nowhere/run")
CASES.append(("sweep of data that are not there", 401, 1, ("absent",), lambda s: ["sweep", "-m", s.demo, "--data", "absent", "--out", "out/run"]))
CASES.append(("sweep without data", 105, 2, ("--data",), lambda s: ["sweep", "-m", s.demo, "--out", "out/run"]))
CASES.append(("sweep without a place", 105, 2, ("--out",), lambda s: ["sweep", "-m", s.demo, "--data", data(s, question())]))
CASES.append(("sweep of a model that is not there", 401, 1, ("absent",), lambda s: ["sweep", "-m", "./absent", "--data", data(s, question()), "--out", "out/run"]))


def compare(name, code, status, words, first, second):
    def make(s):
        for run, rows in (("one", first), ("two", second)):
            if rows is not None:
                (s.here / run).mkdir()
                s.file(f"{run}/rows.jsonl", "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
        return ["compare", "one", "two", "--json", "out/compared.json"]
    CASES.append((name, code, status, tuple(words), make))


row = {"key": "a full", "id": "a", "scenario": "form", "images": ["a.png"], "pipeline": "full", "name": "n", "budget": "all", "depth": "all", "seed": 0, "question": "Q?", "score": 1, "kept_hash": "0"}
compare("compare with a run that is not there", 401, 1, ["two"], [row], None)
compare("compare with an empty run", 409, 1, ["at least one row"], [row], [])
compare("compare with half a row", 409, 1, ["line 2"], [row], [row, '{"key": "b'])
compare("compare with a row without its key", 409, 1, ["key"], [row], [{k: v for k, v in row.items() if k != "key"}])
compare("compare with a score that is none", 409, 1, ["score"], [row], [{**row, "score": 7}])
compare("compare with a row without its pictures", 409, 1, ["images"], [row], [{k: v for k, v in row.items() if k != "images"}])
compare("compare with a picture that is no name", 409, 1, ["images", "strings"], [row], [{**row, "images": ["a.png", 7]}])
compare("compare runs of different data", 409, 1, ["two questions"], [row], [{**row, "question": "R?"}])
compare("compare runs with nothing in common", 409, 1, ["in common"], [row], [{**row, "key": "b full", "id": "b"}])


@case("no ffmpeg", 304, 1, "ffprobe", "Debian package ffmpeg")
def _(s):
    return ["clip", s.file("film.mp4", b"\0\0\0\x18ftypisom" + b"\0" * 64)]


@case("a picture for a video", 412, 1, "got a picture", "--fps")
def _(s):
    return ["clip", str(s.picture)]


@case("frames without a clock", 412, 1, "expected a clock: --fps or --times")
def _(s):
    return ["clip", str(s.picture), str(s.picture)]


@case("a flag of clips without one", 105, 2, "--sample-fps", "of clips, and the question has none")
def _(s):
    return s.answer("--sample-fps", "-5")


@case("a flag of pictures beside a clip alone", 105, 2, "--image-max-tokens", "of pictures, and the question has none")
def _(s):
    return s.answer("--video", "film.mp4", "--image-max-tokens", "9", image=False)


@case("places of pictures beside a clip", 105, 2, "--interleave", "expected no --video")
def _(s):
    return s.answer("--video", "film.mp4", "--interleave", "-p", "<image> What is the total?", "--json", "out/answer.json", prompt=False)


@case("not enough memory", 303, 1)
def _(s):
    return s.answer("-i", s.file("picture", png(19000, 19000, rows=b"\0" * (2376 * 19000), depth=1, colour=0)), "--max-decoded-pixels", "400000000", image=False)


# --- running them --------------------------------------------------------------------------------------------------------------
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|terminate called|Traceback|Segmentation")
SENTENCE = re.compile(r"^arrcoc: error: \[[^\]]+\] .+ \(E(\d{3})\)$")
SKIP_UNDER_ASAN = {"not enough memory"}  # a sanitizer needs terabytes of address space
# Codes that no command line reaches: the doctest case that covers each.
LIBRARY_ONLY = {
    "device_error": "torch: the library's exceptions become one sentence",
    "duplicate_name": "E502 a name is registered twice",
}


def snapshot(folder):
    return {p.relative_to(folder).as_posix(): (p.read_bytes() if p.stat().st_size < 1 << 30 else p.stat().st_size) if p.is_file() else None for p in folder.rglob("*") if "model" not in p.parts}


def run_case(program, name, code, status, words, make, folder, demo, picture):
    """-> a list of what is wrong, and the code that was seen"""
    s = Setting(folder, demo, picture)
    arguments = [str(a) for a in make(s)]
    if arguments[:1] == ["answer"] and "out/" not in " ".join(arguments) and not any(a in ("--json", "--heatmap", "--dump") for a in arguments):
        wanted = s.outputs()
        arguments += wanted if "-i" in arguments else [a for a in wanted if a != "--heatmap" and a != "out/heat.png"]
    before = snapshot(folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ARRCOC_", "HF_"))}
    if name == "no ffmpeg":
        environment["PATH"] = str(folder)
    environment.update(HF_HUB_CACHE=str(folder / "hub"), ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1", UBSAN_OPTIONS="print_stacktrace=1")

    def limit():
        if name == "not enough memory":
            resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))
    try:
        done = subprocess.run([program, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return ["still running after 120 s"], None
    err, problems = done.stderr.decode("utf-8", "replace"), []
    if done.returncode != status:
        problems.append(f"exit status: expected {status}, got {done.returncode}")
    if REPORT.search(err):
        problems.append("a crash or a sanitizer's report")
    lines = [x for x in err.splitlines() if x.startswith("arrcoc: error:")]
    found = SENTENCE.match(lines[0]) if len(lines) == 1 else None
    if not found:
        problems.append(f"expected one sentence with a code, got {len(lines)}")
    elif int(found[1]) != code:
        problems.append(f"expected E{code}, got E{found[1]}")
    if lines and lines[-1] != err.splitlines()[-1]:
        problems.append("the sentence is not the last line")
    if lines and len(lines[0]) > 2500:
        problems.append(f"a sentence of {len(lines[0])} characters")
    for word in words:
        if not any(word in x for x in lines):
            problems.append(f"the sentence does not name '{word}'")
    after = snapshot(folder)
    if after != before:
        changed = sorted(k for k in before.keys() | after.keys() if before.get(k, 0) != after.get(k, 0))
        problems.append(f"left behind or changed: {', '.join(changed)}")
    if problems:
        problems.append("stderr: " + err.strip()[-600:])
    return problems, int(found[1]) if found else None


def interrupt(program, folder, demo, picture):
    """Ctrl-C during the run ends it with 130 and leaves nothing."""
    s = Setting(folder, demo, picture)
    slow = ["answer", "-m", demo, "-p", "go on", "-n", "1000000", "--ignore-eos", "--force-ids", s.file("ids.npy", npy((200000,), b"\x05" + b"\0" * 7 + (b"\x06" + b"\0" * 7) * 199999, "<i8"))]
    before = snapshot(folder)
    p = subprocess.Popen([program, *map(str, slow), *[x for x in s.outputs() if x not in ("--heatmap", "out/heat.png")]], cwd=folder,
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(1.5)
    if p.poll() is not None:
        return [f"ended with {p.returncode} before it was interrupted: {p.stderr.read().decode()[-300:]}"]
    p.send_signal(signal.SIGINT)
    try:
        p.wait(timeout=20)
    except subprocess.TimeoutExpired:
        p.kill()
        return ["still running 20 s after Ctrl-C"]
    problems = [] if p.returncode == 130 else [f"exit status: expected 130, got {p.returncode}"]
    return problems + ([f"left behind: {sorted(snapshot(folder).keys() - before.keys())}"] if snapshot(folder) != before else [])


def check_codes(seen):
    """Every code of error.hpp is in docs/errors.md, and is hit by a case above or by a named doctest case."""
    problems = []
    codes = {name: int(number) for name, number in re.findall(r"^\s*(\w+) = (\d{3}),", (ROOT / "include/arrcoc/core/error.hpp").read_text(), re.M)}
    documented = {int(a): b for a, b in re.findall(r"^\| (\d{3}) \| (\w+) \|", (ROOT / "docs/errors.md").read_text(), re.M)}
    if documented != {v: k for k, v in codes.items()}:
        problems.append(f"docs/errors.md and error.hpp differ: {sorted(set(documented.items()) ^ {(v, k) for k, v in codes.items()})}")
    tests = "".join(p.read_text() for p in (ROOT / "tests").rglob("*_test.cpp"))
    for name, number in codes.items():
        if number in seen:
            continue
        title = LIBRARY_ONLY.get(name)
        if title is None or f'TEST_CASE("{title}"' not in tests or f"Code::{name}" not in tests:
            problems.append(f"E{number} {name}: no bad input above and no doctest case ({title}) reaches it")
    return problems, len(codes)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program, only = str(pathlib.Path(sys.argv[1]).resolve()), sys.argv[2:]
    failed, seen, ran, skipped = 0, set(), 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        top = pathlib.Path(temporary)
        demo, picture = top / "demo", top / "picture.png"
        picture.write_bytes(png(70, 100))
        made = subprocess.run([program, "demo-model", "--out", str(demo)], capture_output=True, text=True)
        good = subprocess.run([program, "answer", "-m", str(demo), "-i", str(picture), "-p", "What?", "-n", "2", "--json"], capture_output=True, text=True)
        if made.returncode or good.returncode:
            sys.exit(f"bad_input: the good case does not work: {made.stderr} {good.stderr}")
        sanitized = checks_addresses(program)
        for number, (name, code, status, words, make) in enumerate(CASES):
            if only and not any(x in name for x in only):
                continue
            if sanitized and name in SKIP_UNDER_ASAN:
                skipped += 1
                seen.add(code)
                continue
            folder = top / f"case{number}"
            folder.mkdir()
            problems, got = run_case(program, name, code, status, words, make, folder, demo, picture)
            ran += 1
            if problems:
                failed += 1
                print(f"{name}: " + "\n    ".join(problems))
            elif got:
                seen.add(got)
            shutil.rmtree(folder)
        if not only or "Ctrl-C" in only:
            (top / "interrupt").mkdir()
            problems = interrupt(program, top / "interrupt", demo, picture)
            ran += 1
            if problems:
                failed += 1
                print("Ctrl-C: " + "\n    ".join(problems))
    codes = 0
    if not only:
        problems, codes = check_codes(seen)
        failed += len(problems)
        print("\n".join(problems) + "\n" if problems else "", end="")
    print(f"bad_input: {ran} bad inputs ({skipped} not under sanitizers), {codes} codes, {failed} problems")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
