// uniform, grid, centre, random, full: the controls that do not look at relevance.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "arrcoc/allocators/control/centre.hpp"
#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/control/uniform.hpp"

using namespace arrcoc;

template <class A>
static Allocation run(Grid grid, Index k, std::uint64_t seed = 1) {
  Evidence e;
  e.tokens = grid;
  Rng rng(seed);
  return A{}.allocate(std::vector<float>(std::size_t(grid.count())), e, Budget{k, 0.25}, rng);
}
using Kept = std::vector<Index>;

TEST_CASE("2x3 examples worked by hand") {
  // tokens   0 1 2 / 3 4 5
  // uniform, K = 2: floor((i + 1/2) 6 / 2) = 1, 4. K = 3: 1, 3, 5.
  CHECK(run<UniformAllocator>({2, 3}, 2).kept == Kept{1, 4});
  CHECK(run<UniformAllocator>({2, 3}, 3).kept == Kept{1, 3, 5});
  // grid, K = 2: round(sqrt(2 * 2 / 3)) = 1 line, row floor(1/2 * 2) = 1, columns floor(3/4) = 0 and floor(9/4) = 2.
  CHECK(run<Grid2dAllocator>({2, 3}, 2).kept == Kept{3, 5});
  // grid, K = 4: round(sqrt(8/3)) = 2 lines of 2.
  CHECK(run<Grid2dAllocator>({2, 3}, 4).kept == Kept{0, 2, 3, 5});
  // centre: squared distances 1.25 .25 1.25 / 1.25 .25 1.25.
  CHECK(run<CentreAllocator>({2, 3}, 1).kept == Kept{1});
  CHECK(run<CentreAllocator>({2, 3}, 3).kept == Kept{0, 1, 4});
  CHECK(run<FullAllocator>({2, 3}, 1) == keep_everything({2, 3}));
}

TEST_CASE("the lattice is exact, distinct and covers rows and columns evenly") {
  for (const Grid g : {Grid{16, 16}, Grid{32, 32}, Grid{1, 50}, Grid{50, 1}, Grid{37, 25}, Grid{5, 3}, Grid{110, 78}})
    for (Index k = 1; k <= g.count(); k += 1 + k / 7) {
      const auto kept = selection::lattice(g, k);
      INFO(g.rows, " x ", g.cols, " k ", k);
      REQUIRE(Index(kept.size()) == k);
      CHECK(std::set<Index>(kept.begin(), kept.end()).size() == kept.size());
      CHECK(std::is_sorted(kept.begin(), kept.end()));
      CHECK((kept.front() >= 0 && kept.back() < g.count()));
      if (g.rows < 8 || g.cols < 8 || k < 256) continue;
      std::vector<double> part(16);  // 4 x 4 parts of the grid hold their share of tokens, within half and twice
      for (const Index t : kept)
        part[std::size_t((t / g.cols) * 4 / g.rows * 4 + (t % g.cols) * 4 / g.cols)] += 16.0 / double(k);
      CHECK(*std::min_element(part.begin(), part.end()) > 0.5);
      CHECK(*std::max_element(part.begin(), part.end()) < 2.0);
    }
  CHECK(selection::lattice(Grid{7, 9}, 63).size() == 63);
}

TEST_CASE("random depends on the generator alone and takes every token equally often") {
  CHECK(run<RandomAllocator>({8, 8}, 16, 3) == run<RandomAllocator>({8, 8}, 16, 3));
  CHECK(run<RandomAllocator>({8, 8}, 16, 3).kept != run<RandomAllocator>({8, 8}, 16, 4).kept);
  std::vector<int> count(20);
  for (std::uint64_t s = 0; s < 4000; ++s)
    for (const Index t : run<RandomAllocator>({4, 5}, 5, s).kept) ++count[std::size_t(t)];
  for (const int c : count) CHECK((c > 880 && c < 1120));  // 1000 expected, deviation about 27
}

TEST_CASE("a budget of 0 tokens or a ratio out of range is refused") {
  Evidence e;
  e.tokens = {2, 2};
  Rng rng(1);
  const std::vector<float> r(4), wrong(3);
  CHECK_THROWS_WITH_AS((void)UniformAllocator{}.allocate(r, e, Budget{-1, 0.5}, rng),
                       doctest::Contains("at least 1 token"), Error);
  CHECK_THROWS_WITH_AS((void)Grid2dAllocator{}.allocate(r, e, Budget{0, 1.5}, rng), doctest::Contains("keep ratio"),
                       Error);
  CHECK_THROWS_WITH_AS((void)CentreAllocator{}.allocate(wrong, e, Budget{1, 1}, rng),
                       doctest::Contains("expected 4 values, got 3"), Error);
}
