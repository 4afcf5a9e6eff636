#pragma once
// The torch backend as a trainer needs it: imported weights are remembered as leaves, and attention over many short
// sequences is one call.
#include <ATen/ATen.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/torch.hpp"

namespace arrcoc::train {

/// Rows of one packed language-model pass: each picture's prefix, then its questions.
struct PackedLayout {
  at::Tensor rows;    // [P, Lmax] row of the packed sequence, padded with 0
  at::Tensor mask;    // [P, 1, Lmax, Lmax] 0 where visible, -inf elsewhere; padded queries see themselves
  at::Tensor places;  // [L] place of each packed row in the flattened [P * Lmax]
};

/// Queries [L, A] and keys [L, K] of one layer of a packed pass, rotated.
struct Looked {
  at::Tensor q, k;
  Index heads = 0, kv_heads = 0;
  double scale = 1;
};

class TrainingBackend : public TorchBackend {
 public:
  TrainingBackend(int threads, const std::string& device) : TorchBackend({threads, device, true}) {}

  /// What was imported, in order; the caller pairs it with the names it looked up.
  std::vector<at::Tensor> leaves;
  const PackedLayout* layout = nullptr;   // set during a language-model pass
  std::vector<Looked>* looked = nullptr;  // where its layers leave what they look with; null: nowhere

  Weight import_weight(const HostTensor& w, Layout l) {
    Weight out = TorchBackend::import_weight(w, l);
    out.value = out.value.detach().clone().requires_grad_(true);
    leaves.push_back(out.value);
    return out;
  }

  Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s) {
    require_that(s.key_bias.empty(), Code::bad_usage, "train", "a bias of keys: expected none in training");
    if (s.causal && layout != nullptr && looked != nullptr) looked->push_back({q, k, s.heads, s.kv_heads, s.scale});
    if (s.causal && layout != nullptr) return {packed(q, k, v, s), {}};
    if (!s.causal && s.segments.size() > 1 && equal(s.segments)) return {batched(q, k, v, s), {}};
    return TorchBackend::attention(q, k, v, s);
  }

  // Under autocast the rows that come out of a linear layer are bf16, the residual stream is not.
  Tensor scatter_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
    return TorchBackend::scatter_rows(x, idx, src.to(x.scalar_type()));
  }
  Tensor scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
    return TorchBackend::scatter_add_rows(x, idx, src.to(x.scalar_type()));
  }

 private:
  static bool equal(const std::vector<Segment>& segments) {
    for (const Segment& g : segments)
      if (g.end - g.begin != segments[0].end - segments[0].begin) return false;
    return true;
  }
  static at::Tensor heads_first(const at::Tensor& x, Index batch, Index heads) {
    return x.view({batch, -1, heads, x.size(1) / heads}).transpose(1, 2);
  }

  static Tensor batched(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s) {
    const auto n = static_cast<Index>(s.segments.size());
    const auto o = at::scaled_dot_product_attention(
        heads_first(q.contiguous(), n, s.heads), heads_first(k.contiguous(), n, s.kv_heads),
        heads_first(v.contiguous(), n, s.kv_heads), {}, 0.0, false, s.scale);
    return o.transpose(1, 2).reshape({q.size(0), -1});
  }

  Tensor packed(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s) const {
    const Index batch = layout->rows.size(0);
    const at::Tensor flat = layout->rows.flatten();
    const auto spread = [&](const Tensor& x, Index heads) {
      at::Tensor t = heads_first(x.index_select(0, flat), batch, heads);
      return heads == s.heads ? t : t.repeat_interleave(s.heads / heads, 1);
    };
    const auto o = at::scaled_dot_product_attention(spread(q, s.heads), spread(k, s.kv_heads), spread(v, s.kv_heads),
                                                    layout->mask, 0.0, false, s.scale);
    return o.transpose(1, 2).reshape({flat.size(0), -1}).index_select(0, layout->places);
  }
};

}  // namespace arrcoc::train
