#pragma once
// k-means over the cells of one picture, and how far each cell lies from what the picture mostly is.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::texture {

inline constexpr std::size_t cluster_dims = 6;

/// features[d][i]: value of feature d at cell i, N cells each. Returns sum_k share_k * |x_i - centroid_k| [N]: large
/// where a cell is unlike the bulk of the picture. Lloyd's iterations from farthest-first centres (the first is the
/// cell nearest the mean), so there is no random start and flipping the picture flips the result. O(N k steps). `k` is
/// cut to N. Source: MacQueen 1967 (k-means), Gonzalez 1985 (farthest first); the share-weighted distance is the
/// histogram contrast of Cheng et al. 2011, "Global contrast based salient region detection", eq. 1, with clusters for
/// colours.
inline std::vector<float> cluster_distance(const std::array<std::vector<float>, cluster_dims>& features, Index k,
                                           Index steps) {
  const std::size_t n = features[0].size();
  const auto clusters = std::min(n, static_cast<std::size_t>(k));
  using Point = std::array<float, cluster_dims>;
  std::vector<float> nearest(n), distance(n);
  std::vector<std::size_t> owner(n);
  const auto measure = [&](const Point& p) {  // squared distance of every cell to p
    std::fill(distance.begin(), distance.end(), 0.f);
    for (std::size_t d = 0; d < cluster_dims; ++d) {
      const float* __restrict x = features[d].data();
      float* __restrict out = distance.data();
      const float at = p[d];
      for (std::size_t i = 0; i < n; ++i) out[i] += (x[i] - at) * (x[i] - at);
    }
  };
  const auto point_of = [&](std::size_t i) {
    Point p;
    for (std::size_t d = 0; d < cluster_dims; ++d) p[d] = features[d][i];
    return p;
  };
  Point mean{};
  for (std::size_t d = 0; d < cluster_dims; ++d) {
    double sum = 0;
    for (const float x : features[d]) sum += x;
    mean[d] = static_cast<float>(sum / static_cast<double>(n));
  }
  measure(mean);
  std::vector<Point> centres{
      point_of(std::size_t(std::min_element(distance.begin(), distance.end()) - distance.begin()))};
  measure(centres[0]);
  nearest = distance;
  while (centres.size() < clusters) {
    centres.push_back(point_of(std::size_t(std::max_element(nearest.begin(), nearest.end()) - nearest.begin())));
    measure(centres.back());
    for (std::size_t i = 0; i < n; ++i) nearest[i] = std::min(nearest[i], distance[i]);
  }
  std::vector<double> count(clusters);
  for (Index step = 0; step < steps; ++step) {
    for (std::size_t c = 0; c < clusters; ++c) {
      measure(centres[c]);
      for (std::size_t i = 0; i < n; ++i) {
        const bool closer = c == 0 || distance[i] < nearest[i];
        nearest[i] = closer ? distance[i] : nearest[i];
        owner[i] = closer ? c : owner[i];
      }
    }
    std::vector<std::array<double, cluster_dims>> sums(clusters);
    std::fill(count.begin(), count.end(), 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      count[owner[i]] += 1;
      for (std::size_t d = 0; d < cluster_dims; ++d) sums[owner[i]][d] += features[d][i];
    }
    for (std::size_t c = 0; c < clusters; ++c)
      if (count[c] > 0)
        for (std::size_t d = 0; d < cluster_dims; ++d) centres[c][d] = static_cast<float>(sums[c][d] / count[c]);
  }
  std::vector<float> out(n, 0.f);
  for (std::size_t c = 0; c < clusters; ++c) {
    const float share = static_cast<float>(count[c] / static_cast<double>(n));
    if (share == 0.f) continue;
    measure(centres[c]);
    for (std::size_t i = 0; i < n; ++i) out[i] += share * std::sqrt(distance[i]);
  }
  return out;
}

}  // namespace arrcoc::texture
