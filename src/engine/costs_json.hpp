#pragma once
// Costs and seeds as results and sweep rows write them.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "arrcoc/pipeline/costs.hpp"

namespace arrcoc {

/// A number, or its digits as text above 2^53, which readers of doubles would round.
inline nlohmann::ordered_json exact_json(std::uint64_t n) {
  return n <= std::uint64_t{1} << 53 ? nlohmann::ordered_json(n) : nlohmann::ordered_json(std::to_string(n));
}

inline nlohmann::ordered_json costs_json(const Costs& c) {
  return {{"visual_tokens_before", c.visual_tokens_before},
          {"visual_tokens_after", c.visual_tokens_after},
          {"sequence_length_before", c.sequence_length_before},
          {"sequence_length", c.sequence_length},
          {"deepstack_additions", c.deepstack_additions},
          {"vision_flops", c.vision_flops},
          {"merger_flops", c.merger_flops},
          {"prefill_flops", c.prefill_flops},
          {"decode_flops_per_token", c.decode_flops_per_token},
          {"kv_bytes", c.kv_bytes},
          {"legacy_effective_tokens", c.legacy_effective_tokens},
          {"evidence_flops", c.evidence_flops},
          {"token_layers", c.token_layers},
          {"decode_visual_tokens", c.decode_visual_tokens},
          {"visual_tokens_encoded", c.visual_tokens_encoded}};
}

}  // namespace arrcoc
