#pragma once
// Coverage of a weighted set: each next token is the one that brings the others nearest to something chosen.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/primitives/all_pairs.hpp"
#include "arrcoc/primitives/lazy_greedy.hpp"

namespace arrcoc::greedy {

/// How a cosine counts as likeness, from 0 up: (1 + cos) / 2, or cos above 0.
enum class Likeness : std::uint8_t { shifted, positive };

/// Up to k tokens that greedily maximise F(S) = sum_i w_i max over j in S of likeness(i, j): each next gains most,
/// where `worth` [N] is given times its worth, equal ones by the smaller index; ends early where nothing more is to be
/// gained. `weights` [N], worth >= 0. At least 1 - 1/e of the best F (without worth). Each pair once, O(N^2) besides,
/// and O(N) and a row for each gain that is looked at again (lazy: a gain never grows, so an old one bounds the new).
/// Source: Nemhauser, Wolsey, Fisher 1978; Minoux 1978.
inline Picks facilities(const SimilarityRows& similarity, std::span<const float> weights, Index k,
                        std::span<const float> worth = {}, Likeness how = Likeness::shifted) {
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<float> row(n);
  std::vector<double> best(n);  // of each token: its likeness to the nearest pick
  const auto likeness = [&](float cosine) {
    const auto c = static_cast<double>(cosine);
    return how == Likeness::shifted ? 0.5 * (1.0 + c) : std::max(0.0, c);
  };
  const auto valued = [&](std::size_t j, double gain) {
    return worth.empty() ? gain : gain * static_cast<double>(worth[j]);
  };
  std::vector<double> first(n);
  each_pair(similarity, [&](std::size_t i, std::span<const float> cosines) {
    first[i] += static_cast<double>(weights[i]) * likeness(cosines[0]);
    for (std::size_t j = i + 1; j < n; ++j) {
      const double alike = likeness(cosines[j - i]);
      first[i] += static_cast<double>(weights[j]) * alike;
      first[j] += static_cast<double>(weights[i]) * alike;
    }
  });
  for (std::size_t j = 0; j < n; ++j) first[j] = valued(j, first[j]);
  std::vector<float> some;
  const auto gains_of = [&](std::span<const Index> tokens) {
    some.resize(tokens.size() * n);
    similarity.rows(tokens, some);
    std::vector<double> gains;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      double gain = 0;
      for (std::size_t i = 0; i < n; ++i)
        gain += static_cast<double>(weights[i]) * std::max(0.0, likeness(some[t * n + i]) - best[i]);
      gains.push_back(valued(static_cast<std::size_t>(tokens[t]), gain));
    }
    return gains;
  };
  return lazily(first, k, true, gains_of, [&](Index taken) {
    similarity.row(taken, row);
    for (std::size_t i = 0; i < n; ++i) best[i] = std::max(best[i], likeness(row[i]));
  });
}

}  // namespace arrcoc::greedy
