#pragma once
// What of a picture enters the language model in training: tokens dropped, DeepStack levels dropped, so that pruned
// runs are in distribution.
#include "examples.hpp"
#include "recipe.hpp"

namespace arrcoc::train {

/// Of one picture. No tokens = everything; no levels = every level of every token.
struct Kept {
  std::vector<Index> tokens;         // ascending
  std::vector<std::uint8_t> levels;  // a bit mask for each kept token (each token of the grid when `tokens` is empty)
};

/// Tokens that an answer box of the question, or of any of them, touches.
std::vector<bool> tokens_in_boxes(const Example& e, const AskedQuestion& q);
std::vector<bool> tokens_in_boxes(const Example& e);

/// `kind`: none, random, grid, boxes (all that one question needs, then all that others need while there is room,
/// filled at random); round(N / one_in) tokens, at least 1 (boxes: at least those of one question).
std::vector<Index> kept_tokens(std::string_view kind, const Example& e, Index one_in, Rng& rng);

/// `kind`: all, tiers (r > 0.7: every level; r > 0.4: all but the first; else the last alone; r is 1 under answer
/// boxes, else uniform), random (any subset, the empty one too). One mask for each of `tokens` (empty: the grid). "all"
/// gives none.
std::vector<std::uint8_t> kept_levels(std::string_view kind, const Example& e, const std::vector<Index>& tokens,
                                      Index levels, Rng& rng);

/// Whether everything that the question needs is kept (`tokens` as in Kept).
bool answerable(const Example& e, const AskedQuestion& q, const std::vector<Index>& tokens);

/// Only the first `in_use` of `levels` stay in the masks of `kept`; of a picture whose tokens all had every level too.
void limit_levels(Kept& kept, Index tokens, Index levels, Index in_use);

/// Drawn by the picture's seed from the recipe's tables.
Kept drop_of(const Recipe& recipe, const Example& e, Index levels, std::uint64_t seed);

}  // namespace arrcoc::train
