#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/frames.hpp"
#include "arrcoc/primitives/picks.hpp"

namespace arrcoc {

struct FrameQuotaConfig {
  std::string by = "relevance";  ///< what a frame's quota goes by: relevance, even, or anywhere (none)
  Index floor = 0;               ///< tokens that each frame keeps; 0: frames may become empty
  std::string validate() const {
    if (by != "relevance" && by != "even" && by != "anywhere")
      return "by: expected relevance, even or anywhere, got '" + by + "'";
    return floor >= 0 ? "" : "floor: expected at least 0, got " + std::to_string(floor);
  }
  bool operator==(const FrameQuotaConfig&) const = default;
};

/// A clip's budget between its frames, each frame's part to its most relevant tokens. First `floor` tokens a frame,
/// lowered to K / frames where K does not hold them, and to what a frame has; then the rest
///   relevance  in proportion to the frame's sum of relevance (min-max scaled over the clip)
///   even       evenly
///   anywhere   to the most relevant tokens of the clip, wherever they are
/// the first two by largest remainder within what a frame has. Exactly K; equal tokens by the smaller index. O(N log
/// N). Reasons: primitives/picks.hpp, by rank. One picture: `top_k`. Source: ours; Balinski, Young 1982, chapter 3.
struct FrameQuotaAllocator {
  static constexpr std::string_view name = "frame_quota";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = FrameQuotaConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const auto frames = frames::ranked(e.tokens, relevance);
    const auto share = greedy::weights_of(relevance, name);
    std::vector<double> weights(frames.size(), 1);
    if (config.by == "relevance")
      for (std::size_t f = 0; f < frames.size(); ++f) {
        weights[f] = 0;
        for (const Index t : frames[f]) weights[f] += static_cast<double>(share[static_cast<std::size_t>(t)]);
      }
    if (config.by != "anywhere")
      return selection::finish(e.tokens, greedy::by_quota(frames, weights, k, relevance, config.floor), clamped);
    std::vector<bool> kept(relevance.size());
    Index left = k;
    const auto keep = [&](Index t) {
      if (left > 0 && !kept[static_cast<std::size_t>(t)]) kept[static_cast<std::size_t>(t)] = true, --left;
    };
    const std::vector<Index> least = greedy::floors(frames, k, config.floor);
    for (std::size_t f = 0; f < frames.size(); ++f)
      for (const Index t : std::span(frames[f]).first(static_cast<std::size_t>(least[f]))) keep(t);
    for (const Index t : selection::best(relevance, e.count())) keep(t);
    return selection::finish(e.tokens, greedy::by_rank(kept, relevance), clamped);
  }
};
static_assert(check_allocator<FrameQuotaAllocator>());

}  // namespace arrcoc
