// WebP through libwebp: lossy, lossless, alpha; of an animation the first frame, as Pillow opens it.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

int webp_orientation(const WebPData& file) {
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&file), &WebPDemuxDelete);
  WebPChunkIterator chunk;
  int orientation = 1;
  if (demuxer && WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk) != 0) {
    std::span<const std::uint8_t> exif(chunk.chunk.bytes, chunk.chunk.size);
    if (exif.size() > 6 && exif[0] == 'E')
      exif = exif.subspan(6);  // "Exif" and two zero bytes, which some writers put first
    orientation = exif_orientation(exif);
    WebPDemuxReleaseChunkIterator(&chunk);
  }
  return orientation;
}

/// The canvas after the first frame, RGBA; the file outlives the decoder.
void first_frame(const WebPData& file, Decoded& d, std::string_view where) {
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  options.color_mode = MODE_RGBA;
  const std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)> decoder(WebPAnimDecoderNew(&file, &options),
                                                                                   &WebPAnimDecoderDelete);
  std::uint8_t* canvas = nullptr;
  int time = 0;
  require_that(decoder && WebPAnimDecoderGetNext(decoder.get(), &canvas, &time) != 0, Code::bad_image, where,
               "WebP: the animation is malformed or truncated");
  const std::size_t pixels = static_cast<std::size_t>(d.height * d.width),
                    channels = static_cast<std::size_t>(d.channels);
  for (std::size_t i = 0; i < pixels; ++i)
    for (std::size_t k = 0; k < channels; ++k) d.pixels[i * channels + k] = canvas[i * 4 + k];
}

}  // namespace

Decoded decode_webp(std::span<const std::byte> bytes, Index max_pixels, std::string_view where) {
  const WebPData file{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  WebPBitstreamFeatures features;
  require_that(WebPGetFeatures(file.bytes, file.size, &features) == VP8_STATUS_OK, Code::bad_image, where,
               "WebP: the header is malformed or truncated");
  Decoded d{features.height, features.width, features.has_alpha ? 4 : 3, {}, 1};
  check_size(d.height, d.width, max_pixels, where);
  d.pixels.resize(static_cast<std::size_t>(d.height * d.width * d.channels));
  d.orientation = webp_orientation(file);
  if (features.has_animation != 0) {
    first_frame(file, d, where);
    return d;
  }
  const int stride = static_cast<int>(d.width * d.channels);
  const auto* done = d.channels == 4
                         ? WebPDecodeRGBAInto(file.bytes, file.size, d.pixels.data(), d.pixels.size(), stride)
                         : WebPDecodeRGBInto(file.bytes, file.size, d.pixels.data(), d.pixels.size(), stride);
  require_that(done != nullptr, Code::bad_image, where, "WebP: the data is malformed or truncated");
  return d;
}

}  // namespace arrcoc::io
