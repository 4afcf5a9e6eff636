#pragma once
// The backend's kernels as functions behind pointers, so that one program can hold them compiled for several
// instruction sets.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/eigen/backend.hpp"
#include "arrcoc/eigen/isa.hpp"
#include "arrcoc/eigen/register_loops.hpp"

namespace arrcoc::eigen {

/// Every kernel of EigenOn that computes, by its name.
struct Path {
  using T = Tensor;
  using W = Weight;
  template <class R, class... A>
  using Kernel = R (*)(const EigenBackend&, A...);
  using Indices = std::span<const Index>;
  using Floats = std::span<const float>;

  Isa isa = Isa::generic;
  bool bf16 = false;  ///< has products of pairs
  Roofs roofs{};      ///< what no kernel comes above
  Kernel<T, const T&, const W&> linear;
  Kernel<T, const T&, const W&, const W&> linear_bias;
  Kernel<W, const W&, WeightUse, std::string_view> for_use;
  Kernel<T, const T&, const T&, bool> matmul;
  Kernel<T, const W&, std::span<const TokenId>> embedding;
  Kernel<T, const W&, Indices, Floats, Index> embedding_bag;
  Kernel<T, const T&, const W&, const W&, float> layer_norm;
  Kernel<T, const T&, const W&, float> rms_norm;
  Kernel<T, const T&> softmax, l2_normalize, sum_rows, mean_rows, sum_cols, max_cols;
  Kernel<T, const T&, Gelu> gelu;
  Kernel<T, const T&, const T&> silu_mul, add, mul;
  Kernel<T, const T&, float> scale;
  Kernel<T, const T&, Indices, Floats, Index> bag_rows;
  Kernel<T, const T&, Indices, const T&> scatter_add_rows;
  Kernel<T, const T&, Index, const T&, const T&> rope;
  Kernel<Attended<T>, const T&, const T&, const T&, const AttentionSpec&> attention;
  Kernel<T, const T&, const W&, const W&, const Conv2dSpec&> conv2d;
  Kernel<T, const T&, const Conv2dSpec&> avg_pool;
};

/// The kernels for an instruction set (amx: those of avx512bf16, which have the tiles), or null where there are none:
/// built by another compiler than GCC, or for another architecture, a program has those of its flags alone. Of the
/// library arrcoc_paths, which libarrcoc holds.
const Path* path_of(Isa isa);

/// Whether there are kernels for it and the processor has it.
inline bool usable(Isa isa) { return isa != Isa::automatic && processor_has(isa) && path_of(isa) != nullptr; }

/// The best that is usable.
inline Isa best_isa() {
  for (const Isa isa : {Isa::amx, Isa::avx512bf16, Isa::avx512, Isa::avx2})
    if (usable(isa)) return isa;
  return Isa::generic;
}

/// Options with the kernels for an instruction set, automatic: the best. Error E301 where the processor lacks it or
/// there are no kernels.
inline EigenOptions with_isa(EigenOptions o, Isa isa) {
  if (isa == Isa::automatic) isa = best_isa();
  require_that(processor_has(isa), Code::backend_missing, "isa", [&] {
    return "this processor has no " + std::string(name_of(isa)) + "; expected auto or at most " +
           std::string(name_of(best_isa()));
  });
  o.path = path_of(isa);
  require_that(o.path != nullptr, Code::backend_missing, "isa", [&] {
    return "this program has no kernels for " + std::string(name_of(isa)) + " (GCC builds them); expected auto or " +
           std::string(name_of(best_isa()));
  });
  o.tiles = isa == Isa::amx;
  return o;
}

}  // namespace arrcoc::eigen
