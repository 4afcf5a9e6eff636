#pragma once
// Laws of what an Allocator declares that it spends, over every budget from 1 to N. broken_spend_laws names those that
// a model breaks.
//   bound    exact: K = min(B, N); everything: K = N; at_most, own_count: K <= B; tiers: the sum of tiers <= B. K >= 1
//   maximal  at_most: no further unit fits into B - K. Units are not declared but found: tokens that, over all
//            budgets, live and die together; what no budget keeps is none. tiers: no region has a next tier that fits
//   own      own_count: K = min(what it keeps when the budget is N, B): a budget is a cap and nothing else
#include <map>
#include <memory>
#include <tuple>

#include "laws/material.hpp"

namespace laws {

template <class A>
Broken broken_spend_laws(const A& model = A{}) {
  Broken broken;
  const Spend spend = model.spend;
  for (const Grid grid : {Grid{1, 1}, Grid{2, 3}, Grid{6, 5}, Grid{1, 17}, Grid{4, 8}})
    for (const std::uint64_t seed : {21u, 22u, 23u}) {
      const auto n = static_cast<std::size_t>(grid.count());
      const Image image(grid.rows * 32, grid.cols * 32);
      Evidence e;
      e.tokens = grid;
      e.rgb = image.view();
      e.size = FrameSize{image.height, image.width};
      e.boxes = {{0, 0, 40, 50}};
      const HostTensor vision = features(grid.count(), 6, seed);
      e.vision = vision;
      e.question = features(3, 6, 32);
      e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(vision));
      const auto relevance = scores(grid.count(), seed + 7, seed == 23);
      std::vector<Allocation> at(n + 1);  // by budget
      std::vector<std::size_t> sum(n + 1);
      for (std::size_t b = 1; b <= n; ++b) {
        Rng rng(1);
        at[b] = model.allocate(relevance, e, Budget{static_cast<Index>(b), 1}, rng);
        sum[b] = static_cast<std::size_t>(spent(at[b], spend));
        const std::size_t k = sum[b];
        note(broken, spend == Spend::exact ? k == b : spend == Spend::everything ? k == n : k >= 1 && k <= b, "bound");
      }
      for (std::size_t b = 1; b <= n; ++b) {
        if (sum[b] > b) continue;  // `bound` tells
        if (spend == Spend::own_count && sum[n] <= n) note(broken, sum[b] == std::min(sum[n], b), "own");
        if (spend == Spend::tiers) {
          using Rectangle = std::tuple<Index, Index, Index, Index>;
          std::map<Rectangle, std::map<Index, bool>> tiers;
          for (const Allocation& a : at)
            for (const Region& r : a.regions) tiers[{r.row0, r.col0, r.row1, r.col1}][r.tokens] = true;
          for (const auto& [rectangle, of] : tiers) {
            const auto [row0, col0, row1, col1] = rectangle;
            Index has = 0;  // a region that is not there has none, unless another one stands in its place
            bool free = true;
            for (const Region& r : at[b].regions) {
              if (Rectangle{r.row0, r.col0, r.row1, r.col1} == rectangle) has = r.tokens;
              else free = free && (r.row1 <= row0 || row1 <= r.row0 || r.col1 <= col0 || col1 <= r.col0);
            }
            const auto next = of.upper_bound(has);
            if (free && next != of.end())
              note(broken, sum[b] + static_cast<std::size_t>(next->first - has) > b, "maximal");
          }
        }
        if (spend == Spend::at_most) {
          std::map<std::vector<bool>, std::size_t> units;  // who lives and dies together, and how many they are
          std::vector<std::vector<bool>> lives(n, std::vector<bool>(n + 1));
          for (std::size_t budget = 1; budget <= n; ++budget)
            for (const Index t : at[budget].kept) lives[static_cast<std::size_t>(t)][budget] = true;
          for (const auto& l : lives) ++units[l];
          for (const auto& [alive, size] : units)
            if (!alive[b] && std::find(alive.begin(), alive.end(), true) != alive.end())
              note(broken, sum[b] + size > b, "maximal");
        }
      }
    }
  return broken;
}

}  // namespace laws
