#pragma once
// What moves between two frames of a clip: maps over the whole frame, for channels that one picture cannot fill.
#include <cmath>
#include <cstdlib>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/primitives/area_map.hpp"
#include "arrcoc/texture/cell_sums.hpp"

namespace arrcoc::texture {

/// |luma - luma of the frame before| of every pixel, [H, W] in [0, 1]. Both of one size. O(H W).
inline Plane<float> temporal_difference(ImageView frame, ImageView before) {
  require_that(frame.height == before.height && frame.width == before.width, Code::shape_mismatch,
               "temporal_difference", "expected two frames of one size");
  Plane<float> out(frame.height, frame.width);
  for (Index y = 0; y < frame.height; ++y) {
    const std::uint8_t *a = frame.row(y), *b = before.row(y);
    float* to = out.row(y);
    for (Index x = 0; x < frame.width; ++x)
      to[x] = static_cast<float>(std::abs(luma_of(a[3 * x], a[3 * x + 1], a[3 * x + 2]) -
                                          luma_of(b[3 * x], b[3 * x + 1], b[3 * x + 2]))) /
              255.f;
  }
  return out;
}

inline constexpr Index block_side = 8;  // samples of a cell along one axis

/// Luma in block_side x block_side samples for each cell, each the mean of its pixels, rounded down.
inline Plane<std::int16_t> block_samples(ImageView frame, Grid grid) {
  Plane<std::int16_t> out(grid.rows * block_side, grid.cols * block_side);
  for (Index r = 0; r < out.height; ++r) {
    const PixelRange rows = place_range(static_cast<float>(r), 1, out.height, frame.height);
    for (Index c = 0; c < out.width; ++c) {
      const PixelRange cols = place_range(static_cast<float>(c), 1, out.width, frame.width);
      std::int64_t sum = 0;
      for (Index y = rows.begin; y < rows.end; ++y)
        for (Index x = cols.begin; x < cols.end; ++x) {
          const std::uint8_t* p = frame.row(y) + 3 * x;
          sum += luma_of(p[0], p[1], p[2]);
        }
      out.row(r)[c] = static_cast<std::int16_t>(sum / (rows.count() * cols.count()));
    }
  }
  return out;
}

/// How far each cell has moved since the frame before, in cells, [rows, cols]: the way to the block of that frame that
/// differs least (sum of absolute differences over 8 x 8 samples of luma), at most one cell away in row and in column
/// and inside the frame; equal ones by the shorter way, then the smaller row, then column. Exact integers, so that
/// transcriptions agree. O(H W + 18,496 cells). Source: exhaustive block matching, Jain and Jain 1981, IEEE
/// Transactions on Communications 29(12), section II; samples and ties are ours.
inline Plane<float> flow(ImageView frame, ImageView before, Grid grid) {
  const Plane<std::int16_t> now = block_samples(frame, grid), then = block_samples(before, grid);
  Plane<float> out(grid.rows, grid.cols);
  for (Index r = 0; r < grid.rows; ++r)
    for (Index c = 0; c < grid.cols; ++c) {
      const Index row = r * block_side, col = c * block_side;
      std::int64_t least = -1;
      Index shortest = 0;
      for (Index dy = std::max(-block_side, -row); dy <= std::min(block_side, now.height - block_side - row); ++dy)
        for (Index dx = std::max(-block_side, -col); dx <= std::min(block_side, now.width - block_side - col); ++dx) {
          std::int64_t sum = 0;
          for (Index y = 0; y < block_side; ++y) {
            const std::int16_t *a = now.row(row + y) + col, *b = then.row(row + dy + y) + col + dx;
            for (Index x = 0; x < block_side; ++x) sum += std::abs(a[x] - b[x]);
          }
          const Index way = dy * dy + dx * dx;
          if (least >= 0 && (sum > least || (sum == least && way >= shortest))) continue;
          least = sum;
          shortest = way;
        }
      out.row(r)[c] = static_cast<float>(std::sqrt(static_cast<double>(shortest)) / static_cast<double>(block_side));
    }
  return out;
}

}  // namespace arrcoc::texture
