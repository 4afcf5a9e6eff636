#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "arrcoc/balancers/fixed.hpp"
#include "texture/golden.hpp"

using namespace arrcoc;

TEST_CASE("a 2x3 example worked by hand") {
  // I = 0..5 -> 0 .2 .4 .6 .8 1;  P = 7 everywhere -> all ones;  Q = 5..0 -> 1 .8 .6 .4 .2 0
  // .33 I + .33 + .34 Q = .67 .668 .666 / .664 .662 .66
  Evidence e;
  e.tokens = {2, 3};
  const std::vector<float> maps{0, 1, 2, 3, 4, 5, 7, 7, 7, 7, 7, 7, 5, 4, 3, 2, 1, 0};
  const auto b = FixedWeightsBalancer{}.balance(maps, e);
  const double expected[] = {.67, .668, .666, .664, .662, .66};
  for (std::size_t i = 0; i < 6; ++i) CHECK(b.relevance[i] == doctest::Approx(expected[i]));
  CHECK(b.weights == std::vector<float>{0.33f, 0.33f, 0.34f});
}

TEST_CASE("weights for one, two and five maps") {
  Evidence e;
  e.tokens = {1, 2};
  const auto weights = [&](std::size_t m) {
    return FixedWeightsBalancer{}.balance(std::vector<float>(2 * m, 0.f), e).weights;
  };
  CHECK(weights(1) == std::vector<float>{1});
  CHECK(weights(2) == std::vector<float>{0.5f, 0.5f});
  CHECK(weights(5)[4] == doctest::Approx(0.34 / 3));
}

TEST_CASE("equals the NumPy transcription") {
  const auto gold = golden::read();
  Evidence e;
  e.tokens = gold.grid;
  std::vector<float> maps;
  for (const Index c : {13, 14})
    for (Index i = 0; i < e.count(); ++i) maps.push_back(float(gold.at(i, c)));
  const auto third = golden::third_map(e.count());
  maps.insert(maps.end(), third.begin(), third.end());
  const auto r = FixedWeightsBalancer{}.balance(maps, e).relevance;
  double worst = 0;
  for (Index i = 0; i < e.count(); ++i) worst = std::max(worst, std::abs(r[std::size_t(i)] - gold.at(i, 15)));
  CHECK(worst < 1e-6);
}

TEST_CASE("errors name the weights") {
  Evidence e;
  e.tokens = {1, 1};
  const std::vector<float> m{1};
  CHECK_THROWS_WITH_AS((void)FixedWeightsBalancer{{.first = 0}}.balance(m, e), doctest::Contains("weights"), Error);
  CHECK_THROWS_AS((void)FixedWeightsBalancer{{.first = -1}}.balance(m, e), Error);
}
