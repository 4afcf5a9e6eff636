#pragma once
// A training state as a model folder that transformers and `arrcoc answer` load.
#include <filesystem>

namespace arrcoc::train {

struct Exported {
  long step = 0;          // optimiser steps behind the weights
  bool averaged = false;  // the moving average was taken
  long parameters = 0;
};

/// Weights rounded to bf16 (nearest even), the small vocabulary as added tokens, greedy generation. The moving average
/// of the weights is taken where the state holds one, unless `latest`. Error{bad_weight} for a state of another
/// configuration or one that holds NaN, Error{bad_output} when the folder is neither new nor empty.
Exported export_model(const std::filesystem::path& state, const std::filesystem::path& folder, bool latest = false);

}  // namespace arrcoc::train
