#!/usr/bin/env python3
"""The published sketch's decision, vectorised in torch: the row to hold bench_strategies against.

usage: torch_textures.py [--threads 2] [--side 1024] [--repeat 30] [--beside BENCH_STRATEGIES]
13 channels at 32 x 32 through a bilinear 512 x 512 detour (RGB, y, x, Sobel gx gy magnitude, the magnitude three times more, variance
and mean over RGB), the three scorers (softmax-channel entropy; CNN 13-32-16-1; conv 13-64-1536 with a cosine), the balancer (MLP
1536-256-3) and top-200, with random weights: its time does not depend on them. Prints one JSON line with the median and the best of
the repeats in milliseconds, and what share is texture. `--beside`: bench_strategies' textures, plain loops and whole decision at 1,024 tokens run
between the repeats, in turn, so that both see the same machine; medians and best of both in processor time. Exit 77 without torch.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    print("SKIP: torch is not installed")
    sys.exit(77)


def textures(image):
    """[1, 3, H, W] in [0, 1] -> [1, 13, 32, 32]"""
    grid = 32
    image = F.interpolate(image, size=(512, 512), mode="bilinear", align_corners=False)
    pool = lambda x: F.adaptive_avg_pool2d(x, (grid, grid))
    rgb = pool(image)
    y = torch.linspace(0, 1, grid).view(1, 1, grid, 1).expand(1, 1, grid, grid)
    x = torch.linspace(0, 1, grid).view(1, 1, 1, grid).expand(1, 1, grid, grid)
    grey = .299 * image[:, 0:1] + .587 * image[:, 1:2] + .114 * image[:, 2:3]
    kx = torch.tensor([[[[-1., 0, 1], [-2, 0, 2], [-1, 0, 1]]]])
    gx, gy = F.conv2d(grey, kx, padding=1), F.conv2d(grey, kx.transpose(2, 3), padding=1)
    magnitude = pool(torch.sqrt(gx ** 2 + gy ** 2 + 1e-8))
    return torch.cat([rgb, y, x, pool(gx), pool(gy), magnitude, magnitude, magnitude, magnitude,
                      rgb.var(1, keepdim=True), rgb.mean(1, keepdim=True)], 1)


class Decision(torch.nn.Module):
    def __init__(self):
        super().__init__()
        conv = torch.nn.Conv2d
        self.salience = torch.nn.Sequential(conv(13, 32, 3, padding=1), torch.nn.ReLU(), conv(32, 16, 3, padding=1), torch.nn.ReLU(), conv(16, 1, 1), torch.nn.Sigmoid())
        self.coupling = torch.nn.Sequential(conv(13, 64, 3, padding=1), torch.nn.ReLU(), conv(64, 1536, 1))
        self.query = torch.nn.Linear(1536, 1536)
        self.policy = torch.nn.Sequential(torch.nn.Linear(1536, 256), torch.nn.ReLU(), torch.nn.Linear(256, 3), torch.nn.Softmax(-1))

    def forward(self, t, query):
        p = F.softmax(t, 1)
        information = -(p * torch.log(p + 1e-10)).sum(1)
        salience = self.salience(t)[:, 0]
        coupled = F.cosine_similarity(self.coupling(t), self.query(query)[:, :, None, None], dim=1) / 2 + .5
        norm = lambda m: (m - m.min()) / (m.max() - m.min())
        w = self.policy(query)
        relevance = w[:, 0] * norm(information) + w[:, 1] * norm(salience) + w[:, 2] * norm(coupled)
        return torch.topk(relevance.flatten(1), 200)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--threads", type=int, default=2)
    a.add_argument("--side", type=int, default=1024)
    a.add_argument("--repeat", type=int, default=30)
    a.add_argument("--beside", metavar="BENCH_STRATEGIES")
    a = a.parse_args()
    torch.set_num_threads(a.threads)
    clock = time.process_time if a.beside else time.perf_counter
    torch.manual_seed(0)
    model, query = Decision().eval(), torch.randn(1, 1536)
    pixels = torch.randint(0, 256, (a.side, a.side, 3), dtype=torch.uint8)
    texture_ms, decision_ms, ours = [], [], {}
    with torch.inference_mode():
        for i in range(a.repeat + 3):
            start = clock()
            t = textures(pixels.permute(2, 0, 1)[None].float() / 255)
            middle = clock()
            model(t, query)
            end = clock()
            if i >= 3:
                texture_ms.append(1e3 * (middle - start))
                decision_ms.append(1e3 * (end - start))
                if a.beside:
                    out = subprocess.run([a.beside, "--benchmark_format=json", "--benchmark_min_time=0.02", "--benchmark_filter=^(texture/texture13|texture/seed13|loops/texture12|decision/.*)/tokens:1024$"], capture_output=True, text=True, check=True)
                    for row in json.loads(out.stdout)["benchmarks"]:
                        if row.get("run_type") == "iteration":
                            ours.setdefault(row["name"].rsplit("/", 1)[0], []).append(row["cpu_time"] / 1e3)
    print(json.dumps({"side": a.side, "threads": a.threads, "torch": torch.__version__,
                      "texture_ms_median": round(statistics.median(texture_ms), 3), "texture_ms_best": round(min(texture_ms), 3),
                      "decision_ms_median": round(statistics.median(decision_ms), 3), "decision_ms_best": round(min(decision_ms), 3)}))
    for name, ms in ours.items():
        print(json.dumps({"name": name, "ms_median": round(statistics.median(ms), 3), "ms_best": round(min(ms), 3)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
