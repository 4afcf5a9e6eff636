#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/cosines.hpp"
#include "arrcoc/primitives/facility_location.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct ScopeConfig {
  double alpha = 1;      ///< a token's gain counts times its relevance to this power; [0, 16]
  bool centred = false;  ///< on cosines of the embeddings less their mean
  std::string validate() const {
    return alpha >= 0 && alpha <= 16 ? "" : "alpha: expected a number in [0, 16], got " + std::to_string(alpha);
  }
  bool operator==(const ScopeConfig&) const = default;
};

/// Coverage times salience: greedily the token of the greatest relevance^alpha sum_i max(0, cos(i, j) - c_i), c_i the
/// greatest cosine of i with a pick, at least 0. Where nothing is left to gain, the most relevant of the rest follow.
/// Exactly K, equal ones by the smaller index; relevance below 0 counts as 0. O(N^2 D) for the first gains, then O(N)
/// for each one looked at again. Value: the gain. Causes: primitives/picks.hpp.
/// Source: Deng et al. 2025, "SCOPE: saliency-coverage oriented token pruning" (arXiv 2510.24214).
struct ScopeAllocator {
  static constexpr std::string_view name = "scope";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = ScopeConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Cosines cosines(e, config.centred);
    const Index k = budget.resolve(e.count()).kept;
    const std::vector<float> worth = greedy::powers_of(relevance, config.alpha);
    const std::vector<float> alike(relevance.size(), 1.f);
    greedy::Picks picks = greedy::facilities(*cosines, alike, k, worth, greedy::Likeness::positive);
    greedy::fill(picks, relevance, k);
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), budget);
  }
};
static_assert(check_allocator<ScopeAllocator>());

inline void register_scope(HostStages& r) {
  r.add_allocator<ScopeAllocator>({"Deng et al. 2025, arXiv 2510.24214",
                                   {},
                                   "what covers most that is not covered yet, times its relevance",
                                   "O(N^2 D + K N^2)"});
  r.add_preset({"scope", "none/tower_attention:block=-1/fixed:scale=none/scope/gather",
                "what covers most that is not covered yet, times the attention it receives",
                "Deng et al. 2025, arXiv 2510.24214"});
}

}  // namespace arrcoc
