#include "arrcoc/io/model_folder.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_check.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "temporary_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::io;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// A fresh copy of the demo model, to be damaged.
struct Model : test::TemporaryFolder {
  Model() {
    static const test::TemporaryFolder original;
    static const bool written = (write_demo_model(original.path / "m", 1), true);
    (void)written;
    dir = path / "m";
    fs::copy(original.path / "m", dir);
  }
  fs::path dir;
  Json json(const char* file) const { return Json::parse(read_file(dir / file)); }
  void put(const char* file, const Json& j) const { std::ofstream(dir / file) << j.dump(); }
  /// Sets the value at a JSON pointer; "" erases the key.
  void set(const char* file, const std::string& pointer, const std::string& value) const {
    Json j = json(file);
    const Json::json_pointer at(pointer);
    if (value.empty()) j[at.parent_pointer()].erase(at.back());
    else j[at] = Json::parse(value);
    put(file, j);
  }
};

template <class F>
std::string message_of(Code code, F&& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK_MESSAGE(e.code() == code, e.what());
    return e.what();
  }
  return "no error";
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string config_error(const Model& m, Code code = Code::bad_model_config) {
  return message_of(code, [&] { read_model_config(m.dir); });
}

constexpr const char* config = "config.json";
constexpr const char* pictures = "preprocessor_config.json";
constexpr const char* generation = "generation_config.json";

std::map<std::string, HostTensor, std::less<>> all_tensors(const fs::path& file) {
  static std::vector<SafetensorsFile> kept;
  kept.push_back(SafetensorsFile::open(file));
  std::map<std::string, HostTensor, std::less<>> out;
  for (const auto& [name, entry] : kept.back().entries()) out[name] = kept.back().tensor(name);
  return out;
}

}  // namespace

TEST_CASE("the demo model's config is read as written") {
  const Model m;
  const ModelConfig c = read_model_config(m.dir);
  CHECK(c.text.vocab_size == 288);
  CHECK(c.text.hidden_size == 128);
  CHECK(c.text.layers == 4);
  CHECK(c.text.heads == 4);
  CHECK(c.text.kv_heads == 2);
  CHECK(c.text.head_dim == 32);
  CHECK(c.text.intermediate_size == 256);
  CHECK(c.text.rms_norm_eps == 1e-6f);
  CHECK(c.text.rope_theta == 5e6);
  CHECK(c.text.mrope_section == std::vector<Index>{6, 5, 5});
  CHECK(c.text.max_positions == 32768);
  CHECK_FALSE(c.text.tie_word_embeddings);
  CHECK(c.text.yarn_factor == 0);
  CHECK(c.text.experts == 0);
  CHECK(c.has_vision);
  CHECK(c.vision.depth == 4);
  CHECK(c.vision.hidden_size == 64);
  CHECK(c.vision.head_dim() == 16);
  CHECK(c.vision.out_hidden_size == 128);
  CHECK(c.vision.patch_values() == 1536);
  CHECK(c.vision.position_embeddings == 576);
  CHECK(c.vision.rope_theta == 10000.0);
  CHECK(c.vision.deepstack_taps == std::vector<Index>{0, 1, 2});
  CHECK(c.image_token == 268);
  CHECK(c.video_token == 269);
  CHECK(c.vision_start == 265);
  CHECK(c.vision_end == 266);
  CHECK(c.preprocess.min_pixels == 65536);
  CHECK(c.preprocess.max_pixels == 2097152);
  CHECK(c.preprocess.mean == std::vector<double>{0.5, 0.5, 0.5});
  CHECK(c.generation.sample);
  CHECK(c.generation.temperature == 0.7f);
  CHECK(c.generation.top_p == 0.8f);
  CHECK(c.generation.top_k == 20);
  CHECK(c.generation.stop_ids == std::vector<TokenId>{258, 256});
  CHECK(c.stored_dtype == "bfloat16");
}

