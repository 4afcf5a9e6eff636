#pragma once
// Every kernel again, naively, in double: what the conformance suite holds the backends to. Written from the list in
// core/kernel_backend.hpp and from the formulas alone.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/random.hpp"

namespace arrcoc::conformance {

struct Matrix {
  Index rows = 0, cols = 0;
  std::vector<double> values;
  Matrix() = default;
  Matrix(Index r, Index c) : rows(r), cols(c), values(static_cast<std::size_t>(r * c)) {}
  double& at(Index i, Index j) { return values[static_cast<std::size_t>(i * cols + j)]; }
  double at(Index i, Index j) const { return values[static_cast<std::size_t>(i * cols + j)]; }
  std::vector<float> floats() const { return {values.begin(), values.end()}; }
};

/// Values in (-2, 2) that float32 holds exactly.
inline Matrix random_matrix(Index rows, Index cols, std::uint64_t seed) {
  Matrix m(rows, cols);
  Rng rng(seed * 1000003 + static_cast<std::uint64_t>(rows * 131 + cols));
  for (double& v : m.values) v = static_cast<double>(static_cast<float>(rng.uniform() * 4 - 2));
  return m;
}

template <class F>
Matrix build(Index rows, Index cols, F f) {
  Matrix m(rows, cols);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) m.at(i, j) = f(i, j);
  return m;
}

