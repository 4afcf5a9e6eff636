#include "arrcoc/io/model_folder.hpp"

#include <doctest/doctest.h>

#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/io/model_check.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "demo_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::io;
using test::has;
using test::message_of;
using test::Model;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr const char* config = "config.json";

std::map<std::string, HostTensor, std::less<>> all_tensors(const fs::path& file) {
  static std::vector<SafetensorsFile> kept;
  kept.push_back(SafetensorsFile::open(file));
  std::map<std::string, HostTensor, std::less<>> out;
  for (const auto& [name, entry] : kept.back().entries()) out[name] = kept.back().tensor(name);
  return out;
}

}  // namespace

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
  CHECK(has(message_of(Code::bad_output, [&] { write_demo_model(m.dir / config, 1); }),
            "expected a new or empty folder"));
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
  fs::last_write_time(m.dir / "model.safetensors",
                      fs::last_write_time(m.dir / "model.safetensors") + std::chrono::seconds(1));
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
  tensors["model.language_model.layers.0.self_attn.k_norm.weight"] =
      host_tensor(std::vector<std::int32_t>(32, 1), {32});
  std::string text = open();
  CHECK(has(text, "model.visual.blocks.3.norm2.bias: expected [64], got none"));
  CHECK(has(text, "model.language_model.norm.weight: expected [128], got [64]"));
  CHECK(has(text, "layers.0.self_attn.k_norm.weight: expected F32, BF16 or F16, got I32"));
  tensors.erase("lm_head.weight");
  CHECK(has(open(), "lm_head.weight: expected [288, 128], got none (tie_word_embeddings is false)"));
  for (auto it = tensors.begin(); it != tensors.end();)
    it = it->first.find("visual") != std::string::npos ? tensors.erase(it) : std::next(it);
  CHECK(has(open(), "; and "));
}

TEST_CASE("a tied model needs no head, and one that is there is still checked") {
  const Model m;
  m.set(config, "/tie_word_embeddings", "true");
  auto tensors = all_tensors(m.dir / "model.safetensors");
  tensors["lm_head.weight"] = host_tensor(std::vector<float>(2, 0.0f), {2, 1});
  write_safetensors(m.path / "changed", tensors);
  fs::rename(m.path / "changed", m.dir / "model.safetensors");
  CHECK(has(message_of(Code::bad_weight, [&] { open_model(m.dir, {}); }),
            "lm_head.weight: expected [288, 128], got [2, 1]"));
  tensors.erase("lm_head.weight");
  write_safetensors(m.path / "changed", tensors);
  fs::rename(m.path / "changed", m.dir / "model.safetensors");
  CHECK_FALSE(open_model(m.dir, {}).weights("lm_head.weight"));
}

