#pragma once
// Losses on the score map itself: no choice is made, so their gradient is plain. scores [N]; target [N] in [0, 1], how
// much of each token the boxes cover.
#include "gradient.hpp"

namespace arrcoc::train {

/// Mean binary cross-entropy of sigmoid(scores). `balance`: tokens inside the boxes and outside weigh the same in sum.
struct BceMapLoss {
  static constexpr std::string_view name = "bce";
  bool balance = true;
  at::Tensor loss(const at::Tensor& scores, const at::Tensor& target) const {
    const at::Tensor each = at::binary_cross_entropy_with_logits(scores, target, {}, {}, at::Reduction::None);
    if (!balance) return each.mean();
    const at::Tensor in = target.sum().clamp_min(1e-6), out = (1 - target).sum().clamp_min(1e-6);
    return (each * (target / (2 * in) + (1 - target) / (2 * out))).sum();
  }
};

/// 1 - soft intersection over union of sigmoid(scores) and the target.
struct SoftIouMapLoss {
  static constexpr std::string_view name = "soft_iou";
  at::Tensor loss(const at::Tensor& scores, const at::Tensor& target) const {
    const at::Tensor p = scores.sigmoid(), both = (p * target).sum();
    return 1 - both / (p.sum() + target.sum() - both).clamp_min(1e-6);
  }
};

/// Every token inside above every token outside: mean of softplus(s_out - s_in) over pairs, weighed by target_in * (1 -
/// target_out). Source: RankNet, Burges et al. 2005, section 3.
struct RankingMapLoss {
  static constexpr std::string_view name = "ranking";
  at::Tensor loss(const at::Tensor& scores, const at::Tensor& target) const {
    const at::Tensor pairs = target.unsqueeze(1) * (1 - target).unsqueeze(0);  // [in, out]
    return (at::softplus(scores.unsqueeze(0) - scores.unsqueeze(1)) * pairs).sum() / pairs.sum().clamp_min(1e-6);
  }
};

/// The losses above by name.
inline const std::vector<std::string>& map_losses() {
  static const std::vector<std::string> all{"bce", "soft_iou", "ranking"};
  return all;
}
/// `name`: one of map_losses().
inline at::Tensor map_loss(std::string_view name, const at::Tensor& scores, const at::Tensor& target) {
  if (name == BceMapLoss::name) return BceMapLoss{}.loss(scores, target);
  if (name == SoftIouMapLoss::name) return SoftIouMapLoss{}.loss(scores, target);
  require_that(name == RankingMapLoss::name, Code::bad_config, "train",
               [&] { return "loss: expected bce, soft_iou or ranking, got '" + std::string(name) + "'"; });
  return RankingMapLoss{}.loss(scores, target);
}

/// Distillation: cross-entropy of softmax(scores / T) against a mass per token, as the attention received in a layer
/// (normalised to sum 1).
struct DistillationMapLoss {
  static constexpr std::string_view name = "distillation";
  double temperature = 1.0;
  at::Tensor loss(const at::Tensor& scores, const at::Tensor& mass) const {
    return -(mass / mass.sum().clamp_min(1e-12) * at::log_softmax(scores / temperature, 0)).sum();
  }
};

/// What high relevance with little depth costs: mean of r * max(0, r - d), r and d in [0, 1] (relevance, and share of
/// the levels a token receives).
struct CoherenceLoss {
  static constexpr std::string_view name = "coherence";
  at::Tensor loss(const at::Tensor& relevance, const at::Tensor& depth) const {
    return (relevance * (relevance - depth).clamp_min(0)).mean();
  }
};

}  // namespace arrcoc::train
