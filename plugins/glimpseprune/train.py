#!/usr/bin/env python3
"""Trains GlimpsePrune's predictor for a model, by the answer boxes of scenes from the train split.

usage: train.py ARRCOC OUT.safetensors [--model DIR] [--pictures N] [--seed S] [--minutes M]
       train.py --fixture          fixture.safetensors beside this, a small one with drawn weights

Scenes are drawn (`arrcoc scenes`, seeds below 5,000,000), transformers gives queries, keys and the tower's features,
and the network of glimpseprune.py learns which tokens lie under a question's boxes: cross entropy weighted to even
sums, and Dice, as theirs. The state that is best on pictures of the dev split is written. Prints its recall of boxes
among the best eighth, and what the threshold keeps. Exit status: 0, 77 when a Python package is missing.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "plugins" / "glimpseprune"), str(ROOT / "plugins" / "hawk"), str(ROOT / "plugins"),
                str(ROOT / "tests" / "oracle")]
from hf_reference import Image, Question, Reference, np, torch  # noqa: E402  (exits 77 itself)
from safetensors.numpy import save_file  # noqa: E402
from transformers.models.qwen3_vl.modeling_qwen3_vl import apply_rotary_pos_emb  # noqa: E402
import glimpseprune as rule  # noqa: E402
from calibrate import under  # noqa: E402
from fixture import Source  # noqa: E402

WIDTH, CONDITION, INNER = 32, 16, 48
SCENARIOS = "receipt,form,formula,shapes,popout,relations,sheet"


class Inside:
    """transformers' tower and language model up to the layer that glimpses."""

    def __init__(self, folder):
        self.ref = Reference(folder)
        model = self.ref.model.model
        self.layers, self.blocks = model.language_model.layers, model.visual.blocks
        self.layer = int(1024 * rule.LAYER) * len(self.layers) // 1024
        self.seen = {}
        for depth in rule.DEPTHS:
            block = int(1024 * depth) * len(self.blocks) // 1024
            self.blocks[block].register_forward_pre_hook(
                lambda _, args, depth=depth: self.seen.update({depth: args[0].reshape(len(args[0]) // 4, 4, -1).mean(1)}))
        self.layers[self.layer].register_forward_pre_hook(self.glimpse, with_kwargs=True)

    def glimpse(self, layer, args, kwargs):
        a, x = layer.self_attn, layer.input_layernorm(args[0] if args else kwargs["hidden_states"])
        split = lambda p: p.reshape(*p.shape[:2], -1, a.head_dim)  # noqa: E731
        q, k = a.q_norm(split(a.q_proj(x))).transpose(1, 2), a.k_norm(split(a.k_proj(x))).transpose(1, 2)
        q, k = apply_rotary_pos_emb(q, k, *kwargs["position_embeddings"])
        self.seen["q"], self.seen["k"] = q[0, :, -1].flatten(), k[0].transpose(0, 1).flatten(1)

    @torch.no_grad()
    def look(self, text, picture):
        """paid [N, heads], features the deepest first, and the grid."""
        inputs = self.ref.inputs(Question(text, [picture]))
        rows, mask, levels, positions = self.ref.assembled(inputs)
        merged = rows[0][mask[0]]
        self.ref.model.model.language_model(inputs_embeds=rows, position_ids=positions, visual_pos_masks=mask,
                                            deepstack_visual_embeds=levels)
        config = self.ref.config.text_config
        paid = rule.logits(self.seen["q"].double().numpy(), self.seen["k"][mask[0]].double().numpy(),
                           config.num_attention_heads, config.num_key_value_heads)
        _, height, width = inputs["image_grid_thw"][0].tolist()
        features = [merged, *(self.seen[d] for d in rule.DEPTHS[::-1])]
        return torch.tensor(paid).float(), [f.clone() for f in features], (height // 2, width // 2)


class Predictor(torch.nn.Module):
    def __init__(self, shapes):
        super().__init__()
        self.names = list(shapes)
        self.w = torch.nn.ParameterDict({n.replace(".", "_"): torch.nn.Parameter(
            torch.randn(*s) / s[-1] ** .5 * (.1 if "down" in n or "out" in n else 1) if len(s) > 1 else torch.zeros(*s))
            for n, s in shapes.items()})

    def forward(self, paid, features):
        w = {n: self.w[n.replace(".", "_")] for n in self.names}
        norm = lambda x: torch.nn.functional.layer_norm(x, x.shape[-1:], eps=1e-6)  # noqa: E731
        a = paid @ w["in.weight"].T + w["in.bias"]
        for i, f in enumerate(features):
            u = torch.cat([norm(a), norm(f) @ w[f"{i}.condition.weight"].T], 1)
            gate = torch.nn.functional.silu(u @ w[f"{i}.gate.weight"].T)
            a = a + (gate * (u @ w[f"{i}.up.weight"].T)) @ w[f"{i}.down.weight"].T
        return (a @ w["out.weight"].T)[:, 0] + w["out.bias"]

    def weights(self):
        return {n: self.w[n.replace(".", "_")].detach().numpy().copy() for n in self.names}


def examples(program, inside, count, seed, size, folder, until):
    words = ["--out", folder, "--count", count, "--seed", seed, "--size", size, "--scenario", SCENARIOS]
    subprocess.run([program, "scenes", *map(str, words)], check=True, capture_output=True)
    out = []
    for line in (pathlib.Path(folder) / "questions.jsonl").read_text().splitlines():
        asked = json.loads(line)
        if not asked.get("boxes") or time.process_time() > until:
            continue
        picture = pathlib.Path(folder) / asked["images"][0]
        paid, features, grid = inside.look(asked["question"], picture)
        wanted = torch.zeros(len(paid))
        wanted[sorted(under(asked["boxes"], grid, Image.open(picture).size[::-1]))] = 1
        out.append((paid, features, wanted))
    return out


@torch.no_grad()
def judged(net, data):
    """Recall of boxes among the best eighth and by the threshold, and the share that the threshold keeps."""
    rows = []
    for paid, features, wanted in data:
        p = net(paid, features)
        best = p.topk(max(1, len(p) // 8)).indices
        rows.append([wanted[best].sum() / wanted.sum(), wanted[p >= 0].sum() / wanted.sum(), (p >= 0).float().mean()])
    return np.mean(rows, axis=0)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("out"), p.add_argument("--model", default=ROOT / "models/small")
    p.add_argument("--pictures", type=int, default=500), p.add_argument("--seed", type=int, default=4300000)
    p.add_argument("--minutes", type=float, default=10)
    a = p.parse_args()
    begun = time.process_time()
    torch.set_num_threads(1), torch.manual_seed(1)
    inside, data = Inside(a.model), []
    with tempfile.TemporaryDirectory() as work:
        for i, (size, share) in enumerate(((256, 1), (512, .3), (1024, .06))):
            data += examples(a.program, inside, int(a.pictures * share), a.seed + 10000 * i, size, f"{work}/{size}",
                             begun + 60 * a.minutes * (.2 + .15 * i))
        dev = examples(a.program, inside, 80, 5400000, 256, f"{work}/dev", begun + 60 * a.minutes * .6)
    config = inside.ref.config
    net = Predictor(rule.shapes(config.text_config.num_attention_heads, config.vision_config.hidden_size,
                                config.text_config.hidden_size, WIDTH, CONDITION, INNER))
    print(f"{len(data)} questions, {len(dev)} of dev, {sum(w.numel() for w in net.parameters())} weights, "
          f"{time.process_time() - begun:.0f} s")
    steps = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=.01)
    best, order, epoch = (-1, None), torch.Generator().manual_seed(1), 0
    while time.process_time() < begun + 60 * a.minutes * .95:
        part = torch.randperm(len(data), generator=order).tolist()
        for at in range(0, len(part), 16):
            loss = 0
            for paid, features, wanted in (data[i] for i in part[at:at + 16]):
                x = net(paid, features)
                even = wanted * (len(wanted) / wanted.sum() / 2) + (1 - wanted) * (
                    len(wanted) / (len(wanted) - wanted.sum()).clamp(min=1) / 2)
                prob = x.sigmoid()
                dice = 1 - (2 * (prob * wanted).sum() + 1) / (prob.sum() + wanted.sum() + 1)
                loss = loss + (torch.nn.functional.binary_cross_entropy_with_logits(x, wanted, even) + dice) / 16
            steps.zero_grad(), loss.backward(), steps.step()
            done = (time.process_time() - begun) / (60 * a.minutes)
            for group in steps.param_groups:
                group["lr"] = 2e-3 * max(.02, min(1, (1 - done) / .4))
        epoch += 1
        found = judged(net, dev)
        if found[0] + found[1] - found[2] > best[0]:
            best = found[0] + found[1] - found[2], net.weights(), found
            print(f"epoch {epoch}, {time.process_time() - begun:.0f} s: recall {found[0]:.3f} among the best eighth, "
                  f"{found[1]:.3f} above the threshold, which keeps {found[2]:.3f}", flush=True)
    save_file(best[1], a.out)


def small_head():
    s = Source(182)
    made = rule.shapes(4, 5, 6, 4, 3, 5)
    save_file({n: (s.tensor(*shape) / 2).astype(np.float32) for n, shape in made.items()},
              pathlib.Path(__file__).parent / "fixture.safetensors")


if __name__ == "__main__":
    small_head() if sys.argv[1:] == ["--fixture"] else main()
