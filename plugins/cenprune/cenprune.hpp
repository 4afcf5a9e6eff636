#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/similarity.hpp"
#include "arrcoc/primitives/farthest_point.hpp"
#include "arrcoc/primitives/greedy_map.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct CenPruneConfig {
  std::string host = "max_min";  ///< max_min: farthest points; dpp: largest determinant
  std::string validate() const {
    return host == "max_min" || host == "dpp" ? "" : "host: expected max_min or dpp, got '" + host + "'";
  }
  bool operator==(const CenPruneConfig&) const = default;
};

/// A selector of diverse tokens on cosines of the embeddings less their mean, weighed by relevance (scaled to [0, 1]
/// over the picture): max_min picks the token of the greatest relevance times distance to the nearest pick (the first:
/// to the nearest other), dpp the largest determinant of diag(r) S diag(r). Where dpp has spanned all features the most
/// relevant of the rest follow. Exactly K, equal ones by the smaller index. O(N^2 D), dpp O(K N D + K^2 N). Value: the
/// gain. Causes: primitives/picks.hpp.
/// Source: Cen-Prune, centred similarity and distinctiveness (found by that name alone). Differs: embeddings behind the
/// merger for features in front of it.
struct CenPruneAllocator {
  static constexpr std::string_view name = "cenprune";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr Spend spend = Spend::exact;
  using Config = CenPruneConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Index k = budget.resolve(e.count()).kept;
    const std::vector<float> weights = greedy::weights_of(relevance, name);
    const Similarity centred(*e.vision, true);
    greedy::Picks picks;
    if (config.host == "dpp") {
      picks = greedy::map_of(centred, weights, k);
      greedy::fill(picks, relevance, k);
    } else {
      picks = greedy::most_alone(centred, weights);
      picks.gains[0] = 2 * weights[static_cast<std::size_t>(picks.order[0])];  // from no pick every distance is 2
      greedy::farthest(centred, picks, k, weights);
    }
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), budget);
  }
};
static_assert(check_allocator<CenPruneAllocator>());

inline void register_cenprune(HostStages& r) {
  r.add_allocator<CenPruneAllocator>(
      {"Cen-Prune", {}, "diverse tokens on centred cosines, weighed by relevance", "O(N^2 D)"});
  r.add_preset({"cenprune", "none/novelty/fixed/cenprune/gather",
                "diverse tokens on centred cosines, weighed by how unlike all others they are", "Cen-Prune"});
}

}  // namespace arrcoc
