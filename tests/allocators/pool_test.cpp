#include "arrcoc/allocators/merge/pool.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

static Allocation run(const TokenSet& tokens, Index k) {
  Evidence e;
  e.tokens = tokens;
  Rng rng(1);
  return PoolAllocator{}.allocate(std::vector<float>(static_cast<std::size_t>(tokens.count()), .5f), e, Budget{k}, rng);
}
using Rows = std::vector<std::vector<MergePart>>;

TEST_CASE("2x4 and 3x5 examples worked by hand") {
  // tokens 0 1 2 3 / 4 5 6 7. Two: sqrt(2 * 2 / 4) = 1 band of two boxes of 2 x 2; middles at row 1, columns 1 and 3.
  const auto two = run(Grid{2, 4}, 2);
  CHECK(two.kept == std::vector<Index>{5, 7});
  CHECK(two.merge == Rows{{{5, .25f}, {0, .25f}, {1, .25f}, {4, .25f}}, {{7, .25f}, {2, .25f}, {3, .25f}, {6, .25f}}});
  CHECK(two.why[0] == Provenance{Cause::lattice, 0, 0});
  // Three: sqrt(3 * 2 / 4) = 1.2, one band of three boxes: columns 0, 1-2 and 3.
  const auto three = run(Grid{2, 4}, 3);
  CHECK(three.kept == std::vector<Index>{4, 6, 7});
  CHECK(three.merge[0] == std::vector<MergePart>{{4, .5f}, {0, .5f}});
  CHECK(three.merge[1] == std::vector<MergePart>{{6, .25f}, {1, .25f}, {2, .25f}, {5, .25f}});
  // 3 x 5 with 5: sqrt(3) = 1.7, two bands: rows 0-1 in columns 0-2 and 3-4, row 2 in columns 0-1, 2 and 3-4.
  const auto five = run(Grid{3, 5}, 5);
  CHECK(five.kept == std::vector<Index>{1, 3, 10, 12, 14});
  CHECK(five.merge[0].size() == 6);
  CHECK(five.merge[3] == std::vector<MergePart>{{12, 1.f}});
  CHECK(five.merge[4] == std::vector<MergePart>{{14, .5f}, {13, .5f}});
}

TEST_CASE("every token is in one row, every row is a mean, and with everything kept each is its own") {
  for (const Grid grid : {Grid{1, 1}, Grid{4, 8}, Grid{5, 7}, Grid{1, 17}, Grid{9, 2}})
    for (Index k = 1; k <= grid.count(); ++k) {
      const auto a = run(grid, k);
      REQUIRE(a.count() == k);
      std::vector<int> seen(static_cast<std::size_t>(grid.count()));
      for (std::size_t i = 0; i < a.merge.size(); ++i) {
        CHECK(a.merge[i][0].token == a.kept[i]);
        Index top = grid.rows, bottom = -1, left = grid.cols, right = -1;
        for (const MergePart& m : a.merge[i]) {
          ++seen[static_cast<std::size_t>(m.token)];
          CHECK(m.weight == 1.0f / static_cast<float>(a.merge[i].size()));
          top = std::min(top, m.token / grid.cols), bottom = std::max(bottom, m.token / grid.cols);
          left = std::min(left, m.token % grid.cols), right = std::max(right, m.token % grid.cols);
        }
        CHECK((bottom - top + 1) * (right - left + 1) == static_cast<Index>(a.merge[i].size()));  // a box
      }
      CHECK(seen == std::vector<int>(seen.size(), 1));
    }
}

TEST_CASE("places that are no raster join the nearest kept one of their frame") {
  // A row of four places, the outer two kept by the lattice of two: columns 1 and 3 of a 1 x 4 grid.
  const TokenSet some(Grid{1, 4}, std::vector<Place>{{0, 0, 1, 1}, {0, 1, 1, 1}, {0, 3, 1, 1}});
  const auto a = run(some, 2);
  CHECK(a.kept == std::vector<Index>{1, 2});
  CHECK(a.merge == Rows{{{1, .5f}, {0, .5f}}, {{2, 1.f}}});
  // Two frames of 1 x 2, one row each.
  const auto clip = run(TokenSet(Grid{1, 2}, 2), 2);
  CHECK(clip.merge == Rows{{{1, .5f}, {0, .5f}}, {{3, .5f}, {2, .5f}}});
}
