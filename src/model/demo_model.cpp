// A small Qwen3-VL with seeded random weights, in the layout that transformers reads and writes.
#include <cmath>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/model_check.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/model_writer.hpp"

namespace arrcoc::io {
namespace {

struct Special {
  const char* content;
  bool special;
};
/// The added tokens of Qwen3-VL in id order; only the first fourteen are hidden by skip_special.
constexpr Special specials[] = {{"<|endoftext|>", true},      {"<|im_start|>", true},
                                {"<|im_end|>", true},         {"<|object_ref_start|>", true},
                                {"<|object_ref_end|>", true}, {"<|box_start|>", true},
                                {"<|box_end|>", true},        {"<|quad_start|>", true},
                                {"<|quad_end|>", true},       {"<|vision_start|>", true},
                                {"<|vision_end|>", true},     {"<|vision_pad|>", true},
                                {"<|image_pad|>", true},      {"<|video_pad|>", true},
                                {"<tool_call>", false},       {"</tool_call>", false},
                                {"<|fim_prefix|>", false},    {"<|fim_middle|>", false},
                                {"<|fim_suffix|>", false},    {"<|fim_pad|>", false},
                                {"<|repo_name|>", false},     {"<|file_sep|>", false},
                                {"<tool_response>", false},   {"</tool_response>", false},
                                {"<think>", false},           {"</think>", false}};

TokenId special_id(std::string_view content) {
  TokenId id = 256;
  for (const auto& s : specials) {
    if (content == s.content) return id;
    ++id;
  }
  fail(Code::bad_tokenizer, "demo_model", "no special token " + std::string(content));
}

ModelConfig demo_config() {
  ModelConfig c;
  TextConfig& t = c.text;
  t.vocab_size = 288;  // 256 bytes, 26 special tokens, padding rows as the released models have them
  t.hidden_size = 128;
  t.layers = 4;
  t.heads = 4;
  t.kv_heads = 2;
  t.head_dim = 32;
  t.intermediate_size = 256;
  t.rope_theta = 5e6;
  t.mrope_section = {6, 5, 5};
  t.max_positions = 32768;
  VisionConfig& v = c.vision;
  v.depth = 4;
  v.hidden_size = 64;
  v.heads = 4;
  v.intermediate_size = 128;
  v.out_hidden_size = t.hidden_size;
  v.patch_size = 16;
  v.temporal_patch_size = 2;
  v.spatial_merge_size = 2;
  v.position_embeddings = 24 * 24;
  v.deepstack_taps = {0, 1, 2};
  c.has_vision = true;
  c.image_token = special_id("<|image_pad|>");
  c.video_token = special_id("<|video_pad|>");
  c.vision_start = special_id("<|vision_start|>");
  c.vision_end = special_id("<|vision_end|>");
  c.preprocess.min_pixels = 64 * 32 * 32;
  c.preprocess.max_pixels = 2048 * 32 * 32;
  c.generation = {.sample = true,
                  .temperature = 0.7f,
                  .top_p = 0.8f,
                  .repetition_penalty = 1.0f,
                  .top_k = 20,
                  .stop_ids = {special_id("<|im_end|>"), special_id("<|endoftext|>")}};
  return c;
}

/// Uniform, zero mean (norm weights: mean 1). Matrices get a standard deviation of 2 / sqrt(fan_in), so that attention
/// is not flat.
HostTensor random_tensor(const ExpectedTensor& expected, std::uint64_t seed) {
  const auto& shape = expected.shapes[0];
  const auto ends = [&](std::string_view s) { return expected.name.ends_with(s); };
  double mean = 0, deviation = 0;
  if (ends("q_norm.weight") || ends("k_norm.weight")) mean = 1.5, deviation = 0.1;  // scores with a spread of about 2
  else if (ends("norm.weight") || ends("norm1.weight") || ends("norm2.weight")) mean = 1, deviation = 0.1;
  else if (ends(".bias")) deviation = 0.05;
  else if (ends("embed_tokens.weight")) deviation = 1.0;
  else if (ends("pos_embed.weight")) deviation = 0.5;
  else {
    Index fan_in = 1;
    for (std::size_t i = 1; i < shape.size(); ++i) fan_in *= shape[i];
    deviation = 2.0 / std::sqrt(static_cast<double>(fan_in));
  }
  Rng rng(derive_seed(seed, expected.name));
  const double half_width = deviation * std::sqrt(3.0);
  Index count = 1;
  for (const Index n : shape) count *= n;
  std::vector<std::uint16_t> values(static_cast<std::size_t>(count));
  for (auto& v : values) v = f32_to_bf16(static_cast<float>(mean + half_width * (2.0 * rng.uniform() - 1.0)));
  return host_tensor(std::move(values), shape);
}

}  // namespace

void write_demo_model(const std::filesystem::path& folder, std::uint64_t seed) {
  ModelFiles files;
  files.config = demo_config();
  files.untrained = true;
  for (const auto& s : specials) files.added_tokens.push_back({s.content, special_id(s.content), s.special});
  for (const auto& expected : expected_weights(files.config))
    files.tensors[expected.name] = random_tensor(expected, seed);
  write_model_folder(folder, files);
}

}  // namespace arrcoc::io
