#pragma once
// One copy of the model in training: its weights as leaves, the heads that training alone has, and the forward pass of
// a batch.
#include <ATen/ATen.h>

#include <array>
#include <string>
#include <vector>

#include "../drops.hpp"
#include "arrcoc/qwen3vl/model.hpp"
#include "pointing.hpp"
#include "training_backend.hpp"

namespace arrcoc::train {

struct Batch {
  std::vector<Example> examples;
  std::vector<Kept> kept;  // one for each example, or none: everything enters the language model
};

struct StepResult {
  double reading_loss = 0, answer_loss = 0, pointing_loss = 0, gradient_norm = 0;
  Index asked = 0,
        pointed =
            0;  // passes (of a step: 0 or 1) that answer_loss and pointing_loss are of; the others had nothing to ask
  Index marks = 0, marks_right = 0;          // dense reading
  Index questions = 0, questions_right = 0;  // every token of the answer predicted (= greedy exact match)
  Index points = 0, points_right = 0;        // rows asked where something stands, and those that say the right token
  void add(const StepResult& r);
};

struct TrainerOptions {
  std::uint64_t seed = 1;
  int threads = 1;  // of libtorch, for each worker
  std::string device = "cpu";
  bool bf16 = true;       // matrix products in bfloat16 (autocast), everything else in float32
  double average = 0;     // decay of the moving average of the weights; 0 = none
  bool pointing = false;  // with heads for StageConfig::pointing_weight
  Index workers = 1;      // passes of a step that run side by side
};

class Replica {
 public:
  struct Leaf {
    std::string name;
    std::vector<Index> shape;  // of the file; the value may lie transposed
    at::Tensor value;
  };
  struct Weights {
    double reading = 1, answer = 1, pointing = 0;
  };

  Replica(const ModelConfig& config, const TrainerOptions& options);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  /// From now on the weights are those of another replica of the same configuration, in its memory; gradients stay
  /// apart.
  void share(const Replica& with);
  const std::vector<Leaf>& leaves() const { return leaves_; }
  const ModelConfig& config() const { return model_.config(); }
  /// Figures of a batch, and its loss, the graph behind it. Error{shape_mismatch} without examples or with drops for
  /// some of them.
  StepResult forward(const Batch& batch, const Weights& weights, at::Tensor* loss);

 private:
  at::Tensor answers(const Batch& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, double pointing_weight,
                     StepResult& r);
  at::Tensor reading(const Batch& batch, const qwen3vl::VisionOut<TrainingBackend>& seen, StepResult& r) const;
  at::Tensor longs(const std::vector<std::int64_t>& v) const;

  bool bf16_, pointing_;
  TrainingBackend backend_;
  at::Device device_;  // which the backend has checked
  std::vector<Leaf> leaves_;
  qwen3vl::Model<TrainingBackend> model_;
  at::Tensor head_weight_, head_bias_;  // the dense reading head, thrown away after training
  std::array<at::Tensor, 2> cell_weight_,
      cell_bias_;  // of the pointing loss: words, in the last layer but one; answers, in the last
};

}  // namespace arrcoc::train
