#include "small_model.hpp"

#include <algorithm>
#include <cmath>

#include "arrcoc/core/random.hpp"

namespace arrcoc::train {
namespace {
bool printable(int c) { return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255); }

const std::array<TokenId, 256>& byte_ids() {
  static const std::array<TokenId, 256> table = [] {
    std::array<TokenId, 256> t{};
    TokenId next = 0;
    for (const bool want : {true, false})
      for (int c = 0; c < 256; ++c)
        if (printable(c) == want) t[static_cast<std::size_t>(c)] = next++;
    return t;
  }();
  return table;
}
}  // namespace

TokenId Vocabulary::byte_id(unsigned char c) { return byte_ids()[c]; }

TokenId Vocabulary::special_id(std::string_view text) {
  const auto it = std::find(special.begin(), special.end(), text);
  return first_special + static_cast<TokenId>(it - special.begin());
}

std::vector<TokenId> Vocabulary::encode(std::string_view text) {
  std::vector<TokenId> ids;
  while (!text.empty()) {
    std::size_t length = 0;
    TokenId best = -1;
    const auto consider = [&](std::string_view token, TokenId id) {
      if (token.size() > length && text.starts_with(token)) length = token.size(), best = id;
    };
    for (std::size_t i = 0; i < special.size(); ++i) consider(special[i], first_special + static_cast<TokenId>(i));
    for (std::size_t i = 0; i < words.size(); ++i) consider(words[i], first_word + static_cast<TokenId>(i));
    if (best < 0) best = byte_id(static_cast<unsigned char>(text.front())), length = 1;
    ids.push_back(best);
    text.remove_prefix(length);
  }
  return ids;
}

std::string Vocabulary::decode(const std::vector<TokenId>& ids) {
  std::string out;
  for (const TokenId id : ids) {
    if (id >= first_word) out += words[static_cast<std::size_t>(id - first_word)];
    else if (id >= first_special) out += special[static_cast<std::size_t>(id - first_special)];
    else out += static_cast<char>(std::find(byte_ids().begin(), byte_ids().end(), id) - byte_ids().begin());
  }
  return out;
}

ModelConfig small_config() {
  ModelConfig c;
  c.text = {.vocab_size = Vocabulary::size,
            .hidden_size = 128,
            .layers = 5,
            .heads = 4,
            .kv_heads = 2,
            .head_dim = 32,
            .intermediate_size = 384,
            .rms_norm_eps = 1e-6f,
            .rope_theta = 10000,
            .mrope_section = {6, 5, 5},
            .max_positions = 32768,
            .tie_word_embeddings = true};
  c.vision.depth = 4;
  c.vision.hidden_size = 128;
  c.vision.heads = 4;
  c.vision.intermediate_size = 512;
  c.vision.out_hidden_size = 128;
  c.vision.patch_size = 16;
  c.vision.temporal_patch_size = 2;
  c.vision.spatial_merge_size = 2;
  c.vision.position_embeddings = 256;
  c.vision.deepstack_taps = {0, 1, 2};
  c.has_vision = true;
  c.image_token = Vocabulary::special_id("<|image_pad|>");
  c.video_token = Vocabulary::special_id("<|video_pad|>");
  c.vision_start = Vocabulary::special_id("<|vision_start|>");
  c.vision_end = Vocabulary::special_id("<|vision_end|>");
  c.preprocess.min_pixels = 65536;
  c.preprocess.max_pixels = 4194304;
  c.generation.stop_ids = {Vocabulary::special_id("<|im_end|>"), Vocabulary::special_id("<|endoftext|>")};
  return c;
}

