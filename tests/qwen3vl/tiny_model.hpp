#pragma once
// A tiny Qwen3-VL whose weights are a formula of their name's place and their index, so that Hugging Face's numbers for
// it can be stated in a table (computed once with transformers 5.23 in float32 on the CPU; 4.57.6 gives the same).
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "arrcoc/qwen3vl/model.hpp"

namespace arrcoc::tests {

inline float formula(Index k, Index i, float scale) {
  return static_cast<float>(((31 * i * i + 17 * i + 101 * k + 7) % 257) - 128) / scale;
}

inline ModelConfig tiny_config() {
  ModelConfig c;
  c.text = {.vocab_size = 32,
            .hidden_size = 16,
            .layers = 3,
            .heads = 4,
            .kv_heads = 2,
            .head_dim = 16,
            .intermediate_size = 24,
            .rms_norm_eps = 1e-6f,
            .rope_theta = 100,
            .mrope_section = {4, 2, 2},
            .max_positions = 1024};
  c.vision.depth = 2;
  c.vision.hidden_size = 16;
  c.vision.heads = 2;
  c.vision.intermediate_size = 24;
  c.vision.out_hidden_size = 16;
  c.vision.patch_size = 2;
  c.vision.temporal_patch_size = 2;
  c.vision.spatial_merge_size = 2;
  c.vision.position_embeddings = 25;
  c.vision.deepstack_taps = {0, 1};
  c.has_vision = true;
  c.image_token = 28;
  c.video_token = 29;
  c.vision_start = 26;
  c.vision_end = 27;
  return c;
}

/// The same with experts in every layer.
inline ModelConfig tiny_moe_config() {
  ModelConfig c = tiny_config();
  c.text.experts = 4;
  c.text.experts_per_token = 2;
  c.text.expert_intermediate_size = 12;
  return c;
}

/// Every checkpoint name and its shape, experts as released.
inline std::map<std::string, std::vector<Index>> tensor_shapes(const ModelConfig& c) {
  std::map<std::string, std::vector<Index>> s;
  const TextConfig& t = c.text;
  const Index h = t.hidden_size, a = t.heads * t.head_dim, k = t.kv_heads * t.head_dim, i = t.intermediate_size;
  const std::string m = "model.language_model.";
  s[m + "embed_tokens.weight"] = {t.vocab_size, h};
  s[m + "norm.weight"] = {h};
  if (!t.tie_word_embeddings) s["lm_head.weight"] = {t.vocab_size, h};
  for (Index l = 0; l < t.layers; ++l) {
    const std::string p = m + "layers." + std::to_string(l) + ".";
    s[p + "input_layernorm.weight"] = s[p + "post_attention_layernorm.weight"] = {h};
    s[p + "self_attn.q_proj.weight"] = {a, h};
    s[p + "self_attn.k_proj.weight"] = s[p + "self_attn.v_proj.weight"] = {k, h};
    s[p + "self_attn.o_proj.weight"] = {h, a};
    s[p + "self_attn.q_norm.weight"] = s[p + "self_attn.k_norm.weight"] = {t.head_dim};
    if (t.sparse(l)) {
      s[p + "mlp.gate.weight"] = {t.experts, h};
      s[p + "mlp.experts.gate_up_proj"] = {t.experts, h, 2 * t.expert_intermediate_size};
      s[p + "mlp.experts.down_proj"] = {t.experts, t.expert_intermediate_size, h};
      continue;
    }
    s[p + "mlp.gate_proj.weight"] = s[p + "mlp.up_proj.weight"] = {i, h};
    s[p + "mlp.down_proj.weight"] = {h, i};
  }
  const VisionConfig& v = c.vision;
  const Index d = v.hidden_size, w = d * v.spatial_merge_size * v.spatial_merge_size;
  s["model.visual.patch_embed.proj.weight"] = {d, v.in_channels, v.temporal_patch_size, v.patch_size, v.patch_size};
  s["model.visual.patch_embed.proj.bias"] = {d};
  s["model.visual.pos_embed.weight"] = {v.position_embeddings, d};
  for (Index j = 0; j < v.depth; ++j) {
    const std::string p = "model.visual.blocks." + std::to_string(j) + ".";
    for (const char* n : {"norm1", "norm2"}) s[p + n + ".weight"] = s[p + n + ".bias"] = {d};
    s[p + "attn.qkv.weight"] = {3 * d, d};
    s[p + "attn.qkv.bias"] = {3 * d};
    s[p + "attn.proj.weight"] = {d, d};
    s[p + "attn.proj.bias"] = {d};
    s[p + "mlp.linear_fc1.weight"] = {v.intermediate_size, d};
    s[p + "mlp.linear_fc1.bias"] = {v.intermediate_size};
    s[p + "mlp.linear_fc2.weight"] = {d, v.intermediate_size};
    s[p + "mlp.linear_fc2.bias"] = {d};
  }
  const auto merger = [&](const std::string& p, Index norm) {
    s[p + "norm.weight"] = s[p + "norm.bias"] = {norm};
    s[p + "linear_fc1.weight"] = {w, w};
    s[p + "linear_fc1.bias"] = {w};
    s[p + "linear_fc2.weight"] = {v.out_hidden_size, w};
    s[p + "linear_fc2.bias"] = {v.out_hidden_size};
  };
  merger("model.visual.merger.", d);
  for (std::size_t n = 0; n < v.deepstack_taps.size(); ++n)
    merger("model.visual.deepstack_merger_list." + std::to_string(n) + ".", w);
  return s;
}

inline bool is_norm_weight(const std::string& name) {
  for (const char* end : {"norm.weight", "norm1.weight", "norm2.weight"})
    if (name.ends_with(end)) return true;
  return false;
}

enum class ExpertLayout { released, resaved };

/// [E, m, n] -> [E, n, m]
inline HostTensor turned(const HostTensor& t) {
  const Index m = t.shape[1], n = t.shape[2];
  std::vector<float> values;
  for (Index e = 0; e < t.shape[0]; ++e)
    for (Index j = 0; j < n; ++j)
      for (Index i = 0; i < m; ++i) values.push_back(float_at(t, (e * m + i) * n + j));
  return host_tensor(std::move(values), {t.shape[0], n, m});
}

/// The formula weights: k is the place of the name in byte order.
inline WeightLookup formula_weights(const ModelConfig& c, ExpertLayout layout = ExpertLayout::released) {
  auto all = std::make_shared<std::map<std::string, HostTensor>>();
  Index k = 0;
  for (const auto& [name, shape] : tensor_shapes(c)) {
    HostTensor shaped;
    shaped.shape = shape;
    std::vector<float> values;
    for (Index i = 0; i < shaped.count(); ++i)
      values.push_back(formula(k, i, 512.f) + (is_norm_weight(name) ? 1.f : 0.f));
    HostTensor t = host_tensor(std::move(values), shape);
    (*all)[name] = layout == ExpertLayout::resaved && name.find(".experts.") != std::string::npos ? turned(t) : t;
    ++k;
  }
  return [all](std::string_view name) -> std::optional<HostTensor> {
    const auto it = all->find(std::string(name));
    return it == all->end() ? std::nullopt : std::optional(it->second);
  };
}

/// Pixel rows of the table: k = 1000 for images, 2000 for videos.
inline qwen3vl::Pixels formula_pixels(qwen3vl::PatchGrid grid, Index k, Index first_row = 0) {
  qwen3vl::Pixels p{{}, grid};
  for (Index i = first_row * 24; i < (first_row + grid.count()) * 24; ++i) p.rows.push_back(formula(k, i, 128.f));
  return p;
}

}  // namespace arrcoc::tests
