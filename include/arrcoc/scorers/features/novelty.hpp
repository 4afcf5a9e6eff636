#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/primitives/neighbours.hpp"

namespace arrcoc {

struct NoveltyConfig {
  std::string from = "all";  ///< all: mean cosine with every other; mean: distance from the mean; around: neighbours
  Index radius = 1;          ///< around: cells to each side; 1..64
  std::string validate() const {
    if (from != "all" && from != "mean" && from != "around")
      return "from: expected all, mean or around, got '" + from + "'";
    return radius >= 1 && radius <= 64 ? "" : "radius: expected 1..64, got " + std::to_string(radius);
  }
  bool operator==(const NoveltyConfig&) const = default;
};

/// How unlike other tokens a token is, by its merged vision embedding: [N, D] -> [N]. O(N D), `around` O(N D radius^2).
///   all     1 - mean cosine with all other tokens, through the sum of unit rows; a lone token: 0
///   mean    Euclidean distance from the picture's mean embedding
///   around  1 - mean cosine with the living tokens around it; without any: 0
/// Source: `all` is Cen-Prune's distinctiveness on raw features, and the mean-cosine control of pruning studies;
/// `around` is centre-surround (Itti, Koch, Niebur 1998, section II) on embeddings in place of colours.
struct NoveltyScorer {
  static constexpr std::string_view name = "novelty";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr bool row_wise = false;
  using Config = NoveltyConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    FeatureRows x(*e.vision, e.count(), name);
    if (config.from == "mean") {
      x.centre();
      std::vector<float> out;
      for (std::size_t i = 0; i < x.count; ++i)
        out.push_back(static_cast<float>(std::sqrt(dot_of(x.row(i), x.row(i)))));
      return out;
    }
    x.normalise();
    return config.from == "all" ? against_all(x) : against_neighbours(x, e.tokens);
  }

 private:
  static std::vector<float> against_all(const FeatureRows& x) {
    std::vector<double> sum = x.mean();
    for (double& s : sum) s *= static_cast<double>(x.count);
    std::vector<float> out(x.count);
    for (std::size_t i = 0; i < x.count && x.count > 1; ++i)
      out[i] = static_cast<float>(1 - (dot_of(x.row(i), sum) - dot_of(x.row(i), x.row(i))) /
                                          static_cast<double>(x.count - 1));
    return out;
  }
  std::vector<float> against_neighbours(const FeatureRows& x, const TokenSet& tokens) const {
    const Grid g = tokens.grid;
    const std::vector<Index> cells = covering(tokens);
    std::vector<float> out(x.count);
    for (std::size_t i = 0; i < x.count; ++i) {
      const Place p = tokens.at(static_cast<Index>(i));
      const Window w =
          window_around(g, static_cast<Index>(p.centre_row()), static_cast<Index>(p.centre_col()), config.radius);
      double sum = 0, count = 0;
      for_each_living(cells, g, p.frame, w, [&](Index other) {
        if (other == static_cast<Index>(i)) return;
        sum += dot_of(x.row(i), x.row(static_cast<std::size_t>(other)));
        count += 1;
      });
      if (count > 0) out[i] = static_cast<float>(1 - sum / count);
    }
    return out;
  }
};
static_assert(check_scorer<NoveltyScorer>());

}  // namespace arrcoc
