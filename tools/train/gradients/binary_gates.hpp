#pragma once
#include "gradient.hpp"

namespace arrcoc::train {

/// Independent gates: open where logit + logistic noise > 0, which has probability sigmoid(logit); backward through
/// sigmoid((logit + noise) / T). Without noise (`draw` false): open where the logit is above 0. Any shape. Source:
/// Maddison, Mnih, Teh 2017, appendix B (binary concrete); Jang, Gu, Poole 2017, section 2.2 (the straight-through
/// form).
struct BinaryGates {
  double temperature = 0.7;

  at::Tensor gates(const at::Tensor& logits, Rng& rng, bool draw = true) const {
    at::Tensor keys = logits;
    if (draw) {
      const at::Tensor flat = logits.detach().flatten();
      keys = keys + (gumbel(flat, rng) - gumbel(flat, rng))
                        .view(logits.sizes());  // the difference of two Gumbel numbers is logistic
    }
    const at::Tensor soft = (keys / temperature).sigmoid();
    return keys.detach().gt(0).to(soft.scalar_type()) + (soft - soft.detach());  // forward exactly 0 or 1
  }
};

}  // namespace arrcoc::train
