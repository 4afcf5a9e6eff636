#pragma once
// Eigen's SIMD packets with what the kernels add to them: exp and erf close to float rounding, loops whose result for
// one element does not depend on its place, and widening of bf16 and f16.
#ifndef EIGEN_DONT_PARALLELIZE
#define EIGEN_DONT_PARALLELIZE
#endif
#include <Eigen/Core>

#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#if defined(__F16C__)
#include <immintrin.h>
#endif

#include "arrcoc/core/host_tensor.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // packets as template arguments, here and only here
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC 12's own AVX-512 headers (PR 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

namespace arrcoc::eigen {

namespace ei = Eigen::internal;
using P = ei::packet_traits<float>::type;
inline constexpr int lanes = ei::unpacket_traits<P>::size;

EIGEN_ALWAYS_INLINE P set(float x) { return ei::pset1<P>(x); }
EIGEN_ALWAYS_INLINE P load(const float* p) { return ei::ploadu<P>(p); }
EIGEN_ALWAYS_INLINE void store(float* p, P v) { ei::pstoreu(p, v); }
/// a * b + c, fused where the machine can.
EIGEN_ALWAYS_INLINE P fma(P a, P b, P c) { return ei::pmadd(a, b, c); }

/// f(0), f(1), ... f(N - 1) with constants as arguments, so that arrays of packets become registers at every -O level.
template <int N, class F>
EIGEN_ALWAYS_INLINE void unrolled(F&& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

/// The first n < lanes values, zero after them.
EIGEN_ALWAYS_INLINE P load_part(const float* p, Index n) {
  alignas(64) float buffer[lanes] = {};
  std::memcpy(buffer, p,
              static_cast<std::size_t>(n) * sizeof(float));  // p may be any address: of pairs of bf16 in a mapped file
  return ei::pload<P>(buffer);
}
EIGEN_ALWAYS_INLINE void store_part(float* p, P v, Index n) {
  alignas(64) float buffer[lanes];
  ei::pstore(buffer, v);
  for (Index i = 0; i < n; ++i) p[i] = buffer[i];
}

/// y[i] = f(x[i]); y may be x.
template <class F>
EIGEN_ALWAYS_INLINE void map(const float* x, float* y, Index n, F f) {
  Index i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load(x + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i)), n - i);
}
/// y[i] = f(a[i], b[i]).
template <class F>
EIGEN_ALWAYS_INLINE void map(const float* a, const float* b, float* y, Index n, F f) {
  Index i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load(a + i), load(b + i)));
  if (i < n) store_part(y + i, f(load_part(a + i, n - i), load_part(b + i, n - i)), n - i);
}

/// Sum over i of f(x[i]), in four chains of packets, in an order that depends on n alone. f need not map 0 to 0.
template <class F>
EIGEN_ALWAYS_INLINE float sum_of(const float* x, Index n, F f) {
  P s[4] = {set(0), set(0), set(0), set(0)};
  Index i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes)
    unrolled<4>([&](auto u) __attribute__((always_inline)) { s[u] = ei::padd(s[u], f(load(x + i + u * lanes))); });
  for (; i + lanes <= n; i += lanes) s[0] = ei::padd(s[0], f(load(x + i)));
  if (i < n) {
    alignas(64) float last[lanes] = {};
    store_part(last, f(load_part(x + i, n - i)), n - i);
    s[1] = ei::padd(s[1], ei::pload<P>(last));
  }
  return ei::predux(ei::padd(ei::padd(s[0], s[1]), ei::padd(s[2], s[3])));
}
/// The largest of n >= 1 values.
inline float max_of(const float* x, Index n) {
  P m = set(x[0]);
  Index i = 0;
  for (; i + lanes <= n; i += lanes) m = ei::pmax(m, load(x + i));
  float out = ei::predux_max(m);
  for (; i < n; ++i) out = x[i] > out ? x[i] : out;
  return out;
}

