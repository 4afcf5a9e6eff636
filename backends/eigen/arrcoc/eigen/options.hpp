#pragma once
// What the Eigen backend is told.
#include <cstddef>

#include "arrcoc/core/weight_format.hpp"

namespace arrcoc {

namespace eigen {

struct Path;  // eigen/path.hpp

}  // namespace eigen

struct EigenOptions {
  int threads = 0;                                ///< in all; 0 = as many as the hardware has
  std::size_t keep_bytes = std::size_t{1} << 30;  ///< free memory kept for reuse, at most
  /// Products with bf16 weights and attention over several queries round their inputs to bf16 and sum in float32;
  /// everything else stays float32. Without effect where there is no AVX512-BF16.
  bool bf16 = false;
  /// Of EigenDispatch: the kernels of an instruction set (eigen/path.hpp).
  const eigen::Path* path = nullptr;
  /// Products in tiles, where `bf16`: only with kernels for avx512bf16 on a processor that has Isa::amx.
  bool tiles = false;
  WeightFormats weights{};  ///< of matrices whose use is told when they are imported
  bool operator==(const EigenOptions&) const = default;
};

}  // namespace arrcoc
