#pragma once
// The language model of Qwen3-VL: RMSNorm, QK-norm, grouped-query attention with interleaved M-RoPE, SwiGLU or experts,
// DeepStack. Shapes: L rows in this call, A = heads * head_dim, K = kv_heads * head_dim, H width, V vocabulary.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/trace.hpp"
#include "arrcoc/qwen3vl/experts.hpp"
#include "arrcoc/qwen3vl/injected.hpp"
#include "arrcoc/qwen3vl/layer_hook.hpp"
#include "arrcoc/qwen3vl/weights.hpp"

namespace arrcoc::qwen3vl {

/// Keys and values seen so far, a length per layer, and where the next token stands.
template <class B>
struct KvCache {
  std::vector<typename B::Cache> layers;
  std::vector<Index> lengths;  // [layers] rows cached
  Index next_position = 0;     // of the next token, on all three axes
};

template <class B>
class LanguageModel {
  using Tensor = typename B::Tensor;
  using Weight = typename B::Weight;

 public:
  LanguageModel() = default;
  LanguageModel(B& b, const TextConfig& config, const WeightLookup& lookup)
      : config_(config), inv_freq_(inverse_frequencies(config)) {
    WeightReader<B> r(b, lookup);
    const Index h = config.hidden_size, a = config.heads * config.head_dim, k = config.kv_heads * config.head_dim,
                i = config.intermediate_size;
    const std::string m = "model.language_model.";
    embed_ = r.matrix(m + "embed_tokens.weight", config.vocab_size, h);
    for (Index l = 0; l < config.layers; ++l) {
      const std::string p = m + "layers." + std::to_string(l) + ".";
      layers_.push_back({r.vector(p + "input_layernorm.weight", h),
                         r.matrix(p + "self_attn.q_proj.weight", a, h),
                         r.matrix(p + "self_attn.k_proj.weight", k, h),
                         r.matrix(p + "self_attn.v_proj.weight", k, h),
                         r.matrix(p + "self_attn.o_proj.weight", h, a),
                         r.vector(p + "self_attn.q_norm.weight", config.head_dim),
                         r.vector(p + "self_attn.k_norm.weight", config.head_dim),
                         r.vector(p + "post_attention_layernorm.weight", h),
                         {},
                         {},
                         {},
                         {}});
      Layer& layer = layers_.back();
      if (config.sparse(l)) {
        layer.experts = Experts<B>(r, p + "mlp.", config);
      } else {
        layer.gate = r.matrix(p + "mlp.gate_proj.weight", i, h);
        layer.up = r.matrix(p + "mlp.up_proj.weight", i, h);
        layer.down = r.matrix(p + "mlp.down_proj.weight", h, i);
      }
    }
    norm_ = r.vector(m + "norm.weight", h);
    if (r.has("lm_head.weight")) {
      head_ = r.matrix("lm_head.weight", config.vocab_size, h);
    } else {
      require_that(config.tie_word_embeddings, Code::bad_weight, "weights",
                   "lm_head.weight: expected in an untied checkpoint, got none");
      head_ = embed_;
    }
  }

  const TextConfig& config() const { return config_; }

  /// Experts that rows have gone to so far, of all layers, and the bytes of the checkpoint they take: those alone have
  /// been read.
  std::pair<Index, Index> experts_used() const {
    std::pair<Index, Index> sum{0, 0};
    for (const Layer& l : layers_) {
      const auto [count, bytes] = l.experts.used();
      sum.first += count;
      sum.second += bytes;
    }
    return sum;
  }

  Tensor embed(B& b, const std::vector<TokenId>& ids) const {
    for (const TokenId id : ids)
      require_that(id >= 0 && id < config_.vocab_size, Code::bad_prompt, "language_model", [&] {
        return "token id " + std::to_string(id) + ": expected below " + std::to_string(config_.vocab_size);
      });
    return b.embedding(embed_, ids);
  }

  /// Runs a whole prompt. Returns the hidden rows after the final norm, [L at the end, H]; `state` is filled for
  /// decoding.
  Tensor prefill(B& b, Injected<B> in, KvCache<B>& state, Index capacity, Trace* trace = nullptr,
                 LayerHook<B>* hook = nullptr) const {
    start(b, state, b.rows(in.embeddings) + capacity);
    return extend(b, std::move(in), state, trace, hook);
  }

