#pragma once
// What wrong choices cost: another allocator with a share of the tokens that it keeps swapped for dropped ones.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/erased.hpp"

namespace arrcoc {

/// floor(share * K + 0.5) of the K tokens kept, or as many as were dropped, drawn without replacement, give way to as
/// many dropped ones, likewise drawn; these take over depth and entry, and say Cause::random. O(N log N). Source: the
/// shuffle test of the ARR-COC notes, for "10 % wrong patches". Error{bad_config} for an allocation that merges, makes
/// regions or covers places of several cells.
struct CorruptAllocation final : erased::Allocator {
  AnyAllocator inner;
  double share = 0;
  CorruptAllocation(AnyAllocator from, double wrong) : inner(std::move(from)), share(wrong) {}

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng& rng) const override {
    Allocation a = inner->allocate(relevance, e, budget, rng);
    require_that(a.merge.empty() && a.regions.empty(), Code::bad_config, "corrupt",
                 "expected an allocator that keeps or drops tokens, got one that merges or makes regions");
    std::vector<Index> dropped;
    for (Index t = 0, k = 0; t < a.tokens.count(); ++t)
      if (k < a.count() && a.kept[static_cast<std::size_t>(k)] == t) ++k;
      else dropped.push_back(t);
    const Index other = static_cast<Index>(dropped.size());
    const Index n = std::min(other, static_cast<Index>(std::floor(share * static_cast<double>(a.count()) + 0.5)));
    const std::vector<Index> leave = rng.sample(a.count(), n), come = rng.sample(other, n);
    for (std::size_t i = 0; i < leave.size(); ++i) {
      const auto at = static_cast<std::size_t>(leave[i]);
      a.kept[at] = dropped[static_cast<std::size_t>(come[i])];
      a.why[at] = {Cause::random, a.why[at].rank, 0};
    }
    std::vector<std::size_t> order(a.kept.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return a.kept[x] < a.kept[y]; });
    const auto sort = [&](auto& list) {
      const auto before = list;
      for (std::size_t i = 0; i < list.size(); ++i) list[i] = before[order[i]];
    };
    sort(a.kept), sort(a.depth), sort(a.why), sort(a.entry);
    return a;
  }
};

inline AnyAllocator corrupted(const AnyAllocator& inner, double share) {
  return AnyAllocator::made<CorruptAllocation>(inner.facts, inner, share);
}

}  // namespace arrcoc
