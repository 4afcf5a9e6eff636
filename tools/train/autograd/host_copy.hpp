#pragma once
#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc::train {

/// The values as float32 on the host, without a graph.
inline HostTensor host_copy(const at::Tensor& t, std::vector<Index> shape) {
  const at::Tensor v = t.detach().to(at::kCPU, at::kFloat).contiguous();
  return host_tensor(std::vector<float>(v.const_data_ptr<float>(), v.const_data_ptr<float>() + v.numel()),
                     std::move(shape));
}
inline HostTensor host_copy(const at::Tensor& t) { return host_copy(t, t.sizes().vec()); }

}  // namespace arrcoc::train