EIGEN_ALWAYS_INLINE float first(P v) { return ei::pfirst(v); }
EIGEN_ALWAYS_INLINE float sum(P v) { return ei::predux(v); }
EIGEN_ALWAYS_INLINE float largest(P v) { return ei::predux_max(v); }
EIGEN_ALWAYS_INLINE float smallest(P v) { return ei::predux_min(v); }

/// e^x within 1.1 ulp; 0 below -87, infinity above 88.72, NaN for NaN. Cody-Waite reduction and a Taylor series of
/// degree 7.
EIGEN_ALWAYS_INLINE P exp(P x) {
  using I = ei::unpacket_traits<P>::integer_packet;
  const P low = ei::pcmp_lt(x, set(-87.0f)), high = ei::pcmp_lt(set(88.722839f), x);
  const P c = ei::pmin<P>(ei::pmax<P>(x, set(-87.0f)), set(88.722839f));
  const P n =
      ei::psub(fma(c, set(1.44269504f), set(12582912.0f)), set(12582912.0f));  // 1.5 * 2^23: rounds to an integer
  P r = fma(n, set(-0.693145752f), c);  // ln 2 in two parts: the first has 15 bits, so n times it is exact
  r = fma(n, set(-1.42860677e-6f), r);
  P p = set(1.0f / 5040);
  p = fma(p, r, set(1.0f / 720));
  p = fma(p, r, set(1.0f / 120));
  p = fma(p, r, set(1.0f / 24));
  p = fma(p, r, set(1.0f / 6));
  p = fma(p, r, set(0.5f));
  p = fma(ei::pmul(p, r), r, r);
  p = ei::padd(p, set(1.0f));
  // 2^(n-1) stays in the exponent's range for every n, so the doubling comes last.
  const I bits = ei::plogical_shift_left<23>(ei::padd(ei::pcast<P, I>(n), ei::pset1<I>(126)));
  p = ei::pmul(ei::pmul(p, ei::preinterpret<P>(bits)), set(2.0f));
  p = ei::pselect(high, set(std::numeric_limits<float>::infinity()), p);
  return ei::pselect(low, set(0.0f), p);
}

/// 1 / (1 + e^-x)
EIGEN_ALWAYS_INLINE P sigmoid(P x) { return ei::pdiv(set(1.0f), ei::padd(set(1.0f), exp(ei::pnegate(x)))); }

/// 1 + erf(z), where the left tail keeps its relative accuracy. Two minimax fits of ours: erf(z) / z - 1 in z^2 below
/// 1, and log(erfc) from 0.95 to 4.3.
EIGEN_ALWAYS_INLINE P one_plus_erf(P z) {
  const P t = ei::pabs(z), s = ei::pmul(z, z);
  P p = set(-9.64151604e-06f);
  p = fma(p, s, set(0.000112569476f));
  p = fma(p, s, set(-0.000848282885f));
  p = fma(p, s, set(0.00522094546f));
  p = fma(p, s, set(-0.0268654004f));
  p = fma(p, s, set(0.112837821f));
  p = fma(p, s, set(-0.376126379f));
  p = fma(p, s, set(0.128379166f));
  const P near = ei::padd(fma(p, z, z), set(1.0f));
  const P u = ei::pmin<P>(t, set(4.3f));
  P q = set(1.50879941e-06f);
  q = fma(q, u, set(-4.35667753e-05f));
  q = fma(q, u, set(0.000576275866f));
  q = fma(q, u, set(-0.00466600666f));
  q = fma(q, u, set(0.0261635799f));
  q = fma(q, u, set(-0.109642819f));
  q = fma(q, u, set(-0.632272661f));
  q = fma(q, u, set(-1.12998259f));
  q = fma(q, u, set(0.000260819652f));
  const P tail = ei::pselect(ei::pcmp_lt(t, set(4.3f)), exp(q), set(0.0f));
  const P far = ei::pselect(ei::pcmp_lt(z, set(0.0f)), tail, ei::psub(set(2.0f), tail));
  // `near` is also what a NaN comes out as: its comparison is false.
  return ei::pselect(ei::pcmp_le(set(1.0f), t), far, near);
}

