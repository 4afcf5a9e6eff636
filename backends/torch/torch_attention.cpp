// Attention and the key-value cache of TorchBackend.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "torch_cpu.hpp"
#include "torch_detail.hpp"

namespace arrcoc {
using namespace torch_detail;
namespace {

// Probabilities held at a time by the blocked attention: 8 MiB, which malloc reuses without returning the pages.
constexpr Index block_elements = Index{1} << 21;

/// [L, heads * d] -> [heads, L, d].
at::Tensor by_head(const at::Tensor& x, Index heads) {
  return x.reshape({x.size(0), heads, x.size(1) / heads}).transpose(0, 1);
}

struct Seen {
  at::Tensor out;       // [Lq, heads * dv]
  at::Tensor received;  // [Lk] in double, or undefined
};

/// One group of rows: every query sees the keys up to its own row + offset (causal), or all of them.
class Group {
 public:
  /// bias [keys], or undefined.
  Group(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& bias, const AttentionSpec& s,
        Index offset, bool keep_graph)
      : q_(q), k_(k), v_(v), bias_(bias), spec_(s), offset_(offset), keep_graph_(keep_graph) {}

  Seen run() const {
    const Index rows = q_.size(0), keys = k_.size(0);
    const bool every_key = !spec_.causal || (rows == 1 && offset_ + 1 >= keys);
    const bool triangle = offset_ == 0 && rows == keys && !bias_.defined();  // the library takes no mask beside it
    if (!spec_.want_received && (every_key || triangle)) return {fused(!every_key), {}};
    return blocked();
  }

 private:
  at::Tensor fused(bool causal) const {
    const Index rows = q_.size(0), group = spec_.heads / spec_.kv_heads, dv = v_.size(1) / spec_.kv_heads;
    at::Tensor q = by_head(q_, spec_.heads), k = by_head(k_, spec_.kv_heads), v = by_head(v_, spec_.kv_heads);
    if (group > 1 && !causal && rows == 1) {
      q = q.reshape({spec_.kv_heads, group, q.size(2)});  // one query row: its heads stand where rows would
    } else if (group > 1) {
      k = k.repeat_interleave(group, 0);
      v = v.repeat_interleave(group, 0);
    }
    std::optional<at::Tensor> mask;
    if (bias_.defined()) mask = bias_.view({1, 1, 1, -1});
    const at::Tensor o =
        at::scaled_dot_product_attention(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), mask, 0.0, causal, spec_.scale)
            .squeeze(0);
    if (group > 1 && rows == 1 && !causal) return o.reshape({1, spec_.heads * dv});
    return o.transpose(0, 1).reshape({rows, spec_.heads * dv});
  }

  Seen blocked() const {
    const Index rows = q_.size(0), keys = k_.size(0), hk = spec_.kv_heads, group = spec_.heads / hk,
                d = q_.size(1) / spec_.heads, dv = v_.size(1) / hk;
    const at::Tensor q = q_.reshape({rows, hk, group, d}).permute({1, 2, 0, 3});  // [hk, group, rows, d]
    const at::Tensor k = by_head(k_, hk).transpose(1, 2), v = by_head(v_, hk);    // [hk, d, keys], [hk, keys, dv]
    const at::Tensor none = at::zeros({1, 1, 1}, q_.options());
    const Index step = std::clamp<Index>(block_elements / std::max<Index>(1, spec_.heads * keys), 1, 256);
    Seen seen;
    if (spec_.want_received) seen.received = at::zeros({keys}, q_.options().dtype(at::kDouble));
    std::vector<at::Tensor> blocks;
    for (Index begin = 0; begin < rows; begin += step) {
      const Index n = std::min(step, rows - begin), reach = spec_.causal ? std::min(keys, begin + n + offset_) : keys;
      at::Tensor s = at::baddbmm(none, q.slice(2, begin, begin + n).reshape({hk, group * n, d}), k.slice(2, 0, reach),
                                 0, spec_.scale);
      if (bias_.defined()) s = (s + bias_.slice(0, 0, reach)).to(s.scalar_type());
      if (spec_.causal) {
        const at::Tensor own =
            at::arange(begin + offset_, begin + offset_ + n, at::TensorOptions(at::kLong).device(q_.device()))
                .unsqueeze(1);
        const at::Tensor later = at::arange(reach, own.options()).unsqueeze(0).gt(own);
        at::Tensor s4 = s.view({hk, group, n, reach});
        if (keep_graph_) s = s4.masked_fill(later, -INFINITY).view({hk, group * n, reach});
        else s4.masked_fill_(later, -INFINITY);
      }
      const at::Tensor p = at::softmax(s, -1);
      if (spec_.want_received) {
        const at::Tensor mass = p.sum({0, 1}).to(at::kDouble);
        seen.received = seen.received + (reach == keys ? mass : at::constant_pad_nd(mass, {0, keys - reach}));
      }
      blocks.push_back(at::bmm(p, v.slice(1, 0, reach))
                           .view({hk, group, n, dv})
                           .permute({2, 0, 1, 3})
                           .reshape({n, spec_.heads * dv}));
    }
    seen.out = blocks.size() == 1 ? blocks[0] : at::cat(blocks, 0);
    return seen;
  }