TEST_CASE("every field that is wrong is refused by name") {
  const struct { const char *file, *pointer, *value, *message; } table[] = {
      {config, "/model_type", "\"qwen2_vl\"", "config.json.model_type: expected \"qwen3_vl\" or \"qwen3_vl_moe\", got \"qwen2_vl\""},
      {config, "/model_type", "", "got none"},
      {config, "/model_type", "7", "got none"},
      {config, "/text_config", "", "config.json.text_config: expected, got none"},
      {config, "/text_config", "[]", "config.json.text_config: expected an object, got []"},
      {config, "/vision_config", "3", "config.json.vision_config: expected an object, got 3"},
      {config, "/quantization_config", "{\"quant_method\":\"fp8\"}", "quantization_config: expected none"},
      {config, "/text_config/vocab_size", "", "config.json.text_config.vocab_size: expected, got none"},
      {config, "/text_config/vocab_size", "0", "vocab_size: expected an integer from 1 to 16777216, got 0"},
      {config, "/text_config/vocab_size", "1e18", "vocab_size: expected an integer"},
      {config, "/text_config/vocab_size", "18446744073709551615", "vocab_size: expected an integer"},
      {config, "/text_config/vocab_size", "268", "image_token_id: expected an integer from 0 to 267, got 268"},
      {config, "/text_config/hidden_size", "\"128\"", "text_config.hidden_size: expected an integer from 1 to 131072, got \"128\""},
      {config, "/text_config/hidden_size", "-128", "text_config.hidden_size: expected an integer"},
      {config, "/text_config/hidden_size", "128.0", "text_config.hidden_size: expected an integer"},
      {config, "/text_config/num_hidden_layers", "1000000", "num_hidden_layers: expected an integer from 1 to 4096"},
      {config, "/text_config/num_attention_heads", "3", "num_attention_heads: expected a multiple of num_key_value_heads (2), got 3"},
      {config, "/text_config/head_dim", "", "head_dim: expected, got none"},
      {config, "/text_config/head_dim", "31", "head_dim: expected a multiple of 2"},
      {config, "/text_config/head_dim", "64", "mrope_section: expected a sum of head_dim / 2 = 32.0, got 16"},
      {config, "/text_config/intermediate_size", "", "intermediate_size: expected, got none"},
      {config, "/text_config/rms_norm_eps", "\"tiny\"", "rms_norm_eps: expected a number"},
      {config, "/text_config/rms_norm_eps", "-1", "rms_norm_eps: expected a number from 0.0 to 1.0, got -1"},
      {config, "/text_config/hidden_act", "\"gelu\"", "text_config.hidden_act: expected \"silu\", got \"gelu\""},
      {config, "/text_config/attention_bias", "true", "attention_bias: expected false, got true"},
      {config, "/text_config/attention_bias", "0", "attention_bias: expected true or false, got 0"},
      {config, "/text_config/rope_theta", "", "rope_theta: expected here or in rope_parameters, got none"},
      {config, "/text_config/rope_theta", "0", "rope_theta: expected a number from 1.0"},
      {config, "/text_config/rope_theta", "1", "rope_theta: expected more than 1"},
      {config, "/text_config/rope_scaling", "", "mrope_section: expected a sum of head_dim / 2 = 16.0, got 64"},
      {config, "/text_config/rope_scaling/mrope_section", "[8,8]", "mrope_section: expected a list of 3 integers, got [8,8]"},
      {config, "/text_config/rope_scaling/mrope_section", "[8,4,4,0]", "mrope_section: expected a list of 3 integers"},
      {config, "/text_config/rope_scaling/mrope_section", "[6,5,6]", "got 17"},
      {config, "/text_config/rope_scaling/mrope_section", "[20,-2,-2]", "mrope_section[1]: expected an integer from 0"},
      {config, "/text_config/rope_scaling/rope_type", "\"linear\"", "rope_type: expected \"default\" or \"yarn\", got \"linear\""},
      {config, "/text_config/rope_scaling/rope_type", "\"yarn\"", "rope_scaling.factor: expected, got none"},
      {config, "/text_config/rope_scaling/partial_rotary_factor", "0.5", "partial_rotary_factor: expected 1.0, got 0.5"},
      {config, "/text_config/max_position_embeddings", "0", "max_position_embeddings: expected an integer from 1"},
      {config, "/vision_config/depth", "2", "deepstack_visual_indexes[2]: expected an integer from 0 to 1, got 2"},
      {config, "/vision_config/deepstack_visual_indexes", "[2,1,0]", "deepstack_visual_indexes: expected ascending distinct blocks, got [2,1,0]"},
      {config, "/vision_config/deepstack_visual_indexes", "[1,1]", "expected ascending distinct blocks"},
      {config, "/vision_config/deepstack_visual_indexes", "", "deepstack_visual_indexes: expected, got none"},
      {config, "/vision_config/deepstack_visual_indexes", "\"all\"", "deepstack_visual_indexes: expected a list of integers"},
      {config, "/vision_config/num_heads", "5", "vision_config.hidden_size: expected a multiple of num_heads (5), got 64"},
      {config, "/vision_config/num_heads", "32", "hidden_size: expected a multiple of 4 for each head, got 2"},
      {config, "/vision_config/num_position_embeddings", "575", "num_position_embeddings: expected a perfect square, got 575"},
      {config, "/vision_config/out_hidden_size", "64", "out_hidden_size: expected the text hidden_size (128), got 64"},
      {config, "/vision_config/hidden_act", "\"gelu\"", "vision_config.hidden_act: expected \"gelu_pytorch_tanh\""},
      {config, "/vision_config/in_channels", "4", "in_channels: expected an integer from 3 to 3, got 4"},
      {config, "/vision_config/patch_size", "14", "preprocessor_config.json.patch_size: expected 14 as vision_config.patch_size says, got 16"},
      {config, "/vision_config/spatial_merge_size", "0", "spatial_merge_size: expected an integer from 1"},
      {config, "/image_token_id", "", "config.json.image_token_id: expected, got none"},
      {config, "/vision_end_token_id", "-1", "vision_end_token_id: expected an integer from 0 to 287, got -1"},
      {pictures, "/size", "", "preprocessor_config.json.size.shortest_edge: expected, got none"},
      {pictures, "/size/longest_edge", "1000", "size: expected shortest_edge <= longest_edge (pixel counts), got 65536 and 1000"},
      {pictures, "/size/longest_edge", "99999999999", "longest_edge: expected an integer from 1 to 4294967296"},
      {pictures, "/min_pixels", "\"x\"", "preprocessor_config.json.min_pixels: expected an integer"},
      {pictures, "/patch_size", "", "preprocessor_config.json.patch_size: expected, got none"},
      {pictures, "/merge_size", "4", "merge_size: expected 2 as vision_config.spatial_merge_size says, got 4"},
      {pictures, "/temporal_patch_size", "1", "temporal_patch_size: expected 2"},
      {pictures, "/image_mean", "[0.5,0.5]", "image_mean: expected three numbers, got [0.5,0.5]"},
      {pictures, "/image_mean", "", "image_mean: expected three numbers, got none"},
      {pictures, "/image_std", "[0.5,0,0.5]", "image_std: expected three positive numbers"},
      {pictures, "/do_resize", "false", "do_resize: expected true, got false"},
      {pictures, "/do_normalize", "false", "do_normalize: expected true, got false"},
      {pictures, "/rescale_factor", "1", "rescale_factor: expected 1/255, got 1"},
      {pictures, "/resample", "2", "resample: expected 3 (bicubic), got 2"},
      {generation, "/top_k", "-1", "generation_config.json.top_k: expected an integer from 0"},
      {generation, "/top_p", "1.5", "generation_config.json.top_p: expected a number from 0.0 to 1.0, got 1.5"},
      {generation, "/temperature", "0", "temperature: expected more than 0 when do_sample is true"},
      {generation, "/repetition_penalty", "0", "repetition_penalty: expected a number from 0.001"},
      {generation, "/eos_token_id", "288", "eos_token_id: expected an integer from 0 to 287, got 288"},
      {generation, "/eos_token_id", "[258,\"x\"]", "eos_token_id[1]: expected an integer"},
      {generation, "/do_sample", "1", "do_sample: expected true or false, got 1"},
  };
  for (const auto& row : table) {
    CAPTURE(row.file);
    CAPTURE(row.pointer);
    CAPTURE(row.value);
    const Model m;
    m.set(row.file, row.pointer, row.value);
    const std::string text = config_error(m);
    CHECK_MESSAGE(has(text, row.message), text);
    CHECK(has(text, "[" + m.dir.string() + "] "));
  }
}

