#pragma once
// What the two thirteen-channel textures of the older sketches share, number by number.
#include <array>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/texture/channels/picture.hpp"

namespace arrcoc {

struct SketchTextureConfig {
  std::string validate() const { return {}; }
  bool operator==(const SketchTextureConfig&) const = default;
};

namespace texture {

using FloatPlane = Plane<double>;

/// One colour (0..2) / 255, resized to [height, width] by two taps an axis whatever the scale: torch's bilinear
/// interpolation without corner alignment and without a filter.
inline FloatPlane two_taps(ImageView v, Index colour, Index height, Index width) {
  struct Tap {
    Index first, second;
    double part;
  };
  const auto taps = [](Index from, Index to) {
    std::vector<Tap> out;
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    for (Index i = 0; i < to; ++i) {
      const double at = std::max(0.0, (static_cast<double>(i) + 0.5) * scale - 0.5);
      const Index first = std::min(static_cast<Index>(at), from - 1);
      out.push_back({first, std::min(first + 1, from - 1), at - static_cast<double>(first)});
    }
    return out;
  };
  const auto rows = taps(v.height, height), cols = taps(v.width, width);
  FloatPlane out(height, width);
  for (Index y = 0; y < height; ++y) {
    const Tap& r = rows[static_cast<std::size_t>(y)];
    const std::uint8_t *a = v.row(r.first) + colour, *b = v.row(r.second) + colour;
    for (Index x = 0; x < width; ++x) {
      const Tap& c = cols[static_cast<std::size_t>(x)];
      const double top = a[3 * c.first] + (a[3 * c.second] - a[3 * c.first]) * c.part;
      const double low = b[3 * c.first] + (b[3 * c.second] - b[3 * c.first]) * c.part;
      out.row(y)[x] = (top + (low - top) * r.part) / 255;
    }
  }
  return out;
}

/// What both sketches begin with: 16 x 16 samples a cell, whatever the picture's size, and Sobel on their luma.
struct Sketch {
  Grid grid;
  std::array<FloatPlane, 3> rgb;
  FloatPlane luma, gx, gy;

  /// `rim`: beyond the picture luma is its rim's, or 0 (which makes a frame of edges).
  Sketch(ImageView v, Grid g, bool rim, double scale) : grid(g), luma(16 * g.rows, 16 * g.cols), gx(luma), gy(luma) {
    for (Index k = 0; k < 3; ++k) rgb[static_cast<std::size_t>(k)] = two_taps(v, k, luma.height, luma.width);
    for (std::size_t i = 0; i < luma.values.size(); ++i)
      luma.values[i] = 0.299 * rgb[0].values[i] + 0.587 * rgb[1].values[i] + 0.114 * rgb[2].values[i];
    const auto at = [&](Index y, Index x) {
      const bool inside = y >= 0 && x >= 0 && y < luma.height && x < luma.width;
      return inside || rim ? luma.row(std::clamp<Index>(y, 0, luma.height - 1))[std::clamp<Index>(x, 0, luma.width - 1)]
                           : 0.0;
    };
    for (Index y = 0; y < luma.height; ++y)
      for (Index x = 0; x < luma.width; ++x) {
        const double ne = at(y - 1, x + 1), se = at(y + 1, x + 1), nw = at(y - 1, x - 1), sw = at(y + 1, x - 1);
        gx.row(y)[x] = scale * (ne + 2 * at(y, x + 1) + se - nw - 2 * at(y, x - 1) - sw);
        gy.row(y)[x] = scale * (sw + 2 * at(y + 1, x) + se - nw - 2 * at(y - 1, x) - ne);
      }
  }

  /// f(y, x) over the samples [first, last) of each cell's 16, in mean, [N].
  template <class F>
  std::vector<double> cells(Index first, Index last, F&& f) const {
    std::vector<double> out;
    for (Index r = 0; r < grid.rows; ++r)
      for (Index c = 0; c < grid.cols; ++c) {
        double sum = 0;
        for (Index y = 16 * r + first; y < 16 * r + last; ++y)
          for (Index x = 16 * c + first; x < 16 * c + last; ++x) sum += f(y, x);
        out.push_back(sum / static_cast<double>((last - first) * (last - first)));
      }
    return out;
  }
  /// linspace(0, 1, n)[i]
  static double even(Index i, Index n) { return n > 1 ? static_cast<double>(i) / static_cast<double>(n - 1) : 0; }

  /// Columns [N] of the raster to the living places; a place over several cells has their mean by area.
  static Textures on_places(std::vector<std::string> names, const std::vector<std::vector<double>>& columns,
                            const TokenSet& tokens) {
    Textures out{std::move(names), {}};
    std::vector<FloatPlane> maps;
    for (const auto& column : columns) maps.emplace_back(tokens.grid.rows, tokens.grid.cols, column);
    for (Index t = 0; t < tokens.count(); ++t) {
      const Place p = tokens.at(t);
      for (const auto& map : maps) out.values.push_back(static_cast<float>(area_mean(map, p, tokens.grid)));
    }
    return out;
  }
  static void check(ImageView v, Grid g, std::string_view where) {
    require_that(!v.empty() && g.rows > 0 && g.cols > 0, Code::shape_mismatch, where, [&] {
      return "expected a picture and a grid of at least 1 x 1, got " + std::to_string(g.rows) + " x " +
             std::to_string(g.cols);
    });
  }
};
}  // namespace texture

}  // namespace arrcoc
