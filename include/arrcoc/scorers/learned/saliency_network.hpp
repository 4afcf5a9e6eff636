#pragma once
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/convolution.hpp"

namespace arrcoc {

struct SaliencyNetworkConfig {
  std::string weights = {};  ///< safetensors: `saliency.0.weight` [32, C, 3, 3], `saliency.2.weight`, ... (ConvNetwork)
  std::string validate() const { return {}; }
  bool operator==(const SaliencyNetworkConfig&) const = default;
};

/// What stands out by a trained network: textures [N, C] -> convolutions with ReLU between (the sketch: 3x3 to 32, 3x3
/// to 16, 1x1 to 1; any that end in one channel) -> sigmoid, [N] in [0, 1]. O(N k^2 C H). Zeros beyond the rim and
/// where no token lives. Source: ARR-COC notes, 003 act VII (PerspectivalScorer, 8,417 parameters at 13-32-16-1); no
/// data for it was named, so that a file is asked for: conspicuity without one is `perspectival`.
/// Error{bad_config} without a file, Error{bad_weight} for one of another width than the textures have.
struct SaliencyNetworkScorer {
  static constexpr std::string_view name = "saliency_network";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = false;
  static constexpr bool common_scale = true;
  using Config = SaliencyNetworkConfig;
  Config config{};
  std::shared_ptr<const ConvNetwork> network{};  // of config.weights, read by whoever can read files

  std::vector<float> score(const Evidence& e) const {
    require_that(network != nullptr, Code::bad_config, name,
                 "weights: expected a safetensors file with saliency.0.weight, got none");
    require_that(network->inputs() == e.textures->channel_count() && network->outputs() == 1, Code::bad_weight, name,
                 [&] {
                   return config.weights + ": expected " + std::to_string(e.textures->channel_count()) +
                          " channels in, as the texture has, and 1 out, got " + std::to_string(network->inputs()) +
                          " and " + std::to_string(network->outputs());
                 });
    const CellPlanes out = network->run(planes_of(*e.textures, e.tokens), 0, network->weights.size());
    return mean_over_cells(out, e.tokens, [](const double* v) { return 1 / (1 + std::exp(-v[0])); });
  }
};
static_assert(check_scorer<SaliencyNetworkScorer>());

}  // namespace arrcoc
