#pragma once
#include "gradient.hpp"

namespace arrcoc::train {

/// The control that trains nothing: the choice is detached and the kept features come from a frozen encoder, so that
/// the loss has no way back to the scores. Their gradient is exactly 0. Source: the "clean" approach of the ARR-COC
/// notes.
struct CleanGradient {
  static constexpr std::string_view name = "clean";
  Estimate estimate(const at::Tensor& scores, Index k, const GateLoss& loss, Rng&) const {
    check_choice(scores, k, name);
    const at::Tensor value = loss(top_gates(scores, k));
    return {value + 0 * scores.sum(), value.item<double>()};  // the 0 lets a training loop run
  }
};
static_assert(GradientRecipe<CleanGradient>);

}  // namespace arrcoc::train
