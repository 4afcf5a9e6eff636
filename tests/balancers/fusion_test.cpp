// Fixed weights over ranks, maximum and sum, reciprocal ranks, products: against tests/golden/fusion.txt, NumPy's
// transcription of each rule (tests/oracle/map_rules.py), and small examples worked out by hand.
#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "arrcoc/balancers/cautious.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/max_sum.hpp"
#include "arrcoc/balancers/product_of_experts.hpp"
#include "arrcoc/balancers/rank_fusion.hpp"

using namespace arrcoc;

static Evidence tokens(Index n) {
  Evidence e;
  e.tokens = {1, n};
  return e;
}

TEST_CASE("every fusion equals the NumPy transcription") {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/fusion.txt");
  std::set<std::string> names;
  for (std::string line; std::getline(in, line);) {
    std::istringstream head(line);
    std::string name, a, b;
    Index count = 0, n = 0;
    head >> name >> count >> n >> a >> b;
    names.insert(name);
    std::vector<float> maps(static_cast<std::size_t>(count * n));
    std::vector<double> expected(static_cast<std::size_t>(n));
    for (float& v : maps) in >> v;
    for (double& v : expected) in >> v;
    std::getline(in, line);
    REQUIRE(in);
    CAPTURE(name);
    CAPTURE(a);
    const Evidence e = tokens(n);
    const Balanced out = name == "fixed"     ? FixedWeightsBalancer{{.scale = a}}.balance(maps, e)
                         : name == "max_sum" ? MaxSumBalancer{{.most = std::stof(a), .scale = b}}.balance(maps, e)
                         : name == "cautious"
                             ? CautiousBalancer{{.uncertainty = std::stof(a), .radius = std::stoi(b)}}.balance(maps, e)
                         : name == "rank_fusion" ? RankFusionBalancer{{std::stod(a)}}.balance(maps, e)
                                                 : ProductOfExpertsBalancer{{std::stod(a), b}}.balance(maps, e);
    REQUIRE(out.relevance.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i)
      CHECK(static_cast<double>(out.relevance[i]) == doctest::Approx(expected[i]).epsilon(1e-6));
  }
  CHECK(names.size() == 5);
}

TEST_CASE("examples worked by hand") {
  // x = 0 .5 1 and 1 0 .25: means .5 .25 .625, maxima 1 .5 1.
  const std::vector<float> maps{2, 3, 4, 8, 0, 2};
  const auto near = [](const Balanced& b, std::vector<double> expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(b.relevance[i] == doctest::Approx(expected[i]));
    CHECK(b.weights == std::vector<float>{.5f, .5f});
  };
  near(MaxSumBalancer{}.balance(maps, tokens(3)), {.75, .375, .8125});
  near(MaxSumBalancer{{.most = 1}}.balance(maps, tokens(3)), {1, .5, 1});
  near(MaxSumBalancer{{.most = 0, .scale = "rank"}}.balance(maps, tokens(3)), {.5, .25, .75});
  // Ranks 3 2 1 and 1 3 2, constant 1: 1/4 + 1/2, 1/3 + 1/4, 1/2 + 1/3 over 1.
  near(RankFusionBalancer{{1}}.balance(maps, tokens(3)), {.75, 7.0 / 12, 5.0 / 6});
  // floor 1/4: .25 .625 1 and 1 .25 .4375.
  near(ProductOfExpertsBalancer{{.floor = .25}}.balance(maps, tokens(3)),
       {.5, std::sqrt(.625 * .25), std::sqrt(.4375)});
}

TEST_CASE("what each is for: one loud map, all maps, no vote by units") {
  // Token 0 is first in one map alone, token 1 second in both; the third map is noise-free agreement.
  const std::vector<float> maps{1, .6f, 0, 0, .6f, 1};
  const auto loud = MaxSumBalancer{{.most = 1}}.balance(maps, tokens(3)).relevance;
  const auto all = ProductOfExpertsBalancer{}.balance(maps, tokens(3)).relevance;
  CHECK(loud[0] > loud[1]);
  CHECK(all[1] > all[0]);
  auto units = maps;
  for (std::size_t i = 0; i < 3; ++i) units[i] = std::exp(9 * units[i]);  // any increasing units
  CHECK(RankFusionBalancer{}.balance(units, tokens(3)).relevance ==
        RankFusionBalancer{}.balance(maps, tokens(3)).relevance);
}

TEST_CASE("errors name the setting") {
  const std::vector<float> m{1, 0};
  const auto e = tokens(2);
  CHECK_THROWS_WITH_AS((void)FixedWeightsBalancer{{.scale = "x"}}.balance(m, e), doctest::Contains("scale"), Error);
  CHECK_THROWS_WITH_AS((void)MaxSumBalancer{{.most = 2}}.balance(m, e), doctest::Contains("most"), Error);
  CHECK_THROWS_WITH_AS((void)MaxSumBalancer{{.scale = ""}}.balance(m, e), doctest::Contains("scale"), Error);
  CHECK_THROWS_WITH_AS((void)RankFusionBalancer{{-1}}.balance(m, e), doctest::Contains("constant"), Error);
  CHECK_THROWS_WITH_AS((void)ProductOfExpertsBalancer{{.floor = 0}}.balance(m, e), doctest::Contains("floor"), Error);
  CHECK_THROWS_AS((void)MaxSumBalancer{}.balance(std::vector<float>{1, 2, 3}, e), Error);
}
