#pragma once
// The left side of a product in bf16.
#include <algorithm>
#include <memory>

#include "arrcoc/eigen/bf16.hpp"
#include "arrcoc/eigen/memory.hpp"
#include "arrcoc/eigen/thread_pool.hpp"

namespace arrcoc::eigen {

/// The rows of x rounded to bf16, neighbours as pairs, in whole packets.
struct RoundedRows {
  std::shared_ptr<float> pairs;
  Index stride;
};
template <class Threads>
RoundedRows round_rows(Threads& threads, MemoryPool& pool, const float* x, Index x_stride, Index rows, Index cols) {
  const Index stride = (cols + lanes - 1) / lanes * lanes / 2;
  RoundedRows out{pool.take(rows * stride), stride};
  threads.run(rows, std::max<Index>(1, 16384 / std::max<Index>(cols, 1)), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      round_row(x + i * x_stride, cols, reinterpret_cast<std::uint16_t*>(out.pairs.get() + i * stride));
  });
  return out;
}

}  // namespace arrcoc::eigen
