#pragma once
// The Eigen backend: float32 arithmetic on the CPU (bf16 products if asked), weights kept in the type they are stored
// in. Results do not depend on the number of threads: work is cut into fixed pieces, and no sum crosses one.
#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/eigen/attend_one.hpp"
#include "arrcoc/eigen/attention.hpp"
#include "arrcoc/eigen/options.hpp"
#include "arrcoc/eigen/weight_product.hpp"

namespace arrcoc {

/// Matrices that were made before. `checked`: so all values of the model are known to be finite.
struct MadeForms {
  eigen::FormLookup find{};
  bool checked = false;
};

/// KernelBackend on Eigen's packets (core/kernel_backend.hpp has every kernel's shapes). A handle: copies share threads
/// and memory. Kernels may be called from several threads at once; one of them gets the workers, the others work alone.
/// A template, so that a program compiles only the kernels that it calls.
template <class Threads>
class EigenOn {
  using P = eigen::P;

 public:
  static constexpr std::string_view name = "eigen";
  using Tensor = eigen::Tensor;
  using Weight = eigen::Weight;
  using Cache = eigen::Cache;

  explicit EigenOn(EigenOptions options = {}, MadeForms made = {})
      : EigenOn(options, eigen::bf16_products, std::move(made)) {}

 protected:
  /// `pairs`: the kernels that will be called have products in bf16.
  EigenOn(const EigenOptions& options, bool pairs, MadeForms made)
      : threads_(std::make_shared<Threads>(options.threads)),
        pool_(std::make_shared<eigen::MemoryPool>(options.keep_bytes)),
        arithmetic_(!options.bf16 || !pairs ? eigen::Arithmetic::floats
                    : options.tiles         ? eigen::Arithmetic::tiles
                                            : eigen::Arithmetic::pairs),
        formats_(options.weights),
        made_(std::move(made)) {}

 public:
  int threads() const { return threads_->size(); }
  /// f(begin, end); an exception in f ends the loop and is rethrown here. Inside another loop it runs in place.
  template <class F>
  void parallel_for(Index n, Index grain, F&& f) const {
    threads_->run(n, grain, f);
  }
  const eigen::MemoryPool& memory() const { return *pool_; }

  // --- host ---
  Index rows(const Tensor& t) const { return t.rows(); }
  Index cols(const Tensor& t) const { return t.cols(); }

  Tensor from_host(std::span<const float> values, Index r, Index c) const {
    check(r >= 0 && c >= 0 && r * c == static_cast<Index>(values.size()), "from_host", [&] {
      return "expected " + std::to_string(values.size()) + " values, got shape [" + std::to_string(r) + ", " +
             std::to_string(c) + "]";
    });
    Tensor t = make(r, c);
    std::copy(values.begin(), values.end(), t.fill());
    return t;
  }
  std::vector<float> to_host(const Tensor& t) const {
    std::vector<float> out(static_cast<std::size_t>(t.rows() * t.cols()));
    for (Index i = 0; i < t.rows(); ++i) std::copy_n(t.row(i), t.cols(), out.data() + i * t.cols());
    return out;
  }
  /// Matrices stay where and as they are (f32, f16, bf16; f32 that is not aligned is copied); vectors are widened.
  Weight import_weight(const HostTensor& t, Layout layout) const {
    require_that(t.dtype == DType::f32 || t.dtype == DType::bf16 || t.dtype == DType::f16, Code::bad_weight,
                 "eigen.import_weight",
                 [&] { return "expected F32, BF16 or F16, got " + std::string(name_of(t.dtype)); });
    if (layout == Layout::vector) return {host_tensor(to_floats(t), {t.count()}), 1, t.count(), false};
    check(t.shape.size() == 2, "import_weight", [&] { return "expected a matrix, got shape " + shape_text(t.shape); });
    const bool in_out = layout == Layout::in_out;
    const Index out = t.dim(in_out ? 1 : 0), in = t.dim(in_out ? 0 : 1);
    if (reinterpret_cast<std::uintptr_t>(t.data) % static_cast<std::uintptr_t>(size_of(t.dtype)) != 0)
      return {host_tensor(to_floats(t), t.shape), out, in, in_out};
    return {t, out, in, in_out};
  }
  /// A matrix as it was imported, in the form that the options give to its use: as it was made before, or in memory of
  /// its own, unless the form is the stored one.
  Weight for_use(const Weight& w, WeightUse use, std::string_view matrix = {}) const {
    const WeightFormat f = formats_.of(use);
    if (made_.find && (f == WeightFormat::int8 || f == WeightFormat::int4))
      if (auto q = made_.find(matrix, w, use, f)) return Weight(std::move(q));
    return eigen::in_format(*threads_, w, f);
  }
  bool values_checked() const { return made_.checked; }

