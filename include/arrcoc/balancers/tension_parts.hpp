#pragma once
// What balancer `tension` is made of: where its tensions stand, how far a map is trusted, what focusing and deepening
// do, and the words for it.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/neighbours.hpp"

namespace arrcoc {

/// Where the four tensions stand, each in [0, 1]: 0 the first pole of its pair, 1 the second.
struct TensionPoles {
  float particularize = 0.5f;  ///< compress .. particularize
  float explore = 0.25f;       ///< exploit .. explore
  float diversify = 0.5f;      ///< focus .. diversify
  float deep = 0.5f;           ///< shallow .. deep
  bool operator==(const TensionPoles&) const = default;
};

namespace tension {

inline double clamp01(double v) { return std::clamp(v, 0.0, 1.0); }

/// Which token covers each cell of the grid, frame by frame; -1: none.
struct Cells {
  Grid grid;
  std::vector<Index> token;
};

struct Spread {
  double mean = 0, deviation = 0;
};
inline Spread spread_of(const std::vector<float>& x) {
  double sum = 0, squares = 0;
  for (const float v : x) sum += v, squares += static_cast<double>(v) * v;
  const double n = static_cast<double>(x.size()), mean = sum / n;
  return {mean, std::sqrt(std::max(0.0, squares / n - mean * mean))};
}

/// How coherent a map is: the larger of `floor`, Moran's I over rook neighbours, and how far its peak stands out; 1.
/// O(N). `share`: how far incoherence counts.
inline double trust(const std::vector<float>& x, const Cells& cells, double share, double floor) {
  const Grid g = cells.grid;
  double sum = 0, squares = 0, pairs = 0;
  for (const float v : x) sum += v;
  const double mean = sum / static_cast<double>(x.size());
  Index edges = 0, living = 0;
  float greatest = x[0];
  for (Index i = 0; i < static_cast<Index>(cells.token.size()); ++i) {
    const Index t = cells.token[static_cast<std::size_t>(i)], c = i % g.cols, r = i % g.count() / g.cols;
    if (t < 0) continue;
    const float v = x[static_cast<std::size_t>(t)];
    const double d = v - mean;
    squares += d * d;
    ++living;
    greatest = std::max(greatest, v);
    const auto pair = [&](Index other) {
      const Index o = cells.token[static_cast<std::size_t>(other)];
      if (o < 0) return;
      pairs += d * (x[static_cast<std::size_t>(o)] - mean);
      ++edges;
    };
    if (c + 1 < g.cols) pair(i + 1);
    if (r + 1 < g.rows) pair(i + g.cols);
  }
  double raw = floor;
  if (squares > 1e-12 && edges > 0) {
    const double variance = squares / static_cast<double>(living);
    const double peak = clamp01(((greatest - mean) / std::sqrt(variance) - 4) / 8);
    raw = std::max({raw, pairs / static_cast<double>(edges) / variance, peak});
  }
  return 1 - share + share * std::min(1.0, raw);
}

/// Greatest value at most `radius` cells away in row and in column of each token, at least 0; rows first, then
/// columns.
inline std::vector<float> window_max(const std::vector<float>& s, const Cells& cells, Index radius) {
  const Grid g = cells.grid;
  std::vector<float> own(cells.token.size()), line(own.size()), out(s.size());
  for (std::size_t i = 0; i < own.size(); ++i)
    own[i] = cells.token[i] < 0 ? 0.f : s[static_cast<std::size_t>(cells.token[i])];
  for (Index i = 0; i < static_cast<Index>(own.size()); ++i) {
    const Window w = window_around(g, 0, i % g.cols, radius);
    const auto* from = own.data() + (i - i % g.cols);
    line[static_cast<std::size_t>(i)] = *std::max_element(from + w.col0, from + w.col1);
  }
  for (Index i = 0; i < static_cast<Index>(own.size()); ++i) {
    const Index t = cells.token[static_cast<std::size_t>(i)], first = i - i % g.count();
    if (t < 0) continue;
    const Window w = window_around(g, i % g.count() / g.cols, 0, radius);
    float& top = out[static_cast<std::size_t>(t)];
    for (Index a = w.row0; a < w.row1; ++a)
      top = std::max(top, line[static_cast<std::size_t>(first + g.at(a, i % g.cols))]);
  }
  return out;
}

/// Tension 3: squares below 1/2, divisive normalisation above.
inline void spread(std::vector<float>& s, const Cells& cells, double u) {
  if (u < 0.5) {
    const double f = 1 - 2 * u;
    for (float& v : s) v = static_cast<float>((1 - f) * v + f * v * static_cast<double>(v));
  } else if (u > 0.5) {
    const double d = 2 * u - 1;
    const auto top = window_max(s, cells, std::max<Index>(1, std::max(cells.grid.rows, cells.grid.cols) / 16));
    for (std::size_t i = 0; i < s.size(); ++i)
      s[i] = static_cast<float>((1 - d) * s[i] + d * 1.25 * s[i] / (0.25 + top[i]));
  }
}

/// Tension 4: the same order, more or less of it over a threshold.
inline void deepen(std::vector<float>& s, double deep) {
  const double b = std::clamp(deep, 0.02, 0.98);  // 0 and 1 would make every token the same
  if (b == 0.5) return;
  for (float& v : s) v = static_cast<float>(v / (v + (1.0 - v) * (1 - b) / b));
}

/// As many tokens as would share the relevance evenly: (sum s)^2 / sum s^2.
inline double even_tokens(const std::vector<float>& s) {
  double sum = 0, squares = 0;
  for (const float v : s) sum += v, squares += static_cast<double>(v) * v;
  return squares > 0 ? sum * sum / squares : static_cast<double>(s.size());
}

inline std::string hundredths(double v) {
  const auto n = static_cast<int>(std::lround(100 * v));
  return std::to_string(n / 100) + "." + (n % 100 < 10 ? "0" : "") + std::to_string(n % 100);
}
inline std::string percent(double v) { return std::to_string(std::lround(100 * v)) + " %"; }

}  // namespace tension
}  // namespace arrcoc
