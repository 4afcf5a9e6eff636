#include "scorer_training.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>

#include "../drops.hpp"
#include "../gradients/clean.hpp"
#include "../gradients/gumbel_top_k.hpp"
#include "../gradients/map_losses.hpp"
#include "../gradients/perturbed_top_k.hpp"
#include "../gradients/reinforce.hpp"
#include "../gradients/straight_through.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/registry/learned.hpp"
#include "gated.hpp"

namespace arrcoc::train {
namespace {

using Head = LearnedHead<GatedBackend::Weight>;

/// One question of one picture, encoded by the frozen base.
struct Asked {
  Grid grid;
  at::Tensor vision, query;   // [N, D], [1, D]
  at::Tensor target;          // [N] share of each token that the boxes cover
  std::vector<bool> touched;  // [N]
  std::vector<at::Tensor> levels;  // DeepStack rows, [N, D] each
  AskedQuestion question;
};

/// Exact: the boxes of one question, clipped to each token; overlaps count once through the maximum.
at::Tensor coverage(const Example& e, const AskedQuestion& q) {
  std::vector<float> share(static_cast<std::size_t>(e.grid.count()));
  const double h = static_cast<double>(e.image_height) / static_cast<double>(e.grid.rows), w = static_cast<double>(e.image_width) / static_cast<double>(e.grid.cols);
  for (const Box& b : q.boxes)
    for (Index r = 0; r < e.grid.rows; ++r)
      for (Index c = 0; c < e.grid.cols; ++c) {
        const double tall = std::min(b.row1, h * static_cast<double>(r + 1)) - std::max(b.row0, h * static_cast<double>(r));
        const double wide = std::min(b.col1, w * static_cast<double>(c + 1)) - std::max(b.col0, w * static_cast<double>(c));
        float& s = share[static_cast<std::size_t>(e.grid.at(r, c))];
        if (tall > 0 && wide > 0) s = std::max(s, static_cast<float>(tall * wide / (h * w)));
      }
  return at::tensor(share, at::kFloat);
}

class ScorerTraining {
 public:
  explicit ScorerTraining(const ScorerOptions& o)
      : o_(o), folder_(io::open_model(o.model.string(), {})), frozen_({o.threads, o.device, false}), graph_({o.threads, o.device, true}),
        model_(frozen_, folder_.config, folder_.weights), device_(o.device) {
    if (!o.atlas.empty()) atlas_.load(o.atlas);
    const Index d = folder_.config.text.hidden_size, h = o.hidden;
    const std::array<std::vector<Index>, 10> shapes{{{d}, {d}, {d}, {d}, {h, d}, {h, d}, {h, d}, {h, d}, {h}, {1, h}}};
    const auto to = head_.all();
    const auto start = o.from.empty() ? nullptr : read_learned_head(o.from);
    require_that(!start || start->token.shape == std::vector<Index>{h, d}, Code::bad_weight, o.from.string(), "a head of another width than the model, or --hidden");
    for (std::size_t i = 0; i < to.size(); ++i) {
      const std::string name(Head::names[i]);
      const auto v = initial_values(name, shapes[i], o.recipe.config.seed);
      shapes_.push_back(shapes[i]);
      parameters_.push_back(at::tensor(v, at::kFloat).view(shapes[i]).to(device_).requires_grad_(true));
      to[i]->value = parameters_.back();
      if (start) at::Tensor(parameters_.back().detach()).copy_(at::tensor(to_floats(*start->all()[i]), at::kFloat).view(shapes[i]));
      moments_.push_back(at::zeros_like(parameters_.back()));
      squares_.push_back(at::zeros_like(parameters_.back()));
      counts_.push_back(at::zeros({}, parameters_.back().options().requires_grad(false)));
    }
    training_ = o.recipe;
    for (const std::string& name : o.held_out) {
      require_that(training_.scenarios.contains(name), Code::bad_config, "train", [&] { return "--hold-out: expected a scenario of the recipe, got '" + name + "'"; });
      training_.scenarios.erase(name);
    }
    require_that(!training_.scenarios.empty(), Code::bad_config, "train", "--hold-out: nothing is left to train on");
  }

