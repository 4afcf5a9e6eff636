#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct FlatConfig {
  bool operator==(const FlatConfig&) const = default;
};

/// Every token counts alike: relevance 1 everywhere, the maps are not looked at. [M, N] -> [N]. O(N).
/// For allocators that decide without relevance (full, random, grid, centre, oracle), so that nothing is computed for
/// them. A control.
struct FlatBalancer {
  static constexpr std::string_view name = "flat";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = FlatConfig;
  Config config{};

  Balanced balance(std::span<const float>, const Evidence& e) const {
    return {std::vector<float>(static_cast<std::size_t>(e.count()), 1.f), {}, {}};
  }
};
static_assert(check_balancer<FlatBalancer>());

}  // namespace arrcoc
