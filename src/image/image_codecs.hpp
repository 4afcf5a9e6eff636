#pragma once
// One decoder per format, all giving RGBA or RGB as Pillow would, before alpha is dealt with.
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::io {

/// 8-bit pixels with 3 or 4 channels.
struct Decoded {
  Index height = 0, width = 0, channels = 3;
  std::vector<std::uint8_t> pixels;
  int orientation = 1;  // EXIF, 1..8
};

/// Throws Error{bad_image} before memory is taken.
inline void check_size(Index height, Index width, Index max_pixels, std::string_view where) {
  require_that(height > 0 && width > 0 && width <= max_pixels / height, Code::bad_image, where, [&] {
    return "expected at most " + std::to_string(max_pixels) + " pixels, the header says " + std::to_string(width) +
           "x" + std::to_string(height);
  });
}

Decoded decode_png(std::span<const std::byte> bytes, Index max_pixels, std::string_view where);
Decoded decode_jpeg(std::span<const std::byte> bytes, Index max_pixels, std::string_view where);
Decoded decode_webp(std::span<const std::byte> bytes, Index max_pixels, std::string_view where);
/// Orientation tag of an EXIF block that starts with the TIFF header; 1 when there is none.
int exif_orientation(std::span<const std::uint8_t> tiff);

}  // namespace arrcoc::io