  // --- products ---
  Tensor linear(const Tensor& x, const Weight& w) const { return linear_from(x, w, nullptr); }
  Tensor linear(const Tensor& x, const Weight& w, const Weight& bias) const {
    check_vector(bias, w.out(), "linear", "bias");
    return linear_from(x, w, bias.stored_row<float>(0));
  }
  Tensor matmul(const Tensor& a, const Tensor& c, bool transpose_c) const {
    const Index n = transpose_c ? c.rows() : c.cols();
    check(a.cols() == (transpose_c ? c.cols() : c.rows()), "matmul", [&] {
      return std::string(transpose_c ? "expected [m, k] and [n, k], got " : "expected [m, k] and [k, n], got ") +
             shape_of(a) + " and " + shape_of(c);
    });
    Tensor out = make(a.rows(), n);
    if (transpose_c) product(a, n, eigen::PackOutputs<DType::f32>{c.data(), c.stride()}, nullptr, out);
    else product(a, n, eigen::PackInputs<DType::f32>{c.data(), c.stride()}, nullptr, out);
    return out;
  }

  Tensor embedding(const Weight& w, std::span<const TokenId> ids) const {
    check_stored(w, "embedding");
    Tensor out = make(static_cast<Index>(ids.size()), w.in());
    for (const TokenId id : ids) check_index(id, w.out(), "embedding");
    with_weight(w, [&]<DType D>() {
      over_rows(out, [&](Index i) { add_row<D>(w, ids[static_cast<std::size_t>(i)], 1.0f, false, out.fill(i)); });
    });
    return out;
  }
  Tensor embedding_bag(const Weight& w, std::span<const Index> ids, std::span<const float> weights, Index k) const {
    check_bags(ids, weights, k, "embedding_bag");
    check_stored(w, "embedding_bag");
    for (const Index id : ids) check_index(id, w.out(), "embedding_bag");
    Tensor out = make(static_cast<Index>(ids.size()) / k, w.in());
    with_weight(w, [&]<DType D>() {
      over_rows(out, [&](Index i) {
        for (Index j = 0; j < k; ++j) {
          const auto at = static_cast<std::size_t>(i * k + j);
          add_row<D>(w, ids[at], weights[at], j > 0, out.fill(i));
        }
      });
    });
    return out;
  }

