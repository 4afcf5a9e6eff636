#pragma once
// Intervals for shares of right answers, and for the difference of two runs on the same questions. All at 95 %.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::measure {

inline constexpr double z95 = 1.959963984540054;  // the normal distribution's 97.5 % point

struct Interval {
  double low = 0, high = 1;
};

/// P(|T| <= |t|) of Student's t with `degrees` >= 1 of freedom. Source: Abramowitz and Stegun 26.7.3 and 26.7.4, finite
/// series. O(degrees).
inline double student_within(double t, Index degrees) {
  require_that(degrees > 0, Code::shape_mismatch, "student_within", "expected a degree of freedom or more");
  const double n = static_cast<double>(degrees), angle = std::atan(std::abs(t) / std::sqrt(n)), c2 = n / (n + t * t);
  const bool odd = degrees % 2 == 1;
  double term = odd ? std::sqrt(c2) : 1.0, sum = degrees == 1 ? 0.0 : term;
  for (Index k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= c2 * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  const double inside = std::sin(angle) * sum;
  return std::min(1.0, odd ? (angle + inside) * 2 / 3.141592653589793 : inside);
}

/// Student's 97.5 % point: 12.71 for one degree of freedom, z95 for many.
inline double student95(Index degrees) {
  double low = z95, high = 12.8;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (student_within(middle, degrees) < 0.95 ? low : high) = middle;
  }
  return high;
}

/// Scores (or differences) of the questions about one picture: they stand or fall together.
using PictureScores = std::vector<double>;

/// Mean of all scores, their variance (n - 1 below), and n over the design effect of pictures, which is taken as 1
/// where it is less: so many independent questions would say as much. All scores equal: the number of pictures. Source:
/// Kish 1965, variance of a ratio between clusters over that of a simple sample.
struct Spread {
  Index n = 0;
  double mean = 0, variance = 0, effective_n = 0;
};
inline Spread spread_of(std::span<const PictureScores> pictures) {
  Spread s;
  double sum = 0, within = 0, between = 0, groups = 0;
  for (const PictureScores& p : pictures) {
    s.n += static_cast<Index>(p.size());
    groups += p.empty() ? 0 : 1;
    for (const double x : p) sum += x;
  }
  if (s.n == 0) return s;
  const auto n = static_cast<double>(s.n);
  s.mean = sum / n;
  for (const PictureScores& p : pictures) {
    double own = 0;
    for (const double x : p) {
      own += x - s.mean;
      within += (x - s.mean) * (x - s.mean);
    }
    between += own * own;
  }
  s.effective_n = groups;
  if (s.n < 2 || groups < 2) return s;
  s.variance = within / (n - 1);
  if (within > 1e-12 * n) s.effective_n = n / std::max(1.0, groups / (groups - 1) * between * (n - 1) / (n * within));
  return s;
}

/// Of a share `right` / n; neither need be whole (a mean over seeds, an effective n, scores between 0 and 1, which vary
/// less than rights and wrongs: then it is wider than need be). n = 0 gives [0, 1]. Source: Wilson 1927, formula of the
/// score interval; with an effective n, Franco, Little, Louis and Slud 2019.
inline Interval wilson(double right, double n) {
  require_that(n >= 0 && right >= 0 && right <= n, Code::shape_mismatch, "wilson", "expected 0 <= right <= n");
  if (n == 0) return {};
  const double p = right / n, z2 = z95 * z95, middle = p + z2 / (2 * n),
               half = z95 * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)), whole = 1 + z2 / n;
  return {right == 0 ? 0 : (middle - half) / whole, right == n ? 1 : (middle + half) / whole};
}

/// Two runs over the same n questions.
struct Paired {
  Index n = 0, only_first = 0, only_second = 0;  // right, or better, in one run alone
  double effective_n = 0;
  double difference = 0;  // share right: first - second
  Interval interval{-1, 1};
  double p_value = 1;  // two-sided
};

inline constexpr Index exact_signs = 2000;  // differing questions up to which the p value is counted out

