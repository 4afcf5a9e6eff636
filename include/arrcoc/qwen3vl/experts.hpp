#pragma once
// The mixture of experts of Qwen3-VL-MoE: for each row a router picks k of E gated networks, and their outputs are
// summed by its weights. Shapes: n rows, H width, I inner width of an expert.
#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/qwen3vl/weights.hpp"

namespace arrcoc::qwen3vl {

/// Which experts each row goes to: entries [i * k, (i + 1) * k) belong to row i, experts ascending.
struct Routing {
  std::vector<Index> experts;
  std::vector<float> weights;  // of a row: they sum to 1
};

/// Softmax in float32 over all of a row's logits, its k largest (ties to the smaller index), divided by their sum.
/// Decided on the host, so that equal logits choose equal experts on every backend. NaN stays NaN. logits [n, experts];
/// 1 <= k <= experts.
inline Routing route(std::span<const float> logits, Index experts, Index k) {
  const auto e = static_cast<std::size_t>(experts), per_row = static_cast<std::size_t>(k);
  Routing r;
  r.experts.reserve(logits.size() / e * per_row);
  r.weights.reserve(logits.size() / e * per_row);
  std::vector<float> p(e);
  std::vector<std::size_t> chosen;
  std::vector<bool> taken;
  for (std::size_t first = 0; first + e <= logits.size(); first += e) {
    const float top = *std::max_element(logits.begin() + static_cast<std::ptrdiff_t>(first),
                                        logits.begin() + static_cast<std::ptrdiff_t>(first + e));
    double total = 0, kept = 0;
    for (std::size_t i = 0; i < e; ++i) total += static_cast<double>(p[i] = std::exp(logits[first + i] - top));
    for (float& v : p) v = static_cast<float>(static_cast<double>(v) / total);
    chosen.clear();
    taken.assign(e, false);
    while (chosen.size() < per_row) {
      std::size_t best = e;
      for (std::size_t i = 0; i < e; ++i)
        if (!taken[i] && (best == e || p[i] > p[best])) best = i;
      taken[best] = true;
      kept += static_cast<double>(p[best]);
      chosen.push_back(best);
    }
    std::sort(chosen.begin(), chosen.end());
    for (const std::size_t i : chosen) {
      r.experts.push_back(static_cast<Index>(i));
      r.weights.push_back(static_cast<float>(static_cast<double>(p[i]) / kept));
    }
  }
  return r;
}

/// A weight that stays where it lies until it is asked for, then checked for NaN and infinity and imported, once.
/// Copies share it.
template <class B>
class LazyWeight {
 public:
  LazyWeight(std::string name, HostTensor stored, Layout layout)
      : state_(std::make_shared<State>(std::move(name), std::move(stored), layout)) {}
  typename B::Weight get(B& b) const {
    const std::lock_guard lock(state_->mutex);
    if (!state_->loaded) {
      if (!values_checked(b)) check_finite(state_->name, state_->stored);
      state_->weight = for_use(b, b.import_weight(state_->stored, state_->layout), WeightUse::layer, state_->name);
      state_->loaded = true;
    }
    return state_->weight;
  }
  /// As stored; 0 before the first use.
  Index bytes_used() const {
    const std::lock_guard lock(state_->mutex);
    return state_->loaded ? state_->stored.bytes() : 0;
  }

 private:
  struct State {
    State(std::string n, HostTensor t, Layout l) : name(std::move(n)), stored(std::move(t)), layout(l) {}
    std::mutex mutex;
    std::string name;
    HostTensor stored;
    Layout layout;
    typename B::Weight weight{};
    bool loaded = false;
  };
  std::shared_ptr<State> state_;
};

template <class B>
class Experts {
  using Tensor = typename B::Tensor;

