#pragma once
// The same thirteen channels as plain nested loops, pixel by pixel in double precision: the yardstick for results and
// for speed.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "arrcoc/core/evidence.hpp"

namespace naive {
using namespace arrcoc;

inline std::vector<double> texture12(ImageView v, Grid g) {  // all but cluster_distance (column 11 stays 0), [N, 13]
  struct Gradient {
    double x, y;
  };
  const auto luma = [&](Index y, Index x) {
    y = std::clamp<Index>(y, 0, v.height - 1);
    x = std::clamp<Index>(x, 0, v.width - 1);
    const auto* p = v.row(y) + 3 * x;
    return std::floor((77.0 * p[0] + 150.0 * p[1] + 29.0 * p[2] + 128.0) / 256.0);
  };
  const auto sobel = [&](Index y, Index x) {
    return Gradient{luma(y - 1, x + 1) + 2 * luma(y, x + 1) + luma(y + 1, x + 1) - luma(y - 1, x - 1) -
                        2 * luma(y, x - 1) - luma(y + 1, x - 1),
                    luma(y + 1, x - 1) + 2 * luma(y + 1, x) + luma(y + 1, x + 1) - luma(y - 1, x - 1) -
                        2 * luma(y - 1, x) - luma(y - 1, x + 1)};
  };
  const auto border = [](Index k, Index n, Index length) {
    return static_cast<Index>(std::floor(double(k) * double(length) / double(n) + 0.5));
  };
  struct Cell {
    double n = 0, r = 0, g = 0, b = 0, y = 0, yy = 0, cc = 0, ex = 0, ey = 0, xx = 0, yyt = 0, xy = 0;
    std::array<double, 3> bins{};
  };
  std::vector<Cell> cells(std::size_t(g.count()));
  for (Index r = 0; r < g.rows; ++r)
    for (Index c = 0; c < g.cols; ++c) {
      Cell& cell = cells[std::size_t(g.at(r, c))];
      const Index y0 = std::min(border(r, g.rows, v.height), v.height - 1),
                  x0 = std::min(border(c, g.cols, v.width), v.width - 1);
      for (Index y = y0; y < std::max(y0 + 1, border(r + 1, g.rows, v.height)); ++y)
        for (Index x = x0; x < std::max(x0 + 1, border(c + 1, g.cols, v.width)); ++x) {
          const auto* p = v.row(y) + 3 * x;
          const double l = luma(y, x), rg = p[0] - p[1], by = (p[0] + p[1]) / 2.0 - p[2];
          const Gradient d = sobel(y, x);
          cell.n += 1;
          cell.r += p[0];
          cell.g += p[1];
          cell.b += p[2];
          cell.y += l;
          cell.yy += l * l;
          cell.cc += rg * rg + by * by;
          cell.ex += std::abs(d.x);
          cell.ey += std::abs(d.y);
          cell.xx += d.x * d.x;
          cell.yyt += d.y * d.y;
          cell.xy += d.x * d.y;
          const double e = std::floor((std::abs(d.x) + std::abs(d.y)) / 8);
          cell.bins[e < 4 ? 0 : e < 16 ? 1 : 2] += 1;
        }
    }
  std::vector<double> out(cells.size() * 13);
  for (Index r = 0; r < g.rows; ++r)
    for (Index c = 0; c < g.cols; ++c) {
      const Cell& s = cells[std::size_t(g.at(r, c))];
      double* o = &out[std::size_t(g.at(r, c)) * 13];
      o[0] = s.r / s.n / 255;
      o[1] = s.g / s.n / 255;
      o[2] = s.b / s.n / 255;
      o[3] = (double(r) + 0.5) / double(g.rows);
      o[4] = (double(c) + 0.5) / double(g.cols);
      o[5] = s.ex / s.n / 1020;
      o[6] = s.ey / s.n / 1020;
      o[7] = std::hypot((s.xx - s.yyt) / s.n, 2 * s.xy / s.n) / ((s.xx + s.yyt) / s.n + 1024);
      for (const double bin : s.bins)
        if (bin > 0) o[12] -= bin / s.n * std::log2(bin / s.n) / std::log2(3.0);
      for (const Index radius : {1, 2, 4}) {
        Cell m;
        for (Index a = r - radius; a <= r + radius; ++a)
          for (Index b = c - radius; b <= c + radius; ++b) {
            if (a < 0 || b < 0 || a >= g.rows || b >= g.cols || (a == r && b == c)) continue;
            const Cell& q = cells[std::size_t(g.at(a, b))];
            m.n += q.n;
            m.r += q.r;
            m.g += q.g;
            m.b += q.b;
            m.y += q.y;
            m.xx += q.xx;
            m.yyt += q.yyt;
            m.xy += q.xy;
          }
        if (m.n == 0) m = s;
        const double y = m.y / m.n, rg = (m.r - m.g) / m.n, by = ((m.r + m.g) / 2 - m.b) / m.n;
        const double own_rg = (s.r - s.g) / s.n, own_by = ((s.r + s.g) / 2 - s.b) / s.n;
        o[9] += std::sqrt(s.yy / s.n - 2 * y * s.y / s.n + y * y) / 765;
        o[8] += 2 * std::sqrt(std::max(0.0, s.cc / s.n - 2 * rg * own_rg - 2 * by * own_by + rg * rg + by * by)) / 3060;
        const auto angle = [](const Cell& q, int k) {
          const double half = (q.xx + q.yyt) / 2, e = k == 0   ? q.xx
                                                      : k == 1 ? half + q.xy
                                                      : k == 2 ? q.yyt
                                                               : half - q.xy;
          return std::sqrt(std::max(0.0, e / q.n));
        };
        for (int k = 0; k < 4; ++k) o[10] += std::max(0.0, angle(s, k) - angle(m, k)) / 12240;
      }
    }
  return out;
}

}  // namespace naive
