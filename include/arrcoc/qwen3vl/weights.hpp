#pragma once
// Fetches tensors by name, checks their shapes, and hands them to a backend.
#include <string>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/model_config.hpp"

namespace arrcoc::qwen3vl {

template <class B>
class WeightReader {
 public:
  WeightReader(B& backend, const WeightLookup& lookup) : backend_(backend), lookup_(lookup) {}

  typename B::Weight matrix(const std::string& name, Index out, Index in, Layout layout = Layout::out_in) {
    HostTensor t = fetch(name);
    const Index rows = t.dim(0);
    require_that(!t.shape.empty() && rows > 0 && t.count() == out * in && rows == (layout == Layout::in_out ? in : out), Code::bad_weight, "weights",
                 [&] { return name + ": expected [" + std::to_string(out) + ", " + std::to_string(in) + "], got " + shape_text(t.shape); });
    t.shape = layout == Layout::in_out ? std::vector<Index>{in, out} : std::vector<Index>{out, in};
    return backend_.import_weight(t, layout);
  }
  typename B::Weight vector(const std::string& name, Index n) {
    HostTensor t = fetch(name);
    require_that(t.shape == std::vector<Index>{n}, Code::bad_weight, "weights",
                 [&] { return name + ": expected [" + std::to_string(n) + "], got " + shape_text(t.shape); });
    return backend_.import_weight(t, Layout::vector);
  }
  bool has(const std::string& name) const { return lookup_(name).has_value(); }

 private:
  HostTensor fetch(const std::string& name) {
    auto t = lookup_(name);
    require_that(t.has_value(), Code::bad_weight, "weights", [&] { return name + ": expected in the checkpoint, got none"; });
    require_that(t->dtype == DType::f32 || t->dtype == DType::bf16 || t->dtype == DType::f16, Code::bad_weight, "weights",
                 [&] { return name + ": expected F32, BF16 or F16, got " + std::string(name_of(t->dtype)); });
    return *t;
  }
  B& backend_;
  const WeightLookup& lookup_;
};

}  // namespace arrcoc::qwen3vl
