#pragma once
// Blocks of pixels that stood before.
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "arrcoc/core/image.hpp"
#include "arrcoc/core/places.hpp"

namespace arrcoc {

/// For every block (anything with PixelRanges `rows` and `cols`), whether none before it has its size and every one of
/// its pixels. O(pixels).
template <class Block>
std::vector<bool> first_of_their_pixels(ImageView image, const std::vector<Block>& blocks) {
  std::unordered_set<std::string> seen;
  std::vector<bool> out;
  for (const Block& b : blocks) {
    std::string all = std::to_string(b.cols.count()) + " ";
    for (Index y = b.rows.begin; y < b.rows.end; ++y)
      all.append(reinterpret_cast<const char*>(image.row(y) + 3 * b.cols.begin),
                 static_cast<std::size_t>(3 * b.cols.count()));
    out.push_back(seen.insert(std::move(all)).second);
  }
  return out;
}

}  // namespace arrcoc
