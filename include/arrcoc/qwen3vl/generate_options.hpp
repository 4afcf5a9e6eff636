#pragma once
// How an answer is decoded.
#include <functional>
#include <vector>

#include "arrcoc/core/token_bans.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::qwen3vl {

struct SamplingConfig {
  bool sample = false;              // false: greedy, and of the rest only the repetition penalty and `bans` count
  float temperature = 1.0f;         // > 0
  Index top_k = 0;                  // 0 = off; ties with the k-th score stay
  float top_p = 1.0f;               // in (0, 1]; the smallest set whose probability reaches it
  float repetition_penalty = 1.0f;  // > 0; 1 = off
  float min_p = 0.0f;               // in [0, 1]; tokens below this share of the best one's probability are dropped
  TokenBans bans{};
  bool operator==(const SamplingConfig&) const = default;
};

struct GenerateOptions {
  Index max_new_tokens = 128;
  SamplingConfig sampling;
  std::vector<TokenId> stop_ids;
  std::uint64_t seed = 0;
  std::vector<TokenId> forced;            // fed back instead of the chosen tokens (teacher forcing); sets the length
  bool keep_logits = false;               // Generated::logits is filled
  bool keep_probabilities = false;        // Generated::probabilities is filled
  std::function<bool(TokenId)> on_token;  // called as tokens come; false ends the generation
};

}  // namespace arrcoc::qwen3vl
