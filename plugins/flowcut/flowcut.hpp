#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/mean_query.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct FlowCutConfig {
  Index blocks = 2;    ///< every second block from `last` back, so many; >= 1
  double decay = 0.5;  ///< what earlier blocks count in c <- decay c + (1 - decay) s; [0, 1)
  Index last = -1;     ///< the deepest block that is asked; negative: from the end
  std::string validate() const {
    if (blocks < 1 || blocks > 64) return "blocks: expected 1..64, got " + std::to_string(blocks);
    if (last >= 0 && last < 2 * (blocks - 1))
      return "last: expected at least " + std::to_string(2 * (blocks - 1)) + " for so many blocks, got " +
             std::to_string(last);
    return decay >= 0 && decay < 1 ? "" : "decay: expected a number in [0, 1), got " + std::to_string(decay);
  }
  bool operator==(const FlowCutConfig&) const = default;
};

/// Information flow through every second block of the tower: in each s = attention of the mean query (mean over heads)
/// times the L1 norm of the head-mean value, from the shallow to the deep c = decay c + (1 - decay) s, the first c = s:
/// [N] >= 0. O(blocks N D). Error{bad_config} where the tower has fewer than 2 blocks - 1.
/// Source: Tong et al. 2025, "FlowCut" (arXiv 2505.19536), with the mean query of its port to Qwen for the class token.
/// Differs: nothing leaves between blocks, the whole cut comes behind; its schedule is flowcut_schedule.
struct FlowCutScorer {
  static constexpr std::string_view name = "flowcut";
  static constexpr Needs may_need{Phase::tower, Need::q | Need::k | Need::v};
  using Config = FlowCutConfig;
  Config config{};

  std::vector<Request> needs() const {
    std::vector<Request> out;
    for (Index i = config.blocks; i-- > 0;) {
      const Index block = config.last - 2 * i;
      out.push_back({.index = block, .what = Request::What::q, .heads = Request::Over::each});
      out.push_back({.index = block, .what = Request::What::k, .heads = Request::Over::each});
      out.push_back({.index = block, .what = Request::What::v});
    }
    return out;
  }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    std::vector<double> flow;
    const std::vector<Request> asked = needs();
    for (std::size_t i = 0; i < asked.size(); i += 3) {
      const FeatureRows q(e.answer(asked[i]), e.count(), name), k(e.answer(asked[i + 1]), e.count(), name),
          v(e.answer(asked[i + 2]), e.count(), name);
      std::vector<double> s = mean_query_attention(q, k, v.width);
      for (std::size_t t = 0; t < s.size(); ++t) {
        double norm = 0;
        for (const double x : v.row(t)) norm += std::abs(x);
        s[t] *= norm;
      }
      if (flow.empty()) flow = s;
      else
        for (std::size_t t = 0; t < s.size(); ++t) flow[t] = config.decay * flow[t] + (1 - config.decay) * s[t];
    }
    return {flow.begin(), flow.end()};
  }
};
static_assert(check_scorer<FlowCutScorer>());

inline void register_flowcut(HostStages& r) {
  r.add_scorer<FlowCutScorer>({"Tong et al. 2025, arXiv 2505.19536",
                               {},
                               "attention of the mean query times the size of the value, over blocks of the tower",
                               "O(blocks N D)"});
  r.add_preset({"flowcut", "none/flowcut/fixed:scale=none/top_k/gather",
                "the tokens that most flows from, over blocks of the tower; cut behind it",
                "Tong et al. 2025, arXiv 2505.19536"});
}

}  // namespace arrcoc
