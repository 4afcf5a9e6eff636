#pragma once
// Trains the head of LearnedScorer on scenes with known answer boxes, the base model frozen.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "../recipe.hpp"

namespace arrcoc::train {

struct ScorerOptions {
  std::filesystem::path model;             // a Hugging Face folder
  std::filesystem::path out;               // safetensors; OUT.jsonl beside it is the log
  Recipe recipe;                           // scenarios, sizes, lines, questions, batch, seed; steps and learning rate of the head
  std::vector<std::string> held_out;       // scenarios that are evaluated but not trained on
  std::string loss = "bce";                // on the map: bce | soft_iou | ranking; through the frozen model's answers: clean | straight_through |
                                           // gumbel_top_k | perturbed_top_k | reinforce, with K drawn from the recipe's keep_one_in
  std::filesystem::path from;              // a head to start from; empty: seeded
  Index hidden = 16;
  Index log_every = 50, evaluate_pictures = 96;
  std::filesystem::path atlas;
  int threads = 1;
  std::string device = "cpu";
  std::function<bool()> stop;
  std::function<void(Index step, Index steps, const std::string& what)> progress;
};

/// How much of what the boxes touch is among the K = round(ratio N) highest scores, mean over questions; and the same of K random tokens (its
/// expectation) and of the best possible choice.
struct Recall {
  double ratio = 0, scorer = 0, random = 0, oracle = 0;
  double closed() const { return oracle > random ? (scorer - random) / (oracle - random) : 0; }  // of the gap
};
struct ScorerScore {
  std::string scenario;
  Index questions = 0;
  std::vector<Recall> recalls;             // at 1/4 and 1/8
};
struct ScorerSummary {
  Index steps = 0, parameters = 0;
  bool stopped = false;
  std::vector<ScorerScore> scores;         // per scenario, then "every"
};

/// The names that ScorerOptions::loss takes.
const std::vector<std::string>& scorer_losses();

/// Error{bad_config} for an unknown loss or a held-out scenario that is not in the recipe, and what open_model throws.
ScorerSummary train_scorer(const ScorerOptions& options);

}  // namespace arrcoc::train