  ScorerSummary run() {
    const StageConfig& c = o_.recipe.config;
    ScorerSummary out;
    for (const at::Tensor& p : parameters_) out.parameters += p.numel();
    std::string log;
    double sum = 0;
    Index window = 0;
    for (Index step = 0; step < c.steps; ++step) {
      const double loss = one_step(step);
      sum += loss;
      ++window;
      out.steps = step + 1;
      std::string what;
      if (out.steps % o_.log_every == 0 || out.steps == c.steps) {
        char line[160];
        std::snprintf(line, sizeof line, "{\"step\": %ld, \"%s\": %.6g}\n", static_cast<long>(out.steps), o_.loss.c_str(), sum / static_cast<double>(window));
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
    out.scores = evaluate();
    for (const ScorerScore& s : out.scores)
      for (const Recall& r : s.recalls) {
        char line[320];
        std::snprintf(line, sizeof line, "{\"step\": %ld, \"split\": \"dev\", \"scenario\": \"%s\", \"held_out\": %s, \"questions\": %ld, \"keep_ratio\": %.4g, \"recall\": %.4f, \"random\": %.4f, \"oracle\": %.4f}\n",
                      static_cast<long>(out.steps), s.scenario.c_str(), std::count(o_.held_out.begin(), o_.held_out.end(), s.scenario) ? "true" : "false", static_cast<long>(s.questions), r.ratio, r.scorer, r.random, r.oracle);
        log += line;
      }
    std::map<std::string, HostTensor, std::less<>> all;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const at::Tensor t = parameters_[i].detach().cpu().contiguous();
      all[std::string(Head::names[i])] = host_tensor(std::vector<float>(t.const_data_ptr<float>(), t.const_data_ptr<float>() + t.numel()), shapes_[i]);
    }
    io::write_safetensors(o_.out, all);
    io::write_file(o_.out.string() + ".jsonl", log);
    return out;
  }

 private:
  /// The questions that have boxes of each picture.
  std::vector<Asked> encode(const std::vector<scenes::SceneParams>& params) {
    const at::NoGradGuard no_grad;
    std::vector<Example> examples;
    std::vector<qwen3vl::Pixels> pixels;
    for (const auto& p : params) {
      examples.push_back(make_example(scenes::make_scene(p, atlas_), folder_.config, o_.recipe.config.questions, p.seed));
      pixels.push_back(examples.back().pixels);
    }
    const auto seen = model_.see(frozen_, pixels);
    std::vector<Asked> out;
    Index first = 0;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const Example& e = examples[i];
      const at::Tensor vision = frozen_.slice_rows(seen.tokens, first, first + e.grid.count());
      std::vector<at::Tensor> levels;
      for (const at::Tensor& level : seen.deepstack) levels.push_back(frozen_.slice_rows(level, first, first + e.grid.count()));
      first += e.grid.count();
      for (const AskedQuestion& q : e.questions) {
        if (q.boxes.empty()) continue;
        out.push_back({e.grid, vision, frozen_.mean_rows(model_.text().embed(frozen_, folder_.tokenizer->encode(q.question))), coverage(e, q).to(device_), tokens_in_boxes(e, q), levels, q});
      }
    }
    return out;
  }
  at::Tensor score(const Asked& a) {
    TensorEvidence<GatedBackend> e;
    e.grid = a.grid;
    e.vision = a.vision;
    e.query = a.query;
    return learned_score(graph_, head_, e).flatten();
  }
  /// What to differentiate, and the loss it stands for.
  Estimate loss_of(const Asked& a, Rng& rng) {
    const at::Tensor scores = score(a);
    const auto plain = [](const at::Tensor& loss) { return Estimate{loss, loss.item<double>()}; };
    if (o_.loss == "bce") return plain(BceMapLoss{}.loss(scores, a.target));
    if (o_.loss == "soft_iou") return plain(SoftIouMapLoss{}.loss(scores, a.target));
    if (o_.loss == "ranking") return plain(RankingMapLoss{}.loss(scores, a.target));
    const Index one_in = std::stol(pick(o_.recipe.keep_one_in, rng)), k = std::max<Index>(1, a.grid.count() / one_in);
    const GateLoss answers = [&](const at::Tensor& gates) { return gated_answer_loss(graph_, model_.text(), a.question, a.grid, a.vision, a.levels, gates); };
    if (o_.loss == "clean") return CleanGradient{}.estimate(scores, k, answers, rng);
    if (o_.loss == "straight_through") return StraightThroughGradient{}.estimate(scores, k, answers, rng);
    if (o_.loss == "gumbel_top_k") return GumbelTopKGradient{}.estimate(scores, k, answers, rng);
    if (o_.loss == "perturbed_top_k") return PerturbedTopKGradient{}.estimate(scores, k, answers, rng);
    const GateLoss evaluated = [&](const at::Tensor& gates) {
      const at::NoGradGuard no_grad;
      return answers(gates);
    };
    return ReinforceGradient{}.estimate(scores, k, evaluated, rng);
  }

