#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/greedy_map.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct CdprunerConfig {
  double weight = 1;  ///< w of the kernel (1 - w) S + w diag(r) S diag(r); 1: the paper's, 0.5: a serving port's blend
  double theta = 0;   ///< 0: r is relevance itself; above: exp(theta / (2 (1 - theta)) relevance); [0, 0.99]
  std::string validate() const {
    if (!(weight >= 0 && weight <= 1)) return "weight: expected a number in [0, 1], got " + std::to_string(weight);
    return theta >= 0 && theta <= 0.99 ? "" : "theta: expected a number in [0, 0.99], got " + std::to_string(theta);
  }
  bool operator==(const CdprunerConfig&) const = default;
};

/// Relevant and unlike each other: greedily the K tokens whose conditional kernel has the largest determinant; S
/// cosines of the merged embeddings, r relevance min-max scaled over the picture. With a weight below 1 a token of no
/// relevance can still be taken for what it adds. Where the picks span all features, the most relevant of the rest
/// follow. Exactly K, equal ones by the smaller index. O(K N D + K^2 N), 4 K N bytes. Value: the conditional variance.
struct CdprunerAllocator {
  static constexpr std::string_view name = "cdpruner";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = CdprunerConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const std::vector<float> r = greedy::qualities(relevance, config.theta, name);
    greedy::Picks picks = greedy::map_of(*e.similarity, r, k, 1e-6, config.weight);
    greedy::fill(picks, relevance, k);
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), clamped);
  }
};
static_assert(check_allocator<CdprunerAllocator>());

/// The question's words by their mean cosine, then the conditional determinant. Source: Zhang et al. 2025, "Beyond
/// attention or similarity: maximizing conditional diversity for token pruning in MLLMs" (arXiv 2506.10967), sections
/// 3.2 and 3.3. Differs: embeddings of the language model stand for the towers of CLIP, so that nothing is negated; of
/// the prompt the user's words alone; scaled over one picture, never over the batch.
inline void register_cdpruner(HostStages& r) {
  r.add_allocator<CdprunerAllocator>({"Zhang et al. 2025, arXiv 2506.10967",
                                      {},
                                      "relevant and unlike each other: largest determinant of a conditional kernel",
                                      "O(K N D + K^2 N)"});
  r.add_preset({"cdpruner", "none/patch_max:over=mean/fixed:scale=none/cdpruner/gather",
                "like the question's words and unlike each other, by a determinant",
                "Zhang et al. 2025, arXiv 2506.10967"});
}

}  // namespace arrcoc
