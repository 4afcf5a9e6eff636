#pragma once
// Mixed scale: each place of a picture cut out of the native pixels and resampled by itself.
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/pixels.hpp"
#include "arrcoc/qwen3vl/resize.hpp"

namespace arrcoc::qwen3vl {

/// These rows and columns of a picture.
inline Image cut(ImageView from, const PixelRange& rows, const PixelRange& cols) {
  Image out(rows.count(), cols.count());
  for (Index r = 0; r < out.height; ++r)
    std::copy_n(from.row(rows.begin + r) + cols.begin * 3, out.width * 3, out.row(r));
  return out;
}

/// One token for each place, with its own resolution: the whole native pixels it covers (place_range of a grid of
/// `grid` tokens over the native picture) become merge * patch px square, normalised and laid out as patchify does. Cut
/// first, then resized, so that a token's values depend on its own region alone and equal regions give equal tokens; a
/// resize within the whole picture would read across the borders. A region that already has the size is not resampled:
/// unit places of a picture of grid * side px give the rows of the whole picture, bit for bit. `stock`: pixels of the
/// whole picture, from which unit places are then taken, whatever its size. Error{bad_stage_output} for places outside
/// the picture or out of order, Error{bad_image} for no picture or no place.
inline Pixels place_pixels(ImageView native, Grid grid, std::vector<Place> places, const VisionConfig& v,
                           const PreprocessConfig& c, Resize kind = Resize::torchvision,
                           const Pixels* stock = nullptr) {
  require_that(!native.empty() && !places.empty(), Code::bad_image, "place_pixels",
               "expected a picture and at least one place");
  check_places(TokenSet(grid, places), "place_pixels");
  const Index merge = v.spatial_merge_size, side = merge * v.patch_size;
  Pixels out{{}, {1, grid.rows * merge, grid.cols * merge}};
  out.rows.reserve(places.size() * static_cast<std::size_t>(merge * merge * v.patch_values()));
  const Index group = merge * merge * v.patch_values();
  for (const Place& p : places) {
    if (stock != nullptr && p.unit()) {
      const auto from = stock->rows.begin() + grid.at(static_cast<Index>(p.row), static_cast<Index>(p.col)) * group;
      out.rows.insert(out.rows.end(), from, from + group);
      continue;
    }
    const PixelRange rows = place_range(p.row, p.rows, grid.rows, native.height),
                     cols = place_range(p.col, p.cols, grid.cols, native.width);
    const Image region = cut(native, rows, cols);
    const std::vector<float> token = patchify(resize(region.view(), side, side, kind, c.resampling).view(), v, c);
    out.rows.insert(out.rows.end(), token.begin(), token.end());
  }
  out.places = std::move(places);
  return out;
}

/// The whole picture on a grid of tokens, [grid tokens] in stock order.
inline Pixels picture_pixels(ImageView native, Grid grid, const VisionConfig& v, const PreprocessConfig& c,
                             Resize kind = Resize::torchvision) {
  const Index merge = v.spatial_merge_size, side = merge * v.patch_size;
  const Image resized = resize(native, grid.rows * side, grid.cols * side, kind, c.resampling);
  return {patchify(resized.view(), v, c), {1, grid.rows * merge, grid.cols * merge}};
}

/// A picture with the sharpness that each of these places would be seen with: cut out, resampled to one token's pixels
/// and back. Places that are no larger than a token stay, and so does what none covers.
inline Image blurred(ImageView native, Grid grid, std::span<const Place> places, Index side,
                     Resize kind = Resize::torchvision) {
  Image out(native.height, native.width);
  for (Index r = 0; r < native.height; ++r) std::copy_n(native.row(r), native.width * 3, out.row(r));
  for (const Place& p : places) {
    const PixelRange rows = place_range(p.row, p.rows, grid.rows, native.height),
                     cols = place_range(p.col, p.cols, grid.cols, native.width);
    if (p.unit() || (rows.count() <= side && cols.count() <= side)) continue;
    Image token = resize_bicubic(cut(native, rows, cols).view(), side, side, kind);
    Image back = resize_bicubic(token.view(), rows.count(), cols.count(), kind);
    for (Index r = 0; r < back.height; ++r)
      std::copy_n(back.row(r), back.width * 3, out.row(rows.begin + r) + cols.begin * 3);
  }
  return out;
}

}  // namespace arrcoc::qwen3vl
