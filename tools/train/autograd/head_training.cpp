#include "head_training.hpp"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/safetensors.hpp"

namespace arrcoc::train {

HeadTraining::HeadTraining(const HeadOptions& o)
    : o_(o),
      frozen_(o.model, o.threads, o.device, o.atlas),
      graph_({o.threads, o.device, true}),
      device_(o.device),
      training_(o.recipe) {
  for (const std::string& name : o.held_out) {
    require_that(training_.scenarios.contains(name), Code::bad_config, "train",
                 [&] { return "--hold-out: expected a scenario of the recipe, got '" + name + "'"; });
    training_.scenarios.erase(name);
  }
  require_that(!training_.scenarios.empty(), Code::bad_config, "train", "--hold-out: nothing is left to train on");
}

at::Tensor HeadTraining::leaf(const std::string& name, const std::vector<float>& values,
                              const std::vector<Index>& shape) {
  head_.emplace_back(name, at::tensor(values, at::kFloat).view(shape).to(device_).requires_grad_(true));
  also_train(head_.back().second, 1.0);
  return head_.back().second;
}

HeadTraining::Head HeadTraining::learned_head(const std::string& prefix, Index outputs,
                                              const LearnedHead<HostTensor>* start) {
  const auto shapes = Head::shapes(frozen_.folder().config.text.hidden_size, o_.hidden, outputs);
  Head head;
  const auto to = head.all();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::string name = prefix + std::string(Head::names[i]);
    require_that(!start || start->all()[i]->shape == shapes[i], Code::bad_weight, o_.from.string(),
                 "a head of another width than the model, or --hidden");
    to[i]->value = leaf(
        name, start ? to_floats(*start->all()[i]) : initial_values(name, shapes[i], o_.recipe.config.seed), shapes[i]);
  }
  return head;
}

at::Tensor HeadTraining::values_of(const Head& head, const Asked& a) {
  TensorEvidence<GatedBackend> e;
  e.tokens = TokenSet(a.grid);
  e.vision = a.vision;
  e.query = a.query;
  return learned_values(graph_, head, e);
}

void HeadTraining::also_train(const at::Tensor& t, double rate_share) {
  Group& g = groups_[rate_share];
  g.parameters.push_back(t);
  g.moments.push_back(at::zeros_like(t).detach());
  g.squares.push_back(at::zeros_like(t).detach());
  g.counts.push_back(at::zeros({}, t.options().requires_grad(false)));
}

HeadSummary HeadTraining::run() {
  const StageConfig& c = o_.recipe.config;
  HeadSummary out;
  for (const auto& [name, value] : head_) out.parameters += value.numel();
  std::string log;
  double sum = 0;
  Index window = 0;
  for (Index step = 0; step < c.steps; ++step) {
    sum += one_step(step);
    ++window;
    out.steps = step + 1;
    std::string what;
    if (out.steps % o_.log_every == 0 || out.steps == c.steps) {
      char line[160];
      std::snprintf(line, sizeof line, "{\"step\": %ld, \"%s\": %.6g}\n", static_cast<long>(out.steps), o_.loss.c_str(),
                    sum / static_cast<double>(window));
      log += line;
      what = o_.loss + " " + std::to_string(sum / static_cast<double>(window));
      sum = 0;
      window = 0;
    }
    if (o_.progress) o_.progress(out.steps, c.steps, what);
    if (o_.stop && o_.stop()) {
      out.stopped = true;
      break;
    }
  }
  evaluate(out, log);
  std::map<std::string, HostTensor, std::less<>> all;
  for (const auto& [name, value] : head_) all[name] = host_copy(value);
  io::write_safetensors(o_.out, all);
  io::write_file(o_.out.string() + ".jsonl", log);
  write_more();
  return out;
}

