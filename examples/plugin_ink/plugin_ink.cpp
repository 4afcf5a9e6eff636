#include "arrcoc/engine/plugin.hpp"

struct InkScorer {
  static constexpr std::string_view name = "ink";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::pixels, arrcoc::Need::textures};
  struct Config {
    float power = 1.f;
  } config{};
  std::vector<float> score(const arrcoc::Evidence& e) const {
    std::vector<float> out;
    for (arrcoc::Index t = 0, green = e.textures->channel("green"); t < e.count(); ++t)
      out.push_back(std::pow(1.0f - e.textures->at(t, green), config.power));
    return out;
  }
};
ARRCOC_PLUGIN(InkScorer)
