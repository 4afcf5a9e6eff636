#pragma once
// Greedy choice where a gain never grows, so that an old one bounds the new: most are never computed again.
#include <algorithm>
#include <queue>
#include <vector>

#include "arrcoc/primitives/picks.hpp"

namespace arrcoc::greedy {

/// Up to k of n tokens, each next the one that gains most, equal ones by the smaller index. `first` [n]: what each
/// gains before any is picked; gains_of(tokens) -> doubles, as of now; take(token) behind each pick. `gainful`: ends
/// where nothing more is to be gained. Bounds are looked at again one, two, four ... sixteen at a time until the best
/// is new. Source: Minoux 1978.
template <class Gains, class Take>
Picks lazily(const std::vector<double>& first, Index k, bool gainful, const Gains& gains_of, const Take& take) {
  struct Bound {
    double gain;
    Index token, step;  // how many picks there were when the gain was computed
    bool operator<(const Bound& o) const { return gain < o.gain || (gain == o.gain && token > o.token); }
  };
  std::priority_queue<Bound> bounds;
  for (std::size_t j = 0; j < first.size(); ++j) bounds.push({first[j], static_cast<Index>(j), 0});
  Picks picks;
  std::size_t at_once = 1;
  std::vector<Index> again;
  while (picks.count() < k && !bounds.empty()) {
    const Bound top = bounds.top();
    if (top.step < picks.count()) {
      for (again.clear(); again.size() < at_once && !bounds.empty() && bounds.top().step < picks.count(); bounds.pop())
        again.push_back(bounds.top().token);
      const std::vector<double> gains = gains_of(again);
      for (std::size_t i = 0; i < again.size(); ++i) bounds.push({gains[i], again[i], picks.count()});
      at_once = std::min<std::size_t>(16, 2 * at_once);
      continue;
    }
    bounds.pop();
    if (gainful && !(top.gain > 0)) break;
    picks.add(top.token, static_cast<float>(top.gain));
    take(top.token);
    at_once = 1;
  }
  return picks;
}

}  // namespace arrcoc::greedy
