#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/primitives/regions.hpp"

namespace arrcoc {

struct CoverageQuotaConfig {
  Index rows = 4;      ///< blocks down the picture; 1..256
  Index cols = 4;      ///< blocks across; 1..256
  double share = 0.5;  ///< of the budget that is dealt out to blocks in turn; [0, 1]
  std::string validate() const {
    for (const Index n : {rows, cols})
      if (n < 1 || n > 256) return "rows, cols: expected 1..256, got " + std::to_string(n);
    return share >= 0 && share <= 1 ? "" : "share: expected a number in [0, 1], got " + std::to_string(share);
  }
  bool operator==(const CoverageQuotaConfig&) const = default;
};

/// Each block of the picture gets its turn: floor(share K) tokens are dealt in rounds, in each round one to every block
/// that has any left, its most relevant (in the last round to the blocks that offer most); the rest of K goes to the
/// most relevant tokens anywhere. Equal ones by the smaller index. O(N log N). A token belongs to the block of its
/// centre; frames have blocks of their own. Cause: `score` as long as every more relevant token is kept too, else
/// `floor`: without the quota it would have gone. Source: the quota of each crop in HoloV (arXiv 2510.02912),
/// with blocks in two dimensions and equal turns in place of shares by score.
struct CoverageQuotaAllocator {
  static constexpr std::string_view name = "coverage_quota";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = CoverageQuotaConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const std::vector<Index> ranked = selection::best(relevance, e.count());
    const auto place = places(ranked);
    const auto blocks = blocks_of(e.tokens, ranked, config.rows, config.cols);
    std::vector<bool> kept(relevance.size());
    Index left = static_cast<Index>(std::floor(config.share * static_cast<double>(k)));
    Index spent = left;
    for (std::size_t round = 0; left > 0; ++round) {
      std::vector<Index> offers;
      for (const auto& b : blocks)
        if (round < b.size()) offers.push_back(b[round]);
      std::sort(offers.begin(), offers.end(), [&](Index a, Index b) {
        return place[static_cast<std::size_t>(a)] < place[static_cast<std::size_t>(b)];
      });
      for (const Index t : offers)
        if (left > 0) kept[static_cast<std::size_t>(t)] = true, --left;
    }
    for (const Index t : ranked)
      if (spent < k && !kept[static_cast<std::size_t>(t)]) kept[static_cast<std::size_t>(t)] = true, ++spent;
    return selection::finish(e.tokens, greedy::by_rank(kept, relevance), clamped);
  }

 private:
  static std::vector<std::size_t> places(const std::vector<Index>& ranked) {
    std::vector<std::size_t> out(ranked.size());
    for (std::size_t i = 0; i < ranked.size(); ++i) out[static_cast<std::size_t>(ranked[i])] = i;
    return out;
  }
};
static_assert(check_allocator<CoverageQuotaAllocator>());

}  // namespace arrcoc
