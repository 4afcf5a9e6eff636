// `tiers` against tests/golden/tiers.txt: NumPy's transcription of the rule (tests/oracle/tier_rules.py), and small
// examples worked out by hand.
#include "arrcoc/allocators/tier/tiers.hpp"

#include <doctest/doctest.h>

#include <fstream>

using namespace arrcoc;

namespace {

Allocation run(const TiersConfig& config, const TokenSet& tokens, const std::vector<float>& r, Index budget) {
  Evidence e;
  e.tokens = tokens;
  Rng rng(1);
  return TiersAllocator{config}.allocate(r, e, Budget{budget, 0.25}, rng);
}
std::vector<Index> counts(const Allocation& a) {
  std::vector<Index> out;
  for (const Region& r : a.regions) out.push_back(r.tokens);
  return out;
}

}  // namespace

TEST_CASE("tiers equals the NumPy transcription: regions, order, causes and values") {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/tiers.txt");
  int cases = 0;
  TiersConfig config;
  for (Index rows, cols, budget; in >> rows >> cols >> budget;) {
    in >> config.tiers >> config.thresholds >> config.region >> config.pooled >> config.share >> config.relative >>
        config.by >> config.power >> config.widths >> config.regions;
    std::vector<float> r(static_cast<std::size_t>(rows * cols));
    for (float& v : r) in >> v, v /= 64;
    std::size_t count = 0;
    in >> count;
    std::vector<Region> regions(count);
    for (Region& g : regions) in >> g.row0 >> g.col0 >> g.row1 >> g.col1 >> g.tokens;
    CAPTURE(rows);
    CAPTURE(budget);
    CAPTURE(config.by);
    CAPTURE(config.regions);
    const Allocation a = run(config, Grid{rows, cols}, r, budget);
    CHECK(a.regions == regions);
    Index kept = 0, listed = 0;
    in >> kept >> listed;
    CHECK(a.count() == kept);
    std::vector<std::size_t> at(a.kept.size());
    for (std::size_t i = 0; i < a.why.size(); ++i) at[static_cast<std::size_t>(a.why[i].rank)] = i;
    for (Index i = 0; i < listed; ++i) {
      std::size_t rank = 0;
      Index token = 0;
      std::string cause;
      double value = 0;
      in >> rank >> token >> cause >> value;
      REQUIRE(in);
      REQUIRE(rank < at.size());
      CHECK(a.kept[at[rank]] == token);
      CHECK(name_of(a.why[at[rank]].cause) == cause);
      CHECK(a.why[at[rank]].value == doctest::Approx(value).epsilon(1e-4));
    }
    ++cases;
  }
  CHECK(cases == 198);
}

TEST_CASE("a 2x4 example worked by hand") {
  // Two regions of 2 x 2. Best tokens .9 and .3: from 0 to 1 over the picture: 1 and 0.
  const std::vector<float> r{.9f, .1f, .3f, .2f, .5f, .2f, .1f, .3f};
  const TiersConfig config{.tiers = "1+2+4", .thresholds = "0.4+0.8", .region = 4, .pooled = "max"};
  // They ask for 4 and 1. Five tokens: both have it. Six: the second goes up to 2; seven: 2 more for one, not here.
  CHECK(counts(run(config, Grid{2, 4}, r, 5)) == std::vector<Index>{4, 1});
  CHECK(counts(run(config, Grid{2, 4}, r, 6)) == std::vector<Index>{4, 2});
  CHECK(counts(run(config, Grid{2, 4}, r, 7)) == std::vector<Index>{4, 2});
  CHECK(counts(run(config, Grid{2, 4}, r, 8)) == std::vector<Index>{4, 4});
  // Four: the first comes down to 2, and the second goes up to 2. One: the first alone, with its lowest.
  const auto four = run(config, Grid{2, 4}, r, 4);
  CHECK(counts(four) == std::vector<Index>{2, 2});
  CHECK(four.count() == 8);
  const auto one = run(config, Grid{2, 4}, r, 1);
  CHECK(one.regions == std::vector<Region>{{0, 0, 2, 2, 1}});
  CHECK(one.kept == std::vector<Index>{0, 1, 4, 5});
  // In the first region: 0 (.9), 4 (.5), then 5 (.2) though 2 (.3) was free, then 1.
  CHECK(one.why[0] == Provenance{Cause::score, 0, 1});
  CHECK(one.why[2] == Provenance{Cause::score, 1, 1});
  CHECK(one.why[3] == Provenance{Cause::coverage, 2, 1});
  CHECK(one.why[1] == Provenance{Cause::coverage, 3, 1});
}

