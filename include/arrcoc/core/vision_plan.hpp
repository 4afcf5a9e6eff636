#pragma once
// What of one picture is encoded.
#include <vector>

#include "arrcoc/core/places.hpp"

namespace arrcoc {

/// Decided before the tower. Places are written out even where they are the whole raster: the tower takes the same way.
struct VisionPlan {
  TokenSet tokens;                // whose places are encoded, in order
  std::vector<Index> segments{};  // tokens of each attention segment, in order; empty: one for each frame
  bool resampled = false;         // each place is cut from the native picture and resampled alone; else places are
                                  // raster tokens, and their pixels those of the whole picture
  bool operator==(const VisionPlan&) const = default;
};

/// The raster tokens `kept` of a picture.
inline VisionPlan plan_of(const Grid& grid, const std::vector<Index>& kept) {
  const TokenSet all(grid);
  VisionPlan plan{TokenSet(grid)};
  for (const Index t : kept) plan.tokens.places.push_back(all.at(t));
  return plan;
}

}  // namespace arrcoc
