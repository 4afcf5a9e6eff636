#pragma once
// Elementary functions from +, -, *, / and square roots alone, so that the last bit is the same on every machine
// (libm's is not). Errors below 1e-13 of the value on the ranges that textures use.
#include <array>
#include <cmath>
#include <cstdint>

namespace arrcoc::texture {

inline constexpr double pi = 3.14159265358979323846;

/// e^x for |x| < 100.
constexpr double exp_of(double x) {
  constexpr double ln2 = 0.69314718055994530942;
  const int n = static_cast<int>(x / ln2 + (x < 0 ? -0.5 : 0.5));
  const double r = x - n * ln2;
  double term = 1, sum = 1;
  for (int k = 1; k < 18; ++k) term *= r / k, sum += term;
  for (int k = 0; k < n; ++k) sum *= 2;
  for (int k = 0; k > n; --k) sum /= 2;
  return sum;
}

/// Natural logarithm of x > 0.
constexpr double log_of(double x) {
  constexpr double ln2 = 0.69314718055994530942;
  int n = 0;
  while (x > 1.4142135623730951) x /= 2, ++n;
  while (x < 0.7071067811865476) x *= 2, --n;
  const double s = (x - 1) / (x + 1), s2 = s * s;
  double power = s, sum = 0;
  for (int k = 1; k < 34; k += 2) sum += power / k, power *= s2;
  return 2 * sum + n * ln2;
}

/// Cosine of a, |a| < 100.
constexpr double cos_of(double a) {
  a -= 2 * pi * static_cast<double>(static_cast<int>(a / (2 * pi) + (a < 0 ? -0.5 : 0.5)));
  double term = 1, sum = 1;
  for (int k = 1; k < 30; k += 2) term *= -a * a / (k * (k + 1)), sum += term;
  return sum;
}
constexpr double sin_of(double a) { return cos_of(a - pi / 2); }

/// The angle of (x, y) in (-pi, pi]; 0 for the origin.
inline double angle_of(double y, double x) {
  const double length = std::sqrt(x * x + y * y);
  if (length == 0) return 0;
  double t = y / (length + std::abs(x));  // tangent of half the angle to the nearer half of the x axis
  double scale = 2;
  for (int k = 0; k < 2; ++k) t = t / (1 + std::sqrt(1 + t * t)), scale *= 2;
  double power = t, sum = 0;
  for (int k = 1; k < 26; k += 2) sum += (k % 4 == 1 ? power : -power) / k, power *= t * t;
  const double angle = scale * sum;
  return x >= 0 ? angle : (y < 0 ? -pi : pi) - angle;
}

/// Cube root of x >= 0.
constexpr double cube_root(double x) {
  if (x <= 0) return 0;
  double scale = 1;
  while (x < 0.125) x *= 8, scale /= 2;
  while (x > 1) x /= 8, scale *= 2;
  double y = 0.5 + x / 2;
  for (int k = 0; k < 7; ++k) y = (2 * y + x / (y * y)) / 3;
  return y * scale;
}

/// sRGB value in [0, 1] -> linear light. Source: IEC 61966-2-1.
constexpr double linear_light(double v) { return v > 0.04045 ? exp_of(2.4 * log_of((v + 0.055) / 1.055)) : v / 12.92; }

struct Lab {
  double l = 0, a = 0, b = 0;  // 0..100, about -128..127
};
/// CIELAB of linear sRGB in [0, 1], white D65. Source: CIE 15.
constexpr Lab lab_of(double red, double green, double blue) {
  const auto f = [](double t) { return t > 0.008856 ? cube_root(t) : 7.787 * t + 4.0 / 29; };
  const double x = f((0.412453 * red + 0.357580 * green + 0.180423 * blue) / 0.95047),
               y = f(0.212671 * red + 0.715160 * green + 0.072169 * blue),
               z = f((0.019334 * red + 0.119193 * green + 0.950227 * blue) / 1.08883);
  return {116 * y - 16, 500 * (x - y), 200 * (y - z)};
}

/// linear_light of the 256 levels.
inline const std::array<float, 256>& linear_levels() {
  static const std::array<float, 256> all = [] {
    std::array<float, 256> t{};
    for (std::size_t i = 0; i < 256; ++i) t[i] = static_cast<float>(linear_light(static_cast<double>(i) / 255));
    return t;
  }();
  return all;
}

}  // namespace arrcoc::texture
