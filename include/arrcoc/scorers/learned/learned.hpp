#pragma once
// LearnedScorer: query coupling by a small trained head on the model's merged vision embeddings.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/learned_head.hpp"

namespace arrcoc {

struct LearnedConfig {
  std::string weights;  ///< safetensors file of `arrcoc train scorer`
  bool operator==(const LearnedConfig&) const = default;
};

/// Any real number a token, higher = more relevant: a LearnedHead of one output. [N, D] -> [N]. O(N D H).
/// Source: ours; trained by box supervision with the base frozen. Error{bad_weight} when it was trained for another
/// width.
struct LearnedScorer {
  static constexpr std::string_view name = "learned";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::query};
  static constexpr bool row_wise = true;
  using Config = LearnedConfig;
  Config config{};
  std::shared_ptr<const LearnedHead<HostTensor>>
      head{};  // read from config.weights by whoever can read files (registry/learned.hpp)

  std::vector<float> score(const Evidence& e) const {
    require_that(head != nullptr, Code::bad_config, "scorers.learned",
                 "weights: expected the file that `arrcoc train scorer` wrote, got none");
    const auto values = learned_values(*head, e, "scorers.learned", config.weights);
    return {values.begin(), values.end()};
  }
};
static_assert(check_scorer<LearnedScorer>());

}  // namespace arrcoc
