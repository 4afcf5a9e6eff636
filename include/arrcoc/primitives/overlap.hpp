#pragma once
// Maps carried from one set of places to another by the area they share.
#include <algorithm>
#include <cmath>
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

/// A place of one grid in tokens of another over the same picture.
constexpr Place on_grid(const Place& p, const Grid& from, const Grid& to) {
  if (from == to) return p;
  const float down = static_cast<float>(to.rows) / static_cast<float>(from.rows),
              across = static_cast<float>(to.cols) / static_cast<float>(from.cols);
  return {p.row * down, p.col * across, p.rows * down, p.cols * across, p.frame};
}

/// Relevance of an earlier look at the places of `to`, [N of to]: the mean over what they share with its tokens, by
/// area; 0 where it saw nothing. Grids may differ. O(cells that each place touches) from a raster, O(N N') otherwise.
inline std::vector<float> carried(const Look& look, const TokenSet& to) {
  require_that(static_cast<Index>(look.relevance.size()) == look.tokens.count(), Code::shape_mismatch, "previous",
               "relevance of an earlier look: expected one value for each of its tokens");
  if (look.tokens == to) return look.relevance;
  std::vector<float> out(static_cast<std::size_t>(to.count()));
  const Grid grid = look.tokens.grid;
  for (Index i = 0; i < to.count(); ++i) {
    const Place mine = on_grid(to.at(i), to.grid, grid);
    double sum = 0, area = 0;
    const auto add = [&](Index j) {
      const float shared = shared_area(mine, look.tokens.at(j));
      sum += static_cast<double>(shared) * static_cast<double>(look.relevance[static_cast<std::size_t>(j)]);
      area += static_cast<double>(shared);
    };
    if (look.tokens.raster() && mine.frame < look.tokens.frames) {
      const auto end = [](float at, Index n) { return std::min(n, static_cast<Index>(std::ceil(at))); };
      for (auto r = static_cast<Index>(mine.row); r < end(mine.row + mine.rows, grid.rows); ++r)
        for (auto c = static_cast<Index>(mine.col); c < end(mine.col + mine.cols, grid.cols); ++c)
          add(mine.frame * grid.count() + grid.at(r, c));
    } else {
      for (Index j = 0; j < look.tokens.count(); ++j) add(j);
    }
    if (area > 0) out[static_cast<std::size_t>(i)] = static_cast<float>(sum / area);
  }
  return out;
}

}  // namespace arrcoc
