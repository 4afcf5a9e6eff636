// WebP through libwebp: lossy, lossless, alpha; of an animation the first frame, as Pillow opens it.
#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>
#include <vector>

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

/// Pixels [top, left] .. of a canvas that is `d.image`, or 4 channels wide before alpha is dealt with. The decoder
/// writes into it in place.
bool decode_into(const std::uint8_t* bytes, std::size_t size, std::uint8_t* to, std::size_t room, Index width,
                 int channels) {
  const int stride = static_cast<int>(width * channels);
  return (channels == 4 ? WebPDecodeRGBAInto(bytes, size, to, room, stride)
                        : WebPDecodeRGBInto(bytes, size, to, room, stride)) != nullptr;
}

/// The canvas after the first frame: the frame at its place, the rest transparent (black where there is no alpha).
/// libwebp's own animation decoder would hold two canvases beside ours.
bool first_frame(const WebPData& file, std::vector<std::uint8_t>& canvas, Index height, Index width, int channels) {
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&file), &WebPDemuxDelete);
  WebPIterator frame;
  if (!demuxer || WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) return false;
  const std::unique_ptr<WebPIterator, decltype(&WebPDemuxReleaseIterator)> release(&frame, &WebPDemuxReleaseIterator);
  if (frame.x_offset < 0 || frame.y_offset < 0 || frame.x_offset + frame.width > width ||
      frame.y_offset + frame.height > height)
    return false;
  const auto at = static_cast<std::size_t>((frame.y_offset * width + frame.x_offset) * channels);
  return decode_into(frame.fragment.bytes, frame.fragment.size, canvas.data() + at, canvas.size() - at, width,
                     channels);
}

}  // namespace

Decoded decode_webp(const Encoded& file) {
  const WebPData data{file.data(), file.bytes.size()};
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data.bytes, data.size, &features) != VP8_STATUS_OK)
    file.refuse("WebP: the header is malformed or truncated");
  Decoded d;
  const Index height = d.image.height = features.height, width = d.image.width = features.width;
  check_size(height, width, file);
  d.orientation = webp_orientation(data);
  const int channels = features.has_alpha != 0 ? 4 : 3;
  std::vector<std::uint8_t>& rgb = d.image.rgb;
  rgb.resize(static_cast<std::size_t>(height * width * channels));
  const bool animated = features.has_animation != 0;
  if (!(animated ? first_frame(data, rgb, height, width, channels)
                 : decode_into(data.bytes, data.size, rgb.data(), rgb.size(), width, channels)))
    file.refuse(animated ? "WebP: the animation is malformed or truncated"
                         : "WebP: the data is malformed or truncated");
  if (channels == 4) {
    flatten_rgba(rgb.data(), rgb.data(), static_cast<std::size_t>(height * width), file.alpha);
    rgb.resize(static_cast<std::size_t>(height * width * 3));
  }
  return d;
}

}  // namespace arrcoc::io
