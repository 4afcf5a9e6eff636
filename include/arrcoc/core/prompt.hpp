#pragma once
// A rendered question: token ids with the places of the pictures marked.
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// One image (or one temporal patch of a video) inside the ids: `grid.count()` pad ids starting at column `begin`.
struct VisionSpan {
  Index begin = 0;
  Grid grid;        // merged tokens
  Index image = 0;  // which picture, in prompt order
  bool operator==(const VisionSpan&) const = default;
};

struct Prompt {
  std::vector<TokenId> ids;       // [L]
  std::vector<VisionSpan> spans;  // in prompt order, disjoint
  std::vector<Index> question;    // columns that hold the user's own words: no template, no pads, no special tokens
  std::vector<Index> words;       // [question.size()] whose word each of them is: 0, 1, ...; white space parts words
};

}  // namespace arrcoc
