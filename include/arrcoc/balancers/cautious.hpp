#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/neighbours.hpp"
#include "arrcoc/primitives/normalise.hpp"

namespace arrcoc {

struct CautiousConfig {
  float uncertainty = 0.3f;       ///< bonus for disagreement between maps; [0, 1]
  Index radius = 0;               ///< of the smoothing, in cells: 1 is 3 x 3; 0..8
  std::string scale = "min_max";  ///< of each map over its picture: min_max, or rank
  std::string validate() const {
    if (!(uncertainty >= 0.f && uncertainty <= 1.f))
      return "uncertainty: expected a number in [0, 1], got " + std::to_string(uncertainty);
    if (radius < 0 || radius > 8) return "radius: expected 0 to 8, got " + std::to_string(radius);
    return balance::scale_problem(scale);
  }
  bool operator==(const CautiousConfig&) const = default;
};

/// For questions where a miss is dear: r = mean of the maps + uncertainty * their standard deviation (where maps
/// disagree the token may matter); a token has at least the mean of r over the living cells at most `radius` away, so
/// that what lies beside something relevant counts too. [M, N] -> [N] in [0, 1.5]. O(M N + N radius^2); with ranks
/// O(M N log N). Law: M equal maps come out in their own order while radius is 0. Source: ARR-COC notes, the safe
/// allocator (uncertainty .3, smoothing 3 x 3); its floor is `context_floor`. Differs: their smoothing takes the mean
/// alone, and loses the words that it is to keep.
struct CautiousBalancer {
  static constexpr std::string_view name = "cautious";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = CautiousConfig;
  Config config{};

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto parts = balance::split_maps(maps, e.count(), name);
    const auto count = static_cast<double>(parts.size());
    std::vector<double> sum(parts[0].size()), squares(parts[0].size());
    for (const auto& part : parts) {
      const auto x = balance::scaled(part, config.scale);
      for (std::size_t i = 0; i < x.size(); ++i) {
        sum[i] += static_cast<double>(x[i]);
        squares[i] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      }
    }
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double mean = sum[i] / count, variance = std::max(0.0, squares[i] / count - mean * mean);
      sum[i] = mean + static_cast<double>(config.uncertainty) * std::sqrt(variance);
    }
    Balanced out;
    out.relevance = smoothed(sum, e.tokens);
    out.weights.assign(parts.size(), static_cast<float>(1 / count));
    return out;
  }

 private:
  std::vector<float> smoothed(const std::vector<double>& r, const TokenSet& tokens) const {
    const Grid g = tokens.grid;
    const std::vector<Index> cells = covering(tokens);
    std::vector<float> out;
    for (Index t = 0; t < tokens.count(); ++t) {
      const Place p = tokens.at(t);
      const auto centre = [](float at) { return static_cast<Index>(std::floor(at + 0.5f)); };
      const Window w = window_around(g, centre(p.centre_row()), centre(p.centre_col()), config.radius);
      double sum = 0, n = 0;
      for_each_living(cells, g, p.frame, w, [&](Index other) { sum += r[static_cast<std::size_t>(other)], n += 1; });
      const double own = r[static_cast<std::size_t>(t)];
      out.push_back(static_cast<float>(n > 0 ? std::max(own, sum / n) : own));
    }
    return out;
  }
};
static_assert(check_balancer<CautiousBalancer>());

}  // namespace arrcoc