/// Transposes a lanes x lanes block in log2(lanes) rounds; each swaps the off-diagonal quarters of ever larger squares.
EIGEN_ALWAYS_INLINE void transpose(P (&block)[lanes]) {
  using F = float __attribute__((vector_size(4 * lanes)));
  F rows[lanes];
  std::memcpy(rows, block, sizeof rows);
  const auto round = [&]<int H>() __attribute__((always_inline)) {
    unrolled<lanes>([&](auto i) __attribute__((always_inline)) {
      if constexpr (H < lanes && (i & H) == 0) {
        const F a = rows[i], b = rows[i + H];
        [&]<int... J>(std::integer_sequence<int, J...>) __attribute__((always_inline)) {
          rows[i] = __builtin_shufflevector(a, b, ((J & H) == 0 ? J : lanes + J - H)...);
          rows[i + H] = __builtin_shufflevector(a, b, ((J & H) == 0 ? J + H : lanes + J)...);
        }
        (std::make_integer_sequence<int, lanes>{});
      }
    });
  };
  round.template operator()<1>();
  round.template operator()<2>();
  round.template operator()<4>();
  round.template operator()<8>();
  std::memcpy(static_cast<void*>(block), rows, sizeof rows);
}

using Half = std::uint16_t __attribute__((vector_size(2 * lanes)));
using Word = std::uint32_t __attribute__((vector_size(4 * lanes)));

/// The same bits as another vector.
template <class To, class From>
EIGEN_ALWAYS_INLINE To bits_as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(static_cast<void*>(&to), static_cast<const void*>(&from), sizeof to);
  return to;
}
EIGEN_ALWAYS_INLINE Word word_at(const void* p) {
  Word w;
  std::memcpy(&w, p, sizeof w);
  return w;
}

/// `lanes` values of a stored weight as float32.
template <DType D>
EIGEN_ALWAYS_INLINE P widen(const void* p);

template <>
EIGEN_ALWAYS_INLINE P widen<DType::f32>(const void* p) {
  return load(static_cast<const float*>(p));
}
template <>
EIGEN_ALWAYS_INLINE P widen<DType::bf16>(const void* p) {
  Half h;
  std::memcpy(&h, p, sizeof h);
  return bits_as<P>(__builtin_convertvector(h, Word) << 16);
}
template <>
EIGEN_ALWAYS_INLINE P widen<DType::f16>(const void* p) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
#elif defined(__F16C__) && defined(__AVX__)
  return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
#else
  std::uint16_t h[lanes];
  std::memcpy(h, p, sizeof h);
  alignas(64) float f[lanes];
  for (int i = 0; i < lanes; ++i) f[i] = f16_to_f32(h[i]);
  return ei::pload<P>(f);
#endif
}

/// The first n < lanes values, zero after them.
template <DType D>
EIGEN_ALWAYS_INLINE P widen_part(const void* p, Index n) {
  if constexpr (D == DType::f32) {
    return load_part(static_cast<const float*>(p), n);
  } else {
    std::uint16_t h[lanes] = {};
    std::memcpy(h, p, static_cast<std::size_t>(n) * 2);
    return widen<D>(h);
  }
}

/// Calls f.template operator()<D>() for the dtype at hand.
template <class F>
decltype(auto) with_dtype(DType t, F&& f) {
  if (t == DType::bf16) return f.template operator()<DType::bf16>();
  if (t == DType::f16) return f.template operator()<DType::f16>();
  return f.template operator()<DType::f32>();
}
template <DType D>
using stored_t = std::conditional_t<D == DType::f32, float, std::uint16_t>;

}  // namespace arrcoc::eigen

#pragma GCC diagnostic pop
