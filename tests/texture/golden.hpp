#pragma once
// tests/golden/texture13.txt (written by tests/oracle/texture_oracle.py) and the picture it was made from.
#include <fstream>
#include <string>
#include <vector>

#include "arrcoc/core/evidence.hpp"

namespace golden {
using namespace arrcoc;

struct Table {
  Index height = 0, width = 0;
  Grid grid;
  Index columns = 0;           // 13 channels, information, perspectival, fixed, tension
  std::vector<double> values;  // [N, columns]
  double at(Index token, Index column) const { return values[std::size_t(token * columns + column)]; }
};

inline Table read() {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/texture13.txt");
  Table t;
  in >> t.height >> t.width >> t.grid.rows >> t.grid.cols >> t.columns;
  for (double v; in >> v;) t.values.push_back(v);
  return t;
}

inline Image picture(Index height, Index width) {
  Image im(height, width);
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      const Index noise = (x * 7919 + y * 104729 + x * y * 31) % 61;
      Index r = 230 - y / 3 - noise * (y > 110), g = 225 - x / 8 - noise * (x > 150), b = 210 - (x + y) / 10;
      if ((y / 4) % 3 == 1 && ((x * 5 + (y / 2) * 3) / 3) % 4 < 2 && x > 20 && x < 120 && y < 90) {
        r = 20;
        g = 30;
        b = 70;
      }
      if ((y - 60) * (y - 60) + (x - 165) * (x - 165) < 500) {
        r = 210;
        g = 60;
        b = 40;
      }
      std::uint8_t* p = im.row(y) + 3 * x;
      p[0] = std::uint8_t(r);
      p[1] = std::uint8_t(g);
      p[2] = std::uint8_t(b);
    }
  return im;
}

/// The map that stands for query coupling in the golden.
inline std::vector<float> third_map(Index n) {
  std::vector<float> m;
  for (Index i = 0; i < n; ++i) m.push_back(static_cast<float>(double((i * 37 + 11) % 101) / 101.0));
  return m;
}

}  // namespace golden
