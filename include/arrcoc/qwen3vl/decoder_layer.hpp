#pragma once
// One layer of the language model. Shapes: L rows in this call, A = heads * head_dim, K = kv_heads * head_dim, H width.
#include <cmath>
#include <string>
#include <utility>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/qwen3vl/experts.hpp"
#include "arrcoc/qwen3vl/weights.hpp"

namespace arrcoc::qwen3vl {

/// Of the rows of a call, [L, head_dim / 2] each.
template <class B>
struct Rotary {
  typename B::Tensor cos, sin;
};

/// Without experts: gate, up and down.
template <class B>
struct LayerWeights {
  typename B::Weight norm1, q, k, v, o, q_norm, k_norm, norm2, gate, up, down;
  Experts<B> experts;

  LayerWeights(WeightReader<B>& r, const std::string& p, const TextConfig& c, Index layer) {
    const Index h = c.hidden_size, a = c.heads * c.head_dim, kv = c.kv_heads * c.head_dim, i = c.intermediate_size;
    norm1 = r.vector(p + "input_layernorm.weight", h);
    q = r.matrix(p + "self_attn.q_proj.weight", a, h, WeightUse::layer);
    k = r.matrix(p + "self_attn.k_proj.weight", kv, h, WeightUse::layer);
    v = r.matrix(p + "self_attn.v_proj.weight", kv, h, WeightUse::layer);
    o = r.matrix(p + "self_attn.o_proj.weight", h, a, WeightUse::layer);
    q_norm = r.vector(p + "self_attn.q_norm.weight", c.head_dim);
    k_norm = r.vector(p + "self_attn.k_norm.weight", c.head_dim);
    norm2 = r.vector(p + "post_attention_layernorm.weight", h);
    if (c.sparse(layer)) {
      experts = Experts<B>(r, p + "mlp.", c);
    } else {
      gate = r.matrix(p + "mlp.gate_proj.weight", i, h, WeightUse::layer);
      up = r.matrix(p + "mlp.up_proj.weight", i, h, WeightUse::layer);
      down = r.matrix(p + "mlp.down_proj.weight", h, i, WeightUse::layer);
    }
  }
};

/// What a layer makes of its rows before they attend, each computed when it is first asked for, and kept. What it reads
/// must outlive it.
template <class B>
class LayerInside {
  using Tensor = typename B::Tensor;
  using Weight = typename B::Weight;

 public:
  LayerInside(B& b, const TextConfig& c, const LayerWeights<B>& w, Tensor hidden, const Rotary<B>& angles)
      : b_(&b), c_(&c), w_(&w), angles_(&angles), hidden_{std::move(hidden), true} {}

  const Tensor& hidden() const { return hidden_.value; }  // [L, H] input
  /// [L, A], [L, K] behind the head norm, before the rotation. Kept only once they have been asked for.
  const Tensor& q_before() {
    return kept(q_before_, [&] { return normed(w_->q, w_->q_norm); });
  }
  const Tensor& k_before() {
    return kept(k_before_, [&] { return normed(w_->k, w_->k_norm); });
  }
  const Tensor& q() {
    return kept(q_, [&] { return turned(q_before_.there ? q_before() : normed(w_->q, w_->q_norm), c_->heads); });
  }
  const Tensor& k() {
    return kept(k_, [&] { return turned(k_before_.there ? k_before() : normed(w_->k, w_->k_norm), c_->kv_heads); });
  }
  const Tensor& v() {
    return kept(v_, [&] { return b_->linear(norm(), w_->v); });
  }

  /// Lets go of everything but the input and q.
  void keep_queries() {
    for (Part* part : {&norm_, &q_before_, &k_before_, &k_, &v_}) *part = {};
  }

 private:
  struct Part {
    Tensor value{};
    bool there = false;
  };
  template <class Make>
  const Tensor& kept(Part& part, Make&& make) {
    if (!part.there) part = {make(), true};
    return part.value;
  }
  const Tensor& norm() {
    return kept(norm_, [&] { return b_->rms_norm(hidden_.value, w_->norm1, c_->rms_norm_eps); });
  }
  /// A projection, RMSNorm over each head's own elements.
  Tensor normed(const Weight& projection, const Weight& weight) {
    const Tensor x = b_->linear(norm(), projection);
    const Index rows = b_->rows(x), cols = b_->cols(x), d = c_->head_dim;
    return b_->reshape(b_->rms_norm(b_->reshape(x, rows * cols / d, d), weight, c_->rms_norm_eps), rows, cols);
  }
  Tensor turned(const Tensor& x, Index heads) { return b_->rope(x, heads, angles_->cos, angles_->sin); }

  B* b_;
  const TextConfig* c_;
  const LayerWeights<B>* w_;
  const Rotary<B>* angles_;
  Part hidden_, norm_, q_before_, k_before_, q_, k_, v_;
};

/// What attends to `cached` rows in front of it, and causally to itself.
inline AttentionSpec causal_spec(const TextConfig& c, Index cached) {
  AttentionSpec spec;
  spec.heads = c.heads;
  spec.kv_heads = c.kv_heads;
  spec.scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
  spec.causal = true;
  spec.causal_offset = cached;
  return spec;
}

/// The rest of a layer, whose keys and values `cache` holds already: [L, H].
template <class B>
typename B::Tensor finish_layer(B& b, const TextConfig& c, const LayerWeights<B>& w, LayerInside<B>& in,
                                typename B::Cache& cache, const AttentionSpec& spec) {
  const auto a = b.attention(in.q(), b.cache_keys(cache), b.cache_values(cache), spec).out;  // [L, A]
  const auto h = b.add(in.hidden(), b.linear(a, w.o));
  const auto f = b.rms_norm(h, w.norm2, c.rms_norm_eps);
  if (!w.experts.empty()) return b.add(h, w.experts.run(b, f));
  return b.add(h, b.linear(b.silu_mul(b.linear(f, w.gate), b.linear(f, w.up)), w.down));
}

}  // namespace arrcoc::qwen3vl
