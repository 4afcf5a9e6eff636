#pragma once
// Matrices in eight or four bits: how they are made from a stored one, and how they are read.
// int8: codes [out][in], row-major, -127..127. weight = code * scale of its row (float32, the largest magnitude / 127)
//
// int4: groups of 32 neighbours of a row, 16 groups a block, in the last one as many as are left. Word (w, lane) of a
// block holds the codes of inputs 8w to 8w + 7 of group `lane`, four bits each, the first lowest.
// weight = (code - 8) * scale of its group (bf16)
//
// A block's words lie as they are multiplied: its groups side by side, whatever the width of a packet.
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string_view>
#include <vector>

#include "arrcoc/core/weight_format.hpp"
#include "arrcoc/eigen/bf16.hpp"
#include "arrcoc/eigen/tensor.hpp"
#include "arrcoc/eigen/thread_pool.hpp"

namespace arrcoc::eigen {

inline constexpr Index int4_group = scale_group, int4_groups = 16, int4_block = int4_group * int4_groups;

/// A matrix [out, in] in int8 or int4. Handles share the memory.
struct Quantised {
  WeightFormat format = WeightFormat::int8;
  Index out = 0, in = 0;
  std::shared_ptr<const std::int8_t> codes8{};  // [out][in]
  std::shared_ptr<const float> scales8{};       // [out]
  std::shared_ptr<const std::uint32_t>
      codes4{};  // [out][blocks][4][groups of the block], readable a block past the end
  std::shared_ptr<const std::uint16_t> scales4{};  // [out][groups], bf16, as readable, finite there

