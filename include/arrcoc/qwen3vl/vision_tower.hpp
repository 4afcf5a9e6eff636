#pragma once
// The vision tower of Qwen3-VL: patches in, merged tokens and DeepStack features out. Written once, for every backend.
// Shapes: P patches in merge-block order, N = P / merge^2 tokens, D tower width, H language-model width.
#include <string>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/trace.hpp"
#include "arrcoc/qwen3vl/encoded.hpp"
#include "arrcoc/qwen3vl/tower_hook.hpp"
#include "arrcoc/qwen3vl/tower_requests.hpp"
#include "arrcoc/qwen3vl/vision_positions.hpp"
#include "arrcoc/qwen3vl/weights.hpp"

namespace arrcoc::qwen3vl {

template <class B>
class VisionTower {
  using Tensor = typename B::Tensor;
  using Weight = typename B::Weight;

 public:
  VisionTower() = default;
  VisionTower(B& b, const VisionConfig& config, const WeightLookup& lookup) : config_(config) {
    WeightReader<B> r(b, lookup);
    const Index d = config.hidden_size, m = merged_width(), i = config.intermediate_size, out = config.out_hidden_size;
    const std::string v = "model.visual.";
    patch_w_ = r.matrix(v + "patch_embed.proj.weight", d, config.patch_values());
    patch_b_ = r.vector(v + "patch_embed.proj.bias", d);
    positions_ = r.matrix(v + "pos_embed.weight", config.position_embeddings, d);
    for (Index j = 0; j < config.depth; ++j) {
      const std::string p = v + "blocks." + std::to_string(j) + ".";
      blocks_.push_back(
          {r.vector(p + "norm1.weight", d), r.vector(p + "norm1.bias", d),
           r.matrix(p + "attn.qkv.weight", 3 * d, d, WeightUse::tower), r.vector(p + "attn.qkv.bias", 3 * d),
           r.matrix(p + "attn.proj.weight", d, d, WeightUse::tower), r.vector(p + "attn.proj.bias", d),
           r.vector(p + "norm2.weight", d), r.vector(p + "norm2.bias", d),
           r.matrix(p + "mlp.linear_fc1.weight", i, d, WeightUse::tower), r.vector(p + "mlp.linear_fc1.bias", i),
           r.matrix(p + "mlp.linear_fc2.weight", d, i, WeightUse::tower), r.vector(p + "mlp.linear_fc2.bias", d)});
    }
    const auto merger = [&](const std::string& p, Index norm_width) {
      return Merger{r.vector(p + "norm.weight", norm_width),
                    r.vector(p + "norm.bias", norm_width),
                    r.matrix(p + "linear_fc1.weight", m, m, WeightUse::tower),
                    r.vector(p + "linear_fc1.bias", m),
                    r.matrix(p + "linear_fc2.weight", out, m, WeightUse::tower),
                    r.vector(p + "linear_fc2.bias", out)};
    };
    merger_ = merger(v + "merger.", d);
    for (std::size_t k = 0; k < config.deepstack_taps.size(); ++k)
      tap_mergers_.push_back(merger(v + "deepstack_merger_list." + std::to_string(k) + ".", m));
  }

  /// pixels [P, patch values] for all pictures, one after the other. Pictures and segments never see each other. Tokens
  /// and levels are the same bits with and without `requests`. `hook` decides before blocks.
  VisionOut<B> run(B& b, const Tensor& pixels, const std::vector<PatchPlan>& plans, Trace* trace = nullptr,
                   const std::vector<Request>& requests = {}, TowerHook<B>* hook = nullptr) const {
    const Index merge_side = config_.spatial_merge_size, m = merge_side * merge_side;
    Living living;
    for (const PatchPlan& plan : plans) {
      check_plan(plan, merge_side);
      living.add(plan.parts(merge_side));
    }
    require_that(living.count() * m == b.rows(pixels), Code::shape_mismatch, "vision_tower", [&] {
      return "pixel rows: expected " + std::to_string(living.count() * m) + " for the grids, got " +
             std::to_string(b.rows(pixels));
    });
    std::vector<Request> all = requests;
    const std::vector<Request> of_hook = hook != nullptr ? hook->requests() : std::vector<Request>{};
    all.insert(all.end(), of_hook.begin(), of_hook.end());
    TowerRequests<B> asked(all, config_, plans);

    Tensor x = b.linear(pixels, patch_w_, patch_b_);  // [P, D]
    tap(trace, "vision.patch_embed", b, x);
    const PositionTaps taps = interpolate_positions(plans, config_);
    x = b.add(x, b.embedding_bag(positions_, taps.rows, taps.weights, 4));
    tap(trace, "vision.positioned", b, x);
    const RotaryTable table = vision_rotary(plans, config_);
    Tensor cos = b.from_host(table.cos, table.rows, table.half), sin = b.from_host(table.sin, table.rows, table.half);
    AttentionSpec spec = attention_spec(living, m);

    VisionOut<B> out;
    for (std::size_t j = 0; j < blocks_.size(); ++j) {
      if (hook != nullptr) {
        const auto answers = asked.answered_from(requests.size());
        if (const auto keep = hook->before_block(b, static_cast<Index>(j), TowerView<B>{x, living.kept, answers})) {
          const std::vector<Index> tokens = living.drop(*keep);
          out.kept = living.kept;
          const std::vector<Index> rows = patch_rows(tokens, m);
          x = b.gather_rows(x, rows);
          cos = b.gather_rows(cos, rows);
          sin = b.gather_rows(sin, rows);
          for (Tensor& level : out.deepstack) level = b.gather_rows(level, tokens);
          spec = attention_spec(living, m);
          asked.drop(living.kept, living.segments);
        }
      }
      x = block(b, blocks_[j], x, cos, sin, spec, asked, static_cast<Index>(j));
      if (trace) tap(trace, "vision.block" + std::to_string(j), b, x);
      for (std::size_t k = 0; k < tap_mergers_.size(); ++k)
        if (config_.deepstack_taps[k] == static_cast<Index>(j))
          out.deepstack.push_back(merge_after_grouping(b, tap_mergers_[k], x));
    }
    out.tokens = merge(b, merger_, x);
    out.count = b.rows(out.tokens);
    out.answers = asked.take(requests.size());
    return out;
  }

