// The temporal realiser: tests/golden/temporal.txt is NumPy's transcription (tests/oracle/map_rules.py); its laws on
// clips, what a cut does, and that no pair looks ahead.
#include "arrcoc/balancers/temporal.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "laws/balancer_laws.hpp"

using namespace arrcoc;

namespace {

struct RowsAsFrames {
  TemporalBalancer any;
  Balanced balance(std::span<const float> maps, Evidence e) const {
    e.tokens = TokenSet(Grid{1, e.tokens.grid.cols}, e.tokens.grid.rows);
    e.vision = laws::features(e.count(), 6, 3);
    return any.balance(maps, e);
  }
};

/// Pairs of 1 x 4 tokens; features of each pair are rows of a unit matrix, by number.
Evidence clip(const std::vector<Index>& features) {
  Evidence e;
  e.tokens = TokenSet({1, 4}, static_cast<Index>(features.size()) / 4);
  std::vector<float> values(features.size() * 12);
  for (std::size_t i = 0; i < features.size(); ++i) values[i * 12 + static_cast<std::size_t>(features[i])] = 2;
  e.vision = host_tensor(values, {static_cast<Index>(features.size()), 12});
  return e;
}

std::vector<float> keep(TemporalConfig c, const std::vector<float>& maps, const Evidence& e) {
  c.scale = "none";
  return TemporalBalancer{c}.balance(maps, e).relevance;
}

void near(const std::vector<float>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(static_cast<double>(got[i]) == doctest::Approx(expected[i]).epsilon(1e-6));
  }
}

}  // namespace

TEST_CASE("the temporal realiser equals the NumPy transcription") {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/temporal.txt");
  Index clips = 0;
  for (std::string line; std::getline(in, line); ++clips) {
    std::istringstream head(line);
    Index frames = 0, rows = 0, cols = 0, width = 0, count = 0;
    TemporalConfig c;
    head >> frames >> rows >> cols >> width >> count >> c.decay >> c.boost >> c.radius >> c.moved >> c.cut >>
        c.spread >> c.scale;
    Evidence e;
    e.tokens = TokenSet({rows, cols}, frames);
    std::vector<float> features(static_cast<std::size_t>(e.count() * width)),
        maps(static_cast<std::size_t>(e.count() * count));
    std::vector<double> expected(static_cast<std::size_t>(e.count()));
    for (float& v : features) in >> v;
    for (float& v : maps) in >> v;
    for (double& v : expected) in >> v;
    std::getline(in, line);
    REQUIRE(in);
    e.vision = host_tensor(features, {e.count(), width});
    CAPTURE(clips);
    near(TemporalBalancer{c}.balance(maps, e).relevance, expected);
  }
  CHECK(clips == 10);
}

TEST_CASE("laws of balancers: all on a picture; counts, finite values and no memory between calls on a clip") {
  const laws::Broken broken = laws::broken_balancer_laws(RowsAsFrames{});
  for (const char* law : {"count", "finite", "alone"})
    CHECK(std::find(broken.begin(), broken.end(), law) == broken.end());
  CHECK(laws::broken_balancer_laws(TemporalBalancer{}) == laws::Broken{});  // a picture
}

