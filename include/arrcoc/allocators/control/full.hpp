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
  static constexpr Needs needs{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::own_count;
  static constexpr bool ignores_budget = true;
  using Config = FullConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget, Rng&) const {
    selection::check_relevance(relevance, e.grid, name);
    return keep_everything(e.grid);
  }
};
static_assert(check_allocator<FullAllocator>());

}  // namespace arrcoc
