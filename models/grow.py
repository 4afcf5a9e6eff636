#!/usr/bin/env python3
"""A model with one more language layer, which answers as before: the last layer again, with nothing coming out of it until it is trained.

usage: grow.py MODEL OUT      OUT: a new folder, everything but the weights and num_hidden_layers from MODEL

The copy's o_proj and down_proj are zero, so that both its branches add nothing to the residual stream (Gong et al. 2019 stack copies; zero outputs as in Wu et al.
2024, "LLaMA Pro", section 3.2). Needs torch and safetensors.
"""
import json
import pathlib

import derived


def main():
    parser = derived.arguments(__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    a = parser.parse_args()
    if a.out.exists():
        parser.error(f"{a.out} exists already")
    if not (a.model / "config.json").exists():
        parser.error(f"{a.model}: no such model")
    config = json.loads((a.model / "config.json").read_text())
    layers = config["text_config"]["num_hidden_layers"]
    weights = derived.weights_of(a.model)
    last, new = (f"model.language_model.layers.{n}." for n in (layers - 1, layers))
    for name in [n for n in weights if n.startswith(last)]:
        silent = name.endswith(("o_proj.weight", "down_proj.weight"))
        weights[new + name.removeprefix(last)] = weights[name].new_zeros(weights[name].shape) if silent else weights[name].clone()
    config["text_config"]["num_hidden_layers"] = layers + 1
    derived.write(a.out, a.model, weights)
    (a.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
