#pragma once
// What families of channels share: one picture's planes, each made once when first asked for, and sums over boxes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/image.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/primitives/area_map.hpp"
#include "arrcoc/primitives/morphology.hpp"
#include "arrcoc/texture/cell_sums.hpp"

namespace arrcoc::texture {

/// The pixels that a token's place covers.
struct PixelBox {
  PixelRange rows, cols;
  Place place;
  double count() const { return static_cast<double>(rows.count() * cols.count()); }
};
using Boxes = std::vector<PixelBox>;

/// f(y, begin, end) for every row of a box.
template <class F>
void for_rows(const PixelBox& b, F&& f) {
  for (Index y = b.rows.begin; y < b.rows.end; ++y) f(y, b.cols.begin, b.cols.end);
}

/// Mean of a plane over every box, [N]; in double, in the order of the pixels.
template <class T>
std::vector<float> means(const Plane<T>& plane, const Boxes& boxes, double scale) {
  std::vector<float> out;
  for (const PixelBox& b : boxes) {
    double sum = 0;
    for_rows(b, [&](Index y, Index from, Index to) {
      const T* p = plane.row(y);
      if constexpr (std::is_integral_v<T>) {
        std::int64_t line = 0;
        for (Index x = from; x < to; ++x) line += p[x];
        sum += static_cast<double>(line);
      } else {
        for (Index x = from; x < to; ++x) sum += static_cast<double>(p[x]);
      }
    });
    out.push_back(static_cast<float>(sum / b.count() * scale));
  }
  return out;
}

/// Mean of a map that covers the whole picture over a box of its pixels, by area.
template <class T>
double area_mean(const Plane<T>& map, const PixelBox& b, Index height, Index width) {
  const auto to_map = [](Index pixel, Index length, Index n) {
    return static_cast<double>(pixel) * static_cast<double>(n) / static_cast<double>(length);
  };
  return arrcoc::area_mean(map, to_map(b.rows.begin, height, map.height), to_map(b.rows.end, height, map.height),
                           to_map(b.cols.begin, width, map.width), to_map(b.cols.end, width, map.width));
}

/// Its planes are computed when first asked for.
class Picture {
 public:
  ImageView image;
  Grid grid;
  Picture(ImageView of, Grid g) : image(of), grid(g) {}

  /// luma_of every pixel, the rim repeated `margin` pixels outwards: at(y, x) is row(y + margin)[x + margin].
  static constexpr Index margin = 8;
  const Plane<std::int16_t>& luma() {
    if (!luma_) {
      luma_.emplace(image.height + 2 * margin, image.width + 2 * margin);
      for (Index y = 0; y < luma_->height; ++y) {
        const std::uint8_t* from = image.row(std::clamp<Index>(y - margin, 0, image.height - 1));
        std::int16_t* to = luma_->row(y);
        for (Index x = 0; x < image.width; ++x)
          to[x + margin] = static_cast<std::int16_t>(luma_of(from[3 * x], from[3 * x + 1], from[3 * x + 2]));
        std::fill(to, to + margin, to[margin]);
        std::fill(to + margin + image.width, to + luma_->width, to[margin + image.width - 1]);
      }
    }
    return *luma_;
  }
  /// Luma at pixel (y, 0); columns from -margin on.
  const std::int16_t* luma_row(Index y) { return luma().row(y + margin) + margin; }

  struct Gradients {
    Plane<std::int16_t> x, y;  // Sobel 3x3 on luma, the rim repeated: -1020..1020
  };
  const Gradients& gradients() {
    if (!gradients_) {
      gradients_.emplace(
          Gradients{Plane<std::int16_t>(image.height, image.width), Plane<std::int16_t>(image.height, image.width)});
      for (Index y = 0; y < image.height; ++y) {
        const std::int16_t *t = luma_row(y - 1), *m = luma_row(y), *l = luma_row(y + 1);
        std::int16_t *gx = gradients_->x.row(y), *gy = gradients_->y.row(y);
        for (Index x = 0; x < image.width; ++x)
          gx[x] = static_cast<std::int16_t>(t[x + 1] + 2 * m[x + 1] + l[x + 1] - t[x - 1] - 2 * m[x - 1] - l[x - 1]);
        for (Index x = 0; x < image.width; ++x)
          gy[x] = static_cast<std::int16_t>(l[x - 1] + 2 * l[x] + l[x + 1] - t[x - 1] - 2 * t[x] - t[x + 1]);
      }
    }
    return *gradients_;
  }

  struct Hats {
    Plane<std::uint8_t> black, top;  // closing - luma and luma - opening, with a flat 9 x 9 square
  };
  const Hats& hats() {
    if (!hats_) {
      Plane<std::uint8_t> dark(image.height, image.width), light = dark;
      for (Index y = 0; y < image.height; ++y) {
        const std::int16_t* l = luma_row(y);
        for (Index x = 0; x < image.width; ++x) {
          dark.row(y)[x] = static_cast<std::uint8_t>(l[x]);
          light.row(y)[x] = static_cast<std::uint8_t>(255 - l[x]);
        }
      }
      hats_.emplace(Hats{morphology::black_hat(dark, 4), morphology::black_hat(light, 4)});
    }
    return *hats_;
  }

 private:
  std::optional<Plane<std::int16_t>> luma_;
  std::optional<Gradients> gradients_;
  std::optional<Hats> hats_;
};

/// A family of channels: `fill` writes column k, [N], of every name k whose column has room for it; the others are not
/// wanted. Channels of a family share their passes over the pixels.
struct ChannelFamily {
  std::span<const std::string_view> names;
  void (*fill)(Picture&, const Boxes&, std::span<std::vector<float>>);
};

}  // namespace arrcoc::texture
