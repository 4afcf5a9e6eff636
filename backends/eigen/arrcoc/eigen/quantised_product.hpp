#pragma once
// Products with matrices in int8 or int4, accumulated in float32. Few rows read the codes once, as they lie; more rows
// go through gemm, whose packing widens them. A row's bits depend on nothing but that row and the matrix.
#include "arrcoc/eigen/gemm.hpp"
#include "arrcoc/eigen/int4_dots.hpp"
#include "arrcoc/eigen/rounded_rows.hpp"
#include "arrcoc/eigen/tiles.hpp"

namespace arrcoc::eigen {

/// How codes of int8 are read, without their scales: as float32, or neighbours as a pair of bf16, which holds them
/// exactly.
template <class Op>
struct ReadCodes {
  using T = std::int8_t;
  static constexpr Index per = 1;
  static EIGEN_ALWAYS_INLINE P whole(const T* p) { return widen_codes(p); }
  static EIGEN_ALWAYS_INLINE P part(const T* p, Index n) {
    T codes[lanes] = {};
    std::copy_n(p, n, codes);
    return widen_codes(codes);
  }
};
template <>
struct ReadCodes<Pairs> {
  using T = std::int8_t;
  static constexpr Index per = 2;
  static EIGEN_ALWAYS_INLINE P whole(const T* p) {
    std::uint16_t halves[2 * lanes];
    store_bf16(halves, widen_codes(p));
    store_bf16(halves + lanes, widen_codes(p + lanes));
    return bits_as<P>(halves);
  }
  static EIGEN_ALWAYS_INLINE P part(const T* p, Index n) {
    T codes[2 * lanes] = {};
    std::copy_n(p, 2 * n, codes);
    return whole(codes);
  }
};

/// Packs `count` rows of an int4 matrix from row `first` on, inputs (with `Pairs`, pairs) [k, k + depth) of them, zeros
/// in the other lanes; row k of the panel goes to out + k * step.
template <class Op>
void pack_rows4(const Quantised& m, Index first, int count, Index k, Index depth, float* out, Index step) {
  constexpr Index per = std::is_same_v<Op, Pairs> ? 2 : 1, in_group = int4_group / per;
  if constexpr (lanes == int4_groups) {
    // Lane g of a word belongs to group g; sixteen rows turned are sixteen groups of a panel, at the same place of
    // each.
    const auto weight = [](P code, P scale) __attribute__((always_inline)) {
      return ei::pmul(ei::psub(code, set(nibble_zero)), scale);
    };
    for (Index at = k; at < k + depth;) {
      const Index b = at / (int4_groups * in_group), group = at / in_group % int4_groups,
                  groups = std::min(int4_groups - group, (k + depth - at + in_group - 1) / in_group);
      P scale[lanes];
      for (int j = 0; j < lanes; ++j)
        scale[j] = j < count ? widen<DType::bf16>(m.row_scales4(first + j) + b * int4_groups) : set(0.0f);
      for (Index w = 0; w < 4; ++w)
        unrolled<8 / per>([&](auto n) __attribute__((always_inline)) {
          P rows[lanes];
          for (int j = 0; j < lanes; ++j) {
            const Word word = j < count ? word_at(m.row4(first + j) + b * 64 + w * m.width(b)) : Word{};
            if constexpr (per == 2)
              rows[j] = pair(weight(widen_nibbles<2 * static_cast<int>(n)>(word), scale[j]),
                             weight(widen_nibbles<2 * static_cast<int>(n) + 1>(word), scale[j]));
            else rows[j] = weight(widen_nibbles<static_cast<int>(n)>(word), scale[j]);
          }
          transpose(rows);
          for (Index g = 0; g < groups; ++g) {
            const Index to = at - k + g * in_group + w * (8 / per) + n;
            if (to < depth) store(out + to * step, rows[group + g]);
          }
        });
      at += groups * in_group;
    }
  } else {
    alignas(64) float rows[lanes * k_block * per] = {};
    for (int j = 0; j < count; ++j) {
      float* to = rows + j * k_block * per;
      for (Index i = 0; i < depth * per; ++i) to[i] = weight4(m, first + j, k * per + i);
      if constexpr (per == 2) round_row(to, depth * per, reinterpret_cast<std::uint16_t*>(to));
    }
    transpose_rows<ReadStored<DType::f32>>(rows, k_block * per, count, depth, out, step, true);
  }
}

/// Widens as it packs: int8 without its scales. With `Pairs`, k and depth count pairs.
template <class Op>
struct PackQuantised {
  const Quantised* w;
  void operator()(Index k, Index depth, Index column, Index columns, float* out) const {
    using Read = ReadCodes<Op>;
    for (Index j = 0; j < columns;) {
      const int q = panel_packets(j, columns);
      for (int h = 0; h < q; ++h) {
        const Index first = column + j + h * lanes;
        const auto count = static_cast<int>(std::min<Index>(lanes, columns - j - h * lanes));
        float* to = out + h * lanes;
        if (w->format == WeightFormat::int8)
          transpose_rows<Read>(w->row8(first) + k * Read::per, w->in, count, depth, to, q * lanes, true);
        else pack_rows4<Op>(*w, first, count, k, depth, to, q * lanes);
      }
      out += depth * q * lanes;
      j += q * lanes;
    }
  }
};

/// C [rows, out] = A * W^T + init (a row, or null) for up to `unpacked_rows` rows and int4. Bound by memory.
template <class Threads>
void few_rows4(Threads& threads, MemoryPool& pool, const Tensor& x, const Quantised& w, const float* init, float* c,
               Index c_stride) {
  const Index rows = x.rows(), stride = w.blocks() * turned_block;
  const auto turned = pool.take(rows * stride);
  const float* a = turned.get();
  for (Index i = 0; i < rows; ++i) turn_for_int4(x.row(i), w.in, w.blocks(), turned.get() + i * stride);
  threads.run(w.out, few_rows_grain(w.out, w.in, threads.size()), [&](Index begin, Index end) {
    Index next = begin;
    // A single row, as decoding has it: two rows of the matrix read it once.
    for (; rows == 1 && next + 2 <= end; next += 2) {  // two rows of the matrix read the inputs once
      float out[2];
      dots4<1, 2>(a, stride, w, next, out);
      for (Index j = 0; j < 2; ++j) c[next + j] = init != nullptr ? out[j] + init[next + j] : out[j];
    }
    for (Index j = next; j < end; ++j) {
      float out[unpacked_rows];
      for (Index i = 0; i < rows; i += 4)
        with_few(rows - i, [&]<int R>() { dots4<R, 1>(a + i * stride, stride, w, j, out + i); });
      for (Index i = 0; i < rows; ++i) c[i * c_stride + j] = init != nullptr ? out[i] + init[j] : out[i];
    }
  });
}

/// out = x * W^T + init (a row, or null). Unless `how` is floats, inputs are rounded to bf16 where there
/// are many.
template <class Threads>
void quantised_product(Threads& threads, MemoryPool& pool, const Tensor& x, const Quantised& w, Arithmetic how,
                       const float* init, Tensor& out) {
  const bool wide = w.format == WeightFormat::int8;
  if (x.rows() <= unpacked_rows) {
    if (!wide) return few_rows4(threads, pool, x, w, init, out.fill(), out.stride());
    const float* scales = w.scales8.get();
    return few_rows<ReadCodes<Floats>>(
        threads, x.data(), x.stride(), x.rows(), w.in, w.row8(0), w.in, w.out, out.fill(), out.stride(),
        [&](Index j, float v) { return v * scales[j] + (init != nullptr ? init[j] : 0.0f); });
  }
  const float* start = wide ? nullptr : init;
  if (how != Arithmetic::floats && w.in % 2 == 0) {
    const RoundedRows rounded = round_rows(threads, pool, x.data(), x.stride(), x.rows(), x.cols());
    with_pairs(how, [&]<class Op>(Op) {
      gemm<Op>(threads, pool, rounded.pairs.get(), rounded.stride, x.rows(), w.in / 2, w.out, PackQuantised<Pairs>{&w},
               start, out.fill(), out.stride());
    });
  } else {
    gemm(threads, pool, x.data(), x.stride(), x.rows(), w.in, w.out, PackQuantised<Floats>{&w}, start, out.fill(),
         out.stride());
  }
  if (!wide) return;
  threads.run(x.rows(), std::max<Index>(1, 16384 / w.out), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      map(out.row(i), w.scales8.get(), out.fill(i), w.out, [](P v, P s) { return ei::pmul(v, s); });
      if (init != nullptr) map(out.row(i), init, out.fill(i), w.out, [](P v, P s) { return ei::padd(v, s); });
    }
  });
}

}  // namespace arrcoc::eigen
