// config.json as transformers 4.57 and 5.x write it, and its companions.
#include <algorithm>
#include <cmath>
#include <optional>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "config_parts.hpp"

namespace arrcoc::io {
namespace {

// Nothing published comes within a factor of 8 of these; they keep every product of two sizes far from overflow.
constexpr Index max_width = 1 << 17, max_layers = 4096, max_heads = 4096, max_head_dim = 4096,
                max_positions = Index{1} << 31, max_inner = 1 << 22, max_experts = 4096, max_merge = 16,
                max_table = 1 << 22, max_taps = 32;
constexpr double huge = 1e12;

/// Every size that must divide another one.
void divides(const JsonObject& o, const char* small, Index a, const char* large, Index b) {
  if (a > 0 && b % a != 0)
    o.problem(large, "expected a multiple of " + std::string(small) + " (" + std::to_string(a) + "), got " +
                         std::to_string(b));
}

void only(const JsonObject& o, const char* key, const std::string& value) {
  const std::string got = o.text(key, value);
  if (got != value) o.problem(key, "expected \"" + value + "\", got \"" + printable(got, 60) + "\"");
}

void absent_or(const JsonObject& o, const char* key, const Json& value) {
  if (o.has(key) && o.at(key) != value)
    o.problem(key, "expected " + (value.is_null() ? std::string("none") : shown(value)) + ", got " + shown(o.at(key)));
}

void read_rope(const JsonObject& text, TextConfig& c) {
  // 4.57: rope_theta beside rope_scaling. 5.x: rope_parameters holds both.
  const JsonObject rope = text.has("rope_parameters") ? text.child("rope_parameters") : text.child("rope_scaling");
  if (rope.has("rope_theta")) c.rope_theta = rope.number("rope_theta", 1.0, huge);
  else if (text.has("rope_theta")) c.rope_theta = text.number("rope_theta", 1.0, huge);
  else
    text.problem("rope_theta",
                 "expected here or in rope_parameters, got none (releases of transformers assume different values)");
  if (c.rope_theta == 1.0) text.problem("rope_theta", "expected more than 1, got 1");

  if (rope.has("mrope_section")) c.mrope_section = rope.integers("mrope_section", 0, max_head_dim, 3);
  else c.mrope_section = {24, 20, 20};
  if (c.mrope_section.size() == 3) {
    const Index sum = c.mrope_section[0] + c.mrope_section[1] + c.mrope_section[2];
    if (c.head_dim > 0 && 2 * sum != c.head_dim)
      rope.problem("mrope_section",
                   "expected a sum of head_dim / 2 = " + shown(Json(static_cast<double>(c.head_dim) / 2)) + ", got " +
                       std::to_string(sum));
  }
  absent_or(rope, "partial_rotary_factor", 1.0);
  absent_or(text, "partial_rotary_factor", 1.0);

  const std::string type = rope.has("rope_type") ? rope.text("rope_type") : rope.text("type", "default");
  if (type == "default" || type == "mrope") return;
  if (type != "yarn")
    return rope.problem("rope_type", "expected \"default\" or \"yarn\", got \"" + printable(type, 60) + "\"");
  c.yarn_original_positions =
      static_cast<double>(rope.integer("original_max_position_embeddings", 1, max_positions, c.max_positions));
  if (rope.is_null("factor"))
    c.yarn_factor = static_cast<double>(c.max_positions) / c.yarn_original_positions;  // as 5.x does
  else c.yarn_factor = rope.number("factor", 1.0, 1e6);
  c.yarn_beta_fast = rope.number("beta_fast", 1e-6, 1e6, 32.0);
  c.yarn_beta_slow = rope.number("beta_slow", 1e-6, 1e6, 1.0);
  if (c.yarn_beta_fast <= c.yarn_beta_slow)
    rope.problem("beta_fast", "expected more than beta_slow (" + shown(Json(c.yarn_beta_slow)) + "), got " +
                                  shown(Json(c.yarn_beta_fast)));
  const auto scale = [&](double mscale) {
    return c.yarn_factor <= 1 ? 1.0 : 0.1 * mscale * std::log(c.yarn_factor) + 1;
  };
  const double mscale = rope.number("mscale", 0.0, 1e3, 0.0), all = rope.number("mscale_all_dim", 0.0, 1e3, 0.0);
  if (rope.has("attention_factor")) c.yarn_attention_factor = rope.number("attention_factor", 1e-6, 1e6);
  else if (mscale > 0 && all > 0) c.yarn_attention_factor = scale(mscale) / scale(all);
  c.yarn_truncate = rope.boolean("truncate", true);
}

/// The width of the dense feed-forward layers: needed unless every layer has experts.
void read_inner(const JsonObject& text, TextConfig& c) {
  bool dense = false;
  for (Index layer = 0; layer < c.layers; ++layer) dense = dense || !c.sparse(layer);
  c.intermediate_size =
      dense ? text.integer("intermediate_size", 1, max_inner) : text.integer("intermediate_size", 1, max_inner, 1);
}

/// Block-scaled FP8 as Qwen publishes it is read; other kinds are refused.
void read_quantisation(const JsonObject& o, ModelConfig& c) {
  if (o.text("quant_method") != "fp8") {
    const Json method = o.at("quant_method");
    return o.problem("quant_method",
                     "expected \"fp8\" (or no quantisation), got " + (method.is_null() ? "none" : shown(method)));
  }
  only(o, "fmt", "e4m3");
  only(o, "activation_scheme", "dynamic");
  c.fp8_block = o.integers("weight_block_size", 1, max_width, 2);
  if (c.fp8_block.size() != 2) c.fp8_block = {1, 1};  // the problem is noted
}

void read_text(const JsonObject& text, const JsonObject& top, bool moe, TextConfig& c) {
  c.vocab_size = text.integer("vocab_size", 1, max_vocab);
  c.hidden_size = text.integer("hidden_size", 1, max_width);
  c.layers = text.integer("num_hidden_layers", 1, max_layers);
  c.heads = text.integer("num_attention_heads", 1, max_heads);
  c.kv_heads = text.integer("num_key_value_heads", 1, max_heads, c.heads);
  c.head_dim = text.integer("head_dim", 2, max_head_dim);
  c.rms_norm_eps = static_cast<float>(text.number("rms_norm_eps", 0.0, 1.0, 1e-6));
  c.max_positions = text.integer("max_position_embeddings", 1, max_positions);
  c.attention_bias = text.boolean("attention_bias", false);
  if (c.attention_bias) text.problem("attention_bias", "expected false, got true");
  // 5.x reads the flag at the top, 4.57 the one in text_config. It matters only where the file has no lm_head.weight.
  c.tie_word_embeddings = top.boolean("tie_word_embeddings", false) || text.boolean("tie_word_embeddings", false);
  only(text, "hidden_act", "silu");
  divides(text, "num_key_value_heads", c.kv_heads, "num_attention_heads", c.heads);
  divides(text, "2", 2, "head_dim", c.head_dim);
  read_rope(text, c);
  if (!moe) return read_inner(text, c);
  c.experts = text.has("num_local_experts") ? text.integer("num_local_experts", 1, max_experts)
                                            : text.integer("num_experts", 1, max_experts);
  c.experts_per_token = text.integer("num_experts_per_tok", 1, max_experts);
  c.expert_intermediate_size = text.integer("moe_intermediate_size", 1, max_inner);
  if (c.experts_per_token > c.experts)
    text.problem("num_experts_per_tok", "expected at most the number of experts (" + std::to_string(c.experts) +
                                            "), got " + std::to_string(c.experts_per_token));
  c.sparse_step = text.integer("decoder_sparse_step", 1, max_layers, 1);
  if (text.has("mlp_only_layers")) c.dense_layers = text.integers("mlp_only_layers", 0, c.layers - 1);
  text.boolean("norm_topk_prob", true);  // must be a boolean, and means nothing: the model always normalises
  read_inner(text, c);
}

void read_vision(const JsonObject& vision, Index text_width, VisionConfig& c) {
  c.depth = vision.integer("depth", 1, max_layers);
  c.hidden_size = vision.integer("hidden_size", 4, max_width);
  c.heads = vision.integer("num_heads", 1, max_heads);
  c.intermediate_size = vision.integer("intermediate_size", 1, max_inner);
  c.out_hidden_size = vision.integer("out_hidden_size", 1, max_width);
  c.patch_size = vision.integer("patch_size", 1, max_patch);
  c.temporal_patch_size = vision.integer("temporal_patch_size", 1, max_merge);
  c.spatial_merge_size = vision.integer("spatial_merge_size", 1, max_merge);
  c.in_channels = vision.integer("in_channels", 3, 3, 3);
  c.position_embeddings = vision.integer("num_position_embeddings", 1, max_table);
  c.rope_theta = vision.child("rope_parameters").number("rope_theta", 1.0, huge, 10000.0);
  c.deepstack_taps = vision.integers("deepstack_visual_indexes", 0, c.depth - 1);
  only(vision, "hidden_act", "gelu_pytorch_tanh");
  divides(vision, "num_heads", c.heads, "hidden_size", c.hidden_size);
  if (c.hidden_size % c.heads == 0 && c.head_dim() % 4 != 0)
    vision.problem("hidden_size", "expected a multiple of 4 for each head, got " + std::to_string(c.head_dim()));
  const auto side = static_cast<Index>(std::llround(std::sqrt(static_cast<double>(c.position_embeddings))));
  if (side * side != c.position_embeddings)
    vision.problem("num_position_embeddings",
                   "expected a perfect square, got " + std::to_string(c.position_embeddings));
  if (c.out_hidden_size != text_width)
    vision.problem("out_hidden_size", "expected the text hidden_size (" + std::to_string(text_width) + "), got " +
                                          std::to_string(c.out_hidden_size));
  for (std::size_t i = 1; i < c.deepstack_taps.size(); ++i) {
    if (c.deepstack_taps[i - 1] < c.deepstack_taps[i]) continue;
    vision.problem("deepstack_visual_indexes",
                   "expected ascending distinct blocks, got " + shown(vision.at("deepstack_visual_indexes")));
    break;
  }
  if (c.deepstack_taps.size() > static_cast<std::size_t>(max_taps))
    vision.problem("deepstack_visual_indexes",
                   "expected at most 32 blocks, got " + std::to_string(c.deepstack_taps.size()));
}

}  // namespace

std::optional<Json> read_object(const std::filesystem::path& file, std::vector<std::string>& problems) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::nullopt;
  try {
    Json j = parse_json(read_file(file), Code::bad_model_config, file.filename().string());
    if (j.is_object()) return j;
    problems.push_back(file.filename().string() + ": expected an object, got " + shown(j));
  } catch (const Error& e) {
    if (e.code() != Code::bad_model_config) throw;
    problems.push_back(e.what());
  }
  return Json::object();
}

