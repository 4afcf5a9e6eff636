// The kernels of TorchBackend. Every public body runs inside `edge`: autograd on or off, and the library's exceptions translated.
#include "arrcoc/torch.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <new>
#include <utility>

namespace arrcoc {
namespace {

// Probabilities held at a time by the blocked attention.
constexpr Index block_elements = Index{1} << 24;

std::string first_line(const char* text) {
  std::string s(text);
  s.resize(std::min(s.find('\n'), s.size()));
  return s;
}

template <class F>
auto edge(std::string_view where, const TorchOptions& o, F&& f) {
  const c10::AutoGradMode mode(o.keep_graph && c10::GradMode::is_enabled());
  try {
    return f();
  } catch (const c10::OutOfMemoryError& e) {
    fail(Code::out_of_memory, where, first_line(e.what_without_backtrace()));
  } catch (const c10::Error& e) {
    const std::string sentence = first_line(e.what_without_backtrace());
    // The CPU allocator reports through the general class.
    fail(sentence.find("can't allocate memory") != std::string::npos ? Code::out_of_memory : Code::device_error, where, sentence);
  } catch (const std::bad_alloc&) {
    fail(Code::out_of_memory, where, "host memory exhausted");
  }
}

std::string shape_of(const at::Tensor& t) { return t.defined() ? shape_text({t.sizes().data(), static_cast<std::size_t>(t.dim())}) : "no tensor"; }

void need(bool ok, std::string_view where, std::string_view expected, const at::Tensor& got) {
  require_that(ok, Code::shape_mismatch, where, [&] { return "expected " + std::string(expected) + ", got " + shape_of(got); });
}
void need_matrix(const at::Tensor& t, std::string_view where) { need(t.defined() && t.dim() == 2, where, "a [rows, cols] tensor", t); }
void need_width(const at::Tensor& t, Index cols, std::string_view where) {
  need(t.defined() && t.dim() == 2 && t.size(1) == cols, where, "[rows, " + std::to_string(cols) + "]", t);
}
void need_weight(const at::Tensor& w, Index n, std::string_view where) {
  need(w.defined() && w.dim() == 1 && w.size(0) == n, where, "a weight [" + std::to_string(n) + "]", w);
}
void need_repeatable(const at::Tensor& a, const at::Tensor& b, std::string_view where) {
  need_matrix(a, where);
  need(b.defined() && b.dim() == 2 && b.size(1) == a.size(1) && (b.size(0) == a.size(0) || b.size(0) == 1), where,
       shape_of(a) + " or one row of it", b);
}

/// On the device, checked against the rows it points into. A copy: autograd may hold it longer than the caller's span lives.
template <class T>
at::Tensor index_tensor(std::span<const T> idx, Index rows, at::Device device, std::string_view where) {
  for (const T i : idx)
    require_that(i >= 0 && static_cast<Index>(i) < rows, Code::shape_mismatch, where, [&] {
      return "row index: expected in [0, " + std::to_string(rows) + "), got " + std::to_string(i); });
  at::Tensor t = at::empty({static_cast<Index>(idx.size())}, at::kLong);
  std::copy(idx.begin(), idx.end(), t.mutable_data_ptr<Index>());
  return t.to(device);
}

/// [L, heads * d] -> [heads, L, d].
at::Tensor by_head(const at::Tensor& x, Index heads) { return x.reshape({x.size(0), heads, x.size(1) / heads}).transpose(0, 1); }

struct Seen {
  at::Tensor out;       // [Lq, heads * dv]
  at::Tensor received;  // [Lk] in double, or undefined
};

/// One group of rows: every query sees the keys up to its own row + offset (causal), or all of them.
class Group {
 public:
  Group(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionSpec& s, Index offset, bool keep_graph)
      : q_(q), k_(k), v_(v), spec_(s), offset_(offset), keep_graph_(keep_graph) {}

  Seen run() const {
    const Index rows = q_.size(0), keys = k_.size(0);
    const bool every_key = !spec_.causal || (rows == 1 && offset_ + 1 >= keys);
    if (!spec_.want_received && (every_key || (offset_ == 0 && rows == keys))) return {fused(!every_key), {}};
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
    const at::Tensor o = at::scaled_dot_product_attention(q.unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), {}, 0.0, causal, spec_.scale).squeeze(0);
    if (group > 1 && rows == 1 && !causal) return o.reshape({1, spec_.heads * dv});
    return o.transpose(0, 1).reshape({rows, spec_.heads * dv});
  }

