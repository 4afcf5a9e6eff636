#include "arrcoc/allocators/merge/merge_similar.hpp"

#include <doctest/doctest.h>

#include "arrcoc/core/similarity.hpp"

using namespace arrcoc;

static Allocation run(Index k, MergeSimilarConfig config = {}) {
  Evidence e;
  e.tokens = Grid{2, 3};
  // Directions in the plane, by degrees: 0, 80, 10 / 90, 50, 45.
  e.similarity = std::make_shared<const Similarity>(host_tensor(
      std::vector<float>{1, 0, .1736482f, .9848078f, .9848078f, .1736482f, 0, 1, .6427876f, .7660444f, 1, 1}, {6, 2}));
  Rng rng(1);
  return MergeSimilarAllocator{config}.allocate(std::vector<float>{.9f, .1f, .2f, .8f, .3f, .4f}, e, Budget{k}, rng);
}

TEST_CASE("a 2x3 example worked by hand") {
  // Kept: 0 (0 degrees) and 3 (90). 1 (80) joins 3, 2 (10) joins 0, 4 (50) joins 3, 5 (45): a tie, the smaller: 0.
  const auto a = run(2);
  CHECK(a.kept == std::vector<Index>{0, 3});
  const float third = 1.0f / 3.0f;
  CHECK(a.merge == std::vector<std::vector<MergePart>>{{{0, third}, {2, third}, {5, third}},
                                                       {{3, third}, {1, third}, {4, third}}});
  // Half to the kept token, a quarter to each member.
  CHECK(run(2, {0.5f}).merge ==
        std::vector<std::vector<MergePart>>{{{0, .5f}, {2, .25f}, {5, .25f}}, {{3, .5f}, {1, .25f}, {4, .25f}}});
  CHECK(run(1).merge[0].size() == 6);
}

TEST_CASE("with everything kept each row is its own") {
  const auto a = run(6);
  for (std::size_t i = 0; i < 6; ++i) CHECK(a.merge[i] == std::vector<MergePart>{{static_cast<Index>(i), 1.0f}});
  CHECK_THROWS_WITH_AS(run(2, {1.0f}), "[merge_similar] own: expected a number in [0, 1), got 1.000000 (E101)", Error);
}
