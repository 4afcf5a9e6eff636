#pragma once
// Positions inside the vision tower: merge-block order, the interpolated position table, the 2-D rotary angles.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "arrcoc/core/model_config.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/qwen3vl/positions.hpp"

namespace arrcoc::qwen3vl {

/// A picture as the tower sees it: rows x cols patches (not tokens), `frames` temporal patches.
struct PatchGrid {
  Index frames = 1, rows = 0, cols = 0;
  Index count() const { return frames * rows * cols; }
  Grid tokens(Index merge) const { return {rows / merge, cols / merge}; }
  bool operator==(const PatchGrid&) const = default;
};

/// Calls f(row, col) for the patches of one frame in merge-block order: block by block, merge^2 patches a block.
template <class F>
void for_each_patch(const PatchGrid& g, Index merge, F&& f) {
  for (Index br = 0; br < g.rows; br += merge)
    for (Index bc = 0; bc < g.cols; bc += merge)
      for (Index r = br; r < br + merge; ++r)
        for (Index c = bc; c < bc + merge; ++c) f(r, c);
}

/// What of one picture goes through the tower.
struct PatchPlan {
  PatchGrid grid;  // of the whole picture
  // Tokens in tokens of the whole grid, in the order of a TokenSet within each segment; empty: the raster.
  std::vector<Place> places{};
  std::vector<Index> segments{};  // tokens of each attention segment, in order; empty: each frame's

  bool raster() const { return places.empty(); }
  Index tokens(Index merge) const {
    return raster() ? grid.count() / (merge * merge) : static_cast<Index>(places.size());
  }
  /// Tokens of each attention segment.
  std::vector<Index> parts(Index merge) const {
    if (!segments.empty()) return segments;
    std::vector<Index> out(static_cast<std::size_t>(grid.frames),
                           raster() ? grid.rows * grid.cols / (merge * merge) : 0);
    for (const Place& p : places) ++out[static_cast<std::size_t>(p.frame)];
    return out;
  }
};

/// Error{bad_stage_output} or Error{shape_mismatch} for places outside the picture, and segments that do not tile them.
inline void check_plan(const PatchPlan& plan, Index merge) {
  if (!plan.raster() && plan.segments.empty())
    check_places(TokenSet({plan.grid.rows / merge, plan.grid.cols / merge}, plan.places, plan.grid.frames),
                 "vision_tower");
  Index sum = 0;
  bool filled = true;
  for (const Index s : plan.segments) sum += s, filled = filled && s > 0;
  require_that(plan.segments.empty() || (filled && sum == plan.tokens(merge)), Code::shape_mismatch, "vision_tower",
               [&] {
                 return "segments: expected them to tile " + std::to_string(plan.tokens(merge)) +
                        " tokens, at least one each, got " + std::to_string(plan.segments.size()) + " with " +
                        std::to_string(sum);
               });
  if (plan.raster()) return;
  auto from = plan.places.begin();
  for (const Index s : plan.segments) {
    check_places(TokenSet({plan.grid.rows / merge, plan.grid.cols / merge}, {from, from + s}, plan.grid.frames),
                 "vision_tower");
    from += s;
  }
}

/// Calls f(row, col) for the patches of a plan, token by token, in patches of the whole grid. Patch i of merge in a
/// place of `rows` tokens lies at row * merge + (i + 0.5) rows - 0.5: of a raster token at whole numbers.
template <class F>
void for_each_patch_of(const PatchPlan& plan, Index merge, F&& f) {
  if (plan.raster()) {
    for (Index frame = 0; frame < plan.grid.frames; ++frame)
      for_each_patch(plan.grid, merge, [&](Index r, Index c) { f(static_cast<float>(r), static_cast<float>(c)); });
    return;
  }
  const auto m = static_cast<float>(merge);
  for (const Place& p : plan.places)
    for (Index r = 0; r < merge; ++r)
      for (Index c = 0; c < merge; ++c)
        f(p.row * m + (static_cast<float>(r) + 0.5f) * p.rows - 0.5f,
          p.col * m + (static_cast<float>(c) + 0.5f) * p.cols - 0.5f);
}

/// Bilinear, corners aligned: for each patch four table rows and their weights.
struct PositionTaps {
  std::vector<Index> rows;     // [P * 4] into the table, row * side + col
  std::vector<float> weights;  // [P * 4]
};

inline PositionTaps interpolate_positions(const std::vector<PatchPlan>& plans, const VisionConfig& c) {
  const auto side = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(c.position_embeddings))));
  struct At {
    Index low, high;
    float share;
  };
  const auto at = [&](float patch, Index n) {
    const auto last = static_cast<float>(side - 1);
    const float u = std::clamp(patch * last / static_cast<float>(std::max<Index>(n - 1, 1)), 0.0f, last);
    const auto low = static_cast<Index>(u);
    return At{low, std::min(low + 1, side - 1), u - static_cast<float>(low)};
  };
  PositionTaps taps;
  for (const PatchPlan& plan : plans)
    for_each_patch_of(plan, c.spatial_merge_size, [&](float row, float col) {
      const At r = at(row, plan.grid.rows), q = at(col, plan.grid.cols);
      for (const Index i : {r.low * side + q.low, r.low * side + q.high, r.high * side + q.low, r.high * side + q.high})
        taps.rows.push_back(i);
      const float dh = r.share, dw = q.share;
      for (const float w : {(1 - dh) * (1 - dw), (1 - dh) * dw, dh * (1 - dw), dh * dw}) taps.weights.push_back(w);
    });
  return taps;
}

/// cos and sin [P, head_dim / 2]: the first half of each row turns with the patch row, the second with its column.
inline RotaryTable vision_rotary(const std::vector<PatchPlan>& plans, const VisionConfig& c) {
  const Index half = c.head_dim() / 2, quarter = half / 2;
  std::vector<float> inv(static_cast<std::size_t>(quarter));
  for (Index j = 0; j < quarter; ++j)
    inv[static_cast<std::size_t>(j)] =
        1.0f / std::pow(static_cast<float>(c.rope_theta), static_cast<float>(2 * j) / static_cast<float>(half));
  RotaryTable table;
  table.half = half;
  for (const PatchPlan& plan : plans)
    for_each_patch_of(plan, c.spatial_merge_size, [&](float row, float col) {
      for (const float position : {row, col})
        for (const float f : inv) {
          const float angle = position * f;
          table.cos.push_back(std::cos(angle));
          table.sin.push_back(std::sin(angle));
        }
      ++table.rows;
    });
  return table;
}

}  // namespace arrcoc::qwen3vl
