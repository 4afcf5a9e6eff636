#pragma once
// Coverage of a weighted set: each next token is the one that brings the others nearest to something chosen.
#include <algorithm>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/primitives/picks.hpp"

namespace arrcoc::greedy {

/// Up to k tokens that greedily maximise F(S) = sum_i w_i max over j in S of (1 + cos(i, j)) / 2: each next gains most,
/// equal ones by the smaller index; ends early where nothing more is to be gained. `weights` [N], >= 0. At least 1 -
/// 1/e of the best F. N rows of similarity, O(N^2) besides, and O(N) and a row for each gain that is looked at again
/// (lazy: a gain never grows, so an old one bounds the new). Source: Nemhauser, Wolsey, Fisher 1978; Minoux
/// 1978.
inline Picks facilities(const SimilarityRows& similarity, std::span<const float> weights, Index k) {
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<float> row(n);
  std::vector<double> best(n);  // of each token: its likeness to the nearest pick
  const auto gain_of = [&](Index j) {
    similarity.row(j, row);
    double gain = 0;
    for (std::size_t i = 0; i < n; ++i)
      gain += static_cast<double>(weights[i]) * std::max(0.0, 0.5 * (1.0 + static_cast<double>(row[i])) - best[i]);
    return gain;
  };
  struct Bound {
    double gain;
    Index token, step;  // how many picks there were when the gain was computed
    bool operator<(const Bound& o) const { return gain < o.gain || (gain == o.gain && token > o.token); }
  };
  std::priority_queue<Bound> bounds;
  for (Index j = 0; j < static_cast<Index>(n); ++j) bounds.push({gain_of(j), j, 0});
  Picks picks;
  while (picks.count() < k && !bounds.empty()) {
    Bound top = bounds.top();
    bounds.pop();
    if (top.step < picks.count()) {
      bounds.push({gain_of(top.token), top.token, picks.count()});
      continue;
    }
    if (!(top.gain > 0)) break;
    picks.add(top.token, static_cast<float>(top.gain));
    similarity.row(top.token, row);
    for (std::size_t i = 0; i < n; ++i) best[i] = std::max(best[i], 0.5 * (1.0 + static_cast<double>(row[i])));
  }
  return picks;
}

}  // namespace arrcoc::greedy
