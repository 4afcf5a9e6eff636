#pragma once
// What an allocator decides: which tokens live, at which depth, and why.
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// How many tokens to keep. tokens > 0 wins over keep_ratio in (0, 1].
struct Budget {
  Index tokens = 0;
  double keep_ratio = 0.25;
  double beyond = 0;  // above 0, of an earlier decision: what the last one keeps, and this share of the others
  double times = 0;   // above 0, of an earlier decision: so many times what the last one keeps
  Index last = 0;     // of an earlier decision: what the last one keeps; 0: this is the last

  struct Resolved {
    Index kept = 0;
    bool clamped = false;  // more was asked for than the image has
  };
  /// K = clamp(floor(ratio * N + 0.5), 1, N), or min(tokens, N).
  Resolved resolve(Index n) const {
    require_that(n > 0, Code::shape_mismatch, "budget", "the image has no tokens");
    require_that(tokens >= 0, Code::bad_budget, "budget",
                 [&] { return "expected at least 1 token, got " + std::to_string(tokens); });
    if (tokens > 0) return {tokens < n ? tokens : n, tokens > n};
    require_that(keep_ratio > 0.0 && keep_ratio <= 1.0, Code::bad_budget, "budget",
                 [&] { return "keep ratio: expected a number in (0, 1], got " + std::to_string(keep_ratio); });
    const auto k = static_cast<Index>(std::floor(keep_ratio * static_cast<double>(n) + 0.5));
    return {k < 1 ? 1 : (k > n ? n : k), false};
  }
  bool operator==(const Budget&) const = default;
};

/// What an allocator promises about K, tested by the laws. exact: K = min(B, N); at_most: K <= B and no further unit
/// fits; own_count: K inside its own range with B as a cap; tiers: the sum of tiers is <= B and maximal;
/// everything: K = N whatever B is.
enum class Spend : std::uint8_t { exact, at_most, own_count, tiers, everything };

/// Why a token was kept. Take the cause away and the token's fate changes.
enum class Cause : std::uint8_t { everything, score, random, lattice, centre, oracle, floor, coverage };

constexpr std::string_view name_of(Cause c) {
  constexpr std::string_view names[] = {"everything", "score",  "random", "lattice",
                                        "centre",     "oracle", "floor",  "coverage"};
  return names[static_cast<std::size_t>(c)];
}

struct Provenance {
  Cause cause = Cause::everything;
  Index rank = 0;   // 0 = first chosen
  float value = 0;  // the number the choice was made by
  bool operator==(const Provenance&) const = default;
};

/// A rectangle of tokens to which TIER gives one resolution.
struct Region {
  Index row0 = 0, col0 = 0, row1 = 0, col1 = 0;
  Index tokens = 0;
  bool operator==(const Region&) const = default;
};

/// One member of a merged row.
struct MergePart {
  Index token = 0;   // living
  float weight = 0;  // > 0; of a mean they sum to 1, of a published sum (docs/methods.md) not always
  bool operator==(const MergePart&) const = default;
};

inline constexpr std::uint32_t all_levels = 0xffffffffu;

struct Allocation {
  TokenSet tokens;                            // who was alive: N
  std::vector<Index> kept;                    // [K] living tokens, strictly ascending
  std::vector<std::uint32_t> depth;           // [K] bit l set: this token receives DeepStack level l
  std::vector<Provenance> why;                // [K]
  std::vector<Index> entry;                   // [K] the layer a token joins before, or empty: all before layer 0
  std::vector<std::vector<MergePart>> merge;  // [K] who a row is made of, or empty: each of itself alone
  std::vector<Region> regions;                // TIER only, apart from each other; `kept`: every token inside one
  bool clamped = false;                       // the budget was larger than the image
  bool operator==(const Allocation&) const = default;

  Grid grid() const { return tokens.grid; }
  Index count() const { return static_cast<Index>(kept.size()); }
};

/// Everything kept at full depth: the identity plan.
inline Allocation keep_everything(TokenSet tokens) {
  Allocation a;
  a.tokens = std::move(tokens);
  for (Index i = 0; i < a.tokens.count(); ++i) a.kept.push_back(i);
  a.depth.assign(a.kept.size(), all_levels);
  a.why.assign(a.kept.size(), Provenance{});
  return a;
}

