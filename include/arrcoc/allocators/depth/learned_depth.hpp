#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/learned_head.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct LearnedDepthConfig {
  std::string weights;  ///< safetensors file of `arrcoc train depth`
  bool operator==(const LearnedDepthConfig&) const = default;
};

/// A LearnedHead with an output for each DeepStack level, and a bias.
struct DepthHead {
  LearnedHead<HostTensor> head;
  HostTensor bias;  // [levels]
};

/// The K most relevant tokens, each with the DeepStack levels l for which head_l(v, q) + bias_l > 0. [N] -> K. O(N (D H
/// + log K)). Source: ours; trained through the model's answers with a price on every level.
struct LearnedDepthAllocator {
  static constexpr std::string_view name = "learned_depth";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::query};
  static constexpr Spend spend = Spend::exact;
  using Config = LearnedDepthConfig;
  Config config{};
  std::shared_ptr<const DepthHead> head{};  // read from config.weights by whoever can read files (registry/learned.hpp)

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    require_that(head != nullptr, Code::bad_config, "allocator",
                 "weights: expected the file that `arrcoc train depth` wrote, got none");
    Allocation a = selection::most_relevant(relevance, e.tokens, budget, name);
    const std::vector<double> values = learned_values(head->head, e, "allocator", config.weights);
    const Index levels = head->bias.count();
    for (std::size_t i = 0; i < a.kept.size(); ++i) {
      a.depth[i] = 0;
      for (Index l = 0; l < levels; ++l)
        if (values[static_cast<std::size_t>(a.kept[i] * levels + l)] +
                static_cast<double>(head->bias.floats().data()[l]) >
            0)
          a.depth[i] |= 1u << l;
    }
    return a;
  }
};
static_assert(check_allocator<LearnedDepthAllocator>());

}  // namespace arrcoc
