#pragma once
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/normalise.hpp"

namespace arrcoc {

struct ProductOfExpertsConfig {
  double floor = 0.01;            ///< the least a map can say, so that no map alone forbids a token; (0, 1)
  std::string scale = "min_max";  ///< of each map over its picture: min_max, or rank
  std::string validate() const {
    if (!(floor > 0 && floor < 1)) return "floor: expected a number in (0, 1), got " + std::to_string(floor);
    return balance::scale_problem(scale);
  }
  bool operator==(const ProductOfExpertsConfig&) const = default;
};

/// Geometric mean over maps of floor + (1 - floor) x: a token is relevant where every map says so. [M, N] -> [N] in
/// [floor, 1]. O(M N); O(M N log N) with ranks. Maps count alike. Source: Hinton 2002, section 1 (products of experts);
/// the root is ours, so that the number of maps does not change the scale.
struct ProductOfExpertsBalancer {
  static constexpr std::string_view name = "product_of_experts";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = ProductOfExpertsConfig;
  Config config{};

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto parts = balance::split_maps(maps, e.count(), name);
    const auto count = static_cast<double>(parts.size());
    std::vector<double> sum(parts[0].size());
    for (const auto& part : parts) {
      const auto x = balance::scaled(part, config.scale);
      for (std::size_t i = 0; i < x.size(); ++i)
        sum[i] += std::log(config.floor + (1 - config.floor) * static_cast<double>(x[i]));
    }
    Balanced out;
    for (const double s : sum) out.relevance.push_back(static_cast<float>(std::exp(s / count)));
    out.weights.assign(parts.size(), static_cast<float>(1 / count));
    return out;
  }
};
static_assert(check_balancer<ProductOfExpertsBalancer>());

}  // namespace arrcoc
