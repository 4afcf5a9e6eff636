#!/usr/bin/env python3
"""One picture and question on the same checkpoint: our stages beside Hugging Face transformers', interleaved in one sitting.

usage: beside_transformers.py PROGRAM MODEL PICTURE [--backend eigen,torch] [--dtype bf16|f32] [--pairs 5] [--new 8] [--budgets 512,256,128]
                              [--threads 2] [--json FILE]
Ours: `arrcoc bench --repeat 1`, a process each time, its second run (both sides are warm). transformers: sdpa attention, loaded once with dtype=,
one warm-up, then one forward for the vision tower, one for the prompt, one a token; as many positions as ours.
Reported: medians of the pairs in milliseconds, ours / theirs, and for budgets prefill time against the ratio of positions, in one process.
Exit 77 without torch and transformers.
"""
import argparse
import json
import math
import statistics
import sys
import time

import peers

try:
    import torch
    from transformers import AutoConfig, Qwen3VLForConditionalGeneration
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)


def ours(a, backend):
    """Milliseconds of the whole run, and for each budget (prefill in milliseconds, positions)."""
    (times, first), *pruned = peers.ours(a, "--backend", backend, "--dtype", a.dtype, *(["--budgets", a.budgets] if a.budgets else []))
    return {stage: times[stage] for stage in ("vision", "prefill", "decode")}, [(t["prefill"], run["positions"]) for t, run in pruned], first


class Theirs:
    def __init__(self, a, positions):
        torch.set_num_threads(a.threads)
        self.model = Qwen3VLForConditionalGeneration.from_pretrained(a.model, dtype=torch.bfloat16 if a.dtype == "bf16" else torch.float32,
                                                                    attn_implementation="sdpa", local_files_only=True).eval()
        c, side = AutoConfig.from_pretrained(a.model), a.side // 16
        patch = c.vision_config.patch_size ** 2 * 3 * c.vision_config.temporal_patch_size
        self.pixels = torch.randn(side * side, patch, generator=torch.Generator().manual_seed(0)).to(self.model.dtype)
        self.grid, tokens = torch.tensor([[1, side, side]]), side * side // 4
        ids = [c.vision_start_token_id] + [c.image_token_id] * tokens + [c.vision_end_token_id]
        plain = next(i for i in range(1000) if i not in (c.image_token_id, c.video_token_id, c.vision_start_token_id, c.vision_end_token_id))
        self.ids = torch.tensor([ids + [plain] * (positions - len(ids))])
        self.spent, self.new = 0.0, a.new
        visual = self.model.model.visual
        forward = visual.forward

        def timed(*args, **kw):
            start = time.perf_counter()
            out = forward(*args, **kw)
            self.spent = time.perf_counter() - start
            return out
        visual.forward = timed

    @torch.inference_mode()
    def run(self):
        types = (self.ids == self.model.config.image_token_id).int()
        start = time.perf_counter()
        out = self.model(input_ids=self.ids, pixel_values=self.pixels, image_grid_thw=self.grid, mm_token_type_ids=types, attention_mask=torch.ones_like(self.ids), use_cache=True, logits_to_keep=1)
        prefill = time.perf_counter() - start - self.spent
        vision, cache, steps = self.spent, out.past_key_values, []
        token = out.logits[:, -1:].argmax(-1)
        for _ in range(self.new - 1):
            start = time.perf_counter()
            out = self.model(input_ids=token, past_key_values=cache, use_cache=True, logits_to_keep=1)
            steps.append(time.perf_counter() - start)
            token = out.logits[:, -1:].argmax(-1)
        return dict(vision=vision * 1e3, prefill=prefill * 1e3, decode=statistics.mean(steps) * 1e3)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program"), p.add_argument("model"), p.add_argument("picture")
    p.add_argument("--backend", default="eigen,torch"), p.add_argument("--dtype", default="bf16"), p.add_argument("--json")
    p.add_argument("--pairs", type=int, default=5), p.add_argument("--new", type=int, default=8), p.add_argument("--threads", type=int, default=2)
    p.add_argument("--budgets", default=""), p.add_argument("--question", default="What is the total on this receipt, and who paid it?")
    a = p.parse_args()
    backends, rows, cut = a.backend.split(","), {}, {}
    _, _, first = ours(a, backends[0])
    a.side, positions = 32 * math.isqrt(first["visual_tokens"]), first["positions"]
    if a.side ** 2 != 1024 * first["visual_tokens"]:
        sys.exit(f"expected a square picture, got {first['visual_tokens']} visual tokens")
    theirs = Theirs(a, positions)
    theirs.run()
    for pair in range(a.pairs):
        rows.setdefault("transformers", []).append(theirs.run())
        for b in backends:
            whole, pruned, _ = ours(a, b)
            rows.setdefault(b, []).append(whole)
            cut.setdefault(b, []).append([(t / whole["prefill"], n / positions) for t, n in pruned])
        print(f"pair {pair + 1}: " + "; ".join(f"{n} " + " ".join(f"{k} {v:.0f}" for k, v in r[-1].items()) for n, r in rows.items()), file=sys.stderr, flush=True)
    median = {n: {k: statistics.median(x[k] for x in r) for k in r[0]} for n, r in rows.items()}
    result = dict(model=a.model.rstrip("/").split("/")[-1], dtype=a.dtype, threads=a.threads, side=a.side, positions=positions, pairs=a.pairs, milliseconds=median, ratio={}, budgets={})
    for b in backends:
        result["ratio"][b] = {k: statistics.median(o[k] / t[k] for o, t in zip(rows[b], rows["transformers"])) for k in median[b]}
        for i, budget in enumerate(x for x in a.budgets.split(",") if x):
            result["budgets"].setdefault(b, {})[budget] = dict(prefill_ratio=statistics.median(c[i][0] for c in cut[b]), positions_ratio=cut[b][0][i][1])
    print(json.dumps(result, indent=1))
    if a.json:
        with open(a.json, "w") as f:
            json.dump(result, f, indent=1)


main()
