// What allocators spend is what they declare, and maximally: every registered one; for each kind of spending one that
// keeps it, and mutants that break one law of it and no other.
#include <doctest/doctest.h>

#include "arrcoc/allocators/select/cumulative_mass.hpp"
#include "arrcoc/allocators/select/threshold.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/allocators/tier/tiers.hpp"
#include "laws/allocator_laws.hpp"
#include "laws/spend_laws.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using laws::Broken;

namespace {

struct Face {
  AnyAllocator any;
  Spend spend = any.facts.spend;
  Allocation allocate(std::span<const float> r, Evidence e, Budget b, Rng& g) const {
    laws::answer_all(e, any.facts.needs);
    return any->allocate(r, e, b, g);
  }
};

struct Base {
  static constexpr std::string_view name = "test";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  struct Config {
  } config{};
  static Allocation top(std::span<const float> s, const Evidence& e, Index tokens) {
    Rng rng(1);
    return TopKAllocator{}.allocate(s, e, Budget{tokens, 1}, rng);
  }
};

/// Runs of one, two, three, one, ... tokens along the raster, by the best token of each; what does not fit is left out.
struct RunsAllocator : Base {
  static constexpr Spend spend = Spend::at_most;
  template <bool GoesOn>
  static Allocation runs(std::span<const float> s, const Evidence& e, Budget budget) {
    const auto [k, clamped] = budget.resolve(e.count());
    struct Run {
      Index first, last;
      float best;
    };
    std::vector<Run> all;
    for (Index first = 0, length = 1; first < e.count(); first += length, length = length % 3 + 1) {
      const Index last = std::min(e.count(), first + length);
      all.push_back({first, last, *std::max_element(s.begin() + first, s.begin() + last)});
    }
    std::stable_sort(all.begin(), all.end(), [](const Run& x, const Run& y) { return x.best > y.best; });
    std::vector<Index> order;
    for (const Run& r : all) {
      if (static_cast<Index>(order.size()) + r.last - r.first > k) {
        if (GoesOn || order.empty()) continue;
        break;
      }
      for (Index t = r.first; t < r.last; ++t) order.push_back(t);
    }
    return selection::finish(e.tokens, order, Cause::coverage, clamped, [&](Index t) { return s[std::size_t(t)]; });
  }
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const { return runs<true>(s, e, b); }
};
struct HaltingAllocator : RunsAllocator {  // gives up at the first run that does not fit
  static constexpr const char* breaks = "maximal";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    return runs<false>(s, e, b);
  }
};
struct HalvingAllocator : Base {  // half the budget, where each token would fit
  static constexpr Spend spend = Spend::at_most;
  static constexpr const char* breaks = "maximal";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    const auto [k, clamped] = b.resolve(e.count());
    auto a = top(s, e, std::max<Index>(1, k / 2));
    a.clamped = clamped;
    return a;
  }
};
struct OverdrawnAllocator : Base {  // one more from five on
  static constexpr Spend spend = Spend::at_most;
  static constexpr const char* breaks = "bound";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    const Index k = b.resolve(e.count()).kept;
    return top(s, e, k > 4 && k < e.count() ? k + 1 : k);
  }
};

/// The tokens above half, at least one.
struct HalfWayAllocator : Base {
  static constexpr Spend spend = Spend::own_count;
  static Index own(std::span<const float> s) {
    return std::max<Index>(1, std::count_if(s.begin(), s.end(), [](float x) { return x > 0.5f; }));
  }
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    const auto [k, clamped] = b.resolve(e.count());
    auto a = top(s, e, std::min(own(s), k));
    a.clamped = clamped;
    return a;
  }
};
struct TimidAllocator : HalfWayAllocator {  // also keeps away from the cap
  static constexpr const char* breaks = "own";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    const auto [k, clamped] = b.resolve(e.count());
    auto a = top(s, e, std::max<Index>(1, std::min(own(s), k - 1)));
    a.clamped = clamped;
    return a;
  }
};
struct WilfulAllocator : HalfWayAllocator {  // its own count, whatever the cap
  static constexpr const char* breaks = "bound";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget, Rng&) const { return top(s, e, own(s)); }
};

