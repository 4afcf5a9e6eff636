#pragma once
#include <array>
#include <cmath>

#include "arrcoc/texture/channels/picture.hpp"
#include "arrcoc/texture/exact_math.hpp"

namespace arrcoc::texture {

/// Sobel 3x3 on luma, the rim repeated; one pass. O(H W).
///   sobel_x sobel_y      mean of gx, gy / 1020, signed: the ramp across the box; strokes cancel
///   sobel_abs            mean of |gx| + |gy| / 2040
///   sobel_magnitude      mean of sqrt(gx^2 + gy^2) / 1443
///   orientation          of the structure tensor, across the edges, / pi, in [0, 1); where there is none: 0
///   corner               sqrt(det J / (trace J + 1)) / 1020, J the mean structure tensor: edges in two directions
/// Source: Sobel, Feldman 1968; Bigun, Granlund 1987 (orientation); Noble 1988 (corner).
struct GradientFamily {
  enum { sobel_x, sobel_y, sobel_abs, sobel_magnitude, orientation, corner, count };
  static constexpr std::array<std::string_view, count> names{"sobel_x",         "sobel_y",     "sobel_abs",
                                                             "sobel_magnitude", "orientation", "corner"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const auto& g = p.gradients();
    const bool magnitude = !out[sobel_magnitude].empty();
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      std::int64_t x = 0, y = 0, all = 0, xx = 0, yy = 0, xy = 0;
      double length = 0;
      for_rows(boxes[i], [&](Index row, Index from, Index to) {
        const std::int16_t *gx = g.x.row(row), *gy = g.y.row(row);
        std::int32_t sx = 0, sy = 0, sa = 0;
        for (Index c = from; c < to; ++c) sx += gx[c], sy += gy[c], sa += std::abs(gx[c]) + std::abs(gy[c]);
        x += sx, y += sy, all += sa;
        for (Index c = from; c < to; ++c) {
          const std::int32_t a = gx[c], b = gy[c];
          xx += a * a, yy += b * b, xy += a * b;
        }
        if (magnitude)
          for (Index c = from; c < to; ++c) {
            const std::int32_t a = gx[c], b = gy[c];
            length += std::sqrt(static_cast<double>(a * a + b * b));
          }
      });
      const double n = boxes[i].count();
      const auto put = [&](std::size_t k, double v) {
        if (!out[k].empty()) out[k][i] = static_cast<float>(v);
      };
      put(sobel_x, static_cast<double>(x) / (1020 * n));
      put(sobel_y, static_cast<double>(y) / (1020 * n));
      put(sobel_abs, static_cast<double>(all) / (2040 * n));
      put(sobel_magnitude, length / (1443 * n));
      const double jxx = static_cast<double>(xx) / n, jyy = static_cast<double>(yy) / n,
                   jxy = static_cast<double>(xy) / n;
      const double turn = angle_of(2 * jxy, jxx - jyy) / (2 * pi);
      put(orientation, turn < 0 ? std::min(turn + 1, 0.9999999) : turn);
      const double det = jxx * jyy - jxy * jxy;
      put(corner, det > 0 ? std::sqrt(det / (jxx + jyy + 1)) / 1020 : 0.0);
    }
  }
};

}  // namespace arrcoc::texture
