// Scorers on pixels, on features and on answers: against tests/golden/scorers.txt, NumPy's transcription of each rule
// (tests/oracle/map_rules.py), and small examples worked out by hand.
#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "arrcoc/scorers/attention/tower_attention.hpp"
#include "arrcoc/scorers/control/centre.hpp"
#include "arrcoc/scorers/control/channel.hpp"
#include "arrcoc/scorers/control/random.hpp"
#include "arrcoc/scorers/control/sobel.hpp"
#include "arrcoc/scorers/control/uniform.hpp"
#include "arrcoc/scorers/features/feature_norm.hpp"
#include "arrcoc/scorers/features/novelty.hpp"
#include "arrcoc/scorers/features/patch_max.hpp"
#include "arrcoc/scorers/pixels/duplicates.hpp"
#include "arrcoc/scorers/pixels/entropy.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "arrcoc/scorers/pixels/text_likeness.hpp"
#include "scorers/scenes.hpp"

using namespace arrcoc;
using Map = std::vector<float>;

namespace {

std::vector<float> numbers(std::istream& in, Index count) {
  std::vector<float> out(static_cast<std::size_t>(count));
  for (float& v : out) in >> v;
  std::string rest;
  std::getline(in, rest);
  return out;
}
Image picture(const std::string& hex, Index height, Index width) {
  Image out(height, width);
  for (std::size_t i = 0; i < out.rgb.size(); ++i)
    out.rgb[i] = static_cast<std::uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  return out;
}
Map on_features(const std::string& name, const std::string& a, const std::string& b, const Evidence& e) {
  if (name == "feature_norm") return FeatureNormScorer{{a}}.score(e);
  if (name == "novelty") return NoveltyScorer{{a, std::stoi(b)}}.score(e);
  REQUIRE(name == "patch_max");
  return PatchMaxScorer{{.over = a, .level = -1, .centred = b == "true"}}.score(e);
}

}  // namespace

TEST_CASE("scorers equal the NumPy transcription, on features and on pixels") {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/scorers.txt");
  std::set<std::string> names;
  Image image;
  for (std::string line; std::getline(in, line);) {
    std::istringstream head(line);
    std::string kind, name, a, b, c;
    Index rows = 0, cols = 0, d = 0, q = 0;
    Map map, expected;
    if (head >> kind >> name; kind == "features") {
      head >> rows >> cols >> d >> q >> a >> b;
      Evidence e;
      e.tokens = {rows, cols};
      e.vision = host_tensor(numbers(in, rows * cols * d), {rows * cols, d});
      e.question = host_tensor(numbers(in, q * d), {q, d});
      map = on_features(name, a, b, e);
    } else {
      Index height = 0, width = 0;
      head >> height >> width >> rows >> cols >> a >> b >> c;
      std::string hex;
      std::getline(in, hex);
      if (hex != "same") image = picture(hex, height, width);
      Evidence e;
      e.tokens = {rows, cols};
      e.rgb = image.view();
      map = name == "entropy" ? EntropyScorer{{a, std::stoi(b), std::stoi(c)}}.score(e)
            : name == "duplicates"
                ? DuplicatesScorer{{a, std::stoi(b)}}.score(e)
                : TextLikenessScorer{{.radius = std::stoi(a), .scales = std::stoi(b), .line = std::stof(c)}}.score(e);
    }
    names.insert(name);
    expected = numbers(in, rows * cols);
    CAPTURE(name);
    CAPTURE(a);
    CAPTURE(b);
    REQUIRE(map.size() == expected.size());
    for (std::size_t i = 0; i < map.size(); ++i)
      CHECK(static_cast<double>(map[i]) == doctest::Approx(expected[i]).epsilon(2e-6));
  }
  CHECK(names.size() == 6);
}

