#pragma once
// The roofs of a roofline (Williams, Waterman, Patterson 2009): multiply-adds with nothing but registers, independent
// chains of the steps that products are made of, and memory that is only read. No kernel comes above them.
#include <cstdint>
#include <span>

#include "arrcoc/eigen/few_rows.hpp"
#include "arrcoc/eigen/tiles.hpp"

namespace arrcoc::eigen {

/// What was multiplied and added: each multiply-add (two flops) adds a half, so `sum` is a quarter of `flops`.
struct RegisterWork {
  double flops = 0, sum = 0;
};

/// Null where the instructions have no such arithmetic.
struct Roofs {
  RegisterWork (*floats)(Index steps) = nullptr;
  RegisterWork (*pairs)(Index steps) = nullptr;  ///< of bf16, by vectors
  RegisterWork (*tiles)(Index steps) = nullptr;  ///< of bf16, in tiles: where processor_has(Isa::amx)
  std::uint32_t (*read)(std::span<const std::uint32_t>) = nullptr;  ///< all words, by exclusive or
};

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

/// x in every value that a product with Op reads of a register.
template <class Op>
EIGEN_ALWAYS_INLINE P all_of(float x) {
  if constexpr (of_pairs<Op>) return pair(set(x), set(x));
  else return set(x);
}

template <class Op>
RegisterWork in_vectors_alone(Index steps) {
  constexpr int chains = chain_rows * chain_cols, values = of_pairs<Op> ? 2 : 1;
  P a[chain_rows], b[chain_cols], sums[chains];
  unrolled<chain_rows>([&](auto i) __attribute__((always_inline)) { a[i] = all_of<Op>(0.5f); });
  unrolled<chain_cols>([&](auto j) __attribute__((always_inline)) { b[j] = all_of<Op>(1.0f); });
  unrolled<chains>([&](auto t) __attribute__((always_inline)) { sums[t] = set(0.0f); });
  for (Index s = 0; s < steps; ++s) {
    unrolled<chain_rows>([&](auto i) __attribute__((always_inline)) { unknown(a[i]); });
    unrolled<chain_cols>([&](auto j) __attribute__((always_inline)) { unknown(b[j]); });
    unrolled<chains>([&](auto t) __attribute__((always_inline)) {
      sums[t] = Op::step(a[t / chain_cols], b[t % chain_cols], sums[t]);
    });
  }
  RegisterWork w{2.0 * chains * lanes * values * static_cast<double>(steps), 0};
  for (const P& p : sums) w.sum += static_cast<double>(sum(p));
  return w;
}

/// The same in tiles, HardwareTiles or what stands in for them.
template <class Tiles>
RegisterWork in_tiles_alone(Index steps) {
  constexpr int of_a = tile_height * tile_pairs, of_b = tile_pairs * tile_width, of_c = tile_height * tile_width;
  alignas(64) float a[of_a], b[of_b], c[of_c];
  for (int i = 0; i < of_a; i += lanes) store(a + i, all_of<Pairs>(0.5f));
  for (int i = 0; i < of_b; i += lanes) store(b + i, all_of<Pairs>(1.0f));
  RegisterWork w{2.0 * 4 * of_c * 2 * tile_pairs * static_cast<double>(steps), 0};
  Tiles t;
  unrolled<4>([&](auto i) { t.template zero<i>(); });
  unrolled<2>([&](auto i) { t.template load<4 + i>(a, tile_pairs), t.template load<6 + i>(b, tile_width); });
  for (Index s = 0; s < steps; ++s)
    unrolled<4>([&](auto i) __attribute__((always_inline)) { t.template multiply<i, 4 + i / 2, 6 + i % 2>(); });
  unrolled<4>([&](auto i) {
    t.template store<i>(c, tile_width);
    for (const float x : c) w.sum += static_cast<double>(x);
  });
  return w;
}

inline std::uint32_t read_words(std::span<const std::uint32_t> words) {
  constexpr std::size_t step = 4 * lanes, line = 16;
  Word all[4] = {};
  std::size_t i = 0;
  for (; i + step <= words.size(); i += step) {
    const std::uint32_t* p = words.data() + i;
    for (std::size_t at = 0; at < step; at += line) ask_ahead<true>(p + at);
    unrolled<4>([&](auto u) __attribute__((always_inline)) { all[u] ^= word_at(p + u * lanes); });
  }
  std::uint32_t out = 0;
  const Word both = (all[0] ^ all[1]) ^ (all[2] ^ all[3]);
  for (int l = 0; l < lanes; ++l) out ^= both[l];
  for (; i < words.size(); ++i) out ^= words[i];
  return out;
}

/// Those of the instructions that this translation unit is compiled for.
constexpr Roofs compiled_roofs() {
  Roofs r{.floats = in_vectors_alone<Floats>, .read = read_words};
  if constexpr (bf16_products) r.pairs = in_vectors_alone<Pairs>;
  if constexpr (bf16_products && tile_products) r.tiles = in_tiles_alone<HardwareTiles>;
  return r;
}

}  // namespace arrcoc::eigen
