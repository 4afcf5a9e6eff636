#pragma once
// What the vision tower reads of one picture: all of it, or the patches of some places.
#include <span>
#include <string>
#include <vector>

#include "arrcoc/qwen3vl/vision_positions.hpp"

namespace arrcoc::qwen3vl {

/// One picture, ready for the vision tower.
struct Pixels {
  std::vector<float> rows;        // [P, patch values], merge^2 patches a token, in merge-block order
  PatchGrid patches;              // of the whole picture
  std::vector<Place> places{};    // tokens that `rows` holds, in the order of a TokenSet; empty: the whole raster
  std::vector<Index> segments{};  // tokens of each attention segment, in order; empty: each frame's
};

/// The raster tokens `kept` (ascending) of a whole picture, whose places are written out even where all are kept. A
/// segment goes on with those of its tokens that do. Error{shape_mismatch} for another list, or pixels of a part.
inline Pixels subset_pixels(const Pixels& whole, std::span<const Index> kept, Index merge, Index patch_values) {
  const TokenSet all({whole.patches.rows / merge, whole.patches.cols / merge}, whole.patches.frames);
  const Index group = merge * merge * patch_values, n = all.count();
  require_that(whole.places.empty() && static_cast<Index>(whole.rows.size()) == n * group, Code::shape_mismatch,
               "subset_pixels", "expected the pixels of a whole picture");
  require_that(!kept.empty(), Code::shape_mismatch, "subset_pixels", "tokens: expected at least one token, got none");
  Pixels out{{}, whole.patches};
  out.rows.reserve(kept.size() * static_cast<std::size_t>(group));
  Index before = -1;
  for (const Index t : kept) {
    require_that(t > before && t < n, Code::shape_mismatch, "subset_pixels", [&] {
      return "tokens: expected ascending ones below " + std::to_string(n) + ", got " + std::to_string(t);
    });
    before = t;
    out.places.push_back(all.at(t));
    out.rows.insert(out.rows.end(), whole.rows.begin() + t * group, whole.rows.begin() + (t + 1) * group);
  }
  std::size_t next = 0;
  Index end = 0;
  for (const Index s : whole.segments) {
    const std::size_t first = next;
    for (end += s; next < kept.size() && kept[next] < end;) ++next;
    if (next > first) out.segments.push_back(static_cast<Index>(next - first));
  }
  return out;
}

}  // namespace arrcoc::qwen3vl
