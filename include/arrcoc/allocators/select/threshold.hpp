#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct ThresholdConfig {
  float least = 0.5f;    ///< relevance that a kept token has
  Index min_tokens = 1;  ///< kept however low their relevance is; >= 1
  std::string validate() const {
    if (!(least > -1e6f && least < 1e6f))
      return "least: expected a number in (-1e6, 1e6), got " + std::to_string(least);
    return min_tokens >= 1 ? "" : "min_tokens: expected at least 1, got " + std::to_string(min_tokens);
  }
  bool operator==(const ThresholdConfig&) const = default;
};

/// Every token whose relevance is at least `least`, the most relevant first up to the budget, and never fewer than
/// min_tokens (cut at the budget). Equal ones by the smaller index. O(N + K log K). Source: GlimpsePrune (arXiv
/// 2508.01548): a fixed threshold between a floor and a cap.
struct ThresholdAllocator {
  static constexpr std::string_view name = "threshold";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::own_count;
  using Config = ThresholdConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [cap, clamped] = budget.resolve(e.count());
    const auto above = static_cast<Index>(
        std::count_if(relevance.begin(), relevance.end(), [&](float x) { return x >= config.least; }));
    const Index k = std::min(std::max(above, config.min_tokens), cap);
    return selection::finish(e.tokens, selection::best(relevance, k), Cause::score, clamped,
                             [&](Index t) { return relevance[static_cast<std::size_t>(t)]; });
  }
};
static_assert(check_allocator<ThresholdAllocator>());

}  // namespace arrcoc
