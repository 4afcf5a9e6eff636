#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct PriortrConfig {
  Index layer = 3;  ///< of the language model; the injector's `before` has to be the same, or more
  std::string validate() const { return layer >= 0 ? "" : "layer: expected at least 0, got " + std::to_string(layer); }
  bool operator==(const PriortrConfig&) const = default;
};

/// P log(P / Q): what the question looks at beyond what the picture's end, which cannot see the question, looks at. P
/// the mean of the question's rows, Q the row of <|vision_end|>, of one layer, heads averaged, each over its sum: [N].
/// 0 where P is 0; a Q of 0 counts as 1e-12. O(N).
struct PriortrScorer {
  static constexpr std::string_view name = "priortr";
  static constexpr Needs may_need{Phase::layer, Need::received};
  static constexpr bool row_wise = false;
  using Config = PriortrConfig;
  Config config{};

  std::vector<Request> needs() const { return {asked(Request::Rows::question), asked(Request::Rows::vision_end)}; }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const std::vector<double> p = shares(e.answer(asked(Request::Rows::question))),
                              q = shares(e.answer(asked(Request::Rows::vision_end)));
    std::vector<float> out;
    for (std::size_t i = 0; i < p.size(); ++i)
      out.push_back(p[i] > 0 ? static_cast<float>(p[i] * std::log(p[i] / std::max(q[i], 1e-12))) : 0.f);
    return out;
  }

 private:
  Request asked(Request::Rows rows) const {
    return {.site = Request::Site::layer, .index = config.layer, .rows = rows};
  }
  static std::vector<double> shares(const HostTensor& received) {
    const auto f = received.floats();
    std::vector<double> out(f.begin(), f.end());
    const double sum = std::accumulate(out.begin(), out.end(), 0.0);
    for (double& x : out) x = sum > 0 ? x / sum : 0;
    return out;
  }
};
static_assert(check_scorer<PriortrScorer>());

/// The tokens whose attention the question changes most, before layer 3. Source: PriorTR (github.com/CodeChildCZJ),
/// read in November 2026. Differs: the question's own words, without the template's.
inline void register_priortr(HostStages& r) {
  r.add_scorer<PriortrScorer>(
      {"PriorTR", {}, "what the question looks at beyond what the picture's end looks at", "O(N)"});
  r.add_preset({"priortr", "none/priortr/fixed:scale=none/top_k/layer:before=3",
                "what the question looks at beyond its prior, before layer 3", "PriorTR, code of November 2026"});
}

}  // namespace arrcoc