  // --- rows: normalisation and softmax ---
  Tensor layer_norm(const Tensor& x, const Weight& w, const Weight& bias, float eps) const {
    check_vector(w, x.cols(), "layer_norm", "weight");
    check_vector(bias, x.cols(), "layer_norm", "bias");
    Tensor out = make(x.rows(), x.cols());
    const float *scale = w.stored_row<float>(0), *shift = bias.stored_row<float>(0);
    over_rows(out, [&](Index i) {
      const float* from = x.row(i);
      const auto n = static_cast<float>(x.cols());
      const float mean = eigen::sum_of(from, x.cols(), [](P v) { return v; }) / n;
      const P m = eigen::set(mean);
      const float variance = eigen::sum_of(from, x.cols(),
                                           [&](P v) {
                                             const P d = eigen::ei::psub(v, m);
                                             return eigen::ei::pmul(d, d);
                                           }) /
                             n;
      const P inverse = eigen::set(1.0f / std::sqrt(variance + eps));
      float* to = out.fill(i);
      eigen::map(from, scale, to, x.cols(),
                 [&](P v, P s) { return eigen::ei::pmul(eigen::ei::pmul(eigen::ei::psub(v, m), inverse), s); });
      eigen::map(to, shift, to, x.cols(), [](P v, P s) { return eigen::ei::padd(v, s); });
    });
    return out;
  }
  Tensor rms_norm(const Tensor& x, const Weight& w, float eps) const {
    check_vector(w, x.cols(), "rms_norm", "weight");
    Tensor out = make(x.rows(), x.cols());
    const float* scale = w.stored_row<float>(0);
    over_rows(out, [&](Index i) {
      const float mean =
          eigen::sum_of(x.row(i), x.cols(), [](P v) { return eigen::ei::pmul(v, v); }) / static_cast<float>(x.cols());
      const P inverse = eigen::set(1.0f / std::sqrt(mean + eps));
      eigen::map(x.row(i), scale, out.fill(i), x.cols(),
                 [&](P v, P s) { return eigen::ei::pmul(eigen::ei::pmul(v, inverse), s); });
    });
    return out;
  }
  Tensor softmax(const Tensor& x) const {
    Tensor out = make(x.rows(), x.cols());
    if (x.cols() == 0) return out;
    over_rows(out, [&](Index i) {
      float* to = out.fill(i);
      const P m = eigen::set(eigen::max_of(x.row(i), x.cols()));
      eigen::map(x.row(i), to, x.cols(), [&](P v) { return eigen::exp(eigen::ei::psub(v, m)); });
      const P total = eigen::set(eigen::sum_of(to, x.cols(), [](P v) { return v; }));
      eigen::map(to, to, x.cols(), [&](P v) { return eigen::ei::pdiv(v, total); });
    });
    return out;
  }
  Tensor l2_normalize(const Tensor& x) const {
    Tensor out = make(x.rows(), x.cols());
    over_rows(out, [&](Index i) {
      const float norm = std::sqrt(eigen::sum_of(x.row(i), x.cols(), [](P v) { return eigen::ei::pmul(v, v); }));
      const P n = eigen::set(norm > 1e-12f ? norm : (norm <= 1e-12f ? 1e-12f : norm));
      eigen::map(x.row(i), out.fill(i), x.cols(), [&](P v) { return eigen::ei::pdiv(v, n); });
    });
    return out;
  }

  // --- elements ---
  /// tanh: x * sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)), the same function without a cancellation on the left.
  Tensor gelu(const Tensor& x, Gelu kind) const {
    Tensor out = make(x.rows(), x.cols());
    if (kind == Gelu::erf) {
      over_rows(out, [&](Index i) {
        eigen::map(x.row(i), out.fill(i), x.cols(), [](P v) {
          return eigen::ei::pmul(eigen::ei::pmul(v, eigen::set(0.5f)),
                                 eigen::one_plus_erf(eigen::ei::pmul(v, eigen::set(0.707106781f))));
        });
      });
    } else {
      over_rows(out, [&](Index i) {
        eigen::map(x.row(i), out.fill(i), x.cols(), [](P v) {
          const P cubic = eigen::fma(eigen::ei::pmul(eigen::ei::pmul(v, v), eigen::set(0.044715f)), v, v);
          return eigen::ei::pmul(v, eigen::sigmoid(eigen::ei::pmul(cubic, eigen::set(1.59576912f))));
        });
      });
    }
    return out;
  }
  Tensor silu_mul(const Tensor& gate, const Tensor& up) const {
    check(gate.rows() == up.rows() && gate.cols() == up.cols(), "silu_mul",
          [&] { return "expected equal shapes, got " + shape_of(gate) + " and " + shape_of(up); });
    Tensor out = make(gate.rows(), gate.cols());
    over_rows(out, [&](Index i) {
      eigen::map(gate.row(i), up.row(i), out.fill(i), out.cols(),
                 [](P g, P u) { return eigen::ei::pmul(eigen::ei::pmul(g, eigen::sigmoid(g)), u); });
    });
    return out;
  }
  Tensor add(const Tensor& a, const Tensor& b) const {
    return pairwise(a, b, "add", [](P x, P y) { return eigen::ei::padd(x, y); });
  }
  Tensor mul(const Tensor& a, const Tensor& b) const {
    return pairwise(a, b, "mul", [](P x, P y) { return eigen::ei::pmul(x, y); });
  }
  Tensor scale(const Tensor& x, float s) const {
    Tensor out = make(x.rows(), x.cols());
    over_rows(out, [&](Index i) {
      eigen::map(x.row(i), out.fill(i), x.cols(), [&](P v) { return eigen::ei::pmul(v, eigen::set(s)); });
    });
    return out;
  }

