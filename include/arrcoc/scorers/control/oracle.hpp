#pragma once
#include <algorithm>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/cells.hpp"

namespace arrcoc {

struct OracleMapConfig {
  bool operator==(const OracleMapConfig&) const = default;
};

/// Knows the answer boxes: the share of a token's cell that their union covers, [N] in [0, 1]. O(N + boxes' cells). The
/// upper bound of any scorer, in front of any allocator; it leaks, as the allocator of that name does.
/// Error{missing_evidence} without boxes or without the picture's size.
struct OracleScorer {
  static constexpr std::string_view name = "oracle";
  static constexpr Needs may_need{Phase::pixels, Need::size | Need::boxes};
  static constexpr bool row_wise = false;
  using Config = OracleMapConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    require_that(!e.boxes->empty(), Code::missing_evidence, name, "expected answer boxes, got none");
    require_that(e.size->height > 0 && e.size->width > 0, Code::missing_evidence, name,
                 "expected the picture's size, got none");
    const auto cell = static_cast<double>(e.size->height) / static_cast<double>(e.tokens.grid.rows) *
                      (static_cast<double>(e.size->width) / static_cast<double>(e.tokens.grid.cols));
    const std::vector<double> areas = cells::covered_areas(e.tokens, e.size->height, e.size->width, *e.boxes);
    std::vector<float> out;
    for (Index t = 0; t < e.count(); ++t) {
      const double share = areas[static_cast<std::size_t>(t)] / (cell * static_cast<double>(e.tokens.at(t).area()));
      out.push_back(static_cast<float>(std::min(1.0, share)));
    }
    return out;
  }
};
static_assert(check_scorer<OracleScorer>());

}  // namespace arrcoc