  const at::Tensor &q_, &k_, &v_, &bias_;
  const AttentionSpec& spec_;
  Index offset_;
  bool keep_graph_;
};

void check_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionSpec& s) {
  constexpr std::string_view where = "torch.attention";
  for (const at::Tensor* t : {&q, &k, &v}) need_matrix(*t, where);
  require_that(s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0, Code::shape_mismatch, where, [&] {
    return "heads: expected a multiple of the kv heads, got " + std::to_string(s.heads) + " and " +
           std::to_string(s.kv_heads);
  });
  need(q.size(1) % s.heads == 0, where, "queries as wide as a multiple of " + std::to_string(s.heads) + " heads", q);
  need_width(k, q.size(1) / s.heads * s.kv_heads, where);
  need(v.size(0) == k.size(0) && v.size(1) % s.kv_heads == 0, where,
       "values with as many rows as the keys " + shape_of(k), v);
  need(k.size(0) > 0 || q.size(0) == 0, where, "at least one key", k);
  require_that(s.causal_offset >= 0 && s.shared_prefix >= 0 && s.shared_prefix <= k.size(0), Code::shape_mismatch,
               where, "causal_offset and shared_prefix: expected in the range of the keys");
  require_that(s.key_bias.empty() || static_cast<Index>(s.key_bias.size()) == k.size(0), Code::shape_mismatch, where,
               [&] {
                 return "key_bias: expected a value for each of " + std::to_string(k.size(0)) + " keys, got " +
                        std::to_string(s.key_bias.size());
               });
  if (s.segments.empty() && s.shared_prefix == 0) return;
  need(q.size(0) + s.causal_offset == k.size(0), where,
       "as many queries as uncached keys, " + std::to_string(k.size(0) - s.causal_offset), q);
  Index end = s.shared_prefix;
  for (const Segment& g : s.segments) {
    require_that(g.begin == end && g.end >= g.begin, Code::shape_mismatch, where, [&] {
      return "segments: expected the next to begin at row " + std::to_string(end) + ", got [" +
             std::to_string(g.begin) + ", " + std::to_string(g.end) + ")";
    });
    end = g.end;
  }
  require_that(s.segments.empty() || end == k.size(0), Code::shape_mismatch, where, [&] {
    return "segments: expected to end at row " + std::to_string(k.size(0)) + ", got " + std::to_string(end);
  });
}

/// Whether the library's kernel does it without a matrix of scores or a mask. A bias of zeros is none.
bool library_can(const AttentionSpec& s, Index rows, Index keys) {
  const bool biased = std::any_of(s.key_bias.begin(), s.key_bias.end(), [](float v) { return v != 0.0f; });
  if (s.want_received || s.shared_prefix > 0 || biased) return false;
  return !s.causal || (s.causal_offset == 0 && rows == keys);
}

}  // namespace

