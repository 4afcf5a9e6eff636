// A small Qwen3-VL with seeded random weights, in the layout that transformers reads and writes.
#include <unistd.h>

#include <cmath>
#include <map>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_check.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "json_util.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;
using Ordered = nlohmann::ordered_json;

struct Special { const char* content; bool special; };
/// The added tokens of Qwen3-VL in id order; only the first fourteen are hidden by skip_special.
constexpr Special specials[] = {
    {"<|endoftext|>", true}, {"<|im_start|>", true}, {"<|im_end|>", true}, {"<|object_ref_start|>", true}, {"<|object_ref_end|>", true},
    {"<|box_start|>", true}, {"<|box_end|>", true}, {"<|quad_start|>", true}, {"<|quad_end|>", true}, {"<|vision_start|>", true},
    {"<|vision_end|>", true}, {"<|vision_pad|>", true}, {"<|image_pad|>", true}, {"<|video_pad|>", true}, {"<tool_call>", false},
    {"</tool_call>", false}, {"<|fim_prefix|>", false}, {"<|fim_middle|>", false}, {"<|fim_suffix|>", false}, {"<|fim_pad|>", false},
    {"<|repo_name|>", false}, {"<|file_sep|>", false}, {"<tool_response>", false}, {"</tool_response>", false}, {"<think>", false}, {"</think>", false}};

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
  t.hidden_size = 128; t.layers = 4; t.heads = 4; t.kv_heads = 2; t.head_dim = 32; t.intermediate_size = 256;
  t.rope_theta = 5e6; t.mrope_section = {6, 5, 5}; t.max_positions = 32768;
  VisionConfig& v = c.vision;
  v.depth = 4; v.hidden_size = 64; v.heads = 4; v.intermediate_size = 128; v.out_hidden_size = t.hidden_size;
  v.patch_size = 16; v.temporal_patch_size = 2; v.spatial_merge_size = 2; v.position_embeddings = 24 * 24;
  v.deepstack_taps = {0, 1, 2};
  c.has_vision = true;
  c.image_token = special_id("<|image_pad|>");
  c.video_token = special_id("<|video_pad|>");
  c.vision_start = special_id("<|vision_start|>");
  c.vision_end = special_id("<|vision_end|>");
  c.preprocess.min_pixels = 64 * 32 * 32;
  c.preprocess.max_pixels = 2048 * 32 * 32;
  return c;
}

Ordered config_json(const ModelConfig& c) {
  const TextConfig& t = c.text;
  const VisionConfig& v = c.vision;
  Ordered text = {{"model_type", "qwen3_vl_text"}, {"dtype", "bfloat16"}, {"attention_bias", false}, {"attention_dropout", 0.0},
                  {"bos_token_id", special_id("<|endoftext|>")}, {"eos_token_id", special_id("<|im_end|>")}, {"head_dim", t.head_dim},
                  {"hidden_act", "silu"}, {"hidden_size", t.hidden_size}, {"initializer_range", 0.02}, {"intermediate_size", t.intermediate_size},
                  {"max_position_embeddings", t.max_positions}, {"num_attention_heads", t.heads}, {"num_hidden_layers", t.layers},
                  {"num_key_value_heads", t.kv_heads}, {"rms_norm_eps", 1e-6}, {"rope_theta", t.rope_theta}, {"use_cache", true}, {"vocab_size", t.vocab_size}};
  text["rope_scaling"] = {{"mrope_interleaved", true}, {"mrope_section", t.mrope_section}, {"rope_type", "default"}};
  Ordered vision = {{"model_type", "qwen3_vl"}, {"deepstack_visual_indexes", v.deepstack_taps}, {"depth", v.depth}, {"hidden_act", "gelu_pytorch_tanh"},
                    {"hidden_size", v.hidden_size}, {"in_channels", v.in_channels}, {"initializer_range", 0.02}, {"intermediate_size", v.intermediate_size},
                    {"num_heads", v.heads}, {"num_position_embeddings", v.position_embeddings}, {"out_hidden_size", v.out_hidden_size},
                    {"patch_size", v.patch_size}, {"spatial_merge_size", v.spatial_merge_size}, {"temporal_patch_size", v.temporal_patch_size}};
  return {{"architectures", {"Qwen3VLForConditionalGeneration"}}, {"model_type", "qwen3_vl"}, {"dtype", "bfloat16"}, {"arrcoc_untrained", true},
          {"image_token_id", c.image_token}, {"video_token_id", c.video_token}, {"vision_start_token_id", c.vision_start},
          {"vision_end_token_id", c.vision_end}, {"tie_word_embeddings", false}, {"text_config", text}, {"vision_config", vision}};
}

Ordered preprocessor_json(const ModelConfig& c, bool video) {
  Ordered j = {{"size", {{"shortest_edge", video ? 4096 : c.preprocess.min_pixels}, {"longest_edge", video ? 4 * c.preprocess.max_pixels : c.preprocess.max_pixels}}},
               {"patch_size", c.vision.patch_size}, {"temporal_patch_size", c.vision.temporal_patch_size}, {"merge_size", c.vision.spatial_merge_size},
               {"image_mean", {0.5, 0.5, 0.5}}, {"image_std", {0.5, 0.5, 0.5}}, {"processor_class", "Qwen3VLProcessor"}};
  if (video) j["video_processor_type"] = "Qwen3VLVideoProcessor";
  else j["image_processor_type"] = "Qwen2VLImageProcessorFast";
  return j;
}

