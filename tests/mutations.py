#!/usr/bin/env python3
"""Plants one mistake at a time in a copy of the headers and asserts that the tests notice.

usage: mutations.py --root REPO                       the texts alone: each must occur
       mutations.py --compiler "g++ -std=c++20 -O1" --include DIR [--include DIR...] --root REPO --main MAIN.cpp TEST.cpp...
Each mutation names a header, a text that must occur in it exactly once, and its replacement. The files of tests that
read the header are compiled against the mutated copy, those that are quick and caught others first, until one fails:
the mutation is caught. A mutated header that does not compile is an error of this list, not a catch. Prints one line
per mutation and a verdict.
"""
import argparse
import collections
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

Q = "include/arrcoc/qwen3vl/"
MUTATIONS = [
    ("vision GELU exact instead of tanh", Q + "vision_tower.hpp", "w.fc1_w, w.fc1_b), Gelu::tanh);", "w.fc1_w, w.fc1_b), Gelu::erf);"),
    ("merger GELU tanh instead of exact", Q + "vision_tower.hpp", "w.fc1_b), Gelu::erf), w.fc2_w", "w.fc1_b), Gelu::tanh), w.fc2_w"),
    ("final norm epsilon 1e-5", Q + "language_model.hpp", "return b.rms_norm(hidden, norm_, config_.rms_norm_eps); }", "return b.rms_norm(hidden, norm_, 1e-5f); }"),
    ("layer norm epsilon 1e-4", Q + "vision_tower.hpp", "b.layer_norm(x, w.norm1_w, w.norm1_b, config_.norm_eps)", "b.layer_norm(x, w.norm1_w, w.norm1_b, 1e-4f)"),
    ("DeepStack levels reversed", Q + "model.hpp", "in.levels.push_back({rows, level});", "in.levels.insert(in.levels.begin(), {rows, level});"),
    ("tap one block late", Q + "vision_tower.hpp", "config_.deepstack_taps[k] == static_cast<Index>(j)", "config_.deepstack_taps[k] + 1 == static_cast<Index>(j)"),
    ("DeepStack one layer late", Q + "language_model.hpp", "if (at < in.levels.size() && !in.levels[at].rows.empty())\n        x = b.scatter_add_rows(x, in.levels[at].rows, in.levels[at].features);",
     "if (at > 0 && at - 1 < in.levels.size() && !in.levels[at - 1].rows.empty())\n        x = b.scatter_add_rows(x, in.levels[at - 1].rows, in.levels[at - 1].features);"),
    ("vision rotary axes swapped", Q + "vision_positions.hpp", "for (const float position : {row, col})", "for (const float position : {col, row})"),
    ("M-RoPE in chunks", Q + "positions.hpp", "if (i % 3 == 1 && i < 3 * section[1]) return 1;\n  if (i % 3 == 2 && i < 3 * section[2]) return 2;\n  return 0;",
     "return i < section[0] ? 0 : i < section[0] + section[1] ? 1 : 2;"),
    ("M-RoPE h and w swapped", Q + "positions.hpp", "axis == 0 ? p.t : axis == 1 ? p.h : p.w", "axis == 0 ? p.t : axis == 1 ? p.w : p.h"),
    ("M-RoPE sections not cut off", Q + "positions.hpp", "if (i % 3 == 1 && i < 3 * section[1]) return 1;", "if (i % 3 == 1) return 1;"),
    ("missing bias of the attention projection", Q + "vision_tower.hpp", "b.linear(a, w.proj_w, w.proj_b)", "b.linear(a, w.proj_w)"),
    ("text position after a picture off by one", Q + "positions.hpp", "next = std::max(next, start + std::max({own.grid.rows, own.grid.cols, later + 1}));",
     "next = std::max(next, start + 1 + std::max({own.grid.rows, own.grid.cols, later + 1}));"),
    ("text position after a picture counted in tokens", Q + "positions.hpp", "next = std::max(next, start + std::max({own.grid.rows, own.grid.cols, later + 1}));",
     "next = std::max(next, start + s.grid.count());"),
    ("patches in raster order", Q + "vision_positions.hpp", "for (Index br = 0; br < g.rows; br += merge)\n    for (Index bc = 0; bc < g.cols; bc += merge)\n      for (Index r = br; r < br + merge; ++r)\n        for (Index c = bc; c < bc + merge; ++c) f(r, c);",
     "(void)merge;\n  for (Index r = 0; r < g.rows; ++r)\n    for (Index c = 0; c < g.cols; ++c) f(r, c);"),
    ("position table corners not aligned", Q + "vision_positions.hpp", "patch * last / static_cast<float>(std::max<Index>(n - 1, 1))", "patch * last / static_cast<float>(n)"),
    ("pictures attend to each other", Q + "vision_tower.hpp", "AttentionSpec spec = attention_spec(living, m);", "AttentionSpec spec = attention_spec(living, m);\n    spec.segments.clear();"),
    ("queries without their norm", Q + "decoder_layer.hpp", "return turned(q_before_.there ? q_before() : normed(w_->q, w_->q_norm), c_->heads);",
     "return turned(b_->linear(norm(), w_->q), c_->heads);"),
    ("key norm with the weight of the queries'", Q + "decoder_layer.hpp", "k_before() : normed(w_->k, w_->k_norm)", "k_before() : normed(w_->k, w_->q_norm)"),
    ("value and key of the packed projection swapped", Q + "vision_tower.hpp", "const Tensor k = b.rope(b.slice_cols(qkv, d, 2 * d)", "const Tensor k = b.rope(b.slice_cols(qkv, 2 * d, 3 * d)"),
    ("SiLU on the wrong half", Q + "decoder_layer.hpp", "b.silu_mul(b.linear(f, w.gate), b.linear(f, w.up))", "b.silu_mul(b.linear(f, w.up), b.linear(f, w.gate))"),
    ("expert weights not divided by their sum", Q + "experts.hpp", "static_cast<float>(static_cast<double>(p[i]) / kept)", "p[i]"),
    ("softmax over the chosen probabilities", Q + "experts.hpp", "kept += static_cast<double>(p[best]);\n      chosen.push_back(best);\n    }",
     "chosen.push_back(best);\n    }\n    for (const std::size_t i : chosen) kept += static_cast<double>(p[i] = std::exp(p[i]));"),
    ("the smallest experts instead of the largest", Q + "experts.hpp", "p[i] > p[best]", "p[i] < p[best]"),
    ("gate and up of the experts swapped", Q + "experts.hpp", "b.silu_mul(b.slice_cols(both, 0, inner_), b.slice_cols(both, inner_, 2 * inner_))",
     "b.silu_mul(b.slice_cols(both, inner_, 2 * inner_), b.slice_cols(both, 0, inner_))"),
    ("expert outputs summed without weights", Q + "experts.hpp", "b.bag_rows(b.concat_rows(outputs), place, routing.weights, per_row_)",
     "b.bag_rows(b.concat_rows(outputs), place, std::vector<float>(place.size(), 1.0f), per_row_)"),
    ("expert outputs at the places of their rows", Q + "experts.hpp", "static_cast<Index>(i) / per_row_;", "static_cast<Index>(i) % (static_cast<Index>(place.size()) / per_row_);"),
    ("every expert reads the first one's matrix", Q + "experts.hpp", "t.data += e * t.bytes();", "static_cast<void>(e);"),
    ("released experts read as transposed", Q + "weights.hpp", "w.stored.shape == newer ? Layout::out_in : Layout::in_out", "Layout::out_in"),
    ("router before the norm", Q + "decoder_layer.hpp", "w.experts.run(b, f)", "w.experts.run(b, h)"),
    ("attention scale from the hidden width", Q + "decoder_layer.hpp", "spec.scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));", "spec.scale = 1.0f / std::sqrt(static_cast<float>(c.hidden_size / c.heads));"),
    ("tower answers: attention from queries before the rotation", Q + "tower_requests.hpp", "patches_of(b, in.q, own, p)", "patches_of(b, in.q_before, own, p)"),
    ("tower answers: every picture from the first one's rows", Q + "tower_requests.hpp", "rows.push_back(p.begin + t * m + i);", "rows.push_back(t * m + i);"),
    ("tower answers: payers counted by frame", Q + "tower_requests.hpp", "payers.size()) * m * spec.heads", "payers.size()) * m * spec.heads / static_cast<Index>(p.segments.size())"),
    ("tower answers: heads become one before the payers", Q + "answers.hpp", "r.payers != Request::Over::max;", "true;"),
    ("tower answers: every head is the first", Q + "tower_requests.hpp", "t : b.slice_cols(t, h * width, (h + 1) * width)", "t : b.slice_cols(t, 0, width)"),
    ("tower answers: negative blocks from the start", Q + "tower_requests.hpp", "return counted(r.index, config_.depth);", "return r.index < 0 ? -r.index - 1 : r.index;"),
    ("tower answers: lists count among the living", Q + "tower_requests.hpp", "t = static_cast<Index>(at - p.alive.begin());", ""),
    ("tower places: patches from the corner of a place", Q + "vision_positions.hpp", "p.row * m + (static_cast<float>(r) + 0.5f) * p.rows - 0.5f", "p.row * m + static_cast<float>(r) * p.rows"),
    ("tower places: square places", Q + "vision_positions.hpp", "(static_cast<float>(c) + 0.5f) * p.cols", "(static_cast<float>(c) + 0.5f) * p.rows"),
    ("tower places: segments of the whole picture", Q + "pixels.hpp", "out.segments.push_back(static_cast<Index>(next - first));", "out.segments.push_back(s);"),
    ("tower places: one segment over all frames", Q + "vision_positions.hpp", "++out[static_cast<std::size_t>(p.frame)];", "++out[static_cast<std::size_t>(p.frame * 0)];"),
    ("tower hook: levels stay whole", Q + "vision_tower.hpp", "for (Tensor& level : out.deepstack) level = b.gather_rows(level, tokens);", ""),
    ("tower hook: rotation of the first patches", Q + "vision_tower.hpp", "cos = b.gather_rows(cos, rows);", "cos = b.slice_rows(cos, 0, static_cast<Index>(rows.size()));"),
    ("tower hook: a second drop counts what was encoded", Q + "tower_hook.hpp", "left.push_back(kept[p][static_cast<std::size_t>(t)]);", "left.push_back(t);"),
    ("tower hook: its answers go to whoever asked", Q + "vision_tower.hpp", "out.answers = asked.take(requests.size());", "out.answers = asked.take(all.size());"),
    ("mixed scale: every row is the first", Q + "place_pixels.hpp", "from.row(rows.begin + r) + cols.begin * 3", "from.row(rows.begin) + cols.begin * 3"),
    ("mixed scale: edges rounded down", "include/arrcoc/core/places.hpp", "static_cast<double>(length) / static_cast<double>(n) + 0.5)", "static_cast<double>(length) / static_cast<double>(n))"),
    ("layer answers: keys of the beginning forgotten", Q + "layer_requests.hpp", "causal_spec(config_, cached + payers[first]);", "causal_spec(config_, payers[first]);"),
    ("layer answers: before the edit without the beginning", Q + "language_model.hpp", "state.lengths[at] == 0 ? inside.k()", "true ? inside.k()"),
    ("decode ignores the cache", Q + "decoder_layer.hpp", "spec.causal_offset = cached;", "spec.causal_offset = 0;"),
    ("decode position from the pruned length", Q + "positions.hpp", "p.next = full.next;", "p.next = p.length();"),
    ("pruned positions recomputed", "include/arrcoc/injectors/rows.hpp", "in.positions = qwen3vl::gather_columns(e.positions, columns);",
     "in.positions = e.positions; in.positions.t.resize(columns.size()); in.positions.h.resize(columns.size()); in.positions.w.resize(columns.size());"),
    ("DeepStack rows not gathered", "include/arrcoc/injectors/rows.hpp", "those.push_back(tokens[i]);", "those.push_back(tokens[those.size()]);"),
    ("repetition penalty divides negatives", Q + "sampling.hpp", "s = s < 0 ? s * r : s / r;", "s = s / r;"),
    ("top-p drops the crossing token", Q + "sampling.hpp", "if (cumulative > 1.0 - static_cast<double>(c.top_p)) break;\n      scores[order[i]] = dropped_score;",
     "scores[order[i]] = dropped_score;\n      if (cumulative > 1.0 - static_cast<double>(c.top_p)) break;"),
    ("sizes rounded half up", Q + "smart_resize.hpp", "static_cast<Index>(std::nearbyint(h / f)) * factor", "static_cast<Index>(std::round(h / f)) * factor"),
    ("bicubic kernel with a = -0.75", Q + "resize.hpp", "constexpr double a = -0.5;", "constexpr double a = -0.75;"),
    ("resize without antialias", Q + "resize.hpp", "stretch = std::max(scale, 1.0)", "stretch = 1.0"),
    ("channels backwards in a patch row", Q + "patchify.hpp", "for (std::size_t k = 0; k < 3; ++k) {\n      for (const ImageView& frame", "for (const std::size_t k : {2, 1, 0}) {\n      for (const ImageView& frame"),
]


