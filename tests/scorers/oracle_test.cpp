#include "arrcoc/scorers/control/oracle.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

TEST_CASE("a 2x3 example worked by hand") {
  // Cells of 10 x 10 px. Rows 5 to 15, columns 0 to 10: half of cells 0 and 3. Columns 5 to 30 of rows 15 to 20: a
  // quarter of cell 3 more, half of 4 and 5.
  const Image image(20, 30);
  Evidence e;
  e.tokens = Grid{2, 3};
  e.rgb = image.view();
  e.size = FrameSize{image.height, image.width};
  e.boxes = {{5, 0, 15, 10}, {15, 5, 20, 30}};
  CHECK(OracleScorer{}.score(e) == std::vector<float>{.5f, 0, 0, .75f, .5f, .5f});
  // A place of 2 x 2 tokens: 175 of 400 px.
  e.tokens = TokenSet(Grid{2, 3}, std::vector<Place>{{0, 0, 2, 2}});
  CHECK(OracleScorer{}.score(e)[0] == doctest::Approx((50 + 50 + 25 + 50) / 400.0));
  e.boxes = std::vector<Box>{};
  CHECK_THROWS_WITH_AS(OracleScorer{}.score(e), "[oracle] expected answer boxes, got none (E204)", Error);
}
