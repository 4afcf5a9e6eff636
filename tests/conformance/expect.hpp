#pragma once
// What the groups of the conformance suite share: comparing with the reference, tensors and weights of a backend.
#include <doctest/doctest.h>

#include <bit>
#include <cstring>
#include <iomanip>
#include <limits>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "conformance/reference.hpp"
#include "conformance/tolerances.hpp"

namespace arrcoc::conformance {

template <class B>
B make_backend() {
  return B{};
}

inline const std::vector<Index>& odd_sizes() {
  static const std::vector<Index> sizes{1, 3, 7, 17, 33, 65, 129};
  return sizes;
}

/// The largest error of each kernel as a part of what it may be: how near this processor came to the bounds.
inline std::map<std::string, double>& margins() {
  static std::map<std::string, double> largest;
  return largest;
}

/// The largest |got - want| / bound; where the bound is 0, any difference is infinitely far. A NaN is, too.
inline double error_over_bound(const std::vector<float>& got, const Matrix& want, const Matrix& limit,
                               std::size_t* place = nullptr) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double e = std::abs(static_cast<double>(got[i]) - want.values[i]), allowed = limit.values[i];
    const double ratio = e == 0 ? 0 : e < INFINITY && allowed > 0 ? e / allowed : INFINITY;
    if (ratio <= worst) continue;
    worst = ratio;
    if (place) *place = i;
  }
  return worst;
}

/// Fails the running test unless every value is within its bound. The message names the backend, the kernel and
/// the worst place.
template <class B>
void expect_near(B& b, const typename B::Tensor& got, const Matrix& want, const Matrix& limit, std::string_view kernel,
                 std::string_view what = "") {
  const std::string label = std::string(B::name) + "." + std::string(kernel) + " " + std::string(what);
  REQUIRE_MESSAGE((b.rows(got) == want.rows && b.cols(got) == want.cols),
                  label << ": shape [" << b.rows(got) << ", " << b.cols(got) << "], expected [" << want.rows << ", "
                        << want.cols << "]");
  REQUIRE((limit.rows == want.rows && limit.cols == want.cols));
  const std::vector<float> values = b.to_host(got);
  REQUIRE(values.size() == want.values.size());
  std::size_t i = 0;
  const double ratio = error_over_bound(values, want, limit, &i);
  CHECK_MESSAGE(ratio <= 1, label << ": value " << i << " is " << (values.empty() ? 0.0f : values[i]) << ", expected "
                                  << (values.empty() ? 0.0 : want.values[i]) << " within "
                                  << (values.empty() ? 0.0 : limit.values[i]));
  double& largest = margins()[std::string(B::name) + "." + std::string(kernel)];
  largest = std::max(largest, ratio);
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// The bits are stated exactly: moving rows, reading weights, the maximum, sums of two floats.
template <class B>
void expect_equal(B& b, const typename B::Tensor& got, const Matrix& want, std::string_view what = "") {
  expect_near(b, got, want, Matrix(want.rows, want.cols), "exact", what);
}

/// f must throw arrcoc::Error E201.
template <class F>
void expect_shape_error(std::string_view what, F f) {
  try {
    f();
    FAIL_CHECK(what << ": expected E201, got no error");
  } catch (const Error& e) {
    CHECK_MESSAGE(e.code() == Code::shape_mismatch, what << ": expected E201, got " << e.what());
  }
}

/// Values as a weight of a storage type; `exact` becomes what that type holds.
inline HostTensor stored(Matrix& exact, DType type, std::vector<Index> shape) {
  if (type == DType::f32) return host_tensor(exact.floats(), std::move(shape));
  std::vector<std::uint16_t> bits;
  for (double& v : exact.values) {
    if (type == DType::bf16) {
      bits.push_back(f32_to_bf16(static_cast<float>(v)));
      v = static_cast<double>(bf16_to_f32(bits.back()));
    } else {
      // Cut to ten bits of mantissa: exponents here are far from the ends of f16's range, zero excepted.
      const auto u = std::bit_cast<std::uint32_t>(static_cast<float>(v));
      const int exponent = static_cast<int>((u >> 23) & 0xffu) - 127;
      bits.push_back(static_cast<std::uint16_t>(exponent < -14 ? 0u
                                                               : ((u >> 16) & 0x8000u) |
                                                                     (static_cast<std::uint32_t>(exponent + 15) << 10) |
                                                                     ((u >> 13) & 0x3ffu)));
      v = static_cast<double>(f16_to_f32(bits.back()));
    }
  }
  HostTensor t = host_tensor(std::move(bits), std::move(shape));
  t.dtype = type;
  return t;
}

/// term(i, j, t) for t < n, summed.
template <class F>
Matrix sums(Index rows, Index cols, Index n, F term) {
  return build(rows, cols, [&](Index i, Index j) {
    double sum = 0;
    for (Index t = 0; t < n; ++t) sum += term(i, j, t);
    return sum;
  });
}

/// Helpers bound to one backend.
template <class B>
struct Bench {
  B b = make_backend<B>();
  Accuracy accurate = accuracy(B::name);
  using Tensor = typename B::Tensor;
  using Weight = typename B::Weight;

  Tensor tensor(const Matrix& m) { return b.from_host(m.floats(), m.rows, m.cols); }
  /// The same values as a window into a larger tensor: rows and columns that do not belong to it all around.
  Tensor view(const Matrix& m) {
    const Matrix big = build(m.rows + 3, m.cols + 5, [&](Index i, Index j) {
      const bool inside = i >= 1 && i <= m.rows && j >= 2 && j < m.cols + 2;
      return inside ? m.at(i - 1, j - 2) : 1e30;
    });
    return b.slice_cols(b.slice_rows(tensor(big), 1, 1 + m.rows), 2, 2 + m.cols);
  }
  /// f on a tensor of its own and on a view.
  template <class F>
  void both(const Matrix& m, F f) {
    f(tensor(m), std::string("own memory"));
    f(view(m), std::string("view"));
  }
  Weight matrix(Matrix& m, DType type = DType::f32) {
    return b.import_weight(stored(m, type, {m.rows, m.cols}), Layout::out_in);
  }
  Weight vector(Matrix& m, DType type = DType::f32) {
    return b.import_weight(stored(m, type, {m.cols}), Layout::vector);
  }
};

inline std::string size_text(Index a, Index b, Index c = 0) {
  return std::to_string(a) + " x " + std::to_string(b) + (c > 0 ? " x " + std::to_string(c) : "");
}

/// Runs one group, and says how near it came to the bounds, for whoever reads the log of another processor.
template <class F>
void run_group(F group) {
  margins().clear();
  group();
  std::ostringstream text;
  text << std::setprecision(2);
  for (const auto& [kernel, ratio] : margins())
    if (ratio > 0) text << "  " << kernel << ' ' << ratio;
  if (!text.str().empty()) MESSAGE("largest error / bound:" << text.str());
}

}  // namespace arrcoc::conformance
