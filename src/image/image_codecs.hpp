#pragma once
// One decoder per format. Each writes RGB, as Pillow would see it, straight into the final buffer.
#include <span>
#include <string>
#include <string_view>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/io/image_file.hpp"

namespace arrcoc::io {

struct Decoded {
  Image image;
  int orientation = 1;        // EXIF, 1..8
  bool turns_itself = false;  // the orientation is part of what the format says, and always applied
  Index clipped = 0;          // pixels of 16-bit grey above 255
};

struct Encoded {
  std::span<const std::byte> bytes;
  Alpha alpha;
  bool exif;  // the orientation that the file asks for will be applied
  Index max_pixels;
  std::string_view where;

  const std::uint8_t* data() const { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }
  [[noreturn]] void refuse(std::string_view sentence) const { fail(Code::bad_image, where, std::string(sentence)); }
};

/// Throws Error{bad_image} before memory is taken.
inline void check_size(Index height, Index width, const Encoded& e) {
  require_that(height > 0 && width > 0 && width <= e.max_pixels / height, Code::bad_image, e.where, [&] {
    return "expected at most " + std::to_string(e.max_pixels) + " pixels (--max-decoded-pixels), the header says " +
           std::to_string(width) + "x" + std::to_string(height);
  });
}

Decoded decode_png(const Encoded& file);
Decoded decode_jpeg(const Encoded& file);
Decoded decode_webp(const Encoded& file);
Decoded decode_gif(const Encoded& file);
Decoded decode_bmp(const Encoded& file);
Decoded decode_tiff(const Encoded& file);
Decoded decode_heif(const Encoded& file);

/// Orientation tag of an EXIF block, with or without "Exif\0\0" before its TIFF header; 1 when there is none.
int exif_orientation(std::span<const std::uint8_t> tiff);

/// RGBA to RGB, over white or with alpha ignored. `to` may be `from`.
void flatten_rgba(const std::uint8_t* from, std::uint8_t* to, std::size_t pixels, Alpha alpha);

/// A channel of Pillow's CMYK to RGB: an ink and black, 0 = none.
inline std::uint8_t from_cmyk(unsigned ink, unsigned black) {
  const unsigned rest = 255 - black, product = ink * rest + 128;
  return static_cast<std::uint8_t>(rest - (((product >> 8) + product) >> 8));
}

}  // namespace arrcoc::io
