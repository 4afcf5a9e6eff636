#include "depth_training.hpp"

#include <ATen/core/grad_mode.h>

#include <cstdio>

#include "../gradients/binary_gates.hpp"
#include "../gradients/map_losses.hpp"
#include "arrcoc/registry/learned.hpp"

namespace arrcoc::train {
namespace {

class DepthTraining : public HeadTraining {
 public:
  explicit DepthTraining(const DepthOptions& o) : HeadTraining(o), options_(o) {
    const auto levels = static_cast<Index>(frozen_.folder().config.vision.deepstack_taps.size());
    require_that(levels >= 1, Code::bad_config, "train", "expected a model with DeepStack levels, got none");
    const auto start = o.from.empty() ? nullptr : read_depth_head(o.from);
    head_ = learned_head("depth.", levels, start ? &start->head : nullptr);
    bias_ =
        leaf("depth.bias", start ? to_floats(start->bias) : std::vector<float>(static_cast<std::size_t>(levels), 1.0f),
             {levels});  // most levels open at first
  }

 private:
  /// [N, levels]
  at::Tensor logits(const Asked& a) { return values_of(head_, a) + bias_; }
  /// [N] of 0 and 1: what the boxes touch, then random tokens.
  at::Tensor kept(const Asked& a, Rng& rng) const {
    const Index n = a.grid.count(), k = std::max<Index>(1, n / std::stol(pick(o_.recipe.keep_one_in, rng)));
    std::vector<float> gates(static_cast<std::size_t>(n));
    Index count = 0;
    for (std::size_t i = 0; i < gates.size(); ++i)
      if (a.touched[i]) {
        gates[i] = 1;
        ++count;
      }
    for (const Index t : rng.sample(n, n)) {
      if (count >= k) break;
      float& g = gates[static_cast<std::size_t>(t)];
      if (g == 0) {
        g = 1;
        ++count;
      }
    }
    return at::tensor(gates, at::kFloat).to(device_);
  }
  at::Tensor answer_loss(const Asked& a, const at::Tensor& tokens, const at::Tensor& levels) {
    std::vector<at::Tensor> features;
    for (std::size_t l = 0; l < a.levels.size(); ++l)
      features.push_back(a.levels[l] * levels.slice(1, static_cast<Index>(l), static_cast<Index>(l) + 1));
    return gated_answer_loss(graph_, frozen_.text(), a.question, a.grid, a.vision, features, tokens);
  }

  Estimate loss_of(const Asked& a, Rng& rng) override {
    const at::Tensor tokens = kept(a, rng), z = logits(a), open = BinaryGates{}.gates(z, rng);
    const at::Tensor depth = open.mean(1), spent = (open.sum(1) * tokens).sum() / tokens.sum();
    at::Tensor loss = answer_loss(a, tokens, open) + options_.price * spent;
    if (options_.coherence > 0) loss = loss + options_.coherence * CoherenceLoss{}.loss(a.target, depth);
    return {loss, loss.item<double>()};
  }

  void evaluate(HeadSummary& out, std::string& log) override {
    const at::NoGradGuard no_grad;
    std::vector<scenes::SceneParams> params;
    for (Index i = 0; i < o_.evaluate_pictures; ++i)
      params.push_back(scene_of(o_.recipe, scenes::first_dev_seed + static_cast<std::uint64_t>(i)));
    out.depths = {{"learned"}, {"all"}, {"none"}};
    double questions = 0;
    for (const auto& p : params)
      for (const Asked& a : frozen_.ask({p}, o_.recipe.config.questions)) {
        ++questions;
        Rng rng(derive_seed(p.seed, "depth"));
        const at::Tensor tokens = kept(a, rng), z = logits(a);
        for (DepthScore& d : out.depths) {
          const at::Tensor open = d.rule == "learned" ? BinaryGates{}.gates(z, rng, false)
                                  : d.rule == "all"   ? at::ones_like(z)
                                                      : at::zeros_like(z);
          d.loss += answer_loss(a, tokens, open).item<double>();
          d.levels += ((open.sum(1) * tokens).sum() / tokens.sum()).item<double>();
        }
      }
    for (DepthScore& d : out.depths) {
      d.loss /= std::max(1.0, questions);
      d.levels /= std::max(1.0, questions);
      char line[200];
      std::snprintf(line, sizeof line,
                    "{\"step\": %ld, \"split\": \"dev\", \"questions\": %.0f, \"depth\": \"%s\", \"levels\": %.4f, "
                    "\"answer_loss\": %.6g}\n",
                    static_cast<long>(out.steps), questions, d.rule.c_str(), d.levels, d.loss);
      log += line;
    }
  }

  const DepthOptions& options_;
  Head head_;
  at::Tensor bias_;
};

}  // namespace

HeadSummary train_depth(const DepthOptions& o) {
  check_head_options(o, {"answers"});
  require_that(o.price >= 0 && o.coherence >= 0, Code::bad_config, "train",
               "--price and --coherence: expected at least 0");
  return DepthTraining(o).run();
}

}  // namespace arrcoc::train
