#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/cosines.hpp"
#include "arrcoc/primitives/farthest_point.hpp"

namespace arrcoc {

struct FarthestPointConfig {
  double core = 0;       ///< share of the budget that goes to the most relevant tokens before; [0, 1]
  bool centred = false;  ///< on cosines of the embeddings less their mean
  std::string validate() const {
    return core >= 0 && core <= 1 ? "" : "core: expected a number in [0, 1], got " + std::to_string(core);
  }
  bool operator==(const FarthestPointConfig&) const = default;
};

/// Max-min diversity of the vision embeddings. core = 0: begins with the token whose nearest other is farthest, then
/// always the token least like any that is kept (distance 1 - cosine); relevance is not looked at. core > 0: begins
/// with the floor(core K + 1/2) most relevant (at least one). Equal ones by the smaller index, exactly K. K rows of
/// similarity (N with core = 0): O(K N D), O(N^2 D) at most, kept rows apart. Causes: `score` in the core, `coverage`
/// else; values: relevance in the core, the distance to the nearest kept token else. Source: DivPrune (arXiv
/// 2503.02175); with a core, ZSPAPrune (arXiv 2510.17197), whose port takes .6.
struct FarthestPointAllocator {
  static constexpr std::string_view name = "farthest_point";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = FarthestPointConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Cosines cosines(e, config.centred);
    const auto [k, clamped] = budget.resolve(e.count());
    greedy::Picks picks;
    Index core = 0;
    if (config.core > 0) {
      core = std::max<Index>(1, static_cast<Index>(std::floor(config.core * static_cast<double>(k) + 0.5)));
      for (const Index t : selection::best(relevance, core)) picks.add(t, relevance[static_cast<std::size_t>(t)]);
    } else {
      picks = greedy::most_alone(*cosines);
    }
    greedy::farthest(*cosines, picks, k);
    return selection::finish(e.tokens, greedy::in_order(picks, core), clamped);
  }
};
static_assert(check_allocator<FarthestPointAllocator>());

}  // namespace arrcoc
