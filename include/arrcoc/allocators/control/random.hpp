#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct RandomConfig {
  bool operator==(const RandomConfig&) const = default;
};

/// K tokens drawn without replacement from the generator handed in; relevance is not looked at. O(N).
/// The control every method must beat; the pipeline seeds the generator from (seed, picture).
struct RandomAllocator {
  static constexpr std::string_view name = "random";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = RandomConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng& rng) const {
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    return selection::finish(e.tokens, rng.sample(e.count(), k), Cause::random, clamped, [](Index) { return 0.f; });
  }
};
static_assert(check_allocator<RandomAllocator>());

}  // namespace arrcoc