/// Each row of the raster as a region of 1, 2 or all of its tokens: the region whose best token is worth most is raised
/// as far as the budget goes, then the next one.
struct RowTiersAllocator : Base {
  static constexpr Spend spend = Spend::tiers;
  template <bool GoesOn>
  static Allocation tiers(std::span<const float> s, const Evidence& e, Budget budget) {
    const Grid g = e.tokens.grid;
    const auto [k, clamped] = budget.resolve(e.count());
    std::vector<float> worth;
    for (Index r = 0; r < g.rows; ++r)
      worth.push_back(*std::max_element(s.begin() + r * g.cols, s.begin() + (r + 1) * g.cols));
    std::vector<Index> given(worth.size()), order = selection::best(worth, g.rows);
    Index spent = 0;
    const auto next = [&](Index tier) { return tier == 0 ? 1 : tier == 1 ? std::min<Index>(2, g.cols) : g.cols; };
    for (const Index r : order) {
      Index& tier = given[std::size_t(r)];
      for (Index more = next(tier) - tier; more > 0 && spent + more <= k; more = next(tier) - tier) {
        spent += more;
        tier += more;
      }
      if (!GoesOn && tier < g.cols) break;
    }
    Allocation a;
    a.tokens = e.tokens;
    a.clamped = clamped;
    for (Index r = 0; r < g.rows; ++r) {
      const Index tier = given[std::size_t(r)];
      if (tier == 0) continue;
      a.regions.push_back({r, 0, r + 1, g.cols, tier});
      for (Index c = 0; c < tier; ++c) a.kept.push_back(g.at(r, c));
    }
    a.depth.assign(a.kept.size(), all_levels);
    a.why.assign(a.kept.size(), Provenance{});
    return a;
  }
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    return tiers<true>(s, e, b);
  }
};
struct ThriftyTiersAllocator : RowTiersAllocator {  // stops at the first region that cannot have all
  static constexpr const char* breaks = "maximal";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    return tiers<false>(s, e, b);
  }
};
struct LavishTiersAllocator : RowTiersAllocator {  // counts tokens, and not what the regions are told
  static constexpr const char* breaks = "bound";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    Allocation a = tiers<true>(s, e, b);
    if (b.tokens > 4)
      for (Region& r : a.regions) r.tokens += e.tokens.grid.cols;
    return a;
  }
};
struct ShortAllocator : Base {  // says exact, and keeps one less from four on
  static constexpr Spend spend = Spend::exact;
  static constexpr const char* breaks = "bound";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    const Index k = b.resolve(e.count()).kept;
    return top(s, e, k > 3 ? k - 1 : k);
  }
};

}  // namespace

TEST_CASE("every registered allocator spends what it declares, and no less") {
  int found = 0;
  for (const auto& row : tests::host_stages().allocators) {
    std::vector<ConfigField> fields;
    std::vector<ConfigProblem> problems;
    const Face face{row.make({}, "x", fields, problems)};
    if (std::any_of(fields.begin(), fields.end(), [](const ConfigField& f) { return f.path == "x.weights"; }))
      continue;  // learned_test.cpp
    CAPTURE(row.entry.name);
    CHECK(laws::broken_spend_laws(face) == Broken{});
    ++found;
  }
  CHECK(found >= 7);
}
TEST_CASE("allocators with a count of their own spend it whatever they are set to") {
  for (const Index least : {1, 5, 12})
    CHECK(laws::broken_spend_laws(ThresholdAllocator{{.least = 0.8f, .min_tokens = least}}) == Broken{});
  for (const double share : {0.1, 0.6, 1.0})
    CHECK(laws::broken_spend_laws(CumulativeMassAllocator{{.share = share}}) == Broken{});
}
TEST_CASE("tiers over regions small enough for several spend what they say, whatever a region asks for") {
  for (const char* by : {"thresholds", "power", "exponential", "blend", "best", "knapsack"})
    for (const char* pooled : {"mean", "max", "top"})
      for (const bool relative : {true, false})
        for (const char* regions : {"even", "quadtree"}) {
          CAPTURE(by);
          CAPTURE(pooled);
          CAPTURE(regions);
          const TiersAllocator a{{.tiers = "1+2+4",
                                  .thresholds = "0.3+0.6",
                                  .region = 5,
                                  .pooled = pooled,
                                  .relative = relative,
                                  .by = by,
                                  .widths = "1+1+2",
                                  .regions = regions}};
          CHECK(laws::broken_spend_laws(a) == Broken{});
          CHECK(laws::broken_allocator_laws(a) == Broken{});
        }
}
TEST_CASE_TEMPLATE("each kind of spending can be kept", A, TopKAllocator, RunsAllocator, HalfWayAllocator,
                   RowTiersAllocator) {
  CHECK(laws::broken_spend_laws<A>() == Broken{});
}
TEST_CASE_TEMPLATE("each mutant of spending breaks one law", A, HaltingAllocator, HalvingAllocator, OverdrawnAllocator,
                   TimidAllocator, WilfulAllocator, ThriftyTiersAllocator, LavishTiersAllocator, ShortAllocator) {
  CHECK(laws::broken_spend_laws<A>() == Broken{A::breaks});
}
TEST_CASE_TEMPLATE("what spends too little keeps every other law of allocators", A, HalvingAllocator, TimidAllocator) {
  CHECK(laws::broken_allocator_laws<A>() == Broken{});
}
