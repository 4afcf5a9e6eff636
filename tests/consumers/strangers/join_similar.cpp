// An allocator that merges: the most relevant tokens stay, and each of the others joins the one it is most like.
#include "arrcoc/engine/plugin.hpp"
#include "arrcoc/primitives/selection.hpp"

struct JoinSimilarAllocator {
  static constexpr std::string_view name = "join_similar";
  static constexpr arrcoc::Needs may_need{arrcoc::Phase::vision, arrcoc::Need::similarity};
  static constexpr arrcoc::Spend spend = arrcoc::Spend::exact;
  struct Config {
  } config{};
  arrcoc::Allocation allocate(std::span<const float> relevance, const arrcoc::Evidence& e, arrcoc::Budget budget,
                              arrcoc::Rng&) const {
    arrcoc::Allocation a = arrcoc::selection::most_relevant(relevance, e.tokens, budget, name);
    std::vector<std::vector<arrcoc::Index>> members(a.kept.size());
    std::vector<float> like(relevance.size());
    for (arrcoc::Index t = 0; t < e.count(); ++t) {
      e.similarity->row(t, like);
      like[t] = 2.f;  // above every cosine: who is kept stays where it is
      const auto to = std::max_element(a.kept.begin(), a.kept.end(), [&](auto x, auto y) { return like[x] < like[y]; });
      members[to - a.kept.begin()].push_back(t);
    }
    for (const auto& row : members) {
      a.merge.emplace_back();
      for (const arrcoc::Index t : row) a.merge.back().push_back({t, 1.f / static_cast<float>(row.size())});
    }
    return a;
  }
};
ARRCOC_PLUGIN(JoinSimilarAllocator)