  Seen blocked() const {
    const Index rows = q_.size(0), keys = k_.size(0), hk = spec_.kv_heads, group = spec_.heads / hk, d = q_.size(1) / spec_.heads, dv = v_.size(1) / hk;
    const at::Tensor q = q_.reshape({rows, hk, group, d}).permute({1, 2, 0, 3});  // [hk, group, rows, d]
    const at::Tensor k = by_head(k_, hk).transpose(1, 2), v = by_head(v_, hk);  // [hk, d, keys], [hk, keys, dv]
    const at::Tensor none = at::zeros({1, 1, 1}, q_.options());
    const Index step = std::clamp<Index>(block_elements / std::max<Index>(1, spec_.heads * keys), 1, 256);
    Seen seen;
    if (spec_.want_received) seen.received = at::zeros({keys}, q_.options().dtype(at::kDouble));
    std::vector<at::Tensor> blocks;
    for (Index begin = 0; begin < rows; begin += step) {
      const Index n = std::min(step, rows - begin), reach = spec_.causal ? std::min(keys, begin + n + offset_) : keys;
      at::Tensor s = at::baddbmm(none, q.slice(2, begin, begin + n).reshape({hk, group * n, d}), k.slice(2, 0, reach), 0, spec_.scale);
      if (spec_.causal) {
        const at::Tensor own = at::arange(begin + offset_, begin + offset_ + n, at::TensorOptions(at::kLong).device(q_.device())).unsqueeze(1);
        const at::Tensor later = at::arange(reach, own.options()).unsqueeze(0).gt(own);
        at::Tensor s4 = s.view({hk, group, n, reach});
        if (keep_graph_) s = s4.masked_fill(later, -INFINITY).view({hk, group * n, reach});
        else s4.masked_fill_(later, -INFINITY);
      }
      const at::Tensor p = at::softmax(s, -1);
      if (spec_.want_received) {
        const at::Tensor mass = p.sum({0, 1}, false, at::kDouble);
        seen.received = seen.received + (reach == keys ? mass : at::constant_pad_nd(mass, {0, keys - reach}));
      }
      blocks.push_back(at::bmm(p, v.slice(1, 0, reach)).view({hk, group, n, dv}).permute({2, 0, 1, 3}).reshape({n, spec_.heads * dv}));
    }
    seen.out = blocks.size() == 1 ? blocks[0] : at::cat(blocks, 0);
    return seen;
  }

  const at::Tensor &q_, &k_, &v_;
  const AttentionSpec& spec_;
  Index offset_;
  bool keep_graph_;
};

void check_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionSpec& s) {
  constexpr std::string_view where = "torch.attention";
  for (const at::Tensor* t : {&q, &k, &v}) need_matrix(*t, where);
  require_that(s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0, Code::shape_mismatch, where, [&] {
    return "heads: expected a multiple of the kv heads, got " + std::to_string(s.heads) + " and " + std::to_string(s.kv_heads); });
  need(q.size(1) % s.heads == 0, where, "queries as wide as a multiple of " + std::to_string(s.heads) + " heads", q);
  need_width(k, q.size(1) / s.heads * s.kv_heads, where);
  need(v.size(0) == k.size(0) && v.size(1) % s.kv_heads == 0, where, "values with as many rows as the keys " + shape_of(k), v);
  need(k.size(0) > 0 || q.size(0) == 0, where, "at least one key", k);
  require_that(s.causal_offset >= 0 && s.shared_prefix >= 0 && s.shared_prefix <= k.size(0), Code::shape_mismatch, where,
               "causal_offset and shared_prefix: expected in the range of the keys");
  if (s.segments.empty() && s.shared_prefix == 0) return;
  need(q.size(0) + s.causal_offset == k.size(0), where, "as many queries as uncached keys, " + std::to_string(k.size(0) - s.causal_offset), q);
  Index end = s.shared_prefix;
  for (const Segment& g : s.segments) {
    require_that(g.begin == end && g.end >= g.begin, Code::shape_mismatch, where, [&] {
      return "segments: expected the next to begin at row " + std::to_string(end) + ", got [" + std::to_string(g.begin) + ", " + std::to_string(g.end) + ")"; });
    end = g.end;
  }
  require_that(s.segments.empty() || end == k.size(0), Code::shape_mismatch, where, [&] {
    return "segments: expected to end at row " + std::to_string(k.size(0)) + ", got " + std::to_string(end); });
}

}  // namespace

