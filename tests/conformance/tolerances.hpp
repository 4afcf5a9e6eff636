#pragma once
// How far a kernel in float32 may lie from the double-precision reference: an error analysis of the kernel on the
// inputs of the case, never the output of some processor. Three sources:
// 1. A sum of n terms in an unknown order (lanes, blocks, fused or not): gamma(n) * sum |t| at worst, as a rule far
//    less. Roundings of either sign add up like sqrt(n) (Higham and Mary 2019), each in proportion to a partial sum.
// 2. Every other operation rounds once, and passes on what its operands were off by: a running error analysis, Near.
// 3. exp, tanh and erf: what their authors state, in `accuracies`.
// Softmax and attention take the derivative of the normalised weights instead of 2., which would count twice what a
// weight and the sum of the weights have in common.
#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/reference.hpp"

namespace arrcoc::conformance {

inline constexpr double unit = 0x1p-24;   // float32 rounds by this factor at most
inline constexpr double tiny = 0x1p-125;  // what may be flushed to zero
inline double gamma(double n) { return n * unit / (1 - n * unit); }

/// What a backend's functions promise, in ulp (one ulp is at most 2 * unit).
struct Accuracy {
  std::string_view backend;
  double exp = 1;          // in silu and gelu
  double softmax_exp = 1;  // under softmax and attention
  double tanh = 1, erf = 1;
  double erf_absolute = 0;  // beside the ulp
  bool keeps_tail = false;  // gelu without the cancellation of 1 + tanh and 1 + erf on the left
  double erf_left = 0;      // ulp of 1 + erf there
  double erf_cut = 0;       // and the value below which it is zero
};
inline constexpr std::array<Accuracy, 3> accuracies{{
    // eigen_test.cpp measures these over the whole range; erfc(4.3) = 1.2e-9.
    {.backend = "eigen",
     .exp = 1.2,
     .softmax_exp = 1.2,
     .erf = 2,
     .keeps_tail = true,
     .erf_left = 80,
     .erf_cut = 1.2e-9},
    // Sleef's u10 functions, one ulp; ATen's exp_u20 where it normalises. The erf of ATen and oneDNN is formula 7.1.26
    // of Abramowitz and Stegun: 1.5e-7 off when exact, and a polynomial whose coefficients add up to 4.47, each behind
    // about three roundings. oneDNN's piecewise polynomials for AVX-512 state nothing and are held to the same.
    {.backend = "torch", .softmax_exp = 20, .erf_absolute = 1.5e-7 + 3 * 4.47 * unit},
    // The C library's functions: glibc's manual lists 1 ulp for expf and erff, 2 for tanhf.
    {.backend = "xtensor", .tanh = 2},
}};
inline Accuracy accuracy(std::string_view backend) {
  for (const Accuracy& a : accuracies)
    if (a.backend == backend) return a;
  throw std::logic_error("tolerances.hpp: no accuracy for backend " + std::string(backend));
}

/// A value and how far a float32 computation of it may be off.
struct Near {
  double value = 0, error = 0;
};
inline Near constant(double v) { return {v, unit * std::abs(v)}; }
inline Near rounded(double v, double error) { return {v, error + unit * std::abs(v)}; }
inline Near operator+(Near a, Near b) { return rounded(a.value + b.value, a.error + b.error); }
inline Near operator-(Near a, Near b) { return rounded(a.value - b.value, a.error + b.error); }
inline Near operator*(Near a, Near b) {
  return rounded(a.value * b.value, std::abs(a.value) * b.error + std::abs(b.value) * a.error + a.error * b.error);
}
inline Near operator/(Near a, Near b) {
  const double q = a.value / b.value;
  return rounded(q, (a.error + std::abs(q) * b.error) / (std::abs(b.value) - b.error));
}
inline Near square_root(Near a) {
  const double r = std::sqrt(a.value);
  return rounded(r, a.error == 0 ? 0 : a.error / r);  // twice the derivative: no error here reaches half of its value
}
inline Near exponential(Near x, double ulps) {
  const double v = std::exp(x.value);
  return {v, v * (std::expm1(x.error) + 2 * unit * ulps) + tiny};
}

/// A sum of products in an order that is the backend's own. Of the n roundings each is in proportion to a partial sum;
/// in a random order the mean square of those is S^2 / 3 + T^2 / 6 (S the sum, T^2 the sum of squares), here taken as
/// S^2 + T^2. By Hoeffding's inequality 4 * unit * sqrt(n (S^2 + T^2)), at least 6.9 true deviations, is exceeded once
/// in 1e10 sums. The worst case is smaller for a few terms.
class Sum {
 public:
  void add(double term, double error = 0) {
    ++n_;
    sum_ += term;
    size_ += std::abs(term);
    square_ += term * term;
    inherited_ += error;
  }
  double value() const { return sum_; }
  /// `more`: roundings of a term besides its product and the additions.
  double error(double more = 0) const {
    const double n = n_ + more;
    return inherited_ + std::min(gamma(n) * size_, 4 * unit * std::sqrt(n * (sum_ * sum_ + square_)));
  }
  Near mean(Index n) const { return {sum_ / static_cast<double>(n), error(2) / static_cast<double>(n)}; }

