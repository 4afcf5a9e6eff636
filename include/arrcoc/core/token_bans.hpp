#pragma once
// Which tokens may not come next, as generation_config.json says it.
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Named and meant as in transformers (generation/logits_process.py). Prompt and output count alike, pads too.
struct TokenBans {
  Index no_repeat_ngram_size = 0;  // 0: off; no run of so many tokens comes twice
  /// Sequences that are never completed; a stop token alone is let be.
  std::vector<std::vector<TokenId>> bad_words_ids{};
  std::vector<TokenId> suppress_tokens{};        // never
  std::vector<TokenId> begin_suppress_tokens{};  // not as the first of the answer
  Index min_new_tokens = 0;                      // before so many, no stop token
  std::vector<TokenId> stop_ids{};               // the model's own, also where the run ignores them
  bool operator==(const TokenBans&) const = default;
};

}  // namespace arrcoc
