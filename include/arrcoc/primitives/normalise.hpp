#pragma once
// How balancers bring maps of different units onto one scale. Always over one picture, never over several.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::balance {

/// (x - min) / (max - min); all ones when there is nothing to tell apart (range below 1e-12).
inline std::vector<float> min_max(std::span<const float> x) {
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  const double least = *low, range = static_cast<double>(*high) - *low;
  std::vector<float> out(x.size(), 1.f);
  if (!(range > 1e-12)) return out;
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = static_cast<float>((x[i] - least) / range);
  return out;
}

/// Mean rank / (N - 1), in [0, 1]; equal values share their mean rank.
inline std::vector<float> ranks(std::span<const float> x) {
  const std::size_t n = x.size();
  std::vector<std::uint64_t> keys(n);  // value in an order-keeping form, then the index: sorts as plain numbers
  for (std::size_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i] == 0.f ? 0.f : x[i]);
    keys[i] = (std::uint64_t{(bits & 0x80000000u) ? ~bits : (bits | 0x80000000u)} << 32) | i;
  }
  std::sort(keys.begin(), keys.end());
  std::vector<float> out(n, 1.f);
  if (n < 2 || keys.front() >> 32 == keys.back() >> 32) return out;
  for (std::size_t from = 0; from < n;) {
    std::size_t to = from;
    while (to < n && keys[to] >> 32 == keys[from] >> 32) ++to;
    const auto mean = static_cast<float>(0.5 * static_cast<double>(from + to - 1) / static_cast<double>(n - 1));
    for (; from < to; ++from) out[keys[from] & 0xffffffffu] = mean;
  }
  return out;
}

/// Robust min-max between the `tail` and 1 - `tail` quantiles, cut to [0, 1], mixed with ranks so that the order inside
/// the cut tails survives: (1 - rank_share) cut + rank_share rank. Strictly increasing for rank_share > 0.
inline std::vector<float> robust(std::span<const float> x, float tail, float rank_share) {
  std::vector<float> sorted(x.begin(), x.end());
  const auto quantile = [&](double q) {
    const auto at = static_cast<std::ptrdiff_t>(q * static_cast<double>(x.size() - 1) + 0.5);
    std::nth_element(sorted.begin(), sorted.begin() + at, sorted.end());
    return sorted[static_cast<std::size_t>(at)];
  };
  const auto [low, high] = std::minmax_element(x.begin(), x.end());
  double from = quantile(tail), to = quantile(1.0 - tail);
  if (!(to - from > 0.1 * (static_cast<double>(*high) - *low))) {
    from = *low;
    to = *high;
  }  // nearly all equal: a tail is the picture
  std::vector<float> out = ranks(x);
  if (!(to - from > 1e-12)) return out;
  for (std::size_t i = 0; i < x.size(); ++i)
    out[i] = static_cast<float>((1.0 - rank_share) * std::clamp((x[i] - from) / (to - from), 0.0, 1.0) +
                                rank_share * static_cast<double>(out[i]));
  return out;
}

/// One of the scalings by its name: min_max, or rank.
inline std::vector<float> scaled(std::span<const float> x, std::string_view how) {
  return how == "rank" ? ranks(x) : min_max(x);
}
/// What a setting that names a scaling has wrong; empty: nothing.
inline std::string scale_problem(std::string_view how) {
  if (how == "min_max" || how == "rank") return {};
  return "scale: expected min_max or rank, got '" + std::string(how) + "'";
}

/// Splits [M * N] into M maps of one picture; throws Error{shape_mismatch} unless it divides, Error{bad_number} unless
/// finite.
inline std::vector<std::span<const float>> split_maps(std::span<const float> maps, Index tokens,
                                                      std::string_view where) {
  const auto n = static_cast<std::size_t>(tokens);
  require_that(tokens > 0 && !maps.empty() && maps.size() % n == 0, Code::shape_mismatch, where, [&] {
    return "maps: expected a multiple of " + std::to_string(n) + " values, got " + std::to_string(maps.size());
  });
  for (const float x : maps)
    require_that(std::isfinite(x), Code::bad_number, where,
                 [&] { return "maps: expected finite values, got " + std::to_string(x); });
  std::vector<std::span<const float>> out;
  for (std::size_t m = 0; m < maps.size() / n; ++m) out.push_back(maps.subspan(m * n, n));
  return out;
}

}  // namespace arrcoc::balance