TEST_CASE("all problems of a folder are reported at once") {
  const Model m;
  m.set(config, "/text_config/head_dim", "");
  m.set(config, "/vision_config/depth", "-4");
  m.set(pictures, "/image_std", "");
  m.set(generation, "/top_k", "null");  // null is absent
  m.set(generation, "/top_p", "2");
  const std::string text = config_error(m);
  for (const char* part : {"text_config.head_dim", "vision_config.depth", "image_std", "top_p"}) CHECK_MESSAGE(has(text, part), text);
  CHECK(!has(text, "top_k"));
  CHECK(has(text, "problems: "));
}

TEST_CASE("files that are no JSON are refused") {
  for (const char* file : {config, pictures, generation}) {
    for (const char* bad : {"", "{", "[]", "{\"a\":1,\"a\":2}", "{} x", "\xff"}) {
      CAPTURE(file);
      CAPTURE(bad);
      const Model m;
      std::ofstream(m.dir / file) << bad;
      CHECK(has(config_error(m), file));
    }
  }
  const Model m;
  fs::remove(m.dir / config);
  CHECK(has(config_error(m, Code::file_missing), "without config.json"));
  CHECK(has(message_of(Code::file_missing, [&] { read_model_config(m.dir / "none"); }), "no such folder"));
}

