#pragma once
#include <array>
#include <cmath>

#include "arrcoc/texture/channels/picture.hpp"

namespace arrcoc::texture {

/// Strokes of either polarity: ink is where black_hat or top_hat is at least 24 levels. O(H W).
///   stroke_width     2 area / border of the box's ink, in pixels / 9, at most 1: w for a straight stroke w wide
///   text_likeness    8 sqrt(borders along rows x borders along columns) / pixels, at most 1: strokes that turn. A rule
///                    has borders in one direction alone.
/// Source: ours; the width as Epshtein, Ofek, Wexler 2010 look for it, by area and border in place of rays.
struct StrokesFamily {
  enum { stroke_width, text_likeness, count };
  static constexpr std::array<std::string_view, count> names{"stroke_width", "text_likeness"};
  static constexpr int ink = 24;

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const auto& hats = p.hats();
    Plane<std::uint8_t> mask(p.image.height, p.image.width);
    for (std::size_t i = 0; i < mask.values.size(); ++i)
      mask.values[i] = std::max(hats.black.values[i], hats.top.values[i]) >= ink ? 1 : 0;
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const PixelBox& b = boxes[i];
      std::int64_t area = 0, along_rows = 0, along_cols = 0;
      for_rows(b, [&](Index y, Index from, Index to) {
        const std::uint8_t *m = mask.row(y), *below = y + 1 < b.rows.end ? mask.row(y + 1) : m;
        for (Index x = from; x < to; ++x) area += m[x], along_cols += m[x] != below[x];
        for (Index x = from; x + 1 < to; ++x) along_rows += m[x] != m[x + 1];
      });
      const auto border = static_cast<double>(along_rows + along_cols);
      if (!out[stroke_width].empty())
        out[stroke_width][i] =
            area == 0 ? 0.f
                      : static_cast<float>(std::min(1.0, 2 * static_cast<double>(area) / (9 * std::max(border, 1.0))));
      if (!out[text_likeness].empty())
        out[text_likeness][i] = static_cast<float>(std::min(
            1.0, 8 * std::sqrt(static_cast<double>(along_rows) * static_cast<double>(along_cols)) / b.count()));
    }
  }
};

}  // namespace arrcoc::texture
