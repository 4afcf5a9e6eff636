#pragma once
// Multiply-adds with nothing but registers: independent chains of the steps that products are made of.
#include "arrcoc/eigen/roofs.hpp"
#include "arrcoc/eigen/tiles.hpp"

namespace arrcoc::eigen {

// A tile of chain_rows x chain_cols chains: enough of them to hide the latency of two units, and all in registers with
// what they are multiplied by (32 registers of AVX-512, else 16).
inline constexpr int chain_rows = lanes == 16 ? 5 : 3, chain_cols = lanes == 16 ? 4 : 3;

/// The compiler takes it for another value in each step, and computes every product anew.
EIGEN_ALWAYS_INLINE void unknown(P& p) {
#if defined(__AVX512F__)
  asm volatile("" : "+v"(p));
#elif defined(__x86_64__)
  asm volatile("" : "+x"(p));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(p));
#else
  asm volatile("" : "+m"(p));
#endif
}

/// Of `values` products in a lane; each is of halves and ones.
template <class Op>
RegisterWork in_vectors_alone(Index steps, P half, P one, int values) {
  P a[chain_rows], b[chain_cols], sums[chain_rows * chain_cols];
  unrolled<chain_rows>([&](auto i) __attribute__((always_inline)) { a[i] = half; });
  unrolled<chain_cols>([&](auto j) __attribute__((always_inline)) { b[j] = one; });
  unrolled<chain_rows * chain_cols>([&](auto t) __attribute__((always_inline)) { sums[t] = set(0.0f); });
  for (Index s = 0; s < steps; ++s) {
    unrolled<chain_rows>([&](auto i) __attribute__((always_inline)) { unknown(a[i]); });
    unrolled<chain_cols>([&](auto j) __attribute__((always_inline)) { unknown(b[j]); });
    unrolled<chain_rows * chain_cols>([&](auto t) __attribute__((always_inline)) {
      sums[t] = Op::step(a[t / chain_cols], b[t % chain_cols], sums[t]);
    });
  }
  RegisterWork w{2.0 * chain_rows * chain_cols * lanes * values * static_cast<double>(steps), 0};
  for (const P& p : sums) w.sum += static_cast<double>(sum(p));
  return w;
}

/// The same in tiles, HardwareTiles or what stands in for them.
template <class Tiles>
RegisterWork in_tiles_alone(Index steps) {
  constexpr int of_a = tile_height * tile_pairs, of_b = tile_pairs * tile_width, of_c = tile_height * tile_width;
  alignas(64) float a[of_a], b[of_b], c[of_c];
  for (int i = 0; i < of_a; i += lanes) store(a + i, pair(set(0.5f), set(0.5f)));
  for (int i = 0; i < of_b; i += lanes) store(b + i, pair(set(1.0f), set(1.0f)));
  RegisterWork w{2.0 * 4 * of_c * 2 * tile_pairs * static_cast<double>(steps), 0};
  Tiles t;
  t.template zero<0>(), t.template zero<1>(), t.template zero<2>(), t.template zero<3>();
  t.template load<4>(a, tile_pairs), t.template load<5>(a, tile_pairs), t.template load<6>(b, tile_width),
      t.template load<7>(b, tile_width);
  for (Index s = 0; s < steps; ++s)
    t.template multiply<0, 4, 6>(), t.template multiply<1, 4, 7>(), t.template multiply<2, 5, 6>(),
        t.template multiply<3, 5, 7>();
  const auto add = [&] {
    for (const float x : c) w.sum += static_cast<double>(x);
  };
  t.template store<0>(c, tile_width), add();
  t.template store<1>(c, tile_width), add();
  t.template store<2>(c, tile_width), add();
  t.template store<3>(c, tile_width), add();
  return w;
}

}  // namespace arrcoc::eigen
