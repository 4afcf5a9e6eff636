#pragma once
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/frames.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct VcastConfig {
  bool operator==(const VcastConfig&) const = default;
};

/// How much a token stands out of its frame: 1 - cosine with the frame's mean embedding + its norm, min-max scaled over
/// the frame (all norms equal: 1). [N, D] -> [N] in [0, 3]. O(N D). A picture is one frame.
struct VcastScorer {
  static constexpr std::string_view name = "vcast";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr bool row_wise = false;
  using Config = VcastConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    const FeatureRows x(*e.vision, e.count(), name);
    std::vector<float> out(x.count), norms;
    for (const auto& frame : frames::of(e.tokens)) {
      if (frame.empty()) continue;
      const std::vector<double> mean = frames::mean(x, frame);
      norms.clear();
      for (const Index t : frame) {
        const auto row = x.row(static_cast<std::size_t>(t));
        norms.push_back(static_cast<float>(std::sqrt(dot_of(row, row))));
      }
      const std::vector<float> scaled = balance::min_max(norms);
      for (std::size_t i = 0; i < frame.size(); ++i) {
        const auto t = static_cast<std::size_t>(frame[i]);
        out[t] = static_cast<float>(1 - cosine_of(x.row(t), mean) + static_cast<double>(scaled[i]));
      }
    }
    return out;
  }
};
static_assert(check_scorer<VcastScorer>());

struct VcastFramesConfig {
  double temperature = 0.7;  ///< of the softmax over curvatures; above 0
  Index floor = 1;           ///< tokens that each frame keeps where the budget holds as many
  std::string validate() const {
    if (!(temperature > 0 && temperature < 1e6))
      return "temperature: expected a number in (0, 1e6), got " + std::to_string(temperature);
    return floor >= 0 ? "" : "floor: expected at least 0, got " + std::to_string(floor);
  }
  bool operator==(const VcastFramesConfig&) const = default;
};

/// Quotas of frames by how sharply a clip turns there: of the unit means f of the frames that have tokens, curvature
/// 1 - cosine(f_t - f_{t-1}, f_{t+1} - f_t), 1 at both ends and beside a difference of zero; first `floor` tokens each,
/// the rest by softmax(curvature / temperature) and largest remainder within what a frame has; inside a frame the most
/// relevant. Exactly K. O(N D + N log N). Reasons: primitives/picks.hpp, by rank. One picture: `top_k`.
struct VcastFramesAllocator {
  static constexpr std::string_view name = "vcast_frames";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr Spend spend = Spend::exact;
  using Config = VcastFramesConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const auto ranked = frames::ranked(e.tokens, relevance);
    const std::vector<double> weights = bends(FeatureRows(*e.vision, e.count(), name), frames::of(e.tokens));
    return selection::finish(e.tokens, greedy::by_quota(ranked, weights, k, relevance, config.floor), clamped);
  }

 private:
  /// exp(curvature / temperature) of each frame, 0 of empty ones. Curvatures lie in [0, 2].
  std::vector<double> bends(const FeatureRows& x, const std::vector<std::vector<Index>>& frames) const {
    std::vector<std::vector<double>> means;
    std::vector<std::size_t> of;
    for (std::size_t f = 0; f < frames.size(); ++f) {
      if (frames[f].empty()) continue;
      means.push_back(frames::unit_mean(x, frames[f]));
      of.push_back(f);
    }
    std::vector<double> out(frames.size());
    for (std::size_t i = 0; i < means.size(); ++i) {
      double curvature = 1;
      if (i > 0 && i + 1 < means.size()) {
        std::vector<double> in(x.width), on(x.width);
        for (std::size_t d = 0; d < x.width; ++d) {
          in[d] = means[i][d] - means[i - 1][d];
          on[d] = means[i + 1][d] - means[i][d];
        }
        curvature = 1 - cosine_of(in, on);
      }
      out[of[i]] = std::exp((curvature - 2) / config.temperature);
    }
    return out;
  }
};
static_assert(check_allocator<VcastFramesAllocator>());

/// Source: V-CAST, github.com/xinyouu/V-CAST, read in November 2026. Differs: what is left after rounding goes round by
/// remainder, where its release gives all of it to the frame of the largest one; a picture is pruned, too.
inline void register_vcast(HostStages& r) {
  r.add_scorer<VcastScorer>(
      {"V-CAST, github.com/xinyouu/V-CAST", {}, "how much a token stands out of its frame", "O(N D)"});
  r.add_allocator<VcastFramesAllocator>(
      {"V-CAST, github.com/xinyouu/V-CAST", {}, "more tokens for frames where a clip turns", "O(N D + N log N)"});
  r.add_preset({"vcast", "none/vcast/fixed:scale=none/vcast_frames/gather",
                "of a clip: frames by curvature, inside a frame what stands out", "V-CAST, github.com/xinyouu/V-CAST"});
}

}  // namespace arrcoc
