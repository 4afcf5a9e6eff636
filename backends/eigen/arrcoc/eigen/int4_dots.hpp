#pragma once
// Dot products of a few rows of float32 with rows of int4: codes are read once, as they lie, sixteen groups side by
// side.
//
// Where there are instructions for bytes, inputs become whole numbers of 22 bits, units of their group's largest /
// (127 * 2^14), in three bytes; sums of a group are then exact, in a third of the instructions that float32 takes.
// An input is off by at most 2^-22 of its group's largest, less than what float32 loses of a sum.
#include <algorithm>
#include <cstring>

#include "arrcoc/eigen/few_rows.hpp"
#include "arrcoc/eigen/quantised.hpp"

namespace arrcoc::eigen {

// add_products: total + the products of codes (bytes of 0 to 15) and inputs (signed bytes), four a lane, eight times
// from zero on; byte_sums: then a lane's sum in 32 bits. Without VNNI pairs of products are summed in 16 bits: at most
// 8 * 2 * 15 * 128.
#if defined(__AVX512VNNI__)
inline constexpr bool int4_in_bytes = true;
EIGEN_ALWAYS_INLINE Word add_products(Word codes, Word inputs, Word total) {
  return bits_as<Word>(_mm512_dpbusd_epi32(bits_as<__m512i>(total), bits_as<__m512i>(codes), bits_as<__m512i>(inputs)));
}
EIGEN_ALWAYS_INLINE Word byte_sums(Word total) { return total; }
#elif defined(__AVX512BW__)
inline constexpr bool int4_in_bytes = true;
EIGEN_ALWAYS_INLINE Word add_products(Word codes, Word inputs, Word total) {
  const auto pairs = _mm512_maddubs_epi16(bits_as<__m512i>(codes), bits_as<__m512i>(inputs));
  return bits_as<Word>(_mm512_add_epi16(bits_as<__m512i>(total), pairs));
}
EIGEN_ALWAYS_INLINE Word byte_sums(Word total) {
  return bits_as<Word>(_mm512_madd_epi16(bits_as<__m512i>(total), _mm512_set1_epi16(1)));
}
#elif defined(__AVX2__) && !defined(__AVX512F__)
inline constexpr bool int4_in_bytes = true;
EIGEN_ALWAYS_INLINE Word add_products(Word codes, Word inputs, Word total) {
  const auto pairs = _mm256_maddubs_epi16(bits_as<__m256i>(codes), bits_as<__m256i>(inputs));
  return bits_as<Word>(_mm256_add_epi16(bits_as<__m256i>(total), pairs));
}
EIGEN_ALWAYS_INLINE Word byte_sums(Word total) {
  return bits_as<Word>(_mm256_madd_epi16(bits_as<__m256i>(total), _mm256_set1_epi16(1)));
}
#else
inline constexpr bool int4_in_bytes = false;
EIGEN_ALWAYS_INLINE Word add_products(Word, Word, Word total) { return total; }
EIGEN_ALWAYS_INLINE Word byte_sums(Word total) { return total; }
#endif

/// Packets side by side in a block.
inline constexpr int int4_packets = static_cast<int>(int4_groups) / lanes;

/// Inputs of a block as dots4 reads them, in floats: as bytes, three parts of int4_block of them, then each group's
/// share of what codes are above their zero (int32) and its unit; else the inputs and what each group's sum begins
/// with.
inline constexpr Index turned_bytes = 3 * int4_block / 4;
inline constexpr Index turned_block = int4_in_bytes ? turned_bytes + 2 * int4_groups : int4_block + int4_groups;

/// Eight shifts of a word read it from memory eight times, if they are let.
EIGEN_ALWAYS_INLINE void keep_in_register([[maybe_unused]] Word& w) {
#if defined(__AVX512F__)
  asm("" : "+v"(w));
#endif
}

/// Words read as int32.
EIGEN_ALWAYS_INLINE P signed_as_float(Word w) {
  using Signed = std::int32_t __attribute__((vector_size(4 * lanes)));
  using Real = float __attribute__((vector_size(4 * lanes)));
  return bits_as<P>(__builtin_convertvector(bits_as<Signed>(w), Real));
}

/// What one word of each of J rows adds to the parts of R rows of x; `at`: x's bytes that go with it.
template <int R, int J>
EIGEN_ALWAYS_INLINE void add_word(const Word (&word)[J], const float* at, Index x_stride, Word (&part)[J * R * 3]) {
  unrolled<2>([&](auto odd) __attribute__((always_inline)) {
    Word codes[J];
    unrolled<J>([&](auto j) __attribute__((always_inline)) { codes[j] = (word[j] >> 4 * odd) & 0x0f0f0f0fu; });
    unrolled<R * 3>([&](auto rp) __attribute__((always_inline)) {
      constexpr int r = rp / 3, p = rp % 3;
      const Word inputs = word_at(at + r * x_stride + p * (int4_block / 4) + odd * int4_groups);
      unrolled<J>([&](auto j) __attribute__((always_inline)) {
        Word& to = part[(j * R + r) * 3 + p];
        to = add_products(codes[j], inputs, to);
      });
    });
  });
}

/// Sums of one packet of groups, for R rows of x and J of the matrix: `words(w, word)` reads word w of the rows,
/// `values` is where x's block lies, add(j * R + r, sum, unit) takes each sum and what it counts.
template <int R, int J, class Words, class Add>
EIGEN_ALWAYS_INLINE void sums_in_bytes(const float* values, Index x_stride, Words&& words, Add&& add) {
  Word part[J * R * 3];
  unrolled<J * R * 3>([&](auto t) __attribute__((always_inline)) { part[t] = Word{}; });
  unrolled<4>([&](auto w) __attribute__((always_inline)) {
    Word word[J];
    words(w, word);
    add_word<R, J>(word, values + w * 2 * int4_groups, x_stride, part);
  });
  unrolled<J * R>([&](auto t) __attribute__((always_inline)) {
    const float* behind = values + t % R * x_stride + turned_bytes;
    const Word high = byte_sums(part[t * 3]), middle = byte_sums(part[t * 3 + 1]), low = byte_sums(part[t * 3 + 2]);
    add(t, signed_as_float((((high << 7) + middle) << 7) + low + word_at(behind)), load(behind + int4_groups));
  });
}
template <int R, int J, class Words, class Add>
EIGEN_ALWAYS_INLINE void sums_in_floats(const float* values, Index x_stride, Words&& words, Add&& add) {
  P part[J * R * 4];
  unrolled<J * R>([&](auto t) __attribute__((always_inline)) {
    part[t * 4] = load(values + t % R * x_stride + int4_block);
    unrolled<3>([&](auto u) __attribute__((always_inline)) { part[t * 4 + 1 + u] = set(0.0f); });
  });
  for (Index w = 0; w < 4; ++w) {
    Word word[J];
    words(w, word);
    const float* at = values + w * 8 * int4_groups;
    unrolled<8>([&](auto n) __attribute__((always_inline)) {
      unrolled<J>([&](auto j) __attribute__((always_inline)) {
        const P value = widen_nibbles<static_cast<int>(n)>(word[j]);
        unrolled<R>([&](auto r) __attribute__((always_inline)) {
          P& sum = part[(j * R + r) * 4 + n % 4];
          sum = fma(load(at + r * x_stride + n * int4_groups), value, sum);
        });
      });
    });
  }
  unrolled<J * R>([&](auto t) __attribute__((always_inline)) {
    add(t, ei::padd(ei::padd(part[t * 4], part[t * 4 + 1]), ei::padd(part[t * 4 + 2], part[t * 4 + 3])), set(1.0f));
  });
}

/// Dot products of R rows of x with J rows of int4 from row `first` on, which share what is read of x:
/// out[j * R + r]. x lies as turn_for_int4 puts it. A row's bits do not depend on J.
template <int R, int J>
EIGEN_ALWAYS_INLINE void dots4(const float* x, Index x_stride, const Quantised& m, Index first, float* out) {
  const Index blocks = m.blocks(), groups = m.groups();
  const std::uint32_t* codes = m.row4(first);
  const std::uint16_t* scales = m.row_scales4(first);
  P total[J * R * int4_packets];
  unrolled<J * R * int4_packets>([&](auto t) __attribute__((always_inline)) { total[t] = set(0.0f); });
  for (Index b = 0; b < blocks; ++b) {
    const Index width = m.width(b);  // lanes from there on read what follows, times inputs that are 0
    unrolled<int4_packets>([&](auto h) __attribute__((always_inline)) {
      const float* values = x + b * turned_block + h * lanes;
      const auto words = [&](Index w, Word(&word)[J]) __attribute__((always_inline)) {
        unrolled<J>([&](auto j) __attribute__((always_inline)) {
          const std::uint32_t* from = codes + j * groups * 4 + b * 64 + w * width + h * lanes;
          word[j] = word_at(from);
          keep_in_register(word[j]);
          ask_ahead<true>(from);
        });
      };
      const auto add = [&](auto t, P sum, P unit) __attribute__((always_inline)) {
        const P scale = widen<DType::bf16>(scales + t / R * groups + b * int4_groups + h * lanes);
        total[t * int4_packets + h] = fma(sum, ei::pmul(scale, unit), total[t * int4_packets + h]);
      };
      if constexpr (int4_in_bytes) sums_in_bytes<R, J>(values, x_stride, words, add);
      else sums_in_floats<R, J>(values, x_stride, words, add);
    });
  }
  unrolled<J * R>([&](auto t) __attribute__((always_inline)) {
    float sum = 0;
    unrolled<int4_packets>([&](auto h)
                               __attribute__((always_inline)) { sum += eigen::sum(total[t * int4_packets + h]); });
    out[t] = sum;
  });
}

/// The inputs [p][group] of a block, zeros where there are none, as three bytes each.
inline void turn_to_bytes(const float (&x)[int4_block], float* to) {
  unrolled<int4_packets>([&](auto h) __attribute__((always_inline)) {
    const auto at = [&](Index p) { return load(x + p * int4_groups + h * lanes); };
    // What is smaller than this in a group of nothing larger counts as 0. NaN for a group that is not finite.
    P top = set(1e-30f), poison = set(0.0f);
    for (Index p = 0; p < int4_group; ++p) {
      top = ei::pmax<P>(top, ei::pabs(at(p)));
      poison = fma(at(p), set(0.0f), poison);
    }
    constexpr float units = 127.0f * 16384.0f;
    const P inverse = ei::pdiv(set(units), top);
    Word sum{};
    for (Index v = 0; v < 8; ++v) {  // the even or the odd inputs of a word
      Word bytes[3] = {};
      for (int k = 0; k < 4; ++k) {
        // As a whole number behind 1.5 * 2^23.
        const Word q =
            bits_as<Word>(ei::padd(ei::pmul(at(v / 2 * 8 + 2 * k + v % 2), inverse), set(12582912.0f))) - 0x4b400000u;
        sum += q;
        const Word high = ((q + 8192u + 0x400000u) >> 14) - 256u, rest = q - (high << 14),
                   middle = ((rest + 64u + 0x4000u) >> 7) - 128u, low = rest - (middle << 7);
        bytes[0] |= (high & 255u) << 8 * k;
        bytes[1] |= (middle & 255u) << 8 * k;
        bytes[2] |= (low & 255u) << 8 * k;
      }
      for (int p = 0; p < 3; ++p)
        std::memcpy(to + p * (int4_block / 4) + v * int4_groups + h * lanes, &bytes[p], sizeof bytes[p]);
    }
    const Word zero = 0u - (sum << 3);
    std::memcpy(to + turned_bytes + h * lanes, &zero, sizeof zero);
    store(to + turned_bytes + int4_groups + h * lanes, ei::padd(ei::pdiv(top, set(units)), poison));
  });
}

/// Block b of x[0..n): input p of group g at p * 16 + g, zeros behind n.
inline void turn_block(const float* x, Index n, Index b, float* to) {
  std::fill_n(to, int4_block, 0.0f);
  for (Index g = 0; g < int4_groups; ++g) {
    const Index first = b * int4_block + g * int4_group, real = std::clamp<Index>(n - first, 0, int4_group);
    for (Index p = 0; p < real; ++p) to[p * int4_groups + g] = x[first + p];
  }
}

/// x[0..n) as dots4 reads it. As float32, each group's sum begins with what its codes are above their zero.
inline void turn_for_int4(const float* x, Index n, Index blocks, float* to) {
  for (Index b = 0; b < blocks; ++b, to += turned_block) {
    if constexpr (int4_in_bytes) {
      alignas(64) float turned[int4_block];
      turn_block(x, n, b, turned);
      turn_to_bytes(turned, to);
    } else {
      turn_block(x, n, b, to);
      for (Index g = 0; g < int4_groups; ++g) {
        double sum = 0;
        for (Index p = 0; p < int4_group; ++p) sum += static_cast<double>(to[p * int4_groups + g]);
        to[int4_block + g] = static_cast<float>(-static_cast<double>(nibble_zero) * sum);
      }
    }
  }
}

}  // namespace arrcoc::eigen
