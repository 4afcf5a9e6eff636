#pragma once
// ArchetypeBackend: exactly what KernelBackend asks for, with empty bodies. Generic code that compiles against it uses
// the contract and nothing else; its types can do no more than the contract says (a Cache only moves).
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"

namespace arrcoc::tests {

struct ArchetypeBackend {
  static constexpr std::string_view name = "archetype";
  struct Tensor {};
  struct Weight {};
  struct Cache {
    Cache() = delete;
    Cache(Cache&&) = default;
    Cache& operator=(Cache&&) = default;

   private:
    friend ArchetypeBackend;
    explicit Cache(int) {}
  };
  using Indices = std::span<const Index>;

  Index rows(const Tensor&) { return 0; }
  Index cols(const Tensor&) { return 0; }
  Tensor from_host(std::span<const float>, Index, Index) { return {}; }
  std::vector<float> to_host(const Tensor&) { return {}; }
  Weight import_weight(HostTensor, Layout) { return {}; }

  Tensor linear(const Tensor&, const Weight&) { return {}; }
  Tensor linear(const Tensor&, const Weight&, const Weight&) { return {}; }
  Tensor embedding(const Weight&, std::span<const TokenId>) { return {}; }
  Tensor embedding_bag(const Weight&, Indices, std::span<const float>, Index) { return {}; }
  Tensor matmul(const Tensor&, const Tensor&, bool) { return {}; }

  Tensor layer_norm(const Tensor&, const Weight&, const Weight&, float) { return {}; }
  Tensor rms_norm(const Tensor&, const Weight&, float) { return {}; }
  Tensor gelu(const Tensor&, Gelu) { return {}; }
  Tensor silu_mul(const Tensor&, const Tensor&) { return {}; }
  Tensor add(const Tensor&, const Tensor&) { return {}; }
  Tensor mul(const Tensor&, const Tensor&) { return {}; }
  Tensor scale(const Tensor&, float) { return {}; }
  Tensor softmax(const Tensor&) { return {}; }
  Tensor l2_normalize(const Tensor&) { return {}; }
  Tensor sum_rows(const Tensor&) { return {}; }
  Tensor mean_rows(const Tensor&) { return {}; }
  Tensor sum_cols(const Tensor&) { return {}; }
  Tensor max_cols(const Tensor&) { return {}; }

  Tensor slice_rows(const Tensor&, Index, Index) { return {}; }
  Tensor slice_cols(const Tensor&, Index, Index) { return {}; }
  Tensor concat_rows(const std::vector<Tensor>&) { return {}; }
  Tensor reshape(const Tensor&, Index, Index) { return {}; }
  Tensor gather_rows(const Tensor&, Indices) { return {}; }
  Tensor bag_rows(const Tensor&, Indices, std::span<const float>, Index) { return {}; }
  Tensor scatter_rows(const Tensor&, Indices, const Tensor&) { return {}; }
  Tensor scatter_add_rows(const Tensor&, Indices, const Tensor&) { return {}; }

  Tensor rope(const Tensor&, Index, const Tensor&, const Tensor&) { return {}; }
  Attended<Tensor> attention(const Tensor&, const Tensor&, const Tensor&, const AttentionSpec&) { return {}; }
  Cache make_cache(Index, Index) { return Cache(0); }
  void cache_append(Cache&, const Tensor&, const Tensor&) {}
  Tensor cache_keys(const Cache&) { return {}; }
  Tensor cache_values(const Cache&) { return {}; }

  Tensor conv2d(const Tensor&, const Weight&, const Weight&, const Conv2dSpec&) { return {}; }
  Tensor avg_pool(const Tensor&, const Conv2dSpec&) { return {}; }

  void parallel_for(Index, Index, const std::function<void(Index, Index)>&) {}
  int threads() { return 1; }
};

static_assert(check_backend<ArchetypeBackend>());
static_assert(KernelBackend<ArchetypeBackend>);

}  // namespace arrcoc::tests