/// Share of all ways to flip the signs of `totals` (whole numbers) whose sum is at least as far from 0. One question a
/// picture: McNemar's exact test.
inline double sign_flip_p(std::span<const Index> totals) {
  Index sum = 0, most = 0;
  double squares = 0;
  for (const Index t : totals) {
    sum += t;
    most += std::abs(t);
    squares += static_cast<double>(t * t);
  }
  if (sum == 0) return 1;
  if (most > exact_signs) return std::erfc(static_cast<double>(std::abs(sum)) / std::sqrt(2 * squares));
  std::vector<double> ways(static_cast<std::size_t>(2 * most + 1), 0.0), next(ways.size());
  ways[static_cast<std::size_t>(most)] = 1;
  for (const Index t : totals) {
    if (t == 0) continue;
    std::fill(next.begin(), next.end(), 0.0);
    const auto step = static_cast<std::size_t>(std::abs(t));
    for (std::size_t i = 0; i < ways.size(); ++i) {
      if (ways[i] == 0) continue;
      next[i - step] += ways[i] / 2;
      next[i + step] += ways[i] / 2;
    }
    ways.swap(next);
  }
  double tail = 0;
  for (std::size_t i = 0; i < ways.size(); ++i)
    if (std::abs(static_cast<Index>(i) - most) >= std::abs(sum)) tail += ways[i];
  return std::min(1.0, tail);
}

/// first - second of each question, by picture. All differences -1, 0 or 1: Bonett and Price's adjusted Wald interval
/// (2012) at the effective n, and sign_flip_p over pictures. Otherwise (means over seeds) a normal interval and its p;
/// [-1, 1] for fewer than two questions.
inline Paired paired_difference(std::span<const PictureScores> pictures) {
  const Spread s = spread_of(pictures);
  Paired out;
  out.n = s.n;
  out.effective_n = s.effective_n;
  out.difference = s.mean;
  if (s.n == 0) return out;
  bool whole = true;
  std::vector<Index> totals;
  for (const PictureScores& p : pictures) {
    Index total = 0;
    for (const double d : p) {
      whole = whole && (d == 0 || d == 1 || d == -1);
      out.only_first += d > 0;
      out.only_second += d < 0;
      total += (d == 1) - (d == -1);
    }
    totals.push_back(total);
  }
  if (whole) {
    const double n = s.effective_n, scale = n / static_cast<double>(s.n),
                 a = scale * static_cast<double>(out.only_first), b = scale * static_cast<double>(out.only_second);
    const double pa = (a + 1) / (n + 2), pb = (b + 1) / (n + 2),
                 half = z95 * std::sqrt((pa + pb - (pa - pb) * (pa - pb)) / (n + 2));
    out.interval = {std::max(-1.0, pa - pb - half), std::min(1.0, pa - pb + half)};
    out.p_value = sign_flip_p(totals);
    return out;
  }
  if (s.n < 2 || s.effective_n < 2) return out;
  const double error = std::sqrt(s.variance / s.effective_n);
  out.interval = {std::max(-1.0, out.difference - z95 * error), std::min(1.0, out.difference + z95 * error)};
  out.p_value =
      error > 0 ? std::erfc(std::abs(out.difference) / error / std::sqrt(2.0)) : (out.difference == 0 ? 1.0 : 0.0);
  return out;
}

/// Spearman's rank correlation of two lists of one length, ties by their mean rank, in [-1, 1]; none where all values
/// of one are equal or there are fewer than two. O(n log n).
inline std::optional<double> rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto ranks = [](const std::vector<double>& v) {
    std::vector<std::size_t> order(v.size());
    for (std::size_t i = 0; i < v.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t x, std::size_t y) { return v[x] < v[y]; });
    std::vector<double> out(v.size());
    for (std::size_t i = 0, end = 0; i < v.size(); i = end) {
      while (end < v.size() && v[order[end]] == v[order[i]]) ++end;
      for (std::size_t k = i; k < end; ++k) out[order[k]] = 0.5 * static_cast<double>(i + end - 1);
    }
    return out;
  };
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double middle = 0.5 * (static_cast<double>(x.size()) - 1);
  double xx = 0, yy = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
    xy += (x[i] - middle) * (y[i] - middle);
  }
  if (!(xx > 0 && yy > 0)) return std::nullopt;
  return xy / std::sqrt(xx * yy);
}

}  // namespace arrcoc::measure
