#include "trainer.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <numbers>

#include "arrcoc/io/safetensors.hpp"
#include "host_copy.hpp"

namespace arrcoc::train {
namespace {

constexpr double adam_beta1 = 0.9, adam_beta2 = 0.98, adam_eps = 1e-8;

/// The moving average in place of the weights, for its scope.
class Averaged {
 public:
  Averaged(const std::vector<at::Tensor>& weights, const std::vector<at::Tensor>& averages) {
    if (averages.empty()) return;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      kept_.emplace_back(weights[i], weights[i].detach().clone());
      at::Tensor(weights[i].detach()).copy_(averages[i]);
    }
  }
  ~Averaged() {
    for (auto& [weight, was] : kept_) at::Tensor(weight.detach()).copy_(was);
  }
  Averaged(const Averaged&) = delete;
  Averaged& operator=(const Averaged&) = delete;

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> kept_;
};

/// Heads that are thrown away: their outputs are no part of the model.
bool of_training_alone(std::string_view name) {
  return name.starts_with("reading_head.") || name.starts_with("pointing_head.");
}
}  // namespace

double learning_rate_at(const StageConfig& c, Index step) {
  const double warm =
      c.warm_up > 0 ? std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(c.warm_up)) : 1.0;
  if (c.cosine == 0) return c.learning_rate * warm;
  const double t = std::clamp(static_cast<double>(step - c.warm_up) / static_cast<double>(c.cosine), 0.0, 1.0);
  return c.learning_rate * warm * (c.final_share + (1 - c.final_share) * 0.5 * (1 + std::cos(std::numbers::pi * t)));
}

Trainer::Trainer(const ModelConfig& config, Options options) : options_(std::move(options)) {
  require_that(options_.workers >= 1, Code::bad_config, "train",
               [&] { return "workers: expected at least 1, got " + std::to_string(options_.workers); });
  for (Index w = 0; w < options_.workers; ++w) {
    replicas_.push_back(std::make_unique<Replica>(config, options_));
    if (w > 0) replicas_.back()->share(*replicas_.front());
  }
  if (options_.workers > 1)
    others_ = std::make_unique<c10::ThreadPool>(static_cast<int>(options_.workers) - 1, -1,
                                                [threads = options_.threads] { at::set_num_threads(threads); });
  for (const Replica::Leaf& l : replicas_.front()->leaves()) {
    const at::Tensor& p = parameters_.emplace_back(l.value);
    moments_.push_back(at::zeros_like(p));
    squares_.push_back(at::zeros_like(p));
    counts_.push_back(at::zeros({}, p.options().requires_grad(false)));
    if (options_.average > 0) averages_.push_back(p.detach().clone());
  }
}

Index Trainer::parameters() const {
  Index n = 0;
  for (const Replica::Leaf& l : replicas_.front()->leaves()) n += of_training_alone(l.name) ? 0 : l.value.numel();
  return n;
}

StepResult Trainer::evaluate(const Batch& batch, bool with_answers) {
  const at::NoGradGuard no_grad;
  const Averaged averaged(parameters_, averages_);
  return replicas_.front()->forward(batch, {1, with_answers ? 1.0 : 0.0, options_.pointing ? 1.0 : 0.0}, nullptr);
}

/// What one pass leaves: its figures and gradients, one for each parameter, undefined where it says nothing.
struct Trainer::Pass {
  StepResult figures;
  std::vector<at::Tensor> gradients;
  std::exception_ptr error;
};

void Trainer::give_up(const char* what) const {
  fail(Code::bad_number, "train",
       std::string(what) + " is not finite at step " + std::to_string(steps_ + 1) + "; the weights are as they were");
}

void Trainer::run(Replica& replica, const Batch& batch, const StageConfig& c, double share, Pass& out) const {
  for (const Replica::Leaf& l : replica.leaves()) l.value.mutable_grad().reset();
  at::Tensor loss;
  out.figures = replica.forward(
      batch, {c.reading_weight, c.stage == "answers" ? c.answer_weight : 0, options_.pointing ? c.pointing_weight : 0},
      &loss);
  if (!std::isfinite(loss.item<float>())) give_up("the loss");
  if (!loss.requires_grad()) return;  // no question in this pass
  (loss / share).backward();
  for (const Replica::Leaf& l : replica.leaves()) out.gradients.push_back(l.value.grad());
}

