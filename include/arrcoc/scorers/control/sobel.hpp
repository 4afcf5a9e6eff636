#pragma once
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct SobelConfig {
  bool operator==(const SobelConfig&) const = default;
};

/// Mean edge strength of the cell, channels edge_x + edge_y: [N, C] -> [N], >= 0. O(N). A control: what a scorer adds
/// to plain edges. Source: the Sobel operator as `texture13` has it.
struct SobelScorer {
  static constexpr std::string_view name = "sobel";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = true;
  using Config = SobelConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    const Textures& t = *e.textures;
    require_that(t.count() == e.count(), Code::shape_mismatch, name, "textures: expected one row for each token");
    const Index x = t.channel("edge_x"), y = t.channel("edge_y");
    std::vector<float> out;
    for (Index i = 0; i < e.count(); ++i) out.push_back(t.at(i, x) + t.at(i, y));
    return out;
  }
};
static_assert(check_scorer<SobelScorer>());

}  // namespace arrcoc
