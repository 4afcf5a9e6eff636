#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/neighbours.hpp"
#include "arrcoc/primitives/picks.hpp"

namespace arrcoc {

struct NmsConfig {
  Index radius = 1;  ///< a kept token silences those at most so many tokens away in row and in column; 1..64
  std::string validate() const {
    return radius >= 1 && radius <= 64 ? "" : "radius: expected 1..64, got " + std::to_string(radius);
  }
  bool operator==(const NmsConfig&) const = default;
};

/// Non-maximum suppression on the grid: the most relevant token, then the most relevant one that no kept token
/// silences, and so on. Where all are kept or silenced and the budget is not spent, those silenced get another round
/// among themselves. Exactly K. O(N log N + K radius^2) on a raster, O(K N) among places. Causes: primitives/picks.hpp.
/// Source: Neubeck, Van Gool 2006; the rounds are ours, so that the budget is spent.
struct NmsAllocator {
  static constexpr std::string_view name = "nms";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = NmsConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    std::vector<Index> waiting = selection::best(relevance, e.count());
    greedy::Picks picks;
    while (picks.count() < k) {
      std::vector<bool> silent(relevance.size());
      std::vector<Index> next;
      for (const Index t : waiting) {
        if (silent[static_cast<std::size_t>(t)] || picks.count() == k) {
          next.push_back(t);
          continue;
        }
        picks.add(t, relevance[static_cast<std::size_t>(t)]);
        silence(e.tokens, t, silent);
      }
      waiting = std::move(next);
    }
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), clamped);
  }

 private:
  void silence(const TokenSet& tokens, Index token, std::vector<bool>& silent) const {
    const Grid g = tokens.grid;
    if (tokens.raster()) {
      const Index in_frame = token % g.count(), first = token - in_frame;
      const Window w = window_around(g, in_frame / g.cols, in_frame % g.cols, config.radius);
      for (Index r = w.row0; r < w.row1; ++r)
        for (Index c = w.col0; c < w.col1; ++c) silent[static_cast<std::size_t>(first + g.at(r, c))] = true;
      return;
    }
    const Place at = tokens.at(token);
    const auto reach = static_cast<float>(config.radius);
    for (Index t = 0; t < tokens.count(); ++t) {
      const Place p = tokens.at(t);
      if (p.frame == at.frame && std::abs(p.centre_row() - at.centre_row()) <= reach &&
          std::abs(p.centre_col() - at.centre_col()) <= reach)
        silent[static_cast<std::size_t>(t)] = true;
    }
  }
};
static_assert(check_allocator<NmsAllocator>());

}  // namespace arrcoc