StepResult Trainer::step(Index passes, const Draw& draw, const StageConfig& c) {
  require_that(passes >= 1, Code::bad_config, "train", "expected at least one pass");
  std::vector<Pass> done(static_cast<std::size_t>(passes));
  const auto work = [&](std::size_t worker) {
    for (std::size_t i = worker; i < done.size(); i += replicas_.size()) {
      try {
        run(*replicas_[worker], draw(static_cast<Index>(i)), c, static_cast<double>(passes), done[i]);
      } catch (...) { done[i].error = std::current_exception(); }
    }
  };
  for (std::size_t w = 1; w < replicas_.size(); ++w) others_->run([&work, w] { work(w); });
  work(0);
  if (others_) others_->waitWorkComplete();

  const at::NoGradGuard no_grad;
  StepResult r;
  std::vector<at::Tensor> sum(parameters_.size());
  for (Pass& pass : done) {  // in the order of the passes, whoever ran them
    if (pass.error) std::rethrow_exception(pass.error);
    if (pass.gradients.empty()) continue;
    r.add(pass.figures);
    for (std::size_t i = 0; i < sum.size(); ++i) {
      if (!pass.gradients[i].defined()) continue;
      if (sum[i].defined()) sum[i].add_(pass.gradients[i]);
      else sum[i] = pass.gradients[i];
    }
  }
  r.reading_loss /= static_cast<double>(passes);
  for (auto [loss, count] : {std::pair(&r.answer_loss, &r.asked), {&r.pointing_loss, &r.pointed}}) {
    *loss /= static_cast<double>(std::max<Index>(1, *count));
    *count = std::min<Index>(1, *count);
  }
  std::vector<at::Tensor> decayed[5], plain[5];  // parameters, gradients, moments, squares, counts
  std::vector<at::Tensor> gradients;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!sum[i].defined() || (c.heads_only && !of_training_alone(leaf(i).name))) continue;
    gradients.push_back(sum[i]);
    auto* group = parameters_[i].dim() > 1 ? decayed : plain;
    for (const auto& [slot, t] :
         {std::pair(0, parameters_[i]), {1, sum[i]}, {2, moments_[i]}, {3, squares_[i]}, {4, counts_[i]}})
      group[slot].push_back(t);
  }
  r.gradient_norm = gradients.empty() ? 0 : at::stack(at::_foreach_norm(gradients)).norm().item<float>();
  if (!std::isfinite(r.gradient_norm)) give_up("the gradient");
  if (r.gradient_norm > c.clip) at::_foreach_mul_(gradients, c.clip / r.gradient_norm);
  const double rate = learning_rate_at(c, steps_);
  for (auto* group : {decayed, plain}) {
    if (group[0].empty()) continue;
    at::_foreach_add_(group[4], 1);
    at::_fused_adamw_(group[0], group[1], group[2], group[3], {}, group[4], rate, adam_beta1, adam_beta2,
                      group == decayed ? c.weight_decay : 0.0, adam_eps, false, false);
  }
  ++steps_;
  if (!averages_.empty()) {  // the first steps count more, so that the initial weights are soon forgotten
    const double t = static_cast<double>(steps_), decay = std::min(options_.average, (1 + t) / (10 + t));
    at::_foreach_lerp_(averages_, parameters_, 1 - decay);
  }
  return r;
}

namespace {
/// Copies a named tensor in; false when it is not there or does not fit.
bool copy_in(const io::SafetensorsFile& f, const std::string& name, const at::Tensor& into) {
  const HostTensor t = f.tensor(name);
  if (t.empty() || t.count() != into.numel()) return false;
  at::Tensor(into.detach()).copy_(at::tensor(to_floats(t), at::kFloat).view(into.sizes()));
  return true;
}

/// Refuses weights that `leaves` would leave out, those of a model with more layers for one; a head of training alone
/// may stay behind.
void want_no_others(const io::SafetensorsFile& f, const std::filesystem::path& file,
                    const std::vector<Replica::Leaf>& leaves) {
  for (const auto& entry : f.entries()) {
    const std::string& name = entry.first;
    std::string_view bare = name;
    for (const std::string_view prefix : {"average.", "moment.", "square.", "count."})
      if (name.starts_with(prefix)) bare.remove_prefix(prefix.size());
    const bool known =
        bare == "step" || of_training_alone(bare) ||
        std::any_of(leaves.begin(), leaves.end(), [&](const Replica::Leaf& l) { return l.name == bare; });
    require_that(known, Code::bad_weight, file.string(),
                 [&] { return name + ": no such tensor here; the weights are of another configuration"; });
  }
}
}  // namespace

void Trainer::save(const std::filesystem::path& file) const {
  std::map<std::string, HostTensor, std::less<>> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    all[leaf(i).name] = host_copy(parameters_[i], leaf(i).shape);
    all["moment." + leaf(i).name] = host_copy(moments_[i], leaf(i).shape);
    all["square." + leaf(i).name] = host_copy(squares_[i], leaf(i).shape);
    all["count." + leaf(i).name] = host_copy(counts_[i], {1});
    if (!averages_.empty()) all["average." + leaf(i).name] = host_copy(averages_[i], leaf(i).shape);
  }
  all["step"] = host_tensor(std::vector<std::int64_t>{steps_}, {1});
  io::write_safetensors(file, all);
}

void Trainer::resume(const std::filesystem::path& file) {
  const auto f = io::SafetensorsFile::open(file);
  want_no_others(f, file, replicas_.front()->leaves());
  const auto need = [&](const std::string& name, const at::Tensor& into) {
    require_that(copy_in(f, name, into), Code::bad_weight, file.string(),
                 [&] { return name + ": missing or of another shape; the checkpoint is of another configuration"; });
  };
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    need(leaf(i).name, parameters_[i]);
    need("moment." + leaf(i).name, moments_[i]);
    need("square." + leaf(i).name, squares_[i]);
    need("count." + leaf(i).name, counts_[i]);
    if (!averages_.empty()) need("average." + leaf(i).name, averages_[i]);
  }
  const HostTensor s = f.tensor("step");
  require_that(s.dtype == DType::i64 && s.count() == 1 && !s.empty(), Code::bad_weight, file.string(),
               "step: expected one int64");
  std::int64_t step = 0;
  std::memcpy(&step, s.data, sizeof step);
  steps_ = step;
}

void Trainer::start_from(const std::filesystem::path& file) {
  const auto f = io::SafetensorsFile::open(file);
  want_no_others(f, file, replicas_.front()->leaves());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const bool found =
        copy_in(f, "average." + leaf(i).name, parameters_[i]) || copy_in(f, leaf(i).name, parameters_[i]);
    require_that(found || of_training_alone(leaf(i).name), Code::bad_weight, file.string(), [&] {
      return leaf(i).name + ": missing or of another shape; the weights are of another configuration";
    });
    if (!averages_.empty()) averages_[i].copy_(parameters_[i].detach());
  }
}

}  // namespace arrcoc::train
