#include "arrcoc/engine/plugin.hpp"
#include "arrcoc/primitives/mmr.hpp"

struct MmrAllocator {  // Carbonell, Goldstein 1998: the most relevant token that is least like the chosen ones
  static constexpr std::string_view name = "mmr";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::vision, arrcoc::Need::similarity};
  static constexpr arrcoc::Spend spend = arrcoc::Spend::exact;
  struct Config {
    float lambda = 0.5f;
  } config{};
  auto allocate(std::span<const float> relevance, const arrcoc::Evidence& e, arrcoc::Budget b, arrcoc::Rng&) const {
    const auto picks = arrcoc::greedy::mmr(relevance, *e.similarity, b.resolve(e.count()).kept, config.lambda);
    return arrcoc::selection::finish(e.tokens, arrcoc::greedy::reasons(picks, relevance), b);
  }
};
ARRCOC_PLUGIN(MmrAllocator)
