// A scorer that asks word by word: the best cosine of a token's merged embedding with any word of the question.
#include "arrcoc/engine/plugin.hpp"
#include "arrcoc/primitives/feature_rows.hpp"

struct WordMatchScorer {
  static constexpr std::string_view name = "word_match";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::vision, arrcoc::Need::vision | arrcoc::Need::question};
  struct Config {
  } config{};
  std::vector<float> score(const arrcoc::Evidence& e) const {
    arrcoc::FeatureRows tokens(*e.vision, e.count(), name), words(*e.question, -1, name);
    tokens.normalise(), words.normalise();
    std::vector<float> best(tokens.count, -1.f);
    for (std::size_t t = 0; t < tokens.count; ++t)
      for (std::size_t w = 0; w < words.count; ++w)
        best[t] = std::max(best[t], static_cast<float>(arrcoc::dot_of(tokens.row(t), words.row(w))));
    return best;
  }
};
ARRCOC_PLUGIN(WordMatchScorer)
