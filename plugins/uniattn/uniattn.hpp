#pragma once
#include <span>
#include <string>
#include <string_view>

#include "arrcoc/primitives/mmr.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct UniAttnConfig {
  double lambda = 0.3;  ///< what likeness to a kept token costs, where relevance counts 1; >= 0
  std::string validate() const {
    return lambda >= 0 && lambda < 1e6 ? "" : "lambda: expected a number in [0, 1e6), got " + std::to_string(lambda);
  }
  bool operator==(const UniAttnConfig&) const = default;
};

/// Greedily the token of the greatest relevance - lambda max cosine to a kept one; ties to the lowest index. That is
/// maximal marginal relevance (primitives/mmr.hpp) at 1 / (1 + lambda). Exactly K, O(K N D). Value: the gain there.
/// Causes: primitives/picks.hpp.
/// Source: UniAttn, a patch to a serving engine, 2026 (no paper is known to us): min-max scaled attention of the
/// encoder, cosines of the embeddings.
struct UniAttnAllocator {
  static constexpr std::string_view name = "uniattn";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = UniAttnConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const greedy::Picks picks =
        greedy::mmr(relevance, *e.similarity, budget.resolve(e.count()).kept, 1 / (1 + config.lambda));
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), budget);
  }
};
static_assert(check_allocator<UniAttnAllocator>());

inline void register_uniattn(HostStages& r) {
  r.add_allocator<UniAttnAllocator>(
      {"UniAttn 2026, a serving patch", {}, "relevance less what a token repeats of the kept ones", "O(K N D)"});
  r.add_preset({"uniattn", "none/tower_attention:block=-1/fixed/uniattn/gather",
                "attention received in the tower, less what a token repeats of the kept ones",
                "UniAttn 2026, a serving patch"});
}

}  // namespace arrcoc
