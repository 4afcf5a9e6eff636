#pragma once
// In-model pruning: a hook that may drop rows between language-model layers.
//   h.before_layer(b, layer, view) -> std::optional<RowEdit>
// Rows dropped before layer k have no key or value from k on, so each layer's cache has its own length.
#include <optional>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::qwen3vl {

struct RowEdit {
  std::vector<Index> keep;  // ascending rows of the current sequence that go on
};

template <class B>
struct LayerView {
  const typename B::Tensor& hidden;   // [L now, H]
  const std::vector<Index>& columns;  // [L now] full-prompt columns
};

struct NoHook {
  static constexpr bool active = false;
  template <class B>
  std::optional<RowEdit> before_layer(B&, Index, const LayerView<B>&) {
    return std::nullopt;
  }
};

}  // namespace arrcoc::qwen3vl
