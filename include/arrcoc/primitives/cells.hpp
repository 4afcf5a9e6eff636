#pragma once
// How much of each token's cell boxes cover.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::cells {

/// Area of the union of boxes, in their units. O(B^2 log B).
inline double union_area(std::span<const Box> boxes) {
  std::vector<double> cuts;
  for (const Box& b : boxes) cuts.insert(cuts.end(), {b.row0, b.row1});
  std::sort(cuts.begin(), cuts.end());
  double area = 0;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {  // in each slab, the length of a union of intervals
    std::vector<std::pair<double, double>> spans;
    for (const Box& b : boxes)
      if (b.row0 <= cuts[i] && cuts[i + 1] <= b.row1) spans.emplace_back(b.col0, b.col1);
    std::sort(spans.begin(), spans.end());
    double reached = -1e300, length = 0;
    for (const auto& [from, to] : spans) {
      length += std::max(0.0, to - std::max(from, reached));
      reached = std::max(reached, to);
    }
    area += length * (cuts[i + 1] - cuts[i]);
  }
  return area;
}

/// Native pixels of each token's cell that the union of the boxes covers, [N]. Cells are height / rows x width / cols
/// pixels, fractions included. O(N + boxes' cells). Error{bad_number} for corners that are not finite.
inline std::vector<double> covered_areas(Grid grid, Index height, Index width, std::span<const Box> boxes) {
  std::vector<std::vector<Box>> parts(static_cast<std::size_t>(grid.count()));
  const double tall = static_cast<double>(height) / static_cast<double>(grid.rows),
               wide = static_cast<double>(width) / static_cast<double>(grid.cols);
  const auto cell = [](double x, double size, Index n) {
    return static_cast<Index>(std::clamp(std::floor(x / size), 0.0, static_cast<double>(n - 1)));
  };
  for (const Box& b : boxes) {
    require_that(std::isfinite(b.row0) && std::isfinite(b.col0) && std::isfinite(b.row1) && std::isfinite(b.col1),
                 Code::bad_number, "boxes", "expected finite corners");
    for (Index r = cell(b.row0, tall, grid.rows); r <= cell(b.row1, tall, grid.rows); ++r)
      for (Index c = cell(b.col0, wide, grid.cols); c <= cell(b.col1, wide, grid.cols); ++c) {
        const auto y = static_cast<double>(r), x = static_cast<double>(c);
        const Box part{std::max(b.row0, tall * y), std::max(b.col0, wide * x), std::min(b.row1, tall * (y + 1)),
                       std::min(b.col1, wide * (x + 1))};
        if (part.row0 < part.row1 && part.col0 < part.col1)
          parts[static_cast<std::size_t>(grid.at(r, c))].push_back(part);
      }
  }
  std::vector<double> out(parts.size());
  for (std::size_t t = 0; t < parts.size(); ++t) out[t] = union_area(parts[t]);
  return out;
}

/// The same for living tokens, [N]: cells of a raster, or the rectangles of places. A box lies in its own frame, or in
/// every one.
inline std::vector<double> covered_areas(const TokenSet& tokens, Index height, Index width,
                                         std::span<const Box> boxes) {
  if (tokens.raster() && tokens.frames == 1) return covered_areas(tokens.grid, height, width, boxes);
  const double tall = static_cast<double>(height) / static_cast<double>(tokens.grid.rows),
               wide = static_cast<double>(width) / static_cast<double>(tokens.grid.cols);
  std::vector<double> out;
  for (Index t = 0; t < tokens.count(); ++t) {
    const Place p = tokens.at(t);
    const auto row = static_cast<double>(p.row), col = static_cast<double>(p.col);
    const Box cell{tall * row, wide * col, tall * (row + static_cast<double>(p.rows)),
                   wide * (col + static_cast<double>(p.cols))};
    std::vector<Box> parts;
    for (const Box& b : boxes) {
      if (b.frame >= 0 && b.frame != p.frame) continue;
      const Box part{std::max(b.row0, cell.row0), std::max(b.col0, cell.col0), std::min(b.row1, cell.row1),
                     std::min(b.col1, cell.col1)};
      if (part.row0 < part.row1 && part.col0 < part.col1) parts.push_back(part);
    }
    out.push_back(union_area(parts));
  }
  return out;
}

/// The same as a share of each cell of a grid, frame by frame, [N] in [0, 1].
inline std::vector<double> covered_shares(Grid grid, Index height, Index width, std::span<const Box> boxes,
                                          Index frames = 1) {
  std::vector<double> out = covered_areas(TokenSet(grid, frames), height, width, boxes);
  const double tall = static_cast<double>(height) / static_cast<double>(grid.rows),
               wide = static_cast<double>(width) / static_cast<double>(grid.cols);
  for (double& area : out) area = std::min(1.0, area / (tall * wide));
  return out;
}

}  // namespace arrcoc::cells
