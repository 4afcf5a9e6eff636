#pragma once
// TorchBackend: the KernelBackend on libtorch 2.x. Tensors are at::Tensor [rows, cols], on one device, float32: weights
// stored as bf16 or f16 are widened when imported. With TorchOptions::bf16 weights, activations and the cache are
// bfloat16 and rounded where the reference rounds them, but rotations and the decision stages' scores stay float32. On
// the CPU norms, rotations and attention over several queries are loops of our own. What the library throws comes out
// as Error{device_error} or {out_of_memory}.
//
// Autograd: with keep_graph no kernel detaches or writes into a tensor of the graph, so .backward() on a result reaches
// every leaf (call requires_grad_() on a Tensor or on Weight::value). The kernels then follow the dtype they are given,
// double included.
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"

namespace arrcoc::eigen {
class MemoryPool;
}

namespace arrcoc {

/// Who attends on the CPU over several queries, where no graph is recorded.
enum class TorchAttention : std::uint8_t {
  own,     // blocks of our own
  library  // scaled_dot_product_attention where it needs no mask beside the causal one; our blocks elsewhere
};

struct TorchOptions {
  int threads = 0;             // of ATen's pool, which is one per process; 0 leaves it as it is
  std::string device = "cpu";  // "cpu", "cuda", "cuda:1"
  bool keep_graph = false;     // record for autograd
  bool bf16 = false;           // weights, activations and the cache in bfloat16
  TorchAttention attention = TorchAttention::own;
  bool operator==(const TorchOptions&) const = default;
};

class TorchBackend {
 public:
  static constexpr std::string_view name = "torch";

  using Tensor = at::Tensor;

  /// A matrix [out, in], or a vector [n].
  struct Weight {
    at::Tensor value;
  };

  /// Keys and values in two buffers that double when full. Moved, never copied: two owners would write the same rows.
  struct Cache {
    at::Tensor keys, values;
    Index rows = 0, width = 0;
    Cache() = default;
    Cache(Cache&&) = default;
    Cache& operator=(Cache&&) = default;
    Cache(const Cache&) = delete;
    Cache& operator=(const Cache&) = delete;
  };

  /// Throws bad_config on an unknown device name or a negative thread count, backend_missing where the library has no
  /// such device.
  explicit TorchBackend(TorchOptions options = {});

  const TorchOptions& options() const { return options_; }

  Index rows(const Tensor& t) const { return t.defined() ? t.size(0) : 0; }
  Index cols(const Tensor& t) const { return t.defined() ? t.size(1) : 0; }
  Tensor from_host(std::span<const float> values, Index rows, Index cols) const;
  std::vector<float> to_host(const Tensor& t) const;
  /// float32 in aligned memory is used in place on the CPU and its owner kept; everything else is copied.
  Weight import_weight(const HostTensor& w, Layout layout) const;

  Tensor linear(const Tensor& x, const Weight& w) const;
  Tensor linear(const Tensor& x, const Weight& w, const Weight& bias) const;
  Tensor embedding(const Weight& w, std::span<const TokenId> ids) const;
  Tensor embedding_bag(const Weight& w, std::span<const Index> ids, std::span<const float> weights, Index k) const;
  Tensor matmul(const Tensor& a, const Tensor& c, bool transpose_c) const;

  Tensor layer_norm(const Tensor& x, const Weight& w, const Weight& bias, float eps) const;
  Tensor rms_norm(const Tensor& x, const Weight& w, float eps) const;
  Tensor gelu(const Tensor& x, Gelu kind) const;
  Tensor silu_mul(const Tensor& gate, const Tensor& up) const;
  Tensor add(const Tensor& a, const Tensor& b) const;
  Tensor mul(const Tensor& a, const Tensor& b) const;
  Tensor scale(const Tensor& x, float s) const;
  Tensor softmax(const Tensor& x) const;
  Tensor l2_normalize(const Tensor& x) const;
  Tensor sum_rows(const Tensor& x) const;
  Tensor mean_rows(const Tensor& x) const;
  Tensor sum_cols(const Tensor& x) const;
  Tensor max_cols(const Tensor& x) const;

  Tensor slice_rows(const Tensor& x, Index begin, Index end) const;
  Tensor slice_cols(const Tensor& x, Index begin, Index end) const;
  Tensor concat_rows(const std::vector<Tensor>& parts) const;
  Tensor reshape(const Tensor& x, Index rows, Index cols) const;
  Tensor gather_rows(const Tensor& x, std::span<const Index> idx) const;
  Tensor bag_rows(const Tensor& x, std::span<const Index> idx, std::span<const float> weights, Index k) const;
  Tensor scatter_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const;
  Tensor scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const;

  Tensor rope(const Tensor& x, Index heads, const Tensor& cos, const Tensor& sin) const;
  /// Query row i stands at key row i + causal_offset; so does its segment. Rows of the shared prefix see the prefix
  /// alone. The received mass is summed over blocks of queries: never more than about 8 MiB of probabilities at a time.
  Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& spec) const;
  Cache make_cache(Index capacity, Index width) const;
  void cache_append(Cache& cache, const Tensor& k, const Tensor& v) const;
  Tensor cache_keys(const Cache& cache) const;
  Tensor cache_values(const Cache& cache) const;

  Tensor conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& spec) const;
  Tensor avg_pool(const Tensor& x, const Conv2dSpec& spec) const;

  void parallel_for(Index n, Index grain, const std::function<void(Index, Index)>& f) const;
  int threads() const;

 private:
  at::Tensor bags(const at::Tensor& x, std::span<const Index> ids, std::span<const float> weights, Index k,
                  std::string_view where) const;

  TorchOptions options_;
  at::Device device_ = at::Device(at::DeviceType::CPU);
  std::shared_ptr<eigen::MemoryPool> scratch_;
};

static_assert(check_backend<TorchBackend>());

}  // namespace arrcoc
