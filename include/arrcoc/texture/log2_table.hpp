#pragma once
// log2 of whole numbers with +, *, / alone, so that the last bit is the same on every machine (libm's is not).
// A table of 1/256 mantissa steps made at compile time by repeated squaring, linear in between; error below 3e-6.
#include <array>
#include <bit>
#include <cstdint>

namespace arrcoc::texture {

namespace detail {
consteval std::array<double, 257> make_log2_table() {
  std::array<double, 257> t{};
  for (int i = 0; i < 256; ++i) {
    double m = 1.0 + i / 256.0, bit = 0.5, sum = 0;
    for (int step = 0; step < 40; ++step, bit *= 0.5) {
      m *= m;
      if (m >= 2.0) {
        m *= 0.5;
        sum += bit;
      }
    }
    t[std::size_t(i)] = sum;
  }
  t[256] = 1.0;
  return t;
}
inline constexpr std::array<double, 257> log2_table = make_log2_table();
}  // namespace detail

/// log2(n), n >= 1; exact at powers of two, strictly increasing.
constexpr double log2_of(std::uint64_t n) {
  const int whole = std::bit_width(n) - 1;
  const double mantissa = static_cast<double>(n) / static_cast<double>(std::uint64_t{1} << whole);  // [1, 2)
  const double place = (mantissa - 1.0) * 256.0;
  const auto i = static_cast<std::size_t>(place < 255.0 ? place : 255.0);
  const double part = place - static_cast<double>(i);
  return whole + detail::log2_table[i] + part * (detail::log2_table[i + 1] - detail::log2_table[i]);
}

}  // namespace arrcoc::texture
