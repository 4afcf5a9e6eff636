#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "arrcoc/balancers/tension.hpp"
#include "texture/golden.hpp"

using namespace arrcoc;

namespace {
HostTensor floats(std::vector<float> v, std::vector<Index> shape) {
  return host_tensor(std::move(v), std::move(shape));
}
double correlation(const std::vector<float>& a, const std::vector<float>& b) {
  double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ma += a[i];
    mb += b[i];
  }
  ma /= double(a.size());
  mb /= double(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
    ab += (a[i] - ma) * (b[i] - mb);
  }
  return ab / std::sqrt(aa * bb);
}
/// Three smooth hills on 16 x 16: one map each, all trustworthy.
struct Hills {
  Evidence e;
  std::vector<float> info, salience, query, maps;
  Hills() {
    e.tokens = {16, 16};
    const auto hill = [](double r, double c, double y, double x, double w) {
      return 1 / (1 + ((r - y) * (r - y) + (c - x) * (c - x)) / w);
    };
    for (Index r = 0; r < 16; ++r)
      for (Index c = 0; c < 16; ++c) {
        info.push_back(float(hill(double(r), double(c), 4, 4, 20) + 0.6 * hill(double(r), double(c), 12, 12, 6)));
        salience.push_back(float(hill(double(r), double(c), 12, 4, 6)));
        query.push_back(float(hill(double(r), double(c), 4, 12, 6)));
      }
    for (const auto* m : {&info, &salience, &query}) maps.insert(maps.end(), m->begin(), m->end());
  }
  std::vector<float> run(TensionConfig c) const { return AdaptiveTensionBalancer{c}.balance(maps, e).relevance; }
};
std::size_t blocks_touched(const std::vector<float>& r) {  // of the 4 x 4 blocks, by the top 32 of 16 x 16
  std::vector<std::size_t> order(r.size());
  for (std::size_t i = 0; i < r.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return r[a] > r[b]; });
  std::set<std::size_t> blocks;
  for (std::size_t i = 0; i < 32; ++i) blocks.insert(order[i] / 64 * 4 + order[i] % 16 / 4);
  return blocks.size();
}
}  // namespace