TEST_CASE("curves from relevance to tokens, worked by hand") {
  const std::vector<double> tiers{64, 100, 160, 256, 400}, widths{20, 25, 40, 50, 60};
  CHECK(tier::on_curve(.5, 64, 400, false, 2) == doctest::Approx(148));  // 64 + 336 / 4
  CHECK(tier::on_curve(.5, 64, 400, true, 2) == doctest::Approx(160));   // the root of 64 400
  CHECK(tier::on_curve(0, 64, 400, true, 2) == 64);
  CHECK(tier::on_curve(1, 64, 400, true, 2) == doctest::Approx(400));
  // The blend as the notes have it: down before it goes up, and never at an end.
  CHECK(tier::blended(0, tiers, widths) == doctest::Approx(70.7).epsilon(.001));
  CHECK(tier::blended(.055, tiers, widths) == doctest::Approx(68.4).epsilon(.001));
  CHECK(tier::blended(1, tiers, widths) == doctest::Approx(397.8).epsilon(.001));
  CHECK(tier::nearest(70.7, tiers) == 1);
  CHECK(tier::nearest(397.8, tiers) == 5);
  CHECK(tier::nearest(82, tiers) == 1);  // as far from 64 as from 100
  CHECK(tier::below(159.9, tiers) == 2);
  CHECK(tier::below(1, tiers) == 1);
}

TEST_CASE("the knapsack buys what greedy funding does not") {
  // Three regions of 2 x 2 with 3 or 4 tokens, worth .6, .5 and .4, eight tokens. A step is worth its region's worth:
  // 4 + 4 + 0 is worth 2 .6 + 2 .5 = 2.2; 3 + 3 + 0 or 4 + 3 + 0 less. Greedy asks 3 for all, drops the third, then
  // raises the first two one by one: the same. With seven tokens: 4 + 3 is 1.7. With nine 3 + 3 + 3 is 1.5, and
  // 4 + 4 + 0 2.2: greedy has room for every region's lowest and stays there.
  const std::vector<float> r{.6f, 0, .5f, 0, .4f, 0, 0, 0, 0, 0, 0, 0};
  TiersConfig config{.tiers = "3+4", .thresholds = "1", .region = 4, .pooled = "max", .relative = false};
  CHECK(counts(run(config, Grid{2, 6}, r, 9)) == std::vector<Index>{3, 3, 3});
  config.by = "knapsack";
  CHECK(counts(run(config, Grid{2, 6}, r, 9)) == std::vector<Index>{4, 4});
  CHECK(counts(run(config, Grid{2, 6}, r, 7)) == std::vector<Index>{4, 3});
  CHECK(counts(run(config, Grid{2, 6}, r, 12)) == std::vector<Index>{4, 4, 4});
  CHECK(counts(run(config, Grid{2, 6}, r, 2)) == std::vector<Index>{2});  // below the lowest tier
  config.region = 1, config.tiers = "1+2";
  CHECK_THROWS_WITH_AS(run(config, Grid{200, 200}, std::vector<float>(40000, .5f), 10000),
                       "[knapsack] expected takers times budget of at most 2^28, got 40000 times 10000 (E101)", Error);
}

