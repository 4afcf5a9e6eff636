#pragma once
// Relevance realised from whatever evidence is there: the decisions of a pipeline over one picture, without a model.
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/looks.hpp"

namespace arrcoc {

/// The decisions of a pipeline from features alone, those before the tower and after it. Features of a picture may be
/// empty where no stage looks at them.
template <class B>
Realized realize(B& b, const AnyPipeline<B>& pipeline, const Picture& picture, qwen3vl::VisionOut<B> features,
                 const std::type_identity_t<Query<B>>* query, const RunOptions& options, Trace* trace = nullptr) {
  const std::vector<Picture> pictures{picture};
  Shelf<B> shelf({picture.tokens()}, std::move(features));
  Looks<B> looks(b, &pipeline, pictures, options, trace, std::make_shared<TextureShelf>());
  if (query != nullptr) looks.give_query(*query);
  for (const Phase p : {Phase::pixels, Phase::vision}) looks.decide(p, &shelf);
  return std::move(looks.realized().front());
}

}  // namespace arrcoc
