#pragma once
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/overlap.hpp"

namespace arrcoc {

struct PreviousAttentionConfig {
  bool operator==(const PreviousAttentionConfig&) const = default;
};

/// Where the answer of an earlier look looked: the attention that its generated tokens paid to a token's place, [N] in
/// [0, 1], the mean over its tokens by the area they share; 0 where it saw nothing. Mean over heads, over the rows of
/// the answer, and over the last third of the layers (pipeline/answer_attention.hpp). O(N N'), and the scores of those
/// rows in the earlier look. Error{missing_evidence} where it did not answer. Source: Zhang et al. 2025 (ViCrop),
/// section 4, for where an answer looks; the layers and the mean over the answer are ours.
struct PreviousAttentionScorer {
  static constexpr std::string_view name = "previous_attention";
  static constexpr Needs may_need{Phase::pixels, Need::previous_attention};
  static constexpr bool row_wise = false;
  using Config = PreviousAttentionConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    const Look& look = *e.previous;
    require_that(!look.attention.empty(), Code::missing_evidence, name,
                 "the attention of an earlier answer: expected an earlier look that answered, got one that did not");
    return carried(look.tokens, look.attention, e.tokens, "attention");
  }
};
static_assert(check_scorer<PreviousAttentionScorer>());

}  // namespace arrcoc
