#pragma once
// Max-min diversity: each next token is the one least like any that is chosen already.
#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/primitives/all_pairs.hpp"
#include "arrcoc/primitives/picks.hpp"

namespace arrcoc::greedy {

/// The token whose nearest other token is farthest (distance 1 - cosine; equal ones by the smaller index), and that
/// distance. A lone token: 0. Each pair once. `worth` [N], >= 0: distances count times it.
inline Picks most_alone(const SimilarityRows& similarity, std::span<const float> worth = {}) {
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<float> nearest(n, n > 1 ? std::numeric_limits<float>::infinity() : 0.f);
  each_pair(similarity, [&](std::size_t i, std::span<const float> cosines) {
    for (std::size_t j = 1; j < cosines.size(); ++j) {
      const float distance = 1.f - cosines[j];
      nearest[i] = std::min(nearest[i], distance);
      nearest[i + j] = std::min(nearest[i + j], distance);
    }
  });
  Index found = 0;
  float farthest = -1;
  for (std::size_t i = 0; i < n; ++i) {
    if (!worth.empty()) nearest[i] *= worth[i];
    if (nearest[i] > farthest) farthest = nearest[i], found = static_cast<Index>(i);
  }
  Picks out;
  out.add(found, farthest);
  return out;
}

/// Goes on from the picks that are there (at least one) until there are k: next is the token whose least distance 1 -
/// cosine to the picks (times `worth` [N] >= 0, where given) is greatest, equal ones by the smaller index; a pick is
/// never picked again. k rows of similarity, O(k N) besides. Source: Gonzalez 1985 (farthest-point clustering).
inline void farthest(const SimilarityRows& similarity, Picks& picks, Index k, std::span<const float> worth = {}) {
  const auto n = static_cast<std::size_t>(similarity.count());
  constexpr float never = -std::numeric_limits<float>::infinity();
  std::vector<float> row(n), nearest(n, std::numeric_limits<float>::infinity());
  const auto picked = [&](Index token) {
    similarity.row(token, row);
    for (std::size_t i = 0; i < n; ++i) nearest[i] = std::min(nearest[i], 1.f - row[i]);
    nearest[static_cast<std::size_t>(token)] = never;
  };
  for (const Index t : picks.order) picked(t);
  while (picks.count() < k) {
    std::size_t next = 0;
    float most = never;
    for (std::size_t i = 0; i < n; ++i) {
      const float gain = nearest[i] == never || worth.empty() ? nearest[i] : nearest[i] * worth[i];
      if (gain > most) most = gain, next = i;
    }
    picks.add(static_cast<Index>(next), most);
    if (picks.count() < k) picked(static_cast<Index>(next));
  }
}

}  // namespace arrcoc::greedy