TEST_CASE("both spellings of the rope are read") {
  const Model m;
  Json j = m.json(config);
  Json& text = j["text_config"];
  text["rope_parameters"] = text["rope_scaling"];
  text["rope_parameters"]["rope_theta"] = 1234.5;
  text.erase("rope_scaling");
  text.erase("rope_theta");
  j["vision_config"]["rope_parameters"] = {{"rope_theta", 500.0}, {"rope_type", "axial"}};
  m.put(config, j);
  const ModelConfig c = read_model_config(m.dir);
  CHECK(c.text.rope_theta == 1234.5);
  CHECK(c.text.mrope_section == std::vector<Index>{6, 5, 5});
  CHECK(c.vision.rope_theta == 500.0);
}

TEST_CASE("YaRN is read and validated") {
  const Model m;
  const auto with = [&](const char* rope, int positions = 1000000) {
    Json j = m.json(config);
    Json r = Json::parse(rope);
    r["mrope_section"] = {6, 5, 5};
    r["rope_type"] = "yarn";
    j["text_config"]["rope_scaling"] = r;
    j["text_config"]["max_position_embeddings"] = positions;
    m.put(config, j);
  };
  with(R"({"factor":3.0,"original_max_position_embeddings":262144})");
  TextConfig t = read_model_config(m.dir).text;
  CHECK(t.yarn_factor == 3.0);
  CHECK(t.yarn_original_positions == 262144);
  CHECK(t.yarn_beta_fast == 32);
  CHECK(t.yarn_beta_slow == 1);
  with(R"({"factor":2,"beta_fast":16,"beta_slow":2})");
  t = read_model_config(m.dir).text;
  CHECK(t.yarn_original_positions == 1000000);
  CHECK(t.yarn_beta_fast == 16);
  with(R"({"factor":null,"original_max_position_embeddings":250000})");
  CHECK(read_model_config(m.dir).text.yarn_factor == 4.0);
  with(R"({"factor":0.5})");
  CHECK(has(config_error(m), "factor: expected a number from 1.0"));
  with(R"({"factor":2,"beta_fast":1,"beta_slow":32})");
  CHECK(has(config_error(m), "beta_fast: expected more than beta_slow"));
  with(R"({"factor":2,"attention_factor":1.5})");
  CHECK(has(config_error(m), "attention_factor: expected none, got 1.5"));
  with(R"({"factor":2,"truncate":false})");
  CHECK(has(config_error(m), "truncate: expected true, got false"));
}

