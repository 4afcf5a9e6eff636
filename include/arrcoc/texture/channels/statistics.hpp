#pragma once
#include <array>
#include <bit>
#include <cmath>

#include "arrcoc/texture/channels/picture.hpp"
#include "arrcoc/texture/log2_table.hpp"

namespace arrcoc::texture {

/// O(H W).
///   local_variance       sqrt of the mean over the box's pixels of the variance of luma in the 5 x 5 around each /
///   127.5 intensity_entropy    entropy of the box's histogram of luma in 32 bins / 5 bits gradient_entropy     entropy
///   of the box's histogram of edge strength (|gx| + |gy|) / 8 in 9 bins 0, 1, 2-3, 4-7 ...
///                        / log2 9
/// Source: Shannon 1948, section 6; the 5 x 5 variance as Haralick 1979 uses it.
struct StatisticsFamily {
  enum { local_variance, intensity_entropy, gradient_entropy, count };
  static constexpr std::array<std::string_view, count> names{"local_variance", "intensity_entropy", "gradient_entropy"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    if (!out[local_variance].empty()) {
      out[local_variance] = means(variances(p), boxes, 1.0 / (625 * 127.5 * 127.5));
      for (float& v : out[local_variance]) v = std::sqrt(v);
    }
    for (const bool gradient : {false, true}) {
      auto& column = out[gradient ? gradient_entropy : intensity_entropy];
      for (std::size_t i = 0; i < column.size(); ++i) column[i] = entropy(p, boxes[i], gradient);
    }
  }

 private:
  /// 625 times the variance of the 5 x 5 around each pixel.
  static Plane<std::int32_t> variances(Picture& p) {
    Plane<std::int32_t> out(p.image.height, p.image.width);
    const auto padded = static_cast<std::size_t>(p.image.width + 4);
    std::vector<std::int32_t> sum(padded), squares(padded);
    for (Index y = 0; y < p.image.height; ++y) {
      std::fill(sum.begin(), sum.end(), 0);
      std::fill(squares.begin(), squares.end(), 0);
      for (Index d = -2; d <= 2; ++d) {
        const std::int16_t* l = p.luma_row(y + d) - 2;
        for (std::size_t x = 0; x < padded; ++x) sum[x] += l[x], squares[x] += l[x] * l[x];
      }
      std::int32_t* to = out.row(y);
      for (Index x = 0; x < p.image.width; ++x) {
        const auto i = static_cast<std::size_t>(x);
        const std::int32_t s = sum[i] + sum[i + 1] + sum[i + 2] + sum[i + 3] + sum[i + 4];
        const std::int32_t q = squares[i] + squares[i + 1] + squares[i + 2] + squares[i + 3] + squares[i + 4];
        to[x] = 25 * q - s * s;
      }
    }
    return out;
  }

  static float entropy(Picture& p, const PixelBox& box, bool gradient) {
    std::array<std::uint64_t, 32> bins{};
    for_rows(box, [&](Index y, Index from, Index to) {
      if (gradient) {
        const std::int16_t *gx = p.gradients().x.row(y), *gy = p.gradients().y.row(y);
        for (Index x = from; x < to; ++x)
          ++bins[static_cast<std::size_t>(
              std::bit_width(static_cast<unsigned>((std::abs(gx[x]) + std::abs(gy[x])) >> 3)))];
      } else {
        const std::int16_t* l = p.luma_row(y);
        for (Index x = from; x < to; ++x) ++bins[static_cast<std::size_t>(l[x] >> 3)];
      }
    });
    const double n = box.count(), all = log2_of(static_cast<std::uint64_t>(box.rows.count() * box.cols.count()));
    double sum = n * all;
    for (const std::uint64_t b : bins)
      if (b > 0) sum -= static_cast<double>(b) * log2_of(b);
    return static_cast<float>(std::max(0.0, sum / (n * (gradient ? log2_of(9) : 5.0))));
  }
};

}  // namespace arrcoc::texture
