#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "scorers/scenes.hpp"
#include "texture/golden.hpp"

using namespace arrcoc;
using scenes::Colour;
using scenes::Scene;

static Index rank_of(const std::vector<float>& s, Index token) {
  Index above = 0;
  for (const float v : s) above += v > s[std::size_t(token)];
  return above;
}
/// A 12 x 12 array of shapes, one a cell; shape(cell, dy, dx) -> colour, dy and dx from the cell's middle.
template <class F>
static Scene array(F&& shape) {
  return Scene({12, 12},
               [&](Index y, Index x) { return shape((y / 32) * 12 + x / 32, int(y % 32) - 16, int(x % 32) - 16); });
}

TEST_CASE("a 2x3 example worked by hand") {
  // One conspicuity map varies: 0 0 0 / 0 0.5 1. Stretched it is itself. Local maxima: 0.5 has 1 as its neighbour, so 1
  // alone: N = 1. The other maps are constant: stretched to 0, N = 1. score = x * 1 / (1 + 1 + 1 + 0.5).
  Textures t{{"colour_contrast", "intensity_contrast", "orientation_contrast", "cluster_distance"},
             std::vector<float>(24, 0.f)};
  t.values[4 * 4 + 1] = 0.5f;
  t.values[5 * 4 + 1] = 1.f;
  Evidence e;
  e.tokens = {2, 3};
  e.textures = &t;
  const auto s = PerspectivalScorer{}.score(e);
  const double expected[] = {0, 0, 0, 0, 0.5 / 3.5, 1 / 3.5};
  for (std::size_t i = 0; i < 6; ++i) CHECK(s[i] == doctest::Approx(expected[i]));
  // Contrast, the plain control, there: cell 5 has neighbours 0, 0, 0.5 (the 2x2 corner): 1 - 1/6.
  CHECK(ContrastScorer{}.score(e)[5] == doctest::Approx(5.0 / 6));
}

TEST_CASE("the odd one out is found: colour, size, orientation, a lone dot, a missing one") {
  const Index odd = 12 * 5 + 7;
  const auto disc = [](int dy, int dx, int r) { return dy * dy + dx * dx < r * r; };
  const Colour white{255, 255, 255};
  const auto colour = array([&](Index c, int dy, int dx) {
    return disc(dy, dx, 10) ? (c == odd ? Colour{200, 30, 30} : Colour{30, 120, 30}) : white;
  });
  const auto size = array([&](Index c, int dy, int dx) {
    return disc(dy, dx, c == odd ? 13 : 6) ? Colour{40, 40, 40} : white;
  });
  const auto turned = array([&](Index c, int dy, int dx) {
    return (c == odd ? std::abs(dx) < 3 && std::abs(dy) < 12 : std::abs(dy) < 3 && std::abs(dx) < 12)
               ? Colour{40, 40, 40}
               : white;
  });
  const auto dot = array([&](Index c, int dy, int dx) {
    return c == odd && disc(dy, dx, 8) ? Colour{220, 20, 20} : white;
  });
  CHECK(rank_of(PerspectivalScorer{}.score(colour.evidence), odd) == 0);
  CHECK(rank_of(PerspectivalScorer{}.score(size.evidence), odd) == 0);
  CHECK(rank_of(PerspectivalScorer{}.score(turned.evidence), odd) == 0);
  CHECK(rank_of(PerspectivalScorer{}.score(dot.evidence), odd) == 0);
}

TEST_CASE("scores lie in [0, 1] and flipping the picture flips them") {
  const auto paint = [](Index y, Index x) {
    return scenes::inked(y, x) && x < 200 ? Colour{10, 10, 80} : Colour{int(200 + x / 12), 230, 220};
  };
  const Grid g{6, 12};
  const Scene a(g, paint), b(g, [&](Index y, Index x) { return paint(y, 12 * 32 - 1 - x); });
  const auto s = PerspectivalScorer{}.score(a.evidence), f = PerspectivalScorer{}.score(b.evidence);
  for (Index r = 0; r < g.rows; ++r)
    for (Index c = 0; c < g.cols; ++c) {
      CHECK(std::abs(s[std::size_t(g.at(r, c))] - f[std::size_t(g.at(r, g.cols - 1 - c))]) < 1e-5);
      CHECK((s[std::size_t(g.at(r, c))] >= 0 && s[std::size_t(g.at(r, c))] <= 1));
    }
}

TEST_CASE("equals the NumPy transcription") {
  const auto gold = golden::read();
  const Image im = golden::picture(gold.height, gold.width);
  const Textures t = Texture13{}.generate(im.view(), gold.grid);
  Evidence e;
  e.tokens = gold.grid;
  e.textures = &t;
  const auto s = PerspectivalScorer{}.score(e);
  double worst = 0;
  for (Index i = 0; i < gold.grid.count(); ++i) worst = std::max(worst, std::abs(s[std::size_t(i)] - gold.at(i, 14)));
  CHECK(worst < 1e-5);
}

TEST_CASE("errors name the setting") {
  const Scene s({1, 1}, [](Index, Index) { return Colour{0, 0, 0}; });
  CHECK_THROWS_WITH_AS((void)PerspectivalScorer{{.colour = -1}}.score(s.evidence), doctest::Contains("weights"), Error);
  CHECK_THROWS_WITH_AS((void)PerspectivalScorer{{.floor = 0}}.score(s.evidence), doctest::Contains("floor"), Error);
  CHECK_THROWS_WITH_AS((void)ContrastScorer{{.radius = 0}}.score(s.evidence), doctest::Contains("radius"), Error);
}
