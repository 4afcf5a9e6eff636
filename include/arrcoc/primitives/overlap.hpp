#pragma once
// Maps carried from one set of places to another by the area they share.
#include <algorithm>
#include <vector>

#include "arrcoc/core/evidence.hpp"

namespace arrcoc {

/// Area that two places share, in tokens of the full grid; 0 in different frames.
constexpr float shared_area(const Place& a, const Place& b) {
  if (a.frame != b.frame) return 0;
  const float rows = std::min(a.row + a.rows, b.row + b.rows) - std::max(a.row, b.row);
  const float cols = std::min(a.col + a.cols, b.col + b.cols) - std::max(a.col, b.col);
  return rows > 0 && cols > 0 ? rows * cols : 0;
}

/// Relevance of an earlier look at the places of `to`, [N of to]: the mean over what they share with its tokens, by
/// area; 0 where it saw nothing. O(N) between rasters of one grid, O(N N') otherwise.
inline std::vector<float> carried(const Look& look, const TokenSet& to) {
  require_that(static_cast<Index>(look.relevance.size()) == look.tokens.count(), Code::shape_mismatch, "previous",
               "relevance of an earlier look: expected one value for each of its tokens");
  if (look.tokens == to) return look.relevance;
  std::vector<float> out(static_cast<std::size_t>(to.count()));
  for (Index i = 0; i < to.count(); ++i) {
    const Place mine = to.at(i);
    double sum = 0, area = 0;
    for (Index j = 0; j < look.tokens.count(); ++j) {
      const float shared = shared_area(mine, look.tokens.at(j));
      sum += static_cast<double>(shared) * static_cast<double>(look.relevance[static_cast<std::size_t>(j)]);
      area += static_cast<double>(shared);
    }
    if (area > 0) out[static_cast<std::size_t>(i)] = static_cast<float>(sum / area);
  }
  return out;
}

}  // namespace arrcoc
