#pragma once
// One model in training: forward passes of both stages, the optimiser, and a checkpoint that resumes exactly.
#include <ATen/ATen.h>

#include <filesystem>
#include <string>
#include <vector>

#include "arrcoc/qwen3vl/model.hpp"
#include "examples.hpp"
#include "training_backend.hpp"

namespace arrcoc::train {

struct OptimizerConfig {
  double learning_rate = 1.5e-3;   // at the top of the schedule
  double weight_decay = 0.01;      // on matrices only
  double beta1 = 0.9, beta2 = 0.98;
  double clip = 1.0;               // global gradient norm
  Index warm_up = 200;             // steps
  Index total = 0;                 // steps of the cosine; 0 = constant after the warm-up
  double final_share = 0.05;       // of the learning rate at the end of the cosine
};

/// warm-up, then cosine down to final_share.
double learning_rate_at(const OptimizerConfig& o, Index step);

/// What of each picture enters the language model: token indices, ascending. Empty = everything.
using KeptTokens = std::vector<std::vector<Index>>;

struct StepResult {
  double reading_loss = 0, answer_loss = 0, gradient_norm = 0;
  Index marks = 0, marks_right = 0;          // dense reading
  Index questions = 0, questions_right = 0;  // every token of the answer predicted (= greedy exact match)
};

class Trainer {
 public:
  /// bf16: matrix products in bfloat16 (autocast), everything else in float32.
  Trainer(ModelConfig config, std::uint64_t seed, int threads, bool bf16);

  /// One optimiser step over a batch. answer_weight 0 leaves the language model out.
  StepResult step(const std::vector<Example>& batch, const OptimizerConfig& o, double reading_weight, double answer_weight, const KeptTokens& kept = {});
  /// The same figures without gradients.
  StepResult evaluate(const std::vector<Example>& batch, bool answers, const KeptTokens& kept = {});

  Index steps_done() const { return steps_; }
  Index parameters() const;
  /// Weights, both moments and the step, float32; temporary name, then rename.
  void save(const std::filesystem::path& file) const;
  /// Weights only, for a warm restart: moments restart at zero.
  void save_weights(const std::filesystem::path& file) const;
  /// Either kind. Error{bad_weight} for another configuration.
  void load(const std::filesystem::path& file);

 private:
  StepResult forward(const std::vector<Example>& batch, double reading_weight, double answer_weight, const KeptTokens& kept, at::Tensor* loss);
  at::Tensor answers(const std::vector<Example>& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, const KeptTokens& kept, StepResult& r);

  bool bf16_;
  TrainingBackend backend_;
  std::vector<std::string> names_;
  std::vector<std::vector<Index>> shapes_;
  qwen3vl::Model<TrainingBackend> model_;
  at::Tensor head_weight_, head_bias_;   // the dense reading head, thrown away after training
  std::vector<at::Tensor> parameters_, moments_, squares_, counts_;
  Index steps_ = 0;
};

}  // namespace arrcoc::train