/// Throws Error{bad_stage_output} unless the regions of an allocation lie inside its grid, hold a token each and do not
/// overlap.
inline void check_regions(const Allocation& a, std::string_view where) {
  const Grid g = a.grid();
  if (a.regions.empty()) return;
  std::vector<char> taken(static_cast<std::size_t>(g.count()));
  for (const Region& r : a.regions) {
    const bool inside = r.row0 >= 0 && r.col0 >= 0 && r.row0 < r.row1 && r.col0 < r.col1 && r.row1 <= g.rows &&
                        r.col1 <= g.cols && r.tokens > 0;
    require_that(inside, Code::bad_stage_output, where, [&] {
      return "a region: expected a rectangle of the grid that has tokens, got rows " + std::to_string(r.row0) + " to " +
             std::to_string(r.row1) + ", columns " + std::to_string(r.col0) + " to " + std::to_string(r.col1) +
             " with " + std::to_string(r.tokens);
    });
    for (Index row = r.row0; row < r.row1; ++row)
      for (Index col = r.col0; col < r.col1; ++col) {
        char& here = taken[static_cast<std::size_t>(g.at(row, col))];
        require_that(!here, Code::bad_stage_output, where, [&] {
          return "regions: expected none to overlap, got two over row " + std::to_string(row) + ", column " +
                 std::to_string(col);
        });
        here = 1;
      }
  }
}

/// Throws Error{bad_stage_output} unless kept is non-empty, strictly ascending, among the living, and all lengths
/// agree.
inline void check_allocation(const Allocation& a, std::string_view where) {
  const Index n = a.tokens.count();
  require_that(!a.kept.empty(), Code::bad_stage_output, where, "at least one token per image must be kept, got none");
  require_that(a.depth.size() == a.kept.size() && a.why.size() == a.kept.size(), Code::bad_stage_output, where,
               "expected a depth and a provenance for each kept token");
  require_that(a.entry.empty() || a.entry.size() == a.kept.size(), Code::bad_stage_output, where,
               "expected an entry layer for each kept token, or none");
  require_that(a.merge.empty() || a.merge.size() == a.kept.size(), Code::bad_stage_output, where,
               "expected the members of each kept row, or none");
  for (std::size_t i = 0; i < a.kept.size(); ++i) {
    require_that(a.kept[i] >= 0 && a.kept[i] < n && (i == 0 || a.kept[i - 1] < a.kept[i]), Code::bad_stage_output,
                 where, [&] {
                   return "kept tokens: expected strictly ascending indices below " + std::to_string(n) + ", got " +
                          std::to_string(a.kept[i]) + " at place " + std::to_string(i);
                 });
    require_that(a.why[i].value - a.why[i].value == 0, Code::bad_stage_output, where,
                 [&] { return "the value of kept token " + std::to_string(a.kept[i]) + ": expected a finite number"; });
  }
  for (std::size_t i = 0; i < a.entry.size(); ++i)
    require_that(a.entry[i] >= 0, Code::bad_stage_output, where, [&] {
      return "entry of kept token " + std::to_string(a.kept[i]) + ": expected a layer of 0 or above, got " +
             std::to_string(a.entry[i]);
    });
  for (const auto& row : a.merge) {
    require_that(!row.empty(), Code::bad_stage_output, where, "a merged row: expected at least one member, got none");
    for (const MergePart& m : row)
      require_that(m.token >= 0 && m.token < n && m.weight > 0 && m.weight - m.weight == 0, Code::bad_stage_output,
                   where, [&] {
                     return "a merged row: expected living tokens with weights above 0, got token " +
                            std::to_string(m.token) + " with " + std::to_string(m.weight);
                   });
  }
  check_regions(a, where);
}

/// Tokens that an allocation spends of its budget: one for each that is kept, or those of its regions.
inline Index spent(const Allocation& a, Spend spend) {
  if (spend != Spend::tiers) return a.count();
  Index sum = 0;
  for (const Region& r : a.regions) sum += r.tokens;
  return sum;
}

/// Throws Error{bad_stage_output} unless the allocation spends as its allocator declares.
inline void check_spend(const Allocation& a, Spend spend, const Budget& budget, std::string_view where) {
  const Index n = a.tokens.count(), cap = budget.resolve(n).kept, k = spent(a, spend);
  const auto refuse = [&](const std::string& expected) {
    fail(Code::bad_stage_output, where,
         "spends: expected " + expected + ", got " + std::to_string(k) + " of " + std::to_string(n));
  };
  if (spend == Spend::everything) {
    if (k != n) refuse("every token");
    return;
  }
  if (spend == Spend::exact && k != cap) refuse("exactly " + std::to_string(cap) + " tokens");
  if (spend != Spend::exact && k > cap) refuse("at most " + std::to_string(cap) + " tokens");
}

}  // namespace arrcoc