namespace reference {

inline Matrix transposed(const Matrix& a) {
  return build(a.cols, a.rows, [&](Index i, Index j) { return a.at(j, i); });
}
inline Matrix matmul(const Matrix& a, const Matrix& c) {
  return build(a.rows, c.cols, [&](Index i, Index j) {
    double s = 0;
    for (Index k = 0; k < a.cols; ++k) s += a.at(i, k) * c.at(k, j);
    return s;
  });
}
inline Matrix layer_norm(const Matrix& x, const Matrix& w, const Matrix& b, double eps) {
  Matrix out(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    double mean = 0, variance = 0;
    for (Index j = 0; j < x.cols; ++j) mean += x.at(i, j) / static_cast<double>(x.cols);
    for (Index j = 0; j < x.cols; ++j)
      variance += (x.at(i, j) - mean) * (x.at(i, j) - mean) / static_cast<double>(x.cols);
    for (Index j = 0; j < x.cols; ++j)
      out.at(i, j) = (x.at(i, j) - mean) / std::sqrt(variance + eps) * w.at(0, j) + b.at(0, j);
  }
  return out;
}
inline Matrix rms_norm(const Matrix& x, const Matrix& w, double eps) {
  Matrix out(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    double square = 0;
    for (Index j = 0; j < x.cols; ++j) square += x.at(i, j) * x.at(i, j) / static_cast<double>(x.cols);
    for (Index j = 0; j < x.cols; ++j) out.at(i, j) = x.at(i, j) / std::sqrt(square + eps) * w.at(0, j);
  }
  return out;
}
inline double gelu(double x, Gelu kind) {
  if (kind == Gelu::erf) return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}
inline double silu(double x) { return x / (1 + std::exp(-x)); }
inline Matrix softmax(const Matrix& x) {
  Matrix out = x;
  for (Index i = 0; i < x.rows; ++i) {
    double top = x.at(i, 0), total = 0;
    for (Index j = 0; j < x.cols; ++j) top = std::max(top, x.at(i, j));
    for (Index j = 0; j < x.cols; ++j) total += out.at(i, j) = std::exp(x.at(i, j) - top);
    for (Index j = 0; j < x.cols; ++j) out.at(i, j) /= total;
  }
  return out;
}
inline Matrix rope(const Matrix& x, Index heads, const Matrix& cos, const Matrix& sin) {
  const Index d = x.cols / heads, half = d / 2;
  return build(x.rows, x.cols, [&](Index i, Index j) {
    const Index e = j % d;
    return e < half ? x.at(i, j) * cos.at(i, e) - x.at(i, j + half) * sin.at(i, e)
                    : x.at(i, j) * cos.at(i, e - half) + x.at(i, j - half) * sin.at(i, e - half);
  });
}

/// Does the query in row i see key j? Segments are in key rows; query row i stands at key row i + causal_offset.
inline bool sees(const AttentionSpec& s, Index keys, Index i, Index j) {
  const Index place = i + s.causal_offset;
  if (s.causal && j > place) return false;
  if (s.segments.empty() && s.shared_prefix == 0) return true;
  if (j < s.shared_prefix) return true;
  if (place < s.shared_prefix) return false;
  if (s.segments.empty()) return j < keys;
  for (const Segment& g : s.segments)
    if (place >= g.begin && place < g.end) return j >= g.begin && j < g.end;
  return false;
}
inline double bias(const AttentionSpec& s, Index j) {
  return s.key_bias.empty() ? 0 : static_cast<double>(s.key_bias[static_cast<std::size_t>(j)]);
}
/// {out, received}: the whole masked matrix, one softmax.
inline std::pair<Matrix, Matrix> attention(const Matrix& q, const Matrix& k, const Matrix& v, const AttentionSpec& s) {
  const Index d = q.cols / s.heads, dv = v.cols / s.kv_heads;
  Matrix out(q.rows, s.heads * dv), received(1, k.rows);
  std::vector<double> p(static_cast<std::size_t>(k.rows));
  for (Index h = 0; h < s.heads; ++h) {
    const Index g = h / (s.heads / s.kv_heads);
    for (Index i = 0; i < q.rows; ++i) {
      double top = -1e300, total = 0;
      for (Index j = 0; j < k.rows; ++j) {
        double dot = 0;
        for (Index e = 0; e < d; ++e) dot += q.at(i, h * d + e) * k.at(j, g * d + e);
        p[static_cast<std::size_t>(j)] = dot * static_cast<double>(s.scale) + bias(s, j);
        if (sees(s, k.rows, i, j)) top = std::max(top, p[static_cast<std::size_t>(j)]);
      }
      for (Index j = 0; j < k.rows; ++j) {
        double& w = p[static_cast<std::size_t>(j)];
        w = sees(s, k.rows, i, j) ? std::exp(w - top) : 0.0;
        total += w;
      }
      for (Index j = 0; j < k.rows && total > 0; ++j) {
        const double w = p[static_cast<std::size_t>(j)] / total;
        received.at(0, j) += w;
        for (Index e = 0; e < dv; ++e) out.at(i, h * dv + e) += w * v.at(j, g * dv + e);
      }
    }
  }
  return {out, received};
}
inline Matrix conv2d(const Matrix& x, const Matrix& w, const Matrix& b, const Conv2dSpec& s) {
  return build(s.out_height() * s.out_width(), w.rows, [&](Index i, Index o) {
    double sum = b.at(0, o);
    for (Index c = 0; c < x.cols; ++c)
      for (Index y = 0; y < s.kernel_h; ++y)
        for (Index z = 0; z < s.kernel_w; ++z) {
          const Index row = i / s.out_width() * s.stride - s.padding + y,
                      col = i % s.out_width() * s.stride - s.padding + z;
          if (row >= 0 && row < s.height && col >= 0 && col < s.width)
            sum += x.at(row * s.width + col, c) * w.at(o, (c * s.kernel_h + y) * s.kernel_w + z);
        }
    return sum;
  });
}
inline Matrix avg_pool(const Matrix& x, const Conv2dSpec& s) {
  return build(s.out_height() * s.out_width(), x.cols, [&](Index i, Index c) {
    double sum = 0;
    for (Index y = 0; y < s.kernel_h; ++y)
      for (Index z = 0; z < s.kernel_w; ++z)
        sum += x.at((i / s.out_width() * s.stride + y) * s.width + i % s.out_width() * s.stride + z, c);
    return sum / static_cast<double>(s.kernel_h * s.kernel_w);
  });
}

}  // namespace reference
}  // namespace arrcoc::conformance
