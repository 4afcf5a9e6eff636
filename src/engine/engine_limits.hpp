#pragma once
// What the machine gives a backend at best, measured with the backend's own product.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/engine/engine.hpp"

namespace arrcoc {

/// Best of three: a product large enough to be bound by arithmetic, and one row times a weight far larger than the
/// caches.
template <class B>
MachineLimits measure_limits(const B& b, bool bf16_weights) {
  const auto weight = [&](Index out, Index in) {
    // Values near 0.01 whatever the type: the top half of such a float is a bf16.
    const Index count = out * in;
    HostTensor t = host_tensor(std::vector<float>(static_cast<std::size_t>(bf16_weights ? count / 2 : count), 0.01f),
                               {bf16_weights ? count / 2 : count});
    if (bf16_weights) {
      auto halves =
          std::make_shared<std::vector<std::uint16_t>>(static_cast<std::size_t>(count), std::uint16_t{0x3c24});
      t.data = reinterpret_cast<const std::byte*>(halves->data());
      t.owner = halves;
      t.dtype = DType::bf16;
    }
    t.shape = {out, in};
    return b.import_weight(t, Layout::out_in);
  };
  const auto seconds = [&](Index rows, Index in, const auto& w) {
    const auto x = b.from_host(std::vector<float>(static_cast<std::size_t>(rows * in), 0.5f), rows, in);
    double best = 1e9;
    for (int i = 0; i < 4; ++i) {  // the first touches new memory
      const auto start = std::chrono::steady_clock::now();
      const auto y = b.linear(x, w);
      (void)b.to_host(b.slice_rows(y, 0, 1));  // a device is waited for
      const double s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      if (i > 0) best = std::min(best, s);
    }
    return best;
  };
  MachineLimits m;
  m.flops_per_second = 2.0 * 1024 * 2048 * 4096 / seconds(1024, 2048, weight(4096, 2048));
  m.bytes_per_second = 16384.0 * 4096 * (bf16_weights ? 2 : 4) / seconds(1, 4096, weight(16384, 4096));
  return m;
}

}  // namespace arrcoc
