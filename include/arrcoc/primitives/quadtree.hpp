#pragma once
// A picture's grid in regions that are small where relevance differs.
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/primitives/regions.hpp"

namespace arrcoc {

/// Leaves of a quadtree over the grid, by row, then column. It begins with the whole grid; the leaf whose quarters
/// differ most in `worth` (largest less smallest, of quarters in which a token lives) is cut in its middle, down and
/// across (across alone where it is one row high); of equal ones the largest, then the first by row and column. It ends
/// when a cut would make more leaves than even_regions(grid, region), or would leave every leaf's smallest quarter
/// under region / 4 raster tokens. `cells[t]`: the raster cell in which the centre of token ranked[t] lies; `worth` of
/// some of them, in their order. No tokens are given yet. O(N levels). Source: Finkel, Bentley 1974, quad trees; cut by
/// relevance in place of texture.
template <class Worth>
std::vector<Region> quadtree_regions(Grid grid, Index region, std::span<const Index> ranked,
                                     std::span<const std::pair<Index, Index>> cells, Worth&& worth) {
  struct Leaf {
    Region area;
    std::vector<std::size_t> members;  // places in ranked
    std::vector<Region> parts;         // what a cut makes; empty: none
    float uneven = 0;
    Index size() const { return (area.row1 - area.row0) * (area.col1 - area.col0); }
  };
  const auto inside = [&](const Region& r, std::size_t t) {
    const auto [row, col] = cells[t];
    return row >= r.row0 && row < r.row1 && col >= r.col0 && col < r.col1;
  };
  const auto members_of = [&](const Region& r, const std::vector<std::size_t>& among) {
    std::vector<std::size_t> out;
    for (const std::size_t t : among)
      if (inside(r, t)) out.push_back(t);
    return out;
  };
  const auto leaf_of = [&](const Region& r, std::vector<std::size_t> members) {
    Leaf leaf{r, std::move(members), {}, 0};
    std::vector<Index> rows{r.row0, r.row1}, cols{r.col0, r.col1};
    if (r.row1 - r.row0 > 1) rows.insert(rows.begin() + 1, (r.row0 + r.row1) / 2);
    if (r.col1 - r.col0 > 1) cols.insert(cols.begin() + 1, (r.col0 + r.col1) / 2);
    if (rows.size() + cols.size() == 4 || 4 * (rows[1] - rows[0]) * (cols[1] - cols[0]) < region) return leaf;
    float most = 0, least = 0;
    bool any = false;
    for (std::size_t i = 0; i + 1 < rows.size(); ++i)
      for (std::size_t j = 0; j + 1 < cols.size(); ++j) {
        leaf.parts.push_back({rows[i], cols[j], rows[i + 1], cols[j + 1], 0});
        std::vector<Index> tokens;
        for (const std::size_t t : members_of(leaf.parts.back(), leaf.members)) tokens.push_back(ranked[t]);
        if (tokens.empty()) continue;
        const float w = worth(tokens);
        most = any ? std::max(most, w) : w, least = any ? std::min(least, w) : w, any = true;
      }
    leaf.uneven = most - least;
    return leaf;
  };
  const auto first = [](const Leaf& a, const Leaf& b) {
    return std::pair(a.area.row0, a.area.col0) < std::pair(b.area.row0, b.area.col0);
  };
  std::vector<std::size_t> all(ranked.size());
  for (std::size_t t = 0; t < all.size(); ++t) all[t] = t;
  std::vector<Leaf> leaves{leaf_of({0, 0, grid.rows, grid.cols, 0}, std::move(all))};
  const std::size_t limit = even_regions(grid, region).size();
  while (true) {
    const auto next = std::max_element(leaves.begin(), leaves.end(), [&](const Leaf& a, const Leaf& b) {
      if (a.parts.empty() != b.parts.empty()) return a.parts.empty();
      if (a.uneven != b.uneven) return a.uneven < b.uneven;
      return a.size() != b.size() ? a.size() < b.size() : first(b, a);
    });
    if (next->parts.empty() || leaves.size() + next->parts.size() - 1 > limit) break;
    const Leaf cut = std::move(*next);
    leaves.erase(next);
    for (const Region& part : cut.parts) leaves.push_back(leaf_of(part, members_of(part, cut.members)));
  }
  std::sort(leaves.begin(), leaves.end(), first);
  std::vector<Region> out;
  for (const Leaf& l : leaves) out.push_back(l.area);
  return out;
}

}  // namespace arrcoc
