#pragma once
// The library's own evidence over what crosses the edge of a plug-in (engine/plugin_abi.hpp).
#include <memory>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/engine/plugin_abi.hpp"

namespace arrcoc::plugin {

struct SimilarityOf final : SimilarityRows {
  const arrcoc_evidence* e;
  explicit SimilarityOf(const arrcoc_evidence* from) : e(from) {}
  Index count() const override { return e->tokens; }
  void row(Index token, std::span<float> out) const override { e->similarity_row(e->similarity, token, out.data()); }
};

inline std::vector<Place> places_of(const arrcoc_place* p, Index n) {
  std::vector<Place> out;
  for (Index i = 0; p != nullptr && i < n; ++i) out.push_back({p[i].row, p[i].col, p[i].rows, p[i].cols, p[i].frame});
  return out;
}
inline HostTensor seen(const float* values, std::vector<Index> shape) {
  HostTensor t;
  t.shape = std::move(shape);
  t.data = reinterpret_cast<const std::byte*>(values);
  return t;
}

/// The library's own Evidence over what crossed the edge; nothing of it may outlive the call.
inline Evidence evidence_of(const arrcoc_evidence& from, const std::vector<Request>& requests) {
  Evidence e;
  const Index n = from.tokens, d = from.features;
  e.tokens = TokenSet({from.rows, from.cols}, places_of(from.places, n), from.frames);
  if (from.rgb != nullptr) e.rgb = ImageView{from.height, from.width, from.rgb};
  if (from.textures != nullptr) {
    Textures t{{}, {from.textures, from.textures + n * from.channels}};
    for (Index c = 0; c < from.channels; ++c) t.channels.emplace_back(from.channel_names[c]);
    e.textures = std::move(t);
  }
  if (from.vision != nullptr) e.vision = seen(from.vision, {n, d});
  if (from.deepstack != nullptr) {
    std::vector<HostTensor> levels;
    for (Index l = 0; l < from.levels; ++l) levels.push_back(seen(from.deepstack[l], {n, d}));
    e.deepstack = std::move(levels);
  }
  if (from.query != nullptr) e.query = seen(from.query, {d});
  if (from.question != nullptr) e.question = seen(from.question, {from.words, d});
  if (from.asked != nullptr) e.asked = std::string(from.asked);
  if (from.boxes != nullptr) {
    std::vector<Box> boxes;
    for (Index i = 0; i < from.box_count; ++i)
      boxes.push_back({from.boxes[4 * i], from.boxes[4 * i + 1], from.boxes[4 * i + 2], from.boxes[4 * i + 3]});
    e.boxes = std::move(boxes);
  }
  if (from.similarity_row != nullptr)
    e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const SimilarityOf>(&from));
  if (from.previous_tokens > 0)
    e.previous =
        Look{TokenSet({from.rows, from.cols}, places_of(from.previous_places, from.previous_tokens), from.frames),
             {from.previous_relevance, from.previous_relevance + from.previous_tokens},
             {}};
  for (std::size_t i = 0; i < requests.size() && i < from.answer_count; ++i)
    e.answers.push_back({requests[i], seen(from.answers[i].values,
                                           {from.answers[i].shape, from.answers[i].shape + from.answers[i].rank})});
  return e;
}

}  // namespace arrcoc::plugin
