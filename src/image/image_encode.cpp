// PNG and JPEG in memory, with the compression effort and the quality in the caller's hand.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <png.h>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/image_file.hpp"

namespace arrcoc::io {
namespace {

struct PngTarget {
  std::string bytes, problem;
  std::jmp_buf jump;
};
void on_png_error(png_structp png, png_const_charp message) {
  auto* t = static_cast<PngTarget*>(png_get_error_ptr(png));
  t->problem = message;
  std::longjmp(t->jump, 1);
}
void on_png_warning(png_structp, png_const_charp) {}
void on_png_write(png_structp png, png_bytep data, png_size_t n) {
  static_cast<PngTarget*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<const char*>(data), n);
}
void on_png_flush(png_structp) {}

struct PngHandles {
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~PngHandles() { png_destroy_write_struct(&png, &info); }
};

/// No destructors in this frame: libpng leaves it by longjmp.
bool put_png(PngTarget& t, PngHandles& h, const ImageView& image, int level) {
  if (setjmp(t.jump) != 0) return false;
  png_set_write_fn(h.png, &t, on_png_write, on_png_flush);
  png_set_IHDR(h.png, h.info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_compression_level(h.png, level);
  if (level <= 3)
    png_set_filter(h.png, 0, PNG_FILTER_NONE);  // choosing filters costs more than it gives at these levels
  png_write_info(h.png, h.info);
  for (Index r = 0; r < image.height; ++r) png_write_row(h.png, image.row(r));
  png_write_end(h.png, nullptr);
  return true;
}

struct JpegTarget {
  jpeg_error_mgr errors;
  jpeg_compress_struct c;
  std::jmp_buf jump;
  char problem[JMSG_LENGTH_MAX];
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  ~JpegTarget() {
    jpeg_destroy_compress(&c);
    std::free(bytes);
  }
};
void on_jpeg_error(j_common_ptr c) {
  auto* t = static_cast<JpegTarget*>(c->client_data);
  c->err->format_message(c, t->problem);
  std::longjmp(t->jump, 1);
}
void on_jpeg_message(j_common_ptr) {}

bool put_jpeg(JpegTarget& t, const ImageView& image, int quality) {
  if (setjmp(t.jump) != 0) return false;
  jpeg_create_compress(&t.c);
  t.c.client_data = &t;
  jpeg_mem_dest(&t.c, &t.bytes, &t.size);
  t.c.image_width = static_cast<JDIMENSION>(image.width);
  t.c.image_height = static_cast<JDIMENSION>(image.height);
  t.c.input_components = 3;
  t.c.in_color_space = JCS_RGB;
  jpeg_set_defaults(&t.c);
  jpeg_set_quality(&t.c, quality, TRUE);
  jpeg_start_compress(&t.c, TRUE);
  while (t.c.next_scanline < t.c.image_height) {
    auto* row = const_cast<JSAMPROW>(image.row(static_cast<Index>(t.c.next_scanline)));
    jpeg_write_scanlines(&t.c, &row, 1);
  }
  jpeg_finish_compress(&t.c);
  return true;
}

}  // namespace

std::string encode_png(ImageView image, int level) {
  require_that(!image.empty(), Code::bad_image, "encode_png", "expected a picture, got none");
  require_that(level >= 0 && level <= 9, Code::bad_config, "encode_png",
               [&] { return "level: expected 0 to 9, got " + std::to_string(level); });
  PngTarget t;
  PngHandles h;
  h.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &t, on_png_error, on_png_warning);
  h.info = h.png ? png_create_info_struct(h.png) : nullptr;
  require_that(h.info != nullptr, Code::out_of_memory, "encode_png", "libpng could not start");
  require_that(put_png(t, h, image, level), Code::bad_output, "encode_png", [&] { return "libpng: " + t.problem; });
  return std::move(t.bytes);
}

std::string encode_jpeg(ImageView image, int quality) {
  require_that(!image.empty(), Code::bad_image, "encode_jpeg", "expected a picture, got none");
  require_that(quality >= 1 && quality <= 100, Code::bad_config, "encode_jpeg",
               [&] { return "quality: expected 1 to 100, got " + std::to_string(quality); });
  JpegTarget t{};
  t.c.err = jpeg_std_error(&t.errors);
  t.errors.error_exit = on_jpeg_error;
  t.errors.output_message = on_jpeg_message;
  t.c.client_data = &t;
  require_that(put_jpeg(t, image, quality), Code::bad_output, "encode_jpeg",
               [&] { return std::string("libjpeg: ") + t.problem; });
  return {reinterpret_cast<const char*>(t.bytes), t.size};
}

}  // namespace arrcoc::io
