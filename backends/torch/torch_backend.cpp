// The kernels of TorchBackend. Every public body runs inside `edge`.
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cmath>
#include <cstring>
#include <utility>

#include "torch_cpu.hpp"
#include "torch_detail.hpp"

namespace arrcoc {
using namespace torch_detail;
namespace {

/// Scores and masks of the decision stages are float32 whatever the model computes in.
at::Tensor wide(const at::Tensor& x) { return x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x; }

}  // namespace

TorchBackend::TorchBackend(TorchOptions options) : options_(std::move(options)), scratch_(make_pool()) {
  constexpr std::string_view where = "torch";
  require_that(options_.threads >= 0, Code::bad_config, where,
               [&] { return "threads: expected 0 or more, got " + std::to_string(options_.threads); });
  try {
    device_ = at::Device(options_.device);
  } catch (const c10::Error&) {
    fail(Code::bad_config, where, "device: expected cpu, cuda or cuda:N, got '" + options_.device + "'");
  }
  require_that(device_.is_cpu() || device_.is_cuda(), Code::bad_config, where,
               [&] { return "device: expected cpu, cuda or cuda:N, got '" + options_.device + "'"; });
  if (device_.is_cuda()) {
    const Index found = edge(where, options_, [&]() -> Index {
      return at::hasCUDA() ? c10::impl::VirtualGuardImpl(at::DeviceType::CUDA).deviceCount() : 0;
    });
    require_that(found > 0, Code::backend_missing, where,
                 "device " + options_.device + ": expected a libtorch with CUDA and a visible GPU, got none");
    require_that(device_.index() < found, Code::backend_missing, where,
                 "device " + options_.device + ": expected an index below " + std::to_string(found));
  }
  if (options_.threads > 0) at::set_num_threads(options_.threads);
}

at::Tensor TorchBackend::from_host(std::span<const float> values, Index r, Index c) const {
  require_that(r >= 0 && c >= 0 && static_cast<Index>(values.size()) == r * c, Code::shape_mismatch, "torch.from_host",
               [&] {
                 return "expected " + std::to_string(r) + " x " + std::to_string(c) + " values, got " +
                        std::to_string(values.size());
               });
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
  require_that(bf16 || f16 || w.dtype == DType::f32, Code::bad_weight, where,
               [&] { return "expected F32, BF16 or F16, got " + std::string(name_of(w.dtype)); });
  require_that(!w.shape.empty() && (!w.empty() || w.count() == 0), Code::shape_mismatch, where,
               "expected values, got an empty weight");
  return edge(where, options_, [&] {
    const Index n = w.count(), first = w.dim(0);
    const at::ScalarType type = bf16 ? at::kBFloat16 : f16 ? at::kHalf : at::kFloat;
    const bool aligned = reinterpret_cast<std::uintptr_t>(w.data) % static_cast<std::size_t>(size_of(w.dtype)) == 0;
    at::Tensor t;
    if (n == 0) {
      t = at::empty({0}, type);
    } else if (aligned) {
      // Never written through: a trainer that updates weights in place gets its own copy below.
      t = at::from_blob(
          const_cast<std::byte*>(w.data), {n}, [owner = w.owner](void*) {}, type);
    } else {
      t = at::empty({n}, type);
      std::memcpy(t.mutable_data_ptr(), w.data, static_cast<std::size_t>(w.bytes()));
    }
    const at::ScalarType kept = options_.bf16 ? at::kBFloat16 : at::kFloat;
    const bool in_place = aligned && type == kept && device_.is_cpu() && !options_.keep_graph && w.owner;
    t = t.to(device_, kept, false, !in_place);
    if (layout == Layout::vector) return Weight{t};
    t = t.view({first, first == 0 ? 0 : n / first});
    return Weight{layout == Layout::in_out ? t.t() : t};
  });
}

at::Tensor TorchBackend::linear(const Tensor& x, const Weight& w) const {
  need(w.value.defined() && w.value.dim() == 2, "torch.linear", "a weight matrix [out, in]", w.value);
  need_width(x, w.value.size(1), "torch.linear");
  return edge("torch.linear", options_, [&] { return at::linear(x.to(w.value.scalar_type()), w.value); });
}
at::Tensor TorchBackend::linear(const Tensor& x, const Weight& w, const Weight& bias) const {
  need(w.value.defined() && w.value.dim() == 2, "torch.linear", "a weight matrix [out, in]", w.value);
  need_width(x, w.value.size(1), "torch.linear");
  need_weight(bias.value, w.value.size(0), "torch.linear");
  return edge("torch.linear", options_, [&] { return at::linear(x.to(w.value.scalar_type()), w.value, bias.value); });
}

at::Tensor TorchBackend::embedding(const Weight& w, std::span<const TokenId> ids) const {
  need_matrix(w.value, "torch.embedding");
  return edge("torch.embedding", options_,
              [&] { return w.value.index_select(0, index_tensor(ids, w.value.size(0), device_, "torch.embedding")); });
}

at::Tensor TorchBackend::embedding_bag(const Weight& w, std::span<const Index> ids, std::span<const float> weights,
                                       Index k) const {
  return bags(w.value, ids, weights, k, "torch.embedding_bag");
}
at::Tensor TorchBackend::bag_rows(const Tensor& x, std::span<const Index> idx, std::span<const float> weights,
                                  Index k) const {
  return bags(x, idx, weights, k, "torch.bag_rows");
}
at::Tensor TorchBackend::bags(const at::Tensor& x, std::span<const Index> ids, std::span<const float> weights, Index k,
                              std::string_view where) const {
  need_matrix(x, where);
  require_that(k > 0 && ids.size() == weights.size() && static_cast<Index>(ids.size()) % k == 0, Code::shape_mismatch,
               where, [&] {
                 return "expected as many ids as weights, in bags of " + std::to_string(k) + ", got " +
                        std::to_string(ids.size()) + " and " + std::to_string(weights.size());
               });
  return edge(where, options_, [&] {
    const Index bags = static_cast<Index>(ids.size()) / k;
    const at::Tensor index = index_tensor(ids, x.size(0), device_, where).view({bags, k});
    const at::Tensor factor = from_host(weights, bags, k).to(x.scalar_type());
    at::Tensor sum;
    for (Index j = 0; j < k; ++j) {  // one product and one rounding after the other: the order is part of the contract
      const at::Tensor term = x.index_select(0, index.select(1, j)) * factor.slice(1, j, j + 1);
      sum = j == 0 ? term : sum + term;
    }
    return sum;
  });
}

at::Tensor TorchBackend::matmul(const Tensor& a, const Tensor& c, bool transpose_c) const {
  need_matrix(a, "torch.matmul");
  need_matrix(c, "torch.matmul");
  need(a.size(1) == c.size(transpose_c ? 1 : 0), "torch.matmul", "an inner size of " + std::to_string(a.size(1)), c);
  return edge("torch.matmul", options_, [&] {
    const at::Tensor b = transpose_c ? c.t() : c;
    return options_.bf16 ? at::mm(wide(a), wide(b)) : at::mm(a, b);
  });
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
    if (!options_.keep_graph && plain_rows(x) && w.value.scalar_type() == x.scalar_type() && w.value.is_contiguous())
      return rms_norm_rows(x, w.value, eps);
    const at::Tensor y = wide(x);
    return (y * at::rsqrt(y.square().mean(1, true) + eps)).to(x.scalar_type()) * w.value;
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
  return edge("torch.softmax", options_, [&] { return at::softmax(wide(x), 1); });
}
at::Tensor TorchBackend::l2_normalize(const Tensor& x) const {
  need_matrix(x, "torch.l2_normalize");
  return edge("torch.l2_normalize", options_, [&] { return wide(x) / wide(x).norm(2, {1}, true).clamp_min(1e-12); });
}
at::Tensor TorchBackend::sum_rows(const Tensor& x) const {
  need_matrix(x, "torch.sum_rows");
  return edge("torch.sum_rows", options_, [&] { return wide(x).sum(0, true); });
}
at::Tensor TorchBackend::mean_rows(const Tensor& x) const {
  need_matrix(x, "torch.mean_rows");
  need(x.size(0) > 0, "torch.mean_rows", "at least one row", x);
  return edge("torch.mean_rows", options_, [&] { return wide(x).mean(0, true); });
}
at::Tensor TorchBackend::sum_cols(const Tensor& x) const {
  need_matrix(x, "torch.sum_cols");
  return edge("torch.sum_cols", options_, [&] { return wide(x).sum(1, true); });
}
at::Tensor TorchBackend::max_cols(const Tensor& x) const {
  need_matrix(x, "torch.max_cols");
  need(x.size(1) > 0, "torch.max_cols", "at least one column", x);
  return edge("torch.max_cols", options_, [&] { return wide(x).amax(1, true); });
}

at::Tensor TorchBackend::slice_rows(const Tensor& x, Index begin, Index end) const {
  need(x.defined() && x.dim() == 2 && 0 <= begin && begin <= end && end <= x.size(0), "torch.slice_rows",
       "at least " + std::to_string(end) + " rows", x);
  return edge("torch.slice_rows", options_, [&] { return x.slice(0, begin, end); });
}
at::Tensor TorchBackend::slice_cols(const Tensor& x, Index begin, Index end) const {
  need(x.defined() && x.dim() == 2 && 0 <= begin && begin <= end && end <= x.size(1), "torch.slice_cols",
       "at least " + std::to_string(end) + " columns", x);
  return edge("torch.slice_cols", options_, [&] { return x.slice(1, begin, end); });
}

at::Tensor TorchBackend::concat_rows(const std::vector<Tensor>& parts) const {
  require_that(!parts.empty(), Code::shape_mismatch, "torch.concat_rows", "expected at least one tensor, got none");
  for (const Tensor& t : parts)
    need_width(t, parts[0].defined() && parts[0].dim() == 2 ? parts[0].size(1) : 0, "torch.concat_rows");
  return edge("torch.concat_rows", options_, [&] { return at::cat(parts, 0); });
}

at::Tensor TorchBackend::reshape(const Tensor& x, Index r, Index c) const {
  need(x.defined() && x.dim() == 2 && r >= 0 && c >= 0 && r * c == x.numel(), "torch.reshape",
       std::to_string(r) + " x " + std::to_string(c) + " values", x);
  return edge("torch.reshape", options_, [&] { return x.reshape({r, c}); });
}

at::Tensor TorchBackend::gather_rows(const Tensor& x, std::span<const Index> idx) const {
  need_matrix(x, "torch.gather_rows");
  return edge("torch.gather_rows", options_,
              [&] { return x.index_select(0, index_tensor(idx, x.size(0), device_, "torch.gather_rows")); });
}
at::Tensor TorchBackend::scatter_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
  need_matrix(x, "torch.scatter_rows");
  need(src.defined() && src.dim() == 2 && src.size(0) == static_cast<Index>(idx.size()) && src.size(1) == x.size(1),
       "torch.scatter_rows", "[" + std::to_string(idx.size()) + ", " + std::to_string(x.size(1)) + "]", src);
  return edge("torch.scatter_rows", options_, [&] {
    return x.index_copy(0, index_tensor(idx, x.size(0), device_, "torch.scatter_rows"), src.to(x.scalar_type()));
  });
}
at::Tensor TorchBackend::scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
  need_matrix(x, "torch.scatter_add_rows");
  need(src.defined() && src.dim() == 2 && src.size(0) == static_cast<Index>(idx.size()) && src.size(1) == x.size(1),
       "torch.scatter_add_rows", "[" + std::to_string(idx.size()) + ", " + std::to_string(x.size(1)) + "]", src);
  return edge("torch.scatter_add_rows", options_, [&] {
    return x.index_add(0, index_tensor(idx, x.size(0), device_, "torch.scatter_add_rows"), src.to(x.scalar_type()));
  });
}

