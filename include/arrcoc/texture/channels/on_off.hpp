#pragma once
#include <array>

#include "arrcoc/texture/channels/picture.hpp"

namespace arrcoc::texture {

/// Row T - 1 of Pascal's triangle.
template <std::size_t T>
constexpr std::array<std::int32_t, T> binomial() {
  std::array<std::int32_t, T> row{1};
  for (std::size_t n = 1; n < T; ++n)
    for (std::size_t k = n; k > 0; --k) row[k] += row[k - 1];
  return row;
}

/// on_dog off_dog: where luma is above, and where it is below, its surroundings: mean of max(0, c - s) / 255 and of
/// max(0, s - c) / 255, c the 5 x 5 binomial mean (sigma 1), s the 17 x 17 one (sigma 2). Light strokes are ON, dark
/// ones OFF; a gradient's size cannot tell them apart. The rim is repeated. O(22 H W). Source: Marr, Hildreth 1980.
struct OnOffFamily {
  enum { on_dog, off_dog, count };
  static constexpr std::array<std::string_view, count> names{"on_dog", "off_dog"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    constexpr auto narrow = binomial<5>();
    constexpr auto wide = binomial<17>();
    const Plane<float> difference = [&] {
      Plane<float> d = smooth(p, wide);
      const Plane<float> c = smooth(p, narrow);
      for (std::size_t i = 0; i < d.values.size(); ++i) d.values[i] = c.values[i] - d.values[i];
      return d;
    }();
    for (std::size_t k = 0; k < count; ++k) {
      if (out[k].empty()) continue;
      Plane<float> half = difference;
      for (float& v : half.values) v = std::max(0.f, k == on_dog ? v : -v);
      out[k] = means(half, boxes, 1.0 / 255);
    }
  }

 private:
  /// Columns in whole numbers, then rows in float32, tap by tap.
  template <std::size_t T>
  static Plane<float> smooth(Picture& p, const std::array<std::int32_t, T>& taps) {
    constexpr auto reach = static_cast<Index>(T / 2);
    const float scale = 1.f / static_cast<float>(std::int64_t{1} << (2 * (T - 1)));
    Plane<float> out(p.image.height, p.image.width);
    std::vector<std::int32_t> line(static_cast<std::size_t>(p.image.width + 2 * reach));
    for (Index y = 0; y < p.image.height; ++y) {
      std::fill(line.begin(), line.end(), 0);
      for (std::size_t t = 0; t < T; ++t) {
        const std::int16_t* l = p.luma_row(y + static_cast<Index>(t) - reach) - reach;
        for (std::size_t x = 0; x < line.size(); ++x) line[x] += taps[t] * l[x];
      }
      float* to = out.row(y);
      for (std::size_t t = 0; t < T; ++t) {
        const float w = static_cast<float>(taps[t]) * scale;
        const std::int32_t* from = line.data() + t;
        for (Index x = 0; x < p.image.width; ++x) to[x] += w * static_cast<float>(from[x]);
      }
    }
    return out;
  }
};

}  // namespace arrcoc::texture
