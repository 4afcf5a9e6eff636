#pragma once
// Regions of a picture, and the lattice of tokens that each is seen with.
#include <algorithm>
#include <cmath>
#include <vector>

#include "arrcoc/core/allocation.hpp"

namespace arrcoc {

/// A picture's grid in even rectangles of about `tokens` raster tokens, row by row: round(rows / sqrt(tokens)) down and
/// the same across, at least one, borders at floor(i rows / count). No tokens are given yet.
inline std::vector<Region> even_regions(Grid grid, Index tokens) {
  const double side = std::sqrt(static_cast<double>(tokens));
  const auto parts = [&](Index n) {
    return std::clamp<Index>(static_cast<Index>(std::floor(static_cast<double>(n) / side + 0.5)), 1, n);
  };
  const Index down = parts(grid.rows), across = parts(grid.cols);
  std::vector<Region> out;
  for (Index r = 0; r < down; ++r)
    for (Index c = 0; c < across; ++c)
      out.push_back(
          {r * grid.rows / down, c * grid.cols / across, (r + 1) * grid.rows / down, (c + 1) * grid.cols / across, 0});
  return out;
}

/// Which of rows x cols even blocks of its frame the centre of a token lies in, row by row, frame by frame.
inline std::size_t block_of(const TokenSet& tokens, Index token, Index rows, Index cols) {
  const Place p = tokens.at(token);
  const auto at = [](float centre, Index blocks, Index length) {
    const auto i = static_cast<Index>((static_cast<double>(centre) + 0.5) * static_cast<double>(blocks) /
                                      static_cast<double>(length));
    return std::min(i, blocks - 1);
  };
  const Index row = at(p.centre_row(), rows, tokens.grid.rows), col = at(p.centre_col(), cols, tokens.grid.cols);
  return static_cast<std::size_t>((p.frame * rows + row) * cols + col);
}

/// The tokens of each of these blocks, in the order that they stand in.
inline std::vector<std::vector<Index>> blocks_of(const TokenSet& tokens, const std::vector<Index>& ranked, Index rows,
                                                 Index cols) {
  std::vector<std::vector<Index>> out(static_cast<std::size_t>(tokens.frames * rows * cols));
  for (const Index t : ranked) out[block_of(tokens, t, rows, cols)].push_back(t);
  return out;
}

/// Tokens down and across a region.
struct Lattice {
  Index rows = 0, cols = 0;
  bool operator==(const Lattice&) const = default;
};

/// The lattice of a region of h x w raster tokens: h x w where `tokens` is that many or more, else
/// r = round(sqrt(tokens h / w)) rows, within 1..min(h, tokens), of floor(tokens / r) tokens, within 1..w. Never more
/// than `tokens`. Error{bad_stage_output} unless the region holds a token and is given at least one.
inline Lattice lattice_of(const Region& region) {
  const Index h = region.row1 - region.row0, w = region.col1 - region.col0, tokens = region.tokens;
  require_that(h > 0 && w > 0 && tokens > 0, Code::bad_stage_output, "region", [&] {
    return "expected at least 1 x 1 tokens of the grid and a count of at least 1, got " + std::to_string(h) + " x " +
           std::to_string(w) + " and " + std::to_string(tokens);
  });
  if (tokens / h >= w) return {h, w};
  const double square = std::sqrt(static_cast<double>(tokens) * static_cast<double>(h) / static_cast<double>(w));
  const Index rows = std::clamp<Index>(static_cast<Index>(std::floor(square + 0.5)), 1, std::min(h, tokens));
  return {rows, std::min(tokens / rows, w)};
}

/// Where the lattice's tokens lie on the full grid, [rows cols] row by row: each covers h / rows x w / cols raster
/// tokens, the native lattice those of the raster. None reaches beyond its region. Error{bad_stage_output} as above.
inline std::vector<Place> places_of(const Region& region) {
  const Lattice lattice = lattice_of(region);
  struct Axis {
    Index from, to, parts;
    float size() const { return static_cast<float>(static_cast<double>(to - from) / static_cast<double>(parts)); }
    float at(Index part) const {
      const double start = static_cast<double>((to - from) * part) / static_cast<double>(parts);
      return std::min(static_cast<float>(static_cast<double>(from) + start), static_cast<float>(to) - size());
    }
  };
  const Axis down{region.row0, region.row1, lattice.rows}, across{region.col0, region.col1, lattice.cols};
  std::vector<Place> places;
  places.reserve(static_cast<std::size_t>(lattice.rows * lattice.cols));
  for (Index r = 0; r < lattice.rows; ++r)
    for (Index c = 0; c < lattice.cols; ++c) places.push_back({down.at(r), across.at(c), down.size(), across.size()});
  return places;
}

}  // namespace arrcoc
