#pragma once
#include "gradient.hpp"

namespace arrcoc::train {

/// Forward the hard choice, backward a sigmoid around the cut: d gate_i / d s_i = sigma'((s_i - c) / T) / T, c halfway
/// between the K-th and the next score. `kept_only`: gate = hard * soft / soft.detach(), which gives a gradient to the
/// kept tokens alone (d gate_i / d s_i = d log soft_i / d s_i). Biased. Source: Bengio, Leonard, Courville 2013,
/// section 4; the gate form is the one that the ARR-COC notes lack.
struct StraightThroughGradient {
  static constexpr std::string_view name = "straight_through";
  double temperature = 1.0;
  bool kept_only = false;

  Estimate estimate(const at::Tensor& scores, Index k, const GateLoss& loss, Rng&) const {
    const at::Tensor value = loss(gates(scores, k));
    return {value, value.item<double>()};
  }
  at::Tensor gates(const at::Tensor& scores, Index k) const {
    check_choice(scores, k, name);
    const at::Tensor hard = top_gates(scores, k), order = scores.detach().index_select(
                                                      0, top_places(scores, std::min<Index>(k + 1, scores.size(0))));
    const at::Tensor cut = 0.5 * (order[k - 1] + order[order.size(0) - 1]);
    const at::Tensor soft = ((scores - cut) / temperature).sigmoid();
    return kept_only ? hard * soft / soft.detach() : hard + (soft - soft.detach());
  }
};
static_assert(GradientRecipe<StraightThroughGradient>);

}  // namespace arrcoc::train