  double one_step(Index step) {
    const StageConfig& c = o_.recipe.config;
    std::vector<scenes::SceneParams> params;
    for (Index i = 0; i < c.batch; ++i) params.push_back(scene_of(training_, training_seed(training_, static_cast<std::uint64_t>(step * c.batch + i))));
    const std::vector<Asked> batch = encode(params);
    if (batch.empty()) return 0;
    at::Tensor total = at::zeros({}, parameters_[0].options().requires_grad(false));
    Rng rng(derive_seed(c.seed, "choice " + std::to_string(step)));
    double value = 0;
    for (const Asked& a : batch) {
      const Estimate e = loss_of(a, rng);
      total = total + e.surrogate / static_cast<double>(batch.size());
      value += e.value / static_cast<double>(batch.size());
    }
    require_that(std::isfinite(value), Code::bad_number, "train", [&] { return "the loss is not finite at step " + std::to_string(step + 1); });
    total.backward();
    const at::NoGradGuard no_grad;
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& p : parameters_) gradients.push_back(p.grad());
    const double norm = at::stack(at::_foreach_norm(gradients)).norm().item<double>();
    require_that(std::isfinite(norm), Code::bad_number, "train", [&] { return "the gradient is not finite at step " + std::to_string(step + 1); });
    if (norm > c.clip) at::_foreach_mul_(gradients, c.clip / norm);
    const double warm = c.warm_up > 0 ? std::min(1.0, static_cast<double>(step + 1) / static_cast<double>(c.warm_up)) : 1.0;
    at::_foreach_add_(counts_, 1);
    at::_fused_adamw_(parameters_, gradients, moments_, squares_, {}, counts_, c.learning_rate * warm, 0.9, 0.98, c.weight_decay, 1e-8, false, false);
    for (const at::Tensor& p : parameters_) p.mutable_grad().reset();
    return value;
  }

  std::vector<ScorerScore> evaluate() {
    const at::NoGradGuard no_grad;
    std::map<std::string, ScorerScore> sums;
    const Index each = std::max<Index>(1, o_.evaluate_pictures / static_cast<Index>(o_.recipe.scenarios.size()));
    for (const auto& [scenario, weight] : o_.recipe.scenarios) {
      if (weight == 0) continue;
      std::vector<scenes::SceneParams> params;
      for (Index i = 0; i < each; ++i) {
        params.push_back(scene_of(o_.recipe, scenes::first_dev_seed + static_cast<std::uint64_t>(i)));
        params.back().scenario = scenario;
      }
      for (const Asked& a : encode(params)) {
        const at::Tensor scores = score(a);
        const auto n = static_cast<double>(a.grid.count()), hits = static_cast<double>(std::count(a.touched.begin(), a.touched.end(), true));
        if (hits == 0) continue;
        for (const std::string& name : {scenario, std::string("every")}) {
          ScorerScore& s = sums[name];
          s.scenario = name;
          ++s.questions;
          s.recalls.resize(2);
          for (std::size_t k = 0; k < 2; ++k) {
            Recall& r = s.recalls[k];
            r.ratio = k == 0 ? 0.25 : 0.125;
            const auto keep = std::max<Index>(1, static_cast<Index>(r.ratio * n + 0.5));
            const at::Tensor places = top_places(scores, keep).cpu().contiguous();
            Index found = 0;
            for (Index i = 0; i < keep; ++i) found += a.touched[static_cast<std::size_t>(places.const_data_ptr<std::int64_t>()[i])];
            r.scorer += static_cast<double>(found) / hits;
            r.random += static_cast<double>(keep) / n;
            r.oracle += std::min(1.0, static_cast<double>(keep) / hits);
          }
        }
      }
    }
    std::vector<ScorerScore> out;
    for (auto& [name, s] : sums) {
      for (Recall& r : s.recalls)
        for (double* v : {&r.scorer, &r.random, &r.oracle}) *v /= static_cast<double>(s.questions);
      if (name != "every") out.push_back(s);
    }
    if (sums.contains("every")) out.push_back(sums["every"]);
    return out;
  }

  const ScorerOptions& o_;
  io::ModelFolder folder_;
  GatedBackend frozen_, graph_;
  qwen3vl::Model<GatedBackend> model_;
  at::Device device_;
  scenes::GlyphAtlas atlas_;
  Recipe training_;
  Head head_;
  std::vector<std::vector<Index>> shapes_;
  std::vector<at::Tensor> parameters_, moments_, squares_, counts_;
};

}  // namespace

const std::vector<std::string>& scorer_losses() {
  static const std::vector<std::string> all{"bce", "soft_iou", "ranking", "clean", "straight_through", "gumbel_top_k", "perturbed_top_k", "reinforce"};
  return all;
}

ScorerSummary train_scorer(const ScorerOptions& options) {
  require_that(options.hidden >= 1 && options.hidden <= 4096, Code::bad_config, "train", [&] { return "--hidden: expected 1 to 4096, got " + std::to_string(options.hidden); });
  require_that(options.log_every >= 1 && options.evaluate_pictures >= 1 && options.threads >= 1, Code::bad_config, "train", "expected at least 1 for --log-every, --evaluate-pictures and --threads");
  const auto& known = scorer_losses();
  require_that(std::find(known.begin(), known.end(), options.loss) != known.end(), Code::bad_config, "train", [&] {
    std::string all;
    for (const auto& k : known) all += (all.empty() ? "" : ", ") + k;
    return "--loss: expected one of " + all + ", got '" + options.loss + "'"; });
  return ScorerTraining(options).run();
}

}  // namespace arrcoc::train
