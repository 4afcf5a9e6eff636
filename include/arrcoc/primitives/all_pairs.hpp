#pragma once
// Every pair of tokens once.
#include <algorithm>
#include <span>
#include <vector>

#include "arrcoc/core/evidence.hpp"

namespace arrcoc {

/// visit(i, cosines of i with i, i + 1 ... N - 1) for i ascending: whoever adds up what each token has with all others
/// adds them in the order of rows. O(N^2 / 2) cosines in blocks, 16 N of them at a time; no row is kept.
template <class Visit>
void each_pair(const SimilarityRows& similarity, const Visit& visit) {
  constexpr std::size_t some = 16;
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<Index> all;
  for (Index t = 0; t < similarity.count(); ++t) all.push_back(t);
  std::vector<float> cosines(std::min(some, n) * n);
  for (std::size_t first = 0; first < n; first += some) {
    const std::size_t count = std::min(some, n - first), width = n - first;
    const auto out = std::span(cosines).first(count * width);
    similarity.block(std::span(all).subspan(first, count), std::span(all).subspan(first), out);
    for (std::size_t i = 0; i < count; ++i)
      visit(first + i, std::span<const float>(out).subspan(i * width + i, width - i));
  }
}

}  // namespace arrcoc