TEST_CASE("a 2x3 example worked by hand") {
  // Two maps, no query: p = 0, T1 = I, T2 = (1 - x) P + x max(0, I - P). With tail 0 and ranks nearly off, both maps
  // scale to
  //   I = 0 .2 .4 / .6 .8 1     P = 1 .8 .6 / .4 .2 0
  // explore 0.5, knowing_share 0.5:  S = .5 I + .25 P + .25 max(0, I - P) = .25 .3 .35 / .45 .6 .75
  Evidence e;
  e.tokens = {2, 3};
  const std::vector<float> maps{0, 1, 2, 3, 4, 5, 10, 8, 6, 4, 2, 0};
  const auto b =
      AdaptiveTensionBalancer{{.explore = 0.5f, .knowing_share = 0.5f, .tail = 0, .rank_share = 1e-6f}}.balance(maps,
                                                                                                                e);
  const double expected[] = {.25, .3, .35, .45, .6, .75};
  for (std::size_t i = 0; i < 6; ++i) CHECK(b.relevance[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  REQUIRE(b.tensions.size() == 4);
  CHECK(b.tensions[0].name == "compress-particularize");
  CHECK(b.tensions[0].value == 0.f);
  CHECK(b.tensions[1].value == 0.5f);
  CHECK(b.weights[0] == doctest::Approx(0.75));
}

TEST_CASE("compress-particularize moves relevance from information to the query") {
  const Hills h;
  double last_query = -2, last_info = 2;
  for (const float p : {0.f, 0.25f, 0.5f, 0.75f, 1.f}) {
    const auto r = h.run({.particularize = p});
    CHECK(correlation(r, h.query) > last_query);
    CHECK(correlation(r, h.info) < last_info);
    last_query = correlation(r, h.query);
    last_info = correlation(r, h.info);
  }
}

TEST_CASE("exploit-explore moves relevance away from what stands out, and from what was seen") {
  const Hills h;
  double last = 2;
  for (const float x : {0.f, 0.25f, 0.5f, 0.75f, 1.f}) {
    const double c = correlation(h.run({.explore = x}), h.salience);
    CHECK(c < last);
    last = c;
  }
  Hills seen;
  seen.e.previous = Look{seen.e.tokens, h.salience, {}};
  CHECK(correlation(seen.run({.explore = 0.5f}), h.salience) < correlation(h.run({.explore = 0.5f}), h.salience));
}

TEST_CASE("focus-diversify moves concentration and coverage") {
  const Hills h;
  const auto participation = [](const std::vector<float>& r) {  // effective number of tokens, (sum r)^2 / sum r^2
    double s = 0, q = 0;
    for (const float v : r) {
      s += v;
      q += double(v) * v;
    }
    return s * s / q;
  };
  double last = 0;
  for (const float u : {0.f, 0.25f, 0.5f, 0.75f, 1.f}) {
    const double n = participation(h.run({.diversify = u}));
    CHECK(n > last);
    last = n;
  }
  CHECK(blocks_touched(h.run({.diversify = 1})) > blocks_touched(h.run({.diversify = 0.5f})));
}

TEST_CASE("shallow-deep moves how many tokens pass a threshold, and no order") {
  const Hills h;
  const auto plain = h.run({});
  Index least = 256, last = -1;
  for (const float d : {0.f, 0.25f, 0.5f, 0.75f, 1.f}) {
    const auto r = h.run({.deep = d});
    const auto passed = std::count_if(r.begin(), r.end(), [](float v) { return v > 0.4f; });
    CHECK(passed >= last);
    least = std::min<Index>(least, passed);
    last = passed;
    for (std::size_t i = 1; i < r.size(); ++i) CHECK((r[i] > r[i - 1]) == (plain[i] > plain[i - 1]));
  }
  CHECK(least < std::count_if(
                    plain.begin(), plain.end(), [](float v) { return v > 0.4f; }));
  CHECK(last > std::count_if(plain.begin(), plain.end(), [](float v) { return v > 0.4f; }));
}

TEST_CASE("a noise map loses its say, a coherent or a peaked one keeps it") {
  Hills h;
  const float kept = AdaptiveTensionBalancer{}.balance(h.maps, h.e).tensions[0].value;
  CHECK(kept > 0.45f);
  Rng rng(4);
  auto noisy = h.maps;
  for (std::size_t i = 512; i < 768; ++i) noisy[i] = float(rng.uniform());
  CHECK(AdaptiveTensionBalancer{}.balance(noisy, h.e).tensions[0].value < 0.2f);
  CHECK(AdaptiveTensionBalancer{{.trust = 0}}.balance(noisy, h.e).tensions[0].value == 0.5f);
  auto peaked = h.maps;
  std::fill(peaked.begin() + 512, peaked.end(), 0.f);
  peaked[700] = 1;
  CHECK(AdaptiveTensionBalancer{}.balance(peaked, h.e).tensions[0].value > 0.4f);
}

TEST_CASE("adapt moves the settings with the picture, and is off by default") {
  const Hills h;
  const auto fixed = AdaptiveTensionBalancer{}.balance(h.maps, h.e),
             adapted = AdaptiveTensionBalancer{{.adapt = 1}}.balance(h.maps, h.e);
  CHECK(fixed.tensions[1].value == 0.25f);
  CHECK(fixed.tensions[2].value == 0.5f);
  CHECK(adapted.tensions[2].value != 0.5f);
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
  const auto r = AdaptiveTensionBalancer{}.balance(maps, e).relevance;
  double worst = 0;
  for (Index i = 0; i < e.count(); ++i) worst = std::max(worst, std::abs(r[std::size_t(i)] - gold.at(i, 16)));
  CHECK(worst < 1e-5);
}

TEST_CASE("the question's words set the tensions, from where they were given") {
  Hills h;
  const auto asked = [&](const char* text, TensionConfig c = {.by = "question"}) {
    h.e.asked = std::string(text);
    return AdaptiveTensionBalancer{c}.balance(h.maps, h.e);
  };
  const TensionPoles count = read_question("How many cars are there?").tensions;
  const auto b = asked("How many cars are there?");
  CHECK(b.relevance == h.run({.particularize = count.particularize,
                              .explore = count.explore,
                              .diversify = count.diversify,
                              .deep = count.deep}));
  CHECK(b.tensions[1].value == count.explore);
  CHECK(b.tensions[2].said.starts_with("diversify 0.70, by the question ('how many': count): as much as "));
  // Words that say nothing leave what was given; a mixed question goes half of the way.
  const auto vague = asked("Hm", {.explore = 0.9f, .by = "question"});
  CHECK(vague.tensions[1].value == 0.9f);
  CHECK(vague.tensions[2].value == 0.5f);
  CHECK(vague.tensions[1].said.starts_with("explore 0.90, as no word of the question says more: "));
  CHECK(asked("Describe the total", {.explore = 0, .by = "question"}).tensions[1].value == doctest::Approx(0.2));
  // Without text, as where evidence came from elsewhere, it is a vague question.
  CHECK(AdaptiveTensionBalancer{{.by = "question"}}.balance(h.maps, Hills{}.e).relevance == asked("").relevance);
  // As given, the question moves nothing.
  CHECK(asked("How many cars are there?", {}).relevance == asked("Describe it", {}).relevance);
}

TEST_CASE("a sentence says what each tension did, with figures of this picture") {
  // As in the example worked by hand: S = .25 .3 .35 / .45 .6 .75, sum 2.7, squares 1.4: 2.7^2 / 1.4 = 5.2.
  // deep .8: b = .8, R = S / (S + (1 - S) / 4) = .571 .632 .683 .766 .857 .923, mean .739.
  Evidence e;
  e.tokens = {2, 3};
  const std::vector<float> maps{0, 1, 2, 3, 4, 5, 10, 8, 6, 4, 2, 0};
  const TensionConfig c{.explore = 0.5f, .deep = 0.8f, .knowing_share = 0.5f, .tail = 0, .rank_share = 1e-6f};
  const auto said = [&](const Balanced& b) {
    std::vector<std::string> out;
    for (const Tension& t : b.tensions) out.push_back(t.said);
    return out;
  };
  CHECK(said(AdaptiveTensionBalancer{c}.balance(maps, e)) ==
        std::vector<std::string>{"there is no map of the question: information alone",
                                 "explore 0.50, as given: what stands out counts 50 %, what informs beside it 50 %",
                                 "diversify 0.50, as given: as much as 5 tokens share the relevance evenly, 5 before",
                                 "deep 0.80, as given: mean relevance is 0.74, 0.45 before, in the same order"});
  const std::vector<float> one(maps.begin(), maps.begin() + 6);
  CHECK(said(AdaptiveTensionBalancer{}.balance(one, e))[1] == "there is no map of what stands out: information alone");
  Hills h;
  h.e.previous = Look{h.e.tokens, h.salience, {}};
  const auto b = AdaptiveTensionBalancer{{.particularize = 0.7f, .trust = 0, .adapt = 0.5f}}.balance(h.maps, h.e);
  CHECK(b.tensions[0].said ==
        "particularize 0.70, as given and the picture: the question's map counts 70 %, information 30 %");
  CHECK(b.tensions[1].said.ends_with(", and what was seen before loses up to " +
                                     tension::percent(double(b.tensions[1].value))));
}

TEST_CASE("a trained head sets the tensions from the kind of question and the maps") {
  // 15 numbers in: confidence of the six kinds, then mean, deviation and trust of each map. The first unit hears
  // `count` alone, the second the mean of the query map less 10, which ReLU silences.
  SmallNetwork net;
  std::vector<float> first(30), second{2, 5, 0, 0, -1, 5, 3, 5};
  first[2] = 1;
  first[15 + 12] = 1;
  net.weights = {floats(first, {2, 15}), floats(second, {4, 2})};
  net.biases = {floats({0.f, -10.f}, {2}), floats({-1.f, 0.5f, 0.f, 0.f}, {4})};
  AdaptiveTensionBalancer l{{.by = "head", .head = "net"}};
  l.network = std::make_shared<const SmallNetwork>(net);
  Hills h;
  const auto sigmoid = [](double x) { return float(1 / (1 + std::exp(-x))); };
  h.e.asked = std::string("How many cars?");
  CHECK(l.balance(h.maps, h.e).relevance ==
        h.run({.particularize = sigmoid(1), .explore = sigmoid(0.5), .diversify = sigmoid(-1), .deep = sigmoid(3)}));
  h.e.asked = std::string("Describe it");
  const auto b = l.balance(h.maps, h.e);
  CHECK(b.relevance == h.run({.particularize = sigmoid(-1), .explore = sigmoid(0.5), .diversify = 0.5f, .deep = 0.5f}));
  CHECK(b.tensions[1].said.starts_with("explore 0.62, by the head: "));
  // The numbers of the maps: those of the robustly scaled map and its trust, in their places.
  const auto scaled = balance::robust(h.query, 0.02f, 0.25f);
  const double mean = tension::spread_of(scaled).mean;
  net.biases[0] = floats({0.f, float(-mean)}, {2});
  second = {0, 0, 0, 1e6, 0, 0, 0, 0};
  net.weights[1] = floats(second, {4, 2});
  net.biases[1] = floats({0.f, 0.f, 0.f, 0.f}, {4});
  l.network = std::make_shared<const SmallNetwork>(net);
  CHECK(l.balance(h.maps, h.e).tensions[1].value == doctest::Approx(0.5).epsilon(0.05));
  l.network = nullptr;
  CHECK_THROWS_WITH_AS((void)l.balance(h.maps, h.e), doctest::Contains("15 numbers in and 4 out"), Error);
  CHECK_THROWS_WITH_AS((void)AdaptiveTensionBalancer{{.by = "head"}}.balance(h.maps, h.e),
                       doctest::Contains("expected a file"), Error);
  CHECK_THROWS_WITH_AS((void)AdaptiveTensionBalancer{{.by = "whim"}}.balance(h.maps, h.e),
                       doctest::Contains("given, question or head"), Error);
}

TEST_CASE("the picture moves every tension by adapt") {
  const Hills h;
  const auto fixed = AdaptiveTensionBalancer{}.balance(h.maps, h.e),
             adapted = AdaptiveTensionBalancer{{.adapt = 1}}.balance(h.maps, h.e);
  const auto info = balance::robust(h.info, 0.02f, 0.25f), salience = balance::robust(h.salience, 0.02f, 0.25f);
  double gap = 0, mean = 0;
  for (std::size_t i = 0; i < 256; ++i) {
    gap += std::abs(double(info[i]) - double(salience[i])) / 256;
    mean += double(info[i]) / 256;
  }
  CHECK(adapted.tensions[1].value == doctest::Approx(0.25 + gap - 0.25));
  CHECK(adapted.tensions[2].value == doctest::Approx(0.5 + mean - 0.5));
  CHECK(adapted.tensions[3].value == doctest::Approx(0.5 + mean - 0.5));
  CHECK(fixed.tensions[3].value == 0.5f);
}

TEST_CASE("errors name the setting or the shape") {
  Evidence e;
  e.tokens = {1, 2};
  const std::vector<float> two{0, 1}, three{0, 1, 2}, broken{0, std::nanf("")};
  CHECK_THROWS_WITH_AS((void)AdaptiveTensionBalancer{{.explore = 1.5f}}.balance(two, e), doctest::Contains("explore"),
                       Error);
  CHECK_THROWS_WITH_AS((void)AdaptiveTensionBalancer{}.balance(three, e), doctest::Contains("multiple of 2"), Error);
  CHECK_THROWS_WITH_AS((void)AdaptiveTensionBalancer{}.balance(broken, e), doctest::Contains("finite"), Error);
}
