#pragma once
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct ContextFloorConfig {
  double share = 0.25;  ///< of the budget that goes to the lattice; [0, 1]
  std::string validate() const {
    return share >= 0 && share <= 1 ? "" : "share: expected a number in [0, 1], got " + std::to_string(share);
  }
  bool operator==(const ContextFloorConfig&) const = default;
};

/// The whole at a glance, then the parts that matter: floor(share K + 1/2) tokens on an even 2-D lattice
/// (selection::lattice, cause `floor`), the rest the most relevant of the others (cause `score`), equal ones by the
/// smaller index. Exactly K. O(N + K log K) on a raster, O(N K) among places. Source: the ARR-COC notes' Gestalt before
/// detail; PruMerge+ (arXiv 2403.15388) joins a spatially uniform sample in the same way.
struct ContextFloorAllocator {
  static constexpr std::string_view name = "context_floor";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = ContextFloorConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const auto coarse = static_cast<Index>(std::floor(config.share * static_cast<double>(k) + 0.5));
    std::vector<selection::Choice> choices;
    std::vector<bool> kept(relevance.size());
    const auto keep = [&](Index t, Cause cause) {
      kept[static_cast<std::size_t>(t)] = true;
      choices.push_back({t, {cause, static_cast<Index>(choices.size()), relevance[static_cast<std::size_t>(t)]}});
    };
    if (coarse > 0)
      for (const Index t : selection::lattice(e.tokens, coarse)) keep(t, Cause::floor);
    for (const Index t : selection::best(relevance, k))
      if (static_cast<Index>(choices.size()) < k && !kept[static_cast<std::size_t>(t)]) keep(t, Cause::score);
    return selection::finish(e.tokens, std::move(choices), clamped);
  }
};
static_assert(check_allocator<ContextFloorAllocator>());

}  // namespace arrcoc
