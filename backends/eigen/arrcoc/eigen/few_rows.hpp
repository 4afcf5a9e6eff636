#pragma once
// Products of a few rows, which read a matrix once, as it lies: bound by memory. A row's bits depend on nothing but
// that row and the matrix.
#include <algorithm>
#include <type_traits>

#include "arrcoc/eigen/packet.hpp"
#include "arrcoc/eigen/thread_pool.hpp"

namespace arrcoc::eigen {

/// Bytes ahead of what is read once that memory is asked for: over the end of a page, where the hardware begins anew.
inline constexpr Index read_ahead = 4096;
/// Codes, which take more work a byte, are asked for from further away and into the second cache: requests of the first
/// are few and hold up what is read.
inline constexpr Index codes_ahead = 8192;

template <bool codes>
EIGEN_ALWAYS_INLINE void ask_ahead(const void* p) {
  if constexpr (codes) __builtin_prefetch(static_cast<const char*>(p) + codes_ahead, 0, 2);
  else __builtin_prefetch(static_cast<const char*>(p) + read_ahead);
}

/// Rows of a matrix in a piece that one thread reads: every piece begins with a wait for memory, so that they are as
/// long as leaves four to a thread, up to 512 K values and from 64 K on. Bits do not depend on it.
inline Index few_rows_grain(Index columns, Index depth, int threads) {
  const Index row = std::max<Index>(depth, 1), least = std::max<Index>(1, 65536 / row);
  return std::clamp(columns / (4 * threads), least, std::max(least, 524288 / row));
}

/// Dot products of R rows of x with one row, as `Read` has it: every row in four chains of packets, in an order that
/// depends on n alone.
template <class Read, int R>
EIGEN_ALWAYS_INLINE void dots(const float* x, Index x_stride, const typename Read::T* w, Index n, float* out) {
  static_assert(Read::per == 1);
  P s[R * 4];
  unrolled<R * 4>([&](auto t) __attribute__((always_inline)) { s[t] = set(0.0f); });
  Index k = 0;
  for (; k + 4 * lanes <= n; k += 4 * lanes)
    unrolled<4>([&](auto u) __attribute__((always_inline)) {
      if constexpr (u * lanes * static_cast<int>(sizeof *w) % 64 == 0)
        ask_ahead<std::is_same_v<typename Read::T, std::int8_t>>(w + k + u * lanes);
      const P value = Read::whole(w + k + u * lanes);
      unrolled<R>([&](auto r) __attribute__((always_inline)) {
        s[r * 4 + u] = fma(load(x + r * x_stride + k + u * lanes), value, s[r * 4 + u]);
      });
    });
  for (; k + lanes <= n; k += lanes) {
    const P value = Read::whole(w + k);
    unrolled<R>([&](auto r)
                    __attribute__((always_inline)) { s[r * 4] = fma(load(x + r * x_stride + k), value, s[r * 4]); });
  }
  if (k < n) {
    const P value = Read::part(w + k, n - k);
    unrolled<R>([&](auto r) __attribute__((always_inline)) {
      s[r * 4 + 1] = fma(load_part(x + r * x_stride + k, n - k), value, s[r * 4 + 1]);
    });
  }
  unrolled<R>([&](auto r) __attribute__((always_inline)) {
    out[r] = eigen::sum(ei::padd(ei::padd(s[r * 4], s[r * 4 + 1]), ei::padd(s[r * 4 + 2], s[r * 4 + 3])));
  });
}

/// At most this many rows are multiplied without packing.
inline constexpr Index unpacked_rows = 8;

/// Calls f.template operator()<R>() for at most four rows.
template <class F>
EIGEN_ALWAYS_INLINE void with_few(Index rows, F&& f) {
  switch (rows) {
    case 1: return f.template operator()<1>();
    case 2: return f.template operator()<2>();
    case 3: return f.template operator()<3>();
    default: return f.template operator()<4>();
  }
}

/// C = A * W^T for up to `unpacked_rows` rows: reads W once, as `Read` has it, and puts finish(column, value). Bound by
/// memory.
template <class Read, class F>
void few_rows(ThreadPool& threads, const float* a, Index a_stride, Index rows, Index depth, const typename Read::T* w,
              Index w_stride, Index columns, float* c, Index c_stride, F finish) {
  threads.run(columns, few_rows_grain(columns, depth, threads.size()), [&](Index begin, Index end) {
    for (Index j = begin; j < end; ++j) {
      const auto* row = w + j * w_stride;
      float out[unpacked_rows];
      for (Index i = 0; i < rows; i += 4) {
        const float* from = a + i * a_stride;
        with_few(rows - i, [&]<int R>() { dots<Read, R>(from, a_stride, row, depth, out + i); });
      }
      for (Index i = 0; i < rows; ++i) c[i * c_stride + j] = finish(j, out[i]);
    }
  });
}

}  // namespace arrcoc::eigen
