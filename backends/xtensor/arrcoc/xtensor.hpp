#pragma once
// The readable reference backend: every kernel as close to its formula as xtensor and xtensor-blas allow. No speed is
// promised. Float32 arithmetic; weights are widened at import. One thread, but for the products: OpenBLAS has a pool of
// its own, one per process.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <xtensor-blas/xlinalg.hpp>
#include <xtensor/xadapt.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xmath.hpp>
#include <xtensor/xsort.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>

#include "arrcoc/core/kernel_backend.hpp"

namespace arrcoc {

extern "C" void openblas_set_num_threads(int);
extern "C" int openblas_get_num_threads(void);

struct XtensorOptions {
  int threads = 0;  ///< of OpenBLAS's pool; 0 leaves it as it is
};

class XtensorBackend {
 public:
  explicit XtensorBackend(XtensorOptions options = {}) {
    require_that(options.threads >= 0, Code::bad_config, "xtensor",
                 [&] { return "threads: expected 0 or more, got " + std::to_string(options.threads); });
    if (options.threads > 0) openblas_set_num_threads(options.threads);
  }

  static constexpr std::string_view name = "xtensor";
  using Array = xt::xtensor<float, 2>;
  /// A shared, never changed array; an empty handle has no rows.
  struct Tensor {
    std::shared_ptr<const Array> a;
    const Array& operator*() const { return *a; }
  };
  using Weight = Tensor;  // [out, in], or [1, n] for a vector
  struct Cache {
    Tensor keys, values;
  };

  static Index rows(const Tensor& t) { return t.a ? static_cast<Index>(t.a->shape()[0]) : 0; }
  static Index cols(const Tensor& t) { return t.a ? static_cast<Index>(t.a->shape()[1]) : 0; }

  static Tensor from_host(std::span<const float> v, Index r, Index c) {
    expect(static_cast<Index>(v.size()) == r * c, "from_host", r * c, static_cast<Index>(v.size()));
    Array a = zeros(r, c);
    std::copy(v.begin(), v.end(), a.begin());
    return wrap(std::move(a));
  }
  static std::vector<float> to_host(const Tensor& t) {
    return t.a ? std::vector<float>(t.a->begin(), t.a->end()) : std::vector<float>{};
  }
  static Weight import_weight(const HostTensor& h, Layout layout) {
    const bool vector = layout == Layout::vector;
    const Tensor t =
        from_host(to_floats(h), vector ? 1 : h.dim(0), vector ? h.count() : h.count() / std::max<Index>(h.dim(0), 1));
    return layout == Layout::in_out ? wrap(xt::transpose(*t)) : t;
  }

  static Tensor linear(const Tensor& x, const Weight& w) { return matmul(x, w, true); }
  static Tensor linear(const Tensor& x, const Weight& w, const Weight& bias) { return add(linear(x, w), bias); }
  static Tensor matmul(const Tensor& a, const Tensor& c, bool transpose_c) {
    expect(cols(a) == (transpose_c ? cols(c) : rows(c)), "matmul", transpose_c ? cols(c) : rows(c), cols(a));
    const Index n = transpose_c ? rows(c) : cols(c);
    if (rows(a) == 0 || n == 0 || cols(a) == 0) return wrap(zeros(rows(a), n));
    if (transpose_c) return wrap(xt::linalg::dot(*a, xt::transpose(*c)));
    return wrap(xt::linalg::dot(*a, *c));
  }
  static Tensor embedding(const Weight& w, std::span<const TokenId> ids) {
    return gather_rows(w, std::vector<Index>(ids.begin(), ids.end()));
  }
  static Tensor embedding_bag(const Weight& w, std::span<const Index> ids, std::span<const float> weights, Index k) {
    return bag_rows(w, ids, weights, k);
  }

