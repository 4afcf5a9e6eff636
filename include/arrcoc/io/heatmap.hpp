#pragma once
// A picture of what was kept: relevance as colour, dropped cells faded, kept cells outlined.
#include <span>

#include "arrcoc/core/image.hpp"

namespace arrcoc::io {

/// The picture, scaled so that its long side lies within [512, 1600] px where cells allow, under a viridis layer of relevance [N] (rank
/// scaled, so that one outlier does not flatten the rest); cells that are not in `kept` (ascending) lose colour and contrast. A scale
/// stands below. Throws Error{shape_mismatch} unless relevance fills the grid.
Image render_heatmap(ImageView picture, Grid grid, std::span<const float> relevance, std::span<const Index> kept);

}  // namespace arrcoc::io
