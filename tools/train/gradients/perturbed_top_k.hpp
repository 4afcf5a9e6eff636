#pragma once
#include "gradient.hpp"

namespace arrcoc::train {

/// Gates are the expectation of the hard choice under normal noise, y = E[top_k(s + sigma Z)], and their Jacobian is
/// E[top_k(s + sigma Z) Z^T] / sigma, both over the same `samples`. The loss sees the soft gates. The mean gate is
/// subtracted inside the Jacobian: E[Z] is 0, and the variance falls. Source: Berthet et al. 2020, proposition 3.1;
/// Cordonnier et al. 2021, section 3.2, for top-k.
struct PerturbedTopKGradient {
  static constexpr std::string_view name = "perturbed_top_k";
  double sigma = 0.5;
  Index samples = 64;

  Estimate estimate(const at::Tensor& scores, Index k, const GateLoss& loss, Rng& rng) const {
    const at::Tensor value = loss(gates(scores, k, rng));
    return {value, value.item<double>()};
  }
  at::Tensor gates(const at::Tensor& scores, Index k, Rng& rng) const {
    check_choice(scores, k, name);
    require_that(sigma > 0 && samples >= 2, Code::bad_config, name, "expected sigma above 0 and at least 2 samples");
    std::vector<at::Tensor> chosen, noise;
    for (Index i = 0; i < samples; ++i) {
      noise.push_back(normal(scores, rng));
      chosen.push_back(top_gates(scores.detach() + sigma * noise.back(), k));
    }
    const at::Tensor all = at::stack(chosen), z = at::stack(noise), mean = all.mean(0);  // [S, N]
    const at::Tensor jacobian =
        at::matmul((all - mean).t(), z) / (sigma * static_cast<double>(samples - 1));  // [N, N]: d gate_i / d s_j
    return mean + at::matmul(jacobian, scores - scores.detach());
  }
};
static_assert(GradientRecipe<PerturbedTopKGradient>);

}  // namespace arrcoc::train
