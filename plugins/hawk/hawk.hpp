#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "arrcoc/core/split.hpp"
#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct HawkConfig {
  std::string head_weights = "0_2.23_0_1.77";  ///< one a query head of layer 0, joined by _; the bundled model's
  std::string validate() const {
    for (const double w : values())
      if (!std::isfinite(w))
        return "head_weights: expected numbers joined by _, one for each query head, got '" + head_weights + "'";
    return "";
  }
  /// NaN for what is no number.
  std::vector<double> values() const {
    std::vector<double> out;
    for (const std::string& one : split(head_weights, '_')) {
      double value = 0;
      const bool read = detail::from_text(one, value).empty();
      out.push_back(read ? value : std::nan(""));
    }
    return out;
  }
  bool operator==(const HawkConfig&) const = default;
};

/// What heads of layer 0 that matter find: of each head the mean over the question's rows of q k / sqrt(d), before the
/// rotation, over its L2 norm along the tokens; the weighted sum over heads: [N]. O(N Q d heads). Error{bad_config} for
/// another number of weights than heads.
struct HawkScorer {
  static constexpr std::string_view name = "hawk";
  static constexpr Needs may_need{Phase::layer, Need::q | Need::k};
  static constexpr bool row_wise = false;
  using Config = HawkConfig;
  Config config{};

  std::vector<Request> needs() const {
    return {asked(Request::What::q, Request::Rows::question), asked(Request::What::k, Request::Rows::visual)};
  }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const FeatureRows q(e.answer(needs()[0]), -1, name), k(e.answer(needs()[1]), e.count(), name);
    const std::vector<double> weights = config.values(), mean = q.mean();
    const std::size_t heads = weights.size(), d = q.width / heads, shared = d > 0 ? k.width / d : 0;
    require_that(d * heads == q.width && shared > 0 && shared * d == k.width && heads % shared == 0, Code::bad_config,
                 name, [&] {
                   return "head_weights: expected one for each query head, got " + std::to_string(heads) +
                          " for queries of " + std::to_string(q.width) + " and keys of " + std::to_string(k.width) +
                          " values";
                 });
    std::vector<double> sum(k.count), own(k.count);
    for (std::size_t h = 0; h < heads; ++h) {
      double squares = 0;
      for (std::size_t i = 0; i < k.count; ++i) {
        own[i] = dot_of(std::span(mean).subspan(h * d, d), k.row(i).subspan(h / (heads / shared) * d, d)) /
                 std::sqrt(static_cast<double>(d));
        squares += own[i] * own[i];
      }
      for (std::size_t i = 0; i < k.count && squares > 0; ++i) sum[i] += weights[h] * own[i] / std::sqrt(squares);
    }
    return {sum.begin(), sum.end()};
  }

 private:
  static Request asked(Request::What what, Request::Rows rows) {
    return {.site = Request::Site::layer,
            .index = 0,
            .what = what,
            .rows = rows,
            .heads = Request::Over::each,
            .rope = Request::Rope::before};
  }
};
static_assert(check_scorer<HawkScorer>());

/// The most found by the heads of layer 0 stay, before that layer. Source: HAWK (github.com/peppery77/HAWK), read in
/// November 2026. Differs: behind this model's norms of queries and keys; the question's own words; no picture is made
/// larger; weights are a setting, calibrated for the bundled model by calibrate.py beside this.
inline void register_hawk(HostStages& r) {
  r.add_scorer<HawkScorer>({"HAWK", {}, "what chosen heads of layer 0 find of the question", "O(N Q d heads)"});
  r.add_preset({"hawk", "none/hawk/fixed:scale=none/top_k/layer:before=0",
                "what the heads of layer 0 find of the question", "HAWK, code of November 2026"});
}

}  // namespace arrcoc
