// Regions with tokens of their own: what is encoded where, and what is refused. Against transformers:
// tests/oracle/tiers.py.
#include "arrcoc/injectors/tier.hpp"

#include <doctest/doctest.h>

#include "arrcoc/pipeline/decide.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using arrcoc::tests::expect_error;

namespace {

Allocation with_regions(Grid grid, std::vector<Region> regions) {
  Allocation a = keep_everything(grid);
  a.regions = std::move(regions);
  return a;
}

}  // namespace

TEST_CASE("a 4x6 example: the left half native, the right one with four tokens") {
  const Allocation a = with_regions({4, 6}, {{0, 0, 4, 3, 12}, {0, 3, 4, 6, 4}});
  const VisionPlan plan = TierInjector{}.plan(a);
  CHECK(plan.source == VisionPlan::Source::places);
  CHECK(plan.segments.empty());
  REQUIRE(plan.tokens.count() == 16);
  check_places(plan.tokens, "test");
  // Two rows of two on the right, 2 x 1.5 tokens each: their centres lie between raster rows 0 and 1, and 2 and 3.
  const auto coarse = [&](float row, float col) {
    return std::count(plan.tokens.places.begin(), plan.tokens.places.end(), Place{row, col, 2, 1.5f}) == 1;
  };
  CHECK(coarse(0, 3));
  CHECK(coarse(0, 4.5f));
  CHECK(coarse(2, 3));
  CHECK(coarse(2, 4.5f));
  CHECK(std::count_if(plan.tokens.places.begin(), plan.tokens.places.end(), [](const Place& p) { return p.unit(); }) ==
        12);
  const VisionPlan packed = TierInjector{{"packed"}}.plan(a);
  CHECK(packed.tokens == plan.tokens);
  for (std::size_t i = 0; i < packed.segments.size(); ++i)
    CHECK(packed.segments[i] == (plan.tokens.places[i].col < 3 ? 0 : 1));
}

TEST_CASE("what every token stands for: depth and reason of the token in its middle") {
  Allocation a = with_regions({2, 4}, {{0, 0, 2, 4, 2}});
  for (std::size_t i = 0; i < 8; ++i) {
    a.depth[i] = static_cast<std::uint32_t>(i);
    a.why[i] = {Cause::score, static_cast<Index>(i), 1};
  }
  const Allocation s = settled(a, TierInjector{}.plan(a));
  REQUIRE(s.count() == 2);
  CHECK(s.tokens.at(0) == Place{0, 0, 2, 2});
  CHECK(s.depth == std::vector<std::uint32_t>{5, 7});
  CHECK(s.why[1].rank == 7);
}

TEST_CASE("downsample: the most tokens of the picture's shape, and no others") {
  const auto grid = [](Grid g, Index tokens) {
    return DownsampleInjector{}.plan(with_regions(g, {{0, 0, g.rows, g.cols, tokens}})).tokens.grid;
  };
  CHECK(grid({8, 8}, 32) == Grid{5, 5});
  CHECK(grid({8, 8}, 16) == Grid{4, 4});
  CHECK(grid({8, 8}, 64) == Grid{8, 8});
  CHECK(grid({8, 8}, 900) == Grid{8, 8});
  CHECK(grid({32, 32}, 256) == Grid{16, 16});
  CHECK(grid({1, 100}, 7) == Grid{1, 7});
  CHECK(grid({100, 2}, 1) == Grid{1, 1});
  for (Index rows = 1; rows < 12; ++rows)
    for (Index cols = 1; cols < 12; ++cols)
      for (Index tokens = 1; tokens <= rows * cols; ++tokens) {
        const Grid g = grid({rows, cols}, tokens);
        CHECK(g.count() <= tokens);
        CHECK((g.rows >= 1 && g.rows <= rows && g.cols >= 1 && g.cols <= cols));
      }
}

TEST_CASE("what cannot be encoded is refused in a sentence") {
  const auto refused = [](std::string_view part, const Allocation& a) {
    expect_error(Code::bad_stage_output, part, [&] { TierInjector{}.plan(a); });
  };
  refused("nothing would be encoded", keep_everything({2, 2}));
  refused("none to overlap, got two over row 1, column 1", with_regions({2, 2}, {{0, 0, 2, 2, 4}, {1, 1, 2, 2, 1}}));
  refused("expected a rectangle of the grid that has tokens, got rows 0 to 3", with_regions({2, 2}, {{0, 0, 3, 2, 4}}));
  refused("got rows 0 to 2, columns 0 to 2 with 0", with_regions({2, 2}, {{0, 0, 2, 2, 0}}));
  refused("over all of a picture", [] {
    Allocation a = with_regions({2, 2}, {{0, 0, 2, 2, 4}});
    a.tokens.places = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    return a;
  }());
  refused("expected a picture, got a clip", [] {
    Allocation a = with_regions({2, 2}, {{0, 0, 2, 2, 4}});
    a.tokens.frames = 2;
    return a;
  }());
  expect_error(Code::bad_config, "expected mixed or packed, got loose", [] {
    TierInjector{{"loose"}}.plan(with_regions({2, 2}, {{0, 0, 2, 2, 4}}));
  });
  expect_error(Code::bad_stage_output, "expected one region, the whole picture", [] {
    DownsampleInjector{}.plan(with_regions({2, 2}, {{0, 0, 1, 2, 2}}));
  });
}
