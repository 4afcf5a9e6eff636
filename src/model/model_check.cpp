#include "arrcoc/io/model_check.hpp"

#include <algorithm>

namespace arrcoc::io {
namespace {

void add_text(const TextConfig& c, std::vector<ExpectedTensor>& out) {
  const std::string m = "model.language_model.";
  const Index h = c.hidden_size, a = c.heads * c.head_dim, k = c.kv_heads * c.head_dim;
  out.push_back({m + "embed_tokens.weight", {{c.vocab_size, h}}});
  for (Index layer = 0; layer < c.layers; ++layer) {
    const std::string p = m + "layers." + std::to_string(layer) + ".";
    out.push_back({p + "input_layernorm.weight", {{h}}});
    out.push_back({p + "self_attn.q_proj.weight", {{a, h}}});
    out.push_back({p + "self_attn.k_proj.weight", {{k, h}}});
    out.push_back({p + "self_attn.v_proj.weight", {{k, h}}});
    out.push_back({p + "self_attn.o_proj.weight", {{h, a}}});
    out.push_back({p + "self_attn.q_norm.weight", {{c.head_dim}}});
    out.push_back({p + "self_attn.k_norm.weight", {{c.head_dim}}});
    out.push_back({p + "post_attention_layernorm.weight", {{h}}});
    if (!c.sparse(layer)) {
      out.push_back({p + "mlp.gate_proj.weight", {{c.intermediate_size, h}}});
      out.push_back({p + "mlp.up_proj.weight", {{c.intermediate_size, h}}});
      out.push_back({p + "mlp.down_proj.weight", {{h, c.intermediate_size}}});
    } else {
      const Index e = c.experts, i = c.expert_intermediate_size;
      out.push_back({p + "mlp.gate.weight", {{e, h}}});
      out.push_back({p + "mlp.experts.gate_up_proj", {{e, h, 2 * i}, {e, 2 * i, h}}});
      out.push_back({p + "mlp.experts.down_proj", {{e, i, h}, {e, h, i}}});
    }
  }
  out.push_back({m + "norm.weight", {{h}}});
  out.push_back({"lm_head.weight", {{c.vocab_size, h}}, !c.tie_word_embeddings});
}

void add_linear(const std::string& name, Index outputs, Index inputs, std::vector<ExpectedTensor>& out) {
  out.push_back({name + ".weight", {{outputs, inputs}}});
  out.push_back({name + ".bias", {{outputs}}});
}

void add_norm(const std::string& name, Index width, std::vector<ExpectedTensor>& out) {
  out.push_back({name + ".weight", {{width}}});
  out.push_back({name + ".bias", {{width}}});
}

void add_vision(const VisionConfig& c, std::vector<ExpectedTensor>& out) {
  const std::string v = "model.visual.";
  const Index d = c.hidden_size, merged = d * c.spatial_merge_size * c.spatial_merge_size;
  out.push_back(
      {v + "patch_embed.proj.weight", {{d, c.in_channels, c.temporal_patch_size, c.patch_size, c.patch_size}}});
  out.push_back({v + "patch_embed.proj.bias", {{d}}});
  out.push_back({v + "pos_embed.weight", {{c.position_embeddings, d}}});
  for (Index block = 0; block < c.depth; ++block) {
    const std::string p = v + "blocks." + std::to_string(block) + ".";
    add_norm(p + "norm1", d, out);
    add_norm(p + "norm2", d, out);
    add_linear(p + "attn.qkv", 3 * d, d, out);
    add_linear(p + "attn.proj", d, d, out);
    add_linear(p + "mlp.linear_fc1", c.intermediate_size, d, out);
    add_linear(p + "mlp.linear_fc2", d, c.intermediate_size, out);
  }
  const auto add_merger = [&](const std::string& p, Index norm_width) {
    add_norm(p + "norm", norm_width, out);
    add_linear(p + "linear_fc1", merged, merged, out);
    add_linear(p + "linear_fc2", c.out_hidden_size, merged, out);
  };
  add_merger(v + "merger.", d);
  for (std::size_t i = 0; i < c.deepstack_taps.size(); ++i)
    add_merger(v + "deepstack_merger_list." + std::to_string(i) + ".", merged);
}

}  // namespace

std::vector<ExpectedTensor> expected_weights(const ModelConfig& config) {
  std::vector<ExpectedTensor> out;
  add_text(config.text, out);
  if (config.has_vision) add_vision(config.vision, out);
  return out;
}

std::vector<std::string> check_weights(const ModelConfig& config, const WeightLookup& weights) {
  constexpr std::size_t most = 20;
  std::vector<std::string> problems;
  for (const auto& expected : expected_weights(config)) {
    try {
      const auto t = weights(expected.name);
      if (!t) {
        if (!expected.required) continue;
        problems.push_back(expected.name + ": expected " + shape_text(expected.shapes[0]) + ", got none" +
                           (expected.name == "lm_head.weight" ? " (tie_word_embeddings is false)" : ""));
      } else if (std::find(expected.shapes.begin(), expected.shapes.end(), t->shape) == expected.shapes.end()) {
        std::string shapes = shape_text(expected.shapes[0]);
        for (std::size_t i = 1; i < expected.shapes.size(); ++i) shapes += " or " + shape_text(expected.shapes[i]);
        problems.push_back(expected.name + ": expected " + shapes + ", got " + shape_text(t->shape));
      } else if (t->dtype != DType::f32 && t->dtype != DType::bf16 && t->dtype != DType::f16) {
        problems.push_back(expected.name + ": expected F32, BF16 or F16, got " + std::string(name_of(t->dtype)));
      }
    } catch (const Error& e) { problems.push_back(e.what()); }
  }
  if (problems.size() > most) {
    const std::size_t more = problems.size() - most;
    problems.resize(most);
    problems.push_back("and " + std::to_string(more) + " more");
  }
  return problems;
}

}  // namespace arrcoc::io
