#pragma once
// Whole numbers in proportion to weights, with their exact total.
#include <algorithm>
#include <span>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Splits `total` over parts in proportion to their weights (>= 0; all zero: equally) by largest remainder, ties to the
/// smaller index. Each part gets at least `least` and at most most[i]; the sum is `total` unless those bounds forbid
/// it. O(P log P + total over bounds). Source: Hamilton's method; Balinski, Young 1982, "Fair Representation",
/// chapter 3.
inline std::vector<Index> apportion(Index total, std::span<const double> weights, std::span<const Index> most,
                                    Index least = 1) {
  require_that(weights.size() == most.size(), Code::shape_mismatch, "apportion",
               "expected a greatest count for each weight");
  double all = 0;
  for (const double w : weights) {
    require_that(w >= 0 && w - w == 0, Code::bad_number, "apportion", "weights: expected finite numbers of at least 0");
    all += w;
  }
  std::vector<Index> share;
  std::vector<double> owed;
  std::vector<std::size_t> order;
  Index left = total;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double exact = all > 0 ? static_cast<double>(total) * weights[i] / all
                                 : static_cast<double>(total) / static_cast<double>(weights.size());
    const auto whole = exact < static_cast<double>(most[i]) ? static_cast<Index>(exact) : most[i];
    share.push_back(std::min(std::max(whole, least), most[i]));
    left -= share.back();
    owed.push_back(exact - static_cast<double>(share.back()));
    order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {  // most owed first
    return owed[a] != owed[b] ? owed[a] > owed[b] : a < b;
  });
  for (bool moved = true; left > 0 && moved;) {
    moved = false;
    for (const std::size_t i : order)
      if (left > 0 && share[i] < most[i]) ++share[i], --left, moved = true;
  }
  for (bool moved = true; left < 0 && moved;) {  // least counts took more than there is
    moved = false;
    for (std::size_t r = order.size(); r-- > 0;)
      if (left < 0 && share[order[r]] > least) --share[order[r]], ++left, moved = true;
  }
  return share;
}

}  // namespace arrcoc