TEST_CASE("controls on 2x3 tokens, worked by hand") {
  Evidence e;
  e.tokens = {2, 3};
  CHECK(UniformScorer{}.score(e) == Map(6, 1.f));
  // Distances from the middle: (1/2, 1) and (1/2, 0), over half a diagonal of sqrt(13) / 2.
  const Map centre = CentreScorer{}.score(e);
  for (const std::size_t i : {0u, 2u, 3u, 5u}) CHECK(centre[i] == doctest::Approx(1 - std::sqrt(5.0 / 13)));
  for (const std::size_t i : {1u, 4u}) CHECK(centre[i] == doctest::Approx(1 - std::sqrt(1.0 / 13)));
  const Map noise = RandomScorer{}.score(e);
  CHECK(noise == RandomScorer{}.score(e));
  CHECK(noise != RandomScorer{{1}}.score(e));
  CHECK(std::set<float>(noise.begin(), noise.end()).size() == 6);
  Textures t{{"edge_y", "red", "edge_x"}, {.1f, 9, .2f, 0, 9, 0, .5f, 9, 0, 0, 9, .25f, 1, 9, 1, 0, 9, 0}};
  e.textures = &t;
  CHECK(ChannelScorer{{"edge_x"}}.score(e) == Map{.2f, 0, 0, .25f, 1, 0});
  CHECK(ChannelScorer{{"edge_y", true}}.score(e)[2] == -.5f);
  CHECK_THROWS_AS(ChannelScorer{}.score(e), Error);
  const Map edges = SobelScorer{}.score(e), by_hand{.3f, 0, .5f, .25f, 2, 0};
  for (std::size_t i = 0; i < 6; ++i) CHECK(edges[i] == doctest::Approx(by_hand[i]));
}

TEST_CASE("print of either polarity is found, paper edges, rules and grain are not") {
  // Cells: text on white, text on black, the edge of a paper, a rule across the picture, grain, blank.
  const scenes::Scene s({6, 6}, [](Index y, Index x) -> scenes::Colour {
    const Index cell = y / 32;
    std::uint64_t state = static_cast<std::uint64_t>(y * 1000 + x);
    const int noise = static_cast<int>(split_mix64(state) % 41), at = static_cast<int>(y % 32);
    const bool ink = scenes::inked(y, x) && (x / 32 == 2 || x / 32 == 3);
    const int rows[] = {
        ink ? 20 : 235, ink ? 235 : 20, x % 192 < 100 ? 30 : 235, at == 15 || at == 16 ? 40 : 235, 100 + noise, 235};
    return {rows[cell], rows[cell], rows[cell]};
  });
  const Map map = TextLikenessScorer{{.line = 0}}.score(s.evidence);
  for (const std::size_t text : {2u, 3u, 8u, 9u}) {
    CAPTURE(text);
    for (std::size_t other = 12; other < 36; ++other) {
      CAPTURE(other);
      CHECK(map[text] > 4 * map[other]);
    }
  }
  CHECK(map[8] == doctest::Approx(map[2]).epsilon(.1));  // polarity
  const Map whole = TextLikenessScorer{{.line = 1}}.score(s.evidence);
  CHECK(whole[1] == doctest::Approx(map[1] + (map[0] + map[2]) / 2));  // the end of a line
  CHECK(whole[2] == doctest::Approx(map[2] + (map[1] + map[3]) / 2));
  CHECK_THROWS_WITH_AS((void)TextLikenessScorer{{.radius = 0}}.score(s.evidence),
                       doctest::Contains("radius: expected 1..32, got 0"), Error);
}

TEST_CASE("tower attention asks for one block and gives what was answered") {
  Evidence e;
  e.tokens = {1, 3};
  const TowerAttentionScorer usual;
  REQUIRE(usual.needs().size() == 1);
  CHECK(text_of(usual.needs()[0]) == "tower -2 received of visual, heads mean");
  const TowerAttentionScorer other{{.block = 5, .heads = "max"}};
  CHECK(text_of(other.needs()[0]) == "tower 5 received of visual, heads max");
  CHECK_THROWS_WITH_AS((void)usual.score(e), doctest::Contains("did not ask"), Error);
  e.answers = {{other.needs()[0], host_tensor(Map{9, 9, 9}, {3})},
               {usual.needs()[0], host_tensor(Map{.5f, .2f, .3f}, {3})}};
  CHECK(usual.score(e) == Map{.5f, .2f, .3f});
  CHECK(other.score(e) == Map{9, 9, 9});
}

