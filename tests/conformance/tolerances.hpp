#pragma once
// How far a backend's kernel may lie from the double-precision reference: |got - want| <= absolute + relative * |want|.
// One row a kernel, one column a backend; docs/backends.md says where the numbers come from.
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

namespace arrcoc::conformance {

struct Tolerance {
  double absolute = 0, relative = 0;
};

struct ToleranceRow {
  std::string_view kernel;
  Tolerance eigen, torch, xtensor;
};

/// Inputs are drawn from (-2, 2); matrix depths reach 600. {0, 0}: the bits are stated exactly.
inline constexpr std::array<ToleranceRow, 20> tolerances{{
    //  kernel          eigen            torch            xtensor
    {"exact", {0, 0}, {0, 0}, {0, 0}},
    {"linear", {6e-5, 2e-6}, {1e-4, 4e-6}, {1e-4, 4e-6}},
    {"matmul", {3e-5, 2e-6}, {4e-5, 4e-6}, {4e-5, 4e-6}},
    {"embedding_bag", {5e-7, 5e-7}, {1e-6, 1e-6}, {1e-6, 1e-6}},
    {"layer_norm", {2e-6, 1e-6}, {4e-6, 4e-6}, {2e-5, 1e-5}},
    {"rms_norm", {1e-7, 1e-6}, {1e-6, 2e-6}, {2e-6, 4e-6}},
    {"gelu_tanh", {1e-7, 1e-6}, {1e-6, 2e-6}, {1e-6, 2e-6}},
    {"gelu_erf", {1e-7, 5e-7}, {1e-6, 1e-6}, {1e-6, 1e-6}},
    {"silu_mul", {1e-7, 5e-7}, {1e-6, 1e-6}, {1e-6, 1e-6}},
    {"elementwise", {0, 1.2e-7}, {0, 1.2e-7}, {0, 1.2e-7}},
    {"softmax", {1e-9, 1e-6}, {1e-7, 2e-6}, {1e-7, 2e-6}},
    {"l2_normalize", {1e-8, 5e-7}, {1e-7, 2e-6}, {1e-7, 4e-6}},
    {"reduction", {2e-5, 1e-6}, {4e-5, 4e-6}, {1e-4, 1e-5}},
    {"rope", {5e-7, 3e-7}, {1e-6, 1e-6}, {1e-6, 1e-6}},
    {"attention", {4e-6, 4e-6}, {6e-6, 6e-6}, {1e-5, 1e-5}},
    {"attention_long", {1e-5, 1e-5}, {2e-5, 2e-5}, {4e-5, 4e-5}},
    {"received", {2e-6, 4e-6}, {1e-5, 1e-5}, {2e-5, 2e-5}},
    {"conv2d", {2e-5, 2e-6}, {4e-5, 4e-6}, {4e-5, 4e-6}},
    {"avg_pool", {5e-7, 5e-7}, {1e-6, 1e-6}, {1e-6, 1e-6}},
    {"gelu_tail", {2e-8, 3e-6}, {2e-6, 1e-5}, {4e-7, 1e-5}},
}};

inline Tolerance tolerance(std::string_view backend, std::string_view kernel) {
  for (const ToleranceRow& r : tolerances) {
    if (r.kernel != kernel) continue;
    if (backend == "eigen") return r.eigen;
    if (backend == "torch") return r.torch;
    if (backend == "xtensor") return r.xtensor;
    throw std::logic_error("tolerances.hpp: no column for backend " + std::string(backend));
  }
  throw std::logic_error("tolerances.hpp: no row for " + std::string(kernel));
}

}  // namespace arrcoc::conformance
