// A scorer on the inside of the tower: the norm of a token's keys in one block, all heads together.
#include "arrcoc/engine/plugin.hpp"

struct KeyNormScorer {
  static constexpr std::string_view name = "key_norm";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::vision, arrcoc::Need::k};
  struct Config {
    arrcoc::Index block = -1;
  } config{};
  arrcoc::Request asked() const {
    using R = arrcoc::Request;
    return {.site = R::Site::tower, .index = config.block, .what = R::What::k, .heads = R::Over::each};
  }
  std::vector<arrcoc::Request> needs() const { return {asked()}; }
  std::vector<float> score(const arrcoc::Evidence& e) const {
    const arrcoc::HostTensor& keys = e.answer(asked());  // [N, heads * d]
    std::vector<float> out;
    for (arrcoc::Index t = 0; t < e.count(); ++t) {
      double sum = 0;
      for (const float k : keys.floats().subspan(t * keys.dim(1), keys.dim(1))) sum += double{k} * k;
      out.push_back(static_cast<float>(std::sqrt(sum)));
    }
    return out;
  }
};
ARRCOC_PLUGIN(KeyNormScorer)
