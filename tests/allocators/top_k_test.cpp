#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "arrcoc/allocators/select/top_k.hpp"

using namespace arrcoc;

static Allocation run(Grid grid, const std::vector<float>& r, Budget b) {
  Evidence e;
  e.tokens = grid;
  Rng rng(1);
  return TopKAllocator{}.allocate(r, e, b, rng);
}

TEST_CASE("a 2x3 example worked by hand") {
  // relevance .1 .9 .5 / .5 .5 .2, K = 3: token 1 first, then the ties of .5 by index: 2, 3; token 4 is left.
  const auto a = run({2, 3}, {.1f, .9f, .5f, .5f, .5f, .2f}, {3});
  CHECK(a.kept == std::vector<Index>{1, 2, 3});
  CHECK(a.why[0] == Provenance{Cause::score, 0, .9f});
  CHECK(a.why[2] == Provenance{Cause::score, 2, .5f});
  CHECK(a.depth == std::vector<std::uint32_t>(3, all_levels));
  // keep ratio 0.25 of 6: floor(2) = 2
  CHECK(run({2, 3}, {.1f, .9f, .5f, .5f, .5f, .2f}, {}).kept == std::vector<Index>{1, 2});
}

TEST_CASE("equals a stable sort on random values with and without ties") {
  Rng rng(5);
  for (int trial = 0; trial < 300; ++trial) {
    const Grid g{1 + Index(rng.below(20)), 1 + Index(rng.below(20))};
    std::vector<float> r(std::size_t(g.count()));
    for (float& v : r) v = trial % 2 ? float(rng.below(4)) - 2.f : float(rng.uniform()) - 0.5f;
    std::vector<Index> order(r.size());
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Index a, Index b) { return r[std::size_t(a)] > r[std::size_t(b)]; });
    const Index k = 1 + Index(rng.below(r.size()));
    order.resize(std::size_t(k));
    std::sort(order.begin(), order.end());
    CHECK(run(g, r, {k}).kept == order);
  }
}

TEST_CASE("minus zero ties with zero, NaN is lowest, infinities order") {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  CHECK(run({1, 4}, {0.f, -0.f, 0.f, -0.f}, {2}).kept == std::vector<Index>{0, 1});
  CHECK(run({1, 4}, {-0.f, 0.f, 1.f, 2.f}, {3}).kept == std::vector<Index>{0, 2, 3});
  CHECK(run({1, 4}, {nan, -inf, -5.f, nan}, {2}).kept == std::vector<Index>{1, 2});
  CHECK(run({1, 4}, {1.f, inf, -inf, 2.f}, {2}).kept == std::vector<Index>{1, 3});
}