TEST_CASE("a missing generation_config means greedy, temperature 1, top-k 50, and the text config's end") {
  const Model m;
  fs::remove(m.dir / generation);
  GenerationDefaults g = read_model_config(m.dir).generation;
  CHECK_FALSE(g.sample);
  CHECK(g.temperature == 1.0f);
  CHECK(g.top_k == 50);
  CHECK(g.top_p == 1.0f);
  CHECK(g.stop_ids == std::vector<TokenId>{258});
  m.put(generation, {{"do_sample", true}, {"eos_token_id", 256}});
  g = read_model_config(m.dir).generation;
  CHECK(g.sample);
  CHECK(g.top_k == 50);
  CHECK(g.stop_ids == std::vector<TokenId>{256});
}

TEST_CASE("processor_config.json is read first, the older file is the fallback, one must be there") {
  const Model m;
  Json newer = m.json(pictures);
  newer["size"]["shortest_edge"] = 4096;
  m.put("processor_config.json", {{"image_processor", newer}, {"video_processor", Json::object()}});
  CHECK(read_model_config(m.dir).preprocess.min_pixels == 4096);
  m.put("processor_config.json", {{"processor_class", "Qwen3VLProcessor"}});
  CHECK(read_model_config(m.dir).preprocess.min_pixels == 65536);
  fs::remove(m.dir / "processor_config.json");
  m.set(pictures, "/min_pixels", "1024");
  CHECK(read_model_config(m.dir).preprocess.min_pixels == 1024);  // the old name wins
  fs::remove(m.dir / pictures);
  CHECK(has(config_error(m), "got neither"));
}

TEST_CASE("a text-only folder needs no pictures") {
  const Model m;
  m.set(config, "/vision_config", "");
  m.set(config, "/image_token_id", "");
  fs::remove(m.dir / pictures);
  const ModelConfig c = read_model_config(m.dir);
  CHECK_FALSE(c.has_vision);
  CHECK(c.image_token == -1);
  CHECK_FALSE(open_model(m.dir, {}).config.has_vision);
}

TEST_CASE("a mixture of experts is read in both spellings") {
  const Model m;
  Json j = m.json(config);
  j["model_type"] = "qwen3_vl_moe";
  Json& text = j["text_config"];
  text["num_experts"] = 8;
  text["num_experts_per_tok"] = 2;
  text["moe_intermediate_size"] = 48;
  text.erase("intermediate_size");
  m.put(config, j);
  TextConfig t = read_model_config(m.dir).text;
  CHECK(t.experts == 8);
  CHECK(t.experts_per_token == 2);
  CHECK(t.expert_intermediate_size == 48);
  text.erase("num_experts");
  text["num_local_experts"] = 4;
  text["num_experts_per_tok"] = 5;
  text["mlp_only_layers"] = {0};
  m.put(config, j);
  const std::string error = config_error(m);
  CHECK(has(error, "num_experts_per_tok: expected at most the number of experts (4), got 5"));
  CHECK(has(error, "mlp_only_layers: expected [], got [0]"));
}

