#include "balancer_training.hpp"

#include "../gradients/map_losses.hpp"
#include "arrcoc/engine/engine.hpp"
#include "arrcoc/registry/learned.hpp"

namespace arrcoc::train {
namespace {

class BalancerTraining : public HeadTraining {
 public:
  explicit BalancerTraining(const BalancerOptions& o) : HeadTraining(o), options_(o) {
    const auto m = static_cast<Index>(o.pipeline.last().scorers.size()), h = o.hidden;
    const auto shapes = BalancerHead::shapes(m, h);
    const auto start = o.from.empty() ? nullptr : read_balancer_head(o.from);
    require_that(!start || (start->maps() == m && start->units() == h), Code::bad_weight, o.from.string(),
                 "a head for another number of scorers, or --hidden");
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const std::string name(BalancerHead::names[i]);
      Index n = 1;
      for (const Index e : shapes[i]) n *= e;
      // Every map counts a little at first, the units differ, and what the maps look like does not matter yet.
      Rng rng(derive_seed(o.recipe.config.seed, name));
      std::vector<float> v;
      const double middle = name == "balancer.weight" || name == "balancer.out" ? -0.5 : 0,
                   wide = name == "balancer.weight" || name == "balancer.shift" ? 2 : 0;
      for (Index k = 0; k < n; ++k) v.push_back(static_cast<float>(middle + wide * (rng.uniform() - 0.5)));
      head_.push_back(leaf(name, start ? to_floats(*start->all()[i]) : v, shapes[i]));
    }
  }

 private:
  /// Before the sigmoid: the same numbers as LearnedBalancer's, with a graph.
  at::Tensor score(const Asked& a) {
    EvidenceRequest r;
    r.picture = a.picture->view();
    r.grid = a.grid;
    r.vision = host_copy(a.vision);
    r.query = host_copy(a.query.flatten());
    for (const at::Tensor& level : a.levels) r.deepstack.push_back(host_copy(level));
    r.pipeline = options_.pipeline;
    const BalancerInput in = balancer_input(allocate_evidence(r).realized.maps, a.grid.count(), "train");
    std::vector<float> flat;
    for (const auto& map : in.maps) flat.insert(flat.end(), map.begin(), map.end());
    const auto m = static_cast<Index>(in.maps.size()), h = head_[5].size(0);
    const at::Tensor x = at::tensor(flat, at::kFloat).view({m, a.grid.count()}).to(device_),
                     c = at::tensor(in.context, at::kFloat).view({2 * m, 1}).to(device_);
    const at::Tensor w = at::softplus(head_[1].view({h, m}) + at::mm(head_[2], c).view({h, m})),
                     t = head_[3].view({h, 1}) + at::mm(head_[4], c);
    return head_[6] + at::mm(at::softplus(head_[0]).view({1, m}), x).flatten() +
           at::mm(at::softplus(head_[5]).view({1, h}), at::tanh(at::mm(w, x) - t)).flatten();
  }
  void evaluate(HeadSummary& out, std::string& log) override {
    evaluate_recall(out, log, [this](const Asked& a) { return score(a); });
  }
  Estimate loss_of(const Asked& a, Rng&) override {
    const at::Tensor loss = map_loss(o_.loss, score(a), a.target);
    return {loss, loss.item<double>()};
  }

  const BalancerOptions& options_;
  std::vector<at::Tensor> head_;  // in the order of BalancerHead::names
};

}  // namespace

HeadSummary train_balancer(const BalancerOptions& o) {
  check_head_options(o, map_losses());
  require_that(!o.pipeline.last().scorers.empty(), Code::bad_config, "train",
               "--scorers: expected at least one, got none");
  return BalancerTraining(o).run();
}

}  // namespace arrcoc::train
