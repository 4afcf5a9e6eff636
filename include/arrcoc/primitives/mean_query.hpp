#pragma once
// What the mean query of a picture attends to: a stand-in for a class token's attention.
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"

namespace arrcoc {

/// Mean over heads of softmax(q k / sqrt(width)), q the mean of the rows of queries: [N], summing to 1. Queries and
/// keys [N, heads width], head by head; width = all columns: one head. O(N D).
inline std::vector<double> mean_query_attention(const FeatureRows& queries, const FeatureRows& keys,
                                                std::size_t width) {
  const std::vector<double> mean = queries.mean();
  std::vector<double> sum(keys.count), logits(keys.count);
  for (std::size_t from = 0; from + width <= keys.width; from += width) {
    for (std::size_t t = 0; t < keys.count; ++t)
      logits[t] = dot_of(std::span(mean).subspan(from, width), keys.row(t).subspan(from, width)) /
                  std::sqrt(static_cast<double>(width));
    const double most = *std::max_element(logits.begin(), logits.end());
    double all = 0;
    for (double& x : logits) all += x = std::exp(x - most);
    for (std::size_t t = 0; t < keys.count; ++t) sum[t] += logits[t] / all;
  }
  for (double& x : sum) x /= static_cast<double>(keys.width / width);
  return sum;
}

}  // namespace arrcoc
