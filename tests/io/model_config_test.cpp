#include <doctest/doctest.h>

#include "demo_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::io;
using test::has;
using test::message_of;
using test::Model;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string config_error(const Model& m, Code code = Code::bad_model_config) {
  return message_of(code, [&] { read_model_config(m.dir); });
}

constexpr const char* config = "config.json";
constexpr const char* pictures = "preprocessor_config.json";
constexpr const char* generation = "generation_config.json";

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
  const struct {
    const char *file, *pointer, *value, *message;
  } table[] = {
      {config, "/model_type", "\"qwen2_vl\"",
       "config.json.model_type: expected \"qwen3_vl\" or \"qwen3_vl_moe\", got \"qwen2_vl\""},
      {config, "/model_type", "", "got none"},
      {config, "/model_type", "7", "got none"},
      {config, "/text_config", "", "config.json.text_config: expected, got none"},
      {config, "/text_config", "[]", "config.json.text_config: expected an object, got []"},
      {config, "/vision_config", "3", "config.json.vision_config: expected an object, got 3"},
      {config, "/text_config/vocab_size", "", "config.json.text_config.vocab_size: expected, got none"},
      {config, "/text_config/vocab_size", "0", "vocab_size: expected an integer from 1 to 16777216, got 0"},
      {config, "/text_config/vocab_size", "1e18", "vocab_size: expected an integer"},
      {config, "/text_config/vocab_size", "18446744073709551615", "vocab_size: expected an integer"},
      {config, "/text_config/vocab_size", "268", "image_token_id: expected an integer from 0 to 267, got 268"},
      {config, "/text_config/hidden_size", "\"128\"",
       "text_config.hidden_size: expected an integer from 1 to 131072, got \"128\""},
      {config, "/text_config/hidden_size", "-128", "text_config.hidden_size: expected an integer"},
      {config, "/text_config/hidden_size", "128.0", "text_config.hidden_size: expected an integer"},
      {config, "/text_config/num_hidden_layers", "1000000", "num_hidden_layers: expected an integer from 1 to 4096"},
      {config, "/text_config/num_attention_heads", "3",
       "num_attention_heads: expected a multiple of num_key_value_heads (2), got 3"},
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
      {config, "/text_config/rope_scaling/mrope_section", "[8,8]",
       "mrope_section: expected a list of 3 integers, got [8,8]"},
      {config, "/text_config/rope_scaling/mrope_section", "[8,4,4,0]", "mrope_section: expected a list of 3 integers"},
      {config, "/text_config/rope_scaling/mrope_section", "[6,5,6]", "got 17"},
      {config, "/text_config/rope_scaling/mrope_section", "[20,-2,-2]", "mrope_section[1]: expected an integer from 0"},
      {config, "/text_config/rope_scaling/rope_type", "\"linear\"",
       "rope_type: expected \"default\" or \"yarn\", got \"linear\""},
      {config, "/text_config/rope_scaling/rope_type", "\"yarn\"", "rope_scaling.factor: expected, got none"},
      {config, "/text_config/rope_scaling/partial_rotary_factor", "0.5",
       "partial_rotary_factor: expected 1.0, got 0.5"},
      {config, "/text_config/max_position_embeddings", "0", "max_position_embeddings: expected an integer from 1"},
      {config, "/vision_config/depth", "2", "deepstack_visual_indexes[2]: expected an integer from 0 to 1, got 2"},
      {config, "/vision_config/deepstack_visual_indexes", "[2,1,0]",
       "deepstack_visual_indexes: expected ascending distinct blocks, got [2,1,0]"},
      {config, "/vision_config/deepstack_visual_indexes", "[1,1]", "expected ascending distinct blocks"},
      {config, "/vision_config/deepstack_visual_indexes", "", "deepstack_visual_indexes: expected, got none"},
      {config, "/vision_config/deepstack_visual_indexes", "\"all\"",
       "deepstack_visual_indexes: expected a list of integers"},
      {config, "/vision_config/num_heads", "5",
       "vision_config.hidden_size: expected a multiple of num_heads (5), got 64"},
      {config, "/vision_config/num_heads", "32", "hidden_size: expected a multiple of 4 for each head, got 2"},
      {config, "/vision_config/num_position_embeddings", "575",
       "num_position_embeddings: expected a perfect square, got 575"},
      {config, "/vision_config/out_hidden_size", "64", "out_hidden_size: expected the text hidden_size (128), got 64"},
      {config, "/vision_config/hidden_act", "\"gelu\"", "vision_config.hidden_act: expected \"gelu_pytorch_tanh\""},
      {config, "/vision_config/in_channels", "4", "in_channels: expected an integer from 3 to 3, got 4"},
      {config, "/vision_config/patch_size", "14",
       "preprocessor_config.json.patch_size: expected 14 as vision_config.patch_size says, got 16"},
      {config, "/vision_config/spatial_merge_size", "0", "spatial_merge_size: expected an integer from 1"},
      {config, "/image_token_id", "", "config.json.image_token_id: expected, got none"},
      {config, "/vision_end_token_id", "-1", "vision_end_token_id: expected an integer from 0 to 287, got -1"},
      {pictures, "/size/shortest_edge", "", "preprocessor_config.json.size.shortest_edge: expected, got none"},
      {pictures, "/size/shortest_edge", "1024.5", "size.shortest_edge: expected an integer from 1"},
      {pictures, "/size/longest_edge", "1000",
       "size: expected shortest_edge <= longest_edge (pixel counts), got 65536 and 1000"},
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
      {pictures, "/resample", "4", "resample: expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic), got 4 (box)"},
      {pictures, "/resample", "0", "resample: expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic), got 0 (nearest)"},
      {config, "/quantization_config", "{\"quant_method\":\"gptq\"}",
       "quantization_config.quant_method: expected \"fp8\" (or no quantisation), got \"gptq\""},
      {config, "/quantization_config", "{\"quant_method\":\"fp8\"}",
       "quantization_config.weight_block_size: expected, got none"},
      {config, "/quantization_config",
       "{\"quant_method\":\"fp8\",\"weight_block_size\":[128,128],\"activation_scheme\":\"static\"}",
       "activation_scheme: expected \"dynamic\", got \"static\""},
      {generation, "/top_k", "-1", "generation_config.json.top_k: expected an integer from 0"},
      {generation, "/top_p", "1.5", "generation_config.json.top_p: expected a number from 0.0 to 1.0, got 1.5"},
      {generation, "/temperature", "0", "temperature: expected more than 0 when do_sample is true"},
      {generation, "/repetition_penalty", "0", "repetition_penalty: expected a number from 0.001"},
      {generation, "/min_p", "1.5", "generation_config.json.min_p: expected a number from 0.0 to 1.0, got 1.5"},
      {generation, "/max_new_tokens", "0", "max_new_tokens: expected an integer from 1"},
      {generation, "/bad_words_ids", "[]", "bad_words_ids: expected lists of token ids, got []"},
      {generation, "/bad_words_ids", "[[1],[288]]", "bad_words_ids: expected lists of token ids, got [288]"},
      {generation, "/suppress_tokens", "7", "suppress_tokens: expected a list of integers"},
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
  for (const char* part : {"text_config.head_dim", "vision_config.depth", "image_std", "top_p"})
    CHECK_MESSAGE(has(text, part), text);
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
  CHECK(t.yarn_attention_factor == 0);
  CHECK(t.yarn_truncate);
  with(R"({"factor":2,"attention_factor":1.5,"mscale":2,"mscale_all_dim":1})");
  CHECK(read_model_config(m.dir).text.yarn_attention_factor == 1.5);
  with(R"({"factor":3,"mscale":0.707,"mscale_all_dim":1})");
  CHECK(read_model_config(m.dir).text.yarn_attention_factor == doctest::Approx(0.9709969686112547).epsilon(1e-12));
  with(R"({"factor":3,"mscale":0.707})");
  CHECK(read_model_config(m.dir).text.yarn_attention_factor == 0);
  with(R"({"factor":1,"mscale":2,"mscale_all_dim":1})");
  CHECK(read_model_config(m.dir).text.yarn_attention_factor == 1.0);
  with(R"({"factor":2,"truncate":false})");
  CHECK_FALSE(read_model_config(m.dir).text.yarn_truncate);
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
  text["mlp_only_layers"] = {0, 4};
  text["decoder_sparse_step"] = 0;
  text["norm_topk_prob"] = "yes";
  m.put(config, j);
  const std::string error = config_error(m);
  CHECK(has(error, "num_experts_per_tok: expected at most the number of experts (4), got 5"));
  CHECK(has(error, "mlp_only_layers[1]: expected an integer from 0 to 3, got 4"));
  CHECK(has(error, "decoder_sparse_step: expected an integer from 1 to 4096, got 0"));
  CHECK(has(error, "norm_topk_prob: expected true or false, got \"yes\""));
  CHECK(has(error, "text_config.intermediate_size: expected, got none"));
}

