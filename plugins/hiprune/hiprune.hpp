#pragma once
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/neighbours.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct HiPruneConfig {
  double alpha = 0.1;         ///< share of the budget for anchors and their neighbours; [0, 1]
  double object_layer = 0.5;  ///< block that anchors are read in: a share of the depth, or an index
  std::string validate() const {
    if (!(alpha >= 0 && alpha <= 1)) return "alpha: expected a number in [0, 1], got " + std::to_string(alpha);
    return names_depth(object_layer, 1e4)
               ? ""
               : "object_layer: expected a block or a share of the depth, got " + std::to_string(object_layer);
  }
  bool operator==(const HiPruneConfig&) const = default;
};

/// Anchors: the round(alpha K / 5) tokens that receive most attention in the middle of the tower; buffers: the up to
/// four tokens beside each, as far as the budget goes; registers: the most relevant of the rest. Exactly K. O(N log N).
/// Value: relevance. Causes: primitives/picks.hpp, by rank.
/// Source: Liu et al. 2025, "HiPrune" (arXiv 2508.00553). Differs: beside means the same row or column of
/// the picture, never across its edge; the middle is half the depth, theirs block 9 of 24 or 16 of 32.
struct HiPruneAllocator {
  static constexpr std::string_view name = "hiprune";
  static constexpr Needs may_need{Phase::tower, Need::received};
  static constexpr Spend spend = Spend::exact;
  using Config = HiPruneConfig;
  Config config{};

  std::vector<Request> needs() const { return {{.index = index_at(config.object_layer)}}; }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Index k = budget.resolve(e.count()).kept;
    const auto anchors = static_cast<Index>(std::floor(config.alpha * static_cast<double>(k) / 5 + 0.5));
    std::vector<bool> kept(relevance.size());
    Index count = 0;
    const auto keep = [&](Index t) {
      if (t < 0 || count == k || kept[static_cast<std::size_t>(t)]) return;
      kept[static_cast<std::size_t>(t)] = true;
      ++count;
    };
    const std::vector<Index> objects = selection::best(e.answer(needs()[0]).floats(), std::min(anchors, k));
    for (const Index t : objects) keep(t);
    const std::vector<Index> cells = covering(e.tokens);
    for (const Index t : objects) {
      const Place p = e.tokens.at(t);
      const Grid g = e.tokens.grid;
      const Index first = p.frame * g.count(),
                  cell = g.at(static_cast<Index>(p.centre_row()), static_cast<Index>(p.centre_col()));
      for_each_beside(g, cell, [&](Index beside) { keep(cells[static_cast<std::size_t>(first + beside)]); });
    }
    for (const Index t : selection::best(relevance, e.count())) keep(t);
    return selection::finish(e.tokens, greedy::by_rank(kept, relevance), budget);
  }
};
static_assert(check_allocator<HiPruneAllocator>());

inline void register_hiprune(HostStages& r) {
  r.add_allocator<HiPruneAllocator>({"Liu et al. 2025, arXiv 2508.00553",
                                     {},
                                     "anchors of the tower's middle with their neighbours, then the most relevant",
                                     "O(N log N)"});
  r.add_preset({"hiprune", "none/tower_attention:block=-1/fixed:scale=none/hiprune/gather",
                "anchors of the tower's middle with their neighbours, then what its last block attends to",
                "Liu et al. 2025, arXiv 2508.00553"});
}

}  // namespace arrcoc
