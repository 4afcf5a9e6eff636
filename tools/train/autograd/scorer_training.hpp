#pragma once
// Trains the head of LearnedScorer on scenes with known answer boxes, the base model frozen or its last layers lightly
// unfrozen.
#include "head_training.hpp"

namespace arrcoc::train {

/// loss: on the map bce | soft_iou | ranking; through the model's answers clean | straight_through | gumbel_top_k |
/// perturbed_top_k | reinforce, with K drawn from the recipe's keep_one_in.
struct ScorerOptions : HeadOptions {
  Index unfreeze = 0;  // last layers of the language model that are trained too; needs a loss through the answers
  double unfreeze_share = 0.1;         // of the head's learning rate
  std::filesystem::path unfrozen_out;  // safetensors: every weight of the model, float32, for `train export`
};

/// The names that HeadOptions::loss takes.
const std::vector<std::string>& scorer_losses();

/// Error{bad_config} for an unknown loss or a held-out scenario that is not in the recipe, and what open_model throws.
HeadSummary train_scorer(const ScorerOptions& options);

}  // namespace arrcoc::train
