#pragma once
// Whether float32 or bf16 is the faster arithmetic here: measured, since the instructions do not tell (vdpbf16ps is
// half as fast as float32 on some processors and twice as fast on others).
#include <algorithm>
#include <chrono>
#include <vector>

#include "arrcoc/eigen/backend.hpp"

namespace arrcoc {

/// Milliseconds of the same work, or zeros where it was not measured.
struct ArithmeticTimes {
  double f32 = 0, bf16 = 0;
  /// bf16 unless float32 is faster by more than a tenth: noise decides nothing between equals.
  constexpr bool prefers_bf16() const { return bf16 <= 1.1 * f32; }
};

/// Best of four interleaved runs, on one thread, of a product of 64 rows with a bf16 matrix [768, 768] and of attention
/// over 128 rows in 8 heads of 64; some five milliseconds in all.
inline ArithmeticTimes measure_arithmetic() {
  const Index rows = 64, width = 768, tokens = 128, heads = 8, depth = 64;
  const HostTensor matrix = host_tensor(
      std::vector<std::uint16_t>(static_cast<std::size_t>(width * width), std::uint16_t{0x3c24}), {width, width});
  const std::vector<float> x(static_cast<std::size_t>(rows * width), 0.5f),
      q(static_cast<std::size_t>(tokens * heads * depth), 0.25f);
  AttentionSpec spec;
  spec.heads = spec.kv_heads = heads;
  spec.scale = 0.125f;
  const auto milliseconds = [&](const EigenBackend& b) {
    const auto w = b.import_weight(matrix, Layout::out_in);
    const auto in = b.from_host(x, rows, width), of = b.from_host(q, tokens, heads * depth);
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(b.linear(in, w));
    static_cast<void>(b.attention(of, of, of, spec));
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  const EigenBackend wide({.threads = 1}), narrow({.threads = 1, .bf16 = true});
  ArithmeticTimes best{1e9, 1e9};
  for (int i = 0; i < 4; ++i) {
    best.f32 = std::min(best.f32, milliseconds(wide));
    best.bf16 = std::min(best.bf16, milliseconds(narrow));
  }
  return best;
}

}  // namespace arrcoc
