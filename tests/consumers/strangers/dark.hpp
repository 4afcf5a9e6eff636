#pragma once
// What two of the strangers look at first: how dark a token is, from pixels alone.
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

struct DarkScorer {
  static constexpr std::string_view name = "dark";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::pixels, arrcoc::Need::textures};
  static constexpr bool common_scale = true;  // dark in one picture is dark in another
  struct Config {
  } config{};
  std::vector<float> score(const arrcoc::Evidence& e) const {
    std::vector<float> out;
    for (arrcoc::Index t = 0, green = e.textures->channel("green"); t < e.count(); ++t)
      out.push_back(1.f - e.textures->at(t, green));
    return out;
  }
};
