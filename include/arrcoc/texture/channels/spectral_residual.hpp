#pragma once
#include <array>
#include <cmath>
#include <utility>

#include "arrcoc/texture/channels/picture.hpp"
#include "arrcoc/texture/exact_math.hpp"

namespace arrcoc::texture {

/// spectral_residual: what the picture's log spectrum has beyond its own local mean, back in the picture: odd things
/// stand out, repeated ones do not. Luma is box-integrated to 64 x 64, the log amplitude loses its 3 x 3 mean, the
/// phase stays; squared, smoothed by a 9 x 9 binomial (sigma 1.4), min-max over the picture (a flat map: 0), and taken
/// over each place by area. O(H W + 64^2 log 64). Source: Hou, Zhang 2007, equations 3 to 5.
struct SpectralResidualFamily {
  static constexpr std::array<std::string_view, 1> names{"spectral_residual"};
  static constexpr Index side = 64;

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const Plane<double> map = saliency(p);
    for (std::size_t i = 0; i < boxes.size(); ++i)
      out[0][i] = static_cast<float>(area_mean(map, boxes[i], p.image.height, p.image.width));
  }

 private:
  struct Complex {
    double re, im;
  };
  using Spectrum = std::array<Complex, side * side>;

  static constexpr std::array<Complex, side / 2> twiddles = [] {
    std::array<Complex, side / 2> t{};
    for (std::size_t k = 0; k < t.size(); ++k) {
      const double a = -2 * pi * static_cast<double>(k) / static_cast<double>(side);
      t[k] = {cos_of(a), sin_of(a)};
    }
    return t;
  }();

  /// 64 values `stride` apart, in place; radix 2. `sign` -1 is the inverse, without its 1 / 64.
  static void transform(Complex* v, std::size_t stride, double sign) {
    constexpr auto n = static_cast<std::size_t>(side);
    for (std::size_t i = 1, j = 0; i < n; ++i) {
      std::size_t bit = n / 2;
      for (; j & bit; bit /= 2) j ^= bit;
      j |= bit;
      if (i < j) std::swap(v[i * stride], v[j * stride]);
    }
    for (std::size_t length = 2; length <= n; length *= 2)
      for (std::size_t from = 0; from < n; from += length)
        for (std::size_t k = 0; k < length / 2; ++k) {
          const Complex w{twiddles[k * n / length].re, sign * twiddles[k * n / length].im};
          Complex &a = v[(from + k) * stride], &b = v[(from + k + length / 2) * stride];
          const Complex t{w.re * b.re - w.im * b.im, w.re * b.im + w.im * b.re};
          b = {a.re - t.re, a.im - t.im};
          a = {a.re + t.re, a.im + t.im};
        }
  }
  static void transform(Spectrum& s, double sign) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(side); ++r) transform(&s[r * side], 1, sign);
    for (std::size_t c = 0; c < static_cast<std::size_t>(side); ++c) transform(&s[c], side, sign);
  }

  static Plane<double> saliency(Picture& p) {
    Spectrum s;
    for (Index r = 0; r < side; ++r)
      for (Index c = 0; c < side; ++c) {
        const PixelRange rows = cell_range(r, side, p.image.height), cols = cell_range(c, side, p.image.width);
        std::int64_t sum = 0;
        for (Index y = rows.begin; y < rows.end; ++y)
          for (Index x = cols.begin; x < cols.end; ++x) sum += p.luma_row(y)[x];
        s[static_cast<std::size_t>(r * side + c)] = {
            static_cast<double>(sum) / static_cast<double>(rows.count() * cols.count()), 0};
      }
    transform(s, 1);
    constexpr double least = 1e-6;  // of an amplitude; rounding below it has no phase
    std::array<double, side * side> amplitude, logs;
    for (std::size_t i = 0; i < s.size(); ++i) {
      amplitude[i] = std::sqrt(s[i].re * s[i].re + s[i].im * s[i].im);
      logs[i] = log_of(std::max(amplitude[i], least));
    }
    for (Index r = 0; r < side; ++r)
      for (Index c = 0; c < side; ++c) {
        double around = 0;  // the spectrum is periodic
        for (Index i = side - 1; i <= side + 1; ++i)
          for (Index j = side - 1; j <= side + 1; ++j)
            around += logs[static_cast<std::size_t>((r + i) % side * side + (c + j) % side)];
        const auto at = static_cast<std::size_t>(r * side + c);
        const double scale = amplitude[at] < least ? 0 : exp_of(logs[at] - around / 9) / amplitude[at];
        s[at] = {s[at].re * scale, s[at].im * scale};
      }
    transform(s, -1);
    Plane<double> map(side, side), across(side, side);
    for (std::size_t i = 0; i < s.size(); ++i) map.values[i] = s[i].re * s[i].re + s[i].im * s[i].im;
    constexpr std::array<double, 9> taps{1, 8, 28, 56, 70, 56, 28, 8, 1};
    const auto smooth = [&](const Plane<double>& in, Plane<double>& to, Index dr, Index dc) {
      for (Index r = 0; r < side; ++r)
        for (Index c = 0; c < side; ++c) {
          double sum = 0;
          for (Index t = -4; t <= 4; ++t)
            sum += taps[static_cast<std::size_t>(t + 4)] / 256 *
                   in.row(std::clamp<Index>(r + t * dr, 0, side - 1))[std::clamp<Index>(c + t * dc, 0, side - 1)];
          to.row(r)[c] = sum;
        }
    };
    smooth(map, across, 0, 1);
    smooth(across, map, 1, 0);
    const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
    const double from = *low, range = *high - *low, top = *high;
    for (double& v : map.values) v = range > 1e-9 * top ? (v - from) / range : 0;
    return map;
  }
};

}  // namespace arrcoc::texture
