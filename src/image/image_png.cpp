// PNG through libpng: palette, transparency, 1 to 16 bits, interlaced. Errors leave libpng by longjmp into a frame
// without destructors.
#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>
#include <vector>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"
#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

struct Reader {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
  std::string problem;
  std::jmp_buf jump;
};

void on_error(png_structp png, png_const_charp message) {
  auto* r = static_cast<Reader*>(png_get_error_ptr(png));
  r->problem = message;
  std::longjmp(r->jump, 1);
}
void on_warning(png_structp, png_const_charp) {}
void on_read(png_structp png, png_bytep out, png_size_t n) {
  auto* r = static_cast<Reader*>(png_get_io_ptr(png));
  if (n > r->bytes.size() - r->at) png_error(png, "the file is truncated");
  std::memcpy(out, r->bytes.data() + r->at, n);
  r->at += n;
}

struct Handles {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Handles() { png_destroy_read_struct(&png, &info, nullptr); }
};

bool read_header(Reader& r, Handles& h, Image& size) {
  if (setjmp(r.jump) != 0) return false;
  png_set_read_fn(h.png, &r, on_read);
  png_set_user_limits(h.png, 0x7fffffff, 0x7fffffff);  // the pixel limit is checked by the caller
  // Texts, profiles and the like would be inflated and kept; what EXIF needs is read from the file itself.
  png_set_keep_unknown_chunks(h.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(h.png, h.info);
  size.height = png_get_image_height(h.png, h.info);
  size.width = png_get_image_width(h.png, h.info);
  return true;
}

/// What is left to do after libpng: 16-bit grey is cut off at 255 and arrives as two bytes a pixel; a colour key makes
/// pixels transparent.
struct AfterPng {
  Index width = 0, channels = 0;
  int passes = 1;
  bool grey16 = false, keyed = false;
  bool rgba = false;          // Pillow's mode is RGBA, not grey + alpha, nor a palette or colour key
  mutable Index clipped = 0;  // pixels of 16-bit grey above 255
  std::uint8_t key[3] = {};
};

/// Pillow's modes: alpha is kept for grey + alpha, RGBA and palettes with tRNS; 16-bit samples keep their high byte. A
/// colour key is compared by its low byte with what the pixel has become (so 1 never matches in 2-bit grey): Pillow's
/// convert("RGBA").
bool choose_format(Reader& r, Handles& h, AfterPng& after) {
  if (setjmp(r.jump) != 0) return false;
  const int color = png_get_color_type(h.png, h.info), depth = png_get_bit_depth(h.png, h.info);
  const bool palette = color == PNG_COLOR_TYPE_PALETTE, transparency = png_get_valid(h.png, h.info, PNG_INFO_tRNS) != 0;
  png_color_16p key = nullptr;
  if (transparency && (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_RGB) &&
      png_get_tRNS(h.png, h.info, nullptr, nullptr, &key) != 0 && key != nullptr) {
    const bool grey = color == PNG_COLOR_TYPE_GRAY;
    const png_uint_16 one = depth == 1 ? static_cast<png_uint_16>(key->gray != 0 ? 255 : 0) : key->gray;
    after.keyed = true;
    after.key[0] = static_cast<std::uint8_t>(grey ? one : key->red);
    after.key[1] = static_cast<std::uint8_t>(grey ? one : key->green);
    after.key[2] = static_cast<std::uint8_t>(grey ? one : key->blue);
  }
  after.rgba = color == PNG_COLOR_TYPE_RGB_ALPHA || (color == PNG_COLOR_TYPE_GRAY_ALPHA && depth == 16);
  after.grey16 = color == PNG_COLOR_TYPE_GRAY && depth == 16;
  if (depth == 16 && !after.grey16) png_set_strip_16(h.png);
  if (palette) png_set_palette_to_rgb(h.png);  // and its tRNS to alpha
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(h.png);
  if (!after.grey16 && (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA)) png_set_gray_to_rgb(h.png);
  after.passes = png_set_interlace_handling(h.png);
  png_read_update_info(h.png, h.info);
  after.width = png_get_image_width(h.png, h.info);
  after.channels = after.grey16 ? 2 : png_get_channels(h.png, h.info);
  if (png_get_rowbytes(h.png, h.info) != static_cast<png_size_t>(after.width * after.channels))
    png_error(h.png, "unexpected row size");
  return true;
}

/// One row as libpng gives it becomes RGB. `to` may be `from`.
void to_rgb(const AfterPng& after, const std::uint8_t* from, std::uint8_t* to, Alpha alpha) {
  const auto width = static_cast<std::size_t>(after.width);
  if (alpha == Alpha::rgba) alpha = after.rgba ? Alpha::white : Alpha::drop;
  if (after.channels == 4) return flatten_rgba(from, to, width, alpha);
  if (after.grey16) {  // grows: from the end
    for (std::size_t i = width; i-- > 0;) {
      after.clipped += from[i * 2] != 0 ? 1 : 0;
      std::fill_n(to + i * 3, 3, from[i * 2] != 0 ? 255 : from[i * 2 + 1]);
    }
  } else if (to != from) {
    std::copy_n(from, width * 3, to);
  }
  if (!after.keyed || alpha == Alpha::drop) return;
  for (std::size_t i = 0; i < width; ++i)
    if (std::equal(to + i * 3, to + i * 3 + 3, after.key)) std::fill_n(to + i * 3, 3, 255);
}

/// Row by row through `row`.
bool read_rows(Reader& r, Handles& h, const AfterPng& after, Image& image, std::uint8_t* row, Alpha alpha) {
  if (setjmp(r.jump) != 0) return false;
  for (Index y = 0; y < image.height; ++y) {
    png_read_row(h.png, row, nullptr);
    to_rgb(after, row, image.row(y), alpha);
  }
  return true;
}

/// Every pass goes over the whole picture, which lies in `raw`.
bool read_passes(Reader& r, Handles& h, std::uint8_t* raw, Index height, std::size_t stride, int passes) {
  if (setjmp(r.jump) != 0) return false;
  for (int pass = 0; pass < passes; ++pass)
    for (Index y = 0; y < height; ++y) png_read_row(h.png, raw + static_cast<std::size_t>(y) * stride, nullptr);
  return true;
}

/// Interlaced pictures: decoded and made RGB in one buffer, which is as wide as the wider of the two.
bool read_interlaced(Reader& r, Handles& h, const AfterPng& after, Image& image, Alpha alpha) {
  const auto height = static_cast<std::size_t>(image.height), width = static_cast<std::size_t>(image.width),
             stride = width * static_cast<std::size_t>(after.channels);
  std::vector<std::uint8_t>& buffer = image.rgb;
  buffer.resize(height * std::max(stride, width * 3));
  if (!read_passes(r, h, buffer.data(), image.height, stride, after.passes)) return false;
  const bool grows = stride < width * 3;
  for (std::size_t i = 0; i < height; ++i) {
    const std::size_t y = grows ? height - 1 - i : i;
    to_rgb(after, buffer.data() + y * stride, buffer.data() + y * width * 3, alpha);
  }
  buffer.resize(height * width * 3);
  return true;
}

/// Chunks behind the pixels; what is wrong there does not matter any more.
bool read_rest(Reader& r, Handles& h) {
  if (setjmp(r.jump) != 0) return false;
  png_read_end(h.png, h.info);
  return true;
}

/// f(type, data) for each chunk; its sum is not looked at.
template <class F>
void each_chunk(std::span<const std::byte> file, F&& f) {
  const auto* p = reinterpret_cast<const std::uint8_t*>(file.data());
  for (std::size_t at = 8; at + 12 <= file.size();) {
    const std::size_t length =
        std::size_t{p[at]} << 24 | std::size_t{p[at + 1]} << 16 | std::size_t{p[at + 2]} << 8 | p[at + 3];
    if (length > file.size() - at - 12) return;
    f(std::string_view(reinterpret_cast<const char*>(p + at + 4), 4), std::span(p + at + 8, length));
    at += length + 12;
  }
}

/// The text of a tEXt, zTXt or iTXt chunk under `key`; empty for another key, and for what would be longer than any
/// EXIF block as digits.
std::string chunk_text(std::string_view type, std::span<const std::uint8_t> data, std::string_view key) {
  constexpr std::size_t longest = 256 << 10;
  std::string_view rest(reinterpret_cast<const char*>(data.data()), data.size());
  if (rest.size() < key.size() + 3 || !rest.starts_with(key) || rest[key.size()] != '\0') return {};
  rest.remove_prefix(key.size() + 1);
  bool packed = type == "zTXt";
  const char method = rest[packed ? 0 : type == "iTXt" ? 1 : 0];
  if (packed) rest.remove_prefix(1);
  if (type == "iTXt") {  // whether packed, how, language, the key in that language
    packed = rest[0] != '\0';
    rest.remove_prefix(2);
    for (int text = 0; text < 2; ++text) {
      const auto end = rest.find('\0');
      if (end == std::string_view::npos) return {};
      rest.remove_prefix(end + 1);
    }
  }
  if (!packed) return rest.size() > longest ? std::string{} : std::string(rest);
  std::string text(longest, '\0');
  uLongf size = text.size();
  if (method != 0 || uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                                reinterpret_cast<const Bytef*>(rest.data()), rest.size()) != Z_OK)
    return {};
  text.resize(size);
  return text;
}

