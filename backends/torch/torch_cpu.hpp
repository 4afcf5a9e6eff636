#pragma once
// Loops of our own for the CPU, where the library has none as fast: norms and rotation in one pass over memory,
// attention in blocks. They read and write float32 or bfloat16 rows; sums and the softmax are float32. Not for
// autograd.
#include <ATen/core/Tensor.h>

#include <memory>

#include "arrcoc/core/kernel_backend.hpp"

namespace arrcoc::eigen {
class MemoryPool;
}

namespace arrcoc::torch_detail {

/// Whether these loops may walk t: on the CPU, float32 or bfloat16, neighbours side by side.
bool plain_rows(const at::Tensor& t);

/// x [L, n], w [n] of x's type. Rounded as the reference does: after the division and after the product.
at::Tensor rms_norm_rows(const at::Tensor& x, const at::Tensor& w, float eps);
/// x [L, heads * 2 * half]; cos and sin [L, half] float32.
at::Tensor rope_rows(const at::Tensor& x, Index heads, const at::Tensor& cos, const at::Tensor& sin);
/// At least two queries; shapes as KernelBackend::attention, already checked. bfloat16 inputs: products of bf16 pairs
/// where the machine has them. Scratch memory comes from `pool` and goes back to it.
Attended<at::Tensor> attention_rows(const std::shared_ptr<eigen::MemoryPool>& pool, const at::Tensor& q,
                                    const at::Tensor& k, const at::Tensor& v, const AttentionSpec& spec);
std::shared_ptr<eigen::MemoryPool> make_pool();

}  // namespace arrcoc::torch_detail
