// A model folder in the layout that transformers reads and writes.
#include "arrcoc/io/model_writer.hpp"

#include <algorithm>

#include "arrcoc/core/config.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_check.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "files/json_util.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

constexpr TokenId first_added = 256;

/// The shortest decimal of a float, so that 0.7f is written as 0.7.
double rounded(float f) { return std::stod(detail::to_text(f)); }

TokenId added_id(const ModelFiles& m, std::string_view content) {
  const auto it = std::find_if(m.added_tokens.begin(), m.added_tokens.end(),
                               [&](const AddedToken& t) { return t.text == content; });
  require_that(it != m.added_tokens.end(), Code::bad_tokenizer, "model_writer",
               [&] { return "no added token " + std::string(content); });
  return it->id;
}

Ordered config_json(const ModelFiles& m) {
  const ModelConfig& c = m.config;
  const std::string dtype = c.stored_dtype.empty() ? "bfloat16" : c.stored_dtype;
  const TextConfig& t = c.text;
  const VisionConfig& v = c.vision;
  Ordered text = {{"model_type", "qwen3_vl_text"},
                  {"dtype", dtype},
                  {"attention_bias", false},
                  {"attention_dropout", 0.0},
                  {"bos_token_id", added_id(m, "<|endoftext|>")},
                  {"eos_token_id", added_id(m, "<|im_end|>")},
                  {"head_dim", t.head_dim},
                  {"hidden_act", "silu"},
                  {"hidden_size", t.hidden_size},
                  {"initializer_range", 0.02},
                  {"intermediate_size", t.intermediate_size},
                  {"max_position_embeddings", t.max_positions},
                  {"num_attention_heads", t.heads},
                  {"num_hidden_layers", t.layers},
                  {"num_key_value_heads", t.kv_heads},
                  {"rms_norm_eps", rounded(t.rms_norm_eps)},
                  {"rope_theta", t.rope_theta},
                  {"use_cache", true},
                  {"vocab_size", t.vocab_size}};
  text["rope_scaling"] = {{"mrope_interleaved", true}, {"mrope_section", t.mrope_section}, {"rope_type", "default"}};
  Ordered vision = {{"model_type", "qwen3_vl"},
                    {"deepstack_visual_indexes", v.deepstack_taps},
                    {"depth", v.depth},
                    {"hidden_act", "gelu_pytorch_tanh"},
                    {"hidden_size", v.hidden_size},
                    {"in_channels", v.in_channels},
                    {"initializer_range", 0.02},
                    {"intermediate_size", v.intermediate_size},
                    {"num_heads", v.heads},
                    {"num_position_embeddings", v.position_embeddings},
                    {"out_hidden_size", v.out_hidden_size},
                    {"patch_size", v.patch_size},
                    {"spatial_merge_size", v.spatial_merge_size},
                    {"temporal_patch_size", v.temporal_patch_size}};
  if (t.tie_word_embeddings) text["tie_word_embeddings"] = true;
  Ordered all = {{"architectures", {"Qwen3VLForConditionalGeneration"}}, {"model_type", "qwen3_vl"}, {"dtype", dtype}};
  if (m.untrained) all["arrcoc_untrained"] = true;
  all.update({{"image_token_id", c.image_token},
              {"video_token_id", c.video_token},
              {"vision_start_token_id", c.vision_start},
              {"vision_end_token_id", c.vision_end},
              {"tie_word_embeddings", t.tie_word_embeddings},
              {"text_config", text},
              {"vision_config", vision}});
  return all;
}

Ordered generation_json(const ModelFiles& m) {
  const GenerationDefaults& g = m.config.generation;
  const TokenId pad = added_id(m, "<|endoftext|>");
  Ordered j = {{"bos_token_id", pad}, {"pad_token_id", pad}, {"eos_token_id", g.stop_ids}, {"do_sample", g.sample}};
  if (g.sample) j.update({{"temperature", rounded(g.temperature)}, {"top_p", rounded(g.top_p)}, {"top_k", g.top_k}});
  j["repetition_penalty"] = rounded(g.repetition_penalty);
  return j;
}