/// What ImageMagick writes as text: three line ends, then hexadecimal digits, as Pillow reads it. Empty where it is
/// none.
std::vector<std::uint8_t> raw_profile(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  std::vector<std::uint8_t> out;
  int high = -1;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0 && high < 0 && std::string_view(" \t\n\r\f\v").find(c) != std::string_view::npos) continue;
    if (digit < 0) return {};
    if (high < 0) high = digit;
    else out.push_back(static_cast<std::uint8_t>(high << 4 | digit)), high = -1;
  }
  return high < 0 ? out : std::vector<std::uint8_t>{};
}

/// Of the eXIf chunk; without one, of the last text that holds a profile. libpng hands out no eXIf that begins with
/// "Exif", as some writers make them, and would inflate every text there is.
int png_orientation(std::span<const std::byte> file) {
  std::span<const std::uint8_t> exif;
  std::string profile;
  each_chunk(file, [&](std::string_view type, std::span<const std::uint8_t> data) {
    if (type == "eXIf" && exif.empty()) exif = data;
    if (type != "tEXt" && type != "zTXt" && type != "iTXt") return;
    if (std::string text = chunk_text(type, data, "Raw profile type exif"); !text.empty()) profile = std::move(text);
  });
  if (!exif.empty()) return exif_orientation(exif);
  return profile.empty() ? 1 : exif_orientation(raw_profile(profile));
}

}  // namespace