std::vector<std::pair<std::string, std::vector<Index>>> tensor_list(const ModelConfig& c) {
  std::vector<std::pair<std::string, std::vector<Index>>> s;
  const TextConfig& t = c.text;
  const VisionConfig& v = c.vision;
  const auto add = [&](const std::string& name, std::vector<Index> shape) { s.emplace_back(name, std::move(shape)); };
  const auto affine = [&](const std::string& p, Index out, Index in) {
    add(p + ".weight", {out, in});
    add(p + ".bias", {out});
  };
  const auto norm = [&](const std::string& p, Index n) {
    add(p + ".weight", {n});
    add(p + ".bias", {n});
  };
  const Index h = t.hidden_size, a = t.heads * t.head_dim, k = t.kv_heads * t.head_dim, d = v.hidden_size,
              w = d * v.spatial_merge_size * v.spatial_merge_size;
  add("model.language_model.embed_tokens.weight", {t.vocab_size, h});
  add("model.language_model.norm.weight", {h});
  if (!t.tie_word_embeddings) add("lm_head.weight", {t.vocab_size, h});
  for (Index l = 0; l < t.layers; ++l) {
    const std::string p = "model.language_model.layers." + std::to_string(l) + ".";
    add(p + "input_layernorm.weight", {h});
    add(p + "post_attention_layernorm.weight", {h});
    add(p + "self_attn.q_proj.weight", {a, h});
    add(p + "self_attn.k_proj.weight", {k, h});
    add(p + "self_attn.v_proj.weight", {k, h});
    add(p + "self_attn.o_proj.weight", {h, a});
    add(p + "self_attn.q_norm.weight", {t.head_dim});
    add(p + "self_attn.k_norm.weight", {t.head_dim});
    add(p + "mlp.gate_proj.weight", {t.intermediate_size, h});
    add(p + "mlp.up_proj.weight", {t.intermediate_size, h});
    add(p + "mlp.down_proj.weight", {h, t.intermediate_size});
  }
  const std::string x = "model.visual.";
  add(x + "patch_embed.proj.weight", {d, v.in_channels, v.temporal_patch_size, v.patch_size, v.patch_size});
  add(x + "patch_embed.proj.bias", {d});
  add(x + "pos_embed.weight", {v.position_embeddings, d});
  for (Index j = 0; j < v.depth; ++j) {
    const std::string p = x + "blocks." + std::to_string(j) + ".";
    norm(p + "norm1", d);
    norm(p + "norm2", d);
    affine(p + "attn.qkv", 3 * d, d);
    affine(p + "attn.proj", d, d);
    affine(p + "mlp.linear_fc1", v.intermediate_size, d);
    affine(p + "mlp.linear_fc2", d, v.intermediate_size);
  }
  const auto merger = [&](const std::string& p, Index n) {
    norm(p + "norm", n);
    affine(p + "linear_fc1", w, w);
    affine(p + "linear_fc2", v.out_hidden_size, w);
  };
  merger(x + "merger.", d);
  for (std::size_t m = 0; m < v.deepstack_taps.size(); ++m)
    merger(x + "deepstack_merger_list." + std::to_string(m) + ".", w);
  std::sort(s.begin(), s.end());
  return s;
}

std::vector<float> initial_values(const std::string& name, const std::vector<Index>& shape, std::uint64_t seed) {
  Index n = 1;
  for (const Index e : shape) n *= e;
  if (name.ends_with(".bias")) return std::vector<float>(static_cast<std::size_t>(n), 0.0f);
  if (shape.size() == 1) return std::vector<float>(static_cast<std::size_t>(n), 1.0f);
  const bool table = name.find("embed_tokens") != std::string::npos || name.find("pos_embed") != std::string::npos;
  const double deviation = table ? 0.02 : 1.0 / std::sqrt(static_cast<double>(n / shape[0]));
  Rng rng(derive_seed(seed, name));
  std::vector<float> v;
  for (Index i = 0; i < n; ++i) {  // sum of 12 uniforms: near normal, the same on every platform
    double sum = -6;
    for (int k = 0; k < 12; ++k) sum += rng.uniform();
    v.push_back(static_cast<float>(sum * deviation));
  }
  return v;
}

}  // namespace arrcoc::train
