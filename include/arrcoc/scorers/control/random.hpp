#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct RandomMapConfig {
  Index seed = 0;  ///< >= 0
  std::string validate() const { return seed >= 0 ? "" : "seed: expected at least 0, got " + std::to_string(seed); }
  bool operator==(const RandomMapConfig&) const = default;
};

/// Uniform noise in [0, 1), the same map for every picture with so many tokens: [N]. O(N). A control for balancers and
/// allocators, that noise gains nothing. What is drawn anew for each picture is the allocator `random`.
struct RandomScorer {
  static constexpr std::string_view name = "random";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr bool row_wise = false;
  using Config = RandomMapConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    Rng rng(static_cast<std::uint64_t>(config.seed));
    std::vector<float> out(static_cast<std::size_t>(e.count()));
    for (float& v : out) v = static_cast<float>(rng.next() >> 40) * 0x1.0p-24f;
    return out;
  }
};
static_assert(check_scorer<RandomScorer>());

}  // namespace arrcoc