TEST_CASE("experts may lie in either layout") {
  ModelConfig c;
  c.text.vocab_size = 8;
  c.text.hidden_size = 4;
  c.text.layers = 1;
  c.text.heads = c.text.kv_heads = 1;
  c.text.head_dim = 2;
  c.text.experts = 3;
  c.text.experts_per_token = 1;
  c.text.expert_intermediate_size = 5;
  c.text.tie_word_embeddings = true;
  for (const std::size_t layout : {0, 1}) {
    std::map<std::string, HostTensor> stored;
    for (const auto& e : expected_weights(c))
      if (e.required)
        stored[e.name] = HostTensor{DType::bf16, e.shapes[std::min(layout, e.shapes.size() - 1)], nullptr, nullptr};
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

TEST_CASE("only sparse layers need experts") {
  ModelConfig c;
  c.text.vocab_size = 8;
  c.text.hidden_size = 4;
  c.text.layers = 4;
  c.text.heads = c.text.kv_heads = 1;
  c.text.head_dim = 2;
  c.text.intermediate_size = 7;
  c.text.experts = 3;
  c.text.experts_per_token = 1;
  c.text.expert_intermediate_size = 5;
  c.text.sparse_step = 2;
  c.text.dense_layers = {3};
  std::vector<std::string> sparse, dense;
  for (const auto& e : expected_weights(c)) {
    if (has(e.name, "experts.down_proj")) sparse.push_back(e.name);
    if (has(e.name, "mlp.down_proj.weight")) dense.push_back(e.name);
  }
  const std::string p = "model.language_model.layers.";
  CHECK(sparse == std::vector<std::string>{p + "1.mlp.experts.down_proj"});
  CHECK(dense == std::vector<std::string>{p + "0.mlp.down_proj.weight", p + "2.mlp.down_proj.weight",
                                          p + "3.mlp.down_proj.weight"});
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
  for (std::size_t k = 0; k < 2; ++k)
    write_safetensors(m.dir / ("model-0000" + std::to_string(k + 1) + "-of-00002.safetensors"), half[k]);
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
  CHECK(has(error(Code::bad_weight),
            "1 tensors named here are not in their files: 'model.visual.extra' in model-00001-of-00002.safetensors"));
  bad = map;
  bad.erase("lm_head.weight");
  m.put(index, {{"weight_map", bad}});
  CHECK(open_model(m.dir, {}).weights("lm_head.weight"));  // what a shard holds counts, as in transformers
  for (const char* outside : {"../model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ""}) {
    bad = map;
    bad["lm_head.weight"] = outside;
    m.put(index, {{"weight_map", bad}});
    CHECK(
        has(error(Code::bad_safetensors), "weight_map['lm_head.weight']: expected the name of a file in this folder"));
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
  const auto error = [&](const std::string& name, const fs::path& cache) {
    return message_of(Code::file_missing, [&] { open_model(name, cache); });
  };
  CHECK(has(error("Org/Small-1.5", hub), "no such folder, and no such model in the Hub cache (" + hub.string() +
                                             "); get it with: hf download Org/Small-1.5"));
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
  CHECK(has(message_of(Code::bad_model_config, [&] { open_model(m.dir, {}); }),
            "config.json.image_token_id: expected 268, the tokenizer's <|image_pad|>, got 5"));
}

TEST_CASE("tensors that nobody reads are named; LoRA factors and scales without their values are refused") {
  const Model m;
  const fs::path file = m.dir / "model.safetensors";
  const auto whole = all_tensors(file);
  const auto with = [&](std::initializer_list<std::string> names) {
    auto t = whole;
    for (const auto& name : names) t[name] = host_tensor(std::vector<float>{1, 2}, {2});
    write_safetensors(file, t);
  };
  const auto unused = [&] { return open_model(m.dir.string(), {}).config.unused; };
  const auto refused = [&] { return message_of(Code::bad_weight, [&] { open_model(m.dir.string(), {}); }); };
  CHECK(unused().empty());
  with({"mtp.layers.0.weight", "model.language_model.layers.0.self_attn.rotary_emb.inv_freq"});
  CHECK(unused() == std::vector<std::string>{"1 tensor of the checkpoint: mtp.layers.0.weight"});
  with({"language_model.norm.weight", "x.weight"});  // beside model.language_model.norm.weight, which is read
  CHECK(unused() == std::vector<std::string>{"2 tensors of the checkpoint: language_model.norm.weight, x.weight"});
  with({"base_model.model.q_proj.lora_A.weight", "base_model.model.q_proj.lora_B.weight"});
  CHECK(has(refused(), "LoRA factors that were not merged (base_model.model.q_proj.lora_A.weight, "));
  const std::string q = "model.language_model.layers.0.self_attn.q_proj.weight";
  with({q + "_scale_inv"});
  CHECK(has(refused(), q + "_scale_inv: the scale of a quantised weight; expected F8_E4M3 values beside it, got BF16"));
  with({"model.language_model.layers.0.self_attn.q_proj.qzeros"});
  CHECK(has(refused(), "q_proj.qzeros: the scale of a quantised weight; expected F8_E4M3 values beside it, got none"));
  std::map<std::string, HostTensor, std::less<>> renamed;
  for (const auto& [name, tensor] : whole) renamed["model." + name] = tensor;
  write_safetensors(file, renamed);
  CHECK(unused().empty());
  renamed.clear();
  for (const auto& [name, tensor] : whole) renamed["spare." + name] = tensor;
  write_safetensors(file, renamed);
  CHECK(has(refused(), "expected [288, 128], got none"));
  CHECK(
      has(refused(), "not read: " + std::to_string(whole.size()) + " tensors of the checkpoint: spare.lm_head.weight"));
  for (const std::string wrapper : {"module.", "_orig_mod."}) {
    renamed.clear();
    for (const auto& [name, tensor] : whole) renamed[wrapper + name] = tensor;
    write_safetensors(file, renamed);
    CHECK(has(refused(), "names of tensors begin with " + wrapper));
  }
  with({});
  std::ofstream(m.dir / "adapter_config.json") << "{}";
  CHECK(has(refused(), "LoRA factors that were not merged (adapter_config.json)"));
  fs::remove(m.dir / "adapter_config.json");
  std::ofstream(m.dir / "model.safetensors.index.json") << "{}";
  CHECK(unused() == std::vector<std::string>{"model.safetensors.index.json and its shards, beside model.safetensors"});
}
