#pragma once
// Which of a few tokens each token is most like.
#include <span>
#include <vector>

#include "arrcoc/core/evidence.hpp"

namespace arrcoc {

/// For each token the place in `targets` of the one of largest cosine, equal ones by the smaller place: [N]. At least
/// one target. A row of similarity for each.
inline std::vector<std::size_t> nearest_of(const SimilarityRows& similarity, std::span<const Index> targets) {
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<float> row(n), nearest(n, -2.0f);
  std::vector<std::size_t> place(n, 0);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    similarity.row(targets[i], row);
    for (std::size_t t = 0; t < n; ++t)
      if (row[t] > nearest[t]) nearest[t] = row[t], place[t] = i;
  }
  return place;
}

}  // namespace arrcoc
