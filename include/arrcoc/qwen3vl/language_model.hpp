#pragma once
// The language model of Qwen3-VL: RMSNorm, QK-norm, grouped-query attention with interleaved M-RoPE, SwiGLU or experts,
// DeepStack. Shapes: L rows in this call, H width, V vocabulary.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/trace.hpp"
#include "arrcoc/qwen3vl/layer_requests.hpp"
#include "arrcoc/qwen3vl/row_edits.hpp"

namespace arrcoc::qwen3vl {

/// Keys and values seen so far, a length per layer, and where the next token stands.
template <class B>
struct KvCache {
  std::vector<typename B::Cache> layers;
  std::vector<Index> lengths;                  // [layers] rows cached
  std::vector<std::vector<SequenceRow>> rows;  // [layers] what each of them is
  std::vector<std::vector<float>> key_bias;    // [layers] added to their scores, as many; empty: none
  NextPosition next;                           // of the next token
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
    const Index h = config.hidden_size;
    const std::string m = "model.language_model.";
    embed_ = r.matrix(m + "embed_tokens.weight", config.vocab_size, h);
    for (Index l = 0; l < config.layers; ++l)
      layers_.emplace_back(r, m + "layers." + std::to_string(l) + ".", config, l);
    norm_ = r.vector(m + "norm.weight", h);
    if (r.has("lm_head.weight")) {
      head_ = r.matrix("lm_head.weight", config.vocab_size, h, WeightUse::head);
    } else {
      require_that(config.tie_word_embeddings, Code::bad_weight, "weights",
                   "lm_head.weight: expected in an untied checkpoint, got none");
      head_ = for_use(b, embed_, WeightUse::head, "lm_head.weight");
    }
  }

  const TextConfig& config() const { return config_; }
  const std::vector<LayerWeights<B>>& layers() const { return layers_; }

  /// Experts that rows have gone to so far, of all layers, and the bytes of the checkpoint they take: those alone have
  /// been read.
  std::pair<Index, Index> experts_used() const {
    std::pair<Index, Index> sum{0, 0};
    for (const LayerWeights<B>& l : layers_) {
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
    start(b, state, all_rows(b, in) + capacity);
    return extend(b, std::move(in), state, trace, hook);
  }

  /// Runs the next rows of a prompt behind those that `state` holds; they see all of them and, causally, each other.
  Tensor extend(B& b, Injected<B> in, KvCache<B>& state, Trace* trace = nullptr, LayerHook<B>* hook = nullptr) const {
    state.next = in.positions.following();
    run_layers(b, in, state, 0, static_cast<Index>(layers_.size()), trace, hook);
    return last_norm(b, in.embeddings);
  }

  /// Layers [first, last) over `in`, whose embeddings are the input of layer `first` and become the input of layer
  /// `last`; `state` was begun with room for its rows. Before a layer: waiting tokens join, then the hook decides. The
  /// trace's stage "requests" is the time its answers took.
  void run_layers(B& b, Injected<B>& in, KvCache<B>& state, Index first, Index last, Trace* trace = nullptr,
                  LayerHook<B>* hook = nullptr) const {
    check_waiting(in, first, config_.layers);
    Rotary<B> angles = rotary(b, in.positions);
    Tensor& x = in.embeddings;
    for (Index l = first; l < last; ++l) {
      const auto at = static_cast<std::size_t>(l);
      if (join_rows(b, in, l)) angles = rotary(b, in.positions);
      auto& cache = state.layers[at];
      const LayerRequests<B> asked(config_, in, state.rows[at]);
      LayerInside<B> inside(b, config_, layers_[at], x, angles);
      if (hook != nullptr) {
        std::optional<Tensor> keys;
        const auto ask = [&](const std::vector<Request>& requests) {
          const StageTimer timer(trace, "requests");
          return asked.answer(b, l, requests, inside, [&] {
            if (!keys) keys = state.lengths[at] == 0 ? inside.k() : b.concat_rows({b.cache_keys(cache), inside.k()});
            return SeenKeys<B>{*keys, bias_behind(state, at, in.key_bias, b.rows(x))};
          });
        };
        if (const auto edit = hook->before_layer(b, l, LayerView<B>{x, in.rows, ask})) {
          check_edit(in, *edit);
          drop_rows(b, in, at, edit->keep);
          angles = rotary(b, in.positions);
          inside = LayerInside<B>(b, config_, layers_[at], x, angles);
        }
      }
      b.cache_append(cache, inside.k(), inside.v());
      state.key_bias[at] = bias_behind(state, at, in.key_bias, b.rows(x));
      if (const auto wanted = wanted_by(hook, l); hook != nullptr && !wanted.empty()) {
        const StageTimer timer(trace, "requests");
        hook->answered(l, asked.answer(b, l, wanted, inside, [&] {
          return SeenKeys<B>{b.cache_keys(cache), state.key_bias[at]};
        }));
      }
      inside.keep_queries();
      AttentionSpec spec = causal_spec(config_, state.lengths[at]);
      spec.segments = in.segments;
      spec.shared_prefix = in.shared_prefix;
      spec.key_bias = state.key_bias[at];
      x = finish_layer(b, config_, layers_[at], inside, cache, spec);
      note_rows(state, at, in.rows, b.rows(x));
      if (trace) tap(trace, "text.layer" + std::to_string(l) + ".before_deepstack", b, x);
      if (at < in.levels.size() && !in.levels[at].rows.empty())
        x = b.scatter_add_rows(x, in.levels[at].rows, in.levels[at].features);
      if (trace) tap(trace, "text.layer" + std::to_string(l), b, x);
    }
    if (last != config_.layers) return;
    if (const auto wanted = wanted_by(hook, last); hook != nullptr && !wanted.empty()) {
      const StageTimer timer(trace, "requests");
      hook->answered(last, LayerRequests<B>(config_, in, {}).answer_output(b, wanted, x));
    }
  }

  /// An empty cache with room for `capacity` rows in each layer.
  void start(B& b, KvCache<B>& state, Index capacity) const {
    state.layers.clear();
    for (std::size_t l = 0; l < layers_.size(); ++l)
      state.layers.push_back(b.make_cache(capacity, config_.kv_heads * config_.head_dim));
    state.lengths.assign(layers_.size(), 0);
    state.rows.assign(layers_.size(), {});
    state.key_bias.assign(layers_.size(), {});
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
    out.rows = state.rows;
    out.key_bias = state.key_bias;
    out.next = state.next;
    return out;
  }

  /// Feeds one token. Returns its hidden row after the final norm, [1, H]. `hook` may ask, and hide rows from it; none
  /// is dropped.
  Tensor step(B& b, TokenId token, KvCache<B>& state, Trace* trace = nullptr, LayerHook<B>* hook = nullptr) const {
    Injected<B> fed;
    fed.positions.rule = state.next.rule;
    fed.positions.push_text(state.next.at++);
    fed.rows.resize(1);
    const Rotary<B> angles = rotary(b, fed.positions);
    Tensor x = embed(b, {token});
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      LayerInside<B> inside(b, config_, layers_[l], x, angles);
      b.cache_append(state.layers[l], inside.k(), inside.v());
      state.key_bias[l] = bias_behind(state, l, {}, 1);
      if (hook != nullptr) answer_step(b, *hook, static_cast<Index>(l), fed, state, inside, trace);
      AttentionSpec spec = causal_spec(config_, state.lengths[l]);
      spec.key_bias = state.key_bias[l];
      const auto hiding = seen_bias(hook, static_cast<Index>(l), state.rows[l], state.key_bias[l]);
      if (hiding) spec.key_bias = *hiding;
      x = finish_layer(b, config_, layers_[l], inside, state.layers[l], spec);
      note_rows(state, l, {}, 1);
    }
    return last_norm(b, x);
  }

