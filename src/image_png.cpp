// PNG through libpng: palette, transparency, 1 to 16 bits, interlaced. Errors leave libpng by longjmp into a frame without destructors.
#include <png.h>

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

/// Pillow's modes: alpha is kept for grey+alpha, RGBA and palettes with tRNS; a tRNS colour key of grey or RGB is ignored; 16-bit samples keep
/// their high byte, but 16-bit grey alone is cut off at 255.
bool choose_format(Reader& r, Handles& h, Decoded& d, bool& grey16) {
  if (setjmp(r.jump) != 0) return false;
  const int color = png_get_color_type(h.png, h.info), depth = png_get_bit_depth(h.png, h.info);
  const bool palette = color == PNG_COLOR_TYPE_PALETTE, key = png_get_valid(h.png, h.info, PNG_INFO_tRNS) != 0;
  grey16 = color == PNG_COLOR_TYPE_GRAY && depth == 16;
  if (depth == 16 && !grey16) png_set_strip_16(h.png);
  if (palette) png_set_palette_to_rgb(h.png);
  if (color == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(h.png);
  if (palette && key) png_set_tRNS_to_alpha(h.png);
  if (!grey16 && (color == PNG_COLOR_TYPE_GRAY || color == PNG_COLOR_TYPE_GRAY_ALPHA)) png_set_gray_to_rgb(h.png);
  png_set_interlace_handling(h.png);
  png_read_update_info(h.png, h.info);
  d.channels = grey16 ? 2 : png_get_channels(h.png, h.info);  // 16-bit grey: two bytes a pixel for now
  if (png_get_rowbytes(h.png, h.info) != static_cast<png_size_t>(d.width * d.channels)) png_error(h.png, "unexpected row size");
  return true;
}

bool read_rows(Reader& r, Handles& h, png_bytepp rows) {
  if (setjmp(r.jump) != 0) return false;
  png_read_image(h.png, rows);
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
  bool grey16 = false;
  check(choose_format(r, h, d, grey16));
  require_that(grey16 || d.channels == 3 || d.channels == 4, Code::bad_image, where, "PNG: unexpected number of channels");
  d.pixels.resize(static_cast<std::size_t>(d.height * d.width * d.channels));
  std::vector<png_bytep> rows;
  for (Index i = 0; i < d.height; ++i) rows.push_back(d.pixels.data() + i * d.width * d.channels);
  check(read_rows(r, h, rows.data()));
  if (grey16) {
    const std::vector<std::uint8_t> wide = std::move(d.pixels);
    d.channels = 3;
    d.pixels.clear();
    for (std::size_t i = 0; i < wide.size(); i += 2) d.pixels.insert(d.pixels.end(), 3, wide[i] != 0 ? std::uint8_t{255} : wide[i + 1]);
  }
  d.orientation = png_orientation(h);
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
  const bool written = png_image_write_to_memory(&p, out.data(), &size, 0, image.rgb, static_cast<png_int_32>(image.width * 3), nullptr) != 0;
  require_that(written, Code::bad_output, "write_png", [&] { return std::string("libpng: ") + p.message; });
  out.resize(size);
  write_file(file, out);
}

}  // namespace arrcoc::io
