#pragma once
// Trains the head of LearnedDepthAllocator through the frozen model's answers: every DeepStack level of every kept
// token has a price.
#include "head_training.hpp"

namespace arrcoc::train {

/// K tokens are kept (the answer boxes', then random ones), K drawn from the recipe's keep_one_in; each (token, level)
/// is gated. loss = answers + price * mean levels of a kept token + coherence * CoherenceLoss(share of the token that
/// the boxes cover, share of its levels).
struct DepthOptions : HeadOptions {
  double price = 0.02;   // nats of an answer's token for one level on every kept token
  double coherence = 0;  // weight of what high relevance at little depth costs
};

/// Error{bad_config} for a model without DeepStack, and what open_model throws.
HeadSummary train_depth(const DepthOptions& options);

}  // namespace arrcoc::train
