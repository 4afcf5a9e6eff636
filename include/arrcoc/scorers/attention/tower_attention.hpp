#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct TowerAttentionConfig {
  Index block = -2;            ///< of the vision tower; negative: from the end
  std::string heads = "mean";  ///< how heads become one: mean or max
  std::string validate() const {
    return heads == "mean" || heads == "max" ? "" : "heads: expected mean or max, got '" + heads + "'";
  }
  bool operator==(const TowerAttentionConfig&) const = default;
};

/// Attention that a token receives in one block of the vision tower: the probability that falls on its four patches,
/// mean over the patches that pay: [N] -> [N], summing to 1 with `mean`. O(N), and the block's scores once more. The
/// stand-in for the attention of a class token, which this model has not. Source: FasterVLM and VisPruner (arXiv
/// 2412.01818), block -2. Error{bad_config} for a block that the model does not have.
struct TowerAttentionScorer {
  static constexpr std::string_view name = "tower_attention";
  static constexpr Needs may_need{Phase::tower, Need::received};
  static constexpr bool row_wise = true;
  using Config = TowerAttentionConfig;
  Config config{};

  std::vector<Request> needs() const { return {request()}; }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto received = e.answer(request()).floats();
    return {received.begin(), received.end()};
  }

 private:
  Request request() const {
    return {.index = config.block, .heads = config.heads == "max" ? Request::Over::max : Request::Over::mean};
  }
};
static_assert(check_scorer<TowerAttentionScorer>());

}  // namespace arrcoc