 private:
  double n_ = 0, sum_ = 0, size_ = 0, square_ = 0, inherited_ = 0;
};

/// The largest error that each value of a kernel may have; shapes and arguments as in reference.hpp.
namespace bound {

inline Matrix products(const Matrix& a, const Matrix& c, const Matrix* bias = nullptr) {
  return build(a.rows, c.cols, [&](Index i, Index j) {
    Sum s;
    for (Index k = 0; k < a.cols; ++k) s.add(a.at(i, k) * c.at(k, j));
    if (bias) s.add(bias->at(0, j));
    return s.error();
  });
}
/// One operation: correctly rounded.
inline Matrix one_rounding(const Matrix& want) {
  return build(want.rows, want.cols, [&](Index i, Index j) { return unit * std::abs(want.at(i, j)) + tiny; });
}
/// term(i, j, t) for t < n, summed; divided by n for a mean.
template <class F>
Matrix sums(Index rows, Index cols, Index n, bool mean, F term) {
  return build(rows, cols, [&](Index i, Index j) {
    Sum s;
    for (Index t = 0; t < n; ++t) s.add(term(i, j, t));
    return mean ? s.mean(n).error : s.error();
  });
}
/// One over the root of a mean square of values that are off themselves.
template <class F>
Near inverse_root(Index n, double eps, F value) {
  Sum s;
  for (Index j = 0; j < n; ++j) {
    const Near v = value(j);
    s.add(v.value * v.value, (2 * std::abs(v.value) + v.error) * v.error);
  }
  return Near{1, 0} / square_root(s.mean(n) + constant(eps));
}
inline Matrix layer_norm(const Matrix& x, const Matrix& w, const Matrix& b, double eps) {
  Matrix out(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    Sum s;
    for (Index j = 0; j < x.cols; ++j) s.add(x.at(i, j));
    const Near mean = s.mean(x.cols);
    const auto centred = [&](Index j) { return Near{x.at(i, j), 0} - mean; };
    const Near inverse = inverse_root(x.cols, eps, centred);
    for (Index j = 0; j < x.cols; ++j)
      out.at(i, j) = (centred(j) * inverse * Near{w.at(0, j), 0} + Near{b.at(0, j), 0}).error;
  }
  return out;
}
inline Matrix rms_norm(const Matrix& x, const Matrix& w, double eps) {
  Matrix out(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    const auto value = [&](Index j) { return Near{x.at(i, j), 0}; };
    const Near inverse = inverse_root(x.cols, eps, value);
    for (Index j = 0; j < x.cols; ++j) out.at(i, j) = (value(j) * inverse * Near{w.at(0, j), 0}).error;
  }
  return out;
}
inline Matrix l2_normalize(const Matrix& x) {
  Matrix out(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    Sum s;
    for (Index j = 0; j < x.cols; ++j) s.add(x.at(i, j) * x.at(i, j));
    const Near norm = square_root({s.value(), s.error()});
    for (Index j = 0; j < x.cols && norm.value > 0; ++j) out.at(i, j) = (Near{x.at(i, j), 0} / norm).error;
  }
  return out;
}
inline double silu_mul(double x, double y, const Accuracy& a) {
  Near sigmoid = Near{1, 0} / (Near{1, 0} + exponential({-x, 0}, a.exp));
  sigmoid.error += tiny;  // e^-x may be infinite
  return (Near{x, 0} * sigmoid * Near{y, 0}).error;
}
/// 2^-52 |x|: the reference cancels too, in double.
inline double gelu(double x, Gelu kind, const Accuracy& a) {
  const Near v{x, 0}, one{1, 0}, half{0.5, 0};
  if (kind == Gelu::erf) {
    const Near z = v * constant(std::sqrt(0.5));
    const double slope = 2 / std::sqrt(3.14159265358979323846) * std::exp(-z.value * z.value),
                 sum = std::erfc(-z.value);
    if (a.keeps_tail) {
      const double own = x < 0 ? 2 * unit * a.erf_left * sum + a.erf_cut : 2 * unit * a.erf * sum;
      return (half * v * Near{sum, slope * z.error + own}).error + tiny;
    }
    const double erf = std::erf(z.value);
    return (half * v * (one + Near{erf, slope * z.error + 2 * unit * a.erf * std::abs(erf) + a.erf_absolute})).error +
           tiny;
  }
  const Near y = constant(std::sqrt(2 / 3.14159265358979323846)) * (v + constant(0.044715) * v * v * v);
  if (a.keeps_tail) {  // x * sigmoid(2 y)
    Near sigmoid = one / (one + exponential({-2 * y.value, 2 * y.error}, a.exp));
    sigmoid.error += tiny;
    return (v * sigmoid).error + 0x1p-52 * std::abs(x);
  }
  const double t = std::tanh(y.value);
  return (half * v * (one + Near{t, (1 - t * t) * y.error + 2 * unit * a.tanh * std::abs(t)})).error + tiny;
}
inline Matrix rope(const Matrix& x, Index heads, const Matrix& cos, const Matrix& sin) {
  const Index d = x.cols / heads, half = d / 2;
  return build(x.rows, x.cols, [&](Index i, Index j) {
    const Index e = j % d % half;
    Sum s;
    s.add(x.at(i, j) * cos.at(i, e));
    s.add(x.at(i, j % d < half ? j + half : j - half) * sin.at(i, e));
    return s.error();
  });
}
inline Matrix conv2d(const Matrix& x, const Matrix& w, const Matrix& b, const Conv2dSpec& s) {
  return build(s.out_height() * s.out_width(), w.rows, [&](Index i, Index o) {
    Sum sum;
    sum.add(b.at(0, o));
    for (Index c = 0; c < x.cols; ++c)
      for (Index y = 0; y < s.kernel_h; ++y)
        for (Index z = 0; z < s.kernel_w; ++z) {
          const Index row = i / s.out_width() * s.stride - s.padding + y,
                      col = i % s.out_width() * s.stride - s.padding + z;
          if (row >= 0 && row < s.height && col >= 0 && col < s.width)
            sum.add(x.at(row * s.width + col, c) * w.at(o, (c * s.kernel_h + y) * s.kernel_w + z));
        }
    return sum.error();
  });
}
inline Matrix avg_pool(const Matrix& x, const Conv2dSpec& s) {
  return sums(s.out_height() * s.out_width(), x.cols, s.kernel_h * s.kernel_w, true, [&](Index i, Index c, Index t) {
    return x.at(
        (i / s.out_width() * s.stride + t / s.kernel_w) * s.width + i % s.out_width() * s.stride + t % s.kernel_w, c);
  });
}

/// A row of softmax weights from scores that are off. A weight before normalising is off by the factor 1 + random +-
/// systematic: the score's error and the rounding of score - maximum are as good as independent, and add up in squares;
/// the error of exp is not.
struct Weights {
  std::vector<double> w, random;
  double systematic = 0, normaliser = 0,
         square = 0;  // of all weights; of their sum and the division; sum of (w * random)^2

