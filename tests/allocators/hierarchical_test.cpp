#include "arrcoc/allocators/depth/hierarchical.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

namespace {
Allocation run(HierarchicalConfig config, const std::vector<float>& r, Index k) {
  Evidence e;
  e.tokens = Grid{2, 3};
  Rng rng(1);
  return HierarchicalAllocator{config}.allocate(r, e, Budget{k, 0}, rng);
}
}  // namespace

TEST_CASE("a 2x3 example worked by hand, for each schedule of the notes") {
  // Scaled to 0..1: 0, .25, .5, .75, 1, .7. Above .7 the first class, above .4 the second; .7 itself is of the second.
  const std::vector<float> r{10, 15, 20, 25, 30, 24};
  const Allocation real = run({}, r, 6);
  CHECK(real.depth == std::vector<std::uint32_t>{4, 4, 6, 7, 7, 6});
  CHECK(run({.schedule = "seed4"}, r, 6).depth == std::vector<std::uint32_t>{8, 8, 6, 15, 15, 6});
  CHECK(run({.schedule = "seed3"}, r, 6).depth == std::vector<std::uint32_t>{4, 4, 4, 7, 7, 4});
  CHECK(run({.schedule = "0//1+2"}, r, 6).depth == std::vector<std::uint32_t>{6, 6, 0, 1, 1, 0});
  // The budget takes the most relevant; classes are of the whole picture, not of what is kept.
  const Allocation three = run({}, r, 3);
  CHECK(three.kept == std::vector<Index>{3, 4, 5});
  CHECK(three.depth == std::vector<std::uint32_t>{7, 7, 6});
  // As it comes: all of these are above 1.
  CHECK(run({.relative = false}, r, 6).depth == std::vector<std::uint32_t>(6, 7));
  CHECK(run({.high = 1, .middle = 1}, r, 6).depth == std::vector<std::uint32_t>(6, 4));
}

TEST_CASE("schedules and thresholds that are none are refused") {
  for (const char* text : {"", "real4", "0+1", "0+/1/2", "0/1/2/3", "01/1/2", "a/b/c"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS((void)run({.schedule = text}, {1, 2, 3, 4, 5, 6}, 3), doctest::Contains("schedule: expected"),
                         Error);
  }
  CHECK_THROWS_WITH_AS((void)run({.high = 0.3f}, {1, 2, 3, 4, 5, 6}, 3), doctest::Contains("middle <= high"), Error);
}
