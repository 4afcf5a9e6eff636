#pragma once
#include <array>

#include "arrcoc/texture/channels/picture.hpp"
#include "arrcoc/texture/exact_math.hpp"

namespace arrcoc::texture {

/// O(H W).
///   luma                 mean luma / 255
///   saturation           mean of (largest - smallest of r, g, b) / 255
///   lab_l lab_a lab_b    CIELAB of the box's mean linear light: L / 100, (a + 128) / 255, (b + 128) / 255
/// Source: IEC 61966-2-1 (linear light), CIE 15 (CIELAB, D65). Means are taken of light, as an eye takes them.
struct ColourFamily {
  enum { luma, saturation, lab_l, lab_a, lab_b, count };
  static constexpr std::array<std::string_view, count> names{"luma", "saturation", "lab_l", "lab_a", "lab_b"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const auto& light = linear_levels();
    const bool lab = !out[lab_l].empty() || !out[lab_a].empty() || !out[lab_b].empty();
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      std::int64_t levels = 0, spread = 0;
      double sum[3] = {};
      for_rows(boxes[i], [&](Index y, Index from, Index to) {
        const std::uint8_t* c = p.image.row(y) + 3 * from;
        for (Index x = from; x < to; ++x, c += 3) {
          levels += luma_of(c[0], c[1], c[2]);
          spread += std::max({c[0], c[1], c[2]}) - std::min({c[0], c[1], c[2]});
          if (lab)
            for (int k = 0; k < 3; ++k) sum[k] += static_cast<double>(light[c[k]]);
        }
      });
      const double n = boxes[i].count();
      const auto put = [&](std::size_t k, double v) {
        if (!out[k].empty()) out[k][i] = static_cast<float>(v);
      };
      put(luma, static_cast<double>(levels) / (255 * n));
      put(saturation, static_cast<double>(spread) / (255 * n));
      if (!lab) continue;
      const Lab mean = lab_of(sum[0] / n, sum[1] / n, sum[2] / n);
      put(lab_l, mean.l / 100);
      put(lab_a, (mean.a + 128) / 255);
      put(lab_b, (mean.b + 128) / 255);
    }
  }
};

}  // namespace arrcoc::texture
