#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/overlap.hpp"

namespace arrcoc {

struct InhibitionConfig {
  Index radius = 1;    ///< tokens around a kept one that are inhibited too; 0..64
  double decay = 0.5;  ///< what is left of the inhibition with every token of distance; [0, 1]
  std::string validate() const {
    if (radius < 0 || radius > 64) return "radius: expected 0..64, got " + std::to_string(radius);
    return decay >= 0 && decay <= 1 ? "" : "decay: expected a number in [0, 1], got " + std::to_string(decay);
  }
  bool operator==(const InhibitionConfig&) const = default;
};

/// Inhibition of return: 1 minus what earlier fixations covered of a token's place, [N] in [0, 1]; around a kept token
/// 1 minus decay^distance. Before the first fixation 1 everywhere. O(N K). Source: Itti, Koch, Niebur 1998, section
/// II.C, on tokens in place of a disc of neurons.
struct InhibitionScorer {
  static constexpr std::string_view name = "inhibition";
  static constexpr Needs may_need{Phase::pixels, Need::previous};
  static constexpr bool row_wise = false;
  using Config = InhibitionConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    std::vector<float> out = covered_by(*e.previous, e.tokens, config.radius, config.decay);
    for (float& x : out) x = 1 - x;
    return out;
  }
};
static_assert(check_scorer<InhibitionScorer>());

}  // namespace arrcoc
