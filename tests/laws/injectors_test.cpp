// Every registered injector that acts after the tower keeps its laws; every law has a mutant that breaks it and no
// other.
#include <doctest/doctest.h>

#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "laws/injector_laws.hpp"

using namespace arrcoc;
using laws::Broken;

namespace {

using B = EigenBackend;
using Allocations = std::span<const Allocation>;
using Encoded = qwen3vl::Encoded<B>;
using Injected = qwen3vl::Injected<B>;

struct InjectorFace {
  AnyInjector<B> any;
  unsigned honours = any.facts.honours;
  Injected inject(B& b, Allocations a, const Encoded& e, const Prompt& p, Trace* t) const {
    return any->inject(b, a, e, p, t);
  }
};

struct MutantBase {
  static constexpr std::string_view name = "mutant";
  static constexpr Phase phase = Phase::vision;
  static constexpr unsigned honours = Honour::depth;
  struct Config {
  } config{};
  static bool whole(const Allocation& a) { return a.count() == a.tokens.count(); }
};
struct ShortcutInjector : MutantBase {  // nothing to drop: skips the levels with the work
  static constexpr const char* breaks = "identity";
  Injected inject(B& b, Allocations a, const Encoded& e, const Prompt& p, Trace* t) const {
    Injected in = GatherInjector{}.inject(b, a, e, p, t);
    if (std::all_of(a.begin(), a.end(), whole)) in.levels.clear();
    return in;
  }
};
struct RenumberingInjector : MutantBase {  // closes the gaps that dropped tokens leave
  static constexpr const char* breaks = "text";
  Injected inject(B& b, Allocations a, const Encoded& e, const Prompt& p, Trace* t) const {
    Injected in = GatherInjector{}.inject(b, a, e, p, t);
    if (in.rows.size() == p.ids.size()) return in;
    for (auto* axis : {&in.positions.t, &in.positions.h, &in.positions.w}) axis->back() -= 1;
    return in;
  }
};
struct NeighbourInjector : MutantBase {  // of a picture that lost tokens, the first kept one brings its successor's row
  static constexpr const char* breaks = "own";
  Injected inject(B& b, Allocations a, const Encoded& e, const Prompt& p, Trace* t) const {
    Injected in = GatherInjector{}.inject(b, a, e, p, t);
    Index before = 0;
    for (std::size_t s = 0; s < a.size(); before += p.spans[s++].grid.count()) {
      if (whole(a[s])) continue;
      const Index next = before + (a[s].kept[0] + 1) % a[s].tokens.count();
      for (std::size_t i = 0; i < in.rows.size(); ++i)
        if (in.rows[i].picture == static_cast<Index>(s) && in.rows[i].token == a[s].kept[0])
          in.embeddings = b.scatter_rows(in.embeddings, std::vector{static_cast<Index>(i)},
                                         b.gather_rows(e.vision.tokens, std::vector{next}));
    }
    return in;
  }
};
struct CrowdInjector : MutantBase {  // where any picture lost tokens, levels of the whole ones are left out
  static constexpr const char* breaks = "others";
  Injected inject(B& b, Allocations a, const Encoded& e, const Prompt& p, Trace* t) const {
    std::vector<Allocation> changed(a.begin(), a.end());
    if (!std::all_of(a.begin(), a.end(), whole))
      for (Allocation& x : changed)
        if (whole(x)) x.depth.assign(x.depth.size(), 1);
    return GatherInjector{}.inject(b, Allocations(changed), e, p, t);
  }
};
struct DeafInjector : MutantBase {  // does as if regions had not been asked for
  static constexpr const char* breaks = "honours";
  Injected inject(B& b, Allocations a, const Encoded& e, const Prompt& p, Trace* t) const {
    std::vector<Allocation> changed(a.begin(), a.end());
    for (Allocation& x : changed) x.regions.clear();
    return GatherInjector{}.inject(b, Allocations(changed), e, p, t);
  }
};
struct BoastingInjector : MutantBase {  // says it merges, and refuses to
  static constexpr const char* breaks = "honours";
  static constexpr unsigned honours = Honour::depth | Honour::merge;
  Injected inject(B& b, Allocations a, const Encoded& e, const Prompt& p, Trace* t) const {
    return GatherInjector{}.inject(b, a, e, p, t);
  }
};

}  // namespace

TEST_CASE("every registered injector that acts after the tower keeps its laws") {
  Registry<B> registry;
  register_builtin(registry);
  int found = 0;
  for (const auto& row : registry.injectors) {
    if (row.entry.needs.phase != Phase::vision) continue;
    CAPTURE(row.entry.name);
    std::vector<ConfigField> fields;
    std::vector<ConfigProblem> problems;
    const InjectorFace face{row.make({}, "x", fields, problems)};
    CHECK(problems.empty());
    CHECK(laws::broken_injector_laws<B>(face) == Broken{});
    ++found;
  }
  MergeInjector weighed;
  weighed.config.log_size = true;
  CHECK(laws::broken_injector_laws<B>(weighed) == Broken{});
  CHECK(found >= 1);
}

TEST_CASE("matched tiers leave alone what stands for one token, as all that the laws keep does") {
  MergeInjector matched;
  matched.config.match = 1;
  CHECK(laws::broken_injector_laws<B>(matched) == Broken{});
}

TEST_CASE("gather with a harness's fault breaks the laws that the fault says, and no other") {
  CHECK(laws::broken_injector_laws<B>(GatherInjector{{.positions = "sequential"}}) == Broken{"identity", "text"});
  CHECK(laws::broken_injector_laws<B>(GatherInjector{{.deepstack = "dropped"}}) == Broken{"identity", "own", "others"});
  CHECK_THROWS_WITH_AS(laws::broken_injector_laws<B>(GatherInjector{{.positions = "short"}}),
                       doctest::Contains("positions: expected true, sequential or seed, got 'short'"), Error);
}

TEST_CASE_TEMPLATE("each injector mutant breaks one law", I, ShortcutInjector, RenumberingInjector, NeighbourInjector,
                   CrowdInjector, DeafInjector, BoastingInjector) {
  CHECK(laws::broken_injector_laws<B, I>() == Broken{I::breaks});
}
