#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/cosines.hpp"
#include "arrcoc/primitives/greedy_map.hpp"

namespace arrcoc {

struct DppGreedyConfig {
  double theta = 0;      ///< 0: quality is relevance itself; above: exp(theta / (2 (1 - theta)) relevance); [0, 0.99]
  bool centred = false;  ///< on cosines of the embeddings less their mean
  std::string validate() const {
    return theta >= 0 && theta <= 0.99 ? "" : "theta: expected a number in [0, 0.99], got " + std::to_string(theta);
  }
  bool operator==(const DppGreedyConfig&) const = default;
};

/// Relevant and unlike each other: greedily the K tokens whose kernel diag(r) S diag(r) has the largest determinant; S
/// cosines of the vision embeddings, r relevance min-max scaled over the picture. Where the picks span all features, or
/// the rest has r = 0, the most relevant of the rest follow. Exactly K. O(K N D + K^2 N), 4 K N bytes. Value: the
/// conditional variance of the pick. Causes: primitives/picks.hpp. Source: CDPruner (arXiv 2506.10967).
/// Differs: equal ones by the smaller index; scaled over one picture, never over the batch; relevance is whatever the
/// balancer made, theirs is the mean cosine with the question's tokens. Error{bad_number} unless relevance is finite.
struct DppGreedyAllocator {
  static constexpr std::string_view name = "dpp_greedy";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = DppGreedyConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Cosines cosines(e, config.centred);
    const auto [k, clamped] = budget.resolve(e.count());
    const std::vector<float> quality = greedy::qualities(relevance, config.theta, name);
    greedy::Picks picks = greedy::map_of(*cosines, quality, k);
    greedy::fill(picks, relevance, k);
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), clamped);
  }
};
static_assert(check_allocator<DppGreedyAllocator>());

}  // namespace arrcoc