Attended<at::Tensor> TorchBackend::attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                             const AttentionSpec& spec) const {
  check_attention(q, k, v, spec);
  return edge("torch.attention", options_, [&]() -> Attended<Tensor> {
    const Index rows = q.size(0), keys = k.size(0), prefix = spec.shared_prefix,
                width = v.size(1) / spec.kv_heads * spec.heads;
    if (rows == 0)
      return {at::empty({0, width}, q.options()), spec.want_received ? at::zeros({1, keys}, q.options()) : Tensor()};
    const bool by_library = options_.attention == TorchAttention::library && library_can(spec, rows, keys);
    if (rows > 1 && !by_library && !options_.keep_graph && q.is_cpu() &&
        (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16))
      return attention_rows(scratch_, q, k, v, spec);
    at::Tensor bias;
    if (!spec.key_bias.empty() && !by_library) {
      bias = at::empty({keys}, at::kFloat);
      std::copy(spec.key_bias.begin(), spec.key_bias.end(), bias.mutable_data_ptr<float>());
      // As wide as the scores, whatever the rows are; other devices want the type of the rows.
      const bool wide = q.is_cpu() && q.scalar_type() == at::kBFloat16;
      bias = bias.to(q.device(), wide ? at::kFloat : q.scalar_type());
    }
    const auto finish = [](const at::Tensor& mass, const Tensor& like) {
      return mass.to(like.scalar_type()).unsqueeze(0);
    };
    if (spec.segments.empty() && prefix == 0) {
      const Seen seen = Group(q, k, v, bias, spec, spec.causal_offset, options_.keep_graph).run();
      return {seen.out, spec.want_received ? finish(seen.received, q) : Tensor()};
    }
    std::vector<Segment> segments = spec.segments;
    if (segments.empty()) segments.push_back({prefix, keys});
    std::vector<at::Tensor> outs, masses;
    const auto group = [&](Segment s, bool with_prefix) {
      const Index first = std::max<Index>(0, s.begin - spec.causal_offset),
                  last = std::max<Index>(0, s.end - spec.causal_offset);
      const Index before = with_prefix ? prefix : 0;
      Seen seen;
      if (first < last) {
        const auto visible = [&](const at::Tensor& t) {
          if (before == 0) return t.slice(0, s.begin, s.end);
          return before == s.begin ? t.slice(0, 0, s.end)
                                   : at::cat({t.slice(0, 0, before), t.slice(0, s.begin, s.end)}, 0);
        };
        const at::Tensor own_q = q.slice(0, first, last), own_k = visible(k), own_v = visible(v),
                         own_bias = bias.defined() ? visible(bias) : bias;
        const Index offset = before + first + spec.causal_offset - s.begin;
        seen = Group(own_q, own_k, own_v, own_bias, spec, offset, options_.keep_graph).run();
        outs.push_back(seen.out);
      }
      if (!spec.want_received) return;
      if (!seen.received.defined())
        seen.received = at::zeros({before + s.end - s.begin}, q.options().dtype(at::kDouble));
      if (before > 0) masses[0] = masses[0] + seen.received.slice(0, 0, before);
      masses.push_back(seen.received.slice(0, before));
    };
    if (prefix > 0) group({0, prefix}, false);
    for (const Segment& s : segments) group(s, prefix > 0);
    return {outs.size() == 1 ? outs[0] : at::cat(outs, 0),
            spec.want_received ? finish(at::cat(masses, 0), q) : Tensor()};
  });
}

TorchBackend::Cache TorchBackend::make_cache(Index capacity, Index width) const {
  require_that(capacity >= 0 && width > 0, Code::shape_mismatch, "torch.make_cache", "expected a capacity and a width");
  return edge("torch.make_cache", options_, [&] {
    Cache c;
    c.width = width;
    const auto options = at::TensorOptions(options_.bf16 ? at::kBFloat16 : at::kFloat).device(device_);
    c.keys = at::empty({options_.keep_graph ? 0 : capacity, width}, options);
    c.values = at::empty({options_.keep_graph ? 0 : capacity, width}, options);
    return c;
  });
}

void TorchBackend::cache_append(Cache& cache, const Tensor& k, const Tensor& v) const {
  need_width(k, cache.width, "torch.cache_append");
  need(v.defined() && v.sizes() == k.sizes(), "torch.cache_append", shape_of(k), v);
  edge("torch.cache_append", options_, [&] {
    const Index end = cache.rows + k.size(0);
    const auto append = [&](at::Tensor& buffer, const Tensor& rows) {
      if (options_.keep_graph) {
        buffer = cache.rows == 0 ? rows : at::cat({buffer, rows}, 0);
        return;
      }
      if (end > buffer.size(0)) {
        at::Tensor larger = at::empty({std::max(end, 2 * buffer.size(0)), cache.width}, buffer.options());
        larger.slice(0, 0, cache.rows).copy_(buffer.slice(0, 0, cache.rows));
        buffer = larger;
      }
      buffer.slice(0, cache.rows, end).copy_(rows);
    };
    append(cache.keys, k);
    append(cache.values, v);
    cache.rows = end;
  });
}

at::Tensor TorchBackend::cache_keys(const Cache& cache) const { return cache.keys.slice(0, 0, cache.rows); }
at::Tensor TorchBackend::cache_values(const Cache& cache) const { return cache.values.slice(0, 0, cache.rows); }

}  // namespace arrcoc
