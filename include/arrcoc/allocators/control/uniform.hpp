#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct UniformConfig {
  bool operator==(const UniformConfig&) const = default;
};

/// Every N/K-th token in raster order: floor((i + 1/2) N / K). O(K). Strided in one dimension: when N/K is near a
/// multiple of the row width it picks vertical stripes, which is why "grid" exists.
struct UniformAllocator {
  static constexpr std::string_view name = "uniform";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = UniformConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    std::vector<Index> order(static_cast<std::size_t>(k));
    for (Index i = 0; i < k; ++i) order[static_cast<std::size_t>(i)] = (2 * i + 1) * e.count() / (2 * k);
    return selection::finish(e.tokens, order, Cause::lattice, clamped, [](Index) { return 0.f; });
  }
};
static_assert(check_allocator<UniformAllocator>());

}  // namespace arrcoc
