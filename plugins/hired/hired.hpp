#pragma once
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/primitives/regions.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct HiRedConfig {
  double alpha = 0.5;  ///< tokens that a tile's quota counts: the 1 - alpha of all that the last block attends to most
  Index rows = 2;      ///< tiles down the picture; 1..256
  Index cols = 2;      ///< tiles across; 1..256
  std::string validate() const {
    for (const Index n : {rows, cols})
      if (n < 1 || n > 256) return "rows, cols: expected 1..256, got " + std::to_string(n);
    return alpha >= 0 && alpha < 1 ? "" : "alpha: expected a number in [0, 1), got " + std::to_string(alpha);
  }
  bool operator==(const HiRedConfig&) const = default;
};

/// A quota for each tile, in proportion to how many of the floor((1 - alpha) N) tokens that receive most attention in
/// the tower's last block lie in it (at least one is counted), by largest remainder; filled with its most relevant
/// tokens. Exactly K. O(N log N). Value: relevance. Causes: primitives/picks.hpp, by rank. Source: Arif et al. 2024,
/// "HiRED" (arXiv 2408.10945). Differs: Qwen3-VL has neither thumbnail nor tiles, so the map of the last
/// block is the picture's own, tiles are even blocks of it, and the thumbnail's share of the budget goes to them;
/// largest remainder for floors that lose tokens.
struct HiRedAllocator {
  static constexpr std::string_view name = "hired";
  static constexpr Needs may_need{Phase::tower, Need::received};
  static constexpr Spend spend = Spend::exact;
  using Config = HiRedConfig;
  Config config{};

  std::vector<Request> needs() const { return {{.index = -1}}; }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto tile = [&](Index t) { return block_of(e.tokens, t, config.rows, config.cols); };
    const auto tiles = blocks_of(e.tokens, selection::best(relevance, e.count()), config.rows, config.cols);
    std::vector<double> counted(tiles.size());
    const auto top = static_cast<Index>(std::floor((1 - config.alpha) * static_cast<double>(e.count())));
    for (const Index t : selection::best(e.answer(needs()[0]).floats(), std::max<Index>(top, 1))) counted[tile(t)] += 1;
    return selection::finish(e.tokens, greedy::by_quota(tiles, counted, budget.resolve(e.count()).kept, relevance),
                             budget);
  }
};
static_assert(check_allocator<HiRedAllocator>());

inline void register_hired(HostStages& r) {
  r.add_allocator<HiRedAllocator>({"Arif et al. 2024, arXiv 2408.10945",
                                   {},
                                   "a quota for each tile by the tower's last block, its most relevant tokens",
                                   "O(N log N)"});
  r.add_preset({"hired", "none/tower_attention:block=0/fixed:scale=none/hired/gather",
                "a quota for each tile by the tower's last block, filled by its first",
                "Arif et al. 2024, arXiv 2408.10945"});
}

}  // namespace arrcoc
