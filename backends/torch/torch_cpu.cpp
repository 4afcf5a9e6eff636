#include "torch_cpu.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <atomic>

#include "arrcoc/eigen/attention.hpp"

namespace arrcoc::torch_detail {
namespace {
using eigen::lanes;
using eigen::P;
namespace ei = eigen::ei;

template <DType D>
eigen::stored_t<D>* values(at::Tensor& t) {
  return static_cast<eigen::stored_t<D>*>(t.mutable_data_ptr());
}
template <DType D>
const eigen::stored_t<D>* values(const at::Tensor& t) {
  return static_cast<const eigen::stored_t<D>*>(t.const_data_ptr());
}

template <DType D>
EIGEN_ALWAYS_INLINE P get(const eigen::stored_t<D>* p, Index left) {
  return left >= lanes ? eigen::widen<D>(p) : eigen::widen_part<D>(p, left);
}
template <DType D>
EIGEN_ALWAYS_INLINE void put(eigen::stored_t<D>* p, P x, Index left) {
  if constexpr (D == DType::f32) {
    if (left >= lanes) eigen::store(p, x);
    else eigen::store_part(p, x, left);
  } else {
    if (left >= lanes) return eigen::store_bf16(p, x);
    std::uint16_t h[lanes];
    eigen::store_bf16(h, x);
    std::copy_n(h, left, p);
  }
}
/// As stored and read again.
template <DType D>
EIGEN_ALWAYS_INLINE P rounded(P x) {
  if constexpr (D == DType::f32) return x;
  std::uint16_t h[lanes];
  eigen::store_bf16(h, x);
  return eigen::widen<DType::bf16>(h);
}

template <class F>
void with_type(const at::Tensor& t, F&& f) {
  if (t.scalar_type() == at::kBFloat16) f.template operator()<DType::bf16>();
  else f.template operator()<DType::f32>();
}
Index grain(Index width) { return std::max<Index>(1, 16384 / std::max<Index>(1, width)); }

/// The library's threads under the name that the attention knows.
struct AtThreads {
  template <class F>
  void run(Index n, Index piece, F&& f) {
    std::atomic<Index> next{0};
    at::parallel_for(0, std::min<Index>(at::get_num_threads(), n), 1, [&](Index begin, Index end) {
      for (Index worker = begin; worker < end; ++worker)
        for (Index i; (i = next.fetch_add(piece)) < n;) f(i, std::min(n, i + piece));
    });
  }
};

eigen::Tensor rows_of(at::Tensor t) {
  t = t.to(at::kFloat);
  if (t.stride(1) != 1) t = t.contiguous();
  const Index rows = t.size(0), cols = t.size(1), stride = t.stride(0);
  auto* p = static_cast<float*>(const_cast<void*>(t.const_data_ptr()));  // handed on as const
  return {std::shared_ptr<float>(p, [t](float*) {}), rows, cols, stride};
}

}  // namespace

std::shared_ptr<eigen::MemoryPool> make_pool() { return std::make_shared<eigen::MemoryPool>(std::size_t{256} << 20); }

bool plain_rows(const at::Tensor& t) {
  return t.is_cpu() && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16) && t.stride(-1) == 1;
}

at::Tensor rms_norm_rows(const at::Tensor& x, const at::Tensor& w, float eps) {
  const Index rows = x.size(0), n = x.size(1), stride = x.stride(0);
  at::Tensor out = at::empty({rows, n}, x.options());
  with_type(x, [&]<DType D>() {
    const auto *in = values<D>(std::as_const(x)), *weight = values<D>(w);
    auto* to = values<D>(out);
    at::parallel_for(0, rows, grain(n), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const auto* row = in + r * stride;
        P part[2] = {eigen::set(0), eigen::set(0)};
        for (Index i = 0; i < n; i += lanes) {
          const P v = get<D>(row + i, n - i);
          part[i / lanes % 2] = eigen::fma(v, v, part[i / lanes % 2]);
        }
        const P factor =
            eigen::set(1.0f / std::sqrt(eigen::sum(ei::padd(part[0], part[1])) / static_cast<float>(n) + eps));
        for (Index i = 0; i < n; i += lanes)
          put<D>(to + r * n + i,
                 ei::pmul(rounded<D>(ei::pmul(get<D>(row + i, n - i), factor)), get<D>(weight + i, n - i)), n - i);
      }
    });
  });
  return out;
}

at::Tensor rope_rows(const at::Tensor& x, Index heads, const at::Tensor& cos, const at::Tensor& sin) {
  const Index rows = x.size(0), half = cos.size(1), stride = x.stride(0), width = 2 * half;
  at::Tensor out = at::empty(x.sizes(), x.options());
  with_type(x, [&]<DType D>() {
    const auto* in = values<D>(x);
    auto* to = values<D>(out);
    const float *c = cos.const_data_ptr<float>(), *s = sin.const_data_ptr<float>();
    at::parallel_for(0, rows, grain(heads * width), [&](Index begin, Index end) {
      for (Index r = begin; r < end; ++r) {
        const float *cr = c + r * cos.stride(0), *sr = s + r * sin.stride(0);
        for (Index h = 0; h < heads; ++h) {
          const auto* a = in + r * stride + h * width;
          auto* y = to + (r * heads + h) * width;
          for (Index i = 0; i < half; i += lanes) {
            const Index left = half - i;
            const P first = get<D>(a + i, left), second = get<D>(a + half + i, left),
                    cosine = get<DType::f32>(cr + i, left), sine = get<DType::f32>(sr + i, left);
            put<D>(y + i, ei::psub(ei::pmul(first, cosine), ei::pmul(second, sine)), left);
            put<D>(y + half + i, ei::padd(ei::pmul(second, cosine), ei::pmul(first, sine)), left);
          }
        }
      }
    });
  });
  return out;
}

Attended<at::Tensor> attention_rows(const std::shared_ptr<eigen::MemoryPool>& pool, const at::Tensor& q,
                                    const at::Tensor& k, const at::Tensor& v, const AttentionSpec& spec) {
  const eigen::Tensor eq = rows_of(q), ek = rows_of(k), ev = rows_of(v);
  const eigen::AttentionPlan plan = eigen::plan_attention(eq, ek, ev, spec);
  at::Tensor out = at::empty({q.size(0), plan.heads * plan.dv}, at::kFloat), received;
  if (spec.want_received) received = at::zeros({1, plan.keys}, at::kFloat);
  eigen::Tensor filled = rows_of(out);
  AtThreads threads;
  const auto blocks = [&]<class Op>(Op) {
    eigen::BlockedAttention<Op, AtThreads> blocked(threads, *pool, plan, eq, ek, ev);
    blocked.run(filled, spec.want_received);
    if (spec.want_received) blocked.received(received.mutable_data_ptr<float>());
  };
  if (eigen::bf16_products && q.scalar_type() == at::kBFloat16 && plan.d % 2 == 0 && plan.scale > 0.0f)
    blocks(eigen::Pairs{});
  else blocks(eigen::Floats{});
  return {out.to(q.scalar_type()), received};
}

}  // namespace arrcoc::torch_detail
