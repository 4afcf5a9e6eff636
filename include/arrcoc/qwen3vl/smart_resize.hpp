#pragma once
// The size a picture is brought to before it is cut into patches. Source: Qwen's smart_resize, as transformers 5.23
// runs it.
#include <algorithm>
#include <cmath>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::qwen3vl {

struct Size {
  Index height = 0, width = 0;  // px
  bool operator==(const Size&) const = default;
};

/// Sides in the ratio that they have, the longer one `longest` px, none below 1. height, width >= 1.
inline Size scaled_to(Index height, Index width, Index longest) {
  const double scale = static_cast<double>(longest) / static_cast<double>(std::max(height, width));
  const auto px = [&](Index side) { return std::max<Index>(1, std::lround(static_cast<double>(side) * scale)); };
  return {px(height), px(width)};
}

/// Sides become multiples of `factor` px (half to even), the pixel count stays within [min_pixels, max_pixels] and the
/// aspect ratio near the old one. Error{bad_image} for empty pictures and for sides more than 200 apart.
inline Size smart_resize(Index height, Index width, Index factor, Index min_pixels, Index max_pixels) {
  require_that(height > 0 && width > 0, Code::bad_image, "smart_resize", [&] {
    return "expected a picture, got " + std::to_string(height) + "x" + std::to_string(width) + " px";
  });
  require_that(factor > 0 && min_pixels > 0 && min_pixels <= max_pixels, Code::bad_config, "smart_resize",
               "expected factor > 0 and 0 < min_pixels <= max_pixels");
  const auto h = static_cast<double>(height), w = static_cast<double>(width), f = static_cast<double>(factor);
  require_that(std::max(h, w) / std::min(h, w) <= 200.0, Code::bad_image, "smart_resize", [&] {
    return "aspect ratio: expected at most 200, got " + std::to_string(height) + "x" + std::to_string(width) + " px";
  });
  auto rows = static_cast<Index>(std::nearbyint(h / f)) * factor,
       cols = static_cast<Index>(std::nearbyint(w / f)) * factor;
  if (rows * cols > max_pixels) {
    const double beta = std::sqrt(h * w / static_cast<double>(max_pixels));
    rows = std::max(factor, static_cast<Index>(std::floor(h / beta / f)) * factor);
    cols = std::max(factor, static_cast<Index>(std::floor(w / beta / f)) * factor);
  } else if (rows * cols < min_pixels) {
    const double beta = std::sqrt(static_cast<double>(min_pixels) / (h * w));
    rows = static_cast<Index>(std::ceil(h * beta / f)) * factor;
    cols = static_cast<Index>(std::ceil(w * beta / f)) * factor;
  }
  return {rows, cols};
}

}  // namespace arrcoc::qwen3vl