  /// The norm behind the last layer, over each row.
  Tensor last_norm(B& b, const Tensor& hidden) const { return b.rms_norm(hidden, norm_, config_.rms_norm_eps); }
  /// hidden [L, H] -> logits [L, V]
  Tensor logits(B& b, const Tensor& hidden) const { return b.linear(hidden, head_); }

 private:
  void answer_step(B& b, LayerHook<B>& hook, Index layer, Injected<B>& fed, KvCache<B>& state, LayerInside<B>& inside,
                   Trace* trace) const {
    const std::vector<Request> wanted = hook.decoding_requests(layer);
    if (wanted.empty()) return;
    const StageTimer timer(trace, "requests");
    const auto& cached = state.rows[static_cast<std::size_t>(layer)];
    Index pictures = 0;
    for (const SequenceRow& row : cached) pictures = std::max(pictures, row.picture + 1);
    fed.words.vision_end.assign(static_cast<std::size_t>(pictures), -1);
    hook.answered(layer, LayerRequests<B>(config_, fed, cached).answer(b, layer, wanted, inside, [&] {
      const auto at = static_cast<std::size_t>(layer);
      return SeenKeys<B>{b.cache_keys(state.layers[at]), state.key_bias[at]};
    }));
  }

  Rotary<B> rotary(B& b, const Positions& p) const {
    const RotaryTable t = text_rotary(p, config_, inv_freq_);
    return {b.from_host(t.cos, t.rows, t.half), b.from_host(t.sin, t.rows, t.half)};
  }

  static std::vector<Request> wanted_by(const LayerHook<B>* hook, Index layer) {
    return hook == nullptr ? std::vector<Request>{} : hook->requests(layer);
  }

  /// The bias of a layer's cached keys with that of `count` more behind them: `added`, or zeros. Empty: none has one.
  static std::vector<float> bias_behind(const KvCache<B>& state, std::size_t layer, const std::vector<float>& added,
                                        Index count) {
    std::vector<float> all = state.key_bias[layer];
    if (all.empty() && added.empty()) return all;
    all.resize(static_cast<std::size_t>(state.lengths[layer]));
    all.insert(all.end(), added.begin(), added.end());
    all.resize(static_cast<std::size_t>(state.lengths[layer] + count));
    return all;
  }

  /// `count` rows have been appended to a layer's cache; without `rows` nobody knows what they are.
  static void note_rows(KvCache<B>& state, std::size_t layer, const std::vector<SequenceRow>& rows, Index count) {
    state.lengths[layer] += count;
    auto& known = state.rows[layer];
    known.insert(known.end(), rows.begin(), rows.end());
    known.resize(static_cast<std::size_t>(state.lengths[layer]));
  }

  TextConfig config_;
  std::vector<float> inv_freq_;
  Weight embed_, norm_, head_;
  std::vector<LayerWeights<B>> layers_;
};

}  // namespace arrcoc::qwen3vl
