#pragma once
// Sums over windows of cells in constant time, for centre-surround differences. Summed-area tables of whole numbers:
// exact. Source: Crow 1984, "Summed-area tables for texture mapping".
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "arrcoc/core/types.hpp"
#include "arrcoc/primitives/neighbours.hpp"

namespace arrcoc::texture {

/// F fields a cell. Building it is O(N F), a window O(F).
template <std::size_t F>
class AreaTable {
 public:
  using Row = std::array<std::int64_t, F>;
  /// value(token) -> Row
  template <class Value>
  AreaTable(Grid grid, Value&& value) : grid_(grid), sums_(std::size_t((grid.rows + 1) * (grid.cols + 1))) {
    for (Index r = 0; r < grid.rows; ++r) {
      Row line{};
      for (Index c = 0; c < grid.cols; ++c) {
        const Row v = value(grid.at(r, c));
        for (std::size_t f = 0; f < F; ++f) {
          line[f] += v[f];
          at(r + 1, c + 1)[f] = at(r, c + 1)[f] + line[f];
        }
      }
    }
  }
  /// The sum over the cells at most `radius` away in row and column, cut at the rim, without the cell itself.
  Row ring(Index r, Index c, Index radius) const { return ring({r, r + 1, c, c + 1}, radius); }
  /// Around a block of cells.
  Row ring(Window own, Index radius) const {
    const Row all = box(own, radius), self = box(own, 0);
    Row out;
    for (std::size_t f = 0; f < F; ++f) out[f] = all[f] - self[f];
    return out;
  }

 private:
  Row box(Window own, Index radius) const {
    const Index r0 = std::max<Index>(0, own.row0 - radius), r1 = std::min(grid_.rows, own.row1 + radius);
    const Index c0 = std::max<Index>(0, own.col0 - radius), c1 = std::min(grid_.cols, own.col1 + radius);
    const Row &a = at(r0, c0), &b = at(r0, c1), &d = at(r1, c0), &e = at(r1, c1);
    Row out;
    for (std::size_t f = 0; f < F; ++f) out[f] = e[f] - b[f] - d[f] + a[f];
    return out;
  }
  const Row& at(Index r, Index c) const { return sums_[std::size_t(r * (grid_.cols + 1) + c)]; }
  Row& at(Index r, Index c) { return sums_[std::size_t(r * (grid_.cols + 1) + c)]; }

  Grid grid_;
  std::vector<Row> sums_;
};

}  // namespace arrcoc::texture
