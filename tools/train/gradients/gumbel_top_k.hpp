#pragma once
#include "gradient.hpp"

namespace arrcoc::train {

/// Subsets drawn by Gumbel top-k (Plackett-Luce without replacement), relaxed as K softmaxes in turn: a_1 =
/// softmax(keys / T), keys += log(1 - a), gates = sum of the K, in [0, 1] up to the relaxation and summing to K.
/// `hard`: the drawn subset goes forward, the relaxation backward. Source: Xie and Ermon 2019, "Reparameterizable
/// Subset Sampling via Continuous Relaxations", algorithm 2; Kool et al. 2019 for the sampling.
struct GumbelTopKGradient {
  static constexpr std::string_view name = "gumbel_top_k";
  double temperature = 0.5;
  Index samples = 1;
  bool hard = true;

  Estimate estimate(const at::Tensor& scores, Index k, const GateLoss& loss, Rng& rng) const {
    check_choice(scores, k, name);
    at::Tensor sum;
    for (Index i = 0; i < samples; ++i) {
      const at::Tensor value = loss(gates(scores + gumbel(scores, rng), k));
      sum = i == 0 ? value : sum + value;
    }
    sum = sum / static_cast<double>(samples);
    return {sum, sum.item<double>()};
  }
  at::Tensor gates(const at::Tensor& keys, Index k) const {
    const at::Tensor soft = relaxed(keys, k, temperature);
    return hard ? top_gates(keys, k) + (soft - soft.detach()) : soft;
  }
  static at::Tensor relaxed(at::Tensor keys, Index k, double temperature) {
    at::Tensor gates = at::zeros_like(keys);
    const double least = keys.scalar_type() == at::kDouble ? 1e-30 : 1e-12;
    for (Index j = 0; j < k; ++j) {
      const at::Tensor a = at::softmax(keys / temperature, 0);
      gates = gates + a;
      if (j + 1 < k) keys = keys + (1 - a).clamp_min(least).log();
    }
    return gates;
  }
};
static_assert(GradientRecipe<GumbelTopKGradient>);

}  // namespace arrcoc::train
