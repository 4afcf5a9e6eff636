#pragma once
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/cosines.hpp"
#include "arrcoc/primitives/facility_location.hpp"

namespace arrcoc {

struct FacilityLocationConfig {
  double power = 1;      ///< relevance counts to this power; [0, 16], 0: every token counts alike
  bool centred = false;  ///< on cosines of the embeddings less their mean
  std::string validate() const {
    return power >= 0 && power <= 16 ? "" : "power: expected a number in [0, 16], got " + std::to_string(power);
  }
  bool operator==(const FacilityLocationConfig&) const = default;
};

/// Every relevant token has something like it among the kept: greedily the K tokens that maximise sum_i r_i^power max
/// over kept j of (1 + cos(i, j)) / 2; cosines of the vision embeddings, r relevance min-max scaled over the picture.
/// Where nothing is left to gain, the most relevant of the rest follow. Exactly K, equal ones by the smaller index.
/// O(N^2 D) for the first gains, then O(N) for each one looked at again, at most K N of them. Value: the gain. Causes:
/// primitives/picks.hpp. Source: EADP (arXiv 2607.02484), selection step, power 2 in its release; relevance is whatever
/// the balancer made. Error{bad_number} unless relevance is finite.
struct FacilityLocationAllocator {
  static constexpr std::string_view name = "facility_location";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = FacilityLocationConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Cosines cosines(e, config.centred);
    const auto [k, clamped] = budget.resolve(e.count());
    std::vector<float> weights = greedy::weights_of(relevance, name);
    if (config.power != 1)
      for (float& w : weights) w = static_cast<float>(std::pow(static_cast<double>(w), config.power));
    greedy::Picks picks = greedy::facilities(*cosines, weights, k);
    greedy::fill(picks, relevance, k);
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), clamped);
  }
};
static_assert(check_allocator<FacilityLocationAllocator>());

}  // namespace arrcoc
