#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/normalise.hpp"

namespace arrcoc {

struct RankFusionConfig {
  double constant = 60;  ///< added to every rank: how little the first places stand out; >= 0
  std::string validate() const {
    return constant >= 0 && constant < 1e6 ? ""
                                           : "constant: expected a number in [0, 1e6), got " + std::to_string(constant);
  }
  bool operator==(const RankFusionConfig&) const = default;
};

/// Reciprocal rank fusion: sum over maps of 1 / (constant + rank), rank 1 = most relevant, equal values share their
/// mean rank; divided by the sum of a token that is first in every map. [M, N] -> [N] in (0, 1]. O(M N log N). Maps
/// count alike. Source: Cormack, Clarke, Buettcher 2009, constant 60.
struct RankFusionBalancer {
  static constexpr std::string_view name = "rank_fusion";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = RankFusionConfig;
  Config config{};

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto parts = balance::split_maps(maps, e.count(), name);
    const auto count = static_cast<double>(parts.size());
    const auto last = static_cast<double>(parts[0].size() - 1);
    std::vector<double> sum(parts[0].size());
    for (const auto& part : parts) {
      const auto x = balance::ranks(part);  // 1 = most relevant, 0 = least
      for (std::size_t i = 0; i < x.size(); ++i)
        sum[i] += 1 / (config.constant + 1 + (1 - static_cast<double>(x[i])) * last);
    }
    Balanced out;
    for (const double s : sum) out.relevance.push_back(static_cast<float>(s * (config.constant + 1) / count));
    out.weights.assign(parts.size(), static_cast<float>(1 / count));
    return out;
  }
};
static_assert(check_balancer<RankFusionBalancer>());

}  // namespace arrcoc
