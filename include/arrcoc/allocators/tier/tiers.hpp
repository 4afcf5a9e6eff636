#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "arrcoc/core/split.hpp"
#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/funding.hpp"
#include "arrcoc/primitives/normalise.hpp"
#include "arrcoc/primitives/quadtree.hpp"
#include "arrcoc/primitives/regions.hpp"
#include "arrcoc/primitives/selection.hpp"
#include "arrcoc/primitives/tier_asks.hpp"

namespace arrcoc {

struct TiersConfig {
  std::string tiers = "64+100+160+256+400";    ///< tokens that a region can have, rising
  std::string thresholds = "0.2+0.4+0.6+0.8";  ///< relevance from which a region asks for the next tier, rising
  Index region = 1024;                         ///< raster tokens in a region, about; 1 to 65536
  std::string pooled = "top";                  ///< a region's relevance: mean, max, or top: mean of its best tokens
  double share = 0.1;                          ///< of a region's tokens that `top` averages; (0, 1]
  bool relative = true;                        ///< regions' relevance from 0 to 1 over the picture; else as it is
  /// what a region asks for: thresholds, power, exponential, blend, or best: all it can have; knapsack: the best sum
  std::string by = "thresholds";
  double power = 2;                       ///< of relevance, with power: least + (most - least) relevance^power
  std::string widths = "20+25+40+50+60";  ///< of the tiers' Gaussians, with blend, in tokens
  std::string regions = "even";  ///< even rectangles, or quadtree: as many at most, small where relevance differs
  std::string validate() const {
    const auto wrong = [](const std::string& list, double least, double most, bool whole) {
      const std::vector<double> x = numbers(list);
      if (x.empty() || x.front() < least || x.back() > most) return true;
      for (std::size_t i = 0; i < x.size(); ++i)
        if ((whole && x[i] != std::floor(x[i])) || (i > 0 && !(x[i - 1] < x[i]))) return true;
      return false;
    };
    if (wrong(tiers, 1, 65536, true))
      return "tiers: expected rising whole numbers of 1 to 65536 joined by +, got '" + tiers + "'";
    if (wrong(thresholds, 0, 1, false) || numbers(thresholds).size() + 1 != numbers(tiers).size())
      return "thresholds: expected rising numbers in [0, 1] joined by +, one fewer than tiers, got '" + thresholds +
             "'";
    if (region < 1 || region > 65536) return "region: expected 1 to 65536 tokens, got " + std::to_string(region);
    if (pooled != "mean" && pooled != "max" && pooled != "top")
      return "pooled: expected mean, max or top, got '" + pooled + "'";
    if (!(share > 0 && share <= 1)) return "share: expected a number in (0, 1], got " + std::to_string(share);
    if (by != "thresholds" && by != "power" && by != "exponential" && by != "blend" && by != "best" && by != "knapsack")
      return "by: expected thresholds, power, exponential, blend, best or knapsack, got '" + by + "'";
    const std::vector<double> wide = numbers(widths);
    const bool positive = std::all_of(wide.begin(), wide.end(), [](double w) { return w > 0 && w <= 65536; });
    if (by == "blend" && (!positive || wide.size() != numbers(tiers).size()))
      return "widths: expected numbers above 0 joined by +, as many as tiers, got '" + widths + "'";
    if (regions != "even" && regions != "quadtree") return "regions: expected even or quadtree, got '" + regions + "'";
    return power > 0 && power <= 100 ? "" : "power: expected a number in (0, 100], got " + std::to_string(power);
  }
  bool operator==(const TiersConfig&) const = default;

