#pragma once
// The frozen model's answer loss as a function of gates on its visual tokens: 1 = kept, 0 = dropped. A gate multiplies
// what every query gives the token's key before normalising, so that 0 is exactly a token that is not there, and the
// loss has a slope at 0.
#include <ATen/ATen.h>

#include <limits>

#include "../examples.hpp"
#include "arrcoc/torch.hpp"

namespace arrcoc::train {

class GatedBackend : public TorchBackend {
 public:
  using TorchBackend::TorchBackend;
  at::Tensor gates;       // [L] of the sequence in hand; undefined: plain attention
  std::string looked_up;  // the last name that was looked up: of the weight that is imported next
  std::vector<std::pair<std::string, at::Tensor>>
      imported;  // handles: they share their values with the weights that the model holds

  Weight import_weight(const HostTensor& w, Layout layout) {
    Weight out = TorchBackend::import_weight(w, layout);
    imported.emplace_back(looked_up, out.value);
    return out;
  }

  Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s) const {
    if (!gates.defined() || !s.causal) return TorchBackend::attention(q, k, v, s);
    const auto heads = [](const Tensor& x, Index n) {
      return x.view({x.size(0), n, -1}).transpose(0, 1);
    };  // [H, L, d]
    const auto share = s.heads / s.kv_heads;
    const at::Tensor keys = heads(k.contiguous(), s.kv_heads).repeat_interleave(share, 0),
                     values = heads(v.contiguous(), s.kv_heads).repeat_interleave(share, 0);
    const at::Tensor future = at::ones({q.size(0), k.size(0)}, q.options().dtype(at::kBool)).triu(1);
    const at::Tensor logits = (at::matmul(heads(q.contiguous(), s.heads), keys.transpose(1, 2)) * s.scale)
                                  .masked_fill(future, -std::numeric_limits<double>::infinity());
    const at::Tensor e = (logits - logits.amax(-1, true).detach()).exp() * gates;
    const at::Tensor o = at::matmul(e / e.sum(-1, true).clamp_min(1e-20), values);
    return {o.transpose(0, 1).reshape({q.size(0), -1}), {}};
  }
};

/// Cross-entropy of the answer's tokens, mean. tokens [N, D] and levels: the picture's merged embeddings and DeepStack
/// rows; gates [N].
inline at::Tensor gated_answer_loss(GatedBackend& b, const qwen3vl::LanguageModel<GatedBackend>& text,
                                    const AskedQuestion& q, Grid grid, const at::Tensor& tokens,
                                    const std::vector<at::Tensor>& levels, const at::Tensor& gates) {
  Prompt prompt;
  prompt.ids = prefix_ids(grid.count());
  prompt.ids.insert(prompt.ids.end(), q.ids.begin(), q.ids.end());
  prompt.spans = {{pads_begin, grid, 0}};
  std::vector<Index> rows;
  for (Index i = 0; i < grid.count(); ++i) rows.push_back(pads_begin + i);
  qwen3vl::Injected<GatedBackend> in;
  in.positions = qwen3vl::build_positions(prompt);
  in.embeddings = b.scatter_rows(text.embed(b, prompt.ids), rows, tokens);
  for (const at::Tensor& level : levels) in.levels.push_back({rows, level});
  in.rows = qwen3vl::prompt_rows(prompt);
  const auto length = static_cast<Index>(prompt.ids.size()),
             first = length - static_cast<Index>(q.ids.size()) + q.answer_begin;
  b.gates = at::cat({at::ones({pads_begin}, gates.options().requires_grad(false)), gates,
                     at::ones({length - pads_begin - grid.count()}, gates.options().requires_grad(false))});
  qwen3vl::KvCache<GatedBackend> state;
  const at::Tensor hidden = text.prefill(b, std::move(in), state, 0);
  b.gates = at::Tensor();
  const at::Tensor logits = text.logits(b, hidden.slice(0, first - 1, length - 1));
  const std::vector<std::int64_t> expected(q.ids.begin() + q.answer_begin, q.ids.end());
  return at::cross_entropy_loss(logits, at::tensor(expected, at::kLong).to(logits.device()));
}

}  // namespace arrcoc::train
