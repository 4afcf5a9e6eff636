#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/normalise.hpp"

namespace arrcoc {

struct MaxSumConfig {
  float most = 0.5f;              ///< share of the maximum over maps; the mean has the rest; [0, 1]
  std::string scale = "min_max";  ///< of each map over its picture: min_max, or rank
  std::string validate() const {
    if (!(most >= 0.f && most <= 1.f)) return "most: expected a number in [0, 1], got " + std::to_string(most);
    return balance::scale_problem(scale);
  }
  bool operator==(const MaxSumConfig&) const = default;
};

/// relevance = most max over maps + (1 - most) mean of maps: a token is relevant where any map says so, more so where
/// all do. [M, N] -> [N] in [0, 1]. O(M N); O(M N log N) with ranks. Maps count alike. Source: ours; the maximum over
/// maps is how Li 2002 reads salience out of feature maps.
struct MaxSumBalancer {
  static constexpr std::string_view name = "max_sum";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = MaxSumConfig;
  Config config{};

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto parts = balance::split_maps(maps, e.count(), name);
    const auto count = static_cast<double>(parts.size());
    const auto most = static_cast<double>(config.most);
    std::vector<double> sum(parts[0].size()), top(parts[0].size());
    for (const auto& part : parts) {
      const auto x = balance::scaled(part, config.scale);
      for (std::size_t i = 0; i < x.size(); ++i) {
        sum[i] += static_cast<double>(x[i]);
        top[i] = std::max(top[i], static_cast<double>(x[i]));
      }
    }
    Balanced out;
    for (std::size_t i = 0; i < sum.size(); ++i)
      out.relevance.push_back(static_cast<float>(most * top[i] + (1 - most) * sum[i] / count));
    out.weights.assign(parts.size(), static_cast<float>(1 / count));
    return out;
  }
};
static_assert(check_balancer<MaxSumBalancer>());

}  // namespace arrcoc
