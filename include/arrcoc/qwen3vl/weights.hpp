#pragma once
// Fetches tensors by name, checks their shapes, and hands them to a backend.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/model_config.hpp"
#include "arrcoc/core/weight_format.hpp"

namespace arrcoc::qwen3vl {

/// Tensors that are read, and checked for NaN and infinity, only where they are used (LazyWeight).
inline bool read_on_use(std::string_view name) {
  return name.ends_with(".mlp.experts.gate_up_proj") || name.ends_with(".mlp.experts.down_proj");
}

/// A matrix in the form that the backend keeps for its use, where it makes a difference.
template <class B>
typename B::Weight for_use(B& b, typename B::Weight w, WeightUse use, [[maybe_unused]] std::string_view name) {
  if constexpr (requires { b.for_use(w, use, name); }) return b.for_use(w, use, name);
  else return w;
}

/// Whether the backend knows of all values of the model that they are finite.
template <class B>
bool values_checked([[maybe_unused]] const B& b) {
  if constexpr (requires { b.values_checked(); }) return b.values_checked();
  else return false;
}

/// One matrix for each expert, one after the other, where they lie.
struct StackedWeight {
  HostTensor stored;  // [E, out, in] or [E, in, out]
  Layout layout = Layout::out_in;
};

template <class B>
class WeightReader {
 public:
  WeightReader(B& backend, const WeightLookup& lookup) : backend_(backend), lookup_(lookup) {}

  typename B::Weight matrix(const std::string& name, Index out, Index in, WeightUse use = WeightUse::other,
                            Layout layout = Layout::out_in) {
    HostTensor t = fetch(name);
    const Index rows = t.dim(0);
    require_that(!t.shape.empty() && rows > 0 && t.count() == out * in && rows == (layout == Layout::in_out ? in : out),
                 Code::bad_weight, "weights", [&] {
                   return name + ": expected [" + std::to_string(out) + ", " + std::to_string(in) + "], got " +
                          shape_text(t.shape);
                 });
    t.shape = layout == Layout::in_out ? std::vector<Index>{in, out} : std::vector<Index>{out, in};
    return for_use(backend_, backend_.import_weight(t, layout), use, name);
  }
  typename B::Weight vector(const std::string& name, Index n) {
    HostTensor t = fetch(name);
    require_that(t.shape == std::vector<Index>{n}, Code::bad_weight, "weights",
                 [&] { return name + ": expected [" + std::to_string(n) + "], got " + shape_text(t.shape); });
    return backend_.import_weight(t, Layout::vector);
  }
  /// `prefix`gate_up_proj and `prefix`down_proj, not imported. Released checkpoints hold [E, H, 2I] and [E, I, H] (the
  /// input first), those that transformers 5 saved hold [E, 2I, H] and [E, H, I]: the shape tells. Where one is square,
  /// the other is not, and tells for both.
  std::pair<StackedWeight, StackedWeight> experts(const std::string& prefix, Index count, Index h, Index inner) {
    StackedWeight gate_up{fetch(prefix + "gate_up_proj")}, down{fetch(prefix + "down_proj")};
    const auto read = [&](StackedWeight& w, const char* name, Index out, Index in) {
      const std::vector<Index> newer{count, out, in}, released{count, in, out};
      require_that(w.stored.shape == newer || w.stored.shape == released, Code::bad_weight, "weights", [&] {
        return prefix + name + ": expected " + shape_text(released) + " or " + shape_text(newer) + ", got " +
               shape_text(w.stored.shape);
      });
      w.layout = w.stored.shape == newer ? Layout::out_in : Layout::in_out;
    };
    read(gate_up, "gate_up_proj", 2 * inner, h);
    read(down, "down_proj", h, inner);
    if (h == 2 * inner) gate_up.layout = down.layout;
    if (h == inner) down.layout = gate_up.layout;
    return {std::move(gate_up), std::move(down)};
  }
  bool has(const std::string& name) const { return lookup_(name).has_value(); }

 private:
  HostTensor fetch(const std::string& name) {
    auto t = lookup_(name);
    require_that(t.has_value(), Code::bad_weight, "weights",
                 [&] { return name + ": expected in the checkpoint, got none"; });
    require_that(t->dtype == DType::f32 || t->dtype == DType::bf16 || t->dtype == DType::f16, Code::bad_weight,
                 "weights",
                 [&] { return name + ": expected F32, BF16 or F16, got " + std::string(name_of(t->dtype)); });
    return *t;
  }
  B& backend_;
  const WeightLookup& lookup_;
};

}  // namespace arrcoc::qwen3vl
