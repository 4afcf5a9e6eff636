// V2Drop (arXiv 2509.01552): tokens whose row changes most between two layers stay.
#include "arrcoc/engine/plugin.hpp"
#include "arrcoc/primitives/feature_rows.hpp"

struct V2DropScorer {
  static constexpr std::string_view name = "v2drop";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::layer, arrcoc::Need::hidden};
  struct Config {
    arrcoc::Index layer = 4;  // the decision stands before it; its input is compared with that of the layer below
    std::string validate() const {
      return layer >= 1 ? "" : "layer: expected at least 1, got " + std::to_string(layer);
    }
  } config{};
  arrcoc::Request input(arrcoc::Index layer) const {
    using R = arrcoc::Request;
    return {.site = R::Site::layer, .index = layer, .what = R::What::hidden, .rows = R::Rows::visual};
  }
  std::vector<arrcoc::Request> needs() const { return {input(config.layer - 1), input(config.layer)}; }
  std::vector<float> score(const arrcoc::Evidence& e) const {
    const arrcoc::FeatureRows before(e.answer(needs()[0]), e.count(), name), now(e.answer(needs()[1]), e.count(), name);
    std::vector<float> out;
    for (std::size_t t = 0; t < now.count; ++t)
      out.push_back(static_cast<float>(arrcoc::distance_of(before.row(t), now.row(t))));
    return out;
  }
};
ARRCOC_PLUGIN(V2DropScorer)