TEST_CASE("the entropy paradox: the older formula ranks blank at or above text, the histogram does not") {
  // Cells: black, text on white, white, text on black, strong noise, grey.
  const scenes::Scene s({1, 6}, [](Index y, Index x) -> scenes::Colour {
    const Index cell = x / 32;
    const bool ink = scenes::inked(y, x);
    std::uint64_t state = static_cast<std::uint64_t>(y * 1000 + x);
    const int noise = static_cast<int>(split_mix64(state) & 255), ground[] = {0, 255, 255, 0, noise, 128};
    const int v = ink && (cell == 1 || cell == 3) ? 255 - ground[cell] : ground[cell];
    return {v, v, v};
  });
  // The sketch's thirteen channels of a grey picture: r g b, row, col, gx, gy, magnitude, which is saliency three times
  // more, and as clusters the variance and the mean over r g b.
  Textures sketch{std::vector<std::string>(13, "x"), {}};
  const Textures& t = s.textures;
  for (Index i = 0; i < 6; ++i) {
    const float v = t.at(i, t.channel("red")), x = 4 * t.at(i, t.channel("edge_x")),
                y = 4 * t.at(i, t.channel("edge_y")), m = std::sqrt(x * x + y * y);
    for (const float c : {v, v, v, 0.f, static_cast<float>(i) / 6.f, x, y, m, m, m, m, 0.f, v})
      sketch.values.push_back(c);
  }
  Evidence older_evidence;
  older_evidence.tokens = {1, 6};
  older_evidence.textures = &sketch;
  const Map older = SoftmaxChannelEntropyScorer{}.score(older_evidence);
  for (const std::size_t text : {1u, 3u})
    for (const std::size_t blank : {0u, 2u, 5u}) CHECK(older[blank] > older[text]);
  for (const char* of : {"intensity", "gradient"}) {
    const Map ours = EntropyScorer{{.of = of, .scales = 1}}.score(s.evidence);
    for (const std::size_t text : {1u, 3u})
      for (const std::size_t blank : {0u, 2u, 5u}) CHECK(ours[text] > ours[blank] + .05f);
  }
  const Map intensity = EntropyScorer{{.scales = 1}}.score(s.evidence);
  for (const std::size_t blank : {0u, 2u, 5u}) CHECK(intensity[blank] == 0);
  CHECK(intensity[4] > intensity[1]);  // noise: what entropy alone cannot tell from content
}

TEST_CASE("errors name the setting or what is missing") {
  Evidence e;
  e.tokens = {1, 2};
  const Image image(8, 8);
  e.rgb = image.view();
  CHECK_THROWS_WITH_AS((void)EntropyScorer{{.of = "x"}}.score(e), doctest::Contains("of:"), Error);
  CHECK_THROWS_WITH_AS((void)EntropyScorer{{.bins = 1}}.score(e), doctest::Contains("bins"), Error);
  CHECK_THROWS_WITH_AS((void)EntropyScorer{{.scales = 5}}.score(e), doctest::Contains("scales"), Error);
  CHECK_THROWS_WITH_AS((void)DuplicatesScorer{{.rule = "x"}}.score(e), doctest::Contains("rule"), Error);
  CHECK_THROWS_WITH_AS((void)DuplicatesScorer{{.tolerance = 256}}.score(e), doctest::Contains("tolerance"), Error);
  CHECK_THROWS_WITH_AS((void)RandomScorer{{-1}}.score(e), doctest::Contains("seed"), Error);
  CHECK_THROWS_WITH_AS((void)TowerAttentionScorer{{.heads = "each"}}.score(e), doctest::Contains("heads"), Error);
  CHECK_THROWS_WITH_AS((void)NoveltyScorer{}.score(e), doctest::Contains("vision"), Error);
  e.vision = host_tensor(Map{1, 2, 3, 4, 5, 6}, {2, 3});
  e.question = host_tensor(Map{1, 2}, {1, 2});
  e.deepstack = std::vector<HostTensor>{};
  CHECK_THROWS_WITH_AS((void)FeatureNormScorer{{"l3"}}.score(e), doctest::Contains("norm"), Error);
  CHECK_THROWS_WITH_AS((void)NoveltyScorer{{.from = "x"}}.score(e), doctest::Contains("from"), Error);
  CHECK_THROWS_WITH_AS((void)PatchMaxScorer{{.over = "x"}}.score(e), doctest::Contains("over"), Error);
  CHECK_THROWS_WITH_AS((void)PatchMaxScorer{{.level = 0}}.score(e), doctest::Contains("level"), Error);
  CHECK_THROWS_WITH_AS((void)PatchMaxScorer{}.score(e), doctest::Contains("width"), Error);
  e.tokens = {1, 3};
  CHECK_THROWS_WITH_AS((void)FeatureNormScorer{}.score(e), doctest::Contains("[3, D]"), Error);
}