TorchBackend::TorchBackend(TorchOptions options) : options_(std::move(options)) {
  constexpr std::string_view where = "torch";
  require_that(options_.threads >= 0, Code::bad_config, where, [&] { return "threads: expected 0 or more, got " + std::to_string(options_.threads); });
  try {
    device_ = at::Device(options_.device);
  } catch (const c10::Error&) {
    fail(Code::bad_config, where, "device: expected cpu, cuda or cuda:N, got '" + options_.device + "'");
  }
  require_that(device_.is_cpu() || device_.is_cuda(), Code::bad_config, where, [&] { return "device: expected cpu, cuda or cuda:N, got '" + options_.device + "'"; });
  if (device_.is_cuda()) {
    const Index found = edge(where, options_, [&]() -> Index {
      return at::hasCUDA() ? c10::impl::VirtualGuardImpl(at::DeviceType::CUDA).deviceCount() : 0; });
    require_that(found > 0, Code::backend_missing, where, "device " + options_.device + ": expected a libtorch with CUDA and a visible GPU, got none");
    require_that(device_.index() < found, Code::backend_missing, where,
                 "device " + options_.device + ": expected an index below " + std::to_string(found));
  }
  if (options_.threads > 0) at::set_num_threads(options_.threads);
}

at::Tensor TorchBackend::from_host(std::span<const float> values, Index r, Index c) const {
  require_that(r >= 0 && c >= 0 && static_cast<Index>(values.size()) == r * c, Code::shape_mismatch, "torch.from_host", [&] {
    return "expected " + std::to_string(r) + " x " + std::to_string(c) + " values, got " + std::to_string(values.size()); });
  return edge("torch.from_host", options_, [&] {
    at::Tensor t = at::empty({r, c}, at::kFloat);
    std::copy(values.begin(), values.end(), t.mutable_data_ptr<float>());
    return t.to(device_);
  });
}

std::vector<float> TorchBackend::to_host(const Tensor& t) const {
  need_matrix(t, "torch.to_host");
  return edge("torch.to_host", options_, [&] {
    const at::Tensor host = t.detach().to(at::kCPU, at::kFloat).contiguous();
    const float* p = host.const_data_ptr<float>();
    return std::vector<float>(p, p + host.numel());
  });
}

TorchBackend::Weight TorchBackend::import_weight(const HostTensor& w, Layout layout) const {
  constexpr std::string_view where = "torch.import_weight";
  const bool bf16 = w.dtype == DType::bf16, f16 = w.dtype == DType::f16;
  require_that(bf16 || f16 || w.dtype == DType::f32, Code::bad_weight, where, [&] { return "expected F32, BF16 or F16, got " + std::string(name_of(w.dtype)); });
  require_that(!w.shape.empty() && (!w.empty() || w.count() == 0), Code::shape_mismatch, where, "expected values, got an empty weight");
  return edge(where, options_, [&] {
    const Index n = w.count(), first = w.dim(0);
    const at::ScalarType type = bf16 ? at::kBFloat16 : f16 ? at::kHalf : at::kFloat;
    const bool aligned = reinterpret_cast<std::uintptr_t>(w.data) % static_cast<std::size_t>(size_of(w.dtype)) == 0;
    at::Tensor t;
    if (n == 0) {
      t = at::empty({0}, type);
    } else if (aligned) {
      // Never written through: a trainer that updates weights in place gets its own copy below.
      t = at::from_blob(const_cast<std::byte*>(w.data), {n}, [owner = w.owner](void*) {}, type);
    } else {
      t = at::empty({n}, type);
      std::memcpy(t.mutable_data_ptr(), w.data, static_cast<std::size_t>(w.bytes()));
    }
    const bool in_place = aligned && type == at::kFloat && device_.is_cpu() && !options_.keep_graph && w.owner;
    t = t.to(device_, at::kFloat, false, !in_place);
    if (layout == Layout::vector) return Weight{t};
    t = t.view({first, first == 0 ? 0 : n / first});
    return Weight{layout == Layout::in_out ? t.t() : t};
  });
}

