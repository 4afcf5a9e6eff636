#pragma once
// Answers of the language model's layers to requests (core/request.hpp), about the rows that live in the layer. A layer
// computes its output as if nobody asked; answers are computed beside it, from the same q, k and v.
//
// What a picture's tokens receive is a share of all that the paying row sees: the softmax is over every key up to the
// row itself, those of a cached beginning among them. The probabilities of chosen rows alone are computed, and never
// more of them at once than the backend's attention holds. A picture's tokens that lie in the cache receive; rows that
// come back or pay are rows of this call. Tokens of a picture stand in their own order, whatever the rows' order is.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/qwen3vl/answers.hpp"
#include "arrcoc/qwen3vl/decoder_layer.hpp"
#include "arrcoc/qwen3vl/injected.hpp"

namespace arrcoc::qwen3vl {

/// Keys of the cached rows and of a call's, [cached + L, K], and what is added to their scores: as many values, or
/// none.
template <class B>
struct SeenKeys {
  typename B::Tensor keys;
  std::vector<float> bias;
};

template <class B>
class LayerRequests {
  using Tensor = typename B::Tensor;
  using What = Request::What;
  using Over = Request::Over;
  using Rows = Request::Rows;

 public:
  /// `cached`: what the keys in front of this call's rows are. All of it must outlive this.
  LayerRequests(const TextConfig& config, const Injected<B>& in, const std::vector<SequenceRow>& cached)
      : config_(config), in_(in), cached_(cached) {}

  /// About layer `layer`; keys() -> SeenKeys. Error{bad_config} for what cannot be answered.
  template <class Keys>
  ByPicture answer(B& b, Index layer, const std::vector<Request>& requests, LayerInside<B>& inside, Keys&& keys) const {
    return each(layer, requests, [&](const Request& r, Index picture) {
      const std::vector<Index> rows = rows_of(r, picture);
      return r.what == What::received ? received(b, r, rows, picture, inside, keys()) : values(b, r, rows, inside);
    });
  }

  /// About the output of the last layer, [L, H].
  ByPicture answer_output(B& b, const std::vector<Request>& requests, const Tensor& output) const {
    return each(config_.layers, requests,
                [&](const Request& r, Index picture) { return host_rows(b, output, rows_of(r, picture), 1); });
  }

 private:
  template <class Ok, class Sentence>
  static void need(const Request& r, const Ok& ok, const Sentence& sentence) {
    require_that(static_cast<bool>(ok), Code::bad_config, "request",
                 [&] { return text_of(r) + ": " + std::string(sentence()); });
  }

  template <class One>
  ByPicture each(Index layer, const std::vector<Request>& requests, const One& one) const {
    for (const Request& r : requests) check(r, layer);
    Index pictures = static_cast<Index>(in_.words.vision_end.size());
    for (const SequenceRow& row : in_.rows) pictures = std::max(pictures, row.picture + 1);
    ByPicture out(static_cast<std::size_t>(pictures));
    for (Index p = 0; p < pictures; ++p)
      for (const Request& r : requests) out[static_cast<std::size_t>(p)].push_back({r, one(r, p)});
    return out;
  }

  void check(const Request& r, Index layer) const {
    need(r, r.site == Request::Site::layer, [] { return "expected a request to a layer, got one to the tower"; });
    const Index index = counted(r.index, config_.layers);
    need(r, index >= 0 && index <= config_.layers, [&] {
      return "layer: expected " + std::to_string(-config_.layers) + " to " + std::to_string(config_.layers) + ", got " +
             std::to_string(r.index);
    });
    need(r, index == layer, [&] {
      return "layer: expected " + std::to_string(layer) + ", the one that answers, got " + std::to_string(r.index);
    });
    need(r, r.what == What::hidden || index < config_.layers,
         [] { return "behind the last layer: expected hidden, its output"; });
    need(r, r.what == What::received || r.heads != Over::max, [] { return "heads: expected mean or each, got max"; });
    need(r, in_.segments.empty(), [] { return "a packed sequence of several questions has no answers"; });
  }

  /// Rows of this call that come back or pay.
  std::vector<Index> rows_of(const Request& r, Index picture) const {
    const auto p = static_cast<std::size_t>(picture);
    const Index behind = p < in_.words.vision_end.size() ? in_.words.vision_end[p] : -1;
    const auto named = [&](const std::vector<Index>& columns, Index column) {
      return std::find(columns.begin(), columns.end(), column) != columns.end();
    };
    std::vector<Index> out;
    if (r.rows == Rows::list) {
      for (const Index column : r.list) {
        const auto at = std::find_if(in_.rows.begin(), in_.rows.end(),
                                     [&](const SequenceRow& row) { return column >= 0 && row.column == column; });
        need(r, at != in_.rows.end(),
             [&] { return "list: expected columns of rows that live in this layer, got " + std::to_string(column); });
        out.push_back(at - in_.rows.begin());
      }
    } else {
      for (std::size_t i = r.rows == Rows::last ? in_.rows.size() - 1 : 0; i < in_.rows.size(); ++i) {
        const SequenceRow& row = in_.rows[i];
        const bool wanted = r.rows == Rows::visual ? row.picture == picture
                            : r.rows == Rows::question
                                ? row.text() && (in_.words.question.empty() ? i + 1 == in_.rows.size()
                                                                            : named(in_.words.question, row.column))
                            : r.rows == Rows::vision_end ? row.text() && row.column >= 0 && row.column == behind
                            : r.rows == Rows::text       ? row.text() && behind >= 0 && row.column >= behind
                                                         : true;
        if (wanted) out.push_back(static_cast<Index>(i));
      }
      if (r.rows == Rows::visual && r.what != What::received)  // rows of a picture may be permuted
        std::sort(out.begin(), out.end(), [&](Index x, Index y) { return token_at(x) < token_at(y); });
    }
    need(r, !out.empty() || r.rows == Rows::visual, [] { return "rows: expected at least one, got none"; });
    return out;
  }

