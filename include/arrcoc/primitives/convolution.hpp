#pragma once
// Small convolutional networks over the cells of a picture, on the host plane.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/evidence.hpp"

namespace arrcoc {

/// Values [C] of every cell of the grid, frame by frame; cells without a living token are 0, as what lies beyond the
/// rim.
struct CellPlanes {
  Grid grid;
  std::vector<Index> token;    // [F cells] of covering(); -1: none
  Index channels = 0;          // C
  std::vector<double> values;  // [F cells, C]
};

inline CellPlanes planes_of(const Textures& t, const TokenSet& tokens) {
  CellPlanes out{tokens.grid, covering(tokens), t.channel_count(), {}};
  out.values.resize(out.token.size() * static_cast<std::size_t>(out.channels));
  for (std::size_t i = 0; i < out.token.size(); ++i)
    for (Index c = 0; c < out.channels && out.token[i] >= 0; ++c)
      out.values[i * static_cast<std::size_t>(out.channels) + static_cast<std::size_t>(c)] = t.at(out.token[i], c);
  return out;
}

/// Convolutions of stride 1 that keep the size, with ReLU behind all or all but the last. weights[l] [O, C, k, k] with
/// odd k, biases[l] [O]; in a file PREFIX.0.weight, PREFIX.0.bias, PREFIX.2.weight ..., as torch's Sequential of Conv2d
/// and ReLU names them. In double, sums in index order. O(cells k^2 C O) a layer.
struct ConvNetwork {
  std::vector<HostTensor> weights, biases;

  Index inputs() const { return weights.empty() ? 0 : weights.front().shape[1]; }
  Index outputs() const { return weights.empty() ? 0 : weights.back().shape[0]; }

  /// Layers [first, last) of it.
  CellPlanes run(CellPlanes x, std::size_t first, std::size_t last) const {
    for (std::size_t l = first; l < last; ++l) x = layer(x, l);
    return x;
  }

 private:
  CellPlanes layer(const CellPlanes& x, std::size_t l) const {
    const Index out_channels = weights[l].shape[0], k = weights[l].shape[2], half = k / 2, all = x.grid.count();
    CellPlanes out{x.grid, x.token, out_channels, {}};
    out.values.resize(x.token.size() * static_cast<std::size_t>(out_channels));
    const float* const w = weights[l].floats().data();
    for (std::size_t i = 0; i < x.token.size(); ++i) {
      if (x.token[i] < 0) continue;
      const Index cell = static_cast<Index>(i) % all, first = static_cast<Index>(i) - cell, r = cell / x.grid.cols,
                  c = cell % x.grid.cols;
      for (Index o = 0; o < out_channels; ++o) {
        double sum = biases[l].floats()[static_cast<std::size_t>(o)];
        for (Index y = std::max<Index>(0, half - r); y < std::min(k, x.grid.rows + half - r); ++y)
          for (Index z = std::max<Index>(0, half - c); z < std::min(k, x.grid.cols + half - c); ++z) {
            const double* v = x.values.data() + (first + x.grid.at(r + y - half, c + z - half)) * x.channels;
            for (Index in = 0; in < x.channels; ++in)
              sum += v[in] * static_cast<double>(w[((o * x.channels + in) * k + y) * k + z]);
          }
        out.values[i * static_cast<std::size_t>(out_channels) + static_cast<std::size_t>(o)] =
            l + 1 < weights.size() ? std::max(0.0, sum) : sum;
      }
    }
    return out;
  }
};

/// f(values of a cell) in mean over the cells whose centre each token covers, [N]; of a token that covers none, of the
/// cell that its own centre lies in.
template <class F>
std::vector<float> mean_over_cells(const CellPlanes& x, const TokenSet& tokens, F&& f) {
  std::vector<double> sum(static_cast<std::size_t>(tokens.count())), cells(sum.size());
  for (std::size_t i = 0; i < x.token.size(); ++i) {
    if (x.token[i] < 0) continue;
    const auto t = static_cast<std::size_t>(x.token[i]);
    sum[t] += f(x.values.data() + i * static_cast<std::size_t>(x.channels));
    cells[t] += 1;
  }
  std::vector<float> out;
  for (std::size_t t = 0; t < sum.size(); ++t) {
    if (cells[t] == 0) {
      const Place p = tokens.at(static_cast<Index>(t));
      const auto at = [](float centre, Index n) {
        return std::clamp<Index>(static_cast<Index>(std::floor(centre + 0.5f)), 0, n - 1);
      };
      const Index cell =
          p.frame * x.grid.count() + x.grid.at(at(p.centre_row(), x.grid.rows), at(p.centre_col(), x.grid.cols));
      sum[t] = f(x.values.data() + cell * x.channels), cells[t] = 1;
    }
    out.push_back(static_cast<float>(sum[t] / cells[t]));
  }
  return out;
}

}  // namespace arrcoc
