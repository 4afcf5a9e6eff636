// JPEG through libjpeg: grey, YCbCr, CMYK and YCCK, progressive. Slow integer DCT and fancy upsampling, as Pillow
// decodes.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

struct Jpeg {
  jpeg_decompress_struct c{};
  jpeg_error_mgr errors{};
  std::jmp_buf jump;
  jpeg_progress_mgr progress{};
  int most_scans = 0;
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

/// Each scan walks the whole picture, however few bytes it has.
void on_progress(j_common_ptr c) {
  auto* j = static_cast<Jpeg*>(c->client_data);
  if (j->c.input_scan_number <= j->most_scans) return;
  std::snprintf(j->problem, sizeof j->problem, "expected at most %d scans at %ux%u pixels, got more", j->most_scans,
                j->c.image_width, j->c.image_height);
  std::longjmp(j->jump, 1);
}

bool read_header(Jpeg& j, std::span<const std::byte> bytes, Image& size) {
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
  size.height = j.c.image_height;
  size.width = j.c.image_width;
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
  j.progress.progress_monitor = on_progress;
  j.c.progress = &j.progress;
  j.c.dct_method = JDCT_ISLOW;
  j.c.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&j.c);
  return true;
}

/// Rows of three components go where they belong, others through `row`.
bool read_rows(Jpeg& j, std::uint8_t* to, std::uint8_t* row) {
  if (setjmp(j.jump) != 0) return false;
  const std::size_t width = j.c.output_width;
  const int components = j.c.output_components;
  while (j.c.output_scanline < j.c.output_height) {
    std::uint8_t* const rgb = to + j.c.output_scanline * width * 3;
    JSAMPROW target = components == 3 ? rgb : row;
    jpeg_read_scanlines(&j.c, &target, 1);
    for (std::size_t x = 0; x < width && components != 3; ++x)
      for (std::size_t k = 0; k < 3; ++k)
        rgb[x * 3 + k] =
            components == 1 ? row[x] : from_cmyk(255u - row[x * 4 + k], 255u - row[x * 4 + 3]);  // Adobe's are inverted
  }
  jpeg_finish_decompress(&j.c);
  return true;
}

int jpeg_orientation(const Jpeg& j) {
  for (jpeg_saved_marker_ptr m = j.c.marker_list; m != nullptr; m = m->next)
    if (m->data_length > 6 && std::memcmp(m->data, "Exif\0\0", 6) == 0)
      return exif_orientation({m->data + 6, m->data_length - 6});
  return 1;
}

}  // namespace

Decoded decode_jpeg(const Encoded& file) {
  Jpeg j;
  Decoded d;
  const auto check = [&](bool ok) {
    require_that(ok, Code::bad_image, file.where, [&] { return std::string("JPEG: ") + j.problem; });
  };
  check(read_header(j, file.bytes, d.image));
  const Index height = d.image.height, width = d.image.width;
  check_size(height, width, file);
  d.orientation = jpeg_orientation(j);
  j.most_scans = static_cast<int>(std::clamp<Index>(2'000'000'000 / (height * width), 20, 100));
  check(start(j));
  d.image = Image(height, width);
  std::vector<std::uint8_t> row(static_cast<std::size_t>(width * j.c.output_components));
  check(read_rows(j, d.image.rgb.data(), row.data()));
  return d;
}

}  // namespace arrcoc::io
