#pragma once
// From logits to the next token, in the order of transformers: repetition penalty, temperature, top-k, top-p, draw.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/random.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::qwen3vl {

struct SamplingConfig {
  bool sample = false;              // false: greedy, and everything but the repetition penalty is ignored
  float temperature = 1.0f;         // > 0
  Index top_k = 0;                  // 0 = off; ties with the k-th score stay
  float top_p = 1.0f;               // in (0, 1]; the smallest set whose probability reaches it
  float repetition_penalty = 1.0f;  // > 0; 1 = off
  bool operator==(const SamplingConfig&) const = default;
};

/// Every id of `seen` once: score / r if >= 0, else score * r.
inline void penalise_repetition(std::span<float> scores, std::span<const TokenId> seen, float r) {
  if (r == 1.0f) return;
  std::vector<TokenId> ids(seen.begin(), seen.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const TokenId id : ids) {
    float& s = scores[static_cast<std::size_t>(id)];
    s = s < 0 ? s * r : s / r;
  }
}

/// Ties go to the smaller id.
inline TokenId greedy(std::span<const float> scores) {
  return static_cast<TokenId>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

/// Drops to -infinity what top-k and top-p exclude; `scores` are already divided by the temperature.
inline void restrict_scores(std::span<float> scores, const SamplingConfig& c) {
  constexpr float dropped = -std::numeric_limits<float>::infinity();
  const auto n = scores.size();
  if (c.top_k > 0 && static_cast<std::size_t>(c.top_k) < n) {
    std::vector<float> sorted(scores.begin(), scores.end());
    std::nth_element(sorted.begin(), sorted.begin() + (c.top_k - 1), sorted.end(), std::greater<>());
    const float kth = sorted[static_cast<std::size_t>(c.top_k - 1)];
    for (float& s : scores)
      if (s < kth) s = dropped;
  }
  if (c.top_p < 1.0f) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t i, std::size_t j) { return scores[i] < scores[j]; });  // ascending
    const double top = scores[order.back()];
    double total = 0;
    for (const float s : scores) total += std::exp(static_cast<double>(s) - top);
    double cumulative = 0;
    for (std::size_t i = 0; i + 1 < n; ++i) {  // at least one token stays
      cumulative += std::exp(static_cast<double>(scores[order[i]]) - top) / total;
      if (cumulative > 1.0 - static_cast<double>(c.top_p)) break;
      scores[order[i]] = dropped;
    }
  }
}

/// `seen`: prompt and output so far. Consumes one random number when sampling, none when greedy.
inline TokenId choose_token(std::vector<float> scores, std::span<const TokenId> seen, const SamplingConfig& c,
                            Rng& rng) {
  for (const float s : scores)
    require_that(std::isfinite(s), Code::bad_number, "generate",
                 "the logits are not finite: the weights or the input hold NaN or infinity");
  penalise_repetition(scores, seen, c.repetition_penalty);
  if (!c.sample) return greedy(scores);
  for (float& s : scores) s /= c.temperature;
  restrict_scores(scores, c);
  const double top = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (const float s : scores) total += std::exp(static_cast<double>(s) - top);
  double left = rng.uniform() * total;
  TokenId last = greedy(scores);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double p = std::exp(static_cast<double>(scores[i]) - top);
    if (p <= 0) continue;
    last = static_cast<TokenId>(i);
    if ((left -= p) < 0) break;
  }
  return last;
}

}  // namespace arrcoc::qwen3vl
