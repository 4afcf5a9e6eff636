#pragma once
// A small trained head over a token's merged vision embedding and the question: what learned scorers and learned depth
// rules are made of.
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/stages.hpp"

namespace arrcoc {

/// values = out . gelu(a v + (b v) * (c q) + d q + bias), v and q layer-normed: v [N, D] merged vision embeddings, q
/// [1, D] the masked mean of the question's token embeddings; a, b, c, d [H, D]; O outputs. O(N D H). 8.7 k parameters
/// at D = 128, H = 16, O = 1. Weight: of the backend, so that the trainer keeps its graph.
template <class Weight>
struct LearnedHead {
  Weight token_norm, token_norm_bias, query_norm, query_norm_bias;  // [D]
  Weight token, gate, gate_query, query, bias;                      // a, b, c, d [H, D], bias [H]
  Weight out;                                                       // [O, H]

  /// In a file: behind the prefix of what it is part of ("scorer.").
  static constexpr std::array<std::string_view, 10> names{
      "token_norm.weight", "token_norm.bias",   "query_norm.weight", "query_norm.bias", "token.weight",
      "gate.weight",       "gate_query.weight", "query.weight",      "query.bias",      "out.weight"};
  /// In the order of `names`.
  std::array<Weight*, 10> all() {
    return {&token_norm, &token_norm_bias, &query_norm, &query_norm_bias, &token, &gate, &gate_query, &query, &bias,
            &out};
  }
  std::array<const Weight*, 10> all() const {
    return {&token_norm, &token_norm_bias, &query_norm, &query_norm_bias, &token, &gate, &gate_query, &query, &bias,
            &out};
  }
  static std::array<std::vector<Index>, 10> shapes(Index d, Index h, Index o) {
    return {{{d}, {d}, {d}, {d}, {h, d}, {h, d}, {h, d}, {h, d}, {h}, {o, h}}};
  }
};

/// [N, O], any real numbers: on a backend, so that a trainer keeps its graph.
template <class B>
typename B::Tensor learned_values(B& b, const LearnedHead<typename B::Weight>& w, const TensorEvidence<B>& e) {
  constexpr float eps = 1e-6f;
  const auto v = b.layer_norm(e.vision, w.token_norm, w.token_norm_bias, eps);                    // [N, D]
  const auto q = b.layer_norm(e.query, w.query_norm, w.query_norm_bias, eps);                     // [1, D]
  const auto coupled = b.mul(b.linear(v, w.gate), b.linear(q, w.gate_query));                     // [N, H]
  const auto hidden = b.add(b.add(b.linear(v, w.token), coupled), b.linear(q, w.query, w.bias));  // [N, H]
  return b.linear(b.gelu(hidden, Gelu::tanh), w.out);                                             // [N, O]
}

/// The same on the host plane: the same numbers whatever dtype a backend computes in. `where` names the setting `file`
/// in messages. Error{bad_weight} when the head was trained for another width.
inline std::vector<double> learned_values(const LearnedHead<HostTensor>& w, const Evidence& e, std::string_view where,
                                          std::string_view file) {
  const Index n = e.count(), h = w.token.shape[0], d = w.token.shape[1], outputs = w.out.shape[0];
  require_that(e.vision->shape == std::vector<Index>{n, d} && e.query->count() == d, Code::bad_weight, where, [&] {
    return std::string(file) + ": trained for embeddings of width " + std::to_string(d) + ", got a model of width " +
           std::to_string(e.query->count());
  });
  const auto dot = [](const HostTensor& m, Index row, const std::vector<double>& x) {
    const float* p = m.floats().data() + row * static_cast<Index>(x.size());
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(p[i]) * x[i];
    return sum;
  };
  const auto normed = [d](const float* x, const HostTensor& weight, const HostTensor& bias) {
    double mean = 0, variance = 0;
    for (Index i = 0; i < d; ++i) mean += static_cast<double>(x[i]);
    mean /= static_cast<double>(d);
    for (Index i = 0; i < d; ++i) variance += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean);
    const double scale = 1 / std::sqrt(variance / static_cast<double>(d) + 1e-6);
    std::vector<double> out;
    for (Index i = 0; i < d; ++i)
      out.push_back((static_cast<double>(x[i]) - mean) * scale * static_cast<double>(weight.floats().data()[i]) +
                    static_cast<double>(bias.floats().data()[i]));
    return out;
  };
  const std::vector<double> q = normed(e.query->floats().data(), w.query_norm, w.query_norm_bias);
  std::vector<double> gate, shift, units(static_cast<std::size_t>(h)), out;
  for (Index k = 0; k < h; ++k) {
    gate.push_back(dot(w.gate_query, k, q));
    shift.push_back(dot(w.query, k, q) + static_cast<double>(w.bias.floats().data()[k]));
  }
  for (Index i = 0; i < n; ++i) {
    const std::vector<double> v = normed(e.vision->floats().data() + i * d, w.token_norm, w.token_norm_bias);
    for (Index k = 0; k < h; ++k) {
      const double x = dot(w.token, k, v) + dot(w.gate, k, v) * gate[static_cast<std::size_t>(k)] +
                       shift[static_cast<std::size_t>(k)];
      units[static_cast<std::size_t>(k)] =
          0.5 * x * (1 + std::tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));  // sqrt(2 / pi)
    }
    for (Index o = 0; o < outputs; ++o) out.push_back(dot(w.out, o, units));
  }
  return out;
}

}  // namespace arrcoc