class Uncompiled(Exception):
    pass


def main() -> int:
    p = argparse.ArgumentParser()
    p.add_argument("--compiler")
    p.add_argument("--include", action="append", default=[], help="further include directories, as they are")
    p.add_argument("--root", required=True, type=pathlib.Path)
    p.add_argument("--link", default="-lpthread")
    p.add_argument("--only", default="", help="plant only the mistakes whose name holds this text")
    p.add_argument("--part", default="1/1", help="K/N: of each N mistakes the K-th alone")
    p.add_argument("--main", type=pathlib.Path, help="what runs the tests of a file")
    p.add_argument("tests", nargs="*", type=pathlib.Path)
    a = p.parse_args()
    stale = [(name, count) for name, file, old, _ in MUTATIONS if (count := (a.root / file).read_text().count(old)) != 1]
    for name, count in stale:
        print(f"STALE   {name}: the text occurs {count} times")
    if stale or a.compiler is None:
        print(f"{len(MUTATIONS) - len(stale)} of {len(MUTATIONS)} texts occur once")
        return 1 if stale else 0
    missed = []
    with tempfile.TemporaryDirectory() as tmp:
        tree = pathlib.Path(tmp)
        for d in ("include", "backends"):
            shutil.copytree(a.root / d, tree / d)
        own = ["include", "backends/eigen", "backends/xtensor"]
        flags = shlex.split(a.compiler) + [f"-I{tree}/{d}" for d in own] + [f"-I{a.root}/tests"] + [f"-I{i}" for i in a.include]

        def passes(test) -> bool:
            done = subprocess.run(flags + ["-MMD", "-c", str(test), "-o", str(tree / (test.stem + ".o"))], capture_output=True, text=True)
            if done.returncode:
                raise Uncompiled("\n".join(line for line in done.stderr.splitlines() if "error" in line)[:1000])
            subprocess.run(flags + [str(tree / "main.o"), str(tree / (test.stem + ".o")), "-o", str(tree / "t")] + shlex.split(a.link), check=True)
            try:
                return subprocess.run([str(tree / "t"), "--minimal"], capture_output=True, timeout=300).returncode == 0
            except subprocess.TimeoutExpired:
                return False

        subprocess.run(flags + ["-c", str(a.main), "-o", str(tree / "main.o")], check=True)
        seconds, reads, catches = {}, {}, collections.Counter()
        for test in a.tests:
            start = time.monotonic()
            if not passes(test):
                print(f"the unmutated tests fail: {test}")
                return 1
            seconds[test], reads[test] = time.monotonic() - start, (tree / (test.stem + ".d")).read_text()
        part, parts = map(int, a.part.split("/"))
        if not 1 <= part <= parts:
            p.error(f"--part {a.part}: expected K/N with 1 <= K <= N")
        chosen = [m for m in MUTATIONS if a.only in m[0]][part - 1::parts]
        for name, file, old, new in chosen:
            path = tree / file
            text = path.read_text()
            path.write_text(text.replace(old, new))
            order = sorted((t for t in a.tests if str(path) in reads[t]), key=lambda t: seconds[t] / (1 + catches[t]))
            try:
                catcher = next((t for t in order if not passes(t)), None)
                verdict = "caught  " if catcher else "MISSED  "
                catches[catcher] += 1
            except Uncompiled as e:
                verdict = f"{e}\nERROR   does not compile: "
            path.write_text(text)
            print(verdict + name, flush=True)
            if not verdict.startswith("caught"):
                missed.append(name)
    print(f"{len(chosen) - len(missed)} of {len(chosen)} planted mistakes caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