TEST_CASE("the flag that ties the head counts at either place") {
  const Model m;
  m.set(config, "/text_config/tie_word_embeddings", "true");
  CHECK(read_model_config(m.dir).text.tie_word_embeddings);
  m.set(config, "/text_config/tie_word_embeddings", "");
  m.set(config, "/tie_word_embeddings", "true");
  CHECK(read_model_config(m.dir).text.tie_word_embeddings);
}

TEST_CASE("the demo model opens, and its weights are finite and reproducible") {
  const Model m;
  const ModelFolder f = open_model(m.dir.string(), {});
  CHECK(f.untrained);
  CHECK(f.path == m.dir);
  CHECK(f.chat_template == ChatTemplate::instruct);
  CHECK(f.identity.size() == 16);
  CHECK(f.tokenizer->id_of("<|image_pad|>") == 268);
  CHECK(f.tokenizer->size() == 282);
  Index bytes = 0;
  for (const auto& e : expected_weights(f.config)) {
    const auto t = f.weights(e.name);
    REQUIRE(t);
    CHECK(t->shape == e.shapes[0]);
    CHECK(t->dtype == DType::bf16);
    check_finite(e.name, *t);
    bytes += t->bytes();
  }
  CHECK(bytes == f.weight_bytes);
  CHECK_FALSE(f.weights("model.language_model.layers.4.mlp.up_proj.weight"));
  const test::TemporaryFolder other;
  write_demo_model(other.path / "same", 1);
  write_demo_model(other.path / "other/", 2);
  const auto bytes_of = [](const fs::path& p) { return read_file(p / "model.safetensors"); };
  CHECK(bytes_of(other.path / "same") == bytes_of(m.dir));
  CHECK(bytes_of(other.path / "other") != bytes_of(m.dir));
  CHECK(std::distance(fs::directory_iterator(other.path), {}) == 2);
}

TEST_CASE("the demo model is not written over something") {
  const Model m;
  CHECK(has(message_of(Code::bad_output, [&] { write_demo_model(m.dir, 1); }), "expected a new or empty folder"));
  CHECK(has(message_of(Code::bad_output, [&] { write_demo_model(m.dir / config, 1); }), "expected a new or empty folder"));
  CHECK(has(message_of(Code::bad_output, [&] { write_demo_model(m.dir / "no" / "parent", 1); }), "parent folder"));
  fs::create_directory(m.path / "empty");
  write_demo_model(m.path / "empty", 1);
  CHECK(fs::exists(m.path / "empty" / config));
}

TEST_CASE("the identity follows the weight file") {
  const Model m;
  const auto identity = [&] { return open_model(m.dir, {}).identity; };
  const std::string before = identity();
  CHECK(identity() == before);
  fs::last_write_time(m.dir / "model.safetensors", fs::last_write_time(m.dir / "model.safetensors") + std::chrono::seconds(1));
  CHECK(identity() != before);
}

TEST_CASE("names without the leading model. are found") {
  const Model m;
  auto tensors = all_tensors(m.dir / "model.safetensors");
  std::map<std::string, HostTensor, std::less<>> renamed;
  for (const auto& [name, t] : tensors) renamed[name.starts_with("model.") ? name.substr(6) : name] = t;
  write_safetensors(m.path / "renamed", renamed);
  fs::rename(m.path / "renamed", m.dir / "model.safetensors");
  const ModelFolder f = open_model(m.dir, {});
  CHECK(f.weights("model.visual.merger.norm.weight"));
  CHECK(f.weights("lm_head.weight"));
}