void HeadTraining::evaluate_recall(HeadSummary& out, std::string& log,
                                   const std::function<at::Tensor(const Asked&)>& score) {
  out.scores = recall_of(frozen_, o_.recipe, o_.evaluate_pictures, score);
  for (const HeadScore& s : out.scores)
    for (const Recall& r : s.recalls) {
      char line[320];
      std::snprintf(line, sizeof line,
                    "{\"step\": %ld, \"split\": \"dev\", \"scenario\": \"%s\", \"held_out\": %s, \"questions\": %ld, "
                    "\"keep_ratio\": %.4g, \"recall\": %.4f, \"random\": %.4f, \"oracle\": %.4f}\n",
                    static_cast<long>(out.steps), s.scenario.c_str(),
                    std::count(o_.held_out.begin(), o_.held_out.end(), s.scenario) ? "true" : "false",
                    static_cast<long>(s.questions), r.ratio, r.scorer, r.random, r.oracle);
      log += line;
    }
}

double HeadTraining::one_step(Index step) {
  const StageConfig& c = o_.recipe.config;
  std::vector<scenes::SceneParams> params;
  for (Index i = 0; i < c.batch; ++i)
    params.push_back(scene_of(training_, training_seed(training_, static_cast<std::uint64_t>(step * c.batch + i))));
  const std::vector<Asked> batch = frozen_.ask(params, c.questions);
  if (batch.empty()) return 0;
  at::Tensor total = at::zeros({}, at::TensorOptions(at::kFloat).device(device_));
  Rng rng(derive_seed(c.seed, "choice " + std::to_string(step)));
  double value = 0;
  for (const Asked& a : batch) {
    const Estimate e = loss_of(a, rng);
    total = total + e.surrogate / static_cast<double>(batch.size());
    value += e.value / static_cast<double>(batch.size());
  }
  require_that(std::isfinite(value), Code::bad_number, "train",
               [&] { return "the loss is not finite at step " + std::to_string(step + 1); });
  total.backward();
  update(step);
  return value;
}

void HeadTraining::update(Index step) {
  const StageConfig& c = o_.recipe.config;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (auto& [share, g] : groups_)
    for (const at::Tensor& p : g.parameters) {
      if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
      gradients.push_back(p.grad());
    }
  const double norm = at::stack(at::_foreach_norm(gradients)).norm().item<double>();
  require_that(std::isfinite(norm), Code::bad_number, "train",
               [&] { return "the gradient is not finite at step " + std::to_string(step + 1); });
  if (norm > c.clip) at::_foreach_mul_(gradients, c.clip / norm);
  const double warm =
      c.warm_up > 0 ? std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(c.warm_up)) : 1.0;
  std::size_t first = 0;
  for (auto& [share, g] : groups_) {
    const auto begin = gradients.begin() + static_cast<std::ptrdiff_t>(first);
    const std::vector<at::Tensor> own(begin, begin + static_cast<std::ptrdiff_t>(g.parameters.size()));
    first += own.size();
    at::_foreach_add_(g.counts, 1);
    at::_fused_adamw_(g.parameters, own, g.moments, g.squares, {}, g.counts, c.learning_rate * warm * share, 0.9, 0.98,
                      c.weight_decay, 1e-8, false, false);
    for (const at::Tensor& p : g.parameters) p.mutable_grad().reset();
  }
}

void check_head_options(const HeadOptions& o, const std::vector<std::string>& known) {
  require_that(o.hidden >= 1 && o.hidden <= 4096, Code::bad_config, "train",
               [&] { return "--hidden: expected 1 to 4096, got " + std::to_string(o.hidden); });
  require_that(o.log_every >= 1 && o.evaluate_pictures >= 1 && o.threads >= 1, Code::bad_config, "train",
               "expected at least 1 for --log-every, --evaluate-pictures and --threads");
  require_that(std::find(known.begin(), known.end(), o.loss) != known.end(), Code::bad_config, "train", [&] {
    std::string all;
    for (const auto& k : known) all += (all.empty() ? "" : ", ") + k;
    return "--loss: expected one of " + all + ", got '" + o.loss + "'";
  });
}

}  // namespace arrcoc::train