at::Tensor TorchBackend::linear(const Tensor& x, const Weight& w) const {
  need(w.value.defined() && w.value.dim() == 2, "torch.linear", "a weight matrix [out, in]", w.value);
  need_width(x, w.value.size(1), "torch.linear");
  return edge("torch.linear", options_, [&] { return at::linear(x, w.value); });
}
at::Tensor TorchBackend::linear(const Tensor& x, const Weight& w, const Weight& bias) const {
  need(w.value.defined() && w.value.dim() == 2, "torch.linear", "a weight matrix [out, in]", w.value);
  need_width(x, w.value.size(1), "torch.linear");
  need_weight(bias.value, w.value.size(0), "torch.linear");
  return edge("torch.linear", options_, [&] { return at::linear(x, w.value, bias.value); });
}

at::Tensor TorchBackend::embedding(const Weight& w, std::span<const TokenId> ids) const {
  need_matrix(w.value, "torch.embedding");
  return edge("torch.embedding", options_, [&] { return w.value.index_select(0, index_tensor(ids, w.value.size(0), device_, "torch.embedding")); });
}

at::Tensor TorchBackend::embedding_bag(const Weight& w, std::span<const Index> ids, std::span<const float> weights, Index k) const {
  constexpr std::string_view where = "torch.embedding_bag";
  need_matrix(w.value, where);
  require_that(k > 0 && ids.size() == weights.size() && static_cast<Index>(ids.size()) % k == 0, Code::shape_mismatch, where, [&] {
    return "expected as many ids as weights, in bags of " + std::to_string(k) + ", got " + std::to_string(ids.size()) + " and " + std::to_string(weights.size()); });
  return edge(where, options_, [&] {
    const Index bags = static_cast<Index>(ids.size()) / k;
    const at::Tensor index = index_tensor(ids, w.value.size(0), device_, where).view({bags, k});
    const at::Tensor factor = from_host(weights, bags, k);
    at::Tensor sum;
    for (Index j = 0; j < k; ++j) {  // one product and one rounding after the other: the order is part of the contract
      const at::Tensor term = w.value.index_select(0, index.select(1, j)) * factor.slice(1, j, j + 1);
      sum = j == 0 ? term : sum + term;
    }
    return sum;
  });
}

at::Tensor TorchBackend::matmul(const Tensor& a, const Tensor& c, bool transpose_c) const {
  need_matrix(a, "torch.matmul");
  need_matrix(c, "torch.matmul");
  need(a.size(1) == c.size(transpose_c ? 1 : 0), "torch.matmul", "an inner size of " + std::to_string(a.size(1)), c);
  return edge("torch.matmul", options_, [&] { return at::mm(a, transpose_c ? c.t() : c); });
}

at::Tensor TorchBackend::layer_norm(const Tensor& x, const Weight& w, const Weight& bias, float eps) const {
  need_matrix(x, "torch.layer_norm");
  need_weight(w.value, x.size(1), "torch.layer_norm");
  need_weight(bias.value, x.size(1), "torch.layer_norm");
  return edge("torch.layer_norm", options_, [&] { return at::layer_norm(x, {x.size(1)}, w.value, bias.value, eps); });
}

at::Tensor TorchBackend::rms_norm(const Tensor& x, const Weight& w, float eps) const {
  need_matrix(x, "torch.rms_norm");
  need_weight(w.value, x.size(1), "torch.rms_norm");
  return edge("torch.rms_norm", options_, [&] {
    at::Tensor y = x * at::rsqrt(x.square().mean(1, true) + eps);
    return options_.keep_graph ? y * w.value : y.mul_(w.value);
  });
}

at::Tensor TorchBackend::gelu(const Tensor& x, Gelu kind) const {
  need_matrix(x, "torch.gelu");
  return edge("torch.gelu", options_, [&] { return at::gelu(x, kind == Gelu::tanh ? "tanh" : "none"); });
}

