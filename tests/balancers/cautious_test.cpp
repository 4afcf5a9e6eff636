#include "arrcoc/balancers/cautious.hpp"

#include <doctest/doctest.h>

#include "laws/balancer_laws.hpp"

using namespace arrcoc;

TEST_CASE("a 2x3 example worked by hand") {
  // Maps 0 .5 1 / 0 0 0 and 0 1 1 / 0 0 .5 (scaled as they are). Means 0 .75 1 / 0 0 .25; standard deviations 0 .25 0 /
  // 0 0 .25; with .4: 0 .85 1 / 0 0 .35.
  const std::vector<float> maps{0, .5f, 1, 0, 0, 0, 0, 1, 1, 0, 0, .5f};
  Evidence e;
  e.tokens = Grid{2, 3};
  const auto plain = CautiousBalancer{{.uncertainty = 0.4f}}.balance(maps, e);
  const double expected[] = {0, .85, 1, 0, 0, .35};
  for (std::size_t i = 0; i < 6; ++i) CHECK(plain.relevance[i] == doctest::Approx(expected[i]));
  CHECK(plain.weights == std::vector<float>{.5f, .5f});
  // At least the mean of 3 x 3, cut at the rim: the outer columns see four cells, the middle all six.
  const auto smooth = CautiousBalancer{{.uncertainty = 0.4f, .radius = 1}}.balance(maps, e).relevance;
  CHECK(smooth[0] == doctest::Approx(.85 / 4));
  CHECK(smooth[1] == doctest::Approx(.85));
  CHECK(smooth[4] == doctest::Approx(2.2 / 6));
  CHECK(smooth[5] == doctest::Approx(2.2 / 4));
  // A place whose neighbours are gone stands alone.
  e.tokens = TokenSet(Grid{2, 3}, std::vector<Place>{{0, 0}, {1, 2}});
  const std::vector<float> two{0, 1, 0, 1};
  CHECK(CautiousBalancer{{.radius = 1}}.balance(two, e).relevance == std::vector<float>{0, 1});
}

TEST_CASE("laws for other settings: smoothing gives up the maps' own order, and nothing else") {
  for (const float u : {0.f, 1.f})
    for (const char* scale : {"min_max", "rank"}) {
      CHECK(laws::broken_balancer_laws(CautiousBalancer{{.uncertainty = u, .scale = scale}}) == laws::Broken{});
      CHECK(laws::broken_balancer_laws(CautiousBalancer{{.uncertainty = u, .radius = 2, .scale = scale}}) ==
            laws::Broken{"order"});
    }
}
