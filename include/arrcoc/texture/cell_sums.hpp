#pragma once
// One pass over the pixels: integer sums of every grid cell. All box-integrated channels are made from these.
//   cell rule: cell (r, c) owns the whole pixels of rows [round(r H / R), round((r + 1) H / R)) and the same for
//   columns; a cell that would own none (more cells than pixels) takes the pixel its border falls into. Every pixel of
//   an image not smaller than its grid belongs to exactly one cell. luma = (77 r + 150 g + 29 b + 128) >> 8
//   (.299/.587/.114 in 8 bits); Sobel 3x3 on luma, the picture's rim repeated.
// Integers only, so the sums are the same on every machine and for every order of the bands.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::texture {

/// Edge strength e = (|gx| + |gy|) >> 3, 0..255: a step of A grey levels gives A / 2. A cell's edge histogram is
/// flat (below the first), weak, strong (from the second on). Few bins on purpose: finer ones reward grain and noise.
inline constexpr std::array<int, 2> edge_thresholds{4, 16};

struct CellSums {
  std::int64_t pixels = 0;
  std::int64_t red = 0, green = 0, blue = 0, luma = 0;       // levels
  std::int64_t luma2 = 0;                                    // levels^2
  std::int64_t colour2 = 0;                                  // (2 (r - g))^2 + (r + g - 2 b)^2
  std::int64_t edge_x = 0, edge_y = 0;                       // |gx|, |gy|, each at most 1020 a pixel
  std::int64_t jxx = 0, jyy = 0, jxy = 0;                    // structure tensor: gx gx, gy gy, gx gy
  std::array<std::int64_t, edge_thresholds.size()> above{};  // pixels with e >= threshold
};

/// The pixels of cell i of n along an axis of `length` pixels.
constexpr PixelRange cell_range(Index i, Index n, Index length) {
  const auto border = [&](Index k) { return (2 * k * length + n) / (2 * n); };
  const Index begin = std::min(border(i), length - 1);
  return {begin, std::max(begin + 1, border(i + 1))};
}

