// JPEG through libjpeg: grey, YCbCr, CMYK and YCCK, progressive. Slow integer DCT and fancy upsampling, as Pillow
// decodes.
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>

#include <jerror.h>
#include <jpeglib.h>

#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

struct Jpeg {
  jpeg_decompress_struct c{};
  jpeg_error_mgr errors{};
  std::jmp_buf jump;
  char problem[JMSG_LENGTH_MAX] = "";
  bool created = false;
  ~Jpeg() {
    if (created) jpeg_destroy_decompress(&c);
  }
};

void on_exit(j_common_ptr c) {
  auto* j = static_cast<Jpeg*>(c->client_data);
  c->err->format_message(c, j->problem);
  std::longjmp(j->jump, 1);
}
void on_message(j_common_ptr c, int level) {
  if (level < 0 && c->err->msg_code == JWRN_JPEG_EOF)
    on_exit(c);  // a truncated file is an error, other warnings are not
}

bool read_header(Jpeg& j, std::span<const std::byte> bytes, Decoded& d) {
  j.c.err = jpeg_std_error(&j.errors);
  j.errors.error_exit = on_exit;
  j.errors.emit_message = on_message;
  j.c.client_data = &j;
  if (setjmp(j.jump) != 0) return false;
  jpeg_create_decompress(&j.c);
  j.created = true;
  j.c.client_data = &j;
  jpeg_mem_src(&j.c, reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<unsigned long>(bytes.size()));
  jpeg_save_markers(&j.c, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&j.c, TRUE);
  d.height = j.c.image_height;
  d.width = j.c.image_width;
  return true;
}

bool start(Jpeg& j) {
  if (setjmp(j.jump) != 0) return false;
  switch (j.c.num_components) {
    case 1: j.c.out_color_space = JCS_GRAYSCALE; break;
    case 3: j.c.out_color_space = JCS_RGB; break;
    case 4: j.c.out_color_space = JCS_CMYK; break;
    default: ERREXIT(&j.c, JERR_CONVERSION_NOTIMPL);
  }
  j.c.dct_method = JDCT_ISLOW;
  j.c.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&j.c);
  return true;
}

bool read_rows(Jpeg& j, std::uint8_t* to, std::size_t stride) {
  if (setjmp(j.jump) != 0) return false;
  while (j.c.output_scanline < j.c.output_height) {
    JSAMPROW row = to + j.c.output_scanline * stride;
    jpeg_read_scanlines(&j.c, &row, 1);
  }
  jpeg_finish_decompress(&j.c);
  return true;
}

/// One channel of Pillow's CMYK -> RGB, from Adobe's inverted samples.
std::uint8_t from_cmyk(unsigned inverted_ink, unsigned inverted_black) {
  const unsigned product = (255 - inverted_ink) * inverted_black + 128;
  return static_cast<std::uint8_t>(inverted_black - (((product >> 8) + product) >> 8));
}

int jpeg_orientation(const Jpeg& j) {
  for (jpeg_saved_marker_ptr m = j.c.marker_list; m != nullptr; m = m->next)
    if (m->data_length > 6 && std::memcmp(m->data, "Exif\0\0", 6) == 0)
      return exif_orientation({m->data + 6, m->data_length - 6});
  return 1;
}

}  // namespace

Decoded decode_jpeg(std::span<const std::byte> bytes, Index max_pixels, std::string_view where) {
  Jpeg j;
  Decoded d;
  const auto check = [&](bool ok) {
    require_that(ok, Code::bad_image, where, [&] { return std::string("JPEG: ") + j.problem; });
  };
  check(read_header(j, bytes, d));
  check_size(d.height, d.width, max_pixels, where);
  d.orientation = jpeg_orientation(j);
  check(start(j));
  const auto components = static_cast<std::size_t>(j.c.output_components),
             pixels = static_cast<std::size_t>(d.height * d.width);
  std::vector<std::uint8_t> raw(pixels * components);
  check(read_rows(j, raw.data(), static_cast<std::size_t>(d.width) * components));
  if (components == 3) {
    d.pixels = std::move(raw);
    return d;
  }
  d.pixels.resize(pixels * 3);
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t k = 0; k < 3; ++k)
      d.pixels[i * 3 + k] = components == 1 ? raw[i] : from_cmyk(raw[i * 4 + k], raw[i * 4 + 3]);
  return d;
}

}  // namespace arrcoc::io
