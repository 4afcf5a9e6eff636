#pragma once
// The words every other header uses. Dimension letters, defined once:
//   N tokens of one image, K kept, C texture channels, M scorers, D a model width, L sequence length, H W pixels.
// Coordinates are (row, col), row first.
#include <cstddef>
#include <cstdint>
#include <string_view>

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
  Index frame = -1;  // of a clip, where it lies in one alone: of the file, or the temporal patch; -1: in all
  bool operator==(const Box&) const = default;
};

/// When a decision is taken: from pixels alone, between blocks of the vision tower, after it, or before a layer of the
/// language model.
enum class Phase : std::uint8_t { pixels, tower, vision, layer };

constexpr std::string_view name_of(Phase p) {
  constexpr std::string_view names[] = {"pixels", "tower", "vision", "layer"};
  return names[static_cast<std::size_t>(p)];
}

}  // namespace arrcoc
