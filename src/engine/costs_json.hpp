#pragma once
// Costs as results and sweep rows write them, and as rows are read.
#include "arrcoc/pipeline/costs.hpp"
#include "files/json_parse.hpp"

namespace arrcoc {

/// f(name, field) for every cost that is a number, in the order in which they are written.
template <class C, class F>
void each_cost(C& c, F&& f) {
  f("visual_tokens_before", c.visual_tokens_before);
  f("visual_tokens_after", c.visual_tokens_after);
  f("sequence_length_before", c.sequence_length_before);
  f("sequence_length", c.sequence_length);
  f("deepstack_additions", c.deepstack_additions);
  f("vision_flops", c.vision_flops);
  f("merger_flops", c.merger_flops);
  f("prefill_flops", c.prefill_flops);
  f("decode_flops_per_token", c.decode_flops_per_token);
  f("kv_bytes", c.kv_bytes);
  f("legacy_effective_tokens", c.legacy_effective_tokens);
  f("evidence_flops", c.evidence_flops);
  f("token_layers", c.token_layers);
  f("decode_visual_tokens", c.decode_visual_tokens);
  f("visual_tokens_encoded", c.visual_tokens_encoded);
}

inline io::Ordered costs_json(const Costs& c) {
  io::Ordered out;
  each_cost(c, [&](const char* name, const auto& value) { out[name] = value; });
  return out;
}

}  // namespace arrcoc
