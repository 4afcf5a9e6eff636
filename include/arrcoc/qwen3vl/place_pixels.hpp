#pragma once
// Mixed scale: each place of a picture cut out of the native pixels and resampled by itself.
#include <utility>
#include <vector>

#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/pixels.hpp"
#include "arrcoc/qwen3vl/resize.hpp"

namespace arrcoc::qwen3vl {

/// One token for each place, with its own resolution: the whole native pixels it covers (place_range of a grid of
/// `grid` tokens over the native picture) become merge * patch px square, normalised and laid out as patchify does. Cut
/// first, then resized, so that a token's values depend on its own region alone and equal regions give equal tokens; a
/// resize within the whole picture would read across the borders. A region that already has the size is not resampled:
/// unit places of a picture of grid * side px give the rows of the whole picture, bit for bit.
/// Error{bad_stage_output} for places outside the picture or out of order, Error{bad_image} for no picture or no place.
inline Pixels place_pixels(ImageView native, Grid grid, std::vector<Place> places, const VisionConfig& v,
                           const PreprocessConfig& c, Resize kind = Resize::torchvision) {
  require_that(!native.empty() && !places.empty(), Code::bad_image, "place_pixels",
               "expected a picture and at least one place");
  check_places(TokenSet(grid, places), "place_pixels");
  const Index merge = v.spatial_merge_size, side = merge * v.patch_size;
  Pixels out{{}, {1, grid.rows * merge, grid.cols * merge}};
  out.rows.reserve(places.size() * static_cast<std::size_t>(merge * merge * v.patch_values()));
  for (const Place& p : places) {
    const PixelRange rows = place_range(p.row, p.rows, grid.rows, native.height),
                     cols = place_range(p.col, p.cols, grid.cols, native.width);
    Image region(rows.count(), cols.count());
    for (Index r = 0; r < region.height; ++r)
      std::copy_n(native.row(rows.begin + r) + cols.begin * 3, region.width * 3, region.row(r));
    const std::vector<float> token = patchify(resize_bicubic(region.view(), side, side, kind).view(), v, c);
    out.rows.insert(out.rows.end(), token.begin(), token.end());
  }
  out.places = std::move(places);
  return out;
}

}  // namespace arrcoc::qwen3vl
