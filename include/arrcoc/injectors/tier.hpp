#pragma once
// TIER: regions of a picture are encoded with a number of tokens each; and its controls, which drop sharpness alone
// (`foveated`) or give the whole picture one lower resolution (`downsample`).
#include <algorithm>
#include <cmath>
#include <string>

#include "arrcoc/injectors/injector.hpp"
#include "arrcoc/primitives/regions.hpp"

namespace arrcoc {

struct TierConfig {
  std::string layout = "mixed";  ///< mixed: all regions attend to each other in the tower; packed: each to itself
  std::string validate() const {
    return layout == "mixed" || layout == "packed" ? "" : "layout: expected mixed or packed, got " + layout;
  }
  bool operator==(const TierConfig&) const = default;
};

namespace detail {
/// Of an allocation that gives regions their tokens once, over the picture's raster.
inline void check_tiers(const Allocation& a, unsigned honours, std::string_view where) {
  refuse_unhonoured(a, honours, where);
  require_that(a.tokens.frames == 1, Code::bad_stage_output, where, "expected a picture, got a clip");
  require_that(a.tokens.raster(), Code::bad_stage_output, where,
               "regions are given their tokens once, over all of a picture");
  require_that(!a.regions.empty(), Code::bad_stage_output, where,
               "expected an allocation with regions, got none: nothing would be encoded");
  check_regions(a, where);
}
}  // namespace detail

/// Every region goes through the tower with its own tokens, each of which covers a place of the full grid: larger than
/// a raster token where the region has fewer tokens than pixels would give. Coordinates in the tower and positions in
/// the language model are the centres of the places; the text behind stays where it was. Regions without tokens are
/// never encoded. Saves tower and language model. O(K).
struct TierInjector {
  static constexpr std::string_view name = "tier";
  static constexpr Phase phase = Phase::pixels;
  static constexpr unsigned honours = Honour::depth | Honour::regions;
  using Config = TierConfig;
  Config config{};

  VisionPlan plan(const Allocation& a) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, "injector.tier", wrong);
    detail::check_tiers(a, honours, "injector.tier");
    std::vector<std::pair<Place, Index>> all;  // and the region it is of
    for (std::size_t r = 0; r < a.regions.size(); ++r)
      for (const Place& p : places_of(a.regions[r])) all.emplace_back(p, static_cast<Index>(r));
    std::sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return comes_before(x.first, y.first); });
    VisionPlan plan{TokenSet(a.grid()), VisionPlan::Source::places};
    for (const auto& [place, region] : all) {
      plan.tokens.places.push_back(place);
      if (config.layout == "packed") plan.segments.push_back(region);
    }
    return plan;
  }
};

struct FoveatedConfig {
  bool operator==(const FoveatedConfig&) const = default;
};

/// A control: every region is resampled to what its tokens would hold and back to its size, and the picture is encoded
/// as a whole. Information goes, no token does; nothing is saved.
struct FoveatedInjector {
  static constexpr std::string_view name = "foveated";
  static constexpr Phase phase = Phase::pixels;
  static constexpr unsigned honours = Honour::depth | Honour::regions;
  using Config = FoveatedConfig;
  Config config{};

  VisionPlan plan(const Allocation& a) const {
    detail::check_tiers(a, honours, "injector.foveated");
    VisionPlan plan = plan_of(a);
    plan.source = VisionPlan::Source::blurred;
    return plan;
  }
};

struct DownsampleConfig {
  bool operator==(const DownsampleConfig&) const = default;
};

/// A control: the whole picture in one lower resolution, as another picture with a grid of its own: the most tokens of
/// its shape that the one region has (25 of 32 for a square), rounded down on each side as the stock resize does. One
/// region over the whole picture; positions are those of the smaller grid.
struct DownsampleInjector {
  static constexpr std::string_view name = "downsample";
  static constexpr Phase phase = Phase::pixels;
  static constexpr unsigned honours = Honour::depth | Honour::regions;
  static constexpr bool changes_grid = true;
  using Config = DownsampleConfig;
  Config config{};

  VisionPlan plan(const Allocation& a) const {
    detail::check_tiers(a, honours, "injector.downsample");
    const Grid g = a.grid();
    require_that(a.regions.size() == 1 && a.regions[0].row1 - a.regions[0].row0 == g.rows &&
                     a.regions[0].col1 - a.regions[0].col0 == g.cols,
                 Code::bad_stage_output, "injector.downsample", "expected one region, the whole picture");
    const Index tokens = a.regions[0].tokens;
    if (tokens >= g.count()) return {TokenSet(g), VisionPlan::Source::picture};
    const double shrink = std::sqrt(static_cast<double>(g.count()) / static_cast<double>(tokens));
    const auto side = [&](Index n) {
      return std::max<Index>(1, static_cast<Index>(std::floor(static_cast<double>(n) / shrink + 1e-9)));
    };
    Grid small{side(g.rows), side(g.cols)};
    if (small.rows == 1) small.cols = std::min(small.cols, tokens);
    if (small.cols == 1) small.rows = std::min(small.rows, tokens);
    return {TokenSet(small), VisionPlan::Source::picture};
  }
};

}  // namespace arrcoc