std::string utf8(unsigned code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3f))};
}

/// The 256 byte characters in id order: printable bytes as themselves, then the others as U+0100 and on.
std::vector<std::string> byte_characters() {
  std::vector<std::string> shown, hidden;
  for (unsigned b = 0; b < 256; ++b) {
    const bool as_itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    if (as_itself) shown.push_back(utf8(b));
    else hidden.push_back(utf8(256 + static_cast<unsigned>(hidden.size())));
  }
  shown.insert(shown.end(), hidden.begin(), hidden.end());
  return shown;
}

Ordered added_token(const Special& s) {
  return {{"content", s.content}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}, {"normalized", false}, {"special", s.special}};
}

Ordered tokenizer_json() {
  Ordered vocab = Ordered::object(), added = Ordered::array();
  int id = 0;
  for (const auto& c : byte_characters()) vocab[c] = id++;
  for (const auto& s : specials) {
    Ordered token = {{"id", id++}};
    token.update(added_token(s));
    added.push_back(token);
  }
  const char* words = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const Ordered byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  Ordered split = {{"type", "Split"}, {"pattern", {{"Regex", words}}}, {"behavior", "Isolated"}, {"invert", false}};
  Ordered model = {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", ""}, {"end_of_word_suffix", ""},
                   {"fuse_unk", false}, {"byte_fallback", false}, {"ignore_merges", false}, {"vocab", vocab}, {"merges", Ordered::array()}};
  return {{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added}, {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", Ordered::array({split, byte_level})}}},
          {"post_processor", byte_level}, {"decoder", byte_level}, {"model", model}};
}

Ordered tokenizer_config_json(Index max_positions) {
  Ordered decoder = Ordered::object(), names = Ordered::array();
  int id = 256;
  for (const auto& s : specials) {
    decoder[std::to_string(id++)] = added_token(s);
    if (s.special && id > 257) names.push_back(s.content);
  }
  return {{"add_bos_token", false}, {"add_prefix_space", false}, {"added_tokens_decoder", decoder}, {"additional_special_tokens", names},
          {"bos_token", nullptr}, {"clean_up_tokenization_spaces", false}, {"eos_token", "<|im_end|>"}, {"errors", "replace"},
          {"model_max_length", max_positions}, {"pad_token", "<|endoftext|>"}, {"split_special_tokens", false},
          {"tokenizer_class", "Qwen2Tokenizer"}, {"unk_token", nullptr}};
}

/// Uniform, zero mean (norm weights: mean 1). Matrices get a standard deviation of 2 / sqrt(fan_in), so that attention is not flat.
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

void write_files(const fs::path& folder, std::uint64_t seed) {
  const ModelConfig c = demo_config();
  const auto write = [&](const char* name, const Ordered& json) { write_file(folder / name, json.dump(2) + "\n"); };
  const TokenId end = special_id("<|im_end|>"), pad = special_id("<|endoftext|>");
  write("config.json", config_json(c));
  write("generation_config.json", {{"bos_token_id", pad}, {"pad_token_id", pad}, {"eos_token_id", {end, pad}}, {"do_sample", true},
                                   {"temperature", 0.7}, {"top_p", 0.8}, {"top_k", 20}, {"repetition_penalty", 1.0}});
  write("preprocessor_config.json", preprocessor_json(c, false));
  write("video_preprocessor_config.json", preprocessor_json(c, true));
  write("tokenizer.json", tokenizer_json());
  write("tokenizer_config.json", tokenizer_config_json(c.text.max_positions));
  write_file(folder / "chat_template.jinja", builtin_chat_template(ChatTemplate::instruct));
  std::map<std::string, HostTensor, std::less<>> tensors;
  for (const auto& expected : expected_weights(c)) tensors[expected.name] = random_tensor(expected, seed);
  write_safetensors(folder / "model.safetensors", tensors);
}

}  // namespace

void write_demo_model(const std::filesystem::path& folder, std::uint64_t seed) {
  const fs::path target = folder.filename().empty() ? folder.parent_path() : folder;  // "out/" is "out"
  const std::string where = folder.string();
  std::error_code bad;
  require_that(!fs::exists(target, bad) || (fs::is_directory(target, bad) && fs::is_empty(target, bad)), Code::bad_output, where,
               "expected a new or empty folder, got one that exists");
  std::string name = target.string() + ".XXXXXX";
  require_that(::mkdtemp(name.data()) != nullptr, Code::bad_output, where, "its parent folder is missing or cannot be written");
  try {
    write_files(name, seed);
    fs::permissions(name, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec, bad);
    fs::rename(name, target, bad);
    require_that(!bad, Code::bad_output, where, [&] { return "cannot be renamed into place: " + bad.message(); });
  } catch (...) {
    fs::remove_all(name, bad);
    throw;
  }
}

}  // namespace arrcoc::io
