// Lattices of regions. Right values by hand from the rule: r = round(sqrt(tokens h / w)), c = floor(tokens / r).
#include "arrcoc/primitives/regions.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

namespace {
Lattice of(Index h, Index w, Index tokens) { return lattice_of({0, 0, h, w, tokens}); }
}  // namespace

TEST_CASE("a region's lattice has its shape and at most its tokens") {
  CHECK(of(32, 32, 64) == Lattice{8, 8});
  CHECK(of(32, 32, 100) == Lattice{10, 10});
  CHECK(of(32, 32, 160) == Lattice{13, 12});  // sqrt(160) = 12.65
  CHECK(of(32, 32, 256) == Lattice{16, 16});
  CHECK(of(32, 32, 400) == Lattice{20, 20});
  CHECK(of(16, 64, 64) == Lattice{4, 16});
  CHECK(of(64, 16, 64) == Lattice{16, 4});
  CHECK(of(20, 30, 100) == Lattice{8, 12});  // sqrt(66.7) = 8.16
  CHECK(of(2, 3, 6) == Lattice{2, 3});       // native, and never more
  CHECK(of(2, 3, 400) == Lattice{2, 3});
  CHECK(of(2, 3, 5) == Lattice{2, 2});  // sqrt(3.33) = 1.83
  CHECK(of(2, 3, 1) == Lattice{1, 1});
  CHECK(of(10, 1, 3) == Lattice{3, 1});  // sqrt(30) = 5.48, but three tokens make three rows
  CHECK(of(1, 10, 3) == Lattice{1, 3});
  CHECK(of(2, 100, 20) == Lattice{1, 20});  // sqrt(0.4) = 0.63
  for (Index h = 1; h <= 9; ++h)
    for (Index w = 1; w <= 9; ++w)
      for (Index tokens = 1; tokens <= 90; ++tokens) {
        const Lattice l = of(h, w, tokens);
        CHECK(l.rows >= 1);
        CHECK(l.cols >= 1);
        CHECK(l.rows * l.cols <= tokens);
        CHECK(l.rows <= h);
        CHECK(l.cols <= w);
        CHECK((l == Lattice{h, w}) == (tokens >= h * w));
      }
}

TEST_CASE("a lattice's tokens tile their region, in order") {
  // 4 x 6 raster tokens from (2, 1) seen with 6: sqrt(4) = 2 rows of 3, each of 2 x 2.
  const std::vector<Place> six = places_of({2, 1, 6, 7, 6});
  CHECK(six == std::vector<Place>{{2, 1, 2, 2}, {2, 3, 2, 2}, {2, 5, 2, 2}, {4, 1, 2, 2}, {4, 3, 2, 2}, {4, 5, 2, 2}});
  CHECK(places_of({1, 2, 2, 4, 64}) == std::vector<Place>{{1, 2, 1, 1}, {1, 3, 1, 1}});  // the raster's own
  for (const Region& region : {Region{3, 5, 35, 37, 160}, Region{0, 0, 31, 33, 100}, Region{7, 0, 8, 40, 13}}) {
    const TokenSet tokens(Grid{region.row1, region.col1}, places_of(region));
    CHECK_NOTHROW(check_places(tokens, "regions"));  // inside, in order
    double area = 0;
    for (const Place& p : tokens.places) {
      area += static_cast<double>(p.area());
      CHECK(p.row >= static_cast<float>(region.row0));
      CHECK(p.col >= static_cast<float>(region.col0));
    }
    CHECK(area == doctest::Approx(static_cast<double>((region.row1 - region.row0) * (region.col1 - region.col0))));
    Index seen = 0;
    for (const Index covered : covering(tokens)) seen += covered >= 0;
    CHECK(seen == (region.row1 - region.row0) * (region.col1 - region.col0));
  }
}

TEST_CASE("no region's places leave a large grid by rounding") {
  for (Index h = 1; h <= 40; ++h)
    for (const Index tokens : {3, 7, 11, 13, 64, 100, 160}) {
      const TokenSet all(Grid{509, 509}, places_of({509 - h, 509 - h, 509, 509, tokens}));
      CHECK_NOTHROW(check_places(all, "regions"));
    }
}

TEST_CASE("a region without tokens has no lattice") {
  for (const Region& wrong : {Region{0, 0, 2, 3, 0}, Region{2, 0, 2, 3, 4}, Region{0, 3, 2, 1, 4}}) try {
      lattice_of(wrong);
      FAIL("no error");
    } catch (const Error& e) { CHECK(e.code() == Code::bad_stage_output); }
}
