#pragma once
// Rows that stand for much, given the moments of rows that stand for little.
#include <cmath>
#include <map>
#include <span>
#include <vector>

#include "arrcoc/core/allocation.hpp"

namespace arrcoc {

/// Mean and standard deviation of each column over some rows.
struct ColumnMoments {
  std::vector<double> mean, deviation;

  /// `values` [rows, width], `some`: at least one of the rows.
  ColumnMoments(std::span<const float> values, std::size_t width, const std::vector<Index>& some)
      : mean(width), deviation(width) {
    const auto count = static_cast<double>(some.size());
    const auto at = [&](Index row, std::size_t c) {
      return static_cast<double>(values[static_cast<std::size_t>(row) * width + c]);
    };
    for (const Index row : some)
      for (std::size_t c = 0; c < width; ++c) mean[c] += at(row, c) / count;
    for (const Index row : some)
      for (std::size_t c = 0; c < width; ++c) deviation[c] += (at(row, c) - mean[c]) * (at(row, c) - mean[c]) / count;
    for (double& d : deviation) d = std::sqrt(d);
  }
};

/// A row among others of its picture, and what it stands for: the area of its place times its members.
struct TierRow {
  Index row = 0;
  float size = 1;
};

/// Brings each tier (`rows` of one size above `finest`, two at least) `share` of the way to the moments of `all`:
/// x + share (M + S (x - m) / s - x), m and s of the tier's column, M and S of `finest` rows of `all` [N, width]; a
/// column that is the same in all of a tier is shifted alone. `values` [K, width] in place. O((K + N) width).
/// Source: ARR-COC notes, the distribution adapter by tier (2A.16), by moments, within the picture at hand.
inline void match_tiers(std::span<float> values, const std::vector<TierRow>& rows, float finest,
                        std::span<const float> all, const std::vector<Index>& finest_of_all, std::size_t width,
                        double share) {
  std::map<float, std::vector<Index>> tiers;
  for (const TierRow& r : rows)
    if (r.size > finest) tiers[r.size].push_back(r.row);
  if (tiers.empty() || finest_of_all.empty()) return;
  const ColumnMoments to(all, width, finest_of_all);
  for (const auto& [size, some] : tiers) {
    if (some.size() < 2) continue;
    const ColumnMoments from(values, width, some);
    for (const Index row : some)
      for (std::size_t c = 0; c < width; ++c) {
        float& x = values[static_cast<std::size_t>(row) * width + c];
        const double scale = from.deviation[c] > 0 ? to.deviation[c] / from.deviation[c] : 1;
        const double there = to.mean[c] + scale * (static_cast<double>(x) - from.mean[c]);
        x = static_cast<float>(static_cast<double>(x) + share * (there - static_cast<double>(x)));
      }
  }
}

}  // namespace arrcoc
