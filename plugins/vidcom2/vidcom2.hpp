#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/frames.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// The calmer half of the channels (of variance over all tokens the smaller, equal ones by the smaller index; at least
/// one), rows scaled to length 1.
inline FeatureRows vidcom2_channels(const Evidence& e, std::string_view where) {
  const FeatureRows all(*e.vision, e.count(), where);
  const std::vector<double> mean = all.mean();
  std::vector<double> variance(all.width);
  for (std::size_t i = 0; i < all.values.size(); ++i) {
    const double d = all.values[i] - mean[i % all.width];
    variance[i % all.width] += d * d;
  }
  std::vector<std::size_t> order(all.width);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return variance[a] < variance[b]; });
  order.resize(std::max<std::size_t>(1, all.width / 2));
  FeatureRows out = all;
  out.width = order.size();
  out.values.clear();
  for (std::size_t i = 0; i < all.count; ++i)
    for (const std::size_t d : order) out.values.push_back(all.row(i)[d]);
  out.normalise();
  return out;
}

/// Sum over a = 1/8, 1/4, 1/2, 1, 2 of exp(-d^2 / 2a), d the distance between the two; in (0, 5].
inline double vidcom2_likeness(std::span<const double> x, std::span<const double> centre) {
  const double d = distance_of(x, centre);
  double sum = 0;
  for (double a = 0.125; a <= 2; a *= 2) sum += std::exp(-d * d / (2 * a));
  return sum;
}

struct Vidcom2Config {
  bool operator==(const Vidcom2Config&) const = default;
};

/// How untypical a token is of its clip and of its frame: minus its likeness to the mean of all and to the mean of its
/// frame, on the calmer half of the channels. [N, D] -> [N] in [-10, 0). O(N D). A picture is one frame.
struct Vidcom2Scorer {
  static constexpr std::string_view name = "vidcom2";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr bool row_wise = false;
  using Config = Vidcom2Config;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    const FeatureRows x = vidcom2_channels(e, name);
    const std::vector<double> clip = x.mean();
    std::vector<float> out(x.count);
    for (const auto& frame : frames::of(e.tokens)) {
      const std::vector<double> mean = frames::mean(x, frame);
      for (const Index t : frame) {
        const auto row = x.row(static_cast<std::size_t>(t));
        out[static_cast<std::size_t>(t)] =
            static_cast<float>(-(vidcom2_likeness(row, clip) + vidcom2_likeness(row, mean)));
      }
    }
    return out;
  }
};
static_assert(check_scorer<Vidcom2Scorer>());

struct Vidcom2FramesConfig {
  double temperature = 0.01;  ///< of the softmax over what is unique in a frame; above 0
  Index floor = 1;            ///< tokens that each frame keeps where the budget holds as many
  std::string validate() const {
    if (!(temperature > 0 && temperature < 1e6))
      return "temperature: expected a number in (0, 1e6), got " + std::to_string(temperature);
    return floor >= 0 ? "" : "floor: expected at least 0, got " + std::to_string(floor);
  }
  bool operator==(const Vidcom2FramesConfig&) const = default;
};

/// Quotas of frames by how unlike the clip they are: u = minus the mean of its tokens' likeness to the clip's mean,
/// p = softmax(u / temperature) over the frames that have tokens, weight 1 + p - mean p; first `floor` tokens each, the
/// rest by weight and largest remainder within what a frame has; inside a frame the most relevant. Exactly K.
/// O(N D + N log N). Reasons: primitives/picks.hpp, by rank. One picture: `top_k`.
struct Vidcom2FramesAllocator {
  static constexpr std::string_view name = "vidcom2_frames";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr Spend spend = Spend::exact;
  using Config = Vidcom2FramesConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const FeatureRows x = vidcom2_channels(e, name);
    const std::vector<double> clip = x.mean();
    const auto ranked = frames::ranked(e.tokens, relevance);
    std::vector<double> unique(ranked.size(), -5), weights(ranked.size());
    for (std::size_t f = 0; f < ranked.size(); ++f) {
      double sum = 0;
      for (const Index t : ranked[f]) sum += vidcom2_likeness(x.row(static_cast<std::size_t>(t)), clip);
      if (!ranked[f].empty()) unique[f] = -sum / static_cast<double>(ranked[f].size());
    }
    const double most = *std::max_element(unique.begin(), unique.end());
    double all = 0, filled = 0;
    for (std::size_t f = 0; f < ranked.size(); ++f)
      if (!ranked[f].empty()) all += weights[f] = std::exp((unique[f] - most) / config.temperature), ++filled;
    for (double& w : weights) w = 1 + w / all - 1 / filled;  // of an empty frame: counts for nothing
    return selection::finish(e.tokens, greedy::by_quota(ranked, weights, k, relevance, config.floor), clamped);
  }
};
static_assert(check_allocator<Vidcom2FramesAllocator>());

/// Source: Liu et al. 2025, "VidCom2" (arXiv 2505.14454), with the kernel and the floor of its code
/// (github.com/xuyang-liu16/VidCom2), read in November 2026. Differs: its quotas are rounded and cut off one by one and
/// need not sum to the budget; ours are what they are proportional to, by largest remainder.
inline void register_vidcom2(HostStages& r) {
  r.add_scorer<Vidcom2Scorer>(
      {"Liu et al. 2025, arXiv 2505.14454", {}, "how untypical a token is of its clip and its frame", "O(N D)"});
  r.add_allocator<Vidcom2FramesAllocator>(
      {"Liu et al. 2025, arXiv 2505.14454", {}, "more tokens for frames unlike the clip", "O(N D + N log N)"});
  r.add_preset({"vidcom2", "none/vidcom2/fixed:scale=none/vidcom2_frames/gather",
                "of a clip: frames by how unlike the clip they are, inside a frame the least typical",
                "Liu et al. 2025, arXiv 2505.14454"});
}

}  // namespace arrcoc
