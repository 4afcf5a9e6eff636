#pragma once
// Resize with antialias in integers, bit for bit as the named libraries do it: separable, 8-bit between the passes.
// Sources: Pillow's Resample.c and PyTorch's UpSampleKernel.cpp (uint8), rules restated in docs/formats.md.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/core/model_config.hpp"
#include "arrcoc/qwen3vl/resize_kind.hpp"

namespace arrcoc::qwen3vl {

namespace detail {

/// For each output: the first input and its integer weights.
struct ResizeTaps {
  std::vector<Index> first, count;
  std::vector<std::int32_t> weights;  // [out, widest]
  Index widest = 0;
  int precision = 0;  // bits after the point
};

inline double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

inline double sinc(double x) { return x == 0 ? 1 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

/// A filter's value at x, and how far from 0 it reaches.
inline double filter_at(Resampling filter, double x) {
  if (filter == Resampling::bicubic) return cubic(x);
  if (filter == Resampling::bilinear) return std::max(0.0, 1 - std::abs(x));
  return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}
inline double reach_of(Resampling filter) {
  return filter == Resampling::bilinear ? 1 : filter == Resampling::bicubic ? 2 : 3;
}

inline ResizeTaps resize_taps(Index in, Index out, Resize kind, Resampling filter = Resampling::bicubic) {
  const double scale = static_cast<double>(in) / static_cast<double>(out), stretch = std::max(scale, 1.0),
               support = reach_of(filter) * stretch;
  ResizeTaps t;
  t.widest = static_cast<Index>(std::ceil(support)) * 2 + 1;
  std::vector<double> real(static_cast<std::size_t>(out * t.widest), 0.0);
  double largest = 0;
  for (Index i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto low = std::max<Index>(0, static_cast<Index>(centre - support + 0.5)),
               high = std::min<Index>(in, static_cast<Index>(centre + support + 0.5));
    double* w = real.data() + i * t.widest;
    double sum = 0;
    for (Index j = 0; j < high - low; ++j)
      sum += w[j] = filter_at(filter, (static_cast<double>(j + low) - centre + 0.5) / stretch);
    for (Index j = 0; j < high - low; ++j) largest = std::max(largest, w[j] /= sum);
    t.first.push_back(low);
    t.count.push_back(high - low);
  }
  t.precision = 22;
  if (kind == Resize::torchvision)
    for (t.precision = 0;
         t.precision < 22 &&
         static_cast<Index>(0.5 + largest * static_cast<double>(Index{1} << (t.precision + 1))) < (1 << 15);)
      ++t.precision;
  for (const double w : real) {
    const double v = w * static_cast<double>(Index{1} << t.precision);
    t.weights.push_back(static_cast<std::int32_t>(v < 0 ? v - 0.5 : v + 0.5));
  }
  return t;
}

inline std::uint8_t round_off(std::int32_t sum, int precision) {
  return static_cast<std::uint8_t>(std::clamp<std::int32_t>(sum >> precision, 0, 255));
}

/// [H, W, 3] -> [H, out, 3]
inline Image resize_width(ImageView in, Index out, Resize kind, Resampling filter) {
  const ResizeTaps t = resize_taps(in.width, out, kind, filter);
  Image result(in.height, out);
  const std::int32_t half = (1 << t.precision) >> 1;
  for (Index r = 0; r < in.height; ++r) {
    const std::uint8_t* source = in.row(r);
    std::uint8_t* target = result.row(r);
    for (Index i = 0; i < out; ++i) {
      const std::uint8_t* p = source + t.first[static_cast<std::size_t>(i)] * 3;
      const std::int32_t* w = t.weights.data() + i * t.widest;
      std::int32_t a = half, b = half, c = half;
      for (Index j = 0, n = t.count[static_cast<std::size_t>(i)]; j < n; ++j, p += 3) {
        a += p[0] * w[j];
        b += p[1] * w[j];
        c += p[2] * w[j];
      }
      target[i * 3] = round_off(a, t.precision);
      target[i * 3 + 1] = round_off(b, t.precision);
      target[i * 3 + 2] = round_off(c, t.precision);
    }
  }
  return result;
}

/// [H, W, 3] -> [out, W, 3]; in blocks of constant length along the row, which compilers turn into vector code.
template <Index block>
Image resize_height(ImageView in, Index out, Resize kind, Resampling filter) {
  const ResizeTaps t = resize_taps(in.height, out, kind, filter);
  Image result(out, in.width);
  const Index values = in.width * 3;
  const std::int32_t half = (1 << t.precision) >> 1;
  for (Index i = 0; i < out; ++i) {
    const std::uint8_t* source = in.row(t.first[static_cast<std::size_t>(i)]);
    const std::int32_t* w = t.weights.data() + i * t.widest;
    const Index taps = t.count[static_cast<std::size_t>(i)];
    std::uint8_t* target = result.row(i);
    Index x = 0;
    for (; x + block <= values; x += block) {
      std::int32_t sum[block];
      for (Index k = 0; k < block; ++k) sum[k] = half;
      for (Index j = 0; j < taps; ++j) {
        const std::uint8_t* p = source + j * values + x;
        const std::int32_t weight = w[j];
        for (Index k = 0; k < block; ++k) sum[k] += p[k] * weight;
      }
      for (Index k = 0; k < block; ++k) target[x + k] = round_off(sum[k], t.precision);
    }
    for (; x < values; ++x) {
      std::int32_t sum = half;
      for (Index j = 0; j < taps; ++j) sum += source[j * values + x] * w[j];
      target[x] = round_off(sum, t.precision);
    }
  }
  return result;
}

}  // namespace detail

/// To height x width px; `filter`: what the processor asks for. A pass whose size does not change is skipped; the same
/// size is a copy.
inline Image resize(ImageView in, Index height, Index width, Resize kind, Resampling filter) {
  require_that(!in.empty() && height > 0 && width > 0, Code::bad_image, "resize",
               "expected a picture and a size of at least 1x1 px");
  if (kind == Resize::qwen_vl_utils) kind = Resize::pillow13, filter = Resampling::bicubic;
  const bool height_first =
      kind == Resize::pillow13 && in.height > height && in.height - height > 2 * (in.width - width);
  Image out;
  ImageView now = in;
  for (const bool vertical : {height_first, !height_first}) {
    if (vertical ? now.height == height : now.width == width) continue;
    out = vertical ? detail::resize_height<64>(now, height, kind, filter)
                   : detail::resize_width(now, width, kind, filter);
    now = out.view();
  }
  if (out.rgb.empty()) {
    out = Image(in.height, in.width);
    std::copy_n(in.rgb, out.rgb.size(), out.rgb.begin());
  }
  return out;
}
inline Image resize_bicubic(ImageView in, Index height, Index width, Resize kind = Resize::torchvision) {
  return resize(in, height, width, kind, Resampling::bicubic);
}

}  // namespace arrcoc::qwen3vl
