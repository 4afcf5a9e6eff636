#pragma once
// EngineOn's named intermediates of a prompt and of an answer.
#include "engine_impl.hpp"

namespace arrcoc {

/// Of a clip the frames are pulled once more: the tower takes them a pair at a time.
template <class B>
void EngineOn<B>::dump_prompt(const AnswerRequest& r, const Prompt& prompt) const {
  r.dump("input_ids", longs(prompt.ids));
  r.dump("question", longs(prompt.question));
  const qwen3vl::Positions p = qwen3vl::build_positions(prompt);
  std::vector<std::int64_t> axes;
  for (const auto* axis : {&p.t, &p.h, &p.w}) axes.insert(axes.end(), axis->begin(), axis->end());
  r.dump("position_ids", host_tensor(std::move(axes), {3, p.length()}));
  if (prompt.spans.empty()) return;
  AnswerResult seen;
  Trace unheard;
  const std::vector<Picture> pictures = prepare(r, seen, unheard);
  std::vector<float> rows;
  std::vector<std::int64_t> grids, frames;
  for (const qwen3vl::Pixels& pixels : whole_pixels(pictures, nullptr))
    rows.insert(rows.end(), pixels.rows.begin(), pixels.rows.end());
  for (const Picture& picture : pictures) {
    grids.insert(grids.end(), {picture.grid.rows, picture.grid.cols});
    frames.push_back(picture.tokens().frames);
  }
  const Index width = folder_.config.vision.patch_values(), count = static_cast<Index>(rows.size()) / width,
              sources = static_cast<Index>(frames.size());
  r.dump("pixel_values", host_tensor(std::move(rows), {count, width}));
  r.dump("grids", host_tensor(std::move(grids), {sources, 2}));
  if (!r.clips.empty()) r.dump("frames", host_tensor(std::move(frames), {sources}));
}

template <class B>
void EngineOn<B>::dump_outcome(const AnswerRequest& r, const Prompt& prompt, const Journey<B>& journey,
                               const qwen3vl::Generated& g) const {
  const std::vector<Realized> pictures = journey.pictures();
  std::vector<char> gone(prompt.ids.size());
  std::vector<Index> columns, kept;  // kept: rows of `vision`
  for (const VisionSpan& span : prompt.spans) std::fill_n(gone.begin() + span.begin, span.grid.count(), char{1});
  Index first = 0;
  const VisionSpan* span = prompt.spans.data();  // of the source's frame 0
  const std::vector<TokenSet> sources = sources_of(prompt);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Allocation& a = pictures[i].allocation;
    const Index frame = sources[i].grid.count();
    for (const Index k : places_in(journey.shelf()->encoded_tokens(i), a.kept)) kept.push_back(first + k);
    for (const Index k : a.kept) gone[static_cast<std::size_t>(span[k / frame].begin + k % frame)] = 0;
    first += journey.shelf()->rows(i);
    span += sources[i].frames;
    const auto& relevance = pictures[i].balanced.relevance;
    std::vector<Index> shape{a.grid().rows, a.grid().cols};
    if (a.tokens.frames > 1) shape.insert(shape.begin(), a.tokens.frames);
    if (static_cast<Index>(relevance.size()) == a.tokens.frames * a.grid().count())
      r.dump(pictures.size() == 1 ? "relevance" : "relevance_" + std::to_string(i), host_tensor(relevance, shape));
  }
  for (std::size_t c = 0; c < gone.size(); ++c)
    if (!gone[c]) columns.push_back(static_cast<Index>(c));
  r.dump("kept_columns", longs(columns));
  r.dump("kept", longs(kept));
  if (!r.generate) return;
  r.dump("tokens", longs(g.tokens));
  const Index vocabulary = folder_.config.text.vocab_size;
  r.dump("logits", host_tensor(g.logits, {static_cast<Index>(g.logits.size()) / vocabulary, vocabulary}));
}

}  // namespace arrcoc
