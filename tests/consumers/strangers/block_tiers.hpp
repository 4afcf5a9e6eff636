#pragma once
// An allocator of regions: blocks of side x side tokens, each seen with 1, 4, 16 ... tokens, the most relevant finest.
#include <algorithm>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

struct BlockTiersAllocator {
  static constexpr std::string_view name = "block_tiers";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::pixels, arrcoc::Need::none};
  static constexpr arrcoc::Spend spend = arrcoc::Spend::tiers;
  struct Config {
    arrcoc::Index side = 4;
  } config{};
  arrcoc::Allocation allocate(std::span<const float> relevance, const arrcoc::Evidence& e, arrcoc::Budget budget,
                              arrcoc::Rng&) const {
    const arrcoc::Index rows = e.tokens.grid.rows, cols = e.tokens.grid.cols, side = config.side,
                        across = (cols + side - 1) / side;
    const auto block_of = [&](arrcoc::Index t) { return t / cols / side * across + t % cols / side; };
    std::vector<arrcoc::Region> blocks;
    for (arrcoc::Index r = 0; r < rows; r += side)
      for (arrcoc::Index c = 0; c < cols; c += side)
        blocks.push_back({r, c, std::min(r + side, rows), std::min(c + side, cols), 0});
    std::vector<float> worth(blocks.size(), -INFINITY);  // its best token
    std::vector<arrcoc::Index> native(blocks.size()), rank(blocks.size());
    for (arrcoc::Index t = 0; t < e.count(); ++t) {
      worth[block_of(t)] = std::max(worth[block_of(t)], relevance[t]);
      ++native[block_of(t)];
    }
    const auto order = arrcoc::selection::best(worth, blocks.size());
    arrcoc::Index left = budget.resolve(e.count()).kept;
    for (arrcoc::Index tier = 1; tier <= side * side; tier *= 4)
      for (const auto b : order)
        if (const auto more = std::min(tier, native[b]) - blocks[b].tokens; more <= left)
          blocks[b].tokens += more, left -= more;
    for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
    std::vector<arrcoc::selection::Choice> kept;  // every token of a block that is seen
    for (arrcoc::Index t = 0; t < e.count(); ++t)
      if (const auto b = block_of(t); blocks[b].tokens > 0)
        kept.push_back({t, {arrcoc::Cause::score, rank[b], worth[b]}});
    arrcoc::Allocation a = arrcoc::selection::finish(e.tokens, std::move(kept), budget);
    std::copy_if(blocks.begin(), blocks.end(), std::back_inserter(a.regions), [](auto& r) { return r.tokens > 0; });
    return a;
  }
};
