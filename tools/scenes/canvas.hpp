#pragma once
// Drawing in integers, so that a picture's pixels follow from its description alone. Coverage is 4x4 supersampled.
#include <array>
#include <span>
#include <vector>

#include "arrcoc/core/image.hpp"
#include "arrcoc/core/random.hpp"

namespace arrcoc::scenes {

using Color = std::array<std::uint8_t, 3>;

struct Point {
  Index row = 0, col = 0;
};

/// An 8-bit coverage mask, row-major.
struct Mask {
  Index height = 0, width = 0;
  std::vector<std::uint8_t> alpha;
};

class Canvas {
 public:
  Canvas(Index height, Index width, Color background);
  Index height() const { return image_.height; }
  Index width() const { return image_.width; }
  const Image& image() const { return image_; }
  Image take() { return std::move(image_); }

  void fill_rect(Index row0, Index col0, Index row1, Index col1, Color c);
  void frame(Index row0, Index col0, Index row1, Index col1, Index thickness, Color c);
  /// Centre and radii in pixels.
  void fill_ellipse(Point centre, Index radius_rows, Index radius_cols, Color c);
  /// Even-odd fill; corners in pixels.
  void fill_polygon(std::span<const Point> corners, Color c);
  /// Corners in eighths of a pixel.
  static constexpr Index eighths = 8;
  void fill_fine_polygon(std::span<const Point> corners, Color c);
  void line(Point from, Point to, Index thickness, Color c);
  /// Blends colour through a mask whose top left corner is at (row, col); parts outside the canvas are cut off.
  void stamp(const Mask& mask, Index row, Index col, Color c);

  /// Grey levels uniform in [low, high], one a pixel.
  void fill_noise(Index row0, Index col0, Index row1, Index col1, Index low, Index high, Rng& rng);
  /// From one colour to another along (d_row, d_col), over the whole canvas.
  void gradient(Color from, Color to, Index d_row, Index d_col);
  /// Adds integer noise, uniform in [-amplitude, amplitude], the same on the three channels.
  void add_noise(Index amplitude, Rng& rng);
  /// Box blur of (2 radius + 1) px, both ways.
  void blur(Index radius);
  /// What a JPEG of this quality (1 to 100, the IJG scale) does to a picture without subsampling: an integer 8x8 DCT,
  /// quantised and back.
  void jpeg_blocks(Index quality);
  /// Multiplies rows by a slow brightness wave of +- `depth` levels: paper that is not quite flat.
  void shade(Index depth, Rng& rng);

 private:
  void blend(Index row, Index col, Color c, Index coverage, Index full);
  template <class Inside>
  void fill(Index row0, Index col0, Index row1, Index col1, Color c, Inside&& inside);
  Image image_;
};

/// Turns a picture by a small angle given in 1/1000 rad about its centre (shear approximation in 16.16 fixed point,
/// bilinear), filling with `background`. `moved` maps a point of the old picture to the new one, so that boxes can
/// follow.
struct Rotation {
  Index milliradians = 0;
  Index height = 0, width = 0;
  Image apply(const Image& image, Color background) const;
  Box moved(const Box& box) const;  // the smallest upright box around the turned corners
};

}  // namespace arrcoc::scenes