  // --- reductions ---
  Tensor sum_rows(const Tensor& x) const { return reduce_rows(x, 1.0f); }
  Tensor mean_rows(const Tensor& x) const { return reduce_rows(x, x.rows() > 0 ? static_cast<float>(x.rows()) : 1.0f); }
  Tensor sum_cols(const Tensor& x) const {
    Tensor out = make(x.rows(), 1);
    for_rows(x.rows(), x.cols(),
             [&](Index i) { *out.fill(i) = eigen::sum_of(x.row(i), x.cols(), [](P v) { return v; }); });
    return out;
  }
  Tensor max_cols(const Tensor& x) const {
    check(x.cols() > 0, "max_cols", [&] { return "expected at least one column, got " + shape_of(x); });
    Tensor out = make(x.rows(), 1);
    for_rows(x.rows(), x.cols(), [&](Index i) { *out.fill(i) = eigen::max_of(x.row(i), x.cols()); });
    return out;
  }

  // --- rows: views, gathers and scatters ---
  Tensor slice_rows(const Tensor& x, Index i, Index j) const {
    check(0 <= i && i <= j && j <= x.rows(), "slice_rows", [&] { return range_text(i, j, x); });
    return x.window(i, j - i, 0, x.cols());
  }
  Tensor slice_cols(const Tensor& x, Index i, Index j) const {
    check(0 <= i && i <= j && j <= x.cols(), "slice_cols", [&] { return range_text(i, j, x); });
    return x.window(0, x.rows(), i, j - i);
  }
  Tensor concat_rows(const std::vector<Tensor>& parts) const {
    check(!parts.empty(), "concat_rows", [] { return "expected at least one tensor, got none"; });
    Index total = 0;
    for (const Tensor& t : parts) {
      check(t.cols() == parts.front().cols(), "concat_rows",
            [&] { return "expected equal columns, got " + shape_of(parts.front()) + " and " + shape_of(t); });
      total += t.rows();
    }
    Tensor out = make(total, parts.front().cols());
    Index at = 0;
    for (const Tensor& t : parts) {
      for_rows(t.rows(), t.cols(), [&](Index i) { std::copy_n(t.row(i), t.cols(), out.fill(at + i)); });
      at += t.rows();
    }
    return out;
  }
  Tensor reshape(const Tensor& x, Index r, Index c) const {
    check(r >= 0 && c >= 0 && r * c == x.rows() * x.cols(), "reshape", [&] {
      return "expected as many values as " + shape_of(x) + ", got [" + std::to_string(r) + ", " + std::to_string(c) +
             "]";
    });
    return x.contiguous() ? x.reshaped(r, c) : copy(x).reshaped(r, c);
  }
  Tensor gather_rows(const Tensor& x, std::span<const Index> idx) const {
    for (const Index i : idx) check_index(i, x.rows(), "gather_rows");
    Tensor out = make(static_cast<Index>(idx.size()), x.cols());
    over_rows(out, [&](Index i) { std::copy_n(x.row(idx[static_cast<std::size_t>(i)]), x.cols(), out.fill(i)); });
    return out;
  }
  Tensor bag_rows(const Tensor& x, std::span<const Index> idx, std::span<const float> weights, Index k) const {
    check_bags(idx, weights, k, "bag_rows");
    for (const Index i : idx) check_index(i, x.rows(), "bag_rows");
    Tensor out = make(static_cast<Index>(idx.size()) / k, x.cols());
    over_rows(out, [&](Index i) {
      float* to = out.fill(i);
      for (Index j = 0; j < k; ++j) {
        const auto at = static_cast<std::size_t>(i * k + j);
        const float* from = x.row(idx[at]);
        const P s = eigen::set(weights[at]);
        if (j == 0) eigen::map(from, to, x.cols(), [&](P v) { return eigen::ei::pmul(v, s); });
        else
          eigen::map(to, from, to, x.cols(), [&](P sum, P v) { return eigen::ei::padd(sum, eigen::ei::pmul(v, s)); });
      }
    });
    return out;
  }
  Tensor scatter_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
    check_scatter(x, idx, src, "scatter_rows");
    Tensor out = copy(x);
    for_rows(src.rows(), src.cols(),
             [&](Index i) { std::copy_n(src.row(i), src.cols(), out.fill(idx[static_cast<std::size_t>(i)])); });
    return out;
  }
  Tensor scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
    check_scatter(x, idx, src, "scatter_add_rows");
    Tensor out = copy(x);
    for_rows(src.rows(), src.cols(), [&](Index i) {
      float* to = out.fill(idx[static_cast<std::size_t>(i)]);
      eigen::map(to, src.row(i), to, src.cols(), [](P a, P b) { return eigen::ei::padd(a, b); });
    });
    return out;
  }

  // --- attention ---
  Tensor rope(const Tensor& x, Index heads, const Tensor& cos, const Tensor& sin) const {
    check(heads > 0 && x.cols() % (2 * heads) == 0 && cos.rows() == x.rows() && sin.rows() == x.rows() &&
              cos.cols() == x.cols() / heads / 2 && sin.cols() == cos.cols(),
          "rope", [&] {
            return "expected x [L, heads * d] and cos, sin [L, d / 2], got " + shape_of(x) + " with " +
                   std::to_string(heads) + " heads, " + shape_of(cos) + " and " + shape_of(sin);
          });
    Tensor out = make(x.rows(), x.cols());
    const Index half = cos.cols();
    over_rows(out, [&](Index i) {
      const float *c = cos.row(i), *s = sin.row(i);
      for (Index h = 0; h < heads; ++h) {
        const float* a = x.row(i) + 2 * h * half;
        float* to = out.fill(i) + 2 * h * half;
        Index j = 0;
        for (; j + eigen::lanes <= half; j += eigen::lanes) {
          const P first = eigen::load(a + j), second = eigen::load(a + half + j), cosine = eigen::load(c + j),
                  sine = eigen::load(s + j);
          eigen::store(to + j, eigen::ei::psub(eigen::ei::pmul(first, cosine), eigen::ei::pmul(second, sine)));
          eigen::store(to + half + j, eigen::ei::padd(eigen::ei::pmul(second, cosine), eigen::ei::pmul(first, sine)));
        }
        for (; j < half; ++j) {
          to[j] = a[j] * c[j] - a[half + j] * s[j];
          to[half + j] = a[half + j] * c[j] + a[j] * s[j];
        }
      }
    });
    return out;
  }
  /// With segments, rows are key rows and query row i stands at key row i + causal_offset. A query that sees no key
  /// gives zeros.
  Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& spec) const {
    const eigen::AttentionPlan plan = eigen::plan_attention(q, k, v, spec, eigen::queries_at_once(arithmetic_));
    Attended<Tensor> a;
    a.out = make(q.rows(), plan.heads * plan.dv);
    if (spec.want_received) {
      a.received = make(1, plan.keys);
      std::fill_n(a.received.fill(), plan.keys, 0.0f);
    }
    if (q.rows() == 0) return a;
    if (plan.keys == 0) {
      std::fill_n(a.out.fill(), a.out.rows() * a.out.cols(), 0.0f);
    } else if (q.rows() == 1) {
      attend_one(*threads_, *pool_, plan, q, k, v, a.out, spec.want_received ? a.received.fill() : nullptr);
    } else {
      const auto blocks = [&]<class Op>(Op) {
        eigen::BlockedAttention<Op, Threads> blocked(*threads_, *pool_, plan, q, k, v);
        blocked.run(a.out, spec.want_received);
        if (spec.want_received) blocked.received(a.received.fill());
      };
      if (arithmetic_ == eigen::Arithmetic::floats || plan.d % 2 != 0 || plan.scale <= 0.0f) blocks(eigen::Floats{});
      else eigen::with_pairs(arithmetic_, blocks);
    }
    return a;
  }
  Cache make_cache(Index capacity, Index width) const {
    check(capacity >= 0 && width > 0, "make_cache", [&] {
      return "expected a capacity and a width above 0, got " + std::to_string(capacity) + " and " +
             std::to_string(width);
    });
    return {pool_, capacity, width};
  }
  void cache_append(Cache& cache, const Tensor& k, const Tensor& v) const {
    check(k.rows() == v.rows() && k.cols() == cache.width() && v.cols() == cache.width(), "cache_append", [&] {
      return "expected keys and values [n, " + std::to_string(cache.width()) + "], got " + shape_of(k) + " and " +
             shape_of(v);
    });
    cache.append(k, v);
  }
  Tensor cache_keys(const Cache& cache) const { return cache.keys(); }
  Tensor cache_values(const Cache& cache) const { return cache.values(); }

  // --- pictures ---
  Tensor conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& s) const {
    check_window(x, s, "conv2d");
    const Index area = s.kernel_h * s.kernel_w, channels = x.cols(), width = channels * area, ho = s.out_height(),
                wo = s.out_width();
    check(w.in() == width, "conv2d",
          [&] { return "expected a weight [Cout, " + std::to_string(width) + "], got " + shape_of(w); });
    check_vector(bias, w.out(), "conv2d", "bias");
    Tensor out = make(ho * wo, w.out());
    // A bounded number of output rows at a time, their inputs laid out as rows of a matrix.
    const Index step = std::max<Index>(64, (Index{1} << 22) / std::max<Index>(width, 1));
    for (Index first = 0; first < ho * wo; first += step) {
      const Index count = std::min(step, ho * wo - first);
      const Tensor patches = make(count, width);
      over_rows(patches, [&](Index i) {
        const Index row = (first + i) / wo * s.stride - s.padding, col = (first + i) % wo * s.stride - s.padding;
        float* to = patches.memory().get() + i * width;
        for (Index c = 0; c < channels; ++c)
          for (Index y = row; y < row + s.kernel_h; ++y)
            for (Index z = col; z < col + s.kernel_w; ++z)
              *to++ = y >= 0 && y < s.height && z >= 0 && z < s.width ? x.row(y * s.width + z)[c] : 0.0f;
      });
      Tensor part = out.window(first, count, 0, out.cols());
      eigen::weight_product(*threads_, *pool_, patches, w, arithmetic_, bias.stored_row<float>(0), part);
    }
    return out;
  }
  Tensor avg_pool(const Tensor& x, const Conv2dSpec& s) const {
    check_window(x, s, "avg_pool");
    check(s.padding == 0, "avg_pool", [&] { return "expected no padding, got " + std::to_string(s.padding); });
    const Index wo = s.out_width();
    Tensor out = make(s.out_height() * wo, x.cols());
    const P area = eigen::set(static_cast<float>(s.kernel_h * s.kernel_w));
    over_rows(out, [&](Index i) {
      float* to = out.fill(i);
      std::fill_n(to, x.cols(), 0.0f);
      for (Index y = 0; y < s.kernel_h; ++y)
        for (Index z = 0; z < s.kernel_w; ++z)
          eigen::map(to, x.row((i / wo * s.stride + y) * s.width + i % wo * s.stride + z), to, x.cols(),
                     [](P a, P b) { return eigen::ei::padd(a, b); });
      eigen::map(to, to, x.cols(), [&](P v) { return eigen::ei::pdiv(v, area); });
    });
    return out;
  }

 private:
  template <class Sentence>
  static void check(bool ok, std::string_view kernel, Sentence&& sentence) {
    require_that(ok, Code::shape_mismatch, "eigen", [&] { return std::string(kernel) + ": " + sentence(); });
  }
  static void check_index(Index i, Index n, std::string_view kernel) {
    check(i >= 0 && i < n, kernel,
          [&] { return "expected row indices below " + std::to_string(n) + ", got " + std::to_string(i); });
  }
  static void check_bags(std::span<const Index> idx, std::span<const float> weights, Index k, std::string_view kernel) {
    check(k > 0 && idx.size() == weights.size() && static_cast<Index>(idx.size()) % k == 0, kernel, [&] {
      return "expected as many weights as indices, a multiple of k = " + std::to_string(k) + ", got " +
             std::to_string(weights.size()) + " and " + std::to_string(idx.size());
    });
  }
  static void check_stored(const Weight& w, std::string_view kernel) {
    check(w.quantised() == nullptr, kernel, [] { return "expected a matrix as it is stored, got a quantised one"; });
  }
  static void check_vector(const Weight& w, Index n, std::string_view kernel, std::string_view what) {
    check(w.out() == 1 && w.in() == n && w.dtype() == DType::f32 && !w.transposed(), kernel,
          [&] { return std::string(what) + ": expected a vector of " + std::to_string(n) + ", got " + shape_of(w); });
  }
  static void check_scatter(const Tensor& x, std::span<const Index> idx, const Tensor& src, std::string_view kernel) {
    check(src.rows() == static_cast<Index>(idx.size()) && src.cols() == x.cols(), kernel, [&] {
      return "expected a source [" + std::to_string(idx.size()) + ", " + std::to_string(x.cols()) + "], got " +
             shape_of(src);
    });
    for (const Index i : idx) check_index(i, x.rows(), kernel);
  }
  static void check_window(const Tensor& x, const Conv2dSpec& s, std::string_view kernel) {
    check(s.kernel_h > 0 && s.kernel_w > 0 && s.stride > 0 && s.padding >= 0 && s.height >= 0 && s.width >= 0 &&
              x.rows() == s.height * s.width && s.height + 2 * s.padding >= s.kernel_h &&
              s.width + 2 * s.padding >= s.kernel_w,
          kernel, [&] {
            return "expected x [" + std::to_string(s.height) + " * " + std::to_string(s.width) +
                   ", C] and a window that fits, got " + shape_of(x) + " and a window of " +
                   std::to_string(s.kernel_h) + " x " + std::to_string(s.kernel_w);
          });
  }
  static std::string range_text(Index i, Index j, const Tensor& x) {
    return "expected a range inside " + shape_of(x) + ", got [" + std::to_string(i) + ", " + std::to_string(j) + ")";
  }

  Tensor make(Index r, Index c) const { return {pool_->take(r * c), r, c, c}; }
  Tensor copy(const Tensor& x) const {
    Tensor out = make(x.rows(), x.cols());
    over_rows(out, [&](Index i) { std::copy_n(x.row(i), x.cols(), out.fill(i)); });
    return out;
  }
  /// f(i) for each of n rows; ranges hold about 16,384 values, so small tensors stay in the calling thread.
  template <class F>
  void for_rows(Index n, Index width, F&& f) const {
    threads_->run(n, std::max<Index>(1, 16384 / std::max<Index>(width, 1)), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) f(i);
    });
  }
  template <class F>
  void over_rows(const Tensor& out, F&& f) const {
    for_rows(out.rows(), out.cols(), f);
  }

  template <class F>
  Tensor pairwise(const Tensor& a, const Tensor& b, std::string_view kernel, F f) const {
    check(a.cols() == b.cols() && (a.rows() == b.rows() || b.rows() == 1), kernel,
          [&] { return "expected equal shapes or a second of one row, got " + shape_of(a) + " and " + shape_of(b); });
    Tensor out = make(a.rows(), a.cols());
    over_rows(out, [&](Index i) { eigen::map(a.row(i), b.row(b.rows() == 1 ? 0 : i), out.fill(i), a.cols(), f); });
    return out;
  }
  /// Sums over rows in blocks of 64, so that rounding grows with the blocks alone; columns go to the threads.
  Tensor reduce_rows(const Tensor& x, float divisor) const {
    Tensor out = make(1, x.cols());
    const P d = eigen::set(divisor);
    // Q packets of columns at once; read(row, q) gives one of them.
    const auto columns = [&]<int Q>(std::integral_constant<int, Q>, auto read, auto write) {
      P total[Q];
      for (P& t : total) t = eigen::set(0.0f);
      for (Index first = 0; first < x.rows(); first += 64) {
        P part[Q];
        for (P& t : part) t = eigen::set(0.0f);
        for (Index i = first; i < std::min(x.rows(), first + 64); ++i)
          for (int q = 0; q < Q; ++q) part[q] = eigen::ei::padd(part[q], read(x.row(i), q));
        for (int q = 0; q < Q; ++q) total[q] = eigen::ei::padd(total[q], part[q]);
      }
      for (int q = 0; q < Q; ++q) write(q, eigen::ei::pdiv(total[q], d));
    };
    constexpr Index wide = 4 * eigen::lanes;
    threads_->run(
        (x.cols() + wide - 1) / wide, std::max<Index>(1, 256 / std::max<Index>(x.rows(), 1)),
        [&](Index begin, Index end) {
          for (Index j = begin * wide; j < std::min(x.cols(), end * wide);) {
            float* to = out.fill() + j;
            const Index n = x.cols() - j;
            if (n >= wide) {
              columns(
                  std::integral_constant<int, 4>{},
                  [&](const float* row, int q) { return eigen::load(row + j + q * eigen::lanes); },
                  [&](int q, P v) { eigen::store(to + q * eigen::lanes, v); });
              j += wide;
            } else if (n >= eigen::lanes) {
              columns(
                  std::integral_constant<int, 1>{}, [&](const float* row, int) { return eigen::load(row + j); },
                  [&](int, P v) { eigen::store(to, v); });
              j += eigen::lanes;
            } else {
              columns(
                  std::integral_constant<int, 1>{}, [&](const float* row, int) { return eigen::load_part(row + j, n); },
                  [&](int, P v) { eigen::store_part(to, v, n); });
              j += n;
            }
          }
        });
    return out;
  }

  template <class F>
  static void with_weight(const Weight& w, F&& f) {
    eigen::with_dtype(w.dtype(), f);
  }
  /// to (+)= factor * row i of w, in stored or transposed layout.
  template <DType D>
  static void add_row(const Weight& w, Index i, float factor, bool add, float* to) {
    using T = eigen::stored_t<D>;
    const Index n = w.in();
    const P s = eigen::set(factor);
    const auto value = [&](P v, const float* old) {
      return add ? eigen::ei::padd(eigen::load(old), eigen::ei::pmul(v, s)) : eigen::ei::pmul(v, s);
    };
    if (w.transposed()) {
      for (Index j = 0; j < n; ++j) {
        const float v = float_at(w.values(), j * w.out() + i) * factor;
        to[j] = add ? to[j] + v : v;
      }
      return;
    }
    const T* row = w.stored_row<T>(i);
    Index j = 0;
    for (; j + eigen::lanes <= n; j += eigen::lanes) eigen::store(to + j, value(eigen::widen<D>(row + j), to + j));
    if (j < n) {
      alignas(64) float old[eigen::lanes] = {};
      std::copy_n(to + j, n - j, old);
      eigen::store_part(to + j, value(eigen::widen_part<D>(row + j, n - j), old), n - j);
    }
  }

  template <class PackB>
  void product(const Tensor& a, Index n, const PackB& pack, const float* init, Tensor& out) const {
    eigen::gemm(*threads_, *pool_, a.data(), a.stride(), a.rows(), a.cols(), n, pack, init, out.fill(), out.stride());
  }
  Tensor linear_from(const Tensor& x, const Weight& w, const float* init) const {
    check(x.cols() == w.in(), "linear", [&] {
      return "expected x [L, " + std::to_string(w.in()) + "] for a weight " + shape_of(w) + ", got " + shape_of(x);
    });
    Tensor out = make(x.rows(), w.out());
    if (x.rows() > 0) eigen::weight_product(*threads_, *pool_, x, w, arithmetic_, init, out);
    return out;
  }

  std::shared_ptr<Threads> threads_;
  std::shared_ptr<eigen::MemoryPool> pool_;
  eigen::Arithmetic arithmetic_;
  WeightFormats formats_;
  MadeForms made_;
};

/// With the kernels of the flags that this translation unit is compiled with.
using EigenBackend = EigenOn<eigen::ThreadPool>;
static_assert(check_backend<EigenBackend>());

}  // namespace arrcoc
