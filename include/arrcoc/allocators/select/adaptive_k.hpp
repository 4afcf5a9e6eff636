#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct AdaptiveKConfig {
  Index min_tokens = 64;      ///< kept of a picture with one hot spot; >= 1
  Index max_tokens = 400;     ///< kept of a picture that is relevant everywhere alike; >= min_tokens
  double temperature = 0.05;  ///< of the softmax that makes a distribution of relevance; > 0
  std::string validate() const {
    if (min_tokens < 1) return "min_tokens: expected at least 1, got " + std::to_string(min_tokens);
    if (max_tokens < min_tokens)
      return "max_tokens: expected at least min_tokens, got " + std::to_string(max_tokens) + " with " +
             std::to_string(min_tokens);
    if (!(temperature > 0 && temperature < 1e6))
      return "temperature: expected a number in (0, 1e6), got " + std::to_string(temperature);
    return {};
  }
  bool operator==(const AdaptiveKConfig&) const = default;
};

/// Peaked relevance keeps few tokens, spread relevance many: [N] -> K most relevant, equal ones by the smaller index.
///   H = entropy of softmax(relevance / temperature),  K = floor(low + (high - low) H / ln N)
/// with [low, high] = [min_tokens, max_tokens], both cut at the budget. O(N + K log K). Source: the adaptive-k of the
/// ARR-COC notes. Differs: they divide by the largest entropy of the batch, so that a picture alone always keeps
/// max_tokens, and have no temperature, so that scores in [0, 1] over 1,024 cells fall in the last 2 % of the range.
struct AdaptiveKAllocator {
  static constexpr std::string_view name = "adaptive_k";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::own_count;
  using Config = AdaptiveKConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [cap, clamped] = budget.resolve(e.count());
    const Index low = std::min(config.min_tokens, cap), high = std::min(config.max_tokens, cap);
    const auto k = static_cast<Index>(
        std::floor(static_cast<double>(low) + static_cast<double>(high - low) * spread(relevance, config.temperature)));
    return selection::finish(e.tokens, selection::best(relevance, k), Cause::score, clamped,
                             [&](Index t) { return relevance[static_cast<std::size_t>(t)]; });
  }

  /// H / ln N of softmax(x / temperature), in [0, 1]; 1 for equal values, 0 for a single one. Error{bad_number} unless
  /// finite.
  static double spread(std::span<const float> x, double temperature) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0, weighted = 0;
    for (const float v : x) {
      require_that(std::isfinite(v), Code::bad_number, name,
                   [&] { return "relevance: expected finite values, got " + std::to_string(v); });
      largest = std::max(largest, static_cast<double>(v));
    }
    for (const float v : x) {
      const double z = (static_cast<double>(v) - largest) / temperature, p = std::exp(z);
      sum += p;
      weighted += p * z;
    }
    const double all = std::log(static_cast<double>(x.size()));
    return all > 0 ? std::clamp((std::log(sum) - weighted / sum) / all, 0.0, 1.0) : 0.0;
  }
};
static_assert(check_allocator<AdaptiveKAllocator>());

}  // namespace arrcoc
