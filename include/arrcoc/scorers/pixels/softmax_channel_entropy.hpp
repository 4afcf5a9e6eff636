#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct SoftmaxChannelEntropyConfig {
  float channel_weight = 1.f;  ///< every channel is multiplied by it before the softmax (the sketch: 1/13); > 0
  std::string validate() const {
    return channel_weight > 0.f && channel_weight < 1e6f
               ? ""
               : "channel_weight: expected a number in (0, 1e6), got " + std::to_string(channel_weight);
  }
  bool operator==(const SoftmaxChannelEntropyConfig&) const = default;
};

/// The older sketch's "Shannon information": the entropy, in nats, of a softmax over a token's own channel values: [N,
/// C] -> [N]. O(N C). Kept for comparison; not information of the picture's content: the range is a few percent of ln
/// C, and flat cells score at or above text.
struct SoftmaxChannelEntropyScorer {
  static constexpr std::string_view name = "softmax_channel_entropy";
  static constexpr std::string_view reproduces_fault = "entropy over channel values: ranks blank cells above text";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = true;
  using Config = SoftmaxChannelEntropyConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const Textures& t = *e.textures;
    require_that(t.count() == e.count(), Code::shape_mismatch, name, "textures: expected one row for each token");
    std::vector<float> out(static_cast<std::size_t>(e.count()));
    for (Index i = 0; i < e.count(); ++i) {
      double largest = config.channel_weight * t.at(i, 0), sum = 0, weighted = 0;
      for (Index c = 1; c < t.channel_count(); ++c)
        largest = std::max<double>(largest, config.channel_weight * t.at(i, c));
      for (Index c = 0; c < t.channel_count(); ++c) {
        const double x = config.channel_weight * t.at(i, c) - largest, p = std::exp(x);
        sum += p;
        weighted += p * x;
      }
      out[static_cast<std::size_t>(i)] = static_cast<float>(std::log(sum) - weighted / sum);
    }
    return out;
  }
};
static_assert(check_scorer<SoftmaxChannelEntropyScorer>());

}  // namespace arrcoc
