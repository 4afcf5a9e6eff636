#pragma once
// Clips on the report's page: the temporal patches side by side as one picture, and their tokens as its raster.
#include <vector>

#include "arrcoc/core/clip.hpp"
#include "arrcoc/core/image.hpp"
#include "files/json_parse.hpp"

namespace arrcoc {

/// How temporal patches lie, row by row, no cell empty: as few columns as there are rows or more, at most 8.
struct SheetShape {
  Index across = 1, down = 1;
};
SheetShape sheet_shape(Index pairs);

/// The frames of a source, one for each temporal patch, as a sheet without gaps; the longer side of each at most `side`
/// px. O(pixels).
Image clip_sheet(FrameSource& frames, Index side);

/// A line's kept tokens, or what a decision saw, of a clip ("frames" above 1), as those of its sheet: grid, kept tokens
/// and what belongs to each, living tokens, maps. Others stay as they are.
void lay_out(io::Json& tokens);

}  // namespace arrcoc
