#pragma once
// Maximal marginal relevance: the most relevant token that is least like those that are chosen already.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/primitives/picks.hpp"

namespace arrcoc::greedy {

/// k tokens, first the most relevant; each next has the greatest lambda relevance - (1 - lambda) max over the picks of
/// cosine (of none: -1), equal ones by the smaller index. That number is its gain, and gains never rise. `relevance`
/// [N] as it comes: cosines lie in [-1, 1], so its range says how much it counts. 0 <= k <= N. k rows of similarity,
/// O(k N) besides. Error{bad_config} unless lambda lies in [0, 1], Error{shape_mismatch} unless there is a relevance
/// for each token, Error{bad_number} unless it is finite. Source: Carbonell, Goldstein 1998, section 2.
inline Picks mmr(std::span<const float> relevance, const SimilarityRows& similarity, Index k, double lambda) {
  const std::size_t n = relevance.size();
  require_that(lambda >= 0 && lambda <= 1, Code::bad_config, "mmr",
               [&] { return "lambda: expected a number in [0, 1], got " + std::to_string(lambda); });
  require_that(similarity.count() == static_cast<Index>(n), Code::shape_mismatch, "mmr", [&] {
    return "relevance: expected " + std::to_string(similarity.count()) + " values, got " + std::to_string(n);
  });
  for (const float x : relevance)
    require_that(std::isfinite(x), Code::bad_number, "mmr",
                 [&] { return "relevance: expected finite values, got " + std::to_string(x); });
  std::vector<float> row(n), nearest(n, -1.f);
  std::vector<bool> taken(n);
  Picks picks;
  while (picks.count() < k) {
    std::size_t next = n;
    double best = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (taken[i]) continue;
      const double gain = lambda * static_cast<double>(relevance[i]) - (1 - lambda) * static_cast<double>(nearest[i]);
      if (next == n || gain > best) best = gain, next = i;
    }
    picks.add(static_cast<Index>(next), static_cast<float>(best));
    taken[next] = true;
    similarity.row(static_cast<Index>(next), row);
    for (std::size_t i = 0; i < n; ++i) nearest[i] = std::max(nearest[i], row[i]);
  }
  return picks;
}

}  // namespace arrcoc::greedy
