// From what was typed to the columns of a sweep: axes, ranges, and what is refused.
#include <doctest/doctest.h>

#include "arrcoc/sweep/sweep.hpp"

using namespace arrcoc;

namespace {

using Texts = std::vector<std::string>;

SweepChoice choice_of(Texts pipelines, Settings settings) {
  SweepChoice c;
  c.pipelines = std::move(pipelines);
  c.budgets = {Budget{9, 0}};
  c.settings = std::move(settings);
  return c;
}

std::vector<SweepColumn> columns_of(const SweepChoice& c) { return sweep_columns(c, 3, list_strategies()); }

Texts labels_of(const SweepChoice& c) {
  Texts out;
  for (const SweepColumn& column : columns_of(c)) out.push_back(column.label());
  return out;
}

}  // namespace

TEST_CASE("several values of a setting are a column each, named by the value") {
  SweepChoice c = choice_of({"three_ways", "grid", "stock"}, {{"balancer.explore", "0.1:0.7:0.2,0.90"}});
  CHECK(labels_of(c) == Texts{"three_ways:balancer.explore=0.1@9", "three_ways:balancer.explore=0.3@9",
                              "three_ways:balancer.explore=0.5@9", "three_ways:balancer.explore=0.7@9",
                              "three_ways:balancer.explore=0.9@9", "grid@9", "stock"});
  const std::vector<SweepColumn> columns = columns_of(c);
  CHECK(columns[1].spec.settings == Settings{{"balancer.explore", "0.3"}});
  CHECK(columns[5].spec.settings.empty());

  SUBCASE("a control is its pipeline's name and more, whatever stands in it") {
    c.pipelines = {"three_ways:query=blank",
                   "texture13/near=contrast+information/tension/top_k/gather:passes=escalate:query=blank@0.5"};
    c.settings = {{"balancer.explore", "0.3,0.5"}, {"passes.tokens", "0,4"}, {"scorers.near.radius", "3"}};
    const Texts labels = labels_of(c);
    REQUIRE(labels.size() == 6);
    CHECK(labels[1] == "three_ways:balancer.explore=0.5:query=blank@9");
    CHECK(labels[5] ==
          "texture13/near=contrast+information/tension:explore=0.5/top_k/"
          "gather:passes=escalate:passes.tokens=4:query=blank@0.5");
    CHECK(columns_of(c)[5].spec.settings ==
          Settings{{"balancer.explore", "0.5"}, {"passes.tokens", "4"}, {"scorers.near.radius", "3"}});
  }
  SUBCASE("one value stays out of the names") {
    c.settings = {{"balancer.explore", "0.30"}};
    CHECK(labels_of(c) == Texts{"three_ways@9", "grid@9", "stock"});
    CHECK(columns_of(c)[0].spec.settings.at("balancer.explore") == "0.30");
  }
  SUBCASE("a value in a pipeline's name stays; a fixed one gives way") {
    c.pipelines = {"three_ways:balancer.explore=0.2", "three_ways"};
    c.fixed = {{"balancer.explore", "0.8"}, {"scorers.information.channel", "1"}};
    c.settings = {{"balancer.explore", "0.3,0.5"}};
    c.fixed.erase("scorers.information.channel");
    CHECK(labels_of(c) == Texts{"three_ways:balancer.explore=0.2@9", "three_ways:balancer.explore=0.3@9",
                                "three_ways:balancer.explore=0.5@9"});
    CHECK(columns_of(c)[0].spec.settings.at("balancer.explore") == "0.2");
  }
  SUBCASE("with seeds, depths and an oracle's leak rows") {
    c = choice_of({"none/none/flat/random/order", "oracle"}, {{"injector.by", "raster,random"}});
    c.seeds = {0, 1};
    c.depths = {"all", "none"};
    CHECK(labels_of(c) ==
          Texts{"none/none/flat/random/order:by=raster@9", "none/none/flat/random/order:by=raster@9 seed=1",
                "none/none/flat/random/order:by=raster@9 depth=none",
                "none/none/flat/random/order:by=raster@9 depth=none seed=1", "none/none/flat/random/order:by=random@9",
                "none/none/flat/random/order:by=random@9 seed=1", "none/none/flat/random/order:by=random@9 depth=none",
                "none/none/flat/random/order:by=random@9 depth=none seed=1", "oracle@9", "oracle_blank@9",
                "oracle_other@9", "oracle@9 depth=none", "oracle_blank@9 depth=none", "oracle_other@9 depth=none"});
  }
}

TEST_CASE("ranges have both ends, and decimals as they were typed") {
  CHECK(axis_values("4:16:4", "int", "x") == Texts{"4", "8", "12", "16"});
  CHECK(axis_values("0:2", "int", "x") == Texts{"0", "1", "2"});
  CHECK(axis_values("7,3:1:-1", "int", "x") == Texts{"7", "3", "2", "1"});
  CHECK(axis_values("0:1:0.3", "float", "x") == Texts{"0", "0.3", "0.6", "0.9"});
  CHECK(axis_values("-0.2:0.1:0.1", "float", "x") == Texts{"-0.2", "-0.1", "0", "0.1"});
  CHECK(axis_values("1e-3:3e-3:1e-3", "float", "x") == Texts{"0.001", "0.002", "0.003"});
  CHECK(axis_values("a:b,c", "string", "x") == Texts{"a:b", "c"});
  CHECK(axis_values("1,2", "int[]", "x") == Texts{"1,2"});
  for (const char* wrong : {"1:2:0", "2:1:1", "0:1", "1:2:3:4", "a:2:1", "0.1:", "0.1,,0.2", "", "nan:1:1"})
    CHECK_THROWS_WITH_AS(axis_values(wrong, "float", "x.y"), doctest::Contains("x.y: expected"), Error);
  CHECK_THROWS_WITH_AS(axis_values("010", "int", "x"), doctest::Contains("decimal, got '010'"), Error);
  CHECK_THROWS_WITH_AS(axis_values("0:1:1e-9", "float", "x"), doctest::Contains("at most 4096 values, got 1000000001"),
                       Error);
}

TEST_CASE("what is no column is refused before anything runs") {
  const auto refused = [](Settings settings, const char* words, Texts pipelines = {"three_ways"}) {
    CHECK_THROWS_WITH_AS(columns_of(choice_of(std::move(pipelines), std::move(settings))), doctest::Contains(words),
                         Error);
  };
  refused({{"balancer.exploer", "0.3,0.5"}}, "no pipeline of this sweep has that setting, nearest: balancer.explore");
  refused({{"balancer.explore", "0.3,half"}}, "balancer.explore: expected a finite number, got 'half'");
  refused({{"balancer.explore", "0.3,0.30"}}, "'three_ways:balancer.explore=0.3@9' is asked for twice");
  refused({{"texture.clusters", "1:3"}, {"balancer.explore", "0:1:0.0005"}}, "at most 4096 columns, got 6003");
  refused({{"balancer.explore", "0.3"}}, "names a value of its own", {"three_ways:balancer.explore=0.2"});
  refused({{"scorers.learned.weights", "a/b,c"}}, "a value that a name can hold (no /",
          {"none/learned/flat/top_k/gather"});
  refused({{"scorers.entropy.of", "a+b,c"}}, "(without +)", {"texture13/entropy/flat/top_k/gather"});
}
