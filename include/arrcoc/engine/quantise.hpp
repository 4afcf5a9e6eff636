#pragma once
// Writes the int8 and int4 forms of a model's matrices beside it, where later runs map them instead of making them.
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "arrcoc/engine/engine.hpp"

namespace arrcoc {

struct QuantiseRequest {
  EngineOptions model;  // `weights` says which forms; `dtype` and `device` do not count
  /// Called before each matrix: its number, and how many there are; false ends it, and no file is left.
  std::function<bool(Index done, Index of)> on_matrix;
};

/// A file that was written.
struct QuantisedFile {
  std::filesystem::path path;
  Index matrices = 0, bytes = 0, stored_bytes = 0;  // stored: of the same matrices in the checkpoint
};

/// A file for each of layers, head and tower that is to be in int8 or int4, with experts among the layers; the same
/// bits as made at load. Reads every value of the checkpoint. Error 401..407 for the model, Error{bad_weight} for one
/// that is not finite, Error{bad_config} when no form is asked for, Error{bad_output}.
std::vector<QuantisedFile> quantise_model(const QuantiseRequest& request);

}  // namespace arrcoc