  /// "64+100" -> 64, 100; empty where a part is no number.
  static std::vector<double> numbers(std::string_view list) {
    std::vector<double> out;
    for (const std::string& one : split(list, '+')) {
      double x = 0;
      if (!detail::from_text(one, x).empty()) return {};
      out.push_back(x);
    }
    return out;
  }
};

/// One resolution for each region of a picture: the grid in even rectangles of about `region` tokens or a quadtree's
/// leaves, each with one of the tiers, at most its native tokens. A region asks for the tier of its relevance (`by`;
/// with power and exponential the highest below the curve, with blend the nearest); fund() lowers and raises
/// until the sum of tiers is at most B and no region can go up: too much, and the one goes down that is least relevant
/// per token freed, then the least relevant are dropped whole; too little, and dropped ones return, then the one goes
/// up that is most relevant per token added (with `best`: the most relevant). `knapsack`: the greatest sum of relevance
/// times steps, exactly, before the rest is raised. A budget below the lowest tier goes to the most relevant region.
/// Ties to the smaller index. O(N log N + R^2 tiers), with knapsack R B tiers, at most 2^28 bytes. Needs an injector
/// that honours regions.
/// Kept: every living token whose centre lies in a region that has tokens, ranked by region, then by relevance; value:
/// its region's. Cause: `score` for the most relevant token still free, else `coverage`: its region brought it.
/// Error{bad_stage_output} for a clip.
/// Source: ARR-COC notes: tiers 64 to 400, thresholds .2/.4/.6/.8, curves, the Gaussian blend, funding the best in
/// full.
struct TiersAllocator {
  static constexpr std::string_view name = "tiers";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::tiers;
  using Config = TiersConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    require_that(e.tokens.frames == 1, Code::bad_stage_output, name, [&] {
      return "regions are of one picture: expected 1 frame, got " + std::to_string(e.tokens.frames);
    });
    const auto [most, clamped] = budget.resolve(e.count());
    std::vector<Candidate> all;
    std::vector<Taker> takers;
    look(relevance, e.tokens, all, takers);
    std::vector<std::size_t> order(all.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return takers[a].worth > takers[b].worth; });
    if (config.by == "knapsack") fund_exactly(takers, most);
    const bool none = fund(takers, most, config.by == "best") == 0;
    for (std::size_t i = 0; i < all.size(); ++i) all[i].region.tokens = takers[i].has();
    if (none) all[order[0]].region.tokens = most;
    const std::vector<Index> ranked = selection::best(relevance, e.count());
    std::vector<bool> taken(relevance.size());
    std::size_t front = 0;  // of ranked: the most relevant token that is free
    std::vector<selection::Choice> choices;
    for (const std::size_t i : order) {
      if (all[i].region.tokens == 0) continue;
      for (const Index t : all[i].members) {
        while (taken[static_cast<std::size_t>(ranked[front])]) ++front;
        taken[static_cast<std::size_t>(t)] = true;
        const Cause cause = ranked[front] == t ? Cause::score : Cause::coverage;
        choices.push_back({t, {cause, static_cast<Index>(choices.size()), takers[i].worth}});
      }
    }
    Allocation out = selection::finish(e.tokens, std::move(choices), clamped);
    for (const Candidate& c : all)
      if (c.region.tokens > 0) out.regions.push_back(c.region);
    return out;
  }

 private:
  struct Candidate {
    Region region;
    std::vector<Index> members;  // living, the most relevant first
  };

  /// Regions in which a token lives, with what each asks for.
  void look(std::span<const float> relevance, const TokenSet& tokens, std::vector<Candidate>& all,
            std::vector<Taker>& takers) const {
    const std::vector<Index> ranked = selection::best(relevance, tokens.count());
    const auto cell = [](float centre, Index n) {
      return std::clamp<Index>(static_cast<Index>(std::floor(centre + 0.5f)), 0, n - 1);
    };
    std::vector<std::pair<Index, Index>> cells;  // of ranked
    for (const Index t : ranked) {
      const Place p = tokens.at(t);
      cells.emplace_back(cell(p.centre_row(), tokens.grid.rows), cell(p.centre_col(), tokens.grid.cols));
    }
    const auto worth_of = [&](const std::vector<Index>& members) {
      return tier::pooled(relevance, members, config.pooled, config.share);
    };
    for (const Region& r : config.regions == "quadtree"
                               ? quadtree_regions(tokens.grid, config.region, ranked, cells, worth_of)
                               : even_regions(tokens.grid, config.region))
      all.push_back({r, {}});
    std::vector<std::size_t> owner(static_cast<std::size_t>(tokens.grid.count()));
    for (std::size_t i = 0; i < all.size(); ++i)
      for (Index r = all[i].region.row0; r < all[i].region.row1; ++r)
        for (Index c = all[i].region.col0; c < all[i].region.col1; ++c)
          owner[static_cast<std::size_t>(tokens.grid.at(r, c))] = i;
    for (std::size_t t = 0; t < ranked.size(); ++t)
      all[owner[static_cast<std::size_t>(tokens.grid.at(cells[t].first, cells[t].second))]].members.push_back(
          ranked[t]);
    std::erase_if(all, [](const Candidate& c) { return c.members.empty(); });
    std::vector<float> worth;
    for (const Candidate& c : all) worth.push_back(worth_of(c.members));
    if (config.relative) worth = balance::min_max(worth);
    const std::vector<double> tiers = TiersConfig::numbers(config.tiers);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Region& r = all[i].region;
      Taker taker{{}, 0, worth[i]};
      for (const double tier : tiers) {
        const Index count = std::min(static_cast<Index>(tier), (r.row1 - r.row0) * (r.col1 - r.col0));
        if (taker.ladder.empty() || taker.ladder.back() < count) taker.ladder.push_back(count);
      }
      taker.step = std::min(asked(worth[i], tiers), taker.ladder.size());
      takers.push_back(std::move(taker));
    }
  }

  /// How many tiers a region of this relevance asks for; with `best` and `knapsack` the lowest, and funding does the
  /// rest.
  std::size_t asked(float worth, const std::vector<double>& tiers) const {
    const double x = std::clamp(static_cast<double>(worth), 0.0, 1.0);
    if (config.by == "power" || config.by == "exponential")
      return tier::below(tier::on_curve(x, tiers.front(), tiers.back(), config.by == "exponential", config.power),
                         tiers);
    if (config.by == "blend") return tier::nearest(tier::blended(x, tiers, TiersConfig::numbers(config.widths)), tiers);
    std::size_t steps = 1;
    if (config.by == "thresholds")
      for (const double least : TiersConfig::numbers(config.thresholds)) steps += x >= least;
    return steps;
  }
};
static_assert(check_allocator<TiersAllocator>());

}  // namespace arrcoc
