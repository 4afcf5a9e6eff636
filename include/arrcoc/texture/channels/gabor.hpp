#pragma once
#include <array>

#include "arrcoc/texture/channels/picture.hpp"
#include "arrcoc/texture/exact_math.hpp"

namespace arrcoc::texture {

/// gabor_0 gabor_45 gabor_90 gabor_135: mean absolute response of luma to an even Gabor filter whose stripes run across
/// that direction (0: vertical strokes), over the largest possible one. 7 x 7 taps, wavelength 4 pixels, sigma 2,
/// rounded to 1/256 and made to sum to 0, so that flat ground gives 0. The rim is repeated. O(49 H W) each.
/// Source: Daugman 1985.
struct GaborFamily {
  static constexpr std::array<std::string_view, 4> names{"gabor_0", "gabor_45", "gabor_90", "gabor_135"};
  static constexpr Index radius = 3;
  using Kernel = std::array<std::int16_t, 49>;

  /// Row by row from the upper left.
  static constexpr std::array<Kernel, 4> kernels = [] {
    std::array<Kernel, 4> out{};
    for (std::size_t k = 0; k < 4; ++k) {
      const double c = cos_of(static_cast<double>(k) * pi / 4), s = sin_of(static_cast<double>(k) * pi / 4);
      int sum = 0;
      for (int y = -3; y <= 3; ++y)
        for (int x = -3; x <= 3; ++x) {
          const double v = 256 * exp_of(-(x * x + y * y) / 8.0) * cos_of(2 * pi * (x * c - y * s) / 4);
          const int tap = v < 0 ? -static_cast<int>(0.5 - v) : static_cast<int>(v + 0.5);
          out[k][static_cast<std::size_t>(7 * (y + 3) + x + 3)] = static_cast<std::int16_t>(tap);
          sum += tap;
        }
      for (auto& tap : out[k]) tap = static_cast<std::int16_t>(tap - sum / 49);
      out[k][24] = static_cast<std::int16_t>(out[k][24] - (sum - sum / 49 * 49));
    }
    return out;
  }();

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (out[k].empty()) continue;
      const Kernel& kernel = kernels[k];
      Plane<std::int32_t> response(p.image.height, p.image.width);
      int most = 0;
      for (const int tap : kernel) most += std::max(tap, 0);
      for (Index y = 0; y < p.image.height; ++y) {
        std::int32_t* to = response.row(y);
        for (Index i = -radius; i <= radius; ++i) {
          const std::int16_t* l = p.luma_row(y + i);
          const std::int16_t* w = kernel.data() + 7 * (i + radius);
          for (Index x = 0; x < p.image.width; ++x)
            to[x] += w[0] * l[x - 3] + w[1] * l[x - 2] + w[2] * l[x - 1] + w[3] * l[x] + w[4] * l[x + 1] +
                     w[5] * l[x + 2] + w[6] * l[x + 3];
        }
        for (Index x = 0; x < p.image.width; ++x) to[x] = std::abs(to[x]);
      }
      out[k] = means(response, boxes, 1.0 / (255.0 * most));
    }
  }
};

}  // namespace arrcoc::texture