Decoded decode_png(const Encoded& file) {
  Reader r;
  r.bytes = file.bytes;
  Handles h;
  h.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
  h.info = h.png ? png_create_info_struct(h.png) : nullptr;
  require_that(h.info != nullptr, Code::out_of_memory, file.where, "libpng could not start");
  Decoded d;
  const auto check = [&](bool ok) {
    require_that(ok, Code::bad_image, file.where, [&] { return "PNG: " + r.problem; });
  };
  check(read_header(r, h, d.image));
  check_size(d.image.height, d.image.width, file);
  // Deflate makes at most 1032 bytes of one: what cannot be there needs no buffer.
  const Index bits = Index{png_get_bit_depth(h.png, h.info)} * png_get_channels(h.png, h.info);
  if (d.image.height * d.image.width / 8 * bits / 1032 > static_cast<Index>(file.bytes.size()))
    file.refuse("PNG: the file is truncated");
  AfterPng after;
  check(choose_format(r, h, after));
  require_that(after.grey16 || after.channels == 3 || after.channels == 4, Code::bad_image, file.where,
               "PNG: unexpected number of channels");
  if (after.passes > 1) {
    check(read_interlaced(r, h, after, d.image, file.alpha));
  } else {
    d.image = Image(d.image.height, d.image.width);
    std::vector<std::uint8_t> row(static_cast<std::size_t>(after.width * after.channels));
    check(read_rows(r, h, after, d.image, row.data(), file.alpha));
  }
  read_rest(r, h);
  d.orientation = png_orientation(file.bytes);
  d.clipped = after.clipped;
  return d;
}

void write_png(const std::filesystem::path& file, ImageView image) {
  require_that(!image.empty(), Code::bad_image, "write_png", "expected a picture, got none");
  png_image p;
  std::memset(&p, 0, sizeof p);
  p.version = PNG_IMAGE_VERSION;
  p.width = static_cast<png_uint_32>(image.width);
  p.height = static_cast<png_uint_32>(image.height);
  p.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(p);
  std::string out(size, '\0');
  const bool written = png_image_write_to_memory(&p, out.data(), &size, 0, image.rgb,
                                                 static_cast<png_int_32>(image.width * 3), nullptr) != 0;
  require_that(written, Code::bad_output, "write_png", [&] { return std::string("libpng: ") + p.message; });
  out.resize(size);
  write_file(file, out);
}

}  // namespace arrcoc::io
