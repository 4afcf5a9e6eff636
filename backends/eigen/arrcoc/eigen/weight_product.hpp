#pragma once
// Products with weights, by the form that they are kept in.
#include "arrcoc/eigen/few_rows.hpp"
#include "arrcoc/eigen/quantised_product.hpp"
#include "arrcoc/eigen/rows_by_input.hpp"

namespace arrcoc::eigen {

/// out = x * w^T + init (a row, or null). Unless `how` is floats: where there are many rows, inputs are rounded to
/// bf16.
template <class Threads>
void weight_product(Threads& threads, MemoryPool& pool, const Tensor& x, const Weight& w, Arithmetic how,
                    const float* init, Tensor& out) {
  if (w.quantised() != nullptr) return quantised_product(threads, pool, x, *w.quantised(), how, init, out);
  with_dtype(w.dtype(), [&]<DType D>() {
    using T = stored_t<D>;
    const T* data = w.stored_row<T>(0);
    const auto multiply = [&](const auto& pack) {
      gemm(threads, pool, x.data(), x.stride(), x.rows(), x.cols(), w.out(), pack, init, out.fill(), out.stride());
    };
    if (D == DType::bf16 && how != Arithmetic::floats && w.in() % 2 == 0 && x.rows() > unpacked_rows) {
      const RoundedRows rounded = round_rows(threads, pool, x.data(), x.stride(), x.rows(), x.cols());
      const auto multiply_pairs = [&](const auto& pack) {
        with_pairs(how, [&]<class Op>(Op) {
          gemm<Op>(threads, pool, rounded.pairs.get(), rounded.stride, x.rows(), w.in() / 2, w.out(), pack, init,
                   out.fill(), out.stride());
        });
      };
      if (w.transposed()) multiply_pairs(PackInputPairs{reinterpret_cast<const std::uint16_t*>(data), w.out()});
      else multiply_pairs(PackOutputs<DType::f32>{reinterpret_cast<const float*>(data), w.in() / 2});
    } else if (x.rows() <= unpacked_rows) {
      if (w.transposed())
        few_rows_by_input<D>(threads, x.data(), x.stride(), x.rows(), w.in(), data, w.out(), init, out.fill(),
                             out.stride());
      else
        few_rows<ReadStored<D>>(threads, x.data(), x.stride(), x.rows(), w.in(), data, w.in(), w.out(), out.fill(),
                                out.stride(), [&](Index j, float v) { return init != nullptr ? v + init[j] : v; });
    } else if (w.transposed()) {
      multiply(PackInputs<D>{data, w.out()});
    } else {
      multiply(PackOutputs<D>{data, w.in()});
    }
  });
}

}  // namespace arrcoc::eigen
