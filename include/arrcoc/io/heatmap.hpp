#pragma once
// A picture of what was kept: relevance as colour, dropped cells faded, kept cells outlined, a scale below.
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/image.hpp"
#include "arrcoc/core/places.hpp"

namespace arrcoc::io {

/// The picture, scaled so that its long side is at least 512 and at most 1600 px. Tokens in `kept` (ascending indices)
/// stay readable under a viridis tint of their relevance [N] and are outlined; the others turn grey and dark, and so
/// does what no token covers. Tokens that are no raster are parted by thin lines: each shows how much it covers.
/// Colours span the 2nd to the 98th percentile, so that one outlier does not flatten the rest. The strip below holds
/// the colour scale and the counts, as far as they fit. Error{shape_mismatch} unless there is a relevance for each
/// token and kept lies among them; Error{bad_number} for NaN or infinity.
Image render_heatmap(ImageView picture, const TokenSet& tokens, std::span<const float> relevance,
                     std::span<const Index> kept);

/// Relevance [N] as colours in [0, 1], between its 2nd and 98th percentile; a flat map is 0.5 everywhere. Of a clip all
/// at once, so that frames compare.
std::vector<float> heat_levels(std::span<const float> relevance);
/// The picture in its own size, painted as render_heatmap does, from levels [N] in [0, 1]; no strip. Errors as there.
Image paint_heat(ImageView picture, const TokenSet& tokens, std::span<const float> levels, std::span<const Index> kept);
/// The picture with a line below it: digits, spaces, '.', ':' and the letters of a legend, cut where they do not fit.
Image captioned(ImageView picture, const std::string& line);
/// The picture with the strip of a heatmap below it: colour scale, and `kept` of `count` tokens, as far as they fit.
Image with_heat_legend(ImageView picture, std::size_t kept, Index count);

}  // namespace arrcoc::io
