#pragma once
// Every kernel of the Eigen backend once, for tests that compare bits.
#include <vector>

#include "arrcoc/eigen.hpp"
#include "conformance/conformance.hpp"

namespace arrcoc::conformance {

inline AttentionSpec heads_of(Index heads, Index kv_heads, float scale) {
  AttentionSpec s;
  s.heads = heads;
  s.kv_heads = kv_heads;
  s.scale = scale;
  return s;
}

/// Every kernel once, at sizes with several blocks; the outputs' bits one after the other.
inline std::vector<float> everything(EigenBackend& b) {
  std::vector<float> bits;
  const auto keep = [&](const EigenBackend::Tensor& t) {
    const auto v = b.to_host(t);
    bits.insert(bits.end(), v.begin(), v.end());
    return t;
  };
  const auto tensor = [&](Index r, Index c, std::uint64_t seed) {
    return b.from_host(random_matrix(r, c, seed).floats(), r, c);
  };
  const auto weight = [&](Index r, Index c, std::uint64_t seed, DType type) {
    auto m = random_matrix(r, c, seed);
    return b.import_weight(stored(m, type, {r, c}), Layout::out_in);
  };
  const auto vector = [&](Index n, std::uint64_t seed) {
    return b.import_weight(host_tensor(random_matrix(1, n, seed).floats(), {n}), Layout::vector);
  };
  const Index rows = 901, in = 515, out = 389;
  const auto x = tensor(rows, in, 1), y = tensor(rows, in, 2);
  for (const DType type : {DType::f32, DType::bf16, DType::f16}) {
    const auto w = weight(out, in, 3, type);
    keep(b.linear(x, w, vector(out, 4)));
    keep(b.linear(b.slice_rows(x, 5, 6), w));
    keep(b.linear(b.slice_rows(x, 5, 8), w));
    auto turned = random_matrix(in, out, 13);
    keep(b.linear(b.slice_rows(x, 5, 8), b.import_weight(stored(turned, type, {in, out}), Layout::in_out),
                  vector(out, 4)));
  }
  keep(b.matmul(x, y, true));
  keep(b.bag_rows(x, std::vector<Index>{900, 3, 3, 77, 1, 0}, std::vector<float>{0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f},
                  3));
  keep(b.layer_norm(x, vector(in, 5), vector(in, 6), 1e-6f));
  keep(b.rms_norm(x, vector(in, 5), 1e-6f));
  keep(b.softmax(x));
  keep(b.gelu(x, Gelu::tanh));
  keep(b.gelu(x, Gelu::erf));
  keep(b.silu_mul(x, y));
  keep(b.add(x, y));
  keep(b.l2_normalize(x));
  keep(b.sum_rows(x));
  keep(b.mean_rows(x));
  keep(b.sum_cols(x));
  keep(b.max_cols(x));
  AttentionSpec spec;
  spec.heads = 6;
  spec.kv_heads = 2;
  spec.scale = 0.2f;
  spec.want_received = true;
  const auto q = tensor(rows, 6 * 40, 7), k = tensor(rows, 2 * 40, 8), v = tensor(rows, 2 * 40, 9);
  const std::vector<float> sizes = some_bias(rows, true);
  for (const bool causal : {false, true})
    for (const bool segments : {false, true}) {
      spec.causal = causal;
      spec.segments = segments ? cut(100, rows, 50, 60) : std::vector<Segment>{};
      spec.shared_prefix = segments ? 100 : 0;
      for (const auto bias : {std::span<const float>{}, std::span<const float>(sizes)}) {
        spec.key_bias = bias;
        const auto a = b.attention(q, k, v, spec);
        keep(a.out);
        keep(a.received);
      }
    }
  spec = heads_of(6, 2, 0.2f);
  spec.causal = spec.want_received = true;
  spec.causal_offset = rows - 1;
  spec.key_bias = sizes;
  const auto one = b.attention(b.slice_rows(q, 0, 1), k, v, spec);
  keep(one.out);
  keep(one.received);
  const Conv2dSpec window{.height = 53, .width = 17, .kernel_h = 3, .kernel_w = 3, .stride = 2, .padding = 1};
  keep(b.conv2d(tensor(901, 21, 10), weight(33, 21 * 9, 11, DType::bf16), vector(33, 12), window));
  return bits;
}

}  // namespace arrcoc::conformance