  Weights(const std::vector<Near>& scores, const Accuracy& a)
      : w(scores.size()), random(scores.size()), systematic(2 * unit * a.softmax_exp) {
    double top = -INFINITY, total = 0;
    for (const Near& s : scores) top = std::max(top, s.value);
    for (std::size_t j = 0; j < w.size(); ++j) total += w[j] = std::exp(scores[j].value - top);
    // A running softmax multiplies a weight by one more exp for each new maximum: ln n of them in a random order.
    const double rescaled = 3 * unit * std::log(static_cast<double>(std::max<std::size_t>(1, w.size())));
    Sum sum;
    for (std::size_t j = 0; j < w.size(); ++j) {
      w[j] /= total;
      sum.add(w[j]);
      random[j] = std::expm1(scores[j].error + unit * std::abs(scores[j].value - top) + rescaled);
      square += w[j] * w[j] * random[j] * random[j];
    }
    normaliser = sum.error() + 2 * unit;
  }
  /// Of w[j], as d log w[j] = e[j] - sum of w e.
  double random_of(std::size_t j) const {
    const double own = w[j] * random[j], rest = (1 - w[j]) * random[j];
    return w[j] * (std::sqrt(rest * rest + std::max(0.0, square - own * own)) + normaliser);
  }
  double systematic_of(std::size_t j) const { return 2 * w[j] * (1 - w[j]) * systematic + tiny; }
};

inline Matrix softmax(const Matrix& x, const Accuracy& a) {
  Matrix out(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) {
    std::vector<Near> scores;
    for (Index j = 0; j < x.cols; ++j) scores.push_back({x.at(i, j), 0});
    const Weights weights(scores, a);
    for (Index j = 0; j < x.cols; ++j)
      out.at(i, j) =
          weights.random_of(static_cast<std::size_t>(j)) + weights.systematic_of(static_cast<std::size_t>(j));
  }
  return out;
}
/// {out, received}. d out = sum of w e (v - out), so that a weight near 1 passes nothing on; then the weighted sum's
/// own roundings.
inline std::pair<Matrix, Matrix> attention(const Matrix& q, const Matrix& k, const Matrix& v, const AttentionSpec& s,
                                           const Accuracy& a) {
  const Index d = q.cols / s.heads, dv = v.cols / s.kv_heads;
  Matrix out(q.rows, s.heads * dv), received(1, k.rows);
  std::vector<double> squares(static_cast<std::size_t>(k.rows));
  std::vector<Sum> masses(static_cast<std::size_t>(k.rows));
  for (Index h = 0; h < s.heads; ++h) {
    const Index g = h / (s.heads / s.kv_heads);
    for (Index i = 0; i < q.rows; ++i) {
      std::vector<Near> scores;
      std::vector<Index> keys;
      for (Index j = 0; j < k.rows; ++j) {
        if (!reference::sees(s, k.rows, i, j)) continue;
        Sum dot;
        for (Index e = 0; e < d; ++e) dot.add(q.at(i, h * d + e) * k.at(j, g * d + e));
        const double scale = static_cast<double>(s.scale);
        const double score = scale * dot.value() + reference::bias(s, j);
        if (score == -INFINITY) continue;
        scores.push_back(
            {score, std::abs(scale) * dot.error(2) +  // two more: the scale, which may be a product of roots
                        (s.key_bias.empty() ? 0 : unit * (std::abs(score) + std::abs(reference::bias(s, j))))});
        keys.push_back(j);
      }
      const Weights weights(scores, a);
      for (std::size_t n = 0; n < keys.size(); ++n) {
        const auto j = static_cast<std::size_t>(keys[n]);
        const double random = weights.random_of(n);
        squares[j] += random * random;
        masses[j].add(weights.w[n], weights.systematic_of(n));
      }
      for (Index e = 0; e < dv; ++e) {
        Sum sum;
        for (std::size_t n = 0; n < keys.size(); ++n) sum.add(weights.w[n] * v.at(keys[n], g * dv + e));
        double square = 0, systematic = 0;
        for (std::size_t n = 0; n < keys.size(); ++n) {
          const double share = weights.w[n] * std::abs(v.at(keys[n], g * dv + e) - sum.value());
          square += share * share * weights.random[n] * weights.random[n];
          systematic += share * weights.systematic;
        }
        out.at(i, h * dv + e) =
            std::sqrt(square) + systematic + sum.error() + std::abs(sum.value()) * weights.normaliser + tiny;
      }
    }
  }
  for (Index j = 0; j < k.rows; ++j)
    received.at(0, j) = std::sqrt(squares[static_cast<std::size_t>(j)]) + masses[static_cast<std::size_t>(j)].error();
  return {out, received};
}

}  // namespace bound
}  // namespace arrcoc::conformance