ModelConfig read_model_config(const std::filesystem::path& folder) {
  const std::string where = folder.string();
  std::error_code ignored;
  require_that(std::filesystem::is_directory(folder, ignored), Code::file_missing, where, "no such folder");
  require_that(std::filesystem::exists(folder / "config.json", ignored), Code::file_missing, where, [&] {
    return std::filesystem::exists(folder / "adapter_config.json", ignored)
               ? "this folder holds a LoRA adapter without its model: merge it into the model first"
               : "expected a model folder, got one without config.json";
  });
  std::vector<std::string> problems;
  const Json file = *read_object(folder / "config.json", problems);
  if (!problems.empty()) fail(Code::bad_model_config, where, problems.front());

  const JsonObject top(file, "config.json", problems);
  const std::string type = top.text("model_type");
  const bool moe = type == "qwen3_vl_moe";
  require_that(moe || type == "qwen3_vl", Code::bad_model_config, where, [&] {
    return "config.json.model_type: expected \"qwen3_vl\" or \"qwen3_vl_moe\", got " +
           (type.empty() ? "none" : "\"" + printable(type, 60) + "\": only Qwen3-VL is read");
  });
  const JsonObject quantised = top.child("quantization_config");
  if (!top.has("text_config")) top.problem("text_config", "expected, got none");

  ModelConfig c;
  if (top.has("quantization_config")) read_quantisation(quantised, c);
  const JsonObject text = top.child("text_config");
  if (top.has("text_config")) read_text(text, top, moe, c.text);
  for (const JsonObject* o : {&top, &text})
    for (const char* key : {"dtype", "torch_dtype"})
      if (c.stored_dtype.empty()) c.stored_dtype = o->text(key);

  const Index vocab = std::max<Index>(c.text.vocab_size, 1);
  c.has_vision = top.has("vision_config");
  if (c.has_vision) {
    read_vision(top.child("vision_config"), c.text.hidden_size, c.vision);
    const std::pair<const char*, TokenId*> ids[] = {{"image_token_id", &c.image_token},
                                                    {"video_token_id", &c.video_token},
                                                    {"vision_start_token_id", &c.vision_start},
                                                    {"vision_end_token_id", &c.vision_end}};
    for (const auto& [key, id] : ids) *id = static_cast<TokenId>(top.integer(key, 0, vocab - 1));
    read_processors(folder, c, problems);
  }
  read_generation(folder, text, top, vocab, c.generation, c.unused, problems);

  if (!problems.empty()) {
    std::string all = problems.size() == 1 ? "" : std::to_string(problems.size()) + " problems: ";
    for (std::size_t i = 0; i < problems.size() && i < 40; ++i) all += (i ? "; " : "") + problems[i];
    fail(Code::bad_model_config, where, all);
  }
  return c;
}

}  // namespace arrcoc::io
