#pragma once
#include <array>
#include <cmath>

#include "arrcoc/texture/channels/picture.hpp"
#include "arrcoc/texture/exact_math.hpp"

namespace arrcoc::texture {

/// About 100 superpixels of blocks of pixels (the longer side has at most 192): 5 rounds of k-means over colour (CIELAB
/// of the block's mean light) and place, each centre looking no further than 2 S. O(H W + rounds * 9 blocks).
///   slic_distance    mean distance to the centre of the block's superpixel, / (2 S), at most 1: high along borders
///   slic_size        blocks of the superpixel / (4 S^2), at most 1: large ground is high, small things are low
///   slic_contrast    colour distance of the superpixel from the picture's mean, / 100, at most 1
/// S^2 blocks / 100, compactness 10, ties to the first centre; no enforced connectivity.
/// Source: Achanta et al. 2012, algorithm 1. The id itself is no feature: its order says nothing.
struct SlicFamily {
  enum { slic_distance, slic_size, slic_contrast, count };
  static constexpr std::array<std::string_view, count> names{"slic_distance", "slic_size", "slic_contrast"};

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const Index longest = std::max(p.image.height, p.image.width), side = (longest + 191) / 192;
    const Grid g{(p.image.height + side - 1) / side, (p.image.width + side - 1) / side};
    const std::vector<Point> blocks = blocks_of(p, g, side);
    const double s2 = std::max(1.0, static_cast<double>(g.count()) / 100), s = std::sqrt(s2);
    std::vector<Point> centres;
    const auto steps = [&](Index n) {
      return std::max<Index>(1, static_cast<Index>(static_cast<double>(n) / s + 0.5));
    };
    const Grid seeds{steps(g.rows), steps(g.cols)};
    for (Index r = 0; r < seeds.rows; ++r)
      for (Index c = 0; c < seeds.cols; ++c)
        centres.push_back(blocks[static_cast<std::size_t>(
            g.at((2 * r + 1) * g.rows / (2 * seeds.rows), (2 * c + 1) * g.cols / (2 * seeds.cols)))]);
    std::vector<std::size_t> owner(blocks.size());
    std::vector<double> members;
    for (int round = 0; round < 5; ++round) {
      assign(blocks, centres, g, s, owner);
      members.assign(centres.size(), 0);
      std::vector<Point> sums(centres.size());
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        for (std::size_t d = 0; d < 5; ++d) sums[owner[i]][d] += blocks[i][d];
        members[owner[i]] += 1;
      }
      for (std::size_t k = 0; k < centres.size(); ++k)
        if (members[k] > 0)
          for (std::size_t d = 0; d < 5; ++d) centres[k][d] = sums[k][d] / members[k];
    }
    Point mean{};
    for (const Point& b : blocks)
      for (std::size_t d = 0; d < 5; ++d) mean[d] += b[d] / static_cast<double>(blocks.size());
    Plane<float> map(g.rows, g.cols);
    for (std::size_t k = 0; k < count; ++k) {
      if (out[k].empty()) continue;
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        const Point& own = centres[owner[i]];
        const double v = k == slic_size       ? members[owner[i]] / (4 * s2)
                         : k == slic_distance ? std::sqrt(squared(own, blocks[i], 3, 5)) / (2 * s)
                                              : std::sqrt(squared(own, mean, 0, 3)) / 100;
        map.values[i] = static_cast<float>(std::min(1.0, v));
      }
      for (std::size_t i = 0; i < boxes.size(); ++i)  // the last block may reach beyond the rim
        out[k][i] = static_cast<float>(area_mean(map, boxes[i], g.rows * side, g.cols * side));
    }
  }

 private:
  using Point = std::array<double, 5>;  // l, a, b, row, col

  static double squared(const Point& a, const Point& b, std::size_t from, std::size_t to) {
    double sum = 0;
    for (std::size_t d = from; d < to; ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
  }

  static std::vector<Point> blocks_of(Picture& p, Grid g, Index side) {
    const auto& light = linear_levels();
    std::vector<Point> out;
    for (Index r = 0; r < g.rows; ++r)
      for (Index c = 0; c < g.cols; ++c) {
        double sum[3] = {}, n = 0;
        for (Index y = r * side; y < std::min(p.image.height, (r + 1) * side); ++y)
          for (Index x = c * side; x < std::min(p.image.width, (c + 1) * side); ++x, n += 1)
            for (int k = 0; k < 3; ++k) sum[k] += static_cast<double>(light[p.image.row(y)[3 * x + k]]);
        const Lab lab = lab_of(sum[0] / n, sum[1] / n, sum[2] / n);
        out.push_back({lab.l, lab.a, lab.b, static_cast<double>(r), static_cast<double>(c)});
      }
    return out;
  }

  static void assign(const std::vector<Point>& blocks, const std::vector<Point>& centres, Grid g, double s,
                     std::vector<std::size_t>& owner) {
    std::vector<double> best(blocks.size(), 1e300);
    const double compact = 100 / (s * s);  // compactness 10, squared
    for (std::size_t k = 0; k < centres.size(); ++k) {
      const auto from = [&](double at) { return static_cast<Index>(std::max(0.0, at - 2 * s)); };
      const auto to = [&](double at, Index n) { return std::min(n, static_cast<Index>(at + 2 * s) + 1); };
      for (Index r = from(centres[k][3]); r < to(centres[k][3], g.rows); ++r)
        for (Index c = from(centres[k][4]); c < to(centres[k][4], g.cols); ++c) {
          const auto i = static_cast<std::size_t>(g.at(r, c));
          const double d = squared(blocks[i], centres[k], 0, 3) + compact * squared(blocks[i], centres[k], 3, 5);
          if (d < best[i]) best[i] = d, owner[i] = k;
        }
    }
  }
};

}  // namespace arrcoc::texture
