// The first frame of a GIF through giflib, on the logical screen, as Pillow shows it.
#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

struct Source {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

int read_bytes(GifFileType* gif, GifByteType* to, int n) {
  auto* s = static_cast<Source*>(gif->UserData);
  const std::size_t got = std::min(static_cast<std::size_t>(n), s->bytes.size() - s->at);
  std::memcpy(to, s->bytes.data() + s->at, got);
  s->at += got;
  return static_cast<int>(got);
}

struct Close {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, Close>;

/// Up to the first picture; the transparent colour on the way.
bool find_picture(GifFileType* gif, std::optional<std::uint8_t>& transparent) {
  GifRecordType type = UNDEFINED_RECORD_TYPE;
  while (DGifGetRecordType(gif, &type) != GIF_ERROR && type != TERMINATE_RECORD_TYPE) {
    if (type == IMAGE_DESC_RECORD_TYPE) return DGifGetImageDesc(gif) != GIF_ERROR;
    if (type != EXTENSION_RECORD_TYPE) continue;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) return false;
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4 && (block[1] & 1) != 0)
      transparent = block[4];
    while (block != nullptr)
      if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) return false;
  }
  return false;
}

/// Each row is read into `indices`; a row's place follows from the four passes of an interlaced picture.
bool read_rows(GifFileType* gif, std::vector<std::uint8_t>& indices, const std::vector<std::uint8_t>& colours,
               std::uint8_t* to, std::size_t stride) {
  const GifImageDesc& frame = gif->Image;
  const auto row = [&](Index y) {
    if (DGifGetLine(gif, indices.data(), frame.Width) == GIF_ERROR) return false;
    std::uint8_t* p = to + static_cast<std::size_t>(y) * stride;
    for (std::size_t x = 0; x < static_cast<std::size_t>(frame.Width); ++x)
      std::copy_n(colours.data() + indices[x] * std::size_t{3}, 3, p + x * 3);
    return true;
  };
  if (!frame.Interlace) {
    for (Index y = 0; y < frame.Height; ++y)
      if (!row(y)) return false;
    return true;
  }
  constexpr Index first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
  for (std::size_t pass = 0; pass < 4; ++pass)
    for (Index y = first[pass]; y < frame.Height; y += step[pass])
      if (!row(y)) return false;
  return true;
}

}  // namespace

Decoded decode_gif(const Encoded& file) {
  Source source{file.bytes};
  int error = 0;
  const Gif gif(DGifOpen(&source, read_bytes, &error));
  const auto check = [&](bool ok) {
    if (!ok) file.refuse("GIF: the data is malformed or truncated");
  };
  check(gif != nullptr);
  std::optional<std::uint8_t> transparent;
  check(find_picture(gif.get(), transparent));
  const GifImageDesc& frame = gif->Image;
  const Index height = std::max<Index>(gif->SHeight, Index{frame.Top} + frame.Height),
              width = std::max<Index>(gif->SWidth, Index{frame.Left} + frame.Width);
  check_size(height, width, file);

  // Grey where there is no palette, or one that says just that; otherwise indices that it lacks are black.
  std::vector<std::uint8_t> colours(256 * 3), grey(256 * 3);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<std::uint8_t>(i / 3);
  const ColorMapObject* map = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  const int count = map != nullptr ? std::min(map->ColorCount, 256) : 0;
  for (int i = 0; i < count; ++i) {
    const GifColorType& c = map->Colors[i];
    const std::uint8_t rgb[] = {c.Red, c.Green, c.Blue};
    std::copy_n(rgb, 3, colours.begin() + i * 3);
  }
  if (std::equal(colours.begin(), colours.begin() + count * 3, grey.begin())) colours = grey;
  if (transparent && file.alpha == Alpha::white) std::fill_n(colours.begin() + *transparent * 3, 3, std::uint8_t{255});

  Decoded d;
  d.image = Image(height, width);
  const std::uint8_t* ground = colours.data() + transparent.value_or(0) * std::size_t{3};
  const bool covered = frame.Left == 0 && frame.Top == 0 && frame.Width == width && frame.Height == height;
  for (std::size_t i = 0; !covered && i < d.image.rgb.size(); i += 3) std::copy_n(ground, 3, d.image.rgb.data() + i);
  std::vector<std::uint8_t> indices(static_cast<std::size_t>(frame.Width));
  check(read_rows(gif.get(), indices, colours, d.image.row(frame.Top) + Index{frame.Left} * 3,
                  static_cast<std::size_t>(width * 3)));
  return d;
}

}  // namespace arrcoc::io
