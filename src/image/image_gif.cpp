// The first frame of a GIF through giflib, on the logical screen, as Pillow shows it.
#ifdef ARRCOC_HAVE_GIF
#include "gif_reading.hpp"
#include "image_codecs.hpp"

namespace arrcoc::io {

Decoded decode_gif(const Encoded& file) {
  GifBytes source{file.bytes};
  const Gif gif = open_gif_bytes(source);
  const auto check = [&](bool ok) {
    if (!ok) file.refuse("GIF: the data is malformed or truncated");
  };
  check(gif != nullptr);
  GifControl control;
  check(next_gif_frame(gif.get(), control) == GifStep::frame);
  const GifImageDesc& frame = gif->Image;
  const Index height = std::max<Index>(gif->SHeight, Index{frame.Top} + frame.Height),
              width = std::max<Index>(gif->SWidth, Index{frame.Left} + frame.Width);
  check_size(height, width, file);

  std::vector<std::uint8_t> colours = gif_colours(frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap);
  if (control.transparent && file.alpha == Alpha::white)
    std::fill_n(colours.begin() + *control.transparent * 3, 3, std::uint8_t{255});

  Decoded d;
  d.image = Image(height, width);
  const std::uint8_t* ground = colours.data() + control.transparent.value_or(0) * std::size_t{3};
  const bool covered = frame.Left == 0 && frame.Top == 0 && frame.Width == width && frame.Height == height;
  for (std::size_t i = 0; !covered && i < d.image.rgb.size(); i += 3) std::copy_n(ground, 3, d.image.rgb.data() + i);
  std::vector<std::uint8_t> indices;
  check(read_gif_rows(gif.get(), indices, [&](Index y) {
    std::uint8_t* p = d.image.row(frame.Top + y) + Index{frame.Left} * 3;
    for (std::size_t x = 0; x < indices.size(); ++x)
      std::copy_n(colours.data() + indices[x] * std::size_t{3}, 3, p + x * 3);
  }));
  return d;
}

}  // namespace arrcoc::io
#endif  // ARRCOC_HAVE_GIF
