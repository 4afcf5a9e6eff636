#pragma once
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct UniformMapConfig {
  bool operator==(const UniformMapConfig&) const = default;
};

/// 1 everywhere: nothing speaks for any token. [N]. O(N). A control: what an allocator does without relevance.
struct UniformScorer {
  static constexpr std::string_view name = "uniform";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr bool row_wise = true;
  using Config = UniformMapConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    return std::vector<float>(static_cast<std::size_t>(e.count()), 1.f);
  }
};
static_assert(check_scorer<UniformScorer>());

}  // namespace arrcoc
