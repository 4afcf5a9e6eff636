#pragma once
// A picture as a pipeline has it cut into patches: as it is, or on a grey square.
#include <algorithm>
#include <utility>
#include <vector>

#include "arrcoc/engine/engine.hpp"

namespace arrcoc {

inline constexpr std::uint8_t square_grey = 127;  // of 255: half, cut off

/// A picture [H, W, 3] in the middle of a grey square as long as its longer side S: [S, S, 3]. An odd difference leaves
/// the wider border below and to the right. O(S^2). Source: LLaVA's expand2square with means of 0.5, which harnesses of
/// published methods run in front of models that take pictures of any shape.
inline Image on_grey_square(ImageView picture) {
  const Index side = std::max(picture.height, picture.width), top = (side - picture.height) / 2,
              left = (side - picture.width) / 2;
  Image out(side, side);
  std::fill(out.rgb.begin(), out.rgb.end(), square_grey);
  for (Index r = 0; r < picture.height; ++r)
    std::copy_n(picture.row(r), picture.width * 3, out.row(top + r) + left * 3);
  return out;
}

/// Boxes of a picture of these sides, on its square.
inline std::vector<Box> on_grey_square(std::vector<Box> boxes, Index height, Index width) {
  const Index side = std::max(height, width);
  const auto down = static_cast<double>((side - height) / 2), right = static_cast<double>((side - width) / 2);
  for (Box& b : boxes) b = {b.row0 + down, b.col0 + right, b.row1 + down, b.col1 + right};
  return boxes;
}

/// A picture [H, W, 3] as a pipeline has it. brightness: each value times the amount, cut off and at most 255, as
/// Pillow's ImageEnhance; shift: so many px of grey above and to the left, [H + n, W + n, 3]; jpeg: through a 4:2:0
/// JPEG of that quality; scale: each side times the amount, rounded, at least 1, as Pillow 13's bicubic resize.
Image framed(ImageView picture, Framing framing);
/// Boxes of a picture of these sides, moved along.
std::vector<Box> framed(std::vector<Box> boxes, Index height, Index width, Framing framing);
/// {height, width} of what becomes of a picture of these sides.
std::pair<Index, Index> framed_size(Index height, Index width, Framing framing);
/// Pixel (row, col) of the picture as it is that lies under one of what became of it.
std::pair<double, double> unframed(double row, double col, Index height, Index width, Framing framing);
/// The picture and its answer boxes.
InputPicture framed(InputPicture in, Framing framing);

}  // namespace arrcoc
