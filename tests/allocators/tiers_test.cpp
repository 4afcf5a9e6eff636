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
        config.by >> config.power;
    std::vector<float> r(static_cast<std::size_t>(rows * cols));
    for (float& v : r) in >> v, v /= 64;
    std::size_t count = 0;
    in >> count;
    std::vector<Region> regions(count);
    for (Region& g : regions) in >> g.row0 >> g.col0 >> g.row1 >> g.col1 >> g.tokens;
    CAPTURE(rows);
    CAPTURE(budget);
    CAPTURE(config.by);
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
  CHECK(cases == 86);
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
  CHECK(refused({.by = "luck"}).find("thresholds, power or best") != std::string::npos);
  CHECK(refused({.power = 0}).find("(0, 100]") != std::string::npos);
  CHECK_THROWS_WITH_AS(run({}, TokenSet(Grid{2, 2}, 2), r, 4),
                       "[tiers] regions are of one picture: expected 1 frame, got 2 (E203)", Error);
}
