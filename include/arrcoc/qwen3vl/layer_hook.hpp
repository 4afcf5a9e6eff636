#pragma once
// Decisions inside the language model: a hook that may drop rows before a layer.
// Rows dropped before layer k have no key or value from k on, so each layer's cache has its own length.
#include <optional>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::qwen3vl {

/// What a row of the sequence is: a column of the full prompt's text (picture -1), or a token of a picture's final
/// TokenSet. A visual row whose place is a raster token has that token's column too; elsewhere column is -1. Nothing
/// else maps rows.
struct SequenceRow {
  Index column = -1, picture = -1, token = -1;
  constexpr bool text() const { return picture < 0; }
  bool operator==(const SequenceRow&) const = default;
};

struct RowEdit {
  std::vector<Index> keep;  // ascending rows of the current sequence that go on; text rows all stay
};

template <class B>
struct LayerView {
  const typename B::Tensor& hidden;      // [L now, H] input of the layer
  const std::vector<SequenceRow>& rows;  // [L now]
};

/// One layer loop for all hooks: virtual, one call a layer.
template <class B>
struct LayerHook {
  virtual ~LayerHook() = default;
  /// nullopt: every row goes on, and nothing is touched.
  virtual std::optional<RowEdit> before_layer(B& b, Index layer, const LayerView<B>& view) = 0;
};

}  // namespace arrcoc::qwen3vl
