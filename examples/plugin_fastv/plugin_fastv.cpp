#include "arrcoc/engine/plugin.hpp"

struct FastVScorer {  // Chen et al. 2024, section 4.1: what the last row pays
  static constexpr std::string_view name = "fastv";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::layer, arrcoc::Need::received};
  struct Config {
    arrcoc::Index layer = 1;
  } config{};
  arrcoc::Request asked() const {
    return {.site = arrcoc::Request::Site::layer, .index = config.layer, .rows = arrcoc::Request::Rows::last};
  }
  std::vector<arrcoc::Request> needs() const { return {asked()}; }
  std::vector<float> score(const arrcoc::Evidence& e) const { return arrcoc::to_floats(e.answer(asked())); }
};
ARRCOC_PLUGIN(FastVScorer)
