#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/mean_query.hpp"
#include "arrcoc/primitives/selection.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct FlowCutScheduleConfig {
  Index last = -1;  ///< the block whose attention says how many go; negative: from the end
  Index left = 2;   ///< blocks behind it, R; 0: all that are too many go
  std::string validate() const {
    return left >= 0 && left <= 4096 ? "" : "left: expected 0..4096, got " + std::to_string(left);
  }
  bool operator==(const FlowCutScheduleConfig&) const = default;
};

/// How many leave behind a block, by the entropy of its attention: of n living tokens, T of which stay in the end,
/// round((n - T) / sqrt(R) (1 - h^2)), h the entropy of what the mean query attends to over log n; never below T. The
/// most relevant stay. T is what the last decision keeps (of the last one: its budget); the budget is a cap.
/// O(N D + N log N). Value: relevance. Source: Tong et al. 2025, "FlowCut" (arXiv 2505.19536), the schedule of its port
/// to Qwen. Differs: whole tokens, where the port drops single patches in front of a merger of four.
struct FlowCutScheduleAllocator {
  static constexpr std::string_view name = "flowcut_schedule";
  static constexpr Needs may_need{Phase::tower, Need::q | Need::k | Need::v};
  static constexpr Spend spend = Spend::own_count;
  using Config = FlowCutScheduleConfig;
  Config config{};

  std::vector<Request> needs() const {
    return {{.index = config.last, .what = Request::What::q, .heads = Request::Over::each},
            {.index = config.last, .what = Request::What::k, .heads = Request::Over::each},
            {.index = config.last, .what = Request::What::v}};
  }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [cap, clamped] = budget.resolve(e.count());
    return selection::finish(e.tokens, selection::best(relevance, std::min(cap, staying(e, budget, cap))), Cause::score,
                             clamped, [&](Index t) { return relevance[static_cast<std::size_t>(t)]; });
  }

 private:
  Index staying(const Evidence& e, const Budget& budget, Index cap) const {
    const Index n = e.count(), target = budget.last > 0 ? std::min(budget.last, cap) : cap;
    if (config.left == 0 || n == target || n == 1) return target;
    const std::vector<Request> asked = needs();
    const FeatureRows q(e.answer(asked[0]), n, name), k(e.answer(asked[1]), n, name), v(e.answer(asked[2]), n, name);
    double entropy = 0;
    for (const double a : mean_query_attention(q, k, v.width)) entropy -= a * std::log(a + 1e-7);
    const double h = entropy / std::log(static_cast<double>(n));
    const double go = static_cast<double>(n - target) / std::sqrt(static_cast<double>(config.left)) * (1 - h * h);
    return std::clamp(n - static_cast<Index>(std::nearbyint(go)), target, n);
  }
};
static_assert(check_allocator<FlowCutScheduleAllocator>());

/// Two decisions of a tower of four blocks: before block 2, and behind the last. A deeper tower has one before every
/// second block, `left` counting down (docs/methods.md). Nothing else of its own: scorer `flowcut`.
inline void register_flowcut_schedule(HostStages& r) {
  r.add_allocator<FlowCutScheduleAllocator>({"Tong et al. 2025, arXiv 2505.19536",
                                             {},
                                             "more go where the attention of a block of the tower is concentrated",
                                             "O(N D + N log N)"});
  r.add_preset({"flowcut_schedule",
                "none/flowcut:blocks=1:last=1/fixed:scale=none/flowcut_schedule:last=1/tower:before=2%"
                "flowcut/fixed:scale=none/top_k/gather",
                "tokens leave between blocks of the tower, more where its attention is concentrated",
                "Tong et al. 2025, arXiv 2505.19536"});
}

}  // namespace arrcoc
