"""A model folder made from another: what average.py and grow.py share. Needs torch and safetensors."""
import argparse
import pathlib
import shutil

import safetensors
import safetensors.torch


def arguments(doc):
    """A parser that shows `doc` as it is."""
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def weights_of(model: pathlib.Path):
    return safetensors.torch.load_file(model / "model.safetensors")


def write(out: pathlib.Path, model: pathlib.Path, weights):
    """A new folder: `weights`, and everything of `model` but its weights, heads and card."""
    with safetensors.safe_open(model / "model.safetensors", "pt") as file:
        metadata = file.metadata()
    shutil.copytree(model, out, ignore=shutil.ignore_patterns("*.safetensors", "README.md"))
    safetensors.torch.save_file(weights, out / "model.safetensors", metadata=metadata)