at::Tensor TorchBackend::silu_mul(const Tensor& gate, const Tensor& up) const {
  need_matrix(gate, "torch.silu_mul");
  need(up.defined() && up.sizes() == gate.sizes(), "torch.silu_mul", shape_of(gate), up);
  return edge("torch.silu_mul", options_, [&] {
    at::Tensor y = at::silu(gate);
    return options_.keep_graph ? y * up : y.mul_(up);
  });
}

at::Tensor TorchBackend::add(const Tensor& a, const Tensor& b) const {
  need_repeatable(a, b, "torch.add");
  return edge("torch.add", options_, [&] { return a + b; });
}
at::Tensor TorchBackend::mul(const Tensor& a, const Tensor& b) const {
  need_repeatable(a, b, "torch.mul");
  return edge("torch.mul", options_, [&] { return a * b; });
}
at::Tensor TorchBackend::scale(const Tensor& x, float s) const {
  need_matrix(x, "torch.scale");
  return edge("torch.scale", options_, [&] { return x * s; });
}
at::Tensor TorchBackend::softmax(const Tensor& x) const {
  need_matrix(x, "torch.softmax");
  return edge("torch.softmax", options_, [&] { return at::softmax(x, 1); });
}
at::Tensor TorchBackend::l2_normalize(const Tensor& x) const {
  need_matrix(x, "torch.l2_normalize");
  return edge("torch.l2_normalize", options_, [&] { return x / x.norm(2, {1}, true).clamp_min(1e-12); });
}
at::Tensor TorchBackend::sum_rows(const Tensor& x) const {
  need_matrix(x, "torch.sum_rows");
  return edge("torch.sum_rows", options_, [&] { return x.sum(0, true); });
}
at::Tensor TorchBackend::mean_rows(const Tensor& x) const {
  need_matrix(x, "torch.mean_rows");
  need(x.size(0) > 0, "torch.mean_rows", "at least one row", x);
  return edge("torch.mean_rows", options_, [&] { return x.mean(0, true); });
}
at::Tensor TorchBackend::sum_cols(const Tensor& x) const {
  need_matrix(x, "torch.sum_cols");
  return edge("torch.sum_cols", options_, [&] { return x.sum(1, true); });
}
at::Tensor TorchBackend::max_cols(const Tensor& x) const {
  need_matrix(x, "torch.max_cols");
  need(x.size(1) > 0, "torch.max_cols", "at least one column", x);
  return edge("torch.max_cols", options_, [&] { return x.amax(1, true); });
}

at::Tensor TorchBackend::slice_rows(const Tensor& x, Index begin, Index end) const {
  need(x.defined() && x.dim() == 2 && 0 <= begin && begin <= end && end <= x.size(0), "torch.slice_rows", "at least " + std::to_string(end) + " rows", x);
  return edge("torch.slice_rows", options_, [&] { return x.slice(0, begin, end); });
}
at::Tensor TorchBackend::slice_cols(const Tensor& x, Index begin, Index end) const {
  need(x.defined() && x.dim() == 2 && 0 <= begin && begin <= end && end <= x.size(1), "torch.slice_cols", "at least " + std::to_string(end) + " columns", x);
  return edge("torch.slice_cols", options_, [&] { return x.slice(1, begin, end); });
}

at::Tensor TorchBackend::concat_rows(const std::vector<Tensor>& parts) const {
  require_that(!parts.empty(), Code::shape_mismatch, "torch.concat_rows", "expected at least one tensor, got none");
  for (const Tensor& t : parts) need_width(t, parts[0].defined() && parts[0].dim() == 2 ? parts[0].size(1) : 0, "torch.concat_rows");
  return edge("torch.concat_rows", options_, [&] { return at::cat(parts, 0); });
}

at::Tensor TorchBackend::reshape(const Tensor& x, Index r, Index c) const {
  need(x.defined() && x.dim() == 2 && r >= 0 && c >= 0 && r * c == x.numel(), "torch.reshape", std::to_string(r) + " x " + std::to_string(c) + " values", x);
  return edge("torch.reshape", options_, [&] { return x.reshape({r, c}); });
}