  /// Runs the next rows of a prompt behind those that `state` holds; they see all of them and, causally, each other.
  Tensor extend(B& b, Injected<B> in, KvCache<B>& state, Trace* trace = nullptr, LayerHook<B>* hook = nullptr) const {
    state.next_position = in.positions.next;
    run_layers(b, in, state, 0, static_cast<Index>(layers_.size()), trace, hook);
    return last_norm(b, in.embeddings);
  }

  /// Layers [first, last) over `in`, whose embeddings are the input of layer `first` and become the input of layer
  /// `last`; `state` was begun with room for its rows.
  void run_layers(B& b, Injected<B>& in, KvCache<B>& state, Index first, Index last, Trace* trace = nullptr,
                  LayerHook<B>* hook = nullptr) const {
    Rotary angles = rotary(b, in.positions);
    Tensor& x = in.embeddings;
    for (auto l = static_cast<std::size_t>(first); l < static_cast<std::size_t>(last); ++l) {
      if (hook != nullptr) {
        if (const auto edit = hook->before_layer(b, static_cast<Index>(l), LayerView<B>{x, in.rows})) {
          check_edit(in, *edit);
          x = b.gather_rows(x, edit->keep);
          drop_rows(b, in, l, edit->keep);
          angles = rotary(b, in.positions);
        }
      }
      x = layer(b, layers_[l], x, angles, state.layers[l],
                attention_spec(state.lengths[l], in.segments, in.shared_prefix));
      state.lengths[l] += b.rows(x);
      if (trace) tap(trace, "text.layer" + std::to_string(l) + ".before_deepstack", b, x);
      if (l < in.levels.size() && !in.levels[l].rows.empty())
        x = b.scatter_add_rows(x, in.levels[l].rows, in.levels[l].features);
      if (trace) tap(trace, "text.layer" + std::to_string(l), b, x);
    }
  }

  /// An empty cache with room for `capacity` rows in each layer.
  void start(B& b, KvCache<B>& state, Index capacity) const {
    state.layers.clear();
    for (std::size_t l = 0; l < layers_.size(); ++l)
      state.layers.push_back(b.make_cache(capacity, config_.kv_heads * config_.head_dim));
    state.lengths.assign(layers_.size(), 0);
  }

  /// A state of its own that goes on from the same rows, with room for `capacity` more.
  KvCache<B> fork(B& b, KvCache<B>& state, Index capacity) const {
    KvCache<B> out;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      out.layers.push_back(b.make_cache(state.lengths[l] + capacity, config_.kv_heads * config_.head_dim));
      if (state.lengths[l] > 0)
        b.cache_append(out.layers[l], b.cache_keys(state.layers[l]), b.cache_values(state.layers[l]));
    }
    out.lengths = state.lengths;
    out.next_position = state.next_position;
    return out;
  }

