#pragma once
// Tokens beside a token on a raster.
#include <algorithm>
#include <cstddef>
#include <span>

#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Rows [row0, row1) and columns [col0, col1).
struct Window {
  Index row0 = 0, row1 = 0, col0 = 0, col1 = 0;
};

/// The cells at most `radius` away in row and in column, cut at the rim; the cell itself is among them.
constexpr Window window_around(Grid grid, Index row, Index col, Index radius) {
  return {std::max<Index>(0, row - radius), std::min(grid.rows, row + radius + 1), std::max<Index>(0, col - radius),
          std::min(grid.cols, col + radius + 1)};
}

/// f(token) for each cell of a window of this frame that a living token covers, row by row; `cells`: of covering().
template <class F>
void for_each_living(std::span<const Index> cells, Grid grid, Index frame, const Window& w, F&& f) {
  for (Index r = w.row0; r < w.row1; ++r)
    for (Index c = w.col0; c < w.col1; ++c)
      if (const Index t = cells[static_cast<std::size_t>(frame * grid.count() + grid.at(r, c))]; t >= 0) f(t);
}

/// f(token) for the up to four tokens that share an edge with this one: above, below, left, right.
template <class F>
constexpr void for_each_beside(Grid grid, Index token, F&& f) {
  const Index row = token / grid.cols, col = token % grid.cols;
  if (row > 0) f(token - grid.cols);
  if (row + 1 < grid.rows) f(token + grid.cols);
  if (col > 0) f(token - 1);
  if (col + 1 < grid.cols) f(token + 1);
}

}  // namespace arrcoc
