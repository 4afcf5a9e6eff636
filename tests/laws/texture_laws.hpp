#pragma once
// Laws of a TextureGenerator. broken_texture_laws names those that a model breaks.
//   shape    [N, C] values, C distinct names          finite   no NaN, no infinity
//   alone    a picture's textures do not depend on what was asked before
//   copies   no channel that varies is an affine copy of another (|correlation| < .999) on a coloured page
//   box      red, green, blue are the plain means of the cell's own pixels, rule of texture/cell_sums.hpp
//   native   changing any one pixel changes the textures: nothing is skipped
#include <set>

#include "laws/material.hpp"

namespace laws {

inline double correlation(const Textures& t, Index a, Index b) {
  double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
  const Index n = t.count();
  for (Index i = 0; i < n; ++i) {
    ma += t.at(i, a);
    mb += t.at(i, b);
  }
  ma /= double(n);
  mb /= double(n);
  for (Index i = 0; i < n; ++i) {
    const double x = t.at(i, a) - ma, y = t.at(i, b) - mb;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  return aa < 1e-12 || bb < 1e-12 ? 0 : ab / std::sqrt(aa * bb);
}

template <class T>
Broken broken_texture_laws(const T& model = T{}) {
  Broken broken;
  for (const Shape& s : shapes()) {
    const Image im = page(s.height, s.width, 3), other = page(s.height, s.width, 4);
    const Textures t = model.generate(im.view(), s.grid);
    const std::set<std::string> names(t.channels.begin(), t.channels.end());
    const bool shaped = t.count() == s.grid.count() && names.size() == t.channels.size() &&
                        static_cast<Index>(t.values.size()) == s.grid.count() * t.channel_count();
    note(broken, shaped, "shape");
    if (!shaped) continue;
    note(broken, finite(t.values), "finite");
    (void)model.generate(other.view(), s.grid);
    note(broken, model.generate(im.view(), s.grid).values == t.values, "alone");
    if (s.grid.count() >= 64)
      for (Index a = 0; a < t.channel_count(); ++a)
        for (Index b = 0; b < a; ++b) note(broken, !(std::abs(correlation(t, a, b)) >= 0.999), "copies");
    for (const char* colour : {"red", "green", "blue"}) {
      if (!names.count(colour)) continue;
      const Index channel = t.channel(colour), offset = colour[0] == 'r' ? 0 : colour[0] == 'g' ? 1 : 2;
      std::vector<double> sum(t.values.size()), count(t.values.size());
      for (Index y = 0; y < s.height; ++y)
        for (Index x = 0; x < s.width; ++x) {
          // The pixel's cell: the last one whose rounded border is not beyond it.
          const auto cell = [](Index p, Index cells, Index length) {
            Index k = 0;
            while (k + 1 < cells && std::floor(double(k + 1) * double(length) / double(cells) + 0.5) <= double(p)) ++k;
            return k;
          };
          const auto i = std::size_t(s.grid.at(cell(y, s.grid.rows, s.height), cell(x, s.grid.cols, s.width)));
          sum[i] += im.view().row(y)[3 * x + offset];
          count[i] += 1;
        }
      for (Index i = 0; i < s.grid.count(); ++i)
        note(broken, std::abs(sum[std::size_t(i)] / count[std::size_t(i)] / 255 - t.at(i, channel)) < 1e-6, "box");
    }
    Rng rng(9);
    for (int k = 0; k < 40; ++k) {
      Image touched = im;
      auto& p = touched.rgb[rng.below(touched.rgb.size())];
      p = static_cast<std::uint8_t>(p ^ 0x80);
      note(broken, model.generate(touched.view(), s.grid).values != t.values, "native");
    }
  }
  return broken;
}

}  // namespace laws
