"""What the oracles of `arrcoc train scorer`, `balancer` and `depth` share: their arguments, running the program, and reading heads."""
import argparse
import json
import pathlib
import subprocess
import sys

from checks import check
from weights import Weights

try:
    import numpy as np
except ImportError as e:
    print(f"skipped, {e}")
    sys.exit(77)


class Program:
    """arguments: ARRCOC [--model DIR] [--steps N]; DIR: a model of the small family (default: models/small). Exits with 77 where the trainer is absent."""

    def __init__(self, name, steps):
        parser = argparse.ArgumentParser()
        parser.add_argument("program")
        parser.add_argument("--model", default=pathlib.Path(__file__).resolve().parents[2] / "models/small")
        parser.add_argument("--steps", default=steps)
        a = parser.parse_args()
        self.path, self.model, self.steps = str(pathlib.Path(a.program).resolve()), a.model, a.steps
        if "not built in" in subprocess.run([self.path, "train"], capture_output=True, text=True).stderr:
            print(f"{name}: skipped, the trainer is not built in")
            sys.exit(77)

    def __call__(self, *flags, status=0):
        done = subprocess.run([self.path, *map(str, flags)], capture_output=True, text=True, timeout=900)
        check(done.returncode == status, f"{flags}: exit {done.returncode}: {done.stderr[-300:]}")
        return done

    def train(self, head, *flags, status=0):
        return self("train", head, "-m", self.model, "-t", "1", *flags, status=status)

    def questions(self, folder, most):
        """Some questions about unseen receipts and forms, drawn into `folder`."""
        self("scenes", "--out", folder, "--count", "4", "--seed", "6000100", "--scenario", "receipt,form", "--no-tsv", "--quiet", "-t", "1")
        return [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()][:most]


def log_of(head):
    return [json.loads(line) for line in pathlib.Path(f"{head}.jsonl").read_text().splitlines()]


def tensors(path):
    """{name: array} of a safetensors file; bf16 is widened to float32."""
    file, out = Weights(path), {}
    for name in file.names():
        v = file.header[name]
        count, first = int(np.prod(v["shape"])), v["data_offsets"][0]
        values = np.frombuffer(file.data, np.float32, count, first) if v["dtype"] == "F32" else (np.frombuffer(file.data, np.uint16, count, first).astype(np.uint32) << 16).view(np.float32)
        out[name] = values.reshape(v["shape"])
    return out


def learned_values(head, prefix, vision, query):
    """The network of primitives/learned_head.hpp in double: [N, O]."""
    w = {k[len(prefix):]: v.astype(np.float64) for k, v in head.items() if k.startswith(prefix)}

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]
    v, q = norm(vision.astype(np.float64), "token_norm"), norm(query.astype(np.float64), "query_norm")
    x = v @ w["token.weight"].T + (v @ w["gate.weight"].T) * (w["gate_query.weight"] @ q) + w["query.weight"] @ q + w["query.bias"]
    gelu = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))
    return gelu @ w["out.weight"].T
