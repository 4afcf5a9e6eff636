#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct ChannelConfig {
  std::string of = "intensity_contrast";  ///< a channel of the pipeline's texture
  bool inverted = false;                  ///< lowest first
  std::string validate() const { return of.empty() ? "of: expected the name of a channel, got none" : ""; }
  bool operator==(const ChannelConfig&) const = default;
};

/// One channel of the textures as it is: [N, C] -> [N]. O(N). Error{missing_evidence} for a channel that the texture
/// has not. A control, and the way from a channel to a map: `named:channels=flow/channel:of=flow`.
struct ChannelScorer {
  static constexpr std::string_view name = "channel";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = true;
  static constexpr bool common_scale = true;
  using Config = ChannelConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const Textures& t = *e.textures;
    require_that(t.count() == e.count(), Code::shape_mismatch, name, "textures: expected one row for each token");
    const Index column = t.channel(config.of);
    std::vector<float> out;
    for (Index i = 0; i < e.count(); ++i) out.push_back(config.inverted ? -t.at(i, column) : t.at(i, column));
    return out;
  }
};
static_assert(check_scorer<ChannelScorer>());

}  // namespace arrcoc
