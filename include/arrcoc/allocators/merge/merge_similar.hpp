#pragma once
#include <span>
#include <string>
#include <string_view>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/nearest.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct MergeSimilarConfig {
  float own = 0;  ///< share of the kept token in its row, in [0, 1); 0: as large as each member's
  std::string validate() const {
    return own >= 0.f && own < 1.f ? std::string() : "own: expected a number in [0, 1), got " + std::to_string(own);
  }
  bool operator==(const MergeSimilarConfig&) const = default;
};

/// The K most relevant tokens; each of the others joins the kept one of the largest cosine (ties to the smaller index).
/// [N] -> K rows that stand for N tokens. O(N K + N log K), and the similarity of K rows. A row's weights: equal, or
/// `own` for the kept token and the rest shared equally. The kept token comes first, its members ascending. Needs an
/// injector that honours merge.
/// Source: one-sided matching by cosine as in ToMe (Bolya et al. 2023, section 3), around tokens kept by score as in
/// PruMerge (Shang et al. 2024, section 3.3); the average of VisionZip's contextual tokens (Yang et al. 2024, section
/// 3.2).
struct MergeSimilarAllocator {
  static constexpr std::string_view name = "merge_similar";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = MergeSimilarConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    Allocation a = selection::most_relevant(relevance, e.tokens, budget, name);
    merge_rest(a, *e.similarity);
    for (auto& parts : a.merge) {
      if (parts.size() == 1 || !(config.own > 0)) continue;
      for (MergePart& p : parts) p.weight = (1.0f - config.own) / (static_cast<float>(parts.size()) - 1.0f);
      parts.front().weight = config.own;
    }
    return a;
  }
};
static_assert(check_allocator<MergeSimilarAllocator>());

}  // namespace arrcoc
