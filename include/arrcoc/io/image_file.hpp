#pragma once
// Pictures on disk. docs/formats.md has the table of what each kind becomes; it equals Pillow's convert("RGB").
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/image.hpp"

namespace arrcoc::io {

/// Transparent pixels over white; over white in pictures that Pillow calls RGBA and alpha ignored in the others (as
/// qwen-vl-utils does); alpha ignored.
enum class Alpha : std::uint8_t { white, rgba, drop };

/// No default lets a picture be larger, whatever its file's length.
inline constexpr Index most_decoded_pixels = 400'000'000;

struct DecodeOptions {
  Alpha alpha = Alpha::white;
  bool exif = false;     // apply the EXIF orientation
  Index max_pixels = 0;  // above it, refused from the header; 0: 100 MP or 64 px for each byte, at most 400 MP
  /// Gains a phrase for what the file says and the pixels do not: a turn that was not asked for, clipped 16-bit grey.
  std::vector<std::string>* unused = nullptr;
};

/// JPEG (grey, RGB, CMYK, YCCK, progressive), PNG (every kind), WebP, BMP; GIF, TIFF, HEIC and AVIF where their library
/// was found. Of several frames or pages the first. Error{bad_image} with the reason; Error 401, 402 for the file.
Image read_image(const std::filesystem::path& file, const DecodeOptions& options = {});
Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& options, std::string_view where);
/// The same for a name that people give: a path, a file:// URL of this machine, or a data: URL. http and the like are
/// Error{file_missing}: nothing is downloaded.
Image read_picture(std::string_view name, const DecodeOptions& options = {});
bool is_data_url(std::string_view name);
/// The file that a path or a file:// URL means.
std::filesystem::path picture_path(std::string_view name);
/// The name as messages and results show it: a data: URL by its head and its length.
std::string picture_label(std::string_view name);
/// What this build decodes: "PNG, JPEG, WebP, ...".
std::string picture_formats();
/// Temporary name, then rename; "-" is stdout; devices are written through.
void write_png(const std::filesystem::path& file, ImageView image);
/// The bytes of a PNG file. level: zlib's 0 (none) to 9; 3 and below also skip the row filters and are several times
/// faster.
std::string encode_png(ImageView image, int level = 6);
/// The bytes of a baseline 4:2:0 JPEG file. quality: libjpeg's 1 to 100.
std::string encode_jpeg(ImageView image, int quality);

}  // namespace arrcoc::io