TEST_CASE("a quadtree is fine where relevance differs") {
  // 8 x 8, one hot cell at (1, 6): even regions of 4 tokens are 16, a quadtree has 16 leaves at most. Cut: the whole,
  // then the quarter of the hot cell, then its quarter, until a leaf's quarter would be under one token; then, all of
  // the others being alike, the largest, by row and column.
  std::vector<float> r(64);
  r[8 + 6] = 1;
  const auto a = run({.tiers = "1+2+4", .thresholds = "0.4+0.8", .region = 4, .pooled = "max", .regions = "quadtree"},
                     Grid{8, 8}, r, 64);
  std::vector<Region> areas = a.regions;
  for (Region& g : areas) g.tokens = 0;
  REQUIRE(areas.size() == 16);
  const auto has = [&](Region g) { return std::find(areas.begin(), areas.end(), g) != areas.end(); };
  for (const Region& g : std::vector<Region>{{0, 4, 2, 6, 0},
                                             {0, 6, 1, 7, 0},
                                             {1, 6, 2, 7, 0},
                                             {1, 7, 2, 8, 0},
                                             {2, 4, 4, 6, 0},
                                             {0, 0, 2, 2, 0},
                                             {2, 2, 4, 4, 0},
                                             {4, 0, 6, 2, 0}})
    CHECK(has(g));
  CHECK(has({4, 4, 8, 8, 0}));
  // A picture all alike is cut evenly, and no more than even regions are: one row is cut across alone.
  const auto even = run({.tiers = "1+2+4", .thresholds = "0.4+0.8", .region = 4, .regions = "quadtree"}, Grid{8, 8},
                        std::vector<float>(64, .5f), 64);
  CHECK(even.regions.size() == 16);
  for (const Region& g : even.regions) CHECK((g.row1 - g.row0 == 2 && g.col1 - g.col0 == 2));
  const auto row = run({.tiers = "1+2", .thresholds = "0.5", .region = 4, .regions = "quadtree"}, Grid{1, 8},
                       std::vector<float>(8, .5f), 8);
  CHECK(row.regions.size() == 4);
}

TEST_CASE("a picture smaller than a tier has its native tokens, and a small budget goes to the best region") {
  CHECK(counts(run({}, Grid{6, 8}, std::vector<float>(48, .5f), 48)) == std::vector<Index>{48});
  CHECK(counts(run({}, Grid{6, 8}, std::vector<float>(48, .5f), 20)) == std::vector<Index>{20});
  // 4096 x 4096 px: sixteen regions of 1,024 native tokens, equally relevant: 160 each.
  const auto even = run({}, Grid{128, 128}, std::vector<float>(16384, .5f), 2560);
  CHECK(counts(even) == std::vector<Index>(16, 160));
  CHECK(even.count() == 16384);
  CHECK(even.regions[5] == Region{32, 32, 64, 64, 160});
  // 1024 x 1024 px: one region.
  CHECK(counts(run({}, Grid{32, 32}, std::vector<float>(1024, .5f), 300)) == std::vector<Index>{256});
}

TEST_CASE("places that are no raster belong to the region of their centre") {
  // Left region: a place of 2 x 2; right region: one unit place of four.
  const TokenSet tokens(Grid{2, 4}, std::vector<Place>{{0, 3, 1, 1}, {0, 0, 2, 2}});
  const auto a = run({.tiers = "1+4", .thresholds = "0.5", .region = 4}, tokens, {.2f, .9f}, 1);
  CHECK(a.regions == std::vector<Region>{{0, 0, 2, 2, 1}});
  CHECK(a.kept == std::vector<Index>{1});
}

TEST_CASE("settings and inputs that say nothing are refused") {
  const std::vector<float> r(8, .5f);
  const auto refused = [&](const TiersConfig& c) {
    try {
      run(c, Grid{2, 4}, r, 4);
      return std::string("nothing");
    } catch (const Error& e) { return std::string(e.what()); }
  };
  CHECK(refused({.tiers = "64+x"}) ==
        "[tiers] tiers: expected rising whole numbers of 1 to 65536 joined by +, got '64+x' (E101)");
  CHECK(refused({.tiers = "64+64+100+160+256"}).find("rising") != std::string::npos);
  CHECK(refused({.thresholds = "0.2+0.4"}).find("one fewer than tiers") != std::string::npos);
  CHECK(refused({.region = 0}) == "[tiers] region: expected 1 to 65536 tokens, got 0 (E101)");
  CHECK(refused({.pooled = "median"}).find("mean, max or top") != std::string::npos);
  CHECK(refused({.share = 0}).find("(0, 1]") != std::string::npos);
  CHECK(refused({.by = "luck"}).find("blend, best or knapsack") != std::string::npos);
  CHECK(refused({.by = "blend", .widths = "20+25"}).find("as many as tiers") != std::string::npos);
  CHECK(refused({.by = "blend", .widths = "20+25+0+50+60"}).find("above 0") != std::string::npos);
  CHECK(refused({.regions = "hexagons"}).find("even or quadtree") != std::string::npos);
  CHECK(refused({.power = 0}).find("(0, 100]") != std::string::npos);
  CHECK_THROWS_WITH_AS(run({}, TokenSet(Grid{2, 2}, 2), r, 4),
                       "[tiers] regions are of one picture: expected 1 frame, got 2 (E203)", Error);
}
