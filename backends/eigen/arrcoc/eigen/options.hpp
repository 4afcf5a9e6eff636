#pragma once
// What the Eigen backend is told.
#include <cstddef>
#include <string>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/weight_format.hpp"
#include "arrcoc/eigen/isa.hpp"
#include "arrcoc/eigen/tiles.hpp"

namespace arrcoc {

namespace eigen {

/// What products are made of; Error E301 for instructions that this build or the processor lacks.
inline Arithmetic arithmetic_of(bool bf16, Isa isa) {
  const bool tiles = isa == Isa::amx;
  require_that(isa == Isa::automatic || isa == compiled_isa() || (tiles && tile_products && bf16_products),
               Code::backend_missing, "eigen", [&] {
                 return "isa: expected " + std::string(name_of(compiled_isa())) +
                        (tile_products && bf16_products ? " or amx" : "") + ", which this build is compiled for, got " +
                        std::string(name_of(isa));
               });
  require_that(!tiles || processor_has(isa), Code::backend_missing, "eigen",
               "isa: expected instructions that the processor has, got amx");
  if (!bf16 || !bf16_products) return Arithmetic::floats;
  return tiles || (tile_products && isa == Isa::automatic && processor_has(Isa::amx)) ? Arithmetic::tiles
                                                                                      : Arithmetic::pairs;
}

}  // namespace eigen

struct EigenOptions {
  int threads = 0;                                ///< in all; 0 = as many as the hardware has
  std::size_t keep_bytes = std::size_t{1} << 30;  ///< free memory kept for reuse, at most
  /// Products with bf16 weights and attention over several queries round their inputs to bf16 and sum in float32;
  /// everything else stays float32. Without effect where there is no AVX512-BF16.
  bool bf16 = false;
  Isa isa = Isa::automatic;  ///< instructions of products and attention; one that is not there is refused
  WeightFormats weights{};   ///< of matrices whose use is told when they are imported
  bool operator==(const EigenOptions&) const = default;
};

}  // namespace arrcoc
