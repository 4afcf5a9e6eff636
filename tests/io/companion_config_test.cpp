// generation_config.json and the limits in preprocessor_config.json.
#include <doctest/doctest.h>

#include "arrcoc/io/model_folder.hpp"
#include "demo_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::io;
using test::Model;
using Json = nlohmann::json;

namespace {
constexpr const char *pictures = "preprocessor_config.json", *generation = "generation_config.json";
}  // namespace

TEST_CASE("limits of the pictures: whole numbers written as floats, and transformers' own without a size") {
  const Model m;
  const auto limits = [&](const char* size, const char* key = "", const char* value = "") {
    Json j = m.json(pictures);
    j.erase("size");
    if (*size) j["size"] = Json::parse(size);
    if (*key) j[key] = Json::parse(value);
    m.put(pictures, j);
    const PreprocessConfig c = read_model_config(m.dir).preprocess;
    if (*key) j.erase(key), m.put(pictures, j);
    return std::pair(c.min_pixels, c.max_pixels);
  };
  CHECK(limits(R"({"shortest_edge":1024.0,"longest_edge":50000.0})") == std::pair<Index, Index>{1024, 50000});
  CHECK(limits("") == std::pair<Index, Index>{3136, 1003520});
  CHECK(limits("", "min_pixels", "1024") == std::pair<Index, Index>{1024, 1003520});
  CHECK(limits("", "max_pixels", "50000.0") == std::pair<Index, Index>{3136, 50000});
  m.set(pictures, "/resample", "3.0");
  CHECK(read_model_config(m.dir).preprocess.min_pixels == 3136);
}

TEST_CASE("generation_config: what forbids tokens is read, what says something else is named") {
  const Model m;
  CHECK(read_model_config(m.dir).unused.empty());
  Json j = m.json(generation);
  j.update(Json::parse(R"({"no_repeat_ngram_size":3,"bad_words_ids":[[1,2],[3]],"suppress_tokens":[5,-1],"min_p":0.25,
    "begin_suppress_tokens":[6],"min_new_tokens":2,"max_new_tokens":99,"num_beams":1,"typical_p":1.0,"num_return_sequences":1,
    "early_stopping":false,"top_h":null,"pad_token_id":7,"use_cache":false})"));
  m.put(generation, j);
  const GenerationDefaults g = read_model_config(m.dir).generation;
  CHECK(g.bans.no_repeat_ngram_size == 3);
  CHECK(g.bans.bad_words_ids == std::vector<std::vector<TokenId>>{{1, 2}, {3}});
  CHECK(g.bans.suppress_tokens == std::vector<TokenId>{5, -1});
  CHECK(g.bans.begin_suppress_tokens == std::vector<TokenId>{6});
  CHECK(g.bans.min_new_tokens == 2);
  CHECK(g.bans.stop_ids == g.stop_ids);
  CHECK(g.max_new_tokens == 99);
  CHECK(g.min_p == 0.25f);
  CHECK(read_model_config(m.dir).unused.empty());
  j.update(Json::parse(R"({"num_beams":4,"early_stopping":true,"my_own":[1]})"));
  m.put(generation, j);
  CHECK(read_model_config(m.dir).unused == std::vector<std::string>{"generation_config.json's early_stopping (true)",
                                                                    "generation_config.json's my_own ([1])",
                                                                    "generation_config.json's num_beams (4)"});
}
