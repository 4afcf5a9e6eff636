#pragma once
// Who is alive: tokens as places on the picture's full grid.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// What a token covers, in tokens of the full grid; (row, col) is its top-left corner. A unit place at whole numbers is
/// a raster token.
struct Place {
  float row = 0, col = 0, rows = 1, cols = 1;
  Index frame = 0;
  constexpr float centre_row() const {
    return row + (rows - 1) / 2;
  }  // the position of the place: row itself for a unit place
  constexpr float centre_col() const { return col + (cols - 1) / 2; }
  constexpr float area() const { return rows * cols; }
  constexpr bool unit() const {
    return rows == 1 && cols == 1 && row == static_cast<float>(static_cast<Index>(row)) &&
           col == static_cast<float>(static_cast<Index>(col));
  }
  bool operator==(const Place&) const = default;
};

/// Whole pixels along one axis.
struct PixelRange {
  Index begin = 0, end = 0;
  constexpr Index count() const { return end - begin; }
};

/// Pixels that a place of `size` tokens from `from` covers along an axis of n tokens and `length` pixels; at least one.
inline PixelRange place_range(float from, float size, Index n, Index length) {
  const auto border = [&](double at) {
    return static_cast<Index>(std::floor(at * static_cast<double>(length) / static_cast<double>(n) + 0.5));
  };
  const double start = static_cast<double>(from), end = start + static_cast<double>(size);
  const Index begin = std::clamp<Index>(border(start), 0, length - 1);
  return {begin, std::clamp<Index>(border(end), begin + 1, length)};
}

/// The living tokens of one picture or clip. Without `places` they are the whole raster, frame by frame, and cost
/// nothing to name. N is count(), never grid.count().
struct TokenSet {
  Grid grid;  // of one frame
  Index frames = 1;
  std::vector<Place> places;  // [N] by frame, centre row, centre column, area; empty: the whole raster

  TokenSet() = default;
  TokenSet(Index rows, Index cols) : grid{rows, cols} {}
  TokenSet(Grid g, Index f = 1) : grid(g), frames(f) {}
  TokenSet(Grid g, std::vector<Place> p, Index f = 1) : grid(g), frames(f), places(std::move(p)) {}

  Index count() const { return places.empty() ? frames * grid.count() : static_cast<Index>(places.size()); }
  /// Every raster token is alive, so that a token's index is its raster index.
  bool raster() const { return places.empty(); }
  Place at(Index token) const {
    if (!raster()) return places[static_cast<std::size_t>(token)];
    const Index in_frame = token % grid.count();
    return {static_cast<float>(in_frame / grid.cols), static_cast<float>(in_frame % grid.cols), 1, 1,
            token / grid.count()};
  }
  bool operator==(const TokenSet&) const = default;
};

/// Whether a stands before b in a TokenSet.
constexpr bool comes_before(const Place& a, const Place& b) {
  if (a.frame != b.frame) return a.frame < b.frame;
  if (a.centre_row() != b.centre_row()) return a.centre_row() < b.centre_row();
  if (a.centre_col() != b.centre_col()) return a.centre_col() < b.centre_col();
  return a.area() < b.area();
}

/// Error{bad_stage_output} unless places are finite, of positive size, inside the grid, and in order.
inline void check_places(const TokenSet& t, std::string_view where) {
  require_that(t.grid.rows > 0 && t.grid.cols > 0 && t.frames > 0, Code::shape_mismatch, where, [&] {
    return "expected a grid of at least 1 x 1, got " + std::to_string(t.grid.rows) + " x " +
           std::to_string(t.grid.cols);
  });
  for (std::size_t i = 0; i < t.places.size(); ++i) {
    const Place& p = t.places[i];
    const bool inside = p.row >= 0 && p.col >= 0 && p.rows > 0 && p.cols > 0 && p.frame >= 0 && p.frame < t.frames &&
                        p.row + p.rows <= static_cast<float>(t.grid.rows) &&
                        p.col + p.cols <= static_cast<float>(t.grid.cols);
    require_that(inside, Code::bad_stage_output, where,
                 [&] { return "place " + std::to_string(i) + " lies outside the picture"; });
    require_that(i == 0 || comes_before(t.places[i - 1], p), Code::bad_stage_output, where, [&] {
      return "places: expected them by frame, centre row, centre column and area, got place " + std::to_string(i) +
             " behind its successor";
    });
  }
}

/// The tokens that go on, as a TokenSet; all of a raster stays a raster. `kept`: ascending indices below count().
inline TokenSet subset(const TokenSet& from, std::span<const Index> kept) {
  if (static_cast<Index>(kept.size()) == from.count()) return from;
  TokenSet out(from.grid, from.frames);
  out.places.reserve(kept.size());
  for (const Index t : kept) out.places.push_back(from.at(t));
  return out;
}

/// Which token covers the centre of each raster cell, [frames * grid.count()]; -1: none. Of several the last (smallest)
/// one.
inline std::vector<Index> covering(const TokenSet& t) {
  std::vector<Index> out(static_cast<std::size_t>(t.frames * t.grid.count()), -1);
  const auto first = [](float from) {
    return static_cast<Index>(std::ceil(std::max(0.0f, from - 0.5f)));
  };  // cell whose centre is at or beyond `from`
  for (Index i = 0; i < t.count(); ++i) {
    const Place p = t.at(i);
    for (Index r = first(p.row); r < std::min(t.grid.rows, first(p.row + p.rows)); ++r)
      for (Index c = first(p.col); c < std::min(t.grid.cols, first(p.col + p.cols)); ++c)
        out[static_cast<std::size_t>(p.frame * t.grid.count() + t.grid.at(r, c))] = i;
  }
  return out;
}

}  // namespace arrcoc
