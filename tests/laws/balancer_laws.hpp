#pragma once
// Laws of a Balancer. broken_balancer_laws names those that a model breaks.
//   count    one value a token, one weight a map, weights sum to 1, tensions in [0, 1]
//   finite   also for constant maps
//   alone    a picture's relevance does not depend on what was balanced before
//   order    M equal maps come out in their own order, equal values equal
//   units    giving one map other units (times 4) changes no order: maps are scaled over their own picture
#include <algorithm>
#include <numeric>

#include "laws/material.hpp"

namespace laws {

inline std::vector<Index> order_of(const std::vector<float>& v) {
  std::vector<Index> o(v.size());
  std::iota(o.begin(), o.end(), Index{0});
  std::stable_sort(o.begin(), o.end(), [&](Index a, Index b) { return v[std::size_t(a)] > v[std::size_t(b)]; });
  return o;
}

template <class L>
Broken broken_balancer_laws(const L& model = L{}, const std::vector<Index>& counts = {1, 2, 3, 4}) {
  Broken broken;
  for (const Grid grid : {Grid{8, 8}, Grid{3, 21}, Grid{1, 1}, Grid{2, 3}})
    for (const Index count : counts) {
      Evidence e;
      e.tokens = grid;
      const Index n = grid.count();
      const auto maps = scores(count * n, 11, false), others = scores(count * n, 12, false);
      const Balanced b = model.balance(maps, e);
      const bool shaped = static_cast<Index>(b.relevance.size()) == n && static_cast<Index>(b.weights.size()) == count;
      note(broken, shaped, "count");
      if (!shaped) continue;
      double total = 0;
      for (const float w : b.weights) total += w;
      note(broken, std::abs(total - 1) < 1e-5, "count");
      for (const Tension& t : b.tensions) note(broken, t.value >= 0 && t.value <= 1, "count");
      note(broken, finite(b.relevance), "finite");
      note(broken, finite(model.balance(std::vector<float>(std::size_t(count * n), 0.25f), e).relevance), "finite");
      (void)model.balance(others, e);
      note(broken, model.balance(maps, e).relevance == b.relevance, "alone");
      for (const bool ties : {false, true}) {
        const auto one = scores(n, 13, ties);
        std::vector<float> same;
        for (Index m = 0; m < count; ++m) same.insert(same.end(), one.begin(), one.end());
        const auto r = model.balance(same, e).relevance;
        note(broken, order_of(r) == order_of(one), "order");
        for (std::size_t i = 0; i < r.size(); ++i) note(broken, (one[i] == one[0]) == (r[i] == r[0]), "order");
      }
      auto scaled = maps;
      for (Index i = 0; i < n; ++i) scaled[std::size_t(i)] *= 4;
      note(broken, order_of(model.balance(scaled, e).relevance) == order_of(b.relevance), "units");
    }
  return broken;
}

}  // namespace laws