namespace detail {
inline constexpr Index block = 32;       // columns at a time: constant trip counts, so that -O2 vectorises
inline constexpr Index flush_rows = 64;  // 64 * 1020 fits the 16-bit column sums

/// Column sums of up to flush_rows rows; reused from band to band.
struct Columns {
  explicit Columns(Index width)
      : padded((width + block - 1) / block * block),
        rgb(std::size_t(3 * padded)),
        luma(std::size_t(padded)),
        edge_x(luma.size()),
        edge_y(luma.size()),
        luma2(luma.size()),
        colour2(luma.size()),
        jxx(luma.size()),
        jyy(luma.size()),
        jxy(luma.size()),
        smooth(luma.size() + 2 * block),
        slope(smooth.size()),
        last_block(std::size_t(3 * block)) {
    for (auto& a : above) a.resize(luma.size());
    for (auto& r : lines) r.resize(smooth.size());
  }
  void clear() {
    const auto zero = [](auto& v) { std::fill(v.begin(), v.end(), 0); };
    zero(rgb);
    zero(luma);
    zero(edge_x);
    zero(edge_y);
    zero(luma2);
    zero(colour2);
    zero(jxx);
    zero(jyy);
    zero(jxy);
    for (auto& a : above) zero(a);
  }
  Index padded;
  std::vector<std::uint16_t> rgb, luma, edge_x, edge_y;
  std::vector<std::int32_t> luma2, colour2, jxx, jyy, jxy;
  std::array<std::vector<std::uint8_t>, edge_thresholds.size()> above;
  std::vector<std::int16_t> smooth, slope;         // vertical [1 2 1] and [-1 0 1], pixel x at place x + block
  std::array<std::vector<std::uint8_t>, 3> lines;  // luma of three rows, same places
  std::vector<std::uint8_t> last_block;            // the ragged end of a row, padded
};

inline const std::uint8_t* block_at(const std::uint8_t* row, Index x, Index width, Columns& c) {
  if (x + block <= width) return row + 3 * x;
  std::copy(row + 3 * x, row + 3 * width, c.last_block.begin());
  return c.last_block.data();
}

inline void split(const std::uint8_t* __restrict p, std::uint8_t* __restrict r, std::uint8_t* __restrict g,
                  std::uint8_t* __restrict b) {
  for (Index i = 0; i < block; ++i) {
    r[i] = p[3 * i];
    g[i] = p[3 * i + 1];
    b[i] = p[3 * i + 2];
  }
}

inline void luma_line(ImageView v, Index y, std::vector<std::uint8_t>& line, Columns& c, bool count) {
  y = std::clamp<Index>(y, 0, v.height - 1);
  const std::uint8_t* row = v.row(y);
  for (Index x = 0; x < v.width; x += block) {
    const std::uint8_t* __restrict p = block_at(row, x, v.width, c);
    std::uint8_t r[block], g[block], b[block];
    split(p, r, g, b);
    std::uint8_t* __restrict out = line.data() + block + x;
    for (Index i = 0; i < block; ++i)
      out[i] =
          std::uint8_t((std::uint16_t(77 * r[i]) + std::uint16_t(150 * g[i]) + std::uint16_t(29 * b[i]) + 128) >> 8);
    if (!count) continue;
    std::uint16_t* __restrict rgb = c.rgb.data() + 3 * x;
    for (Index i = 0; i < 3 * block; ++i) rgb[i] = std::uint16_t(rgb[i] + p[i]);
    std::uint16_t* __restrict luma = c.luma.data() + x;
    for (Index i = 0; i < block; ++i) luma[i] = std::uint16_t(luma[i] + out[i]);
    std::int32_t* __restrict luma2 = c.luma2.data() + x;
    for (Index i = 0; i < block; ++i) luma2[i] += out[i] * out[i];
    std::int32_t* __restrict colour2 = c.colour2.data() + x;
    for (Index i = 0; i < block; ++i) {
      const std::int32_t red_green = 2 * (r[i] - g[i]), blue_yellow = r[i] + g[i] - 2 * b[i];
      colour2[i] += red_green * red_green + blue_yellow * blue_yellow;
    }
  }
  line[std::size_t(block - 1)] = line[std::size_t(block)];
  line[std::size_t(block + v.width)] = line[std::size_t(block + v.width - 1)];
}

inline void edge_line(const std::vector<std::uint8_t>& top, const std::vector<std::uint8_t>& middle,
                      const std::vector<std::uint8_t>& bottom, Columns& c) {
  for (Index x = 0; x < c.padded + 2 * block; x += block) {
    const std::uint8_t* __restrict t = top.data() + x, * __restrict m = middle.data() + x, * __restrict l = bottom.data() + x;
    std::int16_t* __restrict s = c.smooth.data() + x, * __restrict d = c.slope.data() + x;
    for (Index i = 0; i < block; ++i) {
      s[i] = std::int16_t(t[i] + 2 * m[i] + l[i]);
      d[i] = std::int16_t(l[i] - t[i]);
    }
  }
  for (Index x = 0; x < c.padded; x += block) {
    const std::int16_t* __restrict s = c.smooth.data() + block + x, * __restrict d = c.slope.data() + block + x;
    std::int16_t gx[block], gy[block];
    for (Index i = 0; i < block; ++i) gx[i] = std::int16_t(s[i + 1] - s[i - 1]);
    for (Index i = 0; i < block; ++i) gy[i] = std::int16_t(d[i - 1] + 2 * d[i] + d[i + 1]);
    std::int32_t* __restrict jxx = c.jxx.data() + x, * __restrict jyy = c.jyy.data() + x, * __restrict jxy = c.jxy.data() + x;
    for (Index i = 0; i < block; ++i) jxx[i] += std::int32_t(gx[i]) * gx[i];
    for (Index i = 0; i < block; ++i) jyy[i] += std::int32_t(gy[i]) * gy[i];
    for (Index i = 0; i < block; ++i) jxy[i] += std::int32_t(gx[i]) * gy[i];
    std::uint16_t* __restrict ex = c.edge_x.data() + x, * __restrict ey = c.edge_y.data() + x;
    std::uint8_t edge[block];
    for (Index i = 0; i < block; ++i) {
      const std::uint16_t ax = std::uint16_t(gx[i] < 0 ? -gx[i] : gx[i]),
                          ay = std::uint16_t(gy[i] < 0 ? -gy[i] : gy[i]);
      ex[i] = std::uint16_t(ex[i] + ax);
      ey[i] = std::uint16_t(ey[i] + ay);
      edge[i] = std::uint8_t(std::uint16_t(ax + ay) >> 3);
    }
    for (std::size_t k = 0; k < edge_thresholds.size(); ++k) {
      std::uint8_t* __restrict n = c.above[k].data() + x;
      const auto limit = std::uint8_t(edge_thresholds[k]);
      for (Index i = 0; i < block; ++i) n[i] = std::uint8_t(n[i] + (edge[i] >= limit ? 1 : 0));
    }
  }
}

inline void fold(const Columns& c, PixelRange columns, CellSums& out) {
  for (Index x = columns.begin; x < columns.end; ++x) {
    const auto i = std::size_t(x);
    out.red += c.rgb[3 * i];
    out.green += c.rgb[3 * i + 1];
    out.blue += c.rgb[3 * i + 2];
    out.luma += c.luma[i];
    out.luma2 += c.luma2[i];
    out.colour2 += c.colour2[i];
    out.edge_x += c.edge_x[i];
    out.edge_y += c.edge_y[i];
    out.jxx += c.jxx[i];
    out.jyy += c.jyy[i];
    out.jxy += c.jxy[i];
    for (std::size_t k = 0; k < edge_thresholds.size(); ++k) out.above[k] += c.above[k][i];
  }
}
}  // namespace detail

