#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct GeoPruneConfig {
  Index components = 4;   ///< leading directions that are taken off; 1..64
  Index iterations = 16;  ///< of power iteration for each; 1..1000
  std::string validate() const {
    if (components < 1 || components > 64) return "components: expected 1..64, got " + std::to_string(components);
    return iterations >= 1 && iterations <= 1000 ? ""
                                                 : "iterations: expected 1..1000, got " + std::to_string(iterations);
  }
  bool operator==(const GeoPruneConfig&) const = default;
};

/// What of a token the picture's leading directions do not explain: the norm of its merged embedding less its parts
/// along them, [N, D] -> [N], >= 0. Directions are those of the rows as they come, without a mean taken off, one after
/// the other by power iteration v <- X'X v. O(N D components iterations). Source: GeoPrune, a serving fork of 2026 (no
/// paper is known to us). Differs: each iteration starts from the row of greatest norm that is left (equal ones by the
/// smaller index), where theirs is random and no two runs agree; both defaults are ours.
struct GeoPruneScorer {
  static constexpr std::string_view name = "geoprune";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  using Config = GeoPruneConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    FeatureRows x(*e.vision, e.count(), name);
    for (Index c = 0; c < config.components; ++c) {
      std::vector<double> v = longest(x);
      if (!unit(v)) break;
      for (Index i = 0; i < config.iterations; ++i) {
        std::vector<double> next(x.width);
        for (std::size_t t = 0; t < x.count; ++t) add(next, x.row(t), dot_of(v, x.row(t)));
        if (!unit(next)) break;
        v = std::move(next);
      }
      for (std::size_t t = 0; t < x.count; ++t) add(x.row(t), v, -dot_of(v, x.row(t)));
    }
    std::vector<float> out;
    for (std::size_t t = 0; t < x.count; ++t) out.push_back(static_cast<float>(std::sqrt(dot_of(x.row(t), x.row(t)))));
    return out;
  }

 private:
  static std::vector<double> longest(const FeatureRows& x) {
    std::size_t at = 0;
    double most = dot_of(x.row(0), x.row(0));
    for (std::size_t t = 1; t < x.count; ++t)
      if (const double norm = dot_of(x.row(t), x.row(t)); norm > most) most = norm, at = t;
    return {x.row(at).begin(), x.row(at).end()};
  }
  static void add(std::span<double> to, std::span<const double> row, double times) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += times * row[i];
  }
  /// False for what is nothing but rounding.
  static bool unit(std::vector<double>& v) {
    const double norm = std::sqrt(dot_of(v, v));
    if (!(norm > 1e-12)) return false;
    for (double& x : v) x /= norm;
    return true;
  }
};
static_assert(check_scorer<GeoPruneScorer>());

inline void register_geoprune(HostStages& r) {
  r.add_scorer<GeoPruneScorer>({"GeoPrune 2026, a serving fork",
                                {},
                                "what of a token the picture's leading directions do not explain",
                                "O(N D components iterations)"});
  r.add_preset({"geoprune", "none/geoprune/fixed:scale=none/top_k/gather",
                "the tokens that the picture's leading directions explain least", "GeoPrune 2026, a serving fork"});
}

}  // namespace arrcoc
