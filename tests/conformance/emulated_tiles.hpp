#pragma once
// Tile registers in plain code, written from the operation section of TDPBF16PS, LDTILECFG and TILELOADD (Intel SDM
// vol. 2): what a product in tiles is on a processor that has none.
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include <doctest/doctest.h>

#include "arrcoc/eigen/tiles.hpp"

namespace arrcoc::conformance {

/// In place of eigen::HardwareTiles. What the hardware refuses (#UD) fails the test.
class EmulatedTiles {
 public:
  EmulatedTiles() : config_(eigen::tile_config()) {
    REQUIRE(config_.palette == 1);
    REQUIRE(config_.start_row == 0);
    for (std::size_t t = 0; t < 8; ++t) {
      REQUIRE(config_.rows[t] > 0);
      REQUIRE(config_.rows[t] <= 16);
      REQUIRE(config_.row_bytes[t] <= 64);
      REQUIRE(config_.row_bytes[t] % 4 == 0);
    }
    // Garbage, so that nothing rests on a register being zero.
    for (auto& tile : tiles_) tile.fill(std::numeric_limits<float>::quiet_NaN());
  }

  template <int T>
  void zero() {
    tiles_[T].fill(0.0f);
  }
  template <int T>
  void load(const float* from, Index stride) {
    tiles_[T].fill(0.0f);
    for (Index i = 0; i < config_.rows[T]; ++i)
      std::memcpy(tiles_[T].data() + i * 16, from + i * stride, config_.row_bytes[T]);
  }
  template <int T>
  void store(float* to, Index stride) {
    for (Index i = 0; i < config_.rows[T]; ++i)
      std::memcpy(to + i * stride, tiles_[T].data() + i * 16, config_.row_bytes[T]);
  }
  /// For each element two chains of fused multiply-adds from zero, over the earlier and the later values of the pairs;
  /// then their sum, then that on C. Each step rounds to nearest even; denormals are zeros, in and out.
  template <int C, int A, int B>
  void multiply() {
    const Index depth = config_.row_bytes[A] / 4, columns = config_.row_bytes[C] / 4;
    REQUIRE(config_.rows[A] == config_.rows[C]);
    REQUIRE(config_.rows[B] == depth);
    REQUIRE(config_.row_bytes[B] / 4 == columns);
    for (Index m = 0; m < config_.rows[C]; ++m)
      for (Index n = 0; n < columns; ++n) {
        float chain[2] = {0.0f, 0.0f};
        for (Index k = 0; k < depth; ++k)
          for (int half = 0; half < 2; ++half)
            chain[half] =
                flushed(std::fma(value(tiles_[A], m * 16 + k, half), value(tiles_[B], k * 16 + n, half), chain[half]));
        float& c = tiles_[C][static_cast<std::size_t>(m * 16 + n)];
        c = flushed(flushed(c) + flushed(chain[0] + chain[1]));
      }
  }

 private:
  using Tile = std::array<float, 256>;
  static float flushed(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }
  static float value(const Tile& t, Index at, int half) {
    std::uint32_t w = 0;
    std::memcpy(&w, t.data() + at, 4);
    w = half == 0 ? w << 16 : w & 0xffff0000u;
    float x = 0;
    std::memcpy(&x, &w, 4);
    return flushed(x);
  }

  eigen::TileConfig config_;
  std::array<Tile, 8> tiles_;
};

}  // namespace arrcoc::conformance
