#pragma once
// The words every other header uses. Dimension letters, defined once:
//   N tokens of one image, K kept, C texture channels, M scorers, D a model width, L sequence length, H W pixels.
// Coordinates are (row, col), row first.
#include <cstddef>
#include <cstdint>

namespace arrcoc {

using Index = std::int64_t;
using TokenId = std::int32_t;

/// rows x cols visual tokens (each a merged 2x2 patch, 32x32 px on Qwen3-VL), raster order.
struct Grid {
  Index rows = 0;
  Index cols = 0;
  constexpr Index count() const { return rows * cols; }
  constexpr Index at(Index row, Index col) const { return row * cols + col; }
  bool operator==(const Grid&) const = default;
};

/// A rectangle in pixels, half open: rows [row0, row1), columns [col0, col1).
struct Box {
  double row0 = 0, col0 = 0, row1 = 0, col1 = 0;
  bool operator==(const Box&) const = default;
};

/// When a decision can be taken: from pixels alone, after the vision tower, or inside the language model.
enum class Phase : std::uint8_t { pixels, vision, layer };

}  // namespace arrcoc
