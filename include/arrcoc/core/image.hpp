#pragma once
// Pictures in memory: 8-bit RGB, interleaved, row-major, tightly packed.
#include <span>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Does not own. rgb holds height * width * 3 bytes.
struct ImageView {
  Index height = 0;
  Index width = 0;
  const std::uint8_t* rgb = nullptr;
  bool empty() const { return rgb == nullptr || height <= 0 || width <= 0; }
  const std::uint8_t* row(Index r) const { return rgb + r * width * 3; }
};

/// Pixels of a picture, or of each frame of a clip, as decoded.
struct FrameSize {
  Index height = 0, width = 0;
};

/// Brightness in levels: .299/.587/.114 in 8 bits.
constexpr int luma_of(int r, int g, int b) { return (77 * r + 150 * g + 29 * b + 128) >> 8; }

struct Image {
  Index height = 0;
  Index width = 0;
  std::vector<std::uint8_t> rgb;  // [H, W, 3]
  Image() = default;
  Image(Index h, Index w) : height(h), width(w), rgb(static_cast<std::size_t>(h * w * 3)) {}
  ImageView view() const { return {height, width, rgb.data()}; }
  std::uint8_t* row(Index r) { return rgb.data() + r * width * 3; }
  bool operator==(const Image&) const = default;
};

}  // namespace arrcoc