at::Tensor TorchBackend::gather_rows(const Tensor& x, std::span<const Index> idx) const {
  need_matrix(x, "torch.gather_rows");
  return edge("torch.gather_rows", options_, [&] { return x.index_select(0, index_tensor(idx, x.size(0), device_, "torch.gather_rows")); });
}
at::Tensor TorchBackend::scatter_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
  need_matrix(x, "torch.scatter_rows");
  need(src.defined() && src.dim() == 2 && src.size(0) == static_cast<Index>(idx.size()) && src.size(1) == x.size(1), "torch.scatter_rows",
       "[" + std::to_string(idx.size()) + ", " + std::to_string(x.size(1)) + "]", src);
  return edge("torch.scatter_rows", options_, [&] { return x.index_copy(0, index_tensor(idx, x.size(0), device_, "torch.scatter_rows"), src); });
}
at::Tensor TorchBackend::scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
  need_matrix(x, "torch.scatter_add_rows");
  need(src.defined() && src.dim() == 2 && src.size(0) == static_cast<Index>(idx.size()) && src.size(1) == x.size(1), "torch.scatter_add_rows",
       "[" + std::to_string(idx.size()) + ", " + std::to_string(x.size(1)) + "]", src);
  return edge("torch.scatter_add_rows", options_, [&] { return x.index_add(0, index_tensor(idx, x.size(0), device_, "torch.scatter_add_rows"), src); });
}

at::Tensor TorchBackend::rope(const Tensor& x, Index heads, const Tensor& cos, const Tensor& sin) const {
  constexpr std::string_view where = "torch.rope";
  need_matrix(x, where);
  need(heads > 0 && x.size(1) % (2 * heads) == 0, where, "an even width for each of " + std::to_string(heads) + " heads", x);
  const Index half = x.size(1) / (2 * heads);
  for (const Tensor* t : {&cos, &sin})
    need(t->defined() && t->dim() == 2 && t->size(0) == x.size(0) && t->size(1) == half, where,
         "[" + std::to_string(x.size(0)) + ", " + std::to_string(half) + "] angles", *t);
  return edge(where, options_, [&] {
    const at::Tensor y = x.reshape({x.size(0), heads, 2, half}), a = y.select(2, 0), b = y.select(2, 1);
    const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
    if (options_.keep_graph) return at::stack({a * c - b * s, b * c + a * s}, 2).view(x.sizes());
    at::Tensor out = at::empty(x.sizes(), x.options()), halves = out.view({x.size(0), heads, 2, half});
    at::Tensor first = halves.select(2, 0), second = halves.select(2, 1);
    at::mul_out(first, a, c);
    first.sub_(b * s);
    at::mul_out(second, b, c);
    second.add_(a * s);
    return out;
  });
}

Attended<at::Tensor> TorchBackend::attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& spec) const {
  check_attention(q, k, v, spec);
  return edge("torch.attention", options_, [&]() -> Attended<Tensor> {
    const Index rows = q.size(0), keys = k.size(0), prefix = spec.shared_prefix, width = v.size(1) / spec.kv_heads * spec.heads;
    if (rows == 0) return {at::empty({0, width}, q.options()), spec.want_received ? at::zeros({1, keys}, q.options()) : Tensor()};
    const auto finish = [](const at::Tensor& mass, const Tensor& like) { return mass.to(like.scalar_type()).unsqueeze(0); };
    if (spec.segments.empty() && prefix == 0) {
      const Seen seen = Group(q, k, v, spec, spec.causal_offset, options_.keep_graph).run();
      return {seen.out, spec.want_received ? finish(seen.received, q) : Tensor()};
    }
    std::vector<Segment> segments = spec.segments;
    if (segments.empty()) segments.push_back({prefix, keys});
    std::vector<at::Tensor> outs, masses;
    const auto group = [&](Segment s, bool with_prefix) {
      const Index first = std::max<Index>(0, s.begin - spec.causal_offset), last = std::max<Index>(0, s.end - spec.causal_offset);
      const Index before = with_prefix ? prefix : 0;
      Seen seen;
      if (first < last) {
        const auto visible = [&](const at::Tensor& t) {
          if (before == 0) return t.slice(0, s.begin, s.end);
          return before == s.begin ? t.slice(0, 0, s.end) : at::cat({t.slice(0, 0, before), t.slice(0, s.begin, s.end)}, 0);
        };
        const at::Tensor own_q = q.slice(0, first, last), own_k = visible(k), own_v = visible(v);
        const Index offset = before + first + spec.causal_offset - s.begin;
        seen = Group(own_q, own_k, own_v, spec, offset, options_.keep_graph).run();
        outs.push_back(seen.out);
      }
      if (!spec.want_received) return;
      if (!seen.received.defined()) seen.received = at::zeros({before + s.end - s.begin}, q.options().dtype(at::kDouble));
      if (before > 0) masses[0] = masses[0] + seen.received.slice(0, 0, before);
      masses.push_back(seen.received.slice(0, before));
    };
    if (prefix > 0) group({0, prefix}, false);
    for (const Segment& s : segments) group(s, prefix > 0);
    return {outs.size() == 1 ? outs[0] : at::cat(outs, 0), spec.want_received ? finish(at::cat(masses, 0), q) : Tensor()};
  });
}

