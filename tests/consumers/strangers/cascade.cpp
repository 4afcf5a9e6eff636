// Two decisions in turn: the dark tokens go into the tower, and of those the ones stay that are unlike their mean.
#include "arrcoc/engine/plugin.hpp"
#include "arrcoc/primitives/feature_rows.hpp"
#include "dark.hpp"

struct OddScorer {  // the better one: what the tower made of those that are left
  static constexpr std::string_view name = "odd";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::vision, arrcoc::Need::vision};
  struct Config {
  } config{};
  std::vector<float> score(const arrcoc::Evidence& e) const {
    arrcoc::FeatureRows tokens(*e.vision, e.count(), name);
    tokens.centre();
    std::vector<float> out;
    for (std::size_t t = 0; t < tokens.count; ++t)
      out.push_back(static_cast<float>(std::sqrt(arrcoc::dot_of(tokens.row(t), tokens.row(t)))));
    return out;
  }
};
ARRCOC_PLUGIN(DarkScorer, OddScorer)
