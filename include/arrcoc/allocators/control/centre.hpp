#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct CentreConfig {
  bool operator==(const CentreConfig&) const = default;
};

/// The K tokens nearest the middle of the grid (distance in tokens, equal ones by the smaller index). O(N + K log K).
/// A control: photographers centre their subject.
struct CentreAllocator {
  static constexpr std::string_view name = "centre";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = CentreConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    std::vector<float> near(relevance.size());
    for (Index t = 0; t < e.count(); ++t) {
      const Place p = e.tokens.at(t);
      const float r = 2 * p.row + p.rows - static_cast<float>(e.tokens.grid.rows),
                  c = 2 * p.col + p.cols - static_cast<float>(e.tokens.grid.cols);
      near[static_cast<std::size_t>(t)] = -0.25f * (r * r + c * c);  // minus the squared distance
    }
    return selection::finish(e.tokens, selection::best(near, k), Cause::centre, clamped,
                             [&](Index t) { return near[static_cast<std::size_t>(t)]; });
  }
};
static_assert(check_allocator<CentreAllocator>());

}  // namespace arrcoc