  /// Feeds one token. Returns its hidden row after the final norm, [1, H].
  Tensor step(B& b, TokenId token, KvCache<B>& state) const {
    Positions p;
    const auto at = static_cast<float>(state.next_position++);
    p.push(at, at, at);
    const Rotary angles = rotary(b, p);
    Tensor x = embed(b, {token});
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      x = layer(b, layers_[l], x, angles, state.layers[l], attention_spec(state.lengths[l], {}, 0));
      state.lengths[l] += 1;
    }
    return last_norm(b, x);
  }

  /// The norm behind the last layer, over each row.
  Tensor last_norm(B& b, const Tensor& hidden) const { return b.rms_norm(hidden, norm_, config_.rms_norm_eps); }
  /// hidden [L, H] -> logits [L, V]
  Tensor logits(B& b, const Tensor& hidden) const { return b.linear(hidden, head_); }

 private:
  /// Without experts: gate, up and down.
  struct Layer {
    Weight norm1, q, k, v, o, q_norm, k_norm, norm2, gate, up, down;
    Experts<B> experts;
  };
  struct Rotary {
    Tensor cos, sin;
  };

  static void check_edit(const Injected<B>& in, const RowEdit& edit) {
    require_that(in.segments.empty(), Code::shape_mismatch, "language_model",
                 "rows of a packed sequence cannot be dropped between layers");
    std::size_t at = 0;
    for (const Index k : edit.keep) {
      require_that(k >= static_cast<Index>(at) && k < static_cast<Index>(in.rows.size()), Code::bad_stage_output,
                   "hook", [&] {
                     return "rows that go on: expected strictly ascending rows below " +
                            std::to_string(in.rows.size()) + ", got " + std::to_string(k);
                   });
      for (; at <= static_cast<std::size_t>(k); ++at)
        require_that(at == static_cast<std::size_t>(k) || !in.rows[at].text(), Code::bad_stage_output, "hook",
                     [&] { return "row " + std::to_string(at) + " is text: expected it to go on"; });
    }
    for (; at < in.rows.size(); ++at)
      require_that(!in.rows[at].text(), Code::bad_stage_output, "hook",
                   [&] { return "row " + std::to_string(at) + " is text: expected it to go on"; });
  }

  Rotary rotary(B& b, const Positions& p) const {
    const RotaryTable t = text_rotary(p, config_, inv_freq_);
    return {b.from_host(t.cos, t.rows, t.half), b.from_host(t.sin, t.rows, t.half)};
  }

  /// RMSNorm over each head's own elements.
  Tensor head_norm(B& b, const Tensor& x, const Weight& w) const {
    const Index rows = b.rows(x), cols = b.cols(x), d = config_.head_dim;
    return b.reshape(b.rms_norm(b.reshape(x, rows * cols / d, d), w, config_.rms_norm_eps), rows, cols);
  }

  AttentionSpec attention_spec(Index cached, const std::vector<Segment>& segments, Index shared_prefix) const {
    AttentionSpec spec;
    spec.heads = config_.heads;
    spec.kv_heads = config_.kv_heads;
    spec.scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim));
    spec.causal = true;
    spec.causal_offset = cached;
    spec.segments = segments;
    spec.shared_prefix = shared_prefix;
    return spec;
  }

  Tensor layer(B& b, const Layer& w, const Tensor& x, const Rotary& angles, typename B::Cache& cache,
               const AttentionSpec& spec) const {
    const Tensor n = b.rms_norm(x, w.norm1, config_.rms_norm_eps);                                             // [L, H]
    const Tensor q = b.rope(head_norm(b, b.linear(n, w.q), w.q_norm), config_.heads, angles.cos, angles.sin);  // [L, A]
    const Tensor k =
        b.rope(head_norm(b, b.linear(n, w.k), w.k_norm), config_.kv_heads, angles.cos, angles.sin);  // [L, K]
    b.cache_append(cache, k, b.linear(n, w.v));
    const Tensor a = b.attention(q, b.cache_keys(cache), b.cache_values(cache), spec).out;  // [L, A]
    const Tensor h = b.add(x, b.linear(a, w.o));
    const Tensor f = b.rms_norm(h, w.norm2, config_.rms_norm_eps);
    if (!w.experts.empty()) return b.add(h, w.experts.run(b, f));
    return b.add(h, b.linear(b.silu_mul(b.linear(f, w.gate), b.linear(f, w.up)), w.down));
  }

  /// The rows that go on keep their positions, what they are, and the DeepStack levels still to come.
  static void drop_rows(B& b, Injected<B>& in, std::size_t from_level, const std::vector<Index>& keep) {
    in.positions = gather_columns(in.positions, keep);
    std::vector<Index> place(in.rows.size(), -1);
    std::vector<SequenceRow> left;
    for (std::size_t i = 0; i < keep.size(); ++i) {
      place[static_cast<std::size_t>(keep[i])] = static_cast<Index>(i);
      left.push_back(in.rows[static_cast<std::size_t>(keep[i])]);
    }
    for (std::size_t l = from_level; l < in.levels.size(); ++l) {
      std::vector<Index> rows, source;
      for (std::size_t i = 0; i < in.levels[l].rows.size(); ++i) {
        const Index to = place[static_cast<std::size_t>(in.levels[l].rows[i])];
        if (to < 0) continue;
        rows.push_back(to);
        source.push_back(static_cast<Index>(i));
      }
      if (!source.empty()) in.levels[l].features = b.gather_rows(in.levels[l].features, source);
      in.levels[l].rows = std::move(rows);
    }
    in.rows = std::move(left);
  }

  TextConfig config_;
  std::vector<float> inv_freq_;
  Weight embed_, norm_, head_;
  std::vector<Layer> layers_;
};

}  // namespace arrcoc::qwen3vl
