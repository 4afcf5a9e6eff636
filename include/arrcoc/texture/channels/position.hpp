#pragma once
#include <array>
#include <cmath>

#include "arrcoc/texture/channels/picture.hpp"
#include "arrcoc/texture/exact_math.hpp"

namespace arrcoc::texture {

/// Where the middle of the place lies. O(N).
///   eccentricity    distance from the middle of the picture / distance of its corner
///   polar_angle     angle around the middle / (2 pi) + 1/2: 1/2 to the right, 3/4 above; where eccentricity is 0: 1/2
struct PositionFamily {
  enum { eccentricity, polar_angle, count };
  static constexpr std::array<std::string_view, count> names{"eccentricity", "polar_angle"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const auto centred = [](float position, Index n) {
        return 2 * (static_cast<double>(position) + 0.5) / static_cast<double>(n) - 1;
      };
      const double y = centred(boxes[i].place.centre_row(), p.grid.rows),
                   x = centred(boxes[i].place.centre_col(), p.grid.cols);
      if (!out[eccentricity].empty()) out[eccentricity][i] = static_cast<float>(std::sqrt((y * y + x * x) / 2));
      if (!out[polar_angle].empty()) out[polar_angle][i] = static_cast<float>(angle_of(-y, x) / (2 * pi) + 0.5);
    }
  }
};

}  // namespace arrcoc::texture
