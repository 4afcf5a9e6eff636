#pragma once
// Which tensors a checkpoint must hold, and whether it does: names, shapes and dtypes alone, no value is read.
// Source: the tensor names that transformers 4.57 and 5.x save for Qwen3-VL (docs/formats.md, "Model folder").
#include <string>
#include <vector>

#include "arrcoc/core/model_config.hpp"

namespace arrcoc::io {

struct ExpectedTensor {
  std::string name;                        // the released spelling, "model.language_model.norm.weight"
  std::vector<std::vector<Index>> shapes;  // any of these
  bool required = true;                    // false: checked only where it is present (the head of a tied model)
};

/// Every tensor a model of this shape reads. Experts may lie in either of the two layouts, [E, H, 2I] or [E, 2I, H].
std::vector<ExpectedTensor> expected_weights(const ModelConfig& config);

/// One sentence for each tensor that is missing, has another shape, or is no float; empty when all is well. At most 20
/// are shown, and then a count. `weights` may return tensors without data.
std::vector<std::string> check_weights(const ModelConfig& config, const WeightLookup& weights);

}  // namespace arrcoc::io
