#pragma once
// Lists in one text.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace arrcoc {

/// What stands between the separators, empty parts too; at least one.
inline std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> out;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(by, from), text.size());
    out.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return out;
}

}  // namespace arrcoc
