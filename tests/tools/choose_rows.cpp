// For tests/oracle/generation.py: rows of scores through the rules of choosing a token.
//   choose_rows < lines > lines     {"scores": [V], "seen": [ids], "new_tokens": N, "config": {...}} in, with the names
//   of generation_config.json; what is left of the scores out, null where a token is dropped
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "arrcoc/qwen3vl/sampling.hpp"

using Json = nlohmann::json;
using namespace arrcoc;

int main() try {
  for (std::string line; std::getline(std::cin, line);) {
    const Json in = Json::parse(line);
    const Json& given = in.at("config");
    auto scores = in.at("scores").get<std::vector<float>>();
    const auto seen = in.at("seen").get<std::vector<TokenId>>();
    qwen3vl::SamplingConfig c;
    c.sample = given.value("do_sample", false);
    c.temperature = given.value("temperature", 1.0f);
    c.top_k = given.value("top_k", Index{0});
    c.top_p = given.value("top_p", 1.0f);
    c.min_p = given.value("min_p", 0.0f);
    c.repetition_penalty = given.value("repetition_penalty", 1.0f);
    c.bans.no_repeat_ngram_size = given.value("no_repeat_ngram_size", Index{0});
    c.bans.min_new_tokens = given.value("min_new_tokens", Index{0});
    c.bans.bad_words_ids = given.value("bad_words_ids", std::vector<std::vector<TokenId>>{});
    c.bans.suppress_tokens = given.value("suppress_tokens", std::vector<TokenId>{});
    c.bans.begin_suppress_tokens = given.value("begin_suppress_tokens", std::vector<TokenId>{});
    c.bans.stop_ids = given.value("eos_token_id", std::vector<TokenId>{});
    qwen3vl::adjust_scores(scores, seen, c, in.at("new_tokens"));
    Json out = Json::array();
    for (const float s : scores) out.push_back(std::isfinite(s) ? Json(s) : Json());
    std::cout << out.dump() << '\n';
  }
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
