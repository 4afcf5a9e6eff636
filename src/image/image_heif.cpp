// HEIC and AVIF through libheif: the primary picture.
#ifdef ARRCOC_HAVE_HEIF
#include <libheif/heif.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

struct Release {
  void operator()(heif_context* c) const { heif_context_free(c); }
  void operator()(heif_image_handle* h) const { heif_image_handle_release(h); }
  void operator()(heif_image* i) const { heif_image_release(i); }
  void operator()(heif_decoding_options* o) const { heif_decoding_options_free(o); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

void check(const heif_error& e, const Encoded& file) {
  if (e.code != heif_error_Ok) file.refuse(std::string("HEIC or AVIF: ") + e.message);
}

}  // namespace

Decoded decode_heif(const Encoded& file) {
  const Owned<heif_context> context(heif_context_alloc());
  const Owned<heif_decoding_options> options(heif_decoding_options_alloc());
  require_that(context && options, Code::out_of_memory, file.where, "libheif could not start");
  const auto side = std::min<Index>(file.max_pixels, std::numeric_limits<int>::max());
  heif_context_set_maximum_image_size_limit(context.get(), static_cast<int>(side));
  check(heif_context_read_from_memory_without_copy(context.get(), file.data(), file.bytes.size(), nullptr), file);
  heif_image_handle* found = nullptr;
  check(heif_context_get_primary_image_handle(context.get(), &found), file);
  const Owned<heif_image_handle> handle(found);
  check_size(heif_image_handle_get_ispe_height(found), heif_image_handle_get_ispe_width(found), file);
  check_size(heif_image_handle_get_height(found), heif_image_handle_get_width(found), file);
  const bool alpha = heif_image_handle_has_alpha_channel(found) != 0;
  // A turn that the container asks for is part of a HEIC picture; Pillow hands that of AVIF on as an EXIF orientation.
  const bool avif = std::memcmp(file.data() + 8, "avi", 3) == 0;
  options->ignore_transformations = avif && !file.exif ? 1 : 0;
  heif_image* decoded = nullptr;
  check(heif_decode_image(found, &decoded, heif_colorspace_RGB,
                          alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, options.get()),
        file);
  const Owned<heif_image> image(decoded);
  int stride = 0;
  const std::uint8_t* pixels = heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
  const Index height = heif_image_get_height(decoded, heif_channel_interleaved),
              width = heif_image_get_width(decoded, heif_channel_interleaved);
  if (pixels == nullptr) file.refuse("HEIC or AVIF: the decoder gave no pixels");
  check_size(height, width, file);
  Decoded d;
  d.image = Image(height, width);
  for (Index y = 0; y < height; ++y) {
    const std::uint8_t* row = pixels + y * Index{stride};
    if (alpha) flatten_rgba(row, d.image.row(y), static_cast<std::size_t>(width), file.alpha);
    else std::copy_n(row, width * 3, d.image.row(y));
  }
  return d;
}

}  // namespace arrcoc::io
#endif  // ARRCOC_HAVE_HEIF
