#pragma once
// What of one picture is encoded.
#include <vector>

#include "arrcoc/core/allocation.hpp"

namespace arrcoc {

/// Decided before the tower. Places are written out even where they are the whole raster: the tower takes the same way.
struct VisionPlan {
  enum class Source : std::uint8_t {
    raster,   // `tokens` are of the picture's raster, their pixels the stock's
    places,   // each place is cut from the native picture and resampled alone; unit places have the stock's pixels
    blurred,  // raster tokens of a picture whose regions went through their own resolution and back
    picture,  // the whole picture is resized to the grid of `tokens`, which is another than the prompt's
  };
  TokenSet tokens;  // whose places are encoded, in order
  Source source = Source::raster;
  std::vector<Index> segments{};  // [tokens] the attention segment each belongs to; empty: one for each frame
  bool operator==(const VisionPlan&) const = default;

  /// Its tokens are others than those of the allocation it was made from.
  bool resettles() const { return source == Source::places || source == Source::picture; }
};

/// The kept tokens of an allocation as they are.
inline VisionPlan plan_of(const Allocation& a) {
  VisionPlan plan{TokenSet(a.grid(), a.tokens.frames)};
  for (const Index t : a.kept) plan.tokens.places.push_back(a.tokens.at(t));
  return plan;
}

}  // namespace arrcoc
