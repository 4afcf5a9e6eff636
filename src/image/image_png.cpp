// PNG through libpng: palette, transparency, 1 to 16 bits, interlaced. Errors leave libpng by longjmp into a frame
// without destructors.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>

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

bool read_header(Reader& r, Handles& h, Decoded& d) {
  if (setjmp(r.jump) != 0) return false;
  png_set_read_fn(h.png, &r, on_read);
  png_set_user_limits(h.png, 0x7fffffff, 0x7fffffff);  // the pixel limit is checked by the caller
  png_read_info(h.png, h.info);
  d.height = png_get_image_height(h.png, h.info);
  d.width = png_get_image_width(h.png, h.info);
  return true;
}

/// What is left to do after libpng: 16-bit grey is cut off at 255 and arrives as two bytes a pixel; a colour key makes
/// pixels transparent.
struct AfterPng {
  bool grey16 = false, keyed = false;
  std::uint8_t key[3] = {};
};

/// Pillow's modes: alpha is kept for grey + alpha, RGBA and palettes with tRNS; 16-bit samples keep their high byte. A
/// colour key is compared by its low byte with what the pixel has become (so 1 never matches in 2-bit grey): Pillow's
/// convert("RGBA").
bool choose_format(Reader& r, Handles& h, Decoded& d, AfterPng& after) {
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
  after.grey16 = color == PNG_COLOR_TYPE_GRAY && depth == 16;
  if (depth == 16 && !after.grey16) png_set_strip_16(h.png);
  if (palette) png_set_palette_to_rgb(h.png);  // and its tRNS to alpha
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(h.png);
  if (!after.grey16 && (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA)) png_set_gray_to_rgb(h.png);
  png_read_update_info(h.png, h.info);
  d.channels = after.grey16 ? 2 : png_get_channels(h.png, h.info);
  if (png_get_rowbytes(h.png, h.info) != static_cast<png_size_t>(d.width * d.channels))
    png_error(h.png, "unexpected row size");
  return true;
}

bool read_rows(Reader& r, Handles& h, png_bytepp rows) {
  if (setjmp(r.jump) != 0) return false;
  png_read_image(h.png, rows);
  return true;
}

/// Chunks behind the pixels; what is wrong there does not matter any more.
bool read_rest(Reader& r, Handles& h) {
  if (setjmp(r.jump) != 0) return false;
  png_read_end(h.png, h.info);
  return true;
}

int png_orientation(Handles& h) {
#ifdef PNG_eXIf_SUPPORTED
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(h.png, h.info, &size, &exif) != 0 && exif != nullptr) return exif_orientation({exif, size});
#else
  (void)h;
#endif
  return 1;
}

}  // namespace

Decoded decode_png(std::span<const std::byte> bytes, Index max_pixels, std::string_view where) {
  Reader r;
  r.bytes = bytes;
  Handles h;
  h.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
  h.info = h.png ? png_create_info_struct(h.png) : nullptr;
  require_that(h.info != nullptr, Code::out_of_memory, where, "libpng could not start");
  Decoded d;
  const auto check = [&](bool ok) { require_that(ok, Code::bad_image, where, [&] { return "PNG: " + r.problem; }); };
  check(read_header(r, h, d));
  check_size(d.height, d.width, max_pixels, where);
  AfterPng after;
  check(choose_format(r, h, d, after));
  require_that(after.grey16 || d.channels == 3 || d.channels == 4, Code::bad_image, where,
               "PNG: unexpected number of channels");
  d.pixels.resize(static_cast<std::size_t>(d.height * d.width * d.channels));
  std::vector<png_bytep> rows;
  for (Index i = 0; i < d.height; ++i) rows.push_back(d.pixels.data() + i * d.width * d.channels);
  check(read_rows(r, h, rows.data()));
  read_rest(r, h);
  d.orientation = png_orientation(h);
  if (after.grey16) {
    std::vector<std::uint8_t> wide(d.pixels.size() / 2 * 3);
    for (std::size_t i = 0; i < d.pixels.size() / 2; ++i)
      std::fill_n(wide.begin() + static_cast<Index>(i * 3), 3,
                  d.pixels[i * 2] != 0 ? std::uint8_t{255} : d.pixels[i * 2 + 1]);
    d.pixels = std::move(wide);
    d.channels = 3;
  }
  if (after.keyed) {
    std::vector<std::uint8_t> with_alpha(d.pixels.size() / 3 * 4);
    for (std::size_t i = 0; i < d.pixels.size() / 3; ++i) {
      const std::uint8_t* p = d.pixels.data() + i * 3;
      std::copy_n(p, 3, with_alpha.data() + i * 4);
      with_alpha[i * 4 + 3] = std::equal(p, p + 3, after.key) ? 0 : 255;
    }
    d.pixels = std::move(with_alpha);
    d.channels = 4;
  }
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
