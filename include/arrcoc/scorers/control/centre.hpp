#pragma once
#include <cmath>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct CentreMapConfig {
  bool operator==(const CentreMapConfig&) const = default;
};

/// 1 in the middle of the grid, 0 at its corners, falling with the distance in tokens: [N]. O(N). A control:
/// photographers centre their subject.
struct CentreScorer {
  static constexpr std::string_view name = "centre";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr bool row_wise = false;
  using Config = CentreMapConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    const auto rows = static_cast<double>(e.tokens.grid.rows), cols = static_cast<double>(e.tokens.grid.cols);
    std::vector<float> out;
    for (Index t = 0; t < e.count(); ++t) {
      const Place p = e.tokens.at(t);
      const double r = 2 * static_cast<double>(p.row) + static_cast<double>(p.rows) - rows,
                   c = 2 * static_cast<double>(p.col) + static_cast<double>(p.cols) - cols;
      out.push_back(static_cast<float>(1 - std::sqrt((r * r + c * c) / (rows * rows + cols * cols))));
    }
    return out;
  }
};
static_assert(check_scorer<CentreScorer>());

}  // namespace arrcoc
