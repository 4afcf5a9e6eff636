#pragma once
// From logits to the next token, in the order of transformers: repetition penalty, forbidden tokens, temperature,
// top-k, top-p, min-p, draw.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/random.hpp"
#include "arrcoc/core/types.hpp"
#include "arrcoc/qwen3vl/generate_options.hpp"

namespace arrcoc::qwen3vl {

/// Every id of `seen` once: score / r if >= 0, else score * r.
inline void penalise_repetition(std::span<float> scores, std::span<const TokenId> seen, float r) {
  if (r == 1.0f) return;
  std::vector<TokenId> ids(seen.begin(), seen.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const TokenId id : ids) {
    float& s = scores[static_cast<std::size_t>(id)];
    s = s < 0 ? s * r : s / r;
  }
}

inline constexpr float dropped_score = -std::numeric_limits<float>::infinity();

/// The last token of every run of `n` in `seen` that begins as `seen` ends.
inline void forbid_repeated_runs(std::span<float> scores, std::span<const TokenId> seen, Index n) {
  const auto length = static_cast<std::size_t>(n);
  if (n <= 0 || seen.size() < length) return;
  const auto ending = seen.last(length - 1);
  for (std::size_t i = 0; i + length <= seen.size(); ++i)
    if (std::equal(ending.begin(), ending.end(), seen.begin() + static_cast<std::ptrdiff_t>(i)))
      scores[static_cast<std::size_t>(seen[i + length - 1])] = dropped_score;
}

/// Drops to -infinity what `bans` forbid; `new_tokens` of `seen` are the answer's. Ids outside the vocabulary are
/// passed over.
inline void forbid_tokens(std::span<float> scores, std::span<const TokenId> seen, const TokenBans& bans,
                          Index new_tokens) {
  const auto drop = [&](TokenId id) {
    if (id >= 0 && static_cast<std::size_t>(id) < scores.size()) scores[static_cast<std::size_t>(id)] = dropped_score;
  };
  forbid_repeated_runs(scores, seen, bans.no_repeat_ngram_size);
  for (const auto& word : bans.bad_words_ids) {
    if (word.empty() || word.size() - 1 > seen.size()) continue;
    const bool stop =
        word.size() == 1 && std::find(bans.stop_ids.begin(), bans.stop_ids.end(), word[0]) != bans.stop_ids.end();
    if (!stop && std::equal(word.begin(), word.end() - 1, seen.end() - static_cast<std::ptrdiff_t>(word.size() - 1)))
      drop(word.back());
  }
  if (new_tokens < bans.min_new_tokens) std::for_each(bans.stop_ids.begin(), bans.stop_ids.end(), drop);
  std::for_each(bans.suppress_tokens.begin(), bans.suppress_tokens.end(), drop);
  if (new_tokens == 0) std::for_each(bans.begin_suppress_tokens.begin(), bans.begin_suppress_tokens.end(), drop);
}

/// Ties go to the smaller id.
inline TokenId greedy(std::span<const float> scores) {
  return static_cast<TokenId>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

/// Drops to -infinity what top-k, top-p and min-p exclude; `scores` are already divided by the temperature.
inline void restrict_scores(std::span<float> scores, const SamplingConfig& c) {
  const auto n = scores.size();
  if (c.top_k > 0 && static_cast<std::size_t>(c.top_k) < n) {
    std::vector<float> sorted(scores.begin(), scores.end());
    std::nth_element(sorted.begin(), sorted.begin() + (c.top_k - 1), sorted.end(), std::greater<>());
    const float kth = sorted[static_cast<std::size_t>(c.top_k - 1)];
    for (float& s : scores)
      if (s < kth) s = dropped_score;
  }
  if (c.top_p < 1.0f) {
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t i, std::size_t j) { return scores[i] < scores[j]; });  // ascending
    const double top = scores[order.back()];
    double total = 0;
    for (const float s : scores) total += std::exp(static_cast<double>(s) - top);
    double cumulative = 0;
    for (std::size_t i = 0; i + 1 < n; ++i) {  // at least one token stays
      cumulative += std::exp(static_cast<double>(scores[order[i]]) - top) / total;
      if (cumulative > 1.0 - static_cast<double>(c.top_p)) break;
      scores[order[i]] = dropped_score;
    }
  }
  if (c.min_p > 0.0f) {
    const double top = *std::max_element(scores.begin(), scores.end());
    for (float& s : scores)
      if (std::exp(static_cast<double>(s) - top) < static_cast<double>(c.min_p)) s = dropped_score;
  }
}

/// All of it but the draw: what transformers' processors make of a row. Dropped tokens are at -infinity.
inline void adjust_scores(std::span<float> scores, std::span<const TokenId> seen, const SamplingConfig& c,
                          Index new_tokens) {
  penalise_repetition(scores, seen, c.repetition_penalty);
  forbid_tokens(scores, seen, c.bans, new_tokens);
  require_that(*std::max_element(scores.begin(), scores.end()) > dropped_score, Code::bad_model_config, "generate",
               "generation_config.json forbids every token");
  if (!c.sample) return;
  for (float& s : scores) s /= c.temperature;
  restrict_scores(scores, c);
}

/// `seen`: prompt and output so far, of which `new_tokens` are output. Consumes one random number when sampling, none
/// when greedy.
inline TokenId choose_token(std::vector<float> scores, std::span<const TokenId> seen, const SamplingConfig& c, Rng& rng,
                            Index new_tokens = 0) {
  for (const float s : scores)
    require_that(std::isfinite(s), Code::bad_number, "generate",
                 "the logits are not finite: the weights or the input hold NaN or infinity");
  adjust_scores(scores, seen, c, new_tokens);
  if (!c.sample) return greedy(scores);
  const double top = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (const float s : scores) total += std::exp(static_cast<double>(s) - top);
  double left = rng.uniform() * total;
  TokenId last = greedy(scores);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double p = std::exp(static_cast<double>(scores[i]) - top);
    if (p <= 0) continue;
    last = static_cast<TokenId>(i);
    if ((left -= p) < 0) break;
  }
  return last;
}

}  // namespace arrcoc::qwen3vl
