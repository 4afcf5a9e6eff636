#pragma once
#include <span>
#include <string>
#include <string_view>

#include "arrcoc/primitives/mmr.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct IdPrunerConfig {
  double lambda = 0.5;  ///< what relevance counts, the rest is unlikeness; [0, 1]
  std::string validate() const {
    return lambda >= 0 && lambda <= 1 ? "" : "lambda: expected a number in [0, 1], got " + std::to_string(lambda);
  }
  bool operator==(const IdPrunerConfig&) const = default;
};

/// Maximal marginal relevance over cosines of the merged embeddings (primitives/mmr.hpp): exactly K, O(K N D). Value:
/// the gain. Causes: primitives/picks.hpp.
/// Source: Tan et al. 2026, "IDPruner" (arXiv 2602.13315), its selection. Its importance is a trained scorer, which no
/// Qwen3-VL checkpoint has: attention received stands in, min-max scaled as theirs.
struct IdPrunerAllocator {
  static constexpr std::string_view name = "idpruner";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = IdPrunerConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const greedy::Picks picks = greedy::mmr(relevance, *e.similarity, budget.resolve(e.count()).kept, config.lambda);
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), budget);
  }
};
static_assert(check_allocator<IdPrunerAllocator>());

inline void register_idpruner(HostStages& r) {
  r.add_allocator<IdPrunerAllocator>({"Tan et al. 2026, arXiv 2602.13315",
                                      {},
                                      "relevant and unlike what is kept: maximal marginal relevance",
                                      "O(K N D)"});
  r.add_preset({"idpruner", "none/tower_attention/fixed/idpruner/gather",
                "maximal marginal relevance over attention received in the tower",
                "Tan et al. 2026, arXiv 2602.13315"});
}

}  // namespace arrcoc
