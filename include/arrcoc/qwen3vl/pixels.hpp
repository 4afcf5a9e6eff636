#pragma once
// What the vision tower reads of one picture: all of it, or the patches of some places.
#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/qwen3vl/vision_positions.hpp"

namespace arrcoc::qwen3vl {

/// One picture, ready for the vision tower.
struct Pixels {
  std::vector<float> rows;        // [P, patch values], merge^2 patches a token, in merge-block order
  PatchGrid patches;              // of the whole picture
  std::vector<Place> places{};    // tokens that `rows` holds, as in a PatchPlan; empty: the whole raster
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

/// A segment of its own for the places of each number in `segments` [places], smallest first; `order` [places] gets the
/// place that each one was.
inline Pixels segmented(const Pixels& from, const std::vector<Index>& segments, std::vector<Index>& order) {
  require_that(segments.size() == from.places.size(), Code::shape_mismatch, "segmented",
               "expected a segment for each place");
  order.resize(segments.size());
  std::iota(order.begin(), order.end(), Index{0});
  const auto of = [&](Index i) { return segments[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return of(a) < of(b); });
  Pixels out{{}, from.patches};
  out.rows.reserve(from.rows.size());
  const auto group = static_cast<std::ptrdiff_t>(from.rows.size() / std::max<std::size_t>(order.size(), 1));
  for (std::size_t i = 0; i < order.size(); ++i) {
    out.places.push_back(from.places[static_cast<std::size_t>(order[i])]);
    out.rows.insert(out.rows.end(), from.rows.begin() + order[i] * group, from.rows.begin() + (order[i] + 1) * group);
    if (i == 0 || of(order[i]) != of(order[i - 1])) out.segments.push_back(0);
    ++out.segments.back();
  }
  return out;
}

}  // namespace arrcoc::qwen3vl
