#include "arrcoc/engine/plugin.hpp"
#include "arrcoc/primitives/selection.hpp"
using namespace arrcoc;

struct MmrAllocator {  // Carbonell, Goldstein 1998: the most relevant token that is least like the chosen ones
  static constexpr std::string_view name = "mmr";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  struct Config {
    float lambda = 0.5f;
  } config{};
  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    const auto [k, clamped] = budget.resolve(e.count());
    std::vector<float> near(relevance.size(), -1.f), row(near.size()), gain(near.size());
    std::vector<Index> order;
    while (static_cast<Index>(order.size()) < k) {
      for (std::size_t i = 0; i < gain.size(); ++i)
        gain[i] = near[i] > 1.f ? -9.f : config.lambda * relevance[i] - (1 - config.lambda) * near[i];
      order.push_back(selection::best(gain, 1)[0]);
      e.similarity->row(order.back(), row);
      for (std::size_t i = 0; i < row.size(); ++i) near[i] = std::max(near[i], row[i]);
      near[static_cast<std::size_t>(order.back())] = 2.f;
    }
    return selection::finish(e.tokens, order, Cause::score, clamped,
                             [&](Index t) { return relevance[static_cast<std::size_t>(t)]; });
  }
};
ARRCOC_PLUGIN(MmrAllocator)
