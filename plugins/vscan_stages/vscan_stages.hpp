#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct UnrotatedAttentionConfig {
  double layer = 0.5;  ///< the layer that is asked, and that the decision stands before; in (0, 1): at that share
  std::string validate() const {
    return layer >= 0 && names_depth(layer, 4096)
               ? ""
               : "layer: expected a layer, or a share of the depth in (0, 1), got " + std::to_string(layer);
  }
  bool operator==(const UnrotatedAttentionConfig&) const = default;
};

/// What the last row would pay to each token without the rotation of positions, so that no token is near or far: of
/// each head softmax(q k / sqrt(d)) over every row of the prompt, mean over heads: [N], summing to at most 1. O(L D).
struct UnrotatedAttentionScorer {
  static constexpr std::string_view name = "unrotated_attention";
  static constexpr Needs may_need{Phase::layer, Need::q | Need::k};
  static constexpr bool row_wise = false;
  using Config = UnrotatedAttentionConfig;
  Config config{};

  std::vector<Request> needs() const {
    using What = Request::What;
    using Rows = Request::Rows;
    return {asked(What::q, Rows::last, Request::Over::each), asked(What::q, Rows::last, Request::Over::mean),
            asked(What::k, Rows::visual, Request::Over::each), asked(What::k, Rows::all, Request::Over::each)};
  }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const std::vector<Request> asks = needs();
    const FeatureRows q(e.answer(asks[0]), -1, name), one(e.answer(asks[1]), -1, name),
        k(e.answer(asks[2]), e.count(), name), all(e.answer(asks[3]), -1, name);
    const std::size_t d = one.width, heads = q.width / d, shared = k.width / d;
    std::vector<double> sum(k.count);
    for (std::size_t h = 0; h < heads; ++h) {
      const auto query = q.row(q.count - 1).subspan(h * d, d);
      const std::size_t from = h * shared / heads * d;
      const std::vector<double> own = logits(query, k, from), every = logits(query, all, from);
      double most = *std::max_element(every.begin(), every.end()), total = 0, least = 0;
      for (const double x : own) most = std::max(most, x);
      for (const double x : every) total += std::exp(x - most);
      for (const double x : own) least += std::exp(x - most);
      total = std::max(total, least);  // the picture's rows are among all
      for (std::size_t t = 0; t < own.size(); ++t) sum[t] += std::exp(own[t] - most) / total;
    }
    for (double& x : sum) x /= static_cast<double>(heads);
    return {sum.begin(), sum.end()};
  }

 private:
  Request asked(Request::What what, Request::Rows rows, Request::Over heads) const {
    return {.site = Request::Site::layer,
            .index = index_at(config.layer),
            .what = what,
            .rows = rows,
            .heads = heads,
            .rope = Request::Rope::before};
  }
  static std::vector<double> logits(std::span<const double> query, const FeatureRows& keys, std::size_t from) {
    std::vector<double> out;
    for (std::size_t t = 0; t < keys.count; ++t)
      out.push_back(dot_of(query, keys.row(t).subspan(from, query.size())) /
                    std::sqrt(static_cast<double>(query.size())));
    return out;
  }
};
static_assert(check_scorer<UnrotatedAttentionScorer>());

/// VScan's both stages: three times the budget by its first one behind the tower, then before the middle layer the
/// budget by the last row's attention without the rotation. Source: Zhang et al. 2025, "VScan" (arXiv 2505.22654); the
/// first stage is `vscan`. Differs: behind this model's norms of queries and keys.
inline void register_vscan_stages(HostStages& r) {
  r.add_scorer<UnrotatedAttentionScorer>({"Zhang et al. 2025, arXiv 2505.22654",
                                          {},
                                          "what the last row pays in a layer where positions are not rotated",
                                          "O(L D)"});
  r.add_preset({"vscan_stages",
                "none/tower_attention:block=-1/fixed:scale=none/vscan/merge@3x%"
                "unrotated_attention/fixed:scale=none/top_k/layer:before=0.5",
                "vscan for three times the budget, then what the last row pays at half of the layers",
                "Zhang et al. 2025, arXiv 2505.22654"});
}

}  // namespace arrcoc
