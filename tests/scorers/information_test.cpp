#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "scorers/scenes.hpp"
#include "texture/golden.hpp"

using namespace arrcoc;
using scenes::Colour;
using scenes::Scene;

// Columns of cells: 0-3 text, 4-7 blank, 8-11 uniform noise.
static Scene page(int paper, int ink, int grain = 0) {
  return Scene({6, 12}, [=](Index y, Index x) {
    std::uint64_t state = std::uint64_t(y * 4099 + x);
    const int noise = int(split_mix64(state) >> 56);
    if (x >= 256) return Colour{noise, noise, noise};
    const int v = std::clamp(
        (x < 128 && scenes::inked(y, x) ? ink : paper) + (grain ? noise % (2 * grain + 1) - grain : 0), 0, 255);
    return Colour{v, v, v};
  });
}
static double median_of(const std::vector<float>& s, Index from, Index to) {
  std::vector<float> v;
  for (Index i = 0; i < Index(s.size()); ++i)
    if (i % 12 >= from && i % 12 < to) v.push_back(s[std::size_t(i)]);
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}
static double max_of(const std::vector<float>& s, Index from, Index to) {
  float m = 0;
  for (Index i = 0; i < Index(s.size()); ++i)
    if (i % 12 >= from && i % 12 < to) m = std::max(m, s[std::size_t(i)]);
  return m;
}

TEST_CASE("a 2x3 example worked by hand") {
  // Cells of entropy 0, 1/2, 1 with contrast 0 above and knee below: score = h (0.4 + 0.6 c / (c + 0.12)).
  //   contrast 0:    0    0.2    0.4
  //   contrast 0.12: 0    0.35   0.7
  Textures t{{"intensity_contrast", "edge_entropy"}, {0, 0, 0, .5f, 0, 1, .12f, 0, .12f, .5f, .12f, 1}};
  Evidence e;
  e.tokens = {2, 3};
  e.textures = &t;
  const auto s = InformationScorer{}.score(e);
  const double expected[] = {0, 0.2, 0.4, 0, 0.35, 0.7};
  for (std::size_t i = 0; i < 6; ++i) CHECK(s[i] == doctest::Approx(expected[i]));
}

TEST_CASE("text above blank in both polarities, at high and low contrast, on grain; noise not far above text") {
  for (const auto& colours : {std::pair{255, 0}, {0, 255}, {200, 185}, {60, 75}, {240, 20}, {16, 230}})
    for (const int grain : {0, 2}) {
      const int paper = colours.first, ink = colours.second;
      const Scene s = page(paper, ink, grain);
      const auto v = InformationScorer{}.score(s.evidence);
      INFO("paper ", paper, " ink ", ink, " grain ", grain);
      const double text = median_of(v, 0, 3), blank = max_of(v, 5, 7),
                   noise = median_of(v, 9, 12);  // columns 4, 7, 8 touch a border
      CHECK(text > 2 * blank + 0.05);
      if (std::abs(paper - ink) > 100) CHECK(noise < text);
    }
}

TEST_CASE("both polarities score alike") {
  const Scene dark = page(255, 0), light = page(0, 255);
  const auto a = InformationScorer{}.score(dark.evidence), b = InformationScorer{}.score(light.evidence);
  CHECK(median_of(a, 0, 3) == doctest::Approx(median_of(b, 0, 3)).epsilon(0.05));
}

TEST_CASE("the older formula reproduces its fault: blank at or above text") {
  // The sketch's channels: r g b, row col, gx gy magnitude, magnitude three times more, variance and mean over r g b.
  const std::vector<float> dark_corner{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<float> strong_text{.5f, .5f, .5f, .5f, .5f, .1f, .1f, 1.2f, 1.2f, 1.2f, 1.2f, 0, .5f};
  Textures t{std::vector<std::string>(13, "x"), dark_corner};
  t.values.insert(t.values.end(), strong_text.begin(), strong_text.end());
  Evidence e;
  e.tokens = TokenSet(t.count(), 1);
  e.textures = &t;
  const auto v = SoftmaxChannelEntropyScorer{}.score(e);
  CHECK(v[0] == doctest::Approx(std::log(13.0)));
  CHECK(v[0] > v[1]);
  CHECK(v[1] > 0.95 * v[0]);  // hardly any range
  CHECK(!SoftmaxChannelEntropyScorer::reproduces_fault.empty());
}

TEST_CASE("softmax entropy of a 2x3 example worked by hand") {
  // Two channels. Equal values: ln 2. Values ln 3 apart: p = (3/4, 1/4), H = 2 ln 2 - 3/4 ln 3.
  const float d = float(std::log(3.0));
  Textures t{{"a", "b"}, {0, 0, 1, 1, d, 0, 0, d, 5, 5, 2 + d, 2}};
  Evidence e;
  e.tokens = {2, 3};
  e.textures = &t;
  const auto s = SoftmaxChannelEntropyScorer{}.score(e);
  const double even = std::log(2.0), uneven = 2 * std::log(2.0) - 0.75 * std::log(3.0);
  const double expected[] = {even, even, uneven, uneven, even, uneven};
  for (std::size_t i = 0; i < 6; ++i) CHECK(s[i] == doctest::Approx(expected[i]));
}

TEST_CASE("equals the NumPy transcription") {
  const auto gold = golden::read();
  const Image im = golden::picture(gold.height, gold.width);
  const Textures t = Texture13{}.generate(im.view(), gold.grid);
  Evidence e;
  e.tokens = gold.grid;
  e.textures = &t;
  const auto s = InformationScorer{}.score(e);
  double worst = 0;
  for (Index i = 0; i < gold.grid.count(); ++i) worst = std::max(worst, std::abs(s[std::size_t(i)] - gold.at(i, 13)));
  CHECK(worst < 6e-6);
}

TEST_CASE("errors name what is missing") {
  Evidence e;
  e.tokens = {1, 1};
  CHECK_THROWS_WITH_AS((void)InformationScorer{}.score(e), doctest::Contains("[textures] a stage reads this evidence"),
                       Error);
  Textures t{{"red"}, {0}};
  e.textures = &t;
  CHECK_THROWS_WITH_AS((void)InformationScorer{}.score(e), doctest::Contains("edge_entropy"), Error);
  CHECK_THROWS_WITH_AS((void)InformationScorer{{.contrast_knee = 0}}.score(e), doctest::Contains("contrast_knee"),
                       Error);
}
