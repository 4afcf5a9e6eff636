#pragma once
// Ways to get a gradient to the scores behind a discrete choice of K of N tokens. Each is a struct with `name` and
//   Estimate estimate(scores [N], k, loss, rng)
// where `loss` maps gates [N] (1 = the token is kept) to a scalar, and the gradient of `surrogate` with respect to the
// scores is the estimate.
#include <ATen/ATen.h>

#include <cmath>
#include <concepts>
#include <functional>
#include <limits>
#include <numbers>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/random.hpp"

namespace arrcoc::train {

using GateLoss = std::function<at::Tensor(const at::Tensor& gates)>;

struct Estimate {
  at::Tensor surrogate;  // scalar; call backward on it
  double value = 0;      // the loss it stands for
};

template <class R>
concept GradientRecipe = requires(const R r, const at::Tensor& scores, Index k, const GateLoss& loss, Rng& rng) {
  { R::name } -> std::convertible_to<std::string_view>;
  { r.estimate(scores, k, loss, rng) } -> std::same_as<Estimate>;
};

inline void check_choice(const at::Tensor& scores, Index k, std::string_view where) {
  require_that(scores.dim() == 1 && k >= 1 && k <= scores.size(0), Code::shape_mismatch, where,
               "expected scores [N] and 1 <= K <= N");
}

/// Places of the K largest, largest first; ties go to the smaller index.
inline at::Tensor top_places(const at::Tensor& scores, Index k) {
  return std::get<1>(scores.detach().sort(/*stable=*/true, 0, /*descending=*/true)).slice(0, 0, k);
}

/// [N] of 0 and 1, without a graph.
inline at::Tensor top_gates(const at::Tensor& scores, Index k) {
  return at::zeros_like(scores.detach()).index_fill(0, top_places(scores, k), 1.0);
}

/// [n] of standard Gumbel or normal numbers, from our own generator: the same on every machine up to log and cos.
inline at::Tensor gumbel(const at::Tensor& like, Rng& rng) {
  std::vector<double> v(static_cast<std::size_t>(like.numel()));
  for (double& x : v) x = -std::log(-std::log((static_cast<double>(rng.next() >> 11) + 0.5) * 0x1.0p-53));
  return at::tensor(v, at::kDouble).to(like.options().requires_grad(false));
}
inline at::Tensor normal(const at::Tensor& like, Rng& rng) {
  std::vector<double> v(static_cast<std::size_t>(like.numel()));
  for (double& x : v)
    x = std::sqrt(-2 * std::log((static_cast<double>(rng.next() >> 11) + 0.5) * 0x1.0p-53)) *
        std::cos(2 * std::numbers::pi * rng.uniform());
  return at::tensor(v, at::kDouble).to(like.options().requires_grad(false));
}

}  // namespace arrcoc::train
