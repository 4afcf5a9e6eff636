// The cause that an allocator names is the cause: every registered one, and for each law a mutant that breaks it and no
// other, and that no law of scores notices.
#include <doctest/doctest.h>

#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/primitives/mmr.hpp"
#include "laws/allocator_laws.hpp"
#include "laws/provenance_laws.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using laws::Broken;

namespace {

struct Face {
  AnyAllocator any;
  Allocation allocate(std::span<const float> r, Evidence e, Budget b, Rng& g) const {
    laws::answer_all(e, any.facts.needs);
    return any->allocate(r, e, b, g);
  }
};

struct Base {
  static constexpr std::string_view name = "test";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  struct Config {
  } config{};
  /// A lattice, moved on by some tokens, for one cause.
  static Allocation lattice(const Evidence& e, Budget b, Index shift, Cause cause) {
    const auto [k, clamped] = b.resolve(e.count());
    std::vector<Index> order = selection::lattice(e.tokens, k);
    for (Index& t : order) t = (t + shift) % e.count();
    return selection::finish(e.tokens, order, cause, clamped, [](Index) { return 1.f; });
  }
};
struct WanderingAllocator : Base {  // a lattice that begins where features say
  static constexpr const char* breaks = "place";
  Allocation allocate(std::span<const float>, const Evidence& e, Budget b, Rng&) const {
    return lattice(e, b, static_cast<Index>(1000 * std::abs(e.vision->floats()[0])) % 7, Cause::lattice);
  }
};
struct PinnedAllocator : Base {  // a generator of its own
  static constexpr const char* breaks = "random";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    Rng rng(5);
    return RandomAllocator{}.allocate(s, e, b, rng);
  }
};
struct SeenBeforeAllocator : Base {  // covers where the boxes always were
  static constexpr const char* breaks = "oracle";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng& rng) const {
    Evidence there = e;
    there.boxes = std::vector<Box>{{0, 0, 40, 50}};
    return OracleAllocator{}.allocate(s, there, b, rng);
  }
};
struct BlindAllocator : Base {  // a lattice, called coverage
  static constexpr const char* breaks = "coverage";
  Allocation allocate(std::span<const float>, const Evidence& e, Budget b, Rng&) const {
    return lattice(e, b, 0, Cause::coverage);
  }
};
struct MmrAllocator : Base {
  double lambda = 0.5;
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng&) const {
    return selection::finish(e.tokens,
                             greedy::reasons(greedy::mmr(s, *e.similarity, b.resolve(e.count()).kept, lambda), s), b);
  }
};

}  // namespace

TEST_CASE("every registered allocator names the cause") {
  std::set<Cause> seen;
  for (const auto& row : tests::host_stages().allocators) {
    std::vector<ConfigField> fields;
    std::vector<ConfigProblem> problems;
    const Face face{row.make({}, "x", fields, problems)};
    if (std::any_of(fields.begin(), fields.end(), [](const ConfigField& f) { return f.path == "x.weights"; }))
      continue;  // kept as top_k keeps them
    CAPTURE(row.entry.name);
    const bool similarity = face.any.facts.may_need.evidence & Need::similarity;
    CHECK(laws::broken_provenance_laws(face, similarity) == Broken{});
    const laws::Case here(laws::shapes()[0], 5);
    Rng rng(1);
    for (const Provenance& p : face.allocate(laws::scores(64, 3, false), here.evidence, Budget{20, 1}, rng).why)
      seen.insert(p.cause);
  }
  for (const Cause c : {Cause::score, Cause::random, Cause::lattice, Cause::centre, Cause::oracle})
    CHECK(seen.count(c) == 1);
}
TEST_CASE("maximal marginal relevance keeps the laws of allocators, whatever counts more") {
  for (const double lambda : {0.0, 0.3, 0.7, 1.0}) {
    CAPTURE(lambda);
    const MmrAllocator mmr{{}, lambda};
    CHECK(laws::broken_provenance_laws(mmr) == Broken{});
    CHECK(laws::broken_allocator_laws(mmr) == Broken{});
  }
}
TEST_CASE_TEMPLATE("each mutant of a cause breaks one law, and none of scores", A, WanderingAllocator, PinnedAllocator,
                   SeenBeforeAllocator, BlindAllocator) {
  CHECK(laws::broken_provenance_laws<A>() == Broken{A::breaks});
  CHECK(laws::broken_allocator_laws<A>() == Broken{});
}
