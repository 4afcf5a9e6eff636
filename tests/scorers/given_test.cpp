#include "arrcoc/scorers/control/given.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

TEST_CASE("a 2x3 example worked by hand: a map of another resolution, by area") {
  // Map 1 x 2: left 0, right 6. The middle column of three lies half in each.
  GivenScorer s;
  s.map = std::make_shared<const Plane<float>>(1, 2, std::vector<float>{0, 6});
  Evidence e;
  e.tokens = Grid{2, 3};
  CHECK(s.score(e) == std::vector<float>{0, 3, 6, 0, 3, 6});
  s.config.inverted = true;
  CHECK(s.score(e) == std::vector<float>{0, -3, -6, 0, -3, -6});
  s.config.inverted = false;
  e.tokens = TokenSet(Grid{2, 3}, std::vector<Place>{{0, 0, 2, 3}, {0, 2, 0.5f, 0.5f}});
  CHECK(s.score(e) == std::vector<float>{3, 6});
  CHECK_THROWS_WITH_AS(GivenScorer{}.score(e), doctest::Contains("expected an .npy file [rows, cols], got none"),
                       Error);
}
