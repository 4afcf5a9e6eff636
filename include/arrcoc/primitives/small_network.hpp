#pragma once
// A small trained network on the host plane: linear layers with ReLU between them.
#include <algorithm>
#include <string_view>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc {

/// x [I] -> [O], in double, sums in index order: the same bytes on every machine. weights[l] [out, in], biases[l]
/// [out]; each layer's width is the next one's input. In a file: PREFIX.0.weight, PREFIX.0.bias, PREFIX.2.weight ...,
/// as torch's Sequential of Linear and ReLU names them. O(weights).
struct SmallNetwork {
  std::vector<HostTensor> weights, biases;

  Index inputs() const { return weights.empty() ? 0 : weights.front().shape[1]; }
  Index outputs() const { return weights.empty() ? 0 : weights.back().shape[0]; }

  std::vector<double> operator()(const std::vector<double>& in) const {
    require_that(static_cast<Index>(in.size()) == inputs(), Code::shape_mismatch, "network",
                 [&] { return "expected " + std::to_string(inputs()) + " numbers, got " + std::to_string(in.size()); });
    std::vector<double> x = in;
    for (std::size_t l = 0; l < weights.size(); ++l) {
      std::vector<double> next;
      const float* w = weights[l].floats().data();
      for (const float bias : biases[l].floats()) {
        double sum = bias;
        for (const double v : x) sum += v * static_cast<double>(*w++);
        next.push_back(l + 1 < weights.size() ? std::max(0.0, sum) : sum);
      }
      x = std::move(next);
    }
    return x;
  }
};

}  // namespace arrcoc
