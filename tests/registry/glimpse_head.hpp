#pragma once
// A head with drawn weights for the scorer `glimpseprune`, as plugins/glimpseprune/train.py writes one.
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/safetensors.hpp"

namespace arrcoc::tests {

/// Of a model with so many heads in the language model, and features of these widths.
inline std::string write_glimpse_head(const std::filesystem::path& file, Index heads, Index tower, Index merged,
                                      Index width = 6, Index condition = 4, Index inner = 5) {
  std::map<std::string, HostTensor, std::less<>> all;
  Rng rng(9);
  const auto draw = [&](const std::string& name, std::vector<Index> shape) {
    Index count = 1;
    for (const Index s : shape) count *= s;
    std::vector<float> values;
    for (Index i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.uniform()) - 0.5f);
    all.emplace(name, host_tensor(std::move(values), std::move(shape)));
  };
  draw("in.weight", {width, heads});
  draw("in.bias", {width});
  draw("out.weight", {1, width});
  draw("out.bias", {1});
  for (Index i = 0; i < 4; ++i) {
    const std::string at = std::to_string(i) + ".";
    draw(at + "condition.weight", {condition, i == 0 ? merged : tower});
    draw(at + "gate.weight", {inner, width + condition});
    draw(at + "up.weight", {inner, width + condition});
    draw(at + "down.weight", {width, inner});
  }
  io::write_safetensors(file, all);
  return file.string();
}

}  // namespace arrcoc::tests
