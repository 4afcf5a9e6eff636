#pragma once
#include "gradient.hpp"

namespace arrcoc::train {

/// The score function estimator: subsets drawn by Gumbel top-k, (loss - baseline) * grad log p. The baseline of each
/// sample is the mean loss of the others, so it stays unbiased for E[loss]; without a baseline one sample is enough.
/// The loss is only evaluated, never differentiated. Source: Williams 1992; Kool, van Hoof, Welling 2019 (leave-one-out
/// baseline), and Plackett-Luce for log p of an ordered draw.
struct ReinforceGradient {
  static constexpr std::string_view name = "reinforce";
  Index samples = 4;
  bool baseline = true;

  Estimate estimate(const at::Tensor& scores, Index k, const GateLoss& loss, Rng& rng) const {
    check_choice(scores, k, name);
    require_that(samples >= (baseline ? 2 : 1), Code::bad_config, name, "expected at least 2 samples for a baseline");
    std::vector<double> values;
    std::vector<at::Tensor> logs;
    double total = 0;
    for (Index i = 0; i < samples; ++i) {
      const at::Tensor places = top_places(scores.detach() + gumbel(scores, rng), k);
      logs.push_back(log_probability(scores, places));
      values.push_back(loss(at::zeros_like(scores.detach()).index_fill(0, places, 1.0)).item<double>());
      total += values.back();
    }
    const auto n = static_cast<double>(samples);
    at::Tensor surrogate = at::zeros({}, scores.options().requires_grad(false));
    for (std::size_t i = 0; i < logs.size(); ++i)
      surrogate = surrogate + logs[i] * ((values[i] - (baseline ? (total - values[i]) / (n - 1) : 0.0)) / n);
    return {surrogate, total / n};
  }
  /// Of drawing `places` in this order without replacement, each with probability softmax over what is left.
  static at::Tensor log_probability(const at::Tensor& scores, const at::Tensor& places) {
    at::Tensor left = scores, sum = at::zeros({}, scores.options().requires_grad(false));
    for (Index j = 0; j < places.size(0); ++j) {
      sum = sum + scores[places[j].item<std::int64_t>()] - at::logsumexp(left, 0);
      left = left.index_fill(0, places.slice(0, j, j + 1), -std::numeric_limits<double>::infinity());
    }
    return sum;
  }
};
static_assert(GradientRecipe<ReinforceGradient>);

}  // namespace arrcoc::train
