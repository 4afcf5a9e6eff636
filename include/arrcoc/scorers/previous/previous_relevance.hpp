#pragma once
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/overlap.hpp"

namespace arrcoc {

struct PreviousRelevanceConfig {
  bool operator==(const PreviousRelevanceConfig&) const = default;
};

/// The relevance that an earlier look gave to a token's place: [N], the mean over its tokens by the area they share; 0
/// where it saw nothing. O(N N'). Source: ours.
struct PreviousRelevanceScorer {
  static constexpr std::string_view name = "previous_relevance";
  static constexpr Needs may_need{Phase::pixels, Need::previous};
  static constexpr bool row_wise = false;
  using Config = PreviousRelevanceConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const { return carried(*e.previous, e.tokens); }
};
static_assert(check_scorer<PreviousRelevanceScorer>());

}  // namespace arrcoc