  static Tensor layer_norm(const Tensor& x, const Weight& w, const Weight& bias, float eps) {
    expect(cols(x) == cols(w) && cols(w) == cols(bias), "layer_norm", cols(w), cols(x));
    if (rows(x) == 0) return x;
    const Array centred = *x - sum_of_cols(*x) / static_cast<float>(cols(x));
    const Array variance = sum_of_cols(xt::square(centred)) / static_cast<float>(cols(x));
    return wrap(centred / xt::sqrt(variance + eps) * *w + *bias);
  }
  static Tensor rms_norm(const Tensor& x, const Weight& w, float eps) {
    expect(cols(x) == cols(w), "rms_norm", cols(w), cols(x));
    const Array mean_square = sum_of_cols(xt::square(*x)) / static_cast<float>(cols(x));
    return wrap(*x / xt::sqrt(mean_square + eps) * *w);
  }
  static Tensor gelu(const Tensor& x, Gelu kind) {
    if (kind == Gelu::erf) return wrap(0.5f * *x * (1.0f + xt::erf(*x * 0.70710678118654752f)));
    return wrap(0.5f * *x * (1.0f + xt::tanh(0.79788456080286536f * (*x + 0.044715f * *x * *x * *x))));
  }
  static Tensor silu_mul(const Tensor& gate, const Tensor& up) {
    same(gate, up, "silu_mul");
    return wrap(*gate / (1.0f + xt::exp(-*gate)) * *up);
  }
  static Tensor add(const Tensor& a, const Tensor& c) {
    broadcast(a, c, "add");
    return wrap(*a + *c);
  }
  static Tensor mul(const Tensor& a, const Tensor& c) {
    broadcast(a, c, "mul");
    return wrap(*a * *c);
  }
  static Tensor scale(const Tensor& x, float s) { return wrap(*x * s); }
  static Tensor softmax(const Tensor& x) {
    if (rows(x) == 0 || cols(x) == 0) return x;
    const Array e = xt::exp(*x - *max_cols(x));
    return wrap(e / sum_of_cols(e));
  }
  static Tensor l2_normalize(const Tensor& x) {
    const Array norm = xt::sqrt(sum_of_cols(xt::square(*x)));
    return wrap(*x / xt::maximum(norm, 1e-12f));
  }
  static Tensor sum_rows(const Tensor& x) {
    if (rows(x) == 0) return wrap(zeros(1, cols(x)));
    return wrap(xt::sum(*x, {0}, xt::keep_dims | xt::evaluation_strategy::immediate));
  }
  static Tensor mean_rows(const Tensor& x) {
    return scale(sum_rows(x), 1.0f / static_cast<float>(std::max<Index>(rows(x), 1)));
  }
  static Tensor sum_cols(const Tensor& x) { return wrap(sum_of_cols(*x)); }
  static Tensor max_cols(const Tensor& x) {
    expect(cols(x) > 0, "max_cols", 1, cols(x));
    if (rows(x) == 0) return wrap(zeros(0, 1));
    return wrap(xt::amax(*x, {1}, xt::keep_dims | xt::evaluation_strategy::immediate));
  }