Ordered preprocessor_json(const ModelConfig& c, bool video) {
  PreprocessConfig how = c.preprocess;
  if (video) how.min_pixels = 4096, how.max_pixels *= 4;
  if (video && c.video) how = *c.video;
  Ordered j = {{"size", {{"shortest_edge", how.min_pixels}, {"longest_edge", how.max_pixels}}},
               {"patch_size", c.vision.patch_size},
               {"temporal_patch_size", c.vision.temporal_patch_size},
               {"merge_size", c.vision.spatial_merge_size},
               {"image_mean", how.mean},
               {"image_std", how.std_dev},
               {"processor_class", "Qwen3VLProcessor"}};
  if (video && c.video)
    j.update({{"fps", c.video->fps}, {"min_frames", c.video->min_frames}, {"max_frames", c.video->max_frames}});
  if (video && c.video && c.video->frame_cap > 0)
    j.update({{"cap_pixels_per_frame", true}, {"max_video_tokens", c.video->frame_cap}});
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

Ordered added_token(const AddedToken& s) {
  return {{"content", s.text}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},   {"normalized", false},  {"special", s.special}};
}

Ordered tokenizer_json(const ModelFiles& m) {
  Ordered vocab = Ordered::object(), added = Ordered::array();
  int id = 0;
  for (const auto& c : byte_characters()) vocab[c] = id++;
  for (const AddedToken& s : m.added_tokens) {
    Ordered token = {{"id", s.id}};
    token.update(added_token(s));
    added.push_back(token);
  }
  const char* words =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const Ordered byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  Ordered split = {{"type", "Split"}, {"pattern", {{"Regex", words}}}, {"behavior", "Isolated"}, {"invert", false}};
  Ordered model = {{"type", "BPE"},
                   {"dropout", nullptr},
                   {"unk_token", nullptr},
                   {"continuing_subword_prefix", ""},
                   {"end_of_word_suffix", ""},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"ignore_merges", false},
                   {"vocab", vocab},
                   {"merges", Ordered::array()}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", Ordered::array({split, byte_level})}}},
          {"post_processor", byte_level},
          {"decoder", byte_level},
          {"model", model}};
}

Ordered tokenizer_config_json(const ModelFiles& m) {
  Ordered decoder = Ordered::object(), names = Ordered::array();
  for (const AddedToken& s : m.added_tokens) {
    decoder[std::to_string(s.id)] = added_token(s);
    if (s.special && s.text != "<|endoftext|>") names.push_back(s.text);
  }
  return {{"add_bos_token", false},
          {"add_prefix_space", false},
          {"added_tokens_decoder", decoder},
          {"additional_special_tokens", names},
          {"bos_token", nullptr},
          {"clean_up_tokenization_spaces", false},
          {"eos_token", "<|im_end|>"},
          {"errors", "replace"},
          {"model_max_length", m.config.text.max_positions},
          {"pad_token", "<|endoftext|>"},
          {"split_special_tokens", false},
          {"tokenizer_class", "Qwen2Tokenizer"},
          {"unk_token", nullptr}};
}

void check(const ModelFiles& m) {
  TokenId next = first_added;
  for (const AddedToken& t : m.added_tokens)
    require_that(t.id == next++, Code::bad_tokenizer, "model_writer", [&] {
      return "added token " + t.text + ": expected id " + std::to_string(next - 1) + ", got " + std::to_string(t.id);
    });
  const auto find = [&](std::string_view name) -> std::optional<HostTensor> {
    const auto it = m.tensors.find(name);
    return it == m.tensors.end() ? std::nullopt : std::optional(it->second);
  };
  const auto wrong = check_weights(m.config, find);
  require_that(wrong.empty(), Code::bad_weight, "model_writer", [&] { return wrong.front(); });
}

void write_files(const fs::path& folder, const ModelFiles& m) {
  const auto write = [&](const char* name, const Ordered& json) { write_file(folder / name, json.dump(2) + "\n"); };
  write("config.json", config_json(m));
  write("generation_config.json", generation_json(m));
  write("preprocessor_config.json", preprocessor_json(m.config, false));
  write("video_preprocessor_config.json", preprocessor_json(m.config, true));
  write("tokenizer.json", tokenizer_json(m));
  write("tokenizer_config.json", tokenizer_config_json(m));
  write_file(folder / "chat_template.jinja", builtin_chat_template(m.chat));
  write_safetensors(folder / "model.safetensors", m.tensors);
}

}  // namespace

void write_model_folder(const std::filesystem::path& folder, const ModelFiles& files) {
  check(files);
  const fs::path target = folder.filename().empty() ? folder.parent_path() : folder;  // "out/" is "out"
  const std::string where = folder.string();
  std::error_code bad;
  require_that(!fs::exists(target, bad) || (fs::is_directory(target, bad) && fs::is_empty(target, bad)),
               Code::bad_output, where, "expected a new or empty folder, got one that exists");
  UnfinishedFolder part(target);
  write_files(part.path(), files);
  part.finish();
}

}  // namespace arrcoc::io
