#pragma once
// One model in training: forward passes of both stages, the optimiser, and a checkpoint that resumes exactly.
#include <ATen/ATen.h>

#include <filesystem>
#include <string>
#include <vector>

#include "arrcoc/qwen3vl/model.hpp"
#include "../drops.hpp"
#include "pointing.hpp"
#include "training_backend.hpp"

namespace arrcoc::train {

/// warm-up, then cosine down to final_share.
double learning_rate_at(const StageConfig& c, Index step);

struct Batch {
  std::vector<Example> examples;
  std::vector<Kept> kept;                    // one for each example, or none: everything enters the language model
};

struct StepResult {
  double reading_loss = 0, answer_loss = 0, pointing_loss = 0, gradient_norm = 0;
  Index asked = 0, pointed = 0;              // passes (of a step: 0 or 1) that answer_loss and pointing_loss are of; the others had nothing to ask
  Index marks = 0, marks_right = 0;          // dense reading
  Index questions = 0, questions_right = 0;  // every token of the answer predicted (= greedy exact match)
  Index points = 0, points_right = 0;        // rows asked where something stands, and those that say the right token
  void add(const StepResult& r);
};

class Trainer {
 public:
  struct Options {
    std::uint64_t seed = 1;
    int threads = 1;
    std::string device = "cpu";
    bool bf16 = true;                        // matrix products in bfloat16 (autocast), everything else in float32
    double average = 0;                      // decay of the moving average of the weights; 0 = none
    bool pointing = false;                   // with heads for StageConfig::pointing_weight
  };
  Trainer(ModelConfig config, Options options);

  /// One optimiser step over several passes, whose gradients are averaged. Weights stay as they were when the loss or a gradient is not finite:
  /// Error{bad_number}.
  StepResult step(const std::vector<Batch>& passes, const StageConfig& c);
  /// The same figures without gradients, of the moving average where there is one.
  StepResult evaluate(const Batch& batch, bool answers);

  Index steps_done() const { return steps_; }
  Index parameters() const;                  // without the heads that training alone has
  const ModelConfig& config() const { return model_.config(); }
  /// Weights, their average, both moments and the step, float32; temporary name, then rename. Error{bad_output} leaves the file as it was.
  void save(const std::filesystem::path& file) const;
  /// What save wrote, to go on exactly. Error{bad_weight} for another configuration.
  void resume(const std::filesystem::path& file);
  /// Weights alone (their average where the file holds one) for a new run; heads of training alone only where they are there and fit.
  void start_from(const std::filesystem::path& file);

 private:
  struct Weights { double reading = 1, answer = 1, pointing = 0; };
  StepResult forward(const Batch& batch, const Weights& weights, at::Tensor* loss);
  at::Tensor answers(const Batch& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, double pointing_weight, StepResult& r);
  at::Tensor reading(const Batch& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, StepResult& r) const;
  at::Tensor longs(const std::vector<std::int64_t>& v) const;

  Options options_;
  TrainingBackend backend_;
  at::Device device_;                        // which the backend has checked
  std::vector<std::string> names_;
  std::vector<std::vector<Index>> shapes_;
  qwen3vl::Model<TrainingBackend> model_;
  at::Tensor head_weight_, head_bias_;       // the dense reading head, thrown away after training
  std::array<at::Tensor, 2> cell_weight_, cell_bias_;  // of the pointing loss: words, in the last layer but one; answers, in the last
  std::vector<at::Tensor> parameters_, moments_, squares_, counts_, averages_;
  Index steps_ = 0;
};

}  // namespace arrcoc::train
