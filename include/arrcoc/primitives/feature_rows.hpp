#pragma once
// Rows of features on the host plane: sums in double, in one order for every build.
#include <array>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc {

namespace detail {

/// term(0) + ... + term(n - 1) in eight lanes, lane l the terms l, l + 8, l + 16 ... ascending; then l with l + 4, with
/// l + 2, with l + 1. One order for every build: a vector of lanes is as fast as the machine, one sum waits for itself.
template <class Term>
double sum_in_lanes(std::size_t n, const Term& term) {
  std::array<double, 8> lanes{};
  std::size_t i = 0;
  for (; i + lanes.size() <= n; i += lanes.size())
    for (std::size_t l = 0; l < lanes.size(); ++l) lanes[l] += term(i + l);
  for (std::size_t l = 0; i + l < n; ++l) lanes[l] += term(i + l);
  for (std::size_t half = lanes.size() / 2; half > 0; half /= 2)
    for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  return lanes[0];
}

}  // namespace detail

inline double dot_of(std::span<const double> a, std::span<const double> b) {
  return detail::sum_in_lanes(a.size(), [&](std::size_t i) { return a[i] * b[i]; });
}

/// 0 beside a row of zeros.
inline double cosine_of(std::span<const double> a, std::span<const double> b) {
  const double aa = dot_of(a, a), bb = dot_of(b, b);
  return aa > 0 && bb > 0 ? dot_of(a, b) / (std::sqrt(aa) * std::sqrt(bb)) : 0;
}

inline double distance_of(std::span<const double> a, std::span<const double> b) {
  return std::sqrt(detail::sum_in_lanes(a.size(), [&](std::size_t i) { return (a[i] - b[i]) * (a[i] - b[i]); }));
}

/// Features [N, D] widened to double.
struct FeatureRows {
  std::size_t count = 0, width = 0;
  std::vector<double> values;

  /// Error{shape_mismatch} unless `from` is a matrix of F32 with `rows` rows (-1: any), Error{bad_number} unless
  /// finite.
  FeatureRows(const HostTensor& from, Index rows, std::string_view where) {
    check_shape(from, rows, where);
    count = static_cast<std::size_t>(from.dim(0));
    width = static_cast<std::size_t>(from.dim(1));
    const auto f = from.floats();
    values.assign(f.begin(), f.end());
    check_finite(where);
  }
  /// These rows alone, in this order. Errors as above.
  FeatureRows(const HostTensor& from, Index rows, std::span<const Index> chosen, std::string_view where) {
    check_shape(from, rows, where);
    count = chosen.size();
    width = static_cast<std::size_t>(from.dim(1));
    values.reserve(count * width);
    for (const Index i : chosen) {
      const auto row = from.floats().subspan(static_cast<std::size_t>(i) * width, width);
      values.insert(values.end(), row.begin(), row.end());
    }
    check_finite(where);
  }
  std::span<const double> row(std::size_t i) const { return {values.data() + i * width, width}; }
  std::span<double> row(std::size_t i) { return {values.data() + i * width, width}; }

  std::vector<double> mean() const {
    std::vector<double> out(width);
    for (std::size_t i = 0; i < values.size(); ++i) out[i % width] += values[i];
    for (double& m : out) m /= static_cast<double>(count);
    return out;
  }
  void centre() {
    const std::vector<double> m = mean();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= m[i % width];
  }
  /// Each row by its norm; a row of zeros stays.
  void normalise() {
    for (std::size_t i = 0; i < count; ++i) {
      const double norm = std::sqrt(dot_of(row(i), row(i)));
      if (norm > 0)
        for (double& v : row(i)) v /= norm;
    }
  }

 private:
  static void check_shape(const HostTensor& from, Index rows, std::string_view where) {
    require_that(from.shape.size() == 2 && from.dim(1) > 0 && (rows < 0 || from.dim(0) == rows), Code::shape_mismatch,
                 where, [&] {
                   return "features: expected [" + (rows < 0 ? std::string("N") : std::to_string(rows)) + ", D], got " +
                          shape_text(from.shape);
                 });
  }
  void check_finite(std::string_view where) const {
    for (const double v : values)
      require_that(std::isfinite(v), Code::bad_number, where, "features: expected finite values");
  }
};

}  // namespace arrcoc