  static Tensor slice_rows(const Tensor& x, Index i, Index j) {
    expect(0 <= i && i <= j && j <= rows(x), "slice_rows", rows(x), j);
    return wrap(xt::view(*x, xt::range(i, j), xt::all()));
  }
  static Tensor slice_cols(const Tensor& x, Index i, Index j) {
    expect(0 <= i && i <= j && j <= cols(x), "slice_cols", cols(x), j);
    return wrap(xt::view(*x, xt::all(), xt::range(i, j)));
  }
  static Tensor concat_rows(const std::vector<Tensor>& parts) {
    Index n = 0;
    for (const Tensor& p : parts) n += rows(p);
    Array out = zeros(n, parts.empty() ? 0 : cols(parts.front()));
    Index at = 0;
    for (const Tensor& p : parts) {
      expect(cols(p) == cols(parts.front()), "concat_rows", cols(parts.front()), cols(p));
      xt::view(out, xt::range(at, at + rows(p)), xt::all()) = *p;
      at += rows(p);
    }
    return wrap(std::move(out));
  }
  static Tensor reshape(const Tensor& x, Index r, Index c) {
    return from_host(std::span<const float>(x.a ? x.a->data() : nullptr, x.a ? x.a->size() : 0), r, c);
  }
  static Tensor gather_rows(const Tensor& x, std::span<const Index> idx) {
    Array out = zeros(static_cast<Index>(idx.size()), cols(x));
    for (std::size_t i = 0; i < idx.size(); ++i)
      xt::row(out, static_cast<Index>(i)) = xt::row(*x, row_of(x, idx[i], "gather_rows"));
    return wrap(std::move(out));
  }
  static Tensor bag_rows(const Tensor& x, std::span<const Index> idx, std::span<const float> weights, Index k) {
    expect(k > 0 && idx.size() == weights.size() && static_cast<Index>(idx.size()) % k == 0, "bag_rows",
           static_cast<Index>(idx.size()), static_cast<Index>(weights.size()));
    Array out = zeros(static_cast<Index>(idx.size()) / k, cols(x));
    for (std::size_t i = 0; i < idx.size(); ++i)
      xt::row(out, static_cast<Index>(i) / k) += weights[i] * xt::row(*x, row_of(x, idx[i], "bag_rows"));
    return wrap(std::move(out));
  }
  static Tensor scatter_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) {
    return scatter(x, idx, src, "scatter_rows", [](auto&& to, auto&& from) { to = from; });
  }
  static Tensor scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) {
    return scatter(x, idx, src, "scatter_add_rows", [](auto&& to, auto&& from) { to += from; });
  }

  static Tensor rope(const Tensor& x, Index heads, const Tensor& cos, const Tensor& sin) {
    const Index d = cols(x) / std::max<Index>(heads, 1), half = d / 2;
    expect(heads > 0 && heads * d == cols(x) && cols(cos) == half && rows(cos) == rows(x) && cols(sin) == half &&
               rows(sin) == rows(x),
           "rope", half, cols(cos));
    Array out = *x;
    for (Index h = 0; h < heads; ++h) {
      const Array low = xt::view(*x, xt::all(), xt::range(h * d, h * d + half)),
                  high = xt::view(*x, xt::all(), xt::range(h * d + half, (h + 1) * d));
      xt::view(out, xt::all(), xt::range(h * d, h * d + half)) = low * *cos - high * *sin;
      xt::view(out, xt::all(), xt::range(h * d + half, (h + 1) * d)) = high * *cos + low * *sin;
    }
    return wrap(std::move(out));
  }

  /// One head and a block of queries at a time, so no N x N array exists. A query that sees no key gives zeros.
  static Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s) {
    check_attention(q, k, v, s);
    const Index d = cols(q) / s.heads, dv = cols(v) / s.kv_heads, keys = rows(k), group = s.heads / s.kv_heads,
                block = 64;
    Array out = zeros(rows(q), s.heads * dv), received = zeros(1, keys);
    for (Index h = 0; h < s.heads && keys > 0 && d > 0; ++h) {
      const Index g = h / group;
      const Array key = xt::view(*k, xt::all(), xt::range(g * d, (g + 1) * d)),
                  value = xt::view(*v, xt::all(), xt::range(g * dv, (g + 1) * dv));
      for (Index first = 0; first < rows(q); first += block) {
        const Index last = std::min(rows(q), first + block);
        const Array query = xt::view(*q, xt::range(first, last), xt::range(h * d, (h + 1) * d));
        Array scores = s.scale * xt::linalg::dot(query, xt::transpose(key));
        if (!s.key_bias.empty())
          scores += xt::adapt(s.key_bias.data(), s.key_bias.size(), xt::no_ownership(), std::vector{s.key_bias.size()});
        Array p = zeros(last - first, keys);
        for (Index i = 0; i < last - first; ++i) softmax_over(visible(s, keys, first + i), &scores(i, 0), &p(i, 0));
        xt::view(out, xt::range(first, last), xt::range(h * dv, (h + 1) * dv)) = xt::linalg::dot(p, value);
        received += xt::sum(p, {0}, xt::keep_dims | xt::evaluation_strategy::immediate);
      }
    }
    return {wrap(std::move(out)), s.want_received ? wrap(std::move(received)) : Tensor{}};
  }

  static Cache make_cache(Index, Index width) { return {wrap(zeros(0, width)), wrap(zeros(0, width))}; }
  static void cache_append(Cache& c, const Tensor& k, const Tensor& v) {
    expect(rows(k) == rows(v), "cache_append", rows(k), rows(v));
    expect(cols(k) == cols(c.keys) && cols(v) == cols(c.values), "cache_append", cols(c.keys), cols(k));
    c.keys = concat_rows({c.keys, k});
    c.values = concat_rows({c.values, v});
  }
  static Tensor cache_keys(const Cache& c) { return c.keys; }
  static Tensor cache_values(const Cache& c) { return c.values; }

  static Tensor conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& s) {
    const Index channels = cols(x);
    check_window(x, s, "conv2d");
    expect(cols(w) == channels * s.kernel_h * s.kernel_w, "conv2d", channels * s.kernel_h * s.kernel_w, cols(w));
    Array patches = zeros(s.out_height() * s.out_width(), cols(w));
    for_each_tap(s, [&](Index to, Index from, Index tap) {
      for (Index c = 0; c < channels; ++c) patches(to, c * s.kernel_h * s.kernel_w + tap) = (*x)(from, c);
    });
    return linear(wrap(std::move(patches)), w, bias);
  }
  static Tensor avg_pool(const Tensor& x, const Conv2dSpec& s) {
    check_window(x, s, "avg_pool");
    expect(s.padding == 0, "avg_pool padding", 0, s.padding);
    Array out = zeros(s.out_height() * s.out_width(), cols(x));
    for_each_tap(s, [&](Index to, Index from, Index) { xt::row(out, to) += xt::row(*x, from); });
    return wrap(out / static_cast<float>(s.kernel_h * s.kernel_w));
  }

  static void parallel_for(Index n, Index, const std::function<void(Index, Index)>& f) {
    if (n > 0) f(0, n);
  }
  static int threads() { return openblas_get_num_threads(); }

 private:
  template <class Expression>
  static Tensor wrap(Expression&& e) {
    return {std::make_shared<const Array>(std::forward<Expression>(e))};
  }
  static Array zeros(Index r, Index c) {
    return xt::zeros<float>({static_cast<std::size_t>(r), static_cast<std::size_t>(c)});
  }
  /// xtensor's reductions read the first row, even where there is none.
  template <class Expression>
  static Array sum_of_cols(const Expression& e) {
    if (e.shape()[0] == 0) return zeros(0, 1);
    return xt::sum(e, {1}, xt::keep_dims | xt::evaluation_strategy::immediate);
  }
  static void expect(bool ok, std::string_view where, Index expected, Index got) {
    require_that(ok, Code::shape_mismatch, "xtensor." + std::string(where), [&] {
      return "shapes do not agree: expected " + std::to_string(expected) + ", got " + std::to_string(got);
    });
  }
  static void same(const Tensor& a, const Tensor& c, std::string_view where) {
    expect(rows(a) == rows(c) && cols(a) == cols(c), where, cols(a), cols(c));
  }
  static void broadcast(const Tensor& a, const Tensor& c, std::string_view where) {
    expect((rows(c) == rows(a) || rows(c) == 1) && (cols(c) == cols(a) || (cols(c) == 1 && rows(c) == 1)), where,
           cols(a), cols(c));
  }
  static Index row_of(const Tensor& t, Index i, std::string_view where) {
    expect(i >= 0 && i < rows(t), where, rows(t), i);
    return i;
  }
  static void check_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s) {
    expect(s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0, "attention", s.heads, s.kv_heads);
    expect(cols(q) % s.heads == 0 && cols(v) % s.kv_heads == 0, "attention", s.heads, cols(q));
    expect(cols(k) == cols(q) / s.heads * s.kv_heads, "attention", cols(q) / s.heads * s.kv_heads, cols(k));
    expect(rows(v) == rows(k), "attention", rows(k), rows(v));
    expect(s.causal_offset >= 0 && s.shared_prefix >= 0 && s.shared_prefix <= rows(k), "attention prefix", rows(k),
           s.shared_prefix);
    expect(s.key_bias.empty() || static_cast<Index>(s.key_bias.size()) == rows(k), "attention: a bias for every key",
           rows(k), static_cast<Index>(s.key_bias.size()));
    if (s.segments.empty() && s.shared_prefix == 0) return;
    expect(rows(q) + s.causal_offset <= rows(k), "attention: a key for every query", rows(q) + s.causal_offset,
           rows(k));
    Index at = s.shared_prefix;
    for (const Segment& g : s.segments) {
      expect(g.begin == at && g.end >= g.begin, "attention segments", at, g.begin);
      at = g.end;
    }
    expect(s.segments.empty() || at == rows(k), "attention segments", rows(k), at);
  }
  /// The key ranges that the query in row i sees. It stands at key row i + causal_offset: the shared prefix sees itself
  /// alone, the rows after it see the prefix and their own segment.
  static std::vector<Segment> visible(const AttentionSpec& s, Index keys, Index i) {
    const Index place = i + s.causal_offset;
    std::vector<Segment> ranges{{0, s.shared_prefix}};
    if (s.segments.empty() && place >= s.shared_prefix) ranges.push_back({s.shared_prefix, keys});
    for (const Segment& g : s.segments)
      if (place >= g.begin && place < g.end) ranges.push_back(g);
    for (Segment& r : ranges)
      if (s.causal) r.end = std::min(r.end, place + 1);
    return ranges;
  }
  static void softmax_over(const std::vector<Segment>& ranges, const float* scores, float* p) {
    float top = -std::numeric_limits<float>::infinity();
    double total = 0;
    for (const Segment& r : ranges)
      for (Index j = r.begin; j < r.end; ++j) top = std::max(top, scores[j]);
    for (const Segment& r : ranges)
      for (Index j = r.begin; j < r.end; ++j) total += static_cast<double>(p[j] = std::exp(scores[j] - top));
    for (const Segment& r : ranges)
      for (Index j = r.begin; j < r.end; ++j) p[j] = static_cast<float>(static_cast<double>(p[j]) / total);
  }
  template <class Assign>
  static Tensor scatter(const Tensor& x, std::span<const Index> idx, const Tensor& src, std::string_view where,
                        Assign assign) {
    expect(static_cast<Index>(idx.size()) == rows(src) && cols(x) == cols(src), where, rows(src),
           static_cast<Index>(idx.size()));
    Array out = *x;
    for (std::size_t i = 0; i < idx.size(); ++i)
      assign(xt::row(out, row_of(x, idx[i], where)), xt::row(*src, static_cast<Index>(i)));
    return wrap(std::move(out));
  }
  static void check_window(const Tensor& x, const Conv2dSpec& s, std::string_view where) {
    expect(s.kernel_h > 0 && s.kernel_w > 0 && s.stride > 0 && s.padding >= 0, where, 1, s.stride);
    expect(s.height + 2 * s.padding >= s.kernel_h && s.width + 2 * s.padding >= s.kernel_w, where, s.kernel_h,
           s.height + 2 * s.padding);
    expect(s.height >= 0 && s.width >= 0 && rows(x) == s.height * s.width, where, s.height * s.width, rows(x));
  }
  /// f(output place, input place, kernel place) wherever the window lies inside the picture.
  template <class F>
  static void for_each_tap(const Conv2dSpec& s, F&& f) {
    for (Index oy = 0; oy < s.out_height(); ++oy)
      for (Index ox = 0; ox < s.out_width(); ++ox)
        for (Index ky = 0; ky < s.kernel_h; ++ky)
          for (Index kx = 0; kx < s.kernel_w; ++kx) {
            const Index y = oy * s.stride - s.padding + ky, x = ox * s.stride - s.padding + kx;
            if (y >= 0 && y < s.height && x >= 0 && x < s.width)
              f(oy * s.out_width() + ox, y * s.width + x, ky * s.kernel_w + kx);
          }
  }
};

static_assert(check_backend<XtensorBackend>());

}  // namespace arrcoc
