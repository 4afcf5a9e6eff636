#pragma once
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct PoolConfig {
  bool operator==(const PoolConfig&) const = default;
};

/// Average pooling to exactly K rows: the picture is cut into K even boxes (about sqrt(K rows / cols) bands of rows,
/// each cut into K / that many columns, one more in some), and a row is the mean of the tokens in its box, weights
/// equal; the token in the middle is kept, its members ascending behind it. Where the living are no raster, the kept
/// ones are those of `grid`, and each other token joins the nearest of its frame (by centres, ties to the smaller
/// index). Relevance is not looked at. O(N) on a raster, O(N K) elsewhere. A control: what merging by likeness has to
/// beat. Needs an injector that honours merge.
struct PoolAllocator {
  static constexpr std::string_view name = "pool";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = PoolConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    Allocation a = selection::finish(e.tokens, selection::lattice(e.tokens, k), Cause::lattice, clamped,
                                     [](Index) { return 0.f; });
    a.merge.resize(a.kept.size());
    for (std::size_t i = 0; i < a.kept.size(); ++i) a.merge[i].push_back({a.kept[i], 1.0f});
    const std::vector<Index> home =
        e.tokens.raster() && e.tokens.frames == 1 ? boxes(e.tokens.grid, a.kept) : nearest(e.tokens, a.kept);
    for (Index t = 0; t < e.count(); ++t) {
      const Index i = home[static_cast<std::size_t>(t)];
      if (i >= 0 && a.kept[static_cast<std::size_t>(i)] != t) a.merge[static_cast<std::size_t>(i)].push_back({t, 1.0f});
    }
    for (auto& row : a.merge)
      for (MergePart& m : row) m.weight = 1.0f / static_cast<float>(row.size());
    return a;
  }

 private:
  /// Whose box each raster token lies in. The lattice tells its bands: tokens of one row. Borders are rounded, so that
  /// each of its tokens lies in its own box.
  static std::vector<Index> boxes(Grid grid, const std::vector<Index>& kept) {
    std::vector<std::pair<Index, Index>> bands;  // first of kept, count
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (i == 0 || kept[i] / grid.cols != kept[i - 1] / grid.cols) bands.emplace_back(static_cast<Index>(i), 0);
      ++bands.back().second;
    }
    const auto lines = static_cast<Index>(bands.size());
    std::vector<Index> home(static_cast<std::size_t>(grid.count()));
    const auto border = [](Index i, Index length, Index parts) { return (2 * i * length + parts) / (2 * parts); };
    for (Index b = 0; b < lines; ++b) {
      const auto [first, count] = bands[static_cast<std::size_t>(b)];
      for (Index r = border(b, grid.rows, lines); r < border(b + 1, grid.rows, lines); ++r)
        for (Index j = 0; j < count; ++j)
          for (Index c = border(j, grid.cols, count); c < border(j + 1, grid.cols, count); ++c)
            home[static_cast<std::size_t>(grid.at(r, c))] = first + j;
    }
    return home;
  }
  /// -1: nobody in that frame is kept.
  static std::vector<Index> nearest(const TokenSet& tokens, const std::vector<Index>& kept) {
    std::vector<Index> home(static_cast<std::size_t>(tokens.count()), -1);
    for (Index t = 0; t < tokens.count(); ++t) {
      const Place p = tokens.at(t);
      float least = 0;
      for (std::size_t i = 0; i < kept.size(); ++i) {
        const Place q = tokens.at(kept[i]);
        if (q.frame != p.frame) continue;
        const float r = q.centre_row() - p.centre_row(), c = q.centre_col() - p.centre_col(), d = r * r + c * c;
        Index& own = home[static_cast<std::size_t>(t)];
        if (kept[i] == t || own < 0 || (d < least && kept[static_cast<std::size_t>(own)] != t))
          own = static_cast<Index>(i), least = d;
      }
    }
    return home;
  }
};
static_assert(check_allocator<PoolAllocator>());

}  // namespace arrcoc
