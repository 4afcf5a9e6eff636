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
  constexpr std::string_view mark("Exif\0\0", 6);
  while (starts_with(std::as_bytes(t), mark)) t = t.subspan(mark.size());
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

void flatten_rgba(const std::uint8_t* from, std::uint8_t* to, std::size_t pixels, Alpha alpha) {
  for (std::size_t i = 0; i < pixels; ++i, from += 4, to += 3) {
    const unsigned opacity = alpha == Alpha::drop ? 255 : from[3];
    for (std::size_t k = 0; k < 3; ++k) to[k] = opacity == 255 ? from[k] : over_white(from[k], opacity);
  }
}

namespace {

/// What a few bytes may become: 100 MP, or 64 px for each byte of the file, and never above 400 MP.
Index default_limit(std::size_t bytes) {
  return static_cast<Index>(std::clamp<std::size_t>(bytes * 64, 100'000'000, most_decoded_pixels));
}

struct Format {
  std::string_view name;
  bool (*is)(std::span<const std::byte>);
  Decoded (*decode)(const Encoded&);  // nullptr: this build lacks it
  std::string_view library;
};

bool is_heif(std::span<const std::byte> b) {
  if (!starts_with(b, "ftyp", 4)) return false;
  for (const char* brand : {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "avif", "avis"})
    if (starts_with(b, brand, 8)) return true;
  return false;
}

constexpr Format formats[] = {
    {"PNG", [](std::span<const std::byte> b) { return starts_with(b, "\x89PNG\r\n\x1a\n"); }, decode_png, ""},
    {"JPEG", [](std::span<const std::byte> b) { return starts_with(b, "\xff\xd8\xff"); }, decode_jpeg, ""},
    {"WebP", [](std::span<const std::byte> b) { return starts_with(b, "RIFF") && starts_with(b, "WEBP", 8); },
     decode_webp, ""},
    {"GIF", [](std::span<const std::byte> b) { return starts_with(b, "GIF87a") || starts_with(b, "GIF89a"); },
#ifdef ARRCOC_HAVE_GIF
     decode_gif,
#else
     nullptr,
#endif
     "giflib"},
    {"BMP", [](std::span<const std::byte> b) { return starts_with(b, "BM"); }, decode_bmp, ""},
    {"TIFF",
     [](std::span<const std::byte> b) {
       using namespace std::string_view_literals;
       return starts_with(b, "II*\0"sv) || starts_with(b, "MM\0*"sv) || starts_with(b, "II+\0"sv) ||
              starts_with(b, "MM\0+"sv);
     },
#ifdef ARRCOC_HAVE_TIFF
     decode_tiff,
#else
     nullptr,
#endif
     "libtiff"},
    {"HEIC or AVIF", is_heif,
#ifdef ARRCOC_HAVE_HEIF
     decode_heif,
#else
     nullptr,
#endif
     "libheif"}};

}  // namespace

std::string picture_formats() {
  std::string out;
  for (const Format& f : formats)
    if (f.decode != nullptr) out += (out.empty() ? "" : ", ") + std::string(f.name);
  return out;
}

Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& o, std::string_view where) {
  require_that(!bytes.empty(), Code::bad_image, where, "expected a picture, got an empty file");
  const auto* format =
      std::find_if(std::begin(formats), std::end(formats), [&](const Format& f) { return f.is(bytes); });
  require_that(format != std::end(formats), Code::bad_image, where,
               [] { return "expected a picture (" + picture_formats() + "), got something else"; });
  require_that(format->decode != nullptr, Code::bad_image, where, [&] {
    return "a " + std::string(format->name) + " picture: this build has no " + std::string(format->library) +
           "; expected one of " + picture_formats();
  });
  Decoded d =
      format->decode({bytes, o.alpha, o.exif, o.max_pixels > 0 ? o.max_pixels : default_limit(bytes.size()), where});
  if (o.unused != nullptr && !o.exif && !d.turns_itself && d.orientation != 1)
    o.unused->push_back("the turn that EXIF asks for (orientation " + std::to_string(d.orientation) + ")");
  if (o.unused != nullptr && d.clipped > 0)
    o.unused->push_back("16-bit grey above 255, white as in Pillow (" + std::to_string(d.clipped) + " of " +
                        std::to_string(d.image.height * d.image.width) + " pixels)");
  return o.exif || d.turns_itself ? oriented(std::move(d.image), d.orientation) : std::move(d.image);
}

Image read_image(const std::filesystem::path& file, const DecodeOptions& o) {
  const std::string bytes = read_file(file);
  return decode_image(std::as_bytes(std::span(bytes)), o, file.string());
}

}  // namespace arrcoc::io
