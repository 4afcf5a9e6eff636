#pragma once
// Determinantal selection: greedily the set of largest determinant, by an incremental Cholesky factor.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/primitives/picks.hpp"

namespace arrcoc::greedy {

/// Up to k tokens that greedily maximise log det of the kernel L_ij = q_i cos(i, j) q_j, L_ii = q_i^2: each next has
/// the greatest conditional variance given the picks (its gain), equal ones by the smaller index. Ends early where no
/// variance above `least` is left: the picks span all features, or the rest has quality 0. `quality` [N], >= 0.
/// `weight` w in [0, 1]: of L beside the similarity alone, (1 - w) cos(i, j) + w L_ij. k rows of similarity, O(k^2 N)
/// besides, 4 k N bytes. Source: Chen, Zhang, Zhou 2018 (arXiv 1709.05135), algorithm 1.
inline Picks map_of(const SimilarityRows& similarity, std::span<const float> quality, Index k, double least = 1e-6,
                    double weight = 1) {
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<float> row(n);
  std::vector<double> variance(n), left(n);
  const auto joint = [&](std::size_t i, std::size_t j, double cosine) {
    const double own = static_cast<double>(quality[i]) * cosine * static_cast<double>(quality[j]);
    return weight == 1 ? own : (1 - weight) * cosine + weight * own;
  };
  for (std::size_t i = 0; i < n; ++i) variance[i] = joint(i, i, 1);
  constexpr std::size_t near = 1024;       // tokens at a time: what is left of them stays in the nearest cache
  std::vector<std::vector<float>> factor;  // row t: what pick t explains of each token
  Picks picks;
  while (picks.count() < k) {
    const auto j = static_cast<std::size_t>(std::max_element(variance.begin(), variance.end()) - variance.begin());
    const double most = variance[j];
    if (!(most > least)) break;
    picks.add(static_cast<Index>(j), static_cast<float>(most));
    if (picks.count() == k) break;
    similarity.row(static_cast<Index>(j), row);
    for (std::size_t i = 0; i < n; ++i) left[i] = joint(j, i, static_cast<double>(row[i]));
    for (std::size_t from = 0; from < n; from += near) {
      const std::size_t to = std::min(n, from + near);
      for (const std::vector<float>& c : factor) {
        const auto own = static_cast<double>(c[j]);
        for (std::size_t i = from; i < to; ++i) left[i] -= own * static_cast<double>(c[i]);
      }
    }
    const double root = std::sqrt(most);
    std::vector<float>& mine = factor.emplace_back(n);
    for (std::size_t i = 0; i < n; ++i) {
      mine[i] = static_cast<float>(left[i] / root);
      variance[i] -= static_cast<double>(mine[i]) * static_cast<double>(mine[i]);
    }
    variance[j] = -std::numeric_limits<double>::infinity();
  }
  return picks;
}

/// Quality by relevance: min-max scaled, with theta above 0 as exp(theta / (2 (1 - theta)) of it); theta in [0, 1).
inline std::vector<float> qualities(std::span<const float> relevance, double theta, std::string_view where) {
  std::vector<float> out = weights_of(relevance, where);
  if (theta > 0)
    for (float& q : out) q = static_cast<float>(std::exp(theta / (2 * (1 - theta)) * static_cast<double>(q)));
  return out;
}

}  // namespace arrcoc::greedy
