#pragma once
// Small pictures for the scorers: text of either polarity, blank ground, grain, noise, odd ones out. Cells of 32
// pixels.
#include <functional>

#include "arrcoc/texture/texture13.hpp"

namespace scenes {
using namespace arrcoc;
struct Colour {
  int r, g, b;
};

/// paint(y, x) -> Colour
inline Image draw(Grid grid, const std::function<Colour(Index, Index)>& paint) {
  Image im(grid.rows * 32, grid.cols * 32);
  for (Index y = 0; y < im.height; ++y)
    for (Index x = 0; x < im.width; ++x) {
      const Colour c = paint(y, x);
      std::uint8_t* p = im.row(y) + 3 * x;
      p[0] = std::uint8_t(c.r);
      p[1] = std::uint8_t(c.g);
      p[2] = std::uint8_t(c.b);
    }
  return im;
}

/// Ink of a line of 5 x 7 glyphs, two pixels a dot, lines 20 pixels apart.
inline bool inked(Index y, Index x) {
  const Index line = y / 20, row = (y % 20) / 2, glyph = x / 12, col = (x % 12) / 2;
  if (row >= 7 || col >= 5) return false;
  std::uint64_t state = std::uint64_t(line * 1000 + glyph) * 977 + 5;
  const std::uint64_t bits = split_mix64(state);
  return (bits >> (row * 5 + col)) & 1;
}

struct Scene {
  Image image;
  Textures textures;
  Evidence evidence;
  Scene(Grid grid, const std::function<Colour(Index, Index)>& paint)
      : image(draw(grid, paint)), textures(Texture13{}.generate(image.view(), grid)) {
    evidence.tokens = grid;
    evidence.rgb = image.view();
    evidence.textures = &textures;
  }
  Scene(const Scene&) = delete;
};

}  // namespace scenes