TorchBackend::Cache TorchBackend::make_cache(Index capacity, Index width) const {
  require_that(capacity >= 0 && width > 0, Code::shape_mismatch, "torch.make_cache", "expected a capacity and a width");
  return edge("torch.make_cache", options_, [&] {
    Cache c;
    c.width = width;
    const auto options = at::TensorOptions(at::kFloat).device(device_);
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

at::Tensor TorchBackend::conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& s) const {
  constexpr std::string_view where = "torch.conv2d";
  need(s.stride > 0 && s.padding >= 0 && s.kernel_h > 0 && s.kernel_w > 0 && s.height + 2 * s.padding >= s.kernel_h && s.width + 2 * s.padding >= s.kernel_w, where,
       "a kernel inside the padded picture", x);
  need(x.defined() && x.dim() == 2 && x.size(0) == s.height * s.width, where, std::to_string(s.height) + " x " + std::to_string(s.width) + " rows", x);
  need(w.value.defined() && w.value.dim() == 2 && w.value.size(1) == x.size(1) * s.kernel_h * s.kernel_w, where,
       "a weight [out, " + std::to_string(x.size(1) * s.kernel_h * s.kernel_w) + "]", w.value);
  need_weight(bias.value, w.value.size(0), where);
  return edge(where, options_, [&] {
    const at::Tensor in = x.reshape({1, s.height, s.width, x.size(1)}).permute({0, 3, 1, 2});
    const at::Tensor kernel = w.value.reshape({w.value.size(0), x.size(1), s.kernel_h, s.kernel_w});
    // The long form, because it can say: no TF32.
    const at::Tensor out = at::_convolution(in, kernel, bias.value, {s.stride, s.stride}, {s.padding, s.padding}, {1, 1}, false, {0, 0}, 1, false, true, true, false);
    return out.squeeze(0).permute({1, 2, 0}).reshape({s.out_height() * s.out_width(), w.value.size(0)});
  });
}

at::Tensor TorchBackend::avg_pool(const Tensor& x, const Conv2dSpec& s) const {
  constexpr std::string_view where = "torch.avg_pool";
  need(s.stride > 0 && s.padding == 0 && s.kernel_h > 0 && s.kernel_w > 0 && s.height >= s.kernel_h && s.width >= s.kernel_w, where, "a window inside the picture, no padding", x);
  need(x.defined() && x.dim() == 2 && x.size(0) == s.height * s.width, where, std::to_string(s.height) + " x " + std::to_string(s.width) + " rows", x);
  return edge(where, options_, [&] {
    const at::Tensor out = at::avg_pool2d(x.reshape({1, s.height, s.width, x.size(1)}).permute({0, 3, 1, 2}), {s.kernel_h, s.kernel_w}, {s.stride, s.stride});
    return out.squeeze(0).permute({1, 2, 0}).reshape({s.out_height() * s.out_width(), x.size(1)});
  });
}

void TorchBackend::parallel_for(Index n, Index grain, const std::function<void(Index, Index)>& f) const {
  if (n > 0) at::parallel_for(0, n, std::max<Index>(1, grain), f);
}

int TorchBackend::threads() const { return at::get_num_threads(); }

}  // namespace arrcoc