TEST_CASE("which layers have experts") {
  const Model m;
  Json j = m.json(config);
  j["model_type"] = "qwen3_vl_moe";
  Json& text = j["text_config"];
  text["num_experts"] = 8;
  text["num_experts_per_tok"] = 8;
  text["moe_intermediate_size"] = 48;
  text["num_hidden_layers"] = 6;
  const auto sparse = [&](Json step, Json only) {
    text["decoder_sparse_step"] = std::move(step);
    text["mlp_only_layers"] = std::move(only);
    m.put(config, j);
    const TextConfig t = read_model_config(m.dir).text;
    std::string layers;
    for (Index l = 0; l < t.layers; ++l) layers += t.sparse(l) ? 'x' : '-';
    return layers;
  };
  CHECK(sparse(1, nullptr) == "xxxxxx");
  CHECK(sparse(nullptr, Json::array()) == "xxxxxx");
  CHECK(sparse(2, Json::array()) == "-x-x-x");
  CHECK(sparse(3, Json{2}) == "-----x");
  CHECK(sparse(1, Json{0, 5}) == "-xxxx-");
  text["num_experts"] = 0;
  m.put(config, j);
  CHECK(has(config_error(m), "num_experts: expected an integer from 1 to 4096, got 0"));
  text.erase("num_experts");
  text["moe_intermediate_size"] = -3;
  m.put(config, j);
  const std::string error = config_error(m);
  CHECK(has(error, "num_experts: expected, got none"));
  CHECK(has(error, "moe_intermediate_size: expected an integer from 1 to 4194304, got -3"));
}

TEST_CASE("the flag that ties the head counts at either place") {
  const Model m;
  m.set(config, "/text_config/tie_word_embeddings", "true");
  CHECK(read_model_config(m.dir).text.tie_word_embeddings);
  m.set(config, "/text_config/tie_word_embeddings", "");
  m.set(config, "/tie_word_embeddings", "true");
  CHECK(read_model_config(m.dir).text.tie_word_embeddings);
}
