#pragma once
// Few rows times a matrix that is stored as it multiplies, [depth, columns]: read once, without packing. Bound by
// memory.
#include "arrcoc/eigen/gemm.hpp"

namespace arrcoc::eigen {

/// One packet of columns over `steps` (at most S) rows of W: c = c + a[0] w[0] + ... in that order, fused.
template <DType D, int S>
EIGEN_ALWAYS_INLINE void add_steps(const float* a, const stored_t<D>* w, Index stride, float* c, Index n) {
  Index j = 0;
  for (; j + lanes <= n; j += lanes) {
    P sum = load(c + j);
    unrolled<S>([&](auto k)
                    __attribute__((always_inline)) { sum = fma(set(a[k]), widen<D>(w + k * stride + j), sum); });
    store(c + j, sum);
  }
  if (j < n) {
    P sum = load_part(c + j, n - j);
    unrolled<S>([&](auto k) __attribute__((always_inline)) {
      sum = fma(set(a[k]), widen_part<D>(w + k * stride + j, n - j), sum);
    });
    store_part(c + j, sum, n - j);
  }
}

/// C [rows, columns] = A [rows, depth] * W + init (a row, or null), for up to `unpacked_rows` rows. Every element is
/// one chain of fused multiply-adds over k in ascending order, whatever the piece of columns it lies in.
template <DType D>
void few_rows_by_input(ThreadPool& threads, const float* a, Index a_stride, Index rows, Index depth,
                       const stored_t<D>* w, Index columns, const float* init, float* c, Index c_stride) {
  const Index grain = std::max<Index>(4 * lanes, 65536 / std::max<Index>(depth, 1) / lanes * lanes);
  threads.run(columns, grain, [&](Index begin, Index end) {
    const Index n = end - begin;
    for (Index i = 0; i < rows; ++i) std::fill_n(c + i * c_stride + begin, n, 0.0f);
    Index k = 0;
    for (; k + 4 <= depth; k += 4)
      for (Index i = 0; i < rows; ++i)
        add_steps<D, 4>(a + i * a_stride + k, w + k * columns + begin, columns, c + i * c_stride + begin, n);
    for (; k < depth; ++k)
      for (Index i = 0; i < rows; ++i)
        add_steps<D, 1>(a + i * a_stride + k, w + k * columns + begin, columns, c + i * c_stride + begin, n);
    if (init == nullptr) return;
    for (Index i = 0; i < rows; ++i)
      map(c + i * c_stride + begin, init + begin, c + i * c_stride + begin, n, [](P x, P y) { return ei::padd(x, y); });
  });
}

}  // namespace arrcoc::eigen
