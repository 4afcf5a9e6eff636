#pragma once
// Positions inside the vision tower: merge-block order, the interpolated position table, the 2-D rotary angles.
#include <algorithm>
#include <cmath>
#include <vector>

#include "arrcoc/core/model_config.hpp"
#include "arrcoc/qwen3vl/positions.hpp"

namespace arrcoc::qwen3vl {

/// A picture as the tower sees it: rows x cols patches (not tokens), `frames` temporal patches.
struct PatchGrid {
  Index frames = 1, rows = 0, cols = 0;
  Index count() const { return frames * rows * cols; }
  Grid tokens(Index merge) const { return {rows / merge, cols / merge}; }
  bool operator==(const PatchGrid&) const = default;
};

/// Calls f(row, col) for the patches of one frame in merge-block order: block by block, four patches a block.
template <class F>
void for_each_patch(const PatchGrid& g, Index merge, F&& f) {
  for (Index br = 0; br < g.rows; br += merge)
    for (Index bc = 0; bc < g.cols; bc += merge)
      for (Index r = br; r < br + merge; ++r)
        for (Index c = bc; c < bc + merge; ++c) f(r, c);
}

/// Bilinear, corners aligned: for each patch four table rows and their weights.
struct PositionTaps {
  std::vector<Index> rows;     // [P * 4] into the table, row * side + col
  std::vector<float> weights;  // [P * 4]
};

inline PositionTaps interpolate_positions(const std::vector<PatchGrid>& grids, const VisionConfig& c) {
  const auto side = static_cast<Index>(std::lround(std::sqrt(static_cast<double>(c.position_embeddings))));
  struct Axis {
    std::vector<Index> low, high;
    std::vector<float> share;
  };
  const auto axis = [&](Index n) {
    Axis a;
    for (Index i = 0; i < n; ++i) {
      const float u = static_cast<float>(i * (side - 1)) / static_cast<float>(std::max<Index>(n - 1, 1));
      const auto low = static_cast<Index>(u);
      a.low.push_back(low);
      a.high.push_back(std::min(low + 1, side - 1));
      a.share.push_back(u - static_cast<float>(low));
    }
    return a;
  };
  PositionTaps taps;
  for (const PatchGrid& g : grids) {
    const Axis r = axis(g.rows), q = axis(g.cols);
    for (Index frame = 0; frame < g.frames; ++frame) {
      for_each_patch(g, c.spatial_merge_size, [&](Index row, Index col) {
        const auto i = static_cast<std::size_t>(row), j = static_cast<std::size_t>(col);
        const float dh = r.share[i], dw = q.share[j];
        for (const Index at : {r.low[i] * side + q.low[j], r.low[i] * side + q.high[j], r.high[i] * side + q.low[j],
                               r.high[i] * side + q.high[j]})
          taps.rows.push_back(at);
        for (const float w : {(1 - dh) * (1 - dw), (1 - dh) * dw, dh * (1 - dw), dh * dw}) taps.weights.push_back(w);
      });
    }
  }
  return taps;
}

/// cos and sin [P, head_dim / 2]: the first half of each row turns with the patch row, the second with its column.
inline RotaryTable vision_rotary(const std::vector<PatchGrid>& grids, const VisionConfig& c) {
  const Index half = c.head_dim() / 2, quarter = half / 2;
  std::vector<float> inv(static_cast<std::size_t>(quarter));
  for (Index j = 0; j < quarter; ++j)
    inv[static_cast<std::size_t>(j)] =
        1.0f / std::pow(static_cast<float>(c.rope_theta), static_cast<float>(2 * j) / static_cast<float>(half));
  RotaryTable table;
  table.half = half;
  for (const PatchGrid& g : grids) {
    for (Index frame = 0; frame < g.frames; ++frame) {
      for_each_patch(g, c.spatial_merge_size, [&](Index row, Index col) {
        for (const Index position : {row, col}) {
          for (const float f : inv) {
            const float angle = static_cast<float>(position) * f;
            table.cos.push_back(std::cos(angle));
            table.sin.push_back(std::sin(angle));
          }
        }
        ++table.rows;
      });
    }
  }
  return table;
}

}  // namespace arrcoc::qwen3vl
