#pragma once
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct LayerAttentionConfig {
  double layer = 1;               ///< first layer of the language model that is asked; between 0 and 1: at that share
  Index layers = 1;               ///< how many, one behind the other
  std::string rows = "question";  ///< who pays: question, last, vision_end or text
  std::string heads = "mean";     ///< how heads become one: mean or max
  std::string payers = "mean";    ///< how paying rows become one: mean or max (at most 4,096 rows)
  std::string validate() const {
    const bool share = layer > 0 && layer < 1, whole = layer >= 0 && layer < 4096 && layer == std::floor(layer);
    if ((!share && !whole) || layers < 1 || layers > 256 || (share && layers > 1))
      return "layer, layers: expected a layer of 0 or above and 1 to 256, or a share of the depth in (0, 1) and 1, "
             "got " +
             std::to_string(layer) + " and " + std::to_string(layers);
    if (rows != "question" && rows != "last" && rows != "vision_end" && rows != "text")
      return "rows: expected question, last, vision_end or text, got '" + rows + "'";
    for (const auto* one : {&heads, &payers})
      if (*one != "mean" && *one != "max") return "heads, payers: expected mean or max, got '" + *one + "'";
    return "";
  }
  bool operator==(const LayerAttentionConfig&) const = default;
};

/// Attention that a visual token receives in layers of the language model from rows of the text, summed over the
/// layers: [N], each layer's share in [0, 1]. O(N layers), and the scores of the rows that pay; never L x L. From the
/// question's rows it is the model's own reading of what the question is about. Sources: FastV (Chen et al. 2024,
/// section 4.1: rows last, the layer before the drop), SparseVLM and PyramidDrop (question, last).
struct LayerAttentionScorer {
  static constexpr std::string_view name = "layer_attention";
  static constexpr Needs may_need{Phase::layer, Need::received};
  static constexpr bool row_wise = false;
  using Config = LayerAttentionConfig;
  Config config{};

  std::vector<Request> needs() const {
    std::vector<Request> out;
    for (Index l = 0; l < config.layers; ++l) out.push_back(request(index_at(config.layer) + l));
    return out;
  }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    std::vector<double> sum(static_cast<std::size_t>(e.count()));
    for (const Request& r : needs()) {
      const auto received = e.answer(r).floats();
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(received[i]);
    }
    return {sum.begin(), sum.end()};
  }

 private:
  Request request(Index layer) const {
    using Rows = Request::Rows;
    Request r;
    r.site = Request::Site::layer;
    r.index = layer;
    r.rows = config.rows == "last"         ? Rows::last
             : config.rows == "vision_end" ? Rows::vision_end
             : config.rows == "text"       ? Rows::text
                                           : Rows::question;
    r.heads = config.heads == "max" ? Request::Over::max : Request::Over::mean;
    r.payers = config.payers == "max" ? Request::Over::max : Request::Over::mean;
    return r;
  }
};
static_assert(check_scorer<LayerAttentionScorer>());

}  // namespace arrcoc
