#pragma once
// A picture as a pipeline has it cut into patches: as it is, or on a grey square.
#include <algorithm>

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

/// The picture and its answer boxes in the frame that a pipeline asks for.
inline InputPicture framed(InputPicture in, Framing framing) {
  const Index height = in.image.height, width = in.image.width;
  if (framing == Framing::native || height == width) return in;
  in.image = on_grey_square(in.image.view());
  in.boxes = on_grey_square(std::move(in.boxes), height, width);
  return in;
}

}  // namespace arrcoc
