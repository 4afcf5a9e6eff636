#pragma once
// The roofs of a roofline (Williams, Waterman, Patterson 2009): what arithmetic gives in registers alone, by
// instruction set, and what memory gives that is only read. No kernel comes above them, ours included.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "arrcoc/core/types.hpp"
#include "arrcoc/eigen/isa.hpp"
#include "arrcoc/eigen/thread_pool.hpp"

namespace arrcoc::eigen {

/// What was multiplied and added: each multiply-add (two flops) adds a half, so `sum` is a quarter of `flops`.
struct RegisterWork {
  double flops = 0, sum = 0;
};

/// Loops compiled for an instruction set, as the kernels of its Path are. Null where the set has no such instruction.
struct Roofs {
  RegisterWork (*floats)(Index steps) = nullptr;  ///< float32, independent chains
  RegisterWork (*pairs)(Index steps) = nullptr;   ///< of bf16, by vectors
  RegisterWork (*tiles)(Index steps) = nullptr;   ///< of bf16, in tiles: where processor_has(Isa::amx)
  std::uint32_t (*read)(std::span<const std::uint32_t>) = nullptr;  ///< all words, by exclusive or
};

/// Those of an instruction set, null where there are none: as path_of, and of the same library.
const Roofs* roofs_of(Isa isa);

struct RoofRates {
  double flops_per_second = 0, bytes_per_second = 0;
};

/// The loop that a path multiplies by.
inline RegisterWork (*register_loop(Isa isa, bool bf16))(Index) {
  const Roofs& r = *roofs_of(isa);
  return !bf16 ? r.floats : isa == Isa::amx ? r.tiles : r.pairs;
}

/// On `threads` threads (0: all), for an instruction set that is usable and has the arithmetic: the best of five runs
/// of some ten milliseconds, and of five readings of 256 MiB.
inline RoofRates measure_roofs(Isa isa, bool bf16, int threads) {
  ThreadPool pool(threads);
  const auto seconds = [&](Index ranges, auto&& work) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(ranges, 1, work);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto loop = register_loop(isa, bf16);
  RoofRates out;
  Index steps = 1 << 12;
  for (int run = 0; run < 5;) {
    std::vector<double> flops(static_cast<std::size_t>(pool.size()));
    const double s = seconds(pool.size(), [&](Index i, Index) {
      const RegisterWork w = loop(steps);
      flops[static_cast<std::size_t>(i)] = w.sum > 0 ? w.flops : 0;
    });
    if (s < 5e-3) {
      steps *= 2;
      continue;
    }
    double all = 0;
    for (const double f : flops) all += f;
    out.flops_per_second = std::max(out.flops_per_second, all / s);
    ++run;
  }
  constexpr Index words = Index{1} << 26, part = Index{1} << 20;
  const std::vector<std::uint32_t> memory(static_cast<std::size_t>(words), 1u);
  std::vector<std::uint32_t> found(static_cast<std::size_t>(words / part));
  for (int run = 0; run < 5; ++run) {
    const double s = seconds(words / part, [&](Index i, Index) {
      found[static_cast<std::size_t>(i)] =
          roofs_of(isa)->read(std::span(memory).subspan(static_cast<std::size_t>(i * part), part));
    });
    out.bytes_per_second = std::max(out.bytes_per_second, 4.0 * static_cast<double>(words) / s);
  }
  return out;
}

}  // namespace arrcoc::eigen
