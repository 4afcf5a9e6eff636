#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/normalise.hpp"

namespace arrcoc {

struct FixedWeightsConfig {
  float first = 0.33f;            ///< weight of map 0 (information); >= 0
  float second = 0.33f;           ///< weight of map 1 (perspectival); >= 0
  float rest = 0.34f;             ///< shared evenly by maps 2 and on (participatory); >= 0
  std::string scale = "min_max";  ///< of each map over its picture: min_max, rank, or none (as it comes)
  std::string validate() const {
    for (const float w : {first, second, rest})
      if (!(w >= 0.f && w < 1e6f)) return "weights: expected numbers in [0, 1e6), got " + std::to_string(w);
    if (scale == "none" || balance::scale_problem(scale).empty()) return {};
    return "scale: expected min_max, rank or none, got '" + scale + "'";
  }
  bool operator==(const FixedWeightsConfig&) const = default;
};

/// A weighted sum of the maps, each scaled over its picture: [M, N] -> [N] in [0, 1]. O(M N).
/// The weights of the maps that are there are divided by their sum. A constant map counts as all ones. `none` leaves
/// units as they are, for allocators that read more than an order: of one map the relevance is the map, bit for bit.
/// Source: the fixed .33/.33/.34 of the early sketches.
struct FixedWeightsBalancer {
  static constexpr std::string_view name = "fixed";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = FixedWeightsConfig;
  Config config{};

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto parts = balance::split_maps(maps, e.count(), name);
    double total = 0;
    std::vector<double> weights;
    for (std::size_t m = 0; m < parts.size(); ++m) {
      const double w = m == 0   ? config.first
                       : m == 1 ? config.second
                                : config.rest / static_cast<double>(parts.size() - 2);
      weights.push_back(w);
      total += w;
    }
    require_that(total > 0, Code::bad_config, name,
                 "weights: expected one above 0 among the maps that are there, got none");
    std::vector<double> sum(parts[0].size());
    Balanced out;
    for (std::size_t m = 0; m < parts.size(); ++m) {
      out.weights.push_back(static_cast<float>(weights[m] / total));
      const auto x = config.scale == "none" ? std::vector<float>(parts[m].begin(), parts[m].end())
                                            : balance::scaled(parts[m], config.scale);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weights[m] / total * x[i];
    }
    out.relevance.assign(sum.begin(), sum.end());
    return out;
  }
};
static_assert(check_balancer<FixedWeightsBalancer>());

}  // namespace arrcoc