TEST_CASE("memory decays, change lifts, nothing leaves [0, 1]") {
  const Evidence still = clip({0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3});
  const std::vector<float> once{1, 0, .5f, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  near(keep({.decay = .8}, once, still), {1, 0, .5, 0, .8, 0, .4, 0, .64, 0, .32, 0});
  const Evidence changed = clip({0, 1, 2, 3, 0, 1, 2, 9});
  near(keep({.decay = .5, .boost = .75}, {1, 1, 0, 0, 1, 0, 0, .5f}, changed), {1, 1, 0, 0, 1, .5, 0, 1});
  near(keep({.decay = .5, .boost = .25}, {1, 1, 0, 0, -3, 0, 0, .5f}, changed), {1, 1, 0, 0, .5, .5, 0, .5});
  near(keep({.decay = .5, .boost = 4}, {7, 1, 0, 0, 7, 0, 0, 0}, changed), {1, 1, 0, 0, 1, .5, 0, 1});
}

TEST_CASE("without decay there is no memory") {
  const Evidence e = clip({0, 1, 2, 3, 1, 0, 2, 3});
  const std::vector<float> a{1, 1, 1, 1, .5f, .25f, 0, 1}, b{0, 0, 0, 0, .5f, .25f, 0, 1};
  for (const double boost : {0., .3}) {
    const auto x = keep({.decay = 0, .boost = boost, .cut = 1}, a, e),
               y = keep({.decay = 0, .boost = boost, .cut = 1}, b, e);
    CHECK(std::equal(x.begin() + 4, x.end(), y.begin() + 4));
  }
  near(keep({.decay = 0, .boost = 0}, a, e), {1, 1, 1, 1, .5, .25, 0, 1});
}

TEST_CASE("memory follows what moves, no farther than the radius") {
  const Evidence e = clip({0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0});  // 0 goes one cell right, then two
  const std::vector<float> maps{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const TemporalConfig c{.decay = .5, .boost = 0, .radius = 1, .cut = 1};
  near(keep(c, maps, e), {1, 0, 0, 0, 0, .5, 0, 0, 0, 0, 0, 0});
  TemporalConfig far = c, rigid = c;
  far.radius = 2, rigid.radius = 0;
  near(keep(far, maps, e), {1, 0, 0, 0, 0, .5, 0, 0, 0, 0, 0, .25});
  near(keep(rigid, maps, e), {1, 0, 0, 0, .5, 0, 0, 0, .25, 0, 0, 0});
}

TEST_CASE("a cut ends memory in the pair in which it is seen, on one side of its share alone") {
  const std::vector<float> maps{1, 1, 1, 1, 0, .25f, 0, 0, 0, 0, 0, 0};
  const Evidence half = clip({0, 1, 2, 3, 0, 1, 8, 9, 0, 1, 8, 9});
  near(keep({.decay = .8, .boost = 0, .radius = 0, .cut = .49}, maps, half), {1, 1, 1, 1, 0, .25, 0, 0, 0, .2, 0, 0});
  near(keep({.decay = .8, .boost = 0, .radius = 0, .cut = .5}, maps, half),
       {1, 1, 1, 1, .8, .85, .8, .8, .64, .68, .64, .64});
  near(keep({.decay = .8, .boost = 0, .radius = 0, .moved = 1, .cut = .3}, maps, half),
       {1, 1, 1, 1, .8, .85, .8, .8, .64, .68, .64, .64});  // a change of 1 is not above 1
}

TEST_CASE("what is spread reaches neighbours of the pair alone, before memory sees it") {
  const Evidence e = clip({0, 1, 2, 3, 0, 1, 2, 3});
  const std::vector<float> maps{0, 1, 0, 0, 0, 0, 0, .5f};
  near(keep({.decay = 0, .boost = 0, .spread = .5}, maps, e), {.5, 1, .5, 0, 0, 0, .25, .5});
  near(keep({.decay = .5, .boost = 0, .radius = 0, .spread = 1}, maps, e), {1, 1, 1, 0, .5, .5, .75, .25});
}

TEST_CASE("no pair looks ahead") {
  const Evidence e = clip({0, 1, 2, 3, 0, 2, 1, 3, 4, 5, 6, 7, 4, 5, 6, 7});
  Evidence other = clip({0, 1, 2, 3, 0, 2, 1, 3, 3, 2, 1, 0, 9, 9, 9, 9});
  std::vector<float> maps = laws::scores(16, 5, false), others = maps;
  for (std::size_t i = 8; i < 16; ++i) others[i] = 40 - others[i];
  const auto a = TemporalBalancer{}.balance(maps, e).relevance, b = TemporalBalancer{}.balance(others, other).relevance;
  CHECK(std::equal(a.begin(), a.begin() + 8, b.begin()));
  CHECK(!std::equal(a.begin() + 8, a.end(), b.begin() + 8));
}

TEST_CASE("an earlier look is what the first pair remembers: its last pair, by place") {
  Evidence e = clip({0, 1, 2, 3, 0, 1, 2, 3});
  Look look;
  look.tokens = TokenSet({1, 2}, 2);
  look.relevance = {1, 1, .5f, 1};
  e.previous = look;
  near(keep({.decay = .5}, {0, 1, 0, 0, 0, 0, 0, 0}, e), {.25, .75, .5, .5, .125, .375, .25, .25});
  look.relevance.pop_back();
  e.previous = look;
  CHECK_THROWS_AS((void)keep({}, std::vector<float>(8), e), Error);
}

TEST_CASE("settings and features out of range are refused by name; missing tokens are not") {
  const Evidence e = clip({0, 1, 2, 3, 0, 1, 2, 3});
  const std::vector<float> maps(8, .5f);
  const auto refused = [&](TemporalConfig c, const char* what) {
    CHECK_THROWS_WITH_AS((void)TemporalBalancer{c}.balance(maps, e), doctest::Contains(what), Error);
  };
  refused({.decay = 1}, "decay");
  refused({.boost = -1}, "boost");
  refused({.radius = 65}, "radius");
  refused({.moved = 1.5}, "moved");
  refused({.cut = -.1}, "cut");
  refused({.spread = 1.1}, "spread");
  refused({.scale = "softmax"}, "scale");
  Evidence wrong = e;
  wrong.vision = laws::features(7, 6, 3);
  CHECK_THROWS_AS((void)TemporalBalancer{}.balance(maps, wrong), Error);

  Evidence some;  // token 1 of the second pair has no earlier one, the third pair is empty
  some.tokens = subset(TokenSet({1, 2}, 4), std::vector<Index>{0, 2, 3, 6});
  some.vision = host_tensor(std::vector<float>{1, 0, 1, 0, 0, 1, 1, 0}, {4, 2});
  near(keep({.decay = .5, .boost = .25, .radius = 0, .cut = 1}, {1, 0, 0, .5f}, some), {1, .5, .25, .5});
}
