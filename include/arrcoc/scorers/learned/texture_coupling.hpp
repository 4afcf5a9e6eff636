#pragma once
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/convolution.hpp"
#include "arrcoc/primitives/small_network.hpp"

namespace arrcoc {

/// How textures and the question come into one space.
struct CouplingNetwork {
  ConvNetwork texture;  // C -> H, the hidden channels
  HostTensor project;   // [E, H], with its bias [E]
  HostTensor project_bias;
  SmallNetwork query;  // D -> E; without layers: the query as it is
};

struct TextureCouplingConfig {
  std::string weights =
      {};  ///< safetensors: `coupling.0.weight` [H, C, k, k], `coupling.2.weight` [E, H, 1, 1], `query.0.weight` [E, D]
  std::string validate() const { return {}; }
  bool operator==(const TextureCouplingConfig&) const = default;
};

/// The sketches' coupling of question and picture, on textures: t = W relu(conv(x)) + b of each token, q' the query or
/// a linear layer of it, score = (1 + cos(t, q')) / 2, [N] in [0, 1]. [N, C] and [D] -> [N]. The E-wide rows are never
/// made: q'.t and |t|^2 come from W^T q' and W^T W, O(N (k^2 C H + H^2) + E H^2). Source: ARR-COC notes, 003 act VII
/// (ParticipatoryScorer: 3x3, 64, 1,536 and a query layer), and djwar42/arr-coc-0-1, ARR_COC/knowing.py (1x1, no query
/// layer). Channels of texture cannot say what a thing is: `participatory` asks the model's own embeddings.
/// Error{bad_config} without a file, Error{bad_weight} for one of other widths.
struct TextureCouplingScorer {
  static constexpr std::string_view name = "texture_coupling";
  static constexpr Needs may_need{Phase::pixels, Need::textures | Need::query};
  static constexpr bool row_wise = false;
  static constexpr bool common_scale = true;
  using Config = TextureCouplingConfig;
  Config config{};
  std::shared_ptr<const CouplingNetwork> network{};  // of config.weights, read by whoever can read files

  std::vector<float> score(const Evidence& e) const {
    require_that(network != nullptr, Code::bad_config, name,
                 "weights: expected a safetensors file with coupling.0.weight, got none");
    const Index hidden = network->project.shape[1], width = network->project.shape[0], d = e.query->count(),
                asked = network->query.weights.empty() ? width : network->query.inputs();
    require_that(network->texture.inputs() == e.textures->channel_count() && asked == d, Code::bad_weight, name, [&] {
      return config.weights + ": expected " + std::to_string(e.textures->channel_count()) +
             " channels, as the texture has, and a query of " + std::to_string(d) + " numbers, got " +
             std::to_string(network->texture.inputs()) + " and " + std::to_string(asked);
    });
    const std::span<const float> given = e.query->floats();
    std::vector<double> q(given.begin(), given.end());
    if (!network->query.weights.empty()) q = network->query(q);
    const float *w = network->project.floats().data(), *b = network->project_bias.floats().data();
    const auto h = static_cast<std::size_t>(hidden);
    std::vector<double> along(h), slope(h), squares(h * h);  // W^T q', 2 W^T b, W^T W
    double along_bias = 0, bias = 0, length = 0;
    for (Index i = 0; i < width; ++i) {
      const double qi = q[static_cast<std::size_t>(i)], bi = b[i];
      along_bias += qi * bi, bias += bi * bi, length += qi * qi;
      for (std::size_t j = 0; j < h; ++j) {
        const double wj = w[static_cast<std::size_t>(i) * h + j];
        along[j] += wj * qi, slope[j] += 2 * wj * bi;
        for (std::size_t k = 0; k < h; ++k)
          squares[j * h + k] += wj * static_cast<double>(w[static_cast<std::size_t>(i) * h + k]);
      }
    }
    const CellPlanes seen = network->texture.run(planes_of(*e.textures, e.tokens), 0, network->texture.weights.size());
    return mean_over_cells(seen, e.tokens, [&](const double* v) {
      double dot = along_bias, norm = bias;
      for (std::size_t j = 0; j < h; ++j) {
        const double x = std::max(0.0, v[j]);
        dot += x * along[j], norm += x * slope[j];
        for (std::size_t k = 0; k < h; ++k) norm += x * std::max(0.0, v[k]) * squares[j * h + k];
      }
      const double size = std::sqrt(std::max(0.0, norm) * length);
      return size > 1e-12 ? 0.5 * (1 + std::clamp(dot / size, -1.0, 1.0)) : 0.5;
    });
  }
};
static_assert(check_scorer<TextureCouplingScorer>());

}  // namespace arrcoc