TEST_CASE("weights that are missing or misshapen are all named") {
  const Model m;
  auto tensors = all_tensors(m.dir / "model.safetensors");
  const auto open = [&] {
    write_safetensors(m.path / "changed", tensors);
    fs::rename(m.path / "changed", m.dir / "model.safetensors");
    return message_of(Code::bad_weight, [&] { open_model(m.dir, {}); });
  };
  tensors.erase("model.visual.blocks.3.norm2.bias");
  tensors["model.language_model.norm.weight"] = host_tensor(std::vector<float>(64, 1.0f), {64});
  tensors["model.language_model.layers.0.self_attn.k_norm.weight"] = host_tensor(std::vector<std::int32_t>(32, 1), {32});
  std::string text = open();
  CHECK(has(text, "model.visual.blocks.3.norm2.bias: expected [64], got none"));
  CHECK(has(text, "model.language_model.norm.weight: expected [128], got [64]"));
  CHECK(has(text, "layers.0.self_attn.k_norm.weight: expected F32, BF16 or F16, got I32"));
  tensors.erase("lm_head.weight");
  CHECK(has(open(), "lm_head.weight: expected [288, 128], got none (tie_word_embeddings is false)"));
  for (auto it = tensors.begin(); it != tensors.end();) it = it->first.find("visual") != std::string::npos ? tensors.erase(it) : std::next(it);
  CHECK(has(open(), "; and "));
}

TEST_CASE("a tied model needs no head, and one that is there is still checked") {
  const Model m;
  m.set(config, "/tie_word_embeddings", "true");
  auto tensors = all_tensors(m.dir / "model.safetensors");
  tensors["lm_head.weight"] = host_tensor(std::vector<float>(2, 0.0f), {2, 1});
  write_safetensors(m.path / "changed", tensors);
  fs::rename(m.path / "changed", m.dir / "model.safetensors");
  CHECK(has(message_of(Code::bad_weight, [&] { open_model(m.dir, {}); }), "lm_head.weight: expected [288, 128], got [2, 1]"));
  tensors.erase("lm_head.weight");
  write_safetensors(m.path / "changed", tensors);
  fs::rename(m.path / "changed", m.dir / "model.safetensors");
  CHECK_FALSE(open_model(m.dir, {}).weights("lm_head.weight"));
}

TEST_CASE("experts may lie in either layout") {
  ModelConfig c;
  c.text.vocab_size = 8; c.text.hidden_size = 4; c.text.layers = 1; c.text.heads = c.text.kv_heads = 1; c.text.head_dim = 2;
  c.text.experts = 3; c.text.experts_per_token = 1; c.text.expert_intermediate_size = 5; c.text.tie_word_embeddings = true;
  for (const std::size_t layout : {0, 1}) {
    std::map<std::string, HostTensor> stored;
    for (const auto& e : expected_weights(c))
      if (e.required) stored[e.name] = HostTensor{DType::bf16, e.shapes[std::min(layout, e.shapes.size() - 1)], nullptr, nullptr};
    const WeightLookup lookup = [&](std::string_view name) {
      const auto it = stored.find(std::string(name));
      return it == stored.end() ? std::nullopt : std::optional(it->second);
    };
    CHECK(check_weights(c, lookup).empty());
    stored["model.language_model.layers.0.mlp.experts.down_proj"].shape = {3, 5, 5};
    const auto problems = check_weights(c, lookup);
    REQUIRE(problems.size() == 1);
    CHECK(has(problems[0], "expected [3, 5, 4] or [3, 4, 5], got [3, 5, 5]"));
  }
}

