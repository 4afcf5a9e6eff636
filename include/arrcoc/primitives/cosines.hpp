#pragma once
// Cosines that a selector works on: those of the vision embeddings, or of what is left of them without their mean.
#include <optional>

#include "arrcoc/core/similarity.hpp"

namespace arrcoc {

/// Centred cosines tell tokens of one picture apart, whose embeddings crowd around a common direction. O(N D), and rows
/// as they are asked for. Reads e.similarity, or e.vision where centred; `e` must outlive it. Source: Cen-Prune.
class Cosines {
 public:
  Cosines(const Evidence& e, bool centred) : plain_(centred ? nullptr : &*e.similarity) {
    if (centred) own_.emplace(*e.vision, true);
  }
  const SimilarityRows& operator*() const { return own_ ? *own_ : *plain_; }

 private:
  const SimilarityRows* plain_;
  std::optional<Similarity> own_;
};

}  // namespace arrcoc
