#pragma once
// Greedy choice where a gain never grows, so that an old one bounds the new: most are never computed again.
#include <queue>

#include "arrcoc/primitives/picks.hpp"

namespace arrcoc::greedy {

/// Up to k of n tokens, each next the one that gains most, equal ones by the smaller index. gain_of(token) -> double,
/// taken as of now; take(token) behind each pick. `gainful`: ends where nothing more is to be gained. n gains, and one
/// for each bound that is looked at again. Source: Minoux 1978.
template <class Gain, class Take>
Picks lazily(Index n, Index k, bool gainful, const Gain& gain_of, const Take& take) {
  struct Bound {
    double gain;
    Index token, step;  // how many picks there were when the gain was computed
    bool operator<(const Bound& o) const { return gain < o.gain || (gain == o.gain && token > o.token); }
  };
  std::priority_queue<Bound> bounds;
  for (Index j = 0; j < n; ++j) bounds.push({gain_of(j), j, 0});
  Picks picks;
  while (picks.count() < k && !bounds.empty()) {
    const Bound top = bounds.top();
    bounds.pop();
    if (top.step < picks.count()) {
      bounds.push({gain_of(top.token), top.token, picks.count()});
      continue;
    }
    if (gainful && !(top.gain > 0)) break;
    picks.add(top.token, static_cast<float>(top.gain));
    take(top.token);
  }
  return picks;
}

}  // namespace arrcoc::greedy