TEST_CASE("shards are found through the index") {
  const Model m;
  const auto tensors = all_tensors(m.dir / "model.safetensors");
  std::map<std::string, HostTensor, std::less<>> half[2];
  Json map;
  std::size_t i = 0;
  for (const auto& [name, t] : tensors) {
    half[i % 2][name] = t;
    map[name] = "model-0000" + std::to_string(i++ % 2 + 1) + "-of-00002.safetensors";
  }
  for (std::size_t k = 0; k < 2; ++k) write_safetensors(m.dir / ("model-0000" + std::to_string(k + 1) + "-of-00002.safetensors"), half[k]);
  fs::remove(m.dir / "model.safetensors");
  const char* index = "model.safetensors.index.json";
  const auto error = [&](Code code) { return message_of(code, [&] { open_model(m.dir, {}); }); };
  CHECK(has(error(Code::file_missing), "expected model.safetensors or model.safetensors.index.json, got neither"));

  m.put(index, {{"metadata", {{"total_size", 1}}}, {"weight_map", map}});
  const ModelFolder f = open_model(m.dir, {});
  CHECK(f.weights("lm_head.weight"));
  Index bytes = 0;
  for (const auto& [name, t] : tensors) bytes += t.bytes();
  CHECK(f.weight_bytes == bytes);

  Json bad = map;
  bad["model.visual.extra"] = "model-00001-of-00002.safetensors";
  m.put(index, {{"weight_map", bad}});
  CHECK(has(error(Code::bad_weight), "1 tensors named here are not in their files: 'model.visual.extra' in model-00001-of-00002.safetensors"));
  bad = map;
  bad.erase("lm_head.weight");
  m.put(index, {{"weight_map", bad}});
  CHECK(has(error(Code::bad_weight), "lm_head.weight: expected [288, 128], got none"));
  for (const char* outside : {"../model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ""}) {
    bad = map;
    bad["lm_head.weight"] = outside;
    m.put(index, {{"weight_map", bad}});
    CHECK(has(error(Code::bad_safetensors), "weight_map['lm_head.weight']: expected the name of a file in this folder"));
  }
  for (const char* wrong : {"{}", "[]", "{\"weight_map\":[]}", "{\"weight_map\":{}}", "{"}) {
    std::ofstream(m.dir / index) << wrong;
    CHECK(error(Code::bad_safetensors) != "no error");
  }
  m.put(index, {{"weight_map", map}});
  fs::remove(m.dir / "model-00002-of-00002.safetensors");
  CHECK(has(error(Code::file_missing), "names the shard model-00002-of-00002.safetensors, which is not in the folder"));
}

TEST_CASE("org/name is looked up in the Hub cache") {
  const Model m;
  const fs::path hub = m.path / "hub", repo = hub / "models--Org--Small-1.5";
  const auto error = [&](const std::string& name, const fs::path& cache) { return message_of(Code::file_missing, [&] { open_model(name, cache); }); };
  CHECK(has(error("Org/Small-1.5", hub), "no such folder, and no such model in the Hub cache (" + hub.string() + "); get it with: hf download Org/Small-1.5"));
  CHECK(has(error("Org/Small-1.5", {}), "get it with: hf download Org/Small-1.5"));
  CHECK(has(error("nowhere", hub), "[nowhere] no such folder"));
  CHECK(has(error("a/b/c", hub), "no such folder"));
  CHECK(has(error("../x", hub), "no such folder"));
  CHECK(has(error("", hub), "empty name"));
  CHECK(has(error((m.dir / config).string(), hub), "expected a model folder, got a file"));
  fs::create_directories(repo / "refs");
  fs::create_directories(repo / "snapshots");
  std::ofstream(repo / "refs" / "main") << "abc123\n";
  CHECK(has(error("Org/Small-1.5", hub), "snapshot abc123 has no config.json; get it with: hf download"));
  fs::copy(m.dir, repo / "snapshots" / "abc123");
  CHECK(open_model("Org/Small-1.5", hub).path == repo / "snapshots" / "abc123");
  std::ofstream(repo / "refs" / "main") << "../../../etc";
  CHECK(has(message_of(Code::file_unreadable, [&] { open_model("Org/Small-1.5", hub); }), "refs/main"));
}

TEST_CASE("the config's special ids must be the tokenizer's") {
  const Model m;
  m.set(config, "/image_token_id", "5");
  CHECK(has(message_of(Code::bad_model_config, [&] { open_model(m.dir, {}); }), "config.json.image_token_id: expected 268, the tokenizer's <|image_pad|>, got 5"));
}
