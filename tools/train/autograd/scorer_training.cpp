#include "scorer_training.hpp"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "../gradients/clean.hpp"
#include "../gradients/gumbel_top_k.hpp"
#include "../gradients/map_losses.hpp"
#include "../gradients/perturbed_top_k.hpp"
#include "../gradients/reinforce.hpp"
#include "../gradients/straight_through.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/registry/learned.hpp"

namespace arrcoc::train {
namespace {

bool on_the_map(const std::string& loss) {
  return std::find(map_losses().begin(), map_losses().end(), loss) != map_losses().end();
}

class ScorerTraining : public HeadTraining {
 public:
  explicit ScorerTraining(const ScorerOptions& o) : HeadTraining(o), options_(o) {
    const auto start = o.from.empty() ? nullptr : read_learned_head(o.from);
    head_ = learned_head("scorer.", 1, start.get());
    if (o.unfreeze > 0) unfrozen_ = frozen_.unfreeze(o.unfreeze);
    for (const auto& [name, t] : unfrozen_) also_train(t, o.unfreeze_share);
  }

 private:
  at::Tensor score(const Asked& a) { return values_of(head_, a).flatten(); }
  void evaluate(HeadSummary& out, std::string& log) override {
    evaluate_recall(out, log, [this](const Asked& a) { return score(a); });
  }
  Estimate loss_of(const Asked& a, Rng& rng) override {
    const at::Tensor scores = score(a);
    if (on_the_map(o_.loss)) {
      const at::Tensor loss = map_loss(o_.loss, scores, a.target);
      return {loss, loss.item<double>()};
    }
    const Index one_in = std::stol(pick(o_.recipe.keep_one_in, rng)), k = std::max<Index>(1, a.grid.count() / one_in);
    const GateLoss answers = [&](const at::Tensor& gates) {
      return gated_answer_loss(graph_, frozen_.text(), a.question, a.grid, a.vision, a.levels, gates);
    };
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

  void write_more() override {
    if (options_.unfrozen_out.empty()) return;
    std::map<std::string, HostTensor, std::less<>> all;
    for (const auto& [name, shape] : tensor_list(frozen_.folder().config))
      all[name] = host_tensor(to_floats(*frozen_.folder().weights(name)), shape);
    for (const auto& [name, t] : unfrozen_) all[name] = host_copy(t, all.at(name).shape);
    io::write_safetensors(options_.unfrozen_out, all);
  }

  const ScorerOptions& options_;
  Head head_;
  std::vector<std::pair<std::string, at::Tensor>> unfrozen_;
};

}  // namespace

const std::vector<std::string>& scorer_losses() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names = map_losses();
    names.insert(names.end(), {"clean", "straight_through", "gumbel_top_k", "perturbed_top_k", "reinforce"});
    return names;
  }();
  return all;
}

HeadSummary train_scorer(const ScorerOptions& o) {
  check_head_options(o, scorer_losses());
  require_that(o.unfreeze >= 0 && (o.unfreeze > 0) == !o.unfrozen_out.empty(), Code::bad_config, "train",
               "--unfreeze and --unfrozen-out: expected both or none");
  require_that(o.unfreeze == 0 || !(on_the_map(o.loss) || o.loss == "reinforce"), Code::bad_config, "train", [&] {
    return "--unfreeze: expected a --loss whose gradient goes through the model (clean, straight_through, "
           "gumbel_top_k, perturbed_top_k), got " +
           o.loss;
  });
  require_that(o.unfreeze_share > 0 && o.unfreeze_share <= 1, Code::bad_config, "train", [&] {
    return "--unfreeze-share: expected a number in (0, 1], got " + std::to_string(o.unfreeze_share);
  });
  return ScorerTraining(o).run();
}

}  // namespace arrcoc::train
