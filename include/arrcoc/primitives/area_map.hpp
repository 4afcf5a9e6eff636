#pragma once
// Values on a grid that covers a whole picture, and their means over parts of it.
#include <algorithm>
#include <utility>
#include <vector>

#include "arrcoc/core/places.hpp"

namespace arrcoc {

/// [height, width], row by row.
template <class T>
struct Plane {
  Index height = 0, width = 0;
  std::vector<T> values;
  Plane() = default;
  Plane(Index h, Index w, T fill = T{}) : height(h), width(w), values(static_cast<std::size_t>(h * w), fill) {}
  Plane(Index h, Index w, std::vector<T> v) : height(h), width(w), values(std::move(v)) {}
  T* row(Index y) { return values.data() + y * width; }
  const T* row(Index y) const { return values.data() + y * width; }
};

/// Mean by area over rows [top, bottom) and columns [left, right), in cells of the map, fractions included; what lies
/// outside does not count. 0 when nothing is inside.
template <class T>
double area_mean(const Plane<T>& map, double top, double bottom, double left, double right) {
  const auto share = [](Index cell, double from, double to) {
    return std::min(static_cast<double>(cell + 1), to) - std::max(static_cast<double>(cell), from);
  };
  double sum = 0, area = 0;
  for (Index r = static_cast<Index>(top); r < map.height && static_cast<double>(r) < bottom; ++r)
    for (Index c = static_cast<Index>(left); c < map.width && static_cast<double>(c) < right; ++c) {
      const double a = share(r, top, bottom) * share(c, left, right);
      sum += a * static_cast<double>(map.row(r)[c]);
      area += a;
    }
  return area > 0 ? sum / area : 0;
}

/// Over what a place of a grid of tokens covers.
template <class T>
double area_mean(const Plane<T>& map, const Place& p, Grid grid) {
  const auto to_map = [](float at, Index tokens, Index cells) {
    return static_cast<double>(at) * static_cast<double>(cells) / static_cast<double>(tokens);
  };
  return area_mean(map, to_map(p.row, grid.rows, map.height), to_map(p.row + p.rows, grid.rows, map.height),
                   to_map(p.col, grid.cols, map.width), to_map(p.col + p.cols, grid.cols, map.width));
}

}  // namespace arrcoc
