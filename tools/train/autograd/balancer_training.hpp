#pragma once
// Trains the head of LearnedBalancer on scenes with known answer boxes: the scorers and the model stay as they are.
#include "arrcoc/registry/registry.hpp"
#include "head_training.hpp"

namespace arrcoc::train {

/// loss: bce | soft_iou | ranking, on the relevance before its sigmoid.
struct BalancerOptions : HeadOptions {
  PipelineSpec pipeline;  // texture and scorers in the order of the maps, with their settings; what stands behind them
                          // only has to run
};

/// Error{bad_config} for an unknown loss, Error{unknown_strategy} for an unknown scorer, and what open_model throws.
HeadSummary train_balancer(const BalancerOptions& options);

}  // namespace arrcoc::train