  Index groups() const { return (in + int4_group - 1) / int4_group; }
  Index blocks() const { return (in + int4_block - 1) / int4_block; }
  /// Groups of block b.
  Index width(Index b) const { return std::min(int4_groups, groups() - b * int4_groups); }
  const std::int8_t* row8(Index j) const { return codes8.get() + j * in; }
  const std::uint32_t* row4(Index j) const { return codes4.get() + j * groups() * 4; }
  const std::uint16_t* row_scales4(Index j) const { return scales4.get() + j * groups(); }
  Index bytes() const { return code_bytes(format, out, in) + scale_bytes(format, out, in); }
};

/// Where a matrix in fewer bits is looked for before it is made: by its name, as it was imported; null: it is made.
using FormLookup = std::function<std::shared_ptr<const Quantised>(std::string_view name, const Weight& stored,
                                                                  WeightUse use, WeightFormat format)>;

/// A matrix whose bytes lie elsewhere.
template <class Bytes>
Quantised quantised_from(WeightFormat format, Index out, Index in, const Bytes& bytes) {
  Quantised q{format, out, in};
  const auto at = [&]<class T>(std::shared_ptr<const T>& to, std::span<const std::byte> from) {
    to = {bytes.owner, reinterpret_cast<const T*>(from.data())};
  };
  if (format == WeightFormat::int8) at(q.codes8, bytes.codes), at(q.scales8, bytes.scales);
  else at(q.codes4, bytes.codes), at(q.scales4, bytes.scales);
  return q;
}

/// The bytes of a matrix, as quantised_from takes them.
template <class Codes>
FormBytes bytes_of(const Codes& q) {
  const auto view = [](const auto& p, Index n) {
    return std::span(reinterpret_cast<const std::byte*>(p.get()), static_cast<std::size_t>(n));
  };
  const Index codes = code_bytes(q.format, q.out, q.in), scales = scale_bytes(q.format, q.out, q.in);
  if (q.format == WeightFormat::int8)
    return {view(q.codes8, codes), view(q.scales8, scales),
            std::make_shared<std::pair<decltype(q.codes8), decltype(q.scales8)>>(q.codes8, q.scales8)};
  return {view(q.codes4, codes), view(q.scales4, scales),
          std::make_shared<std::pair<decltype(q.codes4), decltype(q.scales4)>>(q.codes4, q.scales4)};
}

/// `lanes` codes of int8 as float32.
EIGEN_ALWAYS_INLINE P widen_codes(const std::int8_t* p) {
#if defined(__AVX512F__)
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  alignas(64) float out[lanes];
  for (int i = 0; i < lanes; ++i) out[i] = static_cast<float>(p[i]);
  return ei::pload<P>(out);
#endif
}

/// Code n of each word and 16: four bits behind the exponent of 16.0 are as many units.
template <int n>
EIGEN_ALWAYS_INLINE P widen_nibbles(Word w) {
  constexpr int shift = 19 - 4 * n;
  if constexpr (shift > 0) w <<= shift;
  else w >>= -shift;
  return bits_as<P>((w & 0x00780000u) | 0x41800000u);
}
/// What widen_nibbles gives for a code that stands for 0.
inline constexpr float nibble_zero = 24.0f;

/// x rounded to a whole number, ties to even; |x| < 2^22.
EIGEN_ALWAYS_INLINE P whole(P x) { return ei::psub(ei::padd(x, set(12582912.0f)), set(12582912.0f)); }

/// n values of one row as int8: codes = x * (127 / the largest magnitude), rounded; the scale, 0 for a row of zeros.
inline float quantise_row8(const float* x, Index n, std::int8_t* codes) {
  float top = 0;
  for (Index i = 0; i < n; ++i) top = std::max(top, std::abs(x[i]));
  const float inverse = top > 0 ? 127.0f / top : 0.0f;
  // A row of subnormal numbers has no finite inverse: zeros.
  const bool fits = std::isfinite(inverse);
  for (Index i = 0; i < n; ++i) codes[i] = static_cast<std::int8_t>(fits ? std::nearbyint(x[i] * inverse) : 0.0f);
  return fits ? top / 127.0f : 0.0f;
}

/// The steps tried for a group, as parts of the one that reaches its largest value: the one with the least squared
/// error stays, the first of equals.
inline constexpr float int4_steps[] = {1.0f, 0.94f, 0.88f, 0.82f, 1.06f};

/// One group of 32 values as int4: its words and the bits of its scale. The value of largest magnitude (of two the
/// positive one) becomes -8, or what another step makes of it, as the range has one more number there.
inline std::uint16_t quantise_group4(const float* x, std::uint32_t (&words)[4]) {
  constexpr int Q = static_cast<int>(int4_group) / lanes;
  P v[Q];
  unrolled<Q>([&](auto q) __attribute__((always_inline)) { v[q] = load(x + q * lanes); });
  P high = v[0], low = v[0];
  unrolled<Q>([&](auto q)
                  __attribute__((always_inline)) { high = ei::pmax<P>(high, v[q]), low = ei::pmin<P>(low, v[q]); });
  const float most = largest(high), least = smallest(low), top = most >= -least ? most : least;
  const auto codes_of = [&](float inverse, int q) __attribute__((always_inline)) {
    return ei::pmin<P>(ei::pmax<P>(whole(ei::pmul(v[q], set(inverse))), set(-8.0f)), set(7.0f));
  };
  std::uint16_t scale = 0;
  float best = std::numeric_limits<float>::infinity(), best_inverse = 0;
  for (const float step : int4_steps) {
    const std::uint16_t bits = f32_to_bf16(top / -8.0f * step);
    const float d = bf16_to_f32(bits), inverse = 1.0f / d;
    P error = set(0.0f);
    unrolled<Q>([&](auto q) __attribute__((always_inline)) {
      const P e = ei::psub(v[q], ei::pmul(codes_of(inverse, q), set(d)));
      error = fma(e, e, error);
    });
    const float total = eigen::sum(error);
    const bool better = total < best && std::isfinite(inverse);  // a step of 0 or of a subnormal number has no inverse
    scale = better ? bits : scale;
    best = better ? total : best;
    best_inverse = better ? inverse : best_inverse;
  }
  alignas(64) float codes[int4_group];
  unrolled<Q>([&](auto q) __attribute__((always_inline)) { store(codes + q * lanes, codes_of(best_inverse, q)); });
  // Eight codes as a number of base 16, in halves that float32 holds exactly.
  const auto half = [](const float* c) {
    return static_cast<std::uint32_t>(c[0] + 16.0f * c[1] + 256.0f * c[2] + 4096.0f * c[3] + 34952.0f);
  };
  for (int w = 0; w < 4; ++w) words[w] = half(codes + 8 * w) | half(codes + 8 * w + 4) << 16;
  return scale;
}

template <class T>
std::shared_ptr<T> aligned_values(Index n) {
  const auto bytes = static_cast<std::size_t>(std::max<Index>(n, 1)) * sizeof(T);
  return {static_cast<T*>(::operator new (bytes, std::align_val_t{64})),
          [](T* p) { ::operator delete (p, std::align_val_t{64}); }};
}

/// Rows [first, first + count) of a stored matrix as float32, [count][in].
template <class Stored>
void stored_rows(const Stored& w, Index first, Index count, float* to) {
  with_dtype(w.dtype(), [&]<DType D>() {
    for (Index k = 0; k < (w.transposed() ? w.in() : 0); ++k)
      for (Index i = 0; i < count; ++i) to[i * w.in() + k] = float_at(w.values(), k * w.out() + first + i);
    for (Index i = 0; i < (w.transposed() ? 0 : count); ++i) {
      const auto* row = w.template stored_row<stored_t<D>>(first + i);
      float* out = to + i * w.in();
      Index k = 0;
      for (; k + lanes <= w.in(); k += lanes) store(out + k, widen<D>(row + k));
      if (k < w.in()) store_part(out + k, widen_part<D>(row + k, w.in() - k), w.in() - k);
    }
  });
}

/// A stored matrix in int8 or int4; rows go to the threads.
template <class Threads>
Quantised quantise(Threads& threads, const Weight& w, WeightFormat format) {
  Quantised q{format, w.out(), w.in()};
  const Index step = w.transposed() ? 64 : 1;
  std::shared_ptr<std::int8_t> codes8;
  std::shared_ptr<float> scales8;
  std::shared_ptr<std::uint32_t> codes4;
  std::shared_ptr<std::uint16_t> scales4;
  if (format == WeightFormat::int8) {
    q.codes8 = codes8 = aligned_values<std::int8_t>(q.out * q.in);
    q.scales8 = scales8 = aligned_values<float>(q.out);
  } else {
    q.codes4 = codes4 = aligned_values<std::uint32_t>(q.out * q.groups() * 4 + 64);
    q.scales4 = scales4 = aligned_values<std::uint16_t>(q.out * q.groups() + int4_groups);
    std::fill_n(codes4.get() + q.out * q.groups() * 4, 64, 0u);
    std::fill_n(scales4.get() + q.out * q.groups(), int4_groups, std::uint16_t{0});
  }
  const auto one = [&](const float* x, Index j) {
    if (format == WeightFormat::int8) {
      scales8.get()[j] = quantise_row8(x, q.in, codes8.get() + j * q.in);
      return;
    }
    for (Index g = 0; g < q.groups(); ++g) {
      alignas(64) float group[int4_group] = {};
      const Index at = g * int4_group, block = g / int4_groups;
      std::copy_n(x + at, std::min(int4_group, q.in - at), group);
      std::uint32_t words[4];
      scales4.get()[j * q.groups() + g] = quantise_group4(group, words);
      std::uint32_t* to = codes4.get() + j * q.groups() * 4 + block * 64 + g % int4_groups;
      for (Index k = 0; k < 4; ++k) to[k * q.width(block)] = words[k];
    }
  };
  const Index pieces = (q.out + step - 1) / step;
  threads.run(pieces, std::max<Index>(1, 65536 / std::max<Index>(q.in * step, 1)), [&](Index begin, Index end) {
    std::vector<float> rows(static_cast<std::size_t>(step * q.in));
    for (Index p = begin; p < end; ++p) {
      const Index first = p * step, count = std::min(step, q.out - first);
      stored_rows(w, first, count, rows.data());
      for (Index i = 0; i < count; ++i) one(rows.data() + i * q.in, first + i);
    }
  });
  return q;
}

/// A stored matrix in bf16; values go to the threads.
template <class Threads>
Weight rounded_weight(Threads& threads, const Weight& w) {
  const HostTensor& from = w.values();
  std::vector<std::uint16_t> values(static_cast<std::size_t>(from.count()));
  threads.run(from.count(), 65536, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) values[static_cast<std::size_t>(i)] = f32_to_bf16(float_at(from, i));
  });
  return {host_tensor(std::move(values), from.shape), w.out(), w.in(), w.transposed()};
}

/// A stored matrix in a form: itself where that is its own.
template <class Threads>
Weight in_format(Threads& threads, const Weight& w, WeightFormat format) {
  if (format == WeightFormat::int8 || format == WeightFormat::int4)
    return Weight(std::make_shared<const Quantised>(quantise(threads, w, format)));
  return format == WeightFormat::bf16 && w.dtype() != DType::bf16 ? rounded_weight(threads, w) : w;
}

/// Weight i of a row of an int4 matrix, one by one.
inline float weight4(const Quantised& m, Index row, Index i) {
  const Index group = i / int4_group, block = group / int4_groups, lane = group % int4_groups, at = i % int4_group;
  const std::uint32_t word = m.row4(row)[block * 64 + at / 8 * m.width(block) + lane];
  return static_cast<float>(static_cast<int>((word >> (4 * (at % 8))) & 15u) - 8) *
         bf16_to_f32(m.row_scales4(row)[group]);
}

}  // namespace arrcoc::eigen
