#pragma once
// Maps carried from one set of places to another by the area they share.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
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
inline Place on_grid(const Place& p, const Grid& from, const Grid& to) {
  if (from == to) return p;
  const double tall = static_cast<double>(to.rows) / static_cast<double>(from.rows),
               wide = static_cast<double>(to.cols) / static_cast<double>(from.cols);
  const auto scaled = [](float x, double by) { return static_cast<float>(static_cast<double>(x) * by); };
  const float row = scaled(p.row, tall), col = scaled(p.col, wide);
  return {row, col, scaled(p.row + p.rows, tall) - row, scaled(p.col + p.cols, wide) - col, p.frame};
}

/// The places of a look at another resolution, in tokens of `grid`: both are the same picture. [its N]
inline TokenSet on_grid(const TokenSet& from, Grid grid) {
  if (from.grid == grid) return from;
  TokenSet out(grid, from.frames);
  for (Index i = 0; i < from.count(); ++i) out.places.push_back(on_grid(from.at(i), from.grid, grid));
  return out;
}

/// Values of the tokens of `from` at the places of `to`, [N of to]: the mean over what they share, by area; 0 where
/// they share nothing. Grids may differ. O(cells that each place touches) from a raster, else O(N N').
/// Error{shape_mismatch} naming `what`.
inline std::vector<float> carried(const TokenSet& from, std::span<const float> values, const TokenSet& to,
                                  std::string_view what) {
  require_that(static_cast<Index>(values.size()) == from.count(), Code::shape_mismatch, "previous", [&] {
    return std::string(what) + " of an earlier look: expected " + std::to_string(from.count()) +
           " values, one for each of its tokens, got " + std::to_string(values.size());
  });
  if (from == to) return {values.begin(), values.end()};
  std::vector<float> out(static_cast<std::size_t>(to.count()));
  const Grid grid = from.grid;
  for (Index i = 0; i < to.count(); ++i) {
    const Place mine = on_grid(to.at(i), to.grid, grid);
    double sum = 0, area = 0;
    const auto add = [&](Index j) {
      const float shared = shared_area(mine, from.at(j));
      sum += static_cast<double>(shared) * static_cast<double>(values[static_cast<std::size_t>(j)]);
      area += static_cast<double>(shared);
    };
    if (from.raster() && mine.frame < from.frames) {
      const auto end = [](float at, Index n) { return std::min(n, static_cast<Index>(std::ceil(at))); };
      for (auto r = static_cast<Index>(mine.row); r < end(mine.row + mine.rows, grid.rows); ++r)
        for (auto c = static_cast<Index>(mine.col); c < end(mine.col + mine.cols, grid.cols); ++c)
          add(mine.frame * grid.count() + grid.at(r, c));
    } else {
      for (Index j = 0; j < from.count(); ++j) add(j);
    }
    if (area > 0) out[static_cast<std::size_t>(i)] = static_cast<float>(sum / area);
  }
  return out;
}

/// Relevance of an earlier look at the places of `to`.
inline std::vector<float> carried(const Look& look, const TokenSet& to) {
  return carried(look.tokens, look.relevance, to, "relevance");
}

/// Share of each place of `to` that the kept tokens of an earlier look cover, [N of to] in [0, 1]. A place at most
/// `radius` tokens from the centre of a kept one (the farther of rows and columns) counts decay^distance where that is
/// more. O(N K).
inline std::vector<float> covered_by(const Look& look, const TokenSet& to, Index radius = 0, double decay = 0) {
  std::vector<float> out(static_cast<std::size_t>(to.count()));
  for (Index i = 0; i < to.count(); ++i) {
    const Place mine = to.at(i);
    double area = 0, near = 0;
    for (const Index t : look.kept) {
      const Place seen = look.tokens.at(t);
      area += static_cast<double>(shared_area(mine, seen));
      if (seen.frame != mine.frame) continue;
      const double distance =
          std::max(std::abs(static_cast<double>(mine.centre_row()) - static_cast<double>(seen.centre_row())),
                   std::abs(static_cast<double>(mine.centre_col()) - static_cast<double>(seen.centre_col())));
      if (distance <= static_cast<double>(radius) && distance > 0) near = std::max(near, std::pow(decay, distance));
    }
    out[static_cast<std::size_t>(i)] =
        static_cast<float>(std::min(1.0, std::max(area / static_cast<double>(mine.area()), near)));
  }
  return out;
}

}  // namespace arrcoc
