#pragma once
// Which instructions and which arithmetic are the fastest here: measured, since their names do not tell (vdpbf16ps is
// half as fast as float32 on some processors and twice as fast on others).
#include <algorithm>
#include <chrono>
#include <vector>

#include "arrcoc/eigen/dispatch.hpp"

namespace arrcoc::eigen {

/// Milliseconds of the same work, or zeros where it was not measured: a product of 64 rows with a bf16 matrix
/// [768, 768], one of a single row with it, attention over 128 rows in 8 heads of 64.
struct PathTimes {
  Isa isa = Isa::generic;
  bool bf16 = false;
  double product = 0, row = 0, attention = 0;
  constexpr double all() const { return product + row + attention; }
};

/// What may be taken, the first that should be first: for `isa`, or automatic for all that is usable; float32 by the
/// two best vector widths.
inline std::vector<PathTimes> path_choices(Isa isa, bool f32, bool bf16) {
  std::vector<PathTimes> out;
  const auto wanted = [&](Isa i) { return (isa == i || isa == Isa::automatic) && usable(i); };
  for (const Isa i : {Isa::amx, Isa::avx512bf16})
    if (bf16 && wanted(i)) out.push_back({.isa = i, .bf16 = true});
  if (!f32) return out;
  if (isa != Isa::automatic) {
    out.push_back({.isa = isa});
    return out;
  }
  const Isa best = std::min(best_isa(), Isa::avx512bf16);
  out.push_back({.isa = best});
  if (best > Isa::avx2 && usable(Isa::avx2)) out.push_back({.isa = Isa::avx2});
  return out;
}

/// The first that no other beats by more than a tenth: noise decides nothing between equals. Expects at least one.
inline const PathTimes& fastest(const std::vector<PathTimes>& choices) {
  const auto all = [](const PathTimes& a, const PathTimes& b) { return a.all() < b.all(); };
  const double least = std::min_element(choices.begin(), choices.end(), all)->all();
  return *std::find_if(choices.begin(), choices.end(), [&](const PathTimes& c) { return c.all() <= 1.1 * least; });
}

/// Fills in the times: best of four interleaved runs on one thread, some three milliseconds for each choice; of up to
/// twelve before another than the first is taken, since what else the machine does must not choose.
inline void measure(std::vector<PathTimes>& choices) {
  const Index rows = 64, width = 768, tokens = 128, heads = 8, depth = 64;
  const HostTensor matrix = host_tensor(
      std::vector<std::uint16_t>(static_cast<std::size_t>(width * width), std::uint16_t{0x3c24}), {width, width});
  const std::vector<float> x(static_cast<std::size_t>(rows * width), 0.5f),
      q(static_cast<std::size_t>(tokens * heads * depth), 0.25f);
  AttentionSpec spec;
  spec.heads = spec.kv_heads = heads;
  spec.scale = 0.125f;
  for (int run = 0; run < 4 || (run < 12 && &fastest(choices) != &choices.front()); ++run)
    for (PathTimes& c : choices) {
      const EigenDispatch b(with_isa({.threads = 1, .bf16 = c.bf16}, c.isa));
      const auto w = b.import_weight(matrix, Layout::out_in);
      const auto in = b.from_host(x, rows, width), one = b.slice_rows(in, 0, 1),
                 of = b.from_host(q, tokens, heads * depth);
      const auto keep_best = [&](double& best, auto&& work) {
        const auto start = std::chrono::steady_clock::now();
        static_cast<void>(work());
        const double t = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        best = run == 0 ? t : std::min(best, t);
      };
      keep_best(c.product, [&] { return b.linear(in, w); });
      keep_best(c.row, [&] { return b.linear(one, w); });
      keep_best(c.attention, [&] { return b.attention(of, of, of, spec); });
    }
}

/// What no kernel comes above.
struct RoofRates {
  double flops_per_second = 0, bytes_per_second = 0;
};

/// On `threads` threads (0: all), for an instruction set that is usable and has the arithmetic: the best of five runs
/// of some ten milliseconds, and of five readings of 256 MiB.
inline RoofRates measure_roofs(Isa isa, bool bf16, int threads) {
  const Roofs& roofs = path_of(isa)->roofs;
  const auto loop = !bf16 ? roofs.floats : isa == Isa::amx ? roofs.tiles : roofs.pairs;
  ThreadPool pool(threads);
  const auto seconds = [&](Index ranges, auto&& work) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(ranges, 1, work);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const auto in_registers = [&](Index steps) {
    return seconds(pool.size(), [&](Index, Index) { static_cast<void>(loop(steps)); });
  };
  Index steps = 1 << 12;
  while (in_registers(steps) < 5e-3) steps *= 2;
  const double flops = loop(1).flops * static_cast<double>(steps) * pool.size();
  const std::vector<std::uint32_t> memory(std::size_t{1} << 26, 1u);
  constexpr std::size_t part = std::size_t{1} << 20;
  RoofRates out;
  for (int run = 0; run < 5; ++run) {
    out.flops_per_second = std::max(out.flops_per_second, flops / in_registers(steps));
    const double read = seconds(static_cast<Index>(memory.size() / part), [&](Index i, Index) {
      static_cast<void>(roofs.read(std::span(memory).subspan(static_cast<std::size_t>(i) * part, part)));
    });
    out.bytes_per_second = std::max(out.bytes_per_second, 4.0 * static_cast<double>(memory.size()) / read);
  }
  return out;
}

}  // namespace arrcoc::eigen
