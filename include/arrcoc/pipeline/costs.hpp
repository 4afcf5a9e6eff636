#pragma once
// What an answer costs, counted from shapes (qwen3vl/flops.hpp). Nothing here is measured.
#include <vector>

#include "arrcoc/qwen3vl/flops.hpp"

namespace arrcoc {

/// One layer of the language model in the prefill.
struct LayerCost {
  Index rows = 0, visual = 0;  // living rows, and visual ones among them
  double flops = 0, kv_bytes = 0;
};

struct Costs {
  Index visual_tokens_before = 0, visual_tokens_after = 0;
  Index sequence_length_before = 0, sequence_length = 0;
  Index deepstack_additions = 0;      // rows added over all levels
  double vision_flops = 0;            // blocks, attention included
  double merger_flops = 0;            // main and DeepStack mergers
  double evidence_flops = 0;          // what decisions asked of the model beyond the stock path
  double prefill_flops = 0;           // the head, applied to one row, included
  double decode_flops_per_token = 0;  // at the end of the prompt
  double kv_bytes = 0;                // as cached: prompt rows of all layers, 4 bytes a value
  double token_layers = 0;            // living visual tokens, mean over the layers
  std::vector<LayerCost> layers;      // of the language model
  Index legacy_effective_tokens = 0;  // tokens x levels, as older notes count; not a cost
};

}  // namespace arrcoc
