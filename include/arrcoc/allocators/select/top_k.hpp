#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct TopKConfig {
  bool operator==(const TopKConfig&) const = default;
};

/// The K most relevant tokens; equal ones by the smaller index. [N] -> K. O(N + K log K). Every kept token at full
/// depth. Source: the plain selection that every pruning method ends in; NaN counts as lowest.
struct TopKAllocator {
  static constexpr std::string_view name = "top_k";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = TopKConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    return selection::most_relevant(relevance, e.tokens, budget, name);
  }
};
static_assert(check_allocator<TopKAllocator>());

}  // namespace arrcoc
