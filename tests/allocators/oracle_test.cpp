#include <doctest/doctest.h>

#include "arrcoc/allocators/control/oracle.hpp"

using namespace arrcoc;

static Allocation run(Grid grid, Index height, Index width, std::vector<Box> boxes, Index k) {
  const Image im(height, width);
  Evidence e;
  e.tokens = grid;
  e.rgb = im.view();
  e.size = FrameSize{im.height, im.width};
  e.boxes = std::move(boxes);
  Rng rng(1);
  return OracleAllocator{}.allocate(std::vector<float>(std::size_t(grid.count())), e, Budget{k, 0.25}, rng);
}
using Kept = std::vector<Index>;

TEST_CASE("a 2x3 example worked by hand") {
  // 20 x 30 pixels, cells of 10 x 10. Box rows 5..15, columns 8..20: covers 10 = 2x5 of tokens 0 and 3, 50 = 10x5 of
  // tokens 1 and 4.
  const Box box{5, 8, 15, 20};
  CHECK(run({2, 3}, 20, 30, {box}, 1).kept == Kept{1});
  CHECK(run({2, 3}, 20, 30, {box}, 3).kept == Kept{0, 1, 4});
  const auto a = run({2, 3}, 20, 30, {box}, 5);
  CHECK(a.kept == Kept{0, 1, 3, 4,
                       5});  // one place left: the lattice of one token is the middle, covered; of two, token 5 is free
  CHECK(a.why[1] == Provenance{Cause::oracle, 0, 50.f});
  CHECK(a.why[4] == Provenance{Cause::lattice, 4, 0.f});
}

TEST_CASE("overlapping boxes count their union") {
  // Twice the same 6 x 10 strip of token 0 is 60; token 1 has 70.
  CHECK(run({1, 2}, 10, 20, {{0, 0, 6, 10}, {0, 0, 6, 10}, {0, 10, 7, 20}}, 1).kept == Kept{1});
  // Two halves that overlap by a strip: 50 + 50 - 20 = 80 > 70.
  CHECK(run({1, 2}, 10, 20, {{0, 0, 5, 10}, {3, 0, 8, 10}, {0, 10, 7, 20}}, 1).kept == Kept{0});
}

TEST_CASE("boxes may stick out, be empty or lie outside") {
  CHECK(run({2, 2}, 20, 20, {{-50, -50, 5, 5}}, 1).kept == Kept{0});
  CHECK(run({2, 2}, 20, 20, {{15, 15, 900, 900}}, 1).kept == Kept{3});
  CHECK(run({2, 2}, 20, 20, {{100, 100, 200, 200}, {5, 5, 5, 9}}, 4).kept == Kept{0, 1, 2, 3});
}

TEST_CASE("without boxes it says so") {
  CHECK_THROWS_WITH_AS((void)run({1, 1}, 10, 10, {}, 1), doctest::Contains("answer boxes"), Error);
  CHECK_THROWS_WITH_AS((void)run({1, 1}, 0, 0, {{0, 0, 1, 1}}, 1), doctest::Contains("size"), Error);
}
