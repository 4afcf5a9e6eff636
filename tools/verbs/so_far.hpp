#pragma once
// The rows of a sweep so far, in a line.
#include <algorithm>
#include <cstdio>
#include <string>

#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc::tools {

/// What the line of progress says of the rows so far.
struct SoFar {
  double score = 0, kept = 0, tokens = 0;
  Index scored = 0, rows = 0, failed = 0;
  void add(const SweepRow& r) {
    ++rows;
    failed += r.error.empty() ? 0 : 1;
    kept += static_cast<double>(r.kept);
    tokens += static_cast<double>(r.costs.visual_tokens_before);
    score += r.score.value_or(0);
    scored += r.score ? 1 : 0;
  }
  std::string text() const {
    const auto answered = static_cast<double>(std::max<Index>(1, rows - failed));
    char out[128], right[32] = "";
    if (scored > 0) std::snprintf(right, sizeof right, "%.1f %% right, ", 100 * score / static_cast<double>(scored));
    std::snprintf(out, sizeof out, "%s%.1f of %.1f tokens kept", right, kept / answered, tokens / answered);
    return out + (failed > 0 ? ", " + std::to_string(failed) + " rows failed" : std::string());
  }
};

}  // namespace arrcoc::tools