/// Sums of the cells of grid row `row`, written to out[0 .. cols). `scratch` was made for this picture's width.
inline void sum_cell_row(ImageView v, Grid grid, Index row, detail::Columns& scratch, CellSums* out) {
  const PixelRange rows = cell_range(row, grid.rows, v.height);
  for (Index first = rows.begin; first < rows.end; first += detail::flush_rows) {
    const Index last = std::min(rows.end, first + detail::flush_rows);
    scratch.clear();
    auto& lines = scratch.lines;
    detail::luma_line(v, first - 1, lines[0], scratch, false);
    detail::luma_line(v, first, lines[1], scratch, true);
    for (Index y = first; y < last; ++y) {
      const auto at = std::size_t(y - first);
      detail::luma_line(v, y + 1, lines[(at + 2) % 3], scratch, y + 1 < last);
      detail::edge_line(lines[at % 3], lines[(at + 1) % 3], lines[(at + 2) % 3], scratch);
    }
    for (Index c = 0; c < grid.cols; ++c) {
      const PixelRange columns = cell_range(c, grid.cols, v.width);
      out[c].pixels += (last - first) * (columns.end - columns.begin);
      detail::fold(scratch, columns, out[c]);
    }
  }
}

/// Sums of one rectangle of pixels, by the same integer rules: what the cells of a raster give, for any place.
/// O(pixels).
inline CellSums sum_pixels(ImageView v, PixelRange rows, PixelRange cols) {
  CellSums s;
  const auto luma = [&](Index y, Index x) {
    const std::uint8_t* p = v.row(std::clamp<Index>(y, 0, v.height - 1)) + 3 * std::clamp<Index>(x, 0, v.width - 1);
    return luma_of(p[0], p[1], p[2]);
  };
  for (Index y = rows.begin; y < rows.end; ++y)
    for (Index x = cols.begin; x < cols.end; ++x) {
      const std::uint8_t* p = v.row(y) + 3 * x;
      const int r = p[0], g = p[1], b = p[2], l = luma(y, x), rg = 2 * (r - g), by = r + g - 2 * b;
      int around[3][3];
      for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 3; ++j) around[i][j] = luma(y + i - 1, x + j - 1);
      const int gx = around[0][2] + 2 * around[1][2] + around[2][2] - around[0][0] - 2 * around[1][0] - around[2][0];
      const int gy = around[2][0] + 2 * around[2][1] + around[2][2] - around[0][0] - 2 * around[0][1] - around[0][2];
      ++s.pixels;
      s.red += r, s.green += g, s.blue += b, s.luma += l, s.luma2 += l * l, s.colour2 += rg * rg + by * by;
      s.edge_x += std::abs(gx), s.edge_y += std::abs(gy);
      s.jxx += gx * gx, s.jyy += gy * gy, s.jxy += gx * gy;
      for (std::size_t k = 0; k < edge_thresholds.size(); ++k)
        s.above[k] += (std::abs(gx) + std::abs(gy)) >> 3 >= edge_thresholds[k] ? 1 : 0;
    }
  return s;
}

}  // namespace arrcoc::texture
