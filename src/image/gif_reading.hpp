#pragma once
// What one frame and all frames of a GIF have in common, through giflib.
#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::io {

struct GifBytes {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

struct CloseGif {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, CloseGif>;

/// nullptr where the header is malformed. `from` outlives it.
inline Gif open_gif_bytes(GifBytes& from) {
  int error = 0;
  return Gif(DGifOpen(
      &from,
      [](GifFileType* gif, GifByteType* to, int n) {
        auto* s = static_cast<GifBytes*>(gif->UserData);
        const std::size_t got = std::min(static_cast<std::size_t>(n), s->bytes.size() - s->at);
        std::memcpy(to, s->bytes.data() + s->at, got);
        s->at += got;
        return static_cast<int>(got);
      },
      &error));
}

/// What stands in front of a frame.
struct GifControl {
  std::optional<std::uint8_t> transparent;
  int disposal = 0, hundredths = 0;
};

enum class GifStep : std::uint8_t { frame, end, broken };

/// Up to the next frame's description.
inline GifStep next_gif_frame(GifFileType* gif, GifControl& control) {
  GifRecordType type = UNDEFINED_RECORD_TYPE;
  while (DGifGetRecordType(gif, &type) != GIF_ERROR) {
    if (type == TERMINATE_RECORD_TYPE) return GifStep::end;
    if (type == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) != GIF_ERROR ? GifStep::frame : GifStep::broken;
    if (type != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return GifStep::broken;
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4) {
      control.disposal = block[1] >> 2 & 7;
      control.hundredths = block[2] | block[3] << 8;
      if ((block[1] & 1) != 0) control.transparent = block[4];
    }
    while (block != nullptr)
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return GifStep::broken;
  }
  return GifStep::broken;
}

/// [256, 3]. Grey where there is no palette, or one that says just that; otherwise indices that it lacks are black.
inline std::vector<std::uint8_t> gif_colours(const ColorMapObject* map) {
  std::vector<std::uint8_t> colours(256 * 3), grey(256 * 3);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<std::uint8_t>(i / 3);
  const int count = map != nullptr ? std::min(map->ColorCount, 256) : 0;
  for (int i = 0; i < count; ++i) {
    const GifColorType& c = map->Colors[i];
    const std::uint8_t rgb[] = {c.Red, c.Green, c.Blue};
    std::copy_n(rgb, 3, colours.begin() + i * 3);
  }
  if (std::equal(colours.begin(), colours.begin() + count * 3, grey.begin())) colours = grey;
  return colours;
}

/// Each row of the frame is read into `indices` and given to row(y); its place follows from the four passes of an
/// interlaced frame.
template <class Row>
bool read_gif_rows(GifFileType* gif, std::vector<std::uint8_t>& indices, Row row) {
  const GifImageDesc& frame = gif->Image;
  indices.resize(static_cast<std::size_t>(frame.Width));
  constexpr Index first[] = {0, 0, 4, 2, 1}, step[] = {1, 8, 8, 4, 2};
  for (std::size_t pass = frame.Interlace ? 1 : 0; pass < (frame.Interlace ? 5 : 1); ++pass)
    for (Index y = first[pass]; y < frame.Height; y += step[pass]) {
      if (DGifGetLine(gif, indices.data(), frame.Width) == GIF_ERROR) return false;
      row(y);
    }
  return true;
}

}  // namespace arrcoc::io
