#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct InformationConfig {
  float contrast_share = 0.6f;  ///< how much of the score asks for contrast besides entropy; [0, 1]
  float contrast_knee = 0.12f;  ///< luma contrast (standard deviation / 255) that earns half of that share; > 0
  std::string validate() const {
    if (!(contrast_share >= 0.f && contrast_share <= 1.f))
      return "contrast_share: expected a number in [0, 1], got " + std::to_string(contrast_share);
    if (!(contrast_knee > 0.f && contrast_knee < 1e6f))
      return "contrast_knee: expected a number in (0, 1e6), got " + std::to_string(contrast_knee);
    return {};
  }
  bool operator==(const InformationConfig&) const = default;
};

/// Propositional knowing: how much is there to read in a token's cell? [N, C] -> [N] in [0, 1]. O(N).
///   h = entropy of the cell's own histogram of edge strengths, in [0, 1] (channel edge_entropy)
///   c = s / (s + knee),  s = contrast of the cell's pixels against their surround (channel intensity_contrast)
///   score = h ((1 - share) + share c)
/// Blank cells of any grey have one filled bin: h = 0. Text has flat ground, strokes and their soft rims: h near 1.
/// Dark on light and light on dark give the same edges, so the same score. Strong noise has no flat ground and fills
/// one bin. An intensity histogram would not do: fine grain on a bin border reads as one bit, and noise is its maximum.
/// Source: Shannon 1948, section 6 (entropy); binning ours.
struct InformationScorer {
  static constexpr std::string_view name = "information";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = true;  // a token's score depends on its own row of textures alone
  static constexpr bool common_scale = true;
  using Config = InformationConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const Textures& t = *e.textures;
    require_that(t.count() == e.count(), Code::shape_mismatch, name, "textures: expected one row for each token");
    const Index entropy = t.channel("edge_entropy"), contrast = t.channel("intensity_contrast");
    std::vector<float> out(static_cast<std::size_t>(e.count()));
    for (Index i = 0; i < e.count(); ++i) {
      const float s = t.at(i, contrast);
      out[static_cast<std::size_t>(i)] =
          t.at(i, entropy) * ((1.f - config.contrast_share) + config.contrast_share * (s / (s + config.contrast_knee)));
    }
    return out;
  }
};
static_assert(check_scorer<InformationScorer>());

}  // namespace arrcoc
