#pragma once
// An auxiliary loss that teaches the language model where to look: rows of a question are asked for the vision token, and the cell in it, at which
// a word of the question or the next characters of the answer are drawn. Its heads are thrown away after training.
#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/qwen3vl/layer_hook.hpp"
#include "../examples.hpp"

namespace arrcoc::train {

/// Keeps the hidden rows that enter each layer; drops nothing.
struct RowsBefore {
  static constexpr bool active = true;
  std::vector<at::Tensor>& rows;
  template <class B>
  std::optional<qwen3vl::RowEdit> before_layer(B&, Index, const qwen3vl::LayerView<B>& view) {
    rows.push_back(view.hidden);
    return std::nullopt;
  }
};

/// What one batch points at. Rows are those of the packed sequence.
struct PointingTargets {
  std::vector<std::int64_t> rows, keys, cells;  // [P]: the row asked, its target as a place in `pads`, the cell in it
  std::vector<Index> pictures;                  // [P] of each row
};

struct PointingHead {
  at::Tensor query, key;        // [H, H]
  at::Tensor cell, cell_bias;   // [reading_slots, H], [reading_slots]
  static constexpr std::array<const char*, 4> names{"query.weight", "key.weight", "cell.weight", "cell.bias"};
  std::array<at::Tensor*, 4> all() { return {&query, &key, &cell, &cell_bias}; }

  struct Result {
    at::Tensor loss;    // mean over P: cross-entropy over the tokens of the own picture + cross-entropy over cells
    Index right = 0;    // rows whose token is the first choice
  };
  /// hidden [L, H]; pads [V] rows of the kept vision tokens of all pictures, picture_of [V].
  Result operator()(const at::Tensor& hidden, const at::Tensor& pads, const std::vector<Index>& picture_of, const PointingTargets& t) const {
    const auto longs = [&](const std::vector<std::int64_t>& v) { return at::tensor(v, at::kLong).to(hidden.device()); };
    const auto v = static_cast<std::int64_t>(picture_of.size()), p = static_cast<std::int64_t>(t.rows.size()), width = hidden.size(1);
    const auto normed = [&](const at::Tensor& rows) { return at::layer_norm(hidden.index_select(0, rows), {width}); };
    const at::Tensor asked = normed(longs(t.rows));
    const at::Tensor own = longs({t.pictures.begin(), t.pictures.end()}).view({p, 1}).eq(longs({picture_of.begin(), picture_of.end()}).view({1, v}));
    const at::Tensor scores = at::matmul(at::linear(asked, query), at::linear(normed(pads), key).t()).to(at::kFloat) / std::sqrt(static_cast<double>(width));
    const at::Tensor masked = scores.masked_fill(own.logical_not(), -1e9), target = longs(t.keys);
    return {at::cross_entropy_loss(masked, target) + at::cross_entropy_loss(at::linear(asked, cell, cell_bias).to(at::kFloat), longs(t.cells)),
            masked.argmax(1).eq(target).sum().item<std::int64_t>()};
  }
};

}  // namespace arrcoc::train
