#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct Grid2dConfig {
  bool operator==(const Grid2dConfig&) const = default;
};

/// A lattice that covers rows and columns evenly, exactly K tokens: see selection::lattice. O(K). Relevance is not
/// looked at. The stronger of the two uniform controls.
struct Grid2dAllocator {
  static constexpr std::string_view name = "grid";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = Grid2dConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    return selection::finish(e.tokens, selection::lattice(e.tokens, k), Cause::lattice, clamped,
                             [](Index) { return 0.f; });
  }
};
static_assert(check_allocator<Grid2dAllocator>());

}  // namespace arrcoc
