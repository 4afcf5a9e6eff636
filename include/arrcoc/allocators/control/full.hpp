#pragma once
#include <span>
#include <string_view>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct FullConfig {
  bool operator==(const FullConfig&) const = default;
};

/// Every token at full depth, whatever the budget: the stock model. O(N).
struct FullAllocator {
  static constexpr std::string_view name = "full";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::everything;
  using Config = FullConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    return keep_everything(e.tokens);
  }
};
static_assert(check_allocator<FullAllocator>());

}  // namespace arrcoc