at::Tensor TorchBackend::rope(const Tensor& x, Index heads, const Tensor& cos, const Tensor& sin) const {
  constexpr std::string_view where = "torch.rope";
  need_matrix(x, where);
  need(heads > 0 && x.size(1) % (2 * heads) == 0, where,
       "an even width for each of " + std::to_string(heads) + " heads", x);
  const Index half = x.size(1) / (2 * heads);
  for (const Tensor* t : {&cos, &sin})
    need(t->defined() && t->dim() == 2 && t->size(0) == x.size(0) && t->size(1) == half, where,
         "[" + std::to_string(x.size(0)) + ", " + std::to_string(half) + "] angles", *t);
  return edge(where, options_, [&] {
    if (!options_.keep_graph && plain_rows(x) && cos.is_cpu() && cos.scalar_type() == at::kFloat &&
        cos.stride(1) == 1 && sin.scalar_type() == at::kFloat && sin.stride(1) == 1)
      return rope_rows(x, heads, cos, sin);
    const at::Tensor y = x.reshape({x.size(0), heads, 2, half}), a = y.select(2, 0), b = y.select(2, 1);
    const at::Tensor c = cos.unsqueeze(1), s = sin.unsqueeze(1);
    return at::stack({a * c - b * s, b * c + a * s}, 2).view(x.sizes()).to(x.scalar_type());
  });
}

