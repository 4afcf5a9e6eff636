#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct VisPrunerConfig {
  double important_ratio = 0.5;  ///< share of the budget that goes to the most relevant; [0, 1]
  Index at_once = 8;             ///< duplicates removed in a round; >= 1
  std::string validate() const {
    if (!(important_ratio >= 0 && important_ratio <= 1))
      return "important_ratio: expected a number in [0, 1], got " + std::to_string(important_ratio);
    return at_once >= 1 ? "" : "at_once: expected at least 1, got " + std::to_string(at_once);
  }
  bool operator==(const VisPrunerConfig&) const = default;
};

/// The floor(important_ratio K) most relevant tokens; from the rest, in the order of the picture, duplicates go round
/// by round until K - that many are left: of those at even places (first, third ...) the min(at_once, what is too many)
/// whose best cosine with one at an odd place is largest, equal ones from the back. Exactly K. O(N^2 / at_once) cosines
/// of the merged embeddings at most. Value: relevance. Cause: score, and `floor` of the diverse part.
/// Source: Zhang et al. 2025, "Beyond text-visual attention" (VisPruner, arXiv 2412.01818).
struct VisPrunerAllocator {
  static constexpr std::string_view name = "vispruner";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = VisPrunerConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Index k = budget.resolve(e.count()).kept;
    const auto important = static_cast<Index>(std::floor(config.important_ratio * static_cast<double>(k)));
    std::vector<bool> kept(relevance.size());
    for (const Index t : selection::best(relevance, important)) kept[static_cast<std::size_t>(t)] = true;
    std::vector<Index> rest;
    for (Index t = 0; t < e.count(); ++t)
      if (!kept[static_cast<std::size_t>(t)]) rest.push_back(t);
    if (important == k) rest.clear();
    while (static_cast<Index>(rest.size()) > k - important) remove_duplicates(rest, k - important, *e.similarity);
    for (const Index t : rest) kept[static_cast<std::size_t>(t)] = true;
    return selection::finish(e.tokens, greedy::by_rank(kept, relevance), budget);
  }

 private:
  /// One round. At least two are left, so that there is an odd place.
  void remove_duplicates(std::vector<Index>& rest, Index target, const SimilarityRows& similarity) const {
    std::vector<float> row(static_cast<std::size_t>(similarity.count())), likeness;
    for (std::size_t i = 0; i < rest.size(); i += 2) {
      similarity.row(rest[i], row);
      float most = -2;
      for (std::size_t j = 1; j < rest.size(); j += 2) most = std::max(most, row[static_cast<std::size_t>(rest[j])]);
      likeness.push_back(most);
    }
    std::vector<float> unlike;
    for (const float x : likeness) unlike.push_back(-x);
    const auto even = static_cast<Index>(likeness.size());
    const Index go = std::min({config.at_once, static_cast<Index>(rest.size()) - target, even});
    std::vector<bool> stays(likeness.size());
    for (const Index i : selection::best(unlike, even - go)) stays[static_cast<std::size_t>(i)] = true;
    std::vector<Index> left;
    for (std::size_t i = 0; i < rest.size(); ++i)
      if (i % 2 == 1 || stays[i / 2]) left.push_back(rest[i]);
    rest = std::move(left);
  }
};
static_assert(check_allocator<VisPrunerAllocator>());

inline void register_vispruner(HostStages& r) {
  r.add_allocator<VisPrunerAllocator>({"Zhang et al. 2025, arXiv 2412.01818",
                                       {},
                                       "the most relevant tokens, and of the rest those that repeat none",
                                       "O(N^2 D)"});
  r.add_preset({"vispruner", "none/tower_attention/fixed:scale=none/vispruner/gather",
                "the tokens most attended to in the tower, and of the rest those that repeat none",
                "Zhang et al. 2025, arXiv 2412.01818"});
}

}  // namespace arrcoc