  const VisionConfig& config() const { return config_; }

 private:
  struct Block {
    Weight norm1_w, norm1_b, qkv_w, qkv_b, proj_w, proj_b, norm2_w, norm2_b, fc1_w, fc1_b, fc2_w, fc2_b;
  };
  struct Merger {
    Weight norm_w, norm_b, fc1_w, fc1_b, fc2_w, fc2_b;
  };

  AttentionSpec attention_spec(const Living& living, Index patches) const {
    AttentionSpec spec;
    spec.heads = spec.kv_heads = config_.heads;
    spec.scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim()));
    Index row = 0;
    for (const auto& picture : living.segments)
      for (const Index tokens : picture) {
        if (tokens > 0) spec.segments.push_back({row, row + tokens * patches});
        row += tokens * patches;
      }
    return spec;
  }
  static std::vector<Index> patch_rows(const std::vector<Index>& tokens, Index patches) {
    std::vector<Index> out;
    out.reserve(tokens.size() * static_cast<std::size_t>(patches));
    for (const Index t : tokens)
      for (Index i = 0; i < patches; ++i) out.push_back(t * patches + i);
    return out;
  }

  Index merged_width() const { return config_.hidden_size * config_.spatial_merge_size * config_.spatial_merge_size; }

  Tensor block(B& b, const Block& w, const Tensor& x, const Tensor& cos, const Tensor& sin, const AttentionSpec& spec,
               TowerRequests<B>& asked, Index index) const {
    const Index d = config_.hidden_size;
    const Tensor qkv = b.linear(b.layer_norm(x, w.norm1_w, w.norm1_b, config_.norm_eps), w.qkv_w, w.qkv_b);  // [P, 3D]
    const Tensor q = b.rope(b.slice_cols(qkv, 0, d), config_.heads, cos, sin);
    const Tensor k = b.rope(b.slice_cols(qkv, d, 2 * d), config_.heads, cos, sin);
    if (asked.wants(index))
      asked.answer(b, index,
                   {x, b.slice_cols(qkv, 0, d), b.slice_cols(qkv, d, 2 * d), q, k, b.slice_cols(qkv, 2 * d, 3 * d)});
    const Tensor a = b.attention(q, k, b.slice_cols(qkv, 2 * d, 3 * d), spec).out;  // [P, D]
    const Tensor h = b.add(x, b.linear(a, w.proj_w, w.proj_b));
    const Tensor up =
        b.gelu(b.linear(b.layer_norm(h, w.norm2_w, w.norm2_b, config_.norm_eps), w.fc1_w, w.fc1_b), Gelu::tanh);
    return b.add(h, b.linear(up, w.fc2_w, w.fc2_b));
  }

  Tensor project(B& b, const Merger& w, const Tensor& grouped) const {  // [N, 4D] -> [N, H]
    return b.linear(b.gelu(b.linear(grouped, w.fc1_w, w.fc1_b), Gelu::erf), w.fc2_w, w.fc2_b);
  }
  /// The main merger normalises each patch, then groups four.
  Tensor merge(B& b, const Merger& w, const Tensor& x) const {
    const Index m = merged_width();
    return project(b, w,
                   b.reshape(b.layer_norm(x, w.norm_w, w.norm_b, config_.norm_eps), b.rows(x) * b.cols(x) / m, m));
  }
  /// DeepStack mergers group first, then normalise the group.
  Tensor merge_after_grouping(B& b, const Merger& w, const Tensor& x) const {
    const Index m = merged_width();
    return project(b, w,
                   b.layer_norm(b.reshape(x, b.rows(x) * b.cols(x) / m, m), w.norm_w, w.norm_b, config_.norm_eps));
  }

  VisionConfig config_;
  Weight patch_w_, patch_b_, positions_;
  std::vector<Block> blocks_;
  Merger merger_;
  std::vector<Merger> tap_mergers_;
};

}  // namespace arrcoc::qwen3vl
