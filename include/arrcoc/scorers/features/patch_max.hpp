#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/feature_rows.hpp"

namespace arrcoc {

struct PatchMaxConfig {
  std::string over = "max";  ///< how a token's cosines with the question's words become one: max, mean or sum
  Index level = -1;          ///< of the features: -1 merged embeddings, 0 and on a DeepStack level
  bool centred = false;      ///< subtract the picture's mean feature first
  std::string validate() const {
    if (over != "max" && over != "mean" && over != "sum") return "over: expected max, mean or sum, got '" + over + "'";
    return level >= -1 ? "" : "level: expected -1 or more, got " + std::to_string(level);
  }
  bool operator==(const PatchMaxConfig&) const = default;
};

/// Late interaction: a token's cosine with each word token of the question, then over words `max`, `mean` or `sum` (the
/// order of `mean`; maps that are taken as they come differ): [N, D], [Q, D] -> [N]. O(N Q D). Source: MaxSim of
/// ColBERT (Khattab, Zaharia 2020), with the roles turned round, since tokens are scored here; CDPruner (arXiv
/// 2506.10967) takes the mean. Error{bad_config} for a level that the model does not have, Error{shape_mismatch} for
/// features of another width than the words.
struct PatchMaxScorer {
  static constexpr std::string_view name = "patch_max";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::deepstack | Need::question};
  static constexpr bool row_wise = false;
  using Config = PatchMaxConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    FeatureRows x(features(e), e.count(), name), words(*e.question, -1, name);
    require_that(words.width == x.width, Code::shape_mismatch, name, [&] {
      return "features: expected the width of the question's words, " + std::to_string(words.width) + ", got " +
             std::to_string(x.width);
    });
    if (config.centred) x.centre();
    x.normalise();
    words.normalise();
    std::vector<float> out;
    for (std::size_t i = 0; i < x.count; ++i) {
      double most = -1, sum = 0;
      for (std::size_t w = 0; w < words.count; ++w) {
        const double cosine = dot_of(x.row(i), words.row(w));
        most = std::max(most, cosine);
        sum += cosine;
      }
      out.push_back(static_cast<float>(config.over == "max"    ? most
                                       : config.over == "mean" ? sum / static_cast<double>(words.count)
                                                               : sum));
    }
    return out;
  }

 private:
  const HostTensor& features(const Evidence& e) const {
    if (config.level < 0) return *e.vision;
    const auto& levels = *e.deepstack;
    require_that(config.level < static_cast<Index>(levels.size()), Code::bad_config, name, [&] {
      return "level: expected one of the model's " + std::to_string(levels.size()) + " levels, got " +
             std::to_string(config.level);
    });
    return levels[static_cast<std::size_t>(config.level)];
  }
};
static_assert(check_scorer<PatchMaxScorer>());

}  // namespace arrcoc
