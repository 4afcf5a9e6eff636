#pragma once
#include <array>

#include "arrcoc/texture/channels/picture.hpp"

namespace arrcoc::texture {

/// black_hat top_hat: mean of (closing - luma) / 255 and (luma - opening) / 255 with a flat 9 x 9 square: dark and
/// light strokes up to 8 pixels wide, whatever ground they stand on. Beyond the rim nothing counts. O(H W). Source:
/// Serra 1982; Meyer 1979 (top hat).
struct HatsFamily {
  enum { black_hat, top_hat, count };
  static constexpr std::array<std::string_view, count> names{"black_hat", "top_hat"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const auto& hats = p.hats();
    if (!out[black_hat].empty()) out[black_hat] = means(hats.black, boxes, 1.0 / 255);
    if (!out[top_hat].empty()) out[top_hat] = means(hats.top, boxes, 1.0 / 255);
  }
};

}  // namespace arrcoc::texture
