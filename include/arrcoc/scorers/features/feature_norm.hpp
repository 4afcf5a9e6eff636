#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/feature_rows.hpp"

namespace arrcoc {

struct FeatureNormConfig {
  std::string norm = "l2";  ///< l2 or l1
  std::string validate() const {
    return norm == "l2" || norm == "l1" ? "" : "norm: expected l2 or l1, got '" + norm + "'";
  }
  bool operator==(const FeatureNormConfig&) const = default;
};

/// Norm of a token's merged vision embedding: [N, D] -> [N], >= 0. O(N D). A control: cheap, and high on sink tokens in
/// blank ground. Source: the norm baseline of pruning studies; DART (arXiv 2502.11494) takes the L1 norm of keys.
struct FeatureNormScorer {
  static constexpr std::string_view name = "feature_norm";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr bool row_wise = true;
  using Config = FeatureNormConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const FeatureRows x(*e.vision, e.count(), name);
    std::vector<float> out;
    for (std::size_t i = 0; i < x.count; ++i) {
      double sum = 0;
      for (const double v : x.row(i)) sum += config.norm == "l2" ? v * v : std::abs(v);
      out.push_back(static_cast<float>(config.norm == "l2" ? std::sqrt(sum) : sum));
    }
    return out;
  }
};
static_assert(check_scorer<FeatureNormScorer>());

}  // namespace arrcoc
