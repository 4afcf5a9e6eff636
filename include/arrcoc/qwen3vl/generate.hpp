#pragma once
// Prefill and decode: the model's input in, token ids out.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "arrcoc/qwen3vl/generate_options.hpp"
#include "arrcoc/qwen3vl/model.hpp"
#include "arrcoc/qwen3vl/sampling.hpp"

namespace arrcoc::qwen3vl {

struct Generated {
  std::vector<TokenId> tokens;  // without the stop token
  std::vector<float> logits;    // [T, V]: row 0 from the last prompt position, then one row for each token fed back
  std::vector<double> probabilities;  // of each token in the softmax over the logits as they are; behind them the stop
                                      // token's, where one came
  bool stopped = false;               // a stop token came (otherwise the length limit or the caller ended it)
  Index sequence_length = 0;          // rows in the prefill
  Index rope_delta = 0;               // next position - cached rows, as Hugging Face counts it
  std::vector<Index> cached;          // rows cached per layer after the prefill
};

/// Share of `token` in the softmax over a row of logits. O(V)
inline double probability_of(TokenId token, std::span<const float> logits) {
  const auto top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - top);
  return std::exp(static_cast<double>(logits[static_cast<std::size_t>(token)]) - top) / sum;
}

/// Decoding after a prefill; `row` holds the logits [V] of its last position. `hook` may ask about tokens fed back.
template <class B>
void decode(B& b, const LanguageModel<B>& model, std::vector<float> row, KvCache<B>& state,
            std::span<const TokenId> prompt_ids, const GenerateOptions& o, Generated& out, Trace* trace,
            LayerHook<B>* hook = nullptr) {
  const StageTimer timer(trace, "decode");
  Rng rng(o.seed);
  std::vector<TokenId> seen(prompt_ids.begin(), prompt_ids.end());
  const Index limit = o.forced.empty() ? o.max_new_tokens : static_cast<Index>(o.forced.size()) + 1;
  for (Index i = 0; i < limit; ++i) {
    if (o.keep_logits) out.logits.insert(out.logits.end(), row.begin(), row.end());
    const auto at = static_cast<std::size_t>(i);
    const TokenId token = at < o.forced.size() ? o.forced[at] : choose_token(row, seen, o.sampling, rng, i);
    if (o.keep_probabilities) out.probabilities.push_back(probability_of(token, row));
    if (o.forced.empty() && std::find(o.stop_ids.begin(), o.stop_ids.end(), token) != o.stop_ids.end()) {
      out.stopped = true;
      break;
    }
    out.tokens.push_back(token);
    seen.push_back(token);
    if (o.on_token && !o.on_token(token)) break;
    if (i + 1 == limit) break;
    row = b.to_host(model.logits(b, model.step(b, token, state, trace, hook)));
  }
}

/// Rows that a cache makes room for beyond the prompt.
inline Index decode_capacity(const GenerateOptions& o) {
  return std::min<Index>(o.forced.empty() ? o.max_new_tokens : static_cast<Index>(o.forced.size()) + 1, 4096);
}

/// `prompt_ids` are the full prompt's ids (the repetition penalty counts them, pads too).
template <class B>
Generated generate(B& b, const LanguageModel<B>& model, Injected<B> input, std::span<const TokenId> prompt_ids,
                   const GenerateOptions& o, Trace* trace = nullptr, LayerHook<B>* hook = nullptr) {
  Generated out;
  out.sequence_length = all_rows(b, input);
  out.rope_delta = input.positions.next - out.sequence_length;
  KvCache<B> state;
  std::vector<float> row;
  {
    const StageTimer timer(trace, "prefill");
    const auto hidden = model.prefill(b, std::move(input), state, decode_capacity(o), trace, hook);
    out.cached = state.lengths;
    row = b.to_host(model.logits(b, b.slice_rows(hidden, b.rows(hidden) - 1, b.rows(hidden))));
  }
  decode(b, model, std::move(row), state, prompt_ids, o, out, trace, hook);
  return out;
}

}  // namespace arrcoc::qwen3vl
