#pragma once
// Products of bf16 pairs, accumulated in float32 (AVX512-BF16). A "float" in such a buffer holds two bf16 values, the
// earlier in its low half; it is moved and broadcast, never computed with.
#include "arrcoc/eigen/packet.hpp"

#if defined(__AVX512BF16__) && defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace arrcoc::eigen {

#if defined(__AVX512BF16__) && defined(__AVX512F__)
inline constexpr bool bf16_products = true;
#else
inline constexpr bool bf16_products = false;  // this build has no instruction for them
#endif

/// What products multiply: float32 values, or bf16 pairs, by vectors or in tiles.
enum class Arithmetic : std::uint8_t { floats, pairs, tiles };

/// One step of a product of float32 values.
struct Floats {
  static EIGEN_ALWAYS_INLINE P step(P a, P b, P sum) { return fma(a, b, sum); }
};

/// One step of a product of bf16 pairs.
struct Pairs {
  static EIGEN_ALWAYS_INLINE P step([[maybe_unused]] P a, [[maybe_unused]] P b, P sum) {
#if defined(__AVX512BF16__) && defined(__AVX512F__)
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
#else
    return sum;
#endif
  }
};

/// 2^x with a relative error below 3e-6 (a polynomial of degree 4, a fit of ours), for weights that become bf16; 0 far
/// below, NaN for NaN.
EIGEN_ALWAYS_INLINE P exp2_short(P x) {
#if defined(__AVX512BF16__) && defined(__AVX512F__)
  x = _mm512_max_ps(set(-1000.0f), x);  // in this order NaN stays
  const P n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), f = ei::psub(x, n);
  P p = set(0.00957009196f);
  p = fma(p, f, set(0.0559178591f));
  p = fma(p, f, set(0.240247443f));
  p = fma(p, f, set(0.693121791f));
  p = fma(p, f, set(0.999999285f));
  return _mm512_scalef_ps(p, n);
#else
  return exp(ei::pmul(x, set(0.693147181f)));
#endif
}

/// Rounded to bf16, to nearest, ties to even; NaN stays NaN. In the low half of each lane, the high half zero.
EIGEN_ALWAYS_INLINE Word round_bf16(P x) {
  const Word w = bits_as<Word>(x);
  const Word rounded = (w + 0x7fffu + ((w >> 16) & 1u)) >> 16;
  const Word nan = (w >> 16) | 0x40u;
  const auto is_nan = (w & 0x7fffffffu) > 0x7f800000u;
  return is_nan ? nan : rounded;
}

/// `lanes` values as bf16, next to each other.
EIGEN_ALWAYS_INLINE void store_bf16(std::uint16_t* to, P x) {
#if defined(__AVX512BF16__) && defined(__AVX512F__)
  const __m256bh h = _mm512_cvtneps_pbh(x);
  std::memcpy(to, &h, sizeof h);
#else
  const Half h = __builtin_convertvector(round_bf16(x), Half);
  std::memcpy(to, &h, sizeof h);
#endif
}

/// x[0..n) rounded to bf16; `to` may be x itself. Whole packets are written: up to the next multiple of `lanes`.
inline void round_row(const float* x, Index n, std::uint16_t* to) {
  Index i = 0;
  for (; i + lanes <= n; i += lanes) store_bf16(to + i, load(x + i));
  if (i < n) store_bf16(to + i, load_part(x + i, n - i));
}

/// Lane i holds (first[i], second[i]) as a pair; both are bf16 values already.
EIGEN_ALWAYS_INLINE P join(P first, P second) {
  return bits_as<P>(bits_as<Word>(second) | (bits_as<Word>(first) >> 16));
}

/// Lane i holds (first[i], second[i]) as a pair, rounded.
EIGEN_ALWAYS_INLINE P pair(P first, P second) {
  std::uint16_t a[lanes], b[lanes];
  store_bf16(a, first);
  store_bf16(b, second);
  Half low, high;
  std::memcpy(&low, a, sizeof a);
  std::memcpy(&high, b, sizeof b);
  return bits_as<P>(__builtin_convertvector(low, Word) | (__builtin_convertvector(high, Word) << 16));
}

}  // namespace arrcoc::eigen
