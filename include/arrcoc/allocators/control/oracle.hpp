#pragma once
#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/cells.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct OracleConfig {
  bool operator==(const OracleConfig&) const = default;
};

/// Knows the answer boxes: tokens by how much of the boxes they cover (area of the union inside the token's cell,
/// pixels, equal ones by the smaller index), cut to the most covered when they exceed the budget; what is left over is
/// filled by the 2-D lattice. O(N + boxes' cells). An upper bound that leaks: only the answer may be left in view.
/// Throws Error{missing_evidence} without boxes or without the picture's size.
struct OracleAllocator {
  static constexpr std::string_view name = "oracle";
  static constexpr Needs may_need{Phase::pixels, Need::size | Need::boxes};
  static constexpr Spend spend = Spend::exact;
  using Config = OracleConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    require_that(!e.boxes->empty(), Code::missing_evidence, name, "expected answer boxes, got none");
    require_that(e.size->height > 0 && e.size->width > 0, Code::missing_evidence, name,
                 "expected the picture's size, got none");
    const auto [k, clamped] = budget.resolve(e.count());
    const std::vector<double> areas = cells::covered_areas(e.tokens, e.size->height, e.size->width, *e.boxes);
    const std::vector<float> covered(areas.begin(), areas.end());
    const auto hit = static_cast<Index>(std::count_if(covered.begin(), covered.end(), [](float x) { return x > 0.f; }));
    std::vector<selection::Choice> choices;
    for (const Index t : selection::best(covered, std::min(k, hit)))
      choices.push_back({t, {Cause::oracle, static_cast<Index>(choices.size()), covered[static_cast<std::size_t>(t)]}});
    for (const Index t : filling(e.tokens, covered, k - static_cast<Index>(choices.size())))
      choices.push_back({t, {Cause::lattice, static_cast<Index>(choices.size()), 0.f}});
    return selection::finish(e.tokens, std::move(choices), clamped);
  }

 private:
  /// `wanted` uncovered tokens: the smallest lattice that has so many, thinned evenly.
  static std::vector<Index> filling(const TokenSet& tokens, const std::vector<float>& covered, Index wanted) {
    std::vector<Index> free;
    for (Index m = wanted; wanted > 0 && static_cast<Index>(free.size()) < wanted;
         m = std::min(tokens.count(), m + wanted - static_cast<Index>(free.size()))) {
      free = selection::lattice(tokens, m);
      std::erase_if(free, [&](Index t) { return covered[static_cast<std::size_t>(t)] > 0.f; });
    }
    std::vector<Index> out(static_cast<std::size_t>(wanted));
    for (Index i = 0; i < wanted; ++i)
      out[static_cast<std::size_t>(i)] =
          free[static_cast<std::size_t>((2 * i + 1) * static_cast<Index>(free.size()) / (2 * wanted))];
    return out;
  }
};
static_assert(check_allocator<OracleAllocator>());

}  // namespace arrcoc
