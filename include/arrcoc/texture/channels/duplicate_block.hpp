#pragma once
#include <array>

#include "arrcoc/primitives/equal_blocks.hpp"
#include "arrcoc/texture/channels/picture.hpp"

namespace arrcoc::texture {

/// duplicate_block: 1 where a box of equal size and pixels comes before it in the order of the tokens, else 0. O(H W).
struct DuplicateBlockFamily {
  static constexpr std::array<std::string_view, 1> names{"duplicate_block"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const std::vector<bool> first = first_of_their_pixels(p.image, boxes);
    for (std::size_t i = 0; i < boxes.size(); ++i) out[0][i] = first[i] ? 0.f : 1.f;
  }
};

}  // namespace arrcoc::texture
