// WebP through libwebp: lossy, lossless, alpha. Animations are refused.
#include <webp/decode.h>

#include "image_codecs.hpp"

namespace arrcoc::io {

Decoded decode_webp(std::span<const std::byte> bytes, Index max_pixels, std::string_view where) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  require_that(WebPGetFeatures(data, bytes.size(), &features) == VP8_STATUS_OK, Code::bad_image, where, "WebP: the header is malformed or truncated");
  require_that(features.has_animation == 0, Code::bad_image, where, "WebP: expected a still picture, got an animation");
  Decoded d{features.height, features.width, features.has_alpha ? 4 : 3, {}, 1};
  check_size(d.height, d.width, max_pixels, where);
  d.pixels.resize(static_cast<std::size_t>(d.height * d.width * d.channels));
  const int stride = static_cast<int>(d.width * d.channels);
  const auto* done = d.channels == 4 ? WebPDecodeRGBAInto(data, bytes.size(), d.pixels.data(), d.pixels.size(), stride)
                                     : WebPDecodeRGBInto(data, bytes.size(), d.pixels.data(), d.pixels.size(), stride);
  require_that(done != nullptr, Code::bad_image, where, "WebP: the data is malformed or truncated");
  return d;
}

}  // namespace arrcoc::io
