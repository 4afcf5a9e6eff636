#pragma once
// LearnedScorer: query coupling by a small trained head on the model's merged vision embeddings.
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/stages.hpp"

namespace arrcoc {

/// score = out . gelu(a v + (b v) * (c q) + d q + bias), v and q layer-normed: v [N, D] merged vision embeddings, q [1, D] the masked mean of the question's
/// token embeddings; a, b, c, d [H, D]. O(N D H). 8.7 k parameters at D = 128, H = 16. Weight: of the backend, so that the trainer keeps its graph.
template <class Weight>
struct LearnedHead {
  Weight token_norm, token_norm_bias, query_norm, query_norm_bias;   // [D]
  Weight token, gate, gate_query, query, bias;                       // a, b, c, d [H, D], bias [H]
  Weight out;                                                        // [1, H]

  static constexpr std::array<std::string_view, 10> names{"scorer.token_norm.weight", "scorer.token_norm.bias", "scorer.query_norm.weight", "scorer.query_norm.bias",
                                                          "scorer.token.weight", "scorer.gate.weight", "scorer.gate_query.weight", "scorer.query.weight",
                                                          "scorer.query.bias", "scorer.out.weight"};
  /// In the order of `names`.
  std::array<Weight*, 10> all() { return {&token_norm, &token_norm_bias, &query_norm, &query_norm_bias, &token, &gate, &gate_query, &query, &bias, &out}; }
  std::array<const Weight*, 10> all() const { return {&token_norm, &token_norm_bias, &query_norm, &query_norm_bias, &token, &gate, &gate_query, &query, &bias, &out}; }
};

/// [N, 1], any real number, higher = more relevant: on a backend, so that a trainer keeps its graph.
template <class B>
typename B::Tensor learned_score(B& b, const LearnedHead<typename B::Weight>& w, const TensorEvidence<B>& e) {
  constexpr float eps = 1e-6f;
  const auto v = b.layer_norm(e.vision, w.token_norm, w.token_norm_bias, eps);                       // [N, D]
  const auto q = b.layer_norm(e.query, w.query_norm, w.query_norm_bias, eps);                        // [1, D]
  const auto coupled = b.mul(b.linear(v, w.gate), b.linear(q, w.gate_query));                        // [N, H]
  const auto hidden = b.add(b.add(b.linear(v, w.token), coupled), b.linear(q, w.query, w.bias));     // [N, H]
  return b.linear(b.gelu(hidden, Gelu::tanh), w.out);                                                // [N, 1]
}

struct LearnedConfig {
  std::string weights;  ///< safetensors file of `arrcoc train scorer`
  bool operator==(const LearnedConfig&) const = default;
};

/// Source: ours; trained by box supervision with the base frozen. Error{bad_weight} when it was trained for another width.
struct LearnedScorer {
  static constexpr std::string_view name = "learned";
  static constexpr Needs needs{Phase::vision, Need::vision | Need::query};
  static constexpr bool row_wise = true;
  using Config = LearnedConfig;
  Config config{};
  std::shared_ptr<const LearnedHead<HostTensor>> head{};   // read from config.weights by whoever can read files (registry/learned.hpp)

  /// On the host plane: the same numbers whatever dtype the backend computes in.
  std::vector<float> score(const Evidence& e) const {
    require_that(head != nullptr, Code::bad_config, "scorers.learned", "weights: expected the file that `arrcoc train scorer` wrote, got none");
    const Index n = e.grid.count(), h = head->token.shape[0], d = head->token.shape[1];
    require_that(e.vision.shape == std::vector<Index>{n, d} && e.query.count() == d, Code::bad_weight, "scorers.learned", [&] {
      return config.weights + ": trained for embeddings of width " + std::to_string(d) + ", got a model of width " + std::to_string(e.query.count()); });
    const LearnedHead<HostTensor>& w = *head;
    const std::vector<double> q = normed(e.query.floats().data(), d, w.query_norm, w.query_norm_bias);
    std::vector<double> gate(static_cast<std::size_t>(h)), shift(gate);
    for (Index k = 0; k < h; ++k) {
      gate[static_cast<std::size_t>(k)] = dot(w.gate_query.floats().data() + k * d, q);
      shift[static_cast<std::size_t>(k)] = dot(w.query.floats().data() + k * d, q) + static_cast<double>(w.bias.floats().data()[k]);
    }
    std::vector<float> out;
    for (Index i = 0; i < n; ++i) {
      const std::vector<double> v = normed(e.vision.floats().data() + i * d, d, w.token_norm, w.token_norm_bias);
      double sum = 0;
      for (Index k = 0; k < h; ++k) {
        const double x = dot(w.token.floats().data() + k * d, v) + dot(w.gate.floats().data() + k * d, v) * gate[static_cast<std::size_t>(k)] + shift[static_cast<std::size_t>(k)];
        sum += static_cast<double>(w.out.floats().data()[k]) * 0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));  // sqrt(2 / pi)
      }
      out.push_back(static_cast<float>(sum));
    }
    return out;
  }

 private:
  static double dot(const float* w, const std::vector<double>& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(w[i]) * x[i];
    return sum;
  }
  static std::vector<double> normed(const float* x, Index n, const HostTensor& weight, const HostTensor& bias) {
    double mean = 0, variance = 0;
    for (Index i = 0; i < n; ++i) mean += static_cast<double>(x[i]);
    mean /= static_cast<double>(n);
    for (Index i = 0; i < n; ++i) variance += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
    const double scale = 1 / std::sqrt(variance / static_cast<double>(n) + 1e-6);
    std::vector<double> out;
    for (Index i = 0; i < n; ++i) out.push_back((static_cast<double>(x[i]) - mean) * scale * static_cast<double>(weight.floats().data()[i]) + static_cast<double>(bias.floats().data()[i]));
    return out;
  }
};
static_assert(check_scorer<LearnedScorer>());

}  // namespace arrcoc
