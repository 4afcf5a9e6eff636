#pragma once
// How relevant a region is, and how many tokens it asks for.
#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::tier {

/// Relevance of a region whose tokens are `members`, the most relevant first: their mean, their max, or with `top` the
/// mean of the best ceil(share n). In double, in their order.
inline float pooled(std::span<const float> relevance, const std::vector<Index>& members, std::string_view how,
                    double share) {
  const std::size_t n = members.size();
  std::size_t count = n;
  if (how == "max") count = 1;
  if (how == "top") count = static_cast<std::size_t>(std::ceil(share * static_cast<double>(n)));
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(relevance[static_cast<std::size_t>(members[i])]);
  return static_cast<float>(sum / static_cast<double>(count));
}

/// Tokens for relevance x in [0, 1] between the lowest and the highest tier, in double. power: least + (most - least)
/// x^rate. exponential: least (most / least)^x, as many more for each step of x (`rate` is not used). Source: ARR-COC
/// dialogue 29 (power and exponential curves).
inline double on_curve(double x, double least, double most, bool exponential, double rate) {
  return exponential ? least * std::pow(most / least, x) : least + (most - least) * std::pow(x, rate);
}

/// Mean of the tiers, each weighted by a Gaussian of its own width around x times the highest: sum t exp(-(m x - t)^2 /
/// (2 w^2)) / sum exp(...). Neither monotone near 0 nor ever at an end: 64+100+160+256+400 with the widths
/// 20+25+40+50+60 give 70.7 at 0, 68.4 at .055 and 397.8 at 1. Source: ARR-COC dialogues 8 and 35.
inline double blended(double x, std::span<const double> tiers, std::span<const double> widths) {
  double sum = 0, weights = 0;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    const double off = (tiers.back() * x - tiers[i]) / widths[i], weight = std::exp(-off * off / 2);
    sum += tiers[i] * weight, weights += weight;
  }
  return weights > 0 ? sum / weights : tiers.back() * x;
}

/// How many tiers lie at or below a count, at least one.
inline std::size_t below(double wanted, std::span<const double> tiers) {
  std::size_t steps = 1;
  while (steps < tiers.size() && tiers[steps] <= wanted) ++steps;
  return steps;
}

/// Which tier is nearest to a count, from 1; of two equally near the lower.
inline std::size_t nearest(double wanted, std::span<const double> tiers) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < tiers.size(); ++i)
    if (std::abs(tiers[i] - wanted) < std::abs(tiers[best] - wanted)) best = i;
  return best + 1;
}

}  // namespace arrcoc::tier
