#include "arrcoc/allocators/depth/entry_by_relevance.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

static Allocation run(const std::vector<float>& r, Index k, EntryByRelevanceConfig config) {
  Evidence e;
  e.tokens = Grid{2, 3};
  Rng rng(1);
  return EntryByRelevanceAllocator{config}.allocate(r, e, Budget{k}, rng);
}

TEST_CASE("a 2x3 example worked by hand") {
  // relevance .1 .9 .5 / .6 .8 .2, K = 5: by relevance 1 4 3 2 5. Two parts: 1 4 3 at once, 2 5 before layer 4.
  const std::vector<float> r{.1f, .9f, .5f, .6f, .8f, .2f};
  const auto two = run(r, 5, {2, 4});
  CHECK(two.kept == std::vector<Index>{1, 2, 3, 4, 5});
  CHECK(two.entry == std::vector<Index>{0, 4, 0, 0, 4});
  // Three parts of 2, 2 and 1: 1 4, then 3 2, then 5.
  CHECK(run(r, 5, {3, 1}).entry == std::vector<Index>{0, 1, 1, 0, 2});
  // More parts than tokens: one each.
  CHECK(run(r, 2, {5, 3}).entry == std::vector<Index>{0, 3});
  CHECK(run(r, 4, {1, 9}).entry == std::vector<Index>{0, 0, 0, 0});
}

TEST_CASE("settings outside their range are refused") {
  CHECK_THROWS_WITH_AS(run({0, 0, 0, 0, 0, 0}, 2, {0, 1}), "[entry_by_relevance] parts: expected 1 to 64, got 0 (E101)",
                       Error);
  CHECK_THROWS_WITH_AS(run({0, 0, 0, 0, 0, 0}, 2, {2, 0}),
                       "[entry_by_relevance] step: expected 1 to 1024, got 0 (E101)", Error);
}
