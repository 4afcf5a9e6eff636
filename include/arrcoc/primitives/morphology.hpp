#pragma once
// Flat grey morphology on planes of bytes, in integers.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "arrcoc/core/image.hpp"
#include "arrcoc/primitives/area_map.hpp"

namespace arrcoc::morphology {

using Bytes = Plane<std::uint8_t>;  // one byte a pixel

/// 0 outside.
inline std::uint8_t at(const Bytes& p, Index y, Index x) {
  return y < 0 || x < 0 || y >= p.height || x >= p.width ? std::uint8_t{0} : p.row(y)[x];
}
/// Luma, smoothed by [1 2 1] / 4 both ways, the rim repeated. O(H W).
inline Bytes smooth_luma(ImageView v) {
  Bytes luma(v.height, v.width), out = luma;
  for (std::size_t i = 0; i < luma.values.size(); ++i)
    luma.values[i] = static_cast<std::uint8_t>(luma_of(v.rgb[3 * i], v.rgb[3 * i + 1], v.rgb[3 * i + 2]));
  for (Index y = 0; y < v.height; ++y) {
    const std::uint8_t* rows[3] = {luma.row(std::max<Index>(y - 1, 0)), luma.row(y),
                                   luma.row(std::min(y + 1, v.height - 1))};
    for (Index x = 0; x < v.width; ++x) {
      const auto down = [&](Index at) { return rows[0][at] + 2 * rows[1][at] + rows[2][at]; };
      const int sum = down(std::max<Index>(x - 1, 0)) + 2 * down(x) + down(std::min(x + 1, v.width - 1));
      out.row(y)[x] = static_cast<std::uint8_t>((sum + 8) >> 4);
    }
  }
  return out;
}
/// The largest of 2 r + 1 elements around each of n, an element being `wide` neighbouring bytes.
inline void dilate_line(std::uint8_t* data, Index n, Index wide, Index r, std::vector<std::uint8_t>& work) {
  const Index window = 2 * r + 1, all = (n + 2 * r) * wide;
  work.assign(std::size_t(all), 0);
  std::copy(data, data + n * wide, work.begin() + r * wide);
  // A byte that is written may be the vector's own pointer, for all that the compiler knows.
  std::uint8_t* const w = work.data();
  Index length = 1;
  for (; 2 * length <= window; length *= 2)
    for (Index k = 0, step = length * wide; k < all - step; ++k) w[k] = std::max(w[k], w[k + step]);
  for (Index k = 0, step = (window - length) * wide; k < n * wide; ++k) data[k] = std::max(w[k], w[k + step]);
}
/// Each pixel the largest of the square of 2 r + 1 px around it. O(H W log r).
inline Bytes dilated(Bytes p, Index r) {
  std::vector<std::uint8_t> work;
  for (Index y = 0; y < p.height; ++y) dilate_line(p.row(y), p.width, 1, r, work);
  dilate_line(p.values.data(), p.height, p.width, r, work);
  return p;
}
/// Closing minus picture: what is dark and nowhere wider than 2 r px (Serra 1982). The same of 255 - v is the top-hat.
inline Bytes black_hat(const Bytes& dark, Index r) {
  Bytes out = dilated(dark, r);
  for (auto& v : out.values) v = static_cast<std::uint8_t>(255 - v);
  out = dilated(std::move(out), r);
  for (std::size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = static_cast<std::uint8_t>(255 - out.values[i] - dark.values[i]);
  return out;
}
/// Takes 8-connected parts out of the ink (0 or 1) that are longer than `longest` px and fill less than 3/20 of their
/// box, or are more than 20 times as long as wide: rules, frames, curves. O(H W + runs).
inline void erase_long(Bytes& ink, Index longest) {
  struct Run {
    Index row, begin, end, top, bottom, left, right, area;
    std::size_t root;
  };
  std::vector<Run> runs;
  const auto root = [&](std::size_t i) {
    while (runs[i].root != i) i = runs[i].root = runs[runs[i].root].root;
    return i;
  };
  for (std::size_t above = 0, above_end = 0, y = 0; y < std::size_t(ink.height); ++y) {
    const std::size_t first = runs.size();
    for (Index x = 0, row = Index(y); x < ink.width; ++x) {
      if (!at(ink, row, x)) continue;
      const Index begin = x;
      while (at(ink, row, x)) ++x;
      runs.push_back({row, begin, x, row, row + 1, begin, x, x - begin, runs.size()});
    }
    for (std::size_t b = first; above < above_end && b < runs.size();) {
      if (runs[above].begin <= runs[b].end && runs[b].begin <= runs[above].end) {
        const std::size_t i = root(above), j = root(b);
        if (i != j) {
          Run &to = runs[std::min(i, j)], &from = runs[std::max(i, j)];
          from.root = std::min(i, j);
          to.top = std::min(to.top, from.top), to.bottom = std::max(to.bottom, from.bottom);
          to.left = std::min(to.left, from.left), to.right = std::max(to.right, from.right), to.area += from.area;
        }
      }
      runs[above].end < runs[b].end ? ++above : ++b;
    }
    above = first, above_end = runs.size();
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Run& whole = runs[root(i)];
    const Index h = whole.bottom - whole.top, w = whole.right - whole.left, l = std::max(h, w);
    if (l > longest && (20 * whole.area < 3 * h * w || l > 20 * std::min(h, w)))
      std::fill_n(ink.row(runs[i].row) + runs[i].begin, runs[i].end - runs[i].begin, 0);
  }
}
}  // namespace arrcoc::morphology
