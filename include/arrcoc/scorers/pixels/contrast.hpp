#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/neighbours.hpp"

namespace arrcoc {

struct ContrastConfig {
  Index radius = 1;  ///< cells to each side of the neighbourhood; 1..64
  std::string validate() const {
    return radius >= 1 && radius <= 64 ? "" : "radius: expected 1..64, got " + std::to_string(radius);
  }
  bool operator==(const ContrastConfig&) const = default;
};

/// Local contrast: the Euclidean distance of a token's textures from the mean of its neighbours', position channels
/// left out: [N, C] -> [N]. O(N C radius^2). Source: the centre-surround idea of Itti, Koch, Niebur 1998, section II;
/// here on pooled cells, one scale. The plain control for "perspectival".
struct ContrastScorer {
  static constexpr std::string_view name = "contrast";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = false;
  static constexpr bool common_scale = true;
  using Config = ContrastConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const Textures& t = *e.textures;
    require_that(t.count() == e.count(), Code::shape_mismatch, name, "textures: expected one row for each token");
    const Grid g = e.tokens.grid;
    const std::vector<Index> cells = covering(e.tokens);
    std::vector<double> squares(static_cast<std::size_t>(e.count()));
    for (Index ch = 0; ch < t.channel_count(); ++ch) {
      if (t.channels[static_cast<std::size_t>(ch)] == "row" || t.channels[static_cast<std::size_t>(ch)] == "col")
        continue;
      for (Index i = 0; i < e.count(); ++i) {
        const Place p = e.tokens.at(i);
        const auto r = static_cast<Index>(p.centre_row()), c = static_cast<Index>(p.centre_col());
        double sum = 0;
        Index count = 0;
        const Window w = window_around(g, r, c, config.radius);
        for_each_living(cells, g, p.frame, w, [&](Index other) {
          if (other == i) return;
          sum += t.at(other, ch);
          ++count;
        });
        const double difference = count ? t.at(i, ch) - sum / static_cast<double>(count) : 0.0;
        squares[static_cast<std::size_t>(i)] += difference * difference;
      }
    }
    std::vector<float> out(squares.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(std::sqrt(squares[i]));
    return out;
  }
};
static_assert(check_scorer<ContrastScorer>());

}  // namespace arrcoc