 public:
  Experts() = default;
  /// Reads `prefix`gate.weight [E, H], `prefix`experts.gate_up_proj and `prefix`experts.down_proj (see
  /// WeightReader::experts).
  Experts(WeightReader<B>& reader, const std::string& prefix, const TextConfig& c)
      : count_(c.experts),
        per_row_(c.experts_per_token),
        inner_(c.expert_intermediate_size),
        router_(reader.matrix(prefix + "gate.weight", c.experts, c.hidden_size)) {
    const Index h = c.hidden_size;
    const auto [gate_up, down] = reader.experts(prefix + "experts.", count_, h, inner_);
    for (Index e = 0; e < count_; ++e) {
      gate_up_.push_back(one_of(prefix + "experts.gate_up_proj", gate_up, e, 2 * inner_, h));
      down_.push_back(one_of(prefix + "experts.down_proj", down, e, h, inner_));
    }
  }

  bool empty() const { return count_ == 0; }
  /// As if rows had gone to all of them.
  void import_all(B& b) const {
    for (const auto* all : {&gate_up_, &down_})
      for (const LazyWeight<B>& w : *all) w.get(b);
  }
  /// How many experts rows have gone to so far, and the bytes of the checkpoint they take.
  std::pair<Index, Index> used() const {
    std::pair<Index, Index> u{0, 0};
    for (std::size_t e = 0; e < gate_up_.size(); ++e) {
      u.first += gate_up_[e].bytes_used() > 0 ? 1 : 0;
      u.second += gate_up_[e].bytes_used() + down_[e].bytes_used();
    }
    return u;
  }

  /// x [n, H] -> [n, H]. Rows are grouped by expert, experts ascending, and each row's outputs are summed in that
  /// order.
  Tensor run(B& b, const Tensor& x) const {
    const Index rows = b.rows(x), step = std::max<Index>(1, block_values / (per_row_ * b.cols(x)));
    if (rows <= step) return rows == 0 ? x : block(b, x);
    std::vector<Tensor> parts;
    for (Index i = 0; i < rows; i += step) parts.push_back(block(b, b.slice_rows(x, i, std::min(rows, i + step))));
    return b.concat_rows(parts);
  }

 private:
  // Expert outputs held at a time: 128 MiB of float32, twice while they are joined.
  static constexpr Index block_values = Index{1} << 25;

  static LazyWeight<B> one_of(const std::string& name, const StackedWeight& all, Index e, Index out, Index in) {
    HostTensor t = all.stored;
    t.shape = all.layout == Layout::in_out ? std::vector<Index>{in, out} : std::vector<Index>{out, in};
    t.data += e * t.bytes();
    return {name + "[" + std::to_string(e) + "]", std::move(t), all.layout};
  }

  Tensor block(B& b, const Tensor& x) const {
    const Routing routing = route(b.to_host(b.linear(x, router_)), count_, per_row_);
    std::vector<Index> start(static_cast<std::size_t>(count_) + 1);
    for (const Index e : routing.experts) ++start[static_cast<std::size_t>(e) + 1];
    for (std::size_t e = 1; e < start.size(); ++e) start[e] += start[e - 1];
    // The rows expert by expert, and where each row's k outputs end up.
    std::vector<Index> source(routing.experts.size()), place(routing.experts.size()), next(start);
    for (std::size_t i = 0; i < place.size(); ++i) {
      place[i] = next[static_cast<std::size_t>(routing.experts[i])]++;
      source[static_cast<std::size_t>(place[i])] = static_cast<Index>(i) / per_row_;
    }
    std::vector<Tensor> outputs;
    for (std::size_t e = 0; e + 1 < start.size(); ++e) {
      if (start[e] == start[e + 1]) continue;
      const Tensor in =
          b.gather_rows(x, std::span<const Index>(source).subspan(static_cast<std::size_t>(start[e]),
                                                                  static_cast<std::size_t>(start[e + 1] - start[e])));
      const Tensor both = b.linear(in, gate_up_[e].get(b));  // gate, then up
      const Tensor gated = b.silu_mul(b.slice_cols(both, 0, inner_), b.slice_cols(both, inner_, 2 * inner_));
      outputs.push_back(b.linear(gated, down_[e].get(b)));
    }
    return b.bag_rows(b.concat_rows(outputs), place, routing.weights, per_row_);
  }

  Index count_ = 0, per_row_ = 0, inner_ = 0;
  typename B::Weight router_{};
  std::vector<LazyWeight<B>> gate_up_, down_;
};

}  // namespace arrcoc::qwen3vl
