#pragma once
// A loss that teaches the language model where to look: in rows of a question, two attention heads of a layer must look
// at the vision token at which a word of the question, or the next characters of the answer, are drawn, and the hidden
// row must say in which cell of it. The heads are the model's own, so that what is read is what stands there; the
// readout of cells is thrown away after training.
#include <ATen/ATen.h>

#include <array>
#include <optional>
#include <vector>

#include "../examples.hpp"
#include "arrcoc/qwen3vl/layer_hook.hpp"
#include "training_backend.hpp"

namespace arrcoc::train {

/// Keeps the hidden rows that enter each layer; drops nothing.
struct RowsBefore final : qwen3vl::LayerHook<TrainingBackend> {
  std::vector<at::Tensor> rows;
  std::optional<qwen3vl::RowEdit> before_layer(TrainingBackend&, Index,
                                               const qwen3vl::LayerView<TrainingBackend>& view) override {
    rows.push_back(view.hidden);
    return std::nullopt;
  }
};

/// What one batch points at. Rows are those of the packed sequence.
struct PointingTargets {
  std::vector<std::int64_t> rows, keys, cells;  // [P]: the row that looks, the row of the vision token, the cell in it
};

struct Pointed {
  at::Tensor loss;  // mean over P: negative log of each looking head's weight (over all that the row sees), mean over
                    // heads, + cross-entropy over cells
  Index right = 0;  // rows whose largest weight, of the first head, is at the target
};

/// One head of each group that shares keys and values, the first of it.
inline std::vector<Index> looking_heads(Index heads, Index kv_heads) {
  std::vector<Index> out;
  for (Index h = 0; h < heads && out.size() < 2; h += heads / kv_heads) out.push_back(h);
  return out;
}

/// q [L, A] and k [L, K] as they entered the attention of one layer; hidden [L, H] as it entered the layer; cell
/// [reading_slots, H], cell_bias [reading_slots].
inline Pointed point_loss(const PackedLayout& layout, const Looked& looked, const at::Tensor& hidden,
                          const at::Tensor& cell, const at::Tensor& cell_bias, const PointingTargets& t) {
  const auto longs = [&](const std::vector<std::int64_t>& v) { return at::tensor(v, at::kLong).to(hidden.device()); };
  const auto pictures = layout.rows.size(0), longest = layout.rows.size(1);
  const Index d = looked.q.size(1) / looked.heads, shared = looked.heads / looked.kv_heads;
  const at::Tensor flat = layout.rows.flatten(), rows = longs(t.rows);
  const at::Tensor row_places = layout.places.index_select(0, rows),
                   columns = layout.places.index_select(0, longs(t.keys)).remainder(longest);
  const auto spread = [&](const at::Tensor& x, Index head) {
    return x.narrow(1, head * d, d).to(at::kFloat).index_select(0, flat).view({pictures, longest, d});
  };
  at::Tensor loss = at::cross_entropy_loss(
      at::linear(at::layer_norm(hidden.index_select(0, rows), {hidden.size(1)}), cell, cell_bias).to(at::kFloat),
      longs(t.cells));
  Pointed out;
  const std::vector<Index> heads = looking_heads(looked.heads, looked.kv_heads);
  for (const Index h : heads) {
    const at::Tensor scores =
        at::bmm(spread(looked.q, h), spread(looked.k, h / shared).transpose(1, 2)) * looked.scale +
        layout.mask.squeeze(1);
    const at::Tensor asked = scores.reshape({pictures * longest, longest}).index_select(0, row_places).to(at::kFloat);
    loss = loss + at::cross_entropy_loss(asked, columns) / static_cast<double>(heads.size());
    if (h == 0) out.right = asked.argmax(1).eq(columns).sum().item<std::int64_t>();
  }
  out.loss = loss;
  return out;
}

}  // namespace arrcoc::train
