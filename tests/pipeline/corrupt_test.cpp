// Tokens swapped for dropped ones: how many, which, and what stays as it was.
#include <doctest/doctest.h>

#include <set>

#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/pipeline/corrupt.hpp"

using namespace arrcoc;

namespace {

struct Merging {
  static constexpr std::string_view name = "merging";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::everything;
  struct Config {};
  Config config{};
  Allocation allocate(std::span<const float>, const Evidence& e, Budget, Rng&) const {
    Allocation a = keep_everything(e.tokens);
    a.merge.resize(a.kept.size());
    return a;
  }
};

Allocation kept_of(const AnyAllocator& allocator, Index budget, std::uint64_t seed, Index n = 40) {
  Evidence e;
  e.tokens = TokenSet(Grid{4, n / 4});
  std::vector<float> relevance;
  for (Index i = 0; i < n; ++i) relevance.push_back(static_cast<float>(i));
  Rng rng(seed);
  return allocator->allocate(relevance, e, {budget, 0}, rng);
}

}  // namespace

TEST_CASE("a share of the tokens kept gives way to dropped ones") {
  const AnyAllocator top = erase_allocator(TopKAllocator{});
  for (const auto& [share, budget, swapped] :
       {std::tuple{0.0, 10, 0}, std::tuple{0.05, 10, 1}, std::tuple{0.04, 10, 0}, std::tuple{0.25, 10, 3},
        std::tuple{1.0, 10, 10}, std::tuple{1.0, 30, 10}, std::tuple{1.0, 40, 0}, std::tuple{0.5, 1, 1}}) {
    const AnyAllocator wrong = corrupted(top, share);
    CHECK(wrong.facts.name == "top_k");
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Allocation a = kept_of(wrong, budget, seed);
      check_allocation(a, "test");
      REQUIRE(a.count() == budget);
      Index outside = 0, random = 0;
      for (std::size_t i = 0; i < a.kept.size(); ++i) {
        const bool dropped = a.kept[i] < 40 - budget;  // top_k keeps the last ones
        outside += dropped ? 1 : 0;
        random += a.why[i].cause == Cause::random ? 1 : 0;
        CHECK(dropped == (a.why[i].cause == Cause::random));
      }
      CHECK(outside == swapped);
      CHECK(random == swapped);
    }
  }
}

TEST_CASE("which tokens are swapped follows from the seed, and every one may be") {
  const AnyAllocator wrong = corrupted(erase_allocator(TopKAllocator{}), 0.2);
  std::set<Index> come, leave;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Allocation a = kept_of(wrong, 10, seed);
    CHECK(a == kept_of(wrong, 10, seed));
    std::set<Index> kept(a.kept.begin(), a.kept.end());
    for (Index t = 0; t < 30; ++t)
      if (kept.contains(t)) come.insert(t);
    for (Index t = 30; t < 40; ++t)
      if (!kept.contains(t)) leave.insert(t);
  }
  CHECK(come.size() == 30);
  CHECK(leave.size() == 10);
}

TEST_CASE("an allocation that merges cannot be corrupted") {
  const AnyAllocator wrong = corrupted(erase_allocator(Merging{}), 0.1);
  CHECK_THROWS_WITH_AS(kept_of(wrong, 10, 0), doctest::Contains("corrupt] expected an allocator that keeps or drops"),
                       Error);
}
