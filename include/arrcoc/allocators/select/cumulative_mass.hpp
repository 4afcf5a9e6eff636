#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct CumulativeMassConfig {
  double share = 0.9;  ///< of the relevance of the picture that the kept tokens hold; (0, 1]
  std::string validate() const {
    return share > 0 && share <= 1 ? "" : "share: expected a number in (0, 1], got " + std::to_string(share);
  }
  bool operator==(const CumulativeMassConfig&) const = default;
};

/// The fewest tokens that together hold `share` of the picture's relevance, at least one, at most the budget. What is
/// below 0 holds nothing. The most relevant first, equal ones by the smaller index. O(N log N). Source: nucleus
/// sampling (Holtzman et al. 2020) over tokens in place of words; the "attention mass" rule of budgets.
/// Error{bad_number} unless relevance is finite.
struct CumulativeMassAllocator {
  static constexpr std::string_view name = "cumulative_mass";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::own_count;
  using Config = CumulativeMassConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [cap, clamped] = budget.resolve(e.count());
    double all = 0, held = 0;
    for (const float x : relevance) {
      require_that(std::isfinite(x), Code::bad_number, name,
                   [&] { return "relevance: expected finite values, got " + std::to_string(x); });
      all += std::max(0.0, static_cast<double>(x));
    }
    std::vector<Index> order = selection::best(relevance, cap);
    std::size_t k = 0;
    while (k < order.size() && held < config.share * all) {
      const auto x = static_cast<double>(relevance[static_cast<std::size_t>(order[k])]);
      if (!(x > 0)) break;  // the rest holds nothing
      held += x;
      ++k;
    }
    order.resize(std::max<std::size_t>(k, 1));
    return selection::finish(e.tokens, order, Cause::score, clamped,
                             [&](Index t) { return relevance[static_cast<std::size_t>(t)]; });
  }
};
static_assert(check_allocator<CumulativeMassAllocator>());

}  // namespace arrcoc
