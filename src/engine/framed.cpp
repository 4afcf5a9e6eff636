// Pictures changed in ways that a method should not mind, and their answer boxes.
#include "arrcoc/engine/framed.hpp"

#include <cmath>

#include "arrcoc/io/image_file.hpp"
#include "arrcoc/qwen3vl/resize.hpp"

namespace arrcoc {
namespace {

using Change = Framing::Kind;

/// float32, as Pillow blends with black.
Image brighter(ImageView picture, double amount) {
  Image out(picture.height, picture.width);
  for (Index r = 0; r < picture.height; ++r)
    for (Index i = 0; i < picture.width * 3; ++i) {
      const float value = static_cast<float>(amount) * static_cast<float>(picture.row(r)[i]);
      out.row(r)[i] = value >= 255 ? 255 : static_cast<std::uint8_t>(value);
    }
  return out;
}

Image shifted(ImageView picture, Index by) {
  Image out(picture.height + by, picture.width + by);
  std::fill(out.rgb.begin(), out.rgb.end(), square_grey);
  for (Index r = 0; r < picture.height; ++r) std::copy_n(picture.row(r), picture.width * 3, out.row(by + r) + by * 3);
  return out;
}

Image flipped(ImageView picture) {
  Image out(picture.height, picture.width);
  for (Index r = 0; r < picture.height; ++r)
    for (Index c = 0; c < picture.width; ++c)
      std::copy_n(picture.row(r) + (picture.width - 1 - c) * 3, 3, out.row(r) + c * 3);
  return out;
}

Image through_jpeg(ImageView picture, int quality) {
  const std::string bytes = io::encode_jpeg(picture, quality);
  return io::decode_image(std::as_bytes(std::span(bytes)), {}, "jpeg");
}

}  // namespace

std::pair<Index, Index> framed_size(Index height, Index width, Framing framing) {
  const auto scaled = [&](Index side) {
    return std::max<Index>(1, std::llround(static_cast<double>(side) * framing.amount));
  };
  switch (framing.kind) {
    case Change::grey_square: return {std::max(height, width), std::max(height, width)};
    case Change::shift:
      return {height + static_cast<Index>(framing.amount), width + static_cast<Index>(framing.amount)};
    case Change::scale: return {scaled(height), scaled(width)};
    default: return {height, width};
  }
}

Image framed(ImageView picture, Framing framing) {
  const auto [height, width] = framed_size(picture.height, picture.width, framing);
  switch (framing.kind) {
    case Change::grey_square: return on_grey_square(picture);
    case Change::flip: return flipped(picture);
    case Change::brightness: return brighter(picture, framing.amount);
    case Change::shift: return shifted(picture, static_cast<Index>(framing.amount));
    case Change::jpeg: return through_jpeg(picture, static_cast<int>(framing.amount));
    case Change::scale: return qwen3vl::resize_bicubic(picture, height, width, qwen3vl::Resize::pillow13);
    case Change::native: break;
  }
  Image out(picture.height, picture.width);
  for (Index r = 0; r < picture.height; ++r) std::copy_n(picture.row(r), picture.width * 3, out.row(r));
  return out;
}

std::vector<Box> framed(std::vector<Box> boxes, Index height, Index width, Framing framing) {
  if (framing.kind == Change::grey_square) return on_grey_square(std::move(boxes), height, width);
  const auto [rows, cols] = framed_size(height, width, framing);
  const double down = static_cast<double>(rows) / static_cast<double>(height),
               right = static_cast<double>(cols) / static_cast<double>(width), by = framing.amount,
               wide = static_cast<double>(width);
  for (Box& b : boxes) {
    if (framing.kind == Change::flip) b = {b.row0, wide - b.col1, b.row1, wide - b.col0};
    if (framing.kind == Change::shift) b = {b.row0 + by, b.col0 + by, b.row1 + by, b.col1 + by};
    if (framing.kind == Change::scale) b = {b.row0 * down, b.col0 * right, b.row1 * down, b.col1 * right};
  }
  return boxes;
}

std::pair<double, double> unframed(double row, double col, Index height, Index width, Framing framing) {
  const Index side = std::max(height, width);
  const auto [rows, cols] = framed_size(height, width, framing);
  switch (framing.kind) {
    case Change::grey_square:
      return {row - static_cast<double>((side - height) / 2), col - static_cast<double>((side - width) / 2)};
    case Change::flip: return {row, static_cast<double>(width) - col};
    case Change::shift: return {row - framing.amount, col - framing.amount};
    case Change::scale:
      return {row * static_cast<double>(height) / static_cast<double>(rows),
              col * static_cast<double>(width) / static_cast<double>(cols)};
    default: return {row, col};
  }
}

InputPicture framed(InputPicture in, Framing framing) {
  const Index height = in.image.height, width = in.image.width;
  if (framing == Framing::native || (framing == Framing::grey_square && height == width)) return in;
  in.image = framed(in.image.view(), framing);
  in.boxes = framed(std::move(in.boxes), height, width, framing);
  return in;
}

}  // namespace arrcoc
