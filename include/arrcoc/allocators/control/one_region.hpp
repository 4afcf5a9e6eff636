#pragma once
#include <span>
#include <string_view>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct OneRegionConfig {
  bool operator==(const OneRegionConfig&) const = default;
};

/// The whole picture as one region that gets the whole budget: what `downsample` and `tier` make one resolution of.
/// O(N).
struct OneRegionAllocator {
  static constexpr std::string_view name = "one_region";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::tiers;
  using Config = OneRegionConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    const auto [tokens, clamped] = budget.resolve(e.tokens.count());
    Allocation a = keep_everything(e.tokens);
    a.regions.push_back({0, 0, e.tokens.grid.rows, e.tokens.grid.cols, tokens});
    a.clamped = clamped;
    return a;
  }
};
static_assert(check_allocator<OneRegionAllocator>());

}  // namespace arrcoc
