// Fields of noise, gradients, and the blocks of JPEG in integers.
#include <algorithm>
#include <array>

#include "canvas.hpp"

namespace arrcoc::scenes {

void Canvas::fill_noise(Index row0, Index col0, Index row1, Index col1, Index low, Index high, Rng& rng) {
  row0 = std::max<Index>(row0, 0), col0 = std::max<Index>(col0, 0);
  row1 = std::min(row1, height()), col1 = std::min(col1, width());
  const auto span = static_cast<std::uint64_t>(high - low + 1);
  for (Index r = row0; r < row1; ++r)
    for (Index q = col0; q < col1; ++q)
      std::fill_n(image_.row(r) + q * 3, 3,
                  static_cast<std::uint8_t>(low + static_cast<Index>(((rng.next() >> 32) * span) >> 32)));
}

void Canvas::gradient(Color from, Color to, Index d_row, Index d_col) {
  const Index full = std::max<Index>(1, (height() - 1) * std::abs(d_row) + (width() - 1) * std::abs(d_col));
  for (Index r = 0; r < height(); ++r)
    for (Index q = 0; q < width(); ++q) {
      const Index t =
          (d_row < 0 ? height() - 1 - r : r) * std::abs(d_row) + (d_col < 0 ? width() - 1 - q : q) * std::abs(d_col);
      for (std::size_t k = 0; k < 3; ++k)
        image_.row(r)[q * 3 + static_cast<Index>(k)] =
            static_cast<std::uint8_t>((from[k] * (full - t) + to[k] * t + full / 2) / full);
    }
}

namespace {

/// Orthonormal 8-point DCT times 8192: row k, sample n.
constexpr std::array<std::array<Index, 8>, 8> dct = [] {
  constexpr std::array<Index, 9> cosines{4096, 4017, 3784, 3406, 2896, 2276, 1567, 799, 0};  // 4096 cos(m pi / 16)
  std::array<std::array<Index, 8>, 8> t{};
  for (std::size_t k = 0; k < 8; ++k)
    for (std::size_t n = 0; n < 8; ++n) {
      const std::size_t m = k * (2 * n + 1) % 32;
      t[k][n] = k == 0    ? 2896
                : m <= 8  ? cosines[m]
                : m <= 16 ? -cosines[16 - m]
                : m <= 24 ? -cosines[m - 16]
                          : cosines[32 - m];
    }
  return t;
}();

// ITU-T T.81, tables K.1 and K.2.
constexpr std::array<Index, 64> luminance{16, 11, 10, 16, 24,  40,  51,  61,  12, 12, 14, 19, 26,  58,  60,  55,
                                          14, 13, 16, 24, 40,  57,  69,  56,  14, 17, 22, 29, 51,  87,  80,  62,
                                          18, 22, 37, 56, 68,  109, 103, 77,  24, 35, 55, 64, 81,  104, 113, 92,
                                          49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99};
constexpr std::array<Index, 64> chrominance{17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                            24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                            99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                            99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

Index divided(Index a, Index by) { return a >= 0 ? (a + by / 2) / by : -((-a + by / 2) / by); }

using Block = std::array<Index, 64>;

Block forward(const Block& in) {
  Block half{}, out{};
  for (std::size_t r = 0; r < 8; ++r)
    for (std::size_t k = 0; k < 8; ++k)
      for (std::size_t n = 0; n < 8; ++n) half[r * 8 + k] += in[r * 8 + n] * dct[k][n];
  for (std::size_t k = 0; k < 8; ++k)
    for (std::size_t n = 0; n < 8; ++n)
      for (std::size_t c = 0; c < 8; ++c) out[k * 8 + c] += half[n * 8 + c] * dct[k][n];
  return out;  // times 8192^2
}

Block backward(const Block& in) {
  Block half{}, out{};
  for (std::size_t n = 0; n < 8; ++n)
    for (std::size_t k = 0; k < 8; ++k)
      for (std::size_t c = 0; c < 8; ++c) half[n * 8 + c] += in[k * 8 + c] * dct[k][n];
  for (std::size_t r = 0; r < 8; ++r)
    for (std::size_t n = 0; n < 8; ++n)
      for (std::size_t k = 0; k < 8; ++k) out[r * 8 + n] += half[r * 8 + k] * dct[k][n];
  for (Index& v : out) v = divided(v, Index{1} << 26);
  return out;
}

}  // namespace

void Canvas::jpeg_blocks(Index quality) {
  quality = std::clamp<Index>(quality, 1, 100);
  const Index scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  const auto step = [&](const std::array<Index, 64>& table, std::size_t i) {
    return std::clamp<Index>((table[i] * scale + 50) / 100, 1, 255);
  };
  for (Index r0 = 0; r0 < height(); r0 += 8)
    for (Index c0 = 0; c0 < width(); c0 += 8) {
      std::array<Block, 3> planes{};
      for (Index i = 0; i < 64; ++i) {  // the last rows and columns are repeated
        const std::uint8_t* p = image_.row(std::min(r0 + i / 8, height() - 1)) + std::min(c0 + i % 8, width() - 1) * 3;
        const Index red = p[0], green = p[1], blue = p[2];
        const auto at = static_cast<std::size_t>(i);
        planes[0][at] = divided(19595 * red + 38470 * green + 7471 * blue, 65536) - 128;
        planes[1][at] = divided(-11059 * red - 21709 * green + 32768 * blue, 65536);
        planes[2][at] = divided(32768 * red - 27439 * green - 5329 * blue, 65536);
      }
      for (std::size_t k = 0; k < 3; ++k) {
        Block f = forward(planes[k]);
        for (std::size_t i = 0; i < 64; ++i) {
          const Index q = step(k == 0 ? luminance : chrominance, i);
          f[i] = divided(f[i], q << 26) * q;
        }
        planes[k] = backward(f);
      }
      for (Index i = 0; i < 64; ++i) {
        const Index r = r0 + i / 8, c = c0 + i % 8;
        if (r >= height() || c >= width()) continue;
        const auto at = static_cast<std::size_t>(i);
        const Index y = planes[0][at] + 128, cb = planes[1][at], cr = planes[2][at];
        const Index rgb[] = {y + divided(91881 * cr, 65536), y - divided(22554 * cb + 46802 * cr, 65536),
                             y + divided(116130 * cb, 65536)};
        for (Index k = 0; k < 3; ++k)
          image_.row(r)[c * 3 + k] = static_cast<std::uint8_t>(std::clamp<Index>(rgb[k], 0, 255));
      }
    }
}

}  // namespace arrcoc::scenes
