#pragma once
// Intervals for shares of right answers, and for the difference of two runs on the same questions. All at 95 %, in closed form.
#include <algorithm>
#include <cmath>
#include <span>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::measure {

inline constexpr double z95 = 1.959963984540054;  // the normal distribution's 97.5 % point

struct Interval {
  double low = 0, high = 1;
};

/// Of a share `right` / n. `right` may be fractional (a mean over seeds). n = 0 gives [0, 1]. Source: Wilson 1927, formula of the score interval.
inline Interval wilson(double right, Index n) {
  require_that(n >= 0 && right >= 0 && right <= static_cast<double>(n), Code::shape_mismatch, "wilson", "expected 0 <= right <= n");
  if (n == 0) return {};
  const auto m = static_cast<double>(n);
  const double p = right / m, z2 = z95 * z95, middle = p + z2 / (2 * m), half = z95 * std::sqrt(p * (1 - p) / m + z2 / (4 * m * m)), whole = 1 + z2 / m;
  return {right == 0 ? 0 : (middle - half) / whole, right == m ? 1 : (middle + half) / whole};
}

/// Two runs over the same n questions.
struct Paired {
  Index n = 0, only_first = 0, only_second = 0;   // right in one run alone
  double difference = 0;                          // share right: first - second
  Interval interval{-1, 1};
  double p_value = 1;                             // McNemar's exact test, two-sided
};

/// Interval: Bonett and Price 2012, the adjusted Wald interval for paired shares. p: the binomial test on the questions that differ (McNemar 1947).
inline Paired paired_difference(Index n, Index only_first, Index only_second) {
  require_that(n >= 0 && only_first >= 0 && only_second >= 0 && only_first + only_second <= n, Code::shape_mismatch, "paired_difference",
               "expected counts of at least 0 that fit into n");
  Paired out{n, only_first, only_second, 0, {-1, 1}, 1};
  if (n == 0) return out;
  const auto m = static_cast<double>(n), a = static_cast<double>(only_first), b = static_cast<double>(only_second);
  out.difference = (a - b) / m;
  const double pa = (a + 1) / (m + 2), pb = (b + 1) / (m + 2), half = z95 * std::sqrt((pa + pb - (pa - pb) * (pa - pb)) / (m + 2));
  out.interval = {std::max(-1.0, pa - pb - half), std::min(1.0, pa - pb + half)};
  const Index differ = only_first + only_second;
  double log_choose = 0, tail = 0;  // of i out of `differ`
  for (Index i = 0; i <= std::min(only_first, only_second); ++i) {
    if (i > 0) log_choose += std::log(static_cast<double>(differ - i + 1) / static_cast<double>(i));
    tail += std::exp(log_choose - static_cast<double>(differ) * std::log(2.0));
  }
  out.p_value = std::min(1.0, 2 * tail);
  return out;
}

/// The mean of differences, one for each question, and its normal interval; [-1, 1] for fewer than two.
inline Paired mean_difference(std::span<const double> differences) {
  Paired out;
  out.n = static_cast<Index>(differences.size());
  if (out.n == 0) return out;
  double sum = 0, squares = 0;
  for (const double d : differences) sum += d;
  const auto m = static_cast<double>(out.n);
  out.difference = sum / m;
  for (const double d : differences) squares += (d - out.difference) * (d - out.difference);
  if (out.n < 2) return out;
  const double error = std::sqrt(squares / (m - 1) / m);
  out.interval = {std::max(-1.0, out.difference - z95 * error), std::min(1.0, out.difference + z95 * error)};
  out.p_value = error > 0 ? std::erfc(std::abs(out.difference) / error / std::sqrt(2.0)) : (out.difference == 0 ? 1.0 : 0.0);
  return out;
}

}  // namespace arrcoc::measure
