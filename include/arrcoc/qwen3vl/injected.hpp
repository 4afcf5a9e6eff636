#pragma once
// What enters the language model: one row per surviving column, its position, and the DeepStack rows to add.
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/prompt.hpp"
#include "arrcoc/qwen3vl/layer_hook.hpp"
#include "arrcoc/qwen3vl/positions.hpp"

namespace arrcoc::qwen3vl {

/// Added to rows `rows` after language-model layer `l` (the place of this entry in Injected::levels).
template <class B>
struct DeepStackRows {
  std::vector<Index> rows;      // ascending, into Injected::embeddings
  typename B::Tensor features;  // [rows.size(), H]
};

/// Rows that requests name by a word (core/request.hpp).
struct PromptWords {
  std::vector<Index> question;    // columns of the question's words
  std::vector<Index> vision_end;  // [sources] the column behind each picture's own, or behind a clip's last
};

inline PromptWords words_of(const Prompt& prompt) {
  PromptWords w{prompt.question, {}};
  for (const VisionSpan& s : prompt.spans) {
    w.vision_end.resize(static_cast<std::size_t>(s.image) + 1);
    w.vision_end.back() = s.end();
  }
  return w;
}

/// Tokens that join the sequence before a later layer, at their columns' place; they bring no bias as keys.
template <class B>
struct WaitingRows {
  Index layer = 0;                       // they join before it
  typename B::Tensor embeddings;         // [E, H] what enters: embedding plus the levels below `layer`
  Positions positions;                   // [E] columns of the full table
  std::vector<SequenceRow> rows;         // [E] ascending columns
  std::vector<DeepStackRows<B>> levels;  // into these rows; level l goes to the output of layer l >= `layer`
};

template <class B>
struct Injected {
  typename B::Tensor embeddings;         // [L, H]
  Positions positions;                   // [L] columns of the full table
  std::vector<DeepStackRows<B>> levels;  // level l goes to the output of layer l
  std::vector<SequenceRow> rows;         // [L] what each row is
  // Several questions about one picture in one pass: rows [0, shared_prefix) are seen by all, each segment sees them
  // and itself.
  std::vector<Segment> segments;
  Index shared_prefix = 0;
  PromptWords words;
  std::vector<float> key_bias;          // [L] added to the scores of a row as a key, in every layer; empty: none
  std::vector<WaitingRows<B>> waiting;  // ascending layers
};

/// Rows of the last layer: those that enter at once and those that wait.
template <class B>
Index all_rows(B& b, const Injected<B>& in) {
  Index n = b.rows(in.embeddings);
  for (const WaitingRows<B>& w : in.waiting) n += static_cast<Index>(w.rows.size());
  return n;
}

/// What every row of the full prompt is: text, and the raster tokens of each picture or clip at their columns.
inline std::vector<SequenceRow> prompt_rows(const Prompt& prompt) {
  std::vector<SequenceRow> out(prompt.ids.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i].column = static_cast<Index>(i);
  for (const VisionSpan& s : prompt.spans)
    for (Index t = 0; t < s.grid.count(); ++t)
      out[static_cast<std::size_t>(s.begin + t)] = {s.begin + t, s.image, s.frame * s.grid.count() + t};
  return out;
}

}  // namespace arrcoc::qwen3vl
