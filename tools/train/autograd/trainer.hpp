#pragma once
// One model in training: passes side by side, the optimiser, and a checkpoint that resumes exactly.
#include <ATen/ATen.h>
#include <c10/core/thread_pool.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "replica.hpp"

namespace arrcoc::train {

/// warm-up, then cosine down to final_share.
double learning_rate_at(const StageConfig& c, Index step);

class Trainer {
 public:
  using Options = TrainerOptions;
  Trainer(const ModelConfig& config, Options options);

  /// Makes the batch of a pass; called from the workers, so several at a time.
  using Draw = std::function<Batch(Index pass)>;
  /// One optimiser step over several passes, whose gradients are averaged: the same bytes whatever the number of
  /// workers. Weights stay as they were when the loss or a gradient is not finite: Error{bad_number}. Rethrows what
  /// `draw` throws.
  StepResult step(Index passes, const Draw& draw, const StageConfig& c);
  StepResult step(const std::vector<Batch>& passes, const StageConfig& c) {
    return step(
        static_cast<Index>(passes.size()), [&](Index pass) { return passes[static_cast<std::size_t>(pass)]; }, c);
  }
  /// The same figures without gradients, of the moving average where there is one.
  StepResult evaluate(const Batch& batch, bool answers);

  Index steps_done() const { return steps_; }
  Index parameters() const;  // without the heads that training alone has
  const ModelConfig& config() const { return replicas_.front()->config(); }
  /// Weights, their average, both moments and the step, float32; temporary name, then rename. Error{bad_output} leaves
  /// the file as it was.
  void save(const std::filesystem::path& file) const;
  /// What save wrote, to go on exactly. Error{bad_weight} for another configuration.
  void resume(const std::filesystem::path& file);
  /// Weights alone (their average where the file holds one) for a new run; heads of training alone only where they are
  /// there and fit.
  void start_from(const std::filesystem::path& file);

 private:
  struct Pass;
  [[noreturn]] void give_up(const char* what) const;
  void run(Replica& replica, const Batch& batch, const StageConfig& c, double share, Pass& out) const;
  const Replica::Leaf& leaf(std::size_t i) const { return replicas_.front()->leaves()[i]; }

  Options options_;
  std::vector<std::unique_ptr<Replica>> replicas_;  // the first one's weights are everyone's
  std::unique_ptr<c10::ThreadPool> others_;         // the calling thread is the first worker
  std::vector<at::Tensor> parameters_, moments_, squares_, counts_, averages_;
  Index steps_ = 0;
};

}  // namespace arrcoc::train
