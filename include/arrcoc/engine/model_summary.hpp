#pragma once
// What is known of a model that was opened, and of the machine under it.
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/model_config.hpp"
#include "arrcoc/core/weight_format.hpp"

namespace arrcoc {

/// Milliseconds of the same work by one set of instructions: many rows and one row of a product, attention.
struct PathSpeed {
  std::string isa, dtype;
  double product = 0, row = 0, attention = 0;
};

/// What is known of the loaded model.
struct ModelSummary {
  std::string path, identity, stored_dtype, backend;
  std::string dtype, isa;  // of the arithmetic: "f32" or "bf16"; of its kernels, empty where a library chooses
  Index weight_bytes = 0;
  bool untrained = false;
  ModelConfig config;
  int threads = 0;
  WeightFormats weights{};
  std::vector<std::string> quantised_files{};   // that matrices were mapped from, from the model's folder on
  std::string attention{};                      // torch on the CPU: whose
  std::pair<double, double> attention_times{};  // milliseconds of the same, own and library, where measured
  std::vector<PathSpeed> measured{};            // where `auto` chose by it
};

/// What a backend reaches at best on this machine, now.
struct MachineLimits {
  double flops_per_second = 0;  // of a large product
  double bytes_per_second = 0;  // of weights read once
  // What no kernel can pass, zero where it is not known of a backend: of multiply-adds in registers alone by the
  // instructions at work, and of memory that is only read.
  double register_flops_per_second = 0, read_bytes_per_second = 0;
};

}  // namespace arrcoc