  /// [R, W], or [R, W / heads] with the heads' mean.
  HostTensor host_rows(B& b, const Tensor& from, const std::vector<Index>& rows, Index heads) const {
    if (rows.empty()) return host_tensor(std::vector<float>{}, {0, b.cols(from) / heads});
    return answers::mean_over(b.to_host(answers::rows_at(b, from, rows)), static_cast<Index>(rows.size()), 1,
                              b.cols(from), heads);
  }

  HostTensor values(B& b, const Request& r, const std::vector<Index>& rows, LayerInside<B>& inside) const {
    const bool before = r.rope == Request::Rope::before;
    const Tensor& from = r.what == What::hidden ? inside.hidden()
                         : r.what == What::v    ? inside.v()
                         : r.what == What::q    ? (before ? inside.q_before() : inside.q())
                                                : (before ? inside.k_before() : inside.k());
    const bool mean = r.what != What::hidden && r.heads == Over::mean;
    return host_rows(b, from, rows, !mean ? 1 : r.what == What::q ? config_.heads : config_.kv_heads);
  }

  Index token_at(Index row) const { return in_.rows[static_cast<std::size_t>(row)].token; }
  static std::vector<Index> keys_by_token(std::vector<std::pair<Index, Index>> living) {
    std::sort(living.begin(), living.end());
    std::vector<Index> keys;
    for (const auto& [token, key] : living) keys.push_back(key);
    return keys;
  }

  HostTensor received(B& b, const Request& r, const std::vector<Index>& payers, Index picture, LayerInside<B>& inside,
                      const SeenKeys<B>& keys) const {
    std::vector<std::pair<Index, Index>> living;  // the picture's tokens and their keys
    for (const auto* part : {&cached_, &in_.rows})
      for (std::size_t i = 0; i < part->size(); ++i)
        if ((*part)[i].picture == picture)
          living.emplace_back((*part)[i].token, static_cast<Index>(i + (part == &cached_ ? 0 : cached_.size())));
    const std::vector<Index> tokens = keys_by_token(std::move(living));
    need(r, !payers.empty() || tokens.empty(), [] { return "rows: expected at least one, got none"; });
    need(r, r.payers == Over::mean || payers.size() <= answers::most_paying_rows, [&] {
      return "payers " + std::string(name_of(r.payers)) + ": expected at most " +
             std::to_string(answers::most_paying_rows) + " paying rows, got " + std::to_string(payers.size());
    });
    return answers::received(
        r, payers, static_cast<Index>(tokens.size()), config_.heads,
        [&](std::span<const Index> some, bool together) { return paid(b, inside.q(), keys, some, tokens, together); });
  }

  /// [H, N]: what `tokens` receive in the mean from the payers; H = 1, the heads' mean, if `together`, else one row for
  /// each head.
  std::vector<double> paid(B& b, const Tensor& q, const SeenKeys<B>& keys, std::span<const Index> payers,
                           const std::vector<Index>& tokens, bool together) const {
    const Index calls = together ? 1 : config_.heads, d = config_.head_dim, group = config_.heads / config_.kv_heads,
                cached = static_cast<Index>(cached_.size());
    const double share = 1.0 / static_cast<double>(static_cast<Index>(payers.size()) * (together ? config_.heads : 1));
    std::vector<double> out(static_cast<std::size_t>(calls) * tokens.size());
    for (std::size_t first = 0; first < payers.size();) {
      std::size_t last = first;  // payers that stand one behind the other see a triangle
      while (last + 1 < payers.size() && payers[last + 1] == payers[last] + 1) ++last;
      AttentionSpec spec = causal_spec(config_, cached + payers[first]);
      spec.want_received = true;
      const Index reach = cached + payers[last] + 1;
      const Tensor own = b.slice_rows(q, payers[first], payers[last] + 1), seen = b.slice_rows(keys.keys, 0, reach);
      if (!keys.bias.empty()) spec.key_bias = std::span(keys.bias).first(static_cast<std::size_t>(reach));
      if (!together) spec.heads = spec.kv_heads = 1;
      const Tensor v = b.slice_cols(seen, 0, spec.kv_heads);  // any values: nobody reads the output
      for (Index h = 0; h < calls; ++h) {
        const auto cut = [&](const Tensor& t, Index at) {
          return together ? t : b.slice_cols(t, at * d, (at + 1) * d);
        };
        const std::vector<float> mass = b.to_host(b.attention(cut(own, h), cut(seen, h / group), v, spec).received);
        for (std::size_t t = 0; t < tokens.size(); ++t)
          if (const auto key = static_cast<std::size_t>(tokens[t]); key < mass.size())
            out[static_cast<std::size_t>(h) * tokens.size() + t] += share * static_cast<double>(mass[key]);
      }
      first = last + 1;
    }
    return out;
  }

  const TextConfig& config_;
  const Injected<B>& in_;
  const std::vector<SequenceRow>& cached_;
};

}  // namespace arrcoc::qwen3vl
