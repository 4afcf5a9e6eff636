#pragma once
// What each temporal patch of a clip takes of a question's costs.
#include <vector>

#include "arrcoc/pipeline/costs.hpp"

namespace arrcoc {

/// Of the language model's prefill. A layer's FLOPs and cached bytes are shared evenly by its rows, text among them, so
/// that the pairs of all clips, the tokens of pictures and the text add up to the layers of Costs.
struct PairCost {
  double token_layers = 0;   // living tokens, mean over the layers, first looks among them
  double prefill_flops = 0;  // first looks are evidence, and not in it
  double kv_bytes = 0;
  Index kept = 0;  // tokens behind all decisions
};

/// [pairs], of the clip with number `source` among pictures and clips; `final`: its allocation behind all decisions.
inline std::vector<PairCost> pair_costs(const Costs& costs, const std::vector<DecisionTrace>& decisions,
                                        const Allocation& final, std::size_t source) {
  const auto pairs = static_cast<std::size_t>(final.tokens.frames), layers = costs.layers.size();
  using Counts = std::vector<double>;  // of each pair
  const auto all_of = [&](const TokenSet& t) {
    Counts out(pairs);
    for (Index i = 0; i < t.count(); ++i) ++out[static_cast<std::size_t>(t.at(i).frame)];
    return out;
  };
  /// Kept tokens that have joined before `layer`.
  const auto kept_of = [&](const Allocation& a, Index layer) {
    Counts out(pairs);
    for (std::size_t i = 0; i < a.kept.size(); ++i)
      if (a.entry.empty() || a.entry[i] <= layer) ++out[static_cast<std::size_t>(a.tokens.at(a.kept[i]).frame)];
    return out;
  };
  const auto last_layer = static_cast<Index>(layers);
  std::vector<PairCost> out(pairs);
  const Allocation* entering = decisions.empty() ? &final : nullptr;  // none: every token
  Counts whole = all_of(decisions.empty() ? final.tokens : decisions.front().pictures[source].allocation.tokens);
  for (const DecisionTrace& d : decisions) {
    if (d.again) {  // a first look at what had entered
      const Counts looked = entering != nullptr ? kept_of(*entering, last_layer) : whole;
      for (std::size_t p = 0; p < pairs; ++p) out[p].token_layers += looked[p] * static_cast<double>(d.layer);
    }
    if (d.again || d.phase != Phase::layer) entering = &d.pictures[source].allocation;
  }
  const Allocation* living = entering;
  const auto answering = behind_looks(decisions);
  for (std::size_t l = 0; l < layers; ++l) {
    for (const DecisionTrace& d : answering)
      if (d.phase == Phase::layer && d.layer == static_cast<Index>(l)) living = &d.pictures[source].allocation;
    const Counts tokens = living != nullptr ? kept_of(*living, static_cast<Index>(l)) : whole;
    const LayerCost& layer = costs.layers[l];
    for (std::size_t p = 0; p < pairs; ++p) {
      const double share = tokens[p] / static_cast<double>(std::max<Index>(layer.rows, 1));
      out[p].token_layers += tokens[p];
      out[p].prefill_flops += layer.flops * share;
      out[p].kv_bytes += layer.kv_bytes * share;
    }
  }
  for (const Index t : final.kept) ++out[static_cast<std::size_t>(final.tokens.at(t).frame)].kept;
  for (PairCost& c : out) c.token_layers /= static_cast<double>(std::max<std::size_t>(layers, 1));
  return out;
}

}  // namespace arrcoc
