#pragma once
// Blocks of pixels that stood before.
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "arrcoc/core/image.hpp"
#include "arrcoc/core/places.hpp"

namespace arrcoc {

/// For every block (rows, columns), whether none before it has its size and every one of its pixels. O(pixels).
inline std::vector<bool> first_of_their_pixels(ImageView image,
                                               const std::vector<std::pair<PixelRange, PixelRange>>& blocks) {
  std::unordered_set<std::string> seen;
  std::vector<bool> out;
  for (const auto& [rows, cols] : blocks) {
    std::string all = std::to_string(cols.count()) + " ";
    for (Index y = rows.begin; y < rows.end; ++y)
      all.append(reinterpret_cast<const char*>(image.row(y) + 3 * cols.begin),
                 static_cast<std::size_t>(3 * cols.count()));
    out.push_back(seen.insert(std::move(all)).second);
  }
  return out;
}

}  // namespace arrcoc