at::Tensor TorchBackend::conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& s) const {
  constexpr std::string_view where = "torch.conv2d";
  need(s.stride > 0 && s.padding >= 0 && s.kernel_h > 0 && s.kernel_w > 0 && s.height + 2 * s.padding >= s.kernel_h &&
           s.width + 2 * s.padding >= s.kernel_w,
       where, "a kernel inside the padded picture", x);
  need(x.defined() && x.dim() == 2 && x.size(0) == s.height * s.width, where,
       std::to_string(s.height) + " x " + std::to_string(s.width) + " rows", x);
  need(w.value.defined() && w.value.dim() == 2 && w.value.size(1) == x.size(1) * s.kernel_h * s.kernel_w, where,
       "a weight [out, " + std::to_string(x.size(1) * s.kernel_h * s.kernel_w) + "]", w.value);
  need_weight(bias.value, w.value.size(0), where);
  return edge(where, options_, [&] {
    const at::Tensor in = x.reshape({1, s.height, s.width, x.size(1)}).permute({0, 3, 1, 2});
    const at::Tensor kernel = w.value.reshape({w.value.size(0), x.size(1), s.kernel_h, s.kernel_w});
    // The long form, because it can say: no TF32.
    const at::Tensor out = at::_convolution(in, kernel, bias.value, {s.stride, s.stride}, {s.padding, s.padding},
                                            {1, 1}, false, {0, 0}, 1, false, true, true, false);
    return out.squeeze(0).permute({1, 2, 0}).reshape({s.out_height() * s.out_width(), w.value.size(0)});
  });
}

at::Tensor TorchBackend::avg_pool(const Tensor& x, const Conv2dSpec& s) const {
  constexpr std::string_view where = "torch.avg_pool";
  need(s.stride > 0 && s.padding == 0 && s.kernel_h > 0 && s.kernel_w > 0 && s.height >= s.kernel_h &&
           s.width >= s.kernel_w,
       where, "a window inside the picture, no padding", x);
  need(x.defined() && x.dim() == 2 && x.size(0) == s.height * s.width, where,
       std::to_string(s.height) + " x " + std::to_string(s.width) + " rows", x);
  return edge(where, options_, [&] {
    const at::Tensor out = at::avg_pool2d(x.reshape({1, s.height, s.width, x.size(1)}).permute({0, 3, 1, 2}),
                                          {s.kernel_h, s.kernel_w}, {s.stride, s.stride});
    return out.squeeze(0).permute({1, 2, 0}).reshape({s.out_height() * s.out_width(), x.size(1)});
  });
}

void TorchBackend::parallel_for(Index n, Index grain, const std::function<void(Index, Index)>& f) const {
  if (n > 0) at::parallel_for(0, n, std::max<Index>(1, grain), f);
}

int TorchBackend::threads() const { return at::get_num_threads(); }

}  // namespace arrcoc
