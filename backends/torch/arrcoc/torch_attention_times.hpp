#pragma once
// Whose attention is the faster one here: measured, since the library's has instructions on some processors that ours
// lacks, and is slow on others.
#include <algorithm>
#include <chrono>
#include <vector>

#include "arrcoc/torch.hpp"

namespace arrcoc {

/// Milliseconds of the same attention, or zeros where it was not measured.
struct AttentionTimes {
  double own = 0, library = 0;
  /// Ours unless the library's is faster by more than a tenth: noise decides nothing between equals.
  constexpr TorchAttention faster() const {
    return library * 1.1 < own ? TorchAttention::library : TorchAttention::own;
  }
};

/// Best of four interleaved runs after one that warms up, of up to twelve before the library's is taken; over 256 rows
/// in 8 heads of 64 with the options' threads and type, some ten milliseconds. Zeros elsewhere than on the CPU.
inline AttentionTimes measure_attention(TorchOptions options) {
  if (options.device != "cpu" || options.keep_graph) return {};
  const Index rows = 256, heads = 8, depth = 64;
  const std::vector<float> values(static_cast<std::size_t>(rows * heads * depth), 0.25f);
  AttentionSpec spec;
  spec.heads = spec.kv_heads = heads;
  spec.scale = 0.125f;
  const auto milliseconds = [&](TorchAttention a) {
    options.attention = a;
    const TorchBackend b(options);
    const auto x = b.from_host(values, rows, heads * depth);
    const auto start = std::chrono::steady_clock::now();
    static_cast<void>(b.attention(x, x, x, spec));
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  };
  AttentionTimes best{1e9, 1e9};
  for (int i = 0; i < 5 || (i < 13 && best.faster() == TorchAttention::library); ++i) {
    const double own = milliseconds(TorchAttention::own), library = milliseconds(TorchAttention::library);
    if (i > 0) best = {std::min(best.own, own), std::min(best.library, library)};
  }
  return best;
}

}  // namespace arrcoc
