#include "arrcoc/io/image_file.hpp"

#include <algorithm>
#include <string>

#include "arrcoc/io/atomic_file.hpp"
#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

/// Over opaque white, in the integers of Pillow's alpha_composite.
std::uint8_t over_white(unsigned value, unsigned alpha) {
  const unsigned mixed = value * (alpha * 128) + 255 * (255 * 128 - alpha * 128) + (0x80 << 7);
  return static_cast<std::uint8_t>((((mixed >> 8) + mixed) >> 8) >> 7);
}

Image flatten(const Decoded& d, Alpha alpha) {
  Image out(d.height, d.width);
  if (d.channels == 3) {
    out.rgb = d.pixels;
    return out;
  }
  for (std::size_t i = 0, n = static_cast<std::size_t>(d.height * d.width); i < n; ++i)
    for (std::size_t k = 0; k < 3; ++k)
      out.rgb[i * 3 + k] =
          alpha == Alpha::drop ? d.pixels[i * 4 + k] : over_white(d.pixels[i * 4 + k], d.pixels[i * 4 + 3]);
  return out;
}

/// EXIF orientation: which source pixel each target pixel takes.
Image oriented(Image in, int orientation) {
  if (orientation <= 1 || orientation > 8) return in;
  const bool swaps = orientation >= 5;
  Image out(swaps ? in.width : in.height, swaps ? in.height : in.width);
  for (Index r = 0; r < out.height; ++r)
    for (Index c = 0; c < out.width; ++c) {
      Index sr = swaps ? c : r, sc = swaps ? r : c;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) sc = in.width - 1 - sc;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) sr = in.height - 1 - sr;
      std::copy_n(in.row(sr) + sc * 3, 3, out.row(r) + c * 3);
    }
  return out;
}

bool starts_with(std::span<const std::byte> bytes, std::string_view magic, std::size_t at = 0) {
  return bytes.size() >= at + magic.size() &&
         std::string_view(reinterpret_cast<const char*>(bytes.data()) + at, magic.size()) == magic;
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> t) {
  if (t.size() < 8 || !((t[0] == 'I' && t[1] == 'I') || (t[0] == 'M' && t[1] == 'M'))) return 1;
  const bool little = t[0] == 'I';
  const auto get = [&](std::size_t at, std::size_t bytes) -> std::size_t {
    std::size_t v = 0;
    for (std::size_t i = 0; i < bytes; ++i) v |= std::size_t{t[at + (little ? i : bytes - 1 - i)]} << (8 * i);
    return v;
  };
  const std::size_t directory = get(4, 4);
  if (directory > t.size() - 2) return 1;
  const std::size_t entries = get(directory, 2);
  for (std::size_t i = 0, at = directory + 2; i < entries && at + 12 <= t.size(); ++i, at += 12)
    if (get(at, 2) == 0x0112) {
      const std::size_t type = get(at + 2, 2), v = get(at + 8, type == 4 ? 4 : type == 3 ? 2 : 1);  // LONG, SHORT, BYTE
      return v >= 1 && v <= 8 ? static_cast<int>(v) : 1;
    }
  return 1;
}

Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& o, std::string_view where) {
  Decoded d;
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n")) d = decode_png(bytes, o.max_pixels, where);
  else if (starts_with(bytes, "\xff\xd8\xff")) d = decode_jpeg(bytes, o.max_pixels, where);
  else if (starts_with(bytes, "RIFF") && starts_with(bytes, "WEBP", 8)) d = decode_webp(bytes, o.max_pixels, where);
  else
    fail(Code::bad_image, where,
         bytes.empty() ? "expected a picture, got an empty file" : "expected JPEG, PNG or WebP, got something else");
  Image out = flatten(d, o.alpha);
  return o.exif ? oriented(std::move(out), d.orientation) : out;
}

Image read_image(const std::filesystem::path& file, const DecodeOptions& o) {
  const std::string bytes = read_file(file);
  return decode_image(std::as_bytes(std::span(bytes)), o, file.string());
}

}  // namespace arrcoc::io
