#pragma once
// Pictures of one size side by side on white.
#include <algorithm>
#include <utility>

#include "arrcoc/core/image.hpp"

namespace arrcoc::scenes {

class Sheet {
 public:
  /// rows x columns pictures of height x width px, 4 px apart.
  Sheet(Index rows, Index columns, Index height, Index width)
      : columns_(columns),
        height_(height),
        width_(width),
        image_(rows * (height + gap) + gap, columns * (width + gap) + gap) {
    std::fill(image_.rgb.begin(), image_.rgb.end(), std::uint8_t{255});
  }
  /// Picture i in raster order.
  void put(Index i, ImageView picture) {
    for (Index r = 0; r < height_; ++r)
      std::copy_n(picture.row(r), width_ * 3,
                  image_.row(gap + i / columns_ * (height_ + gap) + r) + (gap + i % columns_ * (width_ + gap)) * 3);
  }
  Image take() { return std::move(image_); }

 private:
  static constexpr Index gap = 4;
  Index columns_, height_, width_;
  Image image_;
};

}  // namespace arrcoc::scenes
