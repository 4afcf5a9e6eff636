#pragma once
// What the trainings of single stages share: questions of scenes from a frozen model, AdamW over a few tensors, the
// log, the evaluation and the file.
#include <map>

#include "../gradients/gradient.hpp"
#include "arrcoc/primitives/learned_head.hpp"
#include "asked.hpp"
#include "host_copy.hpp"

namespace arrcoc::train {

struct HeadOptions {
  std::filesystem::path model;  // a Hugging Face folder
  std::filesystem::path out;    // safetensors; OUT.jsonl beside it is the log
  Recipe recipe;                // scenarios, sizes, lines, questions, batch, seed; steps and learning rate of the head
  std::vector<std::string> held_out;  // scenarios that are evaluated but not trained on
  std::string loss = "bce";
  std::filesystem::path from;  // a head to start from; empty: seeded
  Index hidden = 16;
  Index log_every = 50, evaluate_pictures = 96;
  std::filesystem::path atlas;
  int threads = 1;
  std::string device = "cpu";
  std::function<bool()> stop;
  std::function<void(Index step, Index steps, const std::string& what)> progress;
};

/// One way to give DeepStack levels, on unseen pictures.
struct DepthScore {
  std::string rule;   // learned, all, none
  double levels = 0;  // mean, of a kept token
  double loss = 0;    // mean cross-entropy of the answers' tokens
};
struct HeadSummary {
  Index steps = 0, parameters = 0;  // of the head
  bool stopped = false;
  std::vector<HeadScore> scores;   // of scores of tokens
  std::vector<DepthScore> depths;  // of depth rules
};

class HeadTraining {
 public:
  virtual ~HeadTraining() = default;
  HeadTraining(const HeadTraining&) = delete;
  HeadTraining& operator=(const HeadTraining&) = delete;
  /// Error{bad_number} when a loss or gradient is not finite; what was written before stays.
  HeadSummary run();

 protected:
  explicit HeadTraining(const HeadOptions& o);

  /// A tensor of the head under its name in the file.
  at::Tensor leaf(const std::string& name, const std::vector<float>& values, const std::vector<Index>& shape);
  using Head = LearnedHead<GatedBackend::Weight>;
  /// A head of the model's width and --hidden whose leaves stand behind `prefix` in the file: those of `start`, or
  /// seeded. Error{bad_weight} for another shape.
  Head learned_head(const std::string& prefix, Index outputs, const LearnedHead<HostTensor>* start);
  /// [N, outputs]; keeps the graph.
  at::Tensor values_of(const Head& head, const Asked& a);
  /// A tensor that is trained beside the head, with a share of its learning rate.
  void also_train(const at::Tensor& t, double rate_share);
  /// What to differentiate for one question, and the loss it stands for.
  virtual Estimate loss_of(const Asked& a, Rng& rng) = 0;
  /// After the last step: figures into `out`, rows into the log.
  virtual void evaluate(HeadSummary& out, std::string& log) = 0;
  /// What evaluate does for a head that scores tokens.
  void evaluate_recall(HeadSummary& out, std::string& log, const std::function<at::Tensor(const Asked&)>& score);
  /// After that, beside the head.
  virtual void write_more() {}

  const HeadOptions& o_;
  FrozenModel frozen_;
  GatedBackend graph_;
  at::Device device_;

 private:
  struct Group {
    std::vector<at::Tensor> parameters, moments, squares, counts;
  };
  double one_step(Index step);
  void update(Index step);

  Recipe training_;                 // without what is held out
  std::map<double, Group> groups_;  // by share of the learning rate
  std::vector<std::pair<std::string, at::Tensor>> head_;
};

/// Error{bad_config} unless `loss` is in `known`, and for sizes out of range.
void check_head_options(const HeadOptions& o, const std::vector<std::string>& known);

}  // namespace arrcoc::train
