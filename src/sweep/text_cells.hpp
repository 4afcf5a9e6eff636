#pragma once
// Cells of tables in plain text.
#include <algorithm>
#include <cstdio>
#include <string>

#include "arrcoc/measure/statistics.hpp"

namespace arrcoc {

inline std::string fixed(double x, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, x);
  return text;
}
/// A share in percent, without the sign.
inline std::string percent(double share) { return fixed(100 * share, 1); }

inline std::string range(const measure::Interval& i) { return percent(i.low) + ".." + percent(i.high); }

/// Text at the right of `width` bytes, with a negative width at the left; longer text stays whole.
inline std::string cell(const std::string& text, int width) {
  const std::size_t wide = static_cast<std::size_t>(width < 0 ? -width : width);
  const std::string space(wide - std::min(wide, text.size()), ' ');
  return width < 0 ? text + space : space + text;
}

}  // namespace arrcoc
