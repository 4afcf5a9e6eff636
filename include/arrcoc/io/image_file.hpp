#pragma once
// Pictures on disk. docs/formats.md has the table of what each kind becomes; it equals Pillow's convert("RGB").
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "arrcoc/core/image.hpp"

namespace arrcoc::io {

enum class Alpha : std::uint8_t { white, drop };

struct DecodeOptions {
  Alpha alpha = Alpha::white;
  bool exif = false;               // apply the EXIF orientation
  Index max_pixels = 400'000'000;  // refused before any memory is taken
};

/// JPEG (grey, RGB, CMYK, YCCK, progressive), PNG (every kind), WebP. Error{bad_image} with the reason; Error 401, 402
/// for the file.
Image read_image(const std::filesystem::path& file, const DecodeOptions& options = {});
Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& options, std::string_view where);
/// Temporary name, then rename; "-" is stdout; devices are written through.
void write_png(const std::filesystem::path& file, ImageView image);
/// The bytes of a PNG file. level: zlib's 0 (none) to 9; 3 and below also skip the row filters and are several times
/// faster.
std::string encode_png(ImageView image, int level = 6);
/// The bytes of a baseline 4:2:0 JPEG file. quality: libjpeg's 1 to 100.
std::string encode_jpeg(ImageView image, int quality);

}  // namespace arrcoc::io
