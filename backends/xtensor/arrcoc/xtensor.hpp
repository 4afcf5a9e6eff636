#pragma once
// The readable reference backend: every kernel as close to its formula as xtensor and xtensor-blas allow. No speed is promised.
// Float32 arithmetic; weights are widened at import. One thread.
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

class XtensorBackend {
 public:
  static constexpr std::string_view name = "xtensor";
  using Array = xt::xtensor<float, 2>;
  /// A shared, never changed array; an empty handle has no rows.
  struct Tensor {
    std::shared_ptr<const Array> a;
    const Array& operator*() const { return *a; }
  };
  using Weight = Tensor;  // [out, in], or [1, n] for a vector
  struct Cache { Tensor keys, values; };

  static Index rows(const Tensor& t) { return t.a ? static_cast<Index>(t.a->shape()[0]) : 0; }
  static Index cols(const Tensor& t) { return t.a ? static_cast<Index>(t.a->shape()[1]) : 0; }

  static Tensor from_host(std::span<const float> v, Index r, Index c) {
    expect(static_cast<Index>(v.size()) == r * c, "from_host", r * c, static_cast<Index>(v.size()));
    Array a = zeros(r, c);
    std::copy(v.begin(), v.end(), a.begin());
    return wrap(std::move(a));
  }
  static std::vector<float> to_host(const Tensor& t) { return t.a ? std::vector<float>(t.a->begin(), t.a->end()) : std::vector<float>{}; }
  static Weight import_weight(const HostTensor& h, Layout layout) {
    const bool vector = layout == Layout::vector;
    const Tensor t = from_host(to_floats(h), vector ? 1 : h.dim(0), vector ? h.count() : h.count() / std::max<Index>(h.dim(0), 1));
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
    expect(k > 0 && ids.size() == weights.size() && static_cast<Index>(ids.size()) % k == 0, "embedding_bag", static_cast<Index>(ids.size()), static_cast<Index>(weights.size()));
    Array out = zeros(static_cast<Index>(ids.size()) / k, cols(w));
    for (std::size_t i = 0; i < ids.size(); ++i) xt::row(out, static_cast<Index>(i) / k) += weights[i] * xt::row(*w, row_of(w, ids[i], "embedding_bag"));
    return wrap(std::move(out));
  }

  static Tensor layer_norm(const Tensor& x, const Weight& w, const Weight& bias, float eps) {
    expect(cols(x) == cols(w) && cols(w) == cols(bias), "layer_norm", cols(w), cols(x));
    const auto per_row = xt::keep_dims;
    const Array centred = *x - xt::mean(*x, {1}, per_row | xt::evaluation_strategy::immediate);
    const Array variance = xt::mean(xt::square(centred), {1}, per_row | xt::evaluation_strategy::immediate);
    return wrap(centred / xt::sqrt(variance + eps) * *w + *bias);
  }
  static Tensor rms_norm(const Tensor& x, const Weight& w, float eps) {
    expect(cols(x) == cols(w), "rms_norm", cols(w), cols(x));
    const Array mean_square = xt::mean(xt::square(*x), {1}, xt::keep_dims | xt::evaluation_strategy::immediate);
    return wrap(*x / xt::sqrt(mean_square + eps) * *w);
  }
  static Tensor gelu(const Tensor& x, Gelu kind) {
    if (kind == Gelu::erf) return wrap(0.5f * *x * (1.0f + xt::erf(*x * 0.70710678118654752f)));
    return wrap(0.5f * *x * (1.0f + xt::tanh(0.79788456080286536f * (*x + 0.044715f * *x * *x * *x))));
  }
  static Tensor silu_mul(const Tensor& gate, const Tensor& up) { same(gate, up, "silu_mul"); return wrap(*gate / (1.0f + xt::exp(-*gate)) * *up); }
  static Tensor add(const Tensor& a, const Tensor& c) { broadcast(a, c, "add"); return wrap(*a + *c); }
  static Tensor mul(const Tensor& a, const Tensor& c) { broadcast(a, c, "mul"); return wrap(*a * *c); }
  static Tensor scale(const Tensor& x, float s) { return wrap(*x * s); }
  static Tensor softmax(const Tensor& x) {
    if (cols(x) == 0) return x;
    const Array e = xt::exp(*x - xt::amax(*x, {1}, xt::keep_dims | xt::evaluation_strategy::immediate));
    return wrap(e / xt::sum(e, {1}, xt::keep_dims | xt::evaluation_strategy::immediate));
  }
  static Tensor l2_normalize(const Tensor& x) {
    const Array norm = xt::sqrt(xt::sum(xt::square(*x), {1}, xt::keep_dims | xt::evaluation_strategy::immediate));
    return wrap(*x / xt::maximum(norm, 1e-12f));
  }
  static Tensor sum_rows(const Tensor& x) { return wrap(xt::sum(*x, {0}, xt::keep_dims | xt::evaluation_strategy::immediate)); }
  static Tensor mean_rows(const Tensor& x) { return scale(sum_rows(x), 1.0f / static_cast<float>(std::max<Index>(rows(x), 1))); }
  static Tensor sum_cols(const Tensor& x) { return wrap(xt::sum(*x, {1}, xt::keep_dims | xt::evaluation_strategy::immediate)); }
  static Tensor max_cols(const Tensor& x) { return wrap(xt::amax(*x, {1}, xt::keep_dims | xt::evaluation_strategy::immediate)); }

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
  static Tensor reshape(const Tensor& x, Index r, Index c) { return from_host(std::span<const float>(x.a ? x.a->data() : nullptr, x.a ? x.a->size() : 0), r, c); }
  static Tensor gather_rows(const Tensor& x, std::span<const Index> idx) {
    Array out = zeros(static_cast<Index>(idx.size()), cols(x));
    for (std::size_t i = 0; i < idx.size(); ++i) xt::row(out, static_cast<Index>(i)) = xt::row(*x, row_of(x, idx[i], "gather_rows"));
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
    expect(heads > 0 && heads * d == cols(x) && cols(cos) == half && rows(cos) == rows(x) && cols(sin) == half && rows(sin) == rows(x), "rope", half, cols(cos));
    Array out = *x;
    for (Index h = 0; h < heads; ++h) {
      const Array low = xt::view(*x, xt::all(), xt::range(h * d, h * d + half)), high = xt::view(*x, xt::all(), xt::range(h * d + half, (h + 1) * d));
      xt::view(out, xt::all(), xt::range(h * d, h * d + half)) = low * *cos - high * *sin;
      xt::view(out, xt::all(), xt::range(h * d + half, (h + 1) * d)) = high * *cos + low * *sin;
    }
    return wrap(std::move(out));
  }

  /// Row by row: the visible keys of one query at a time, so no N x N array exists.
  static Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s) {
    expect(s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0 && cols(q) % s.heads == 0 && cols(v) % s.kv_heads == 0, "attention", s.heads, s.kv_heads);
    const Index d = cols(q) / s.heads, dv = cols(v) / s.kv_heads, keys = rows(k), group = s.heads / s.kv_heads;
    expect(cols(k) == d * s.kv_heads && rows(v) == keys, "attention", d * s.kv_heads, cols(k));
    Array out = zeros(rows(q), s.heads * dv), received = zeros(1, keys);
    for (Index i = 0; i < rows(q); ++i) {
      std::vector<Segment> visible{{0, keys}};
      if (!s.segments.empty()) {
        visible = {{0, s.shared_prefix}};
        for (const Segment& g : s.segments) if (i >= g.begin && i < g.end) visible.push_back(g);
      }
      for (Index h = 0; h < s.heads; ++h) {
        const auto query = xt::view(*q, i, xt::range(h * d, (h + 1) * d));
        const Index g = h / group;
        std::vector<std::pair<Index, float>> scores;
        float top = -std::numeric_limits<float>::infinity();
        for (const Segment& seg : visible)
          for (Index j = seg.begin; j < seg.end && (!s.causal || j <= i + s.causal_offset); ++j) {
            const float score = s.scale * xt::sum(query * xt::view(*k, j, xt::range(g * d, (g + 1) * d)))();
            scores.emplace_back(j, score);
            top = std::max(top, score);
          }
        double total = 0;
        for (auto& [j, score] : scores) total += static_cast<double>(score = std::exp(score - top));
        for (const auto& [j, e] : scores) {
          const auto p = static_cast<float>(static_cast<double>(e) / total);
          xt::view(out, i, xt::range(h * dv, (h + 1) * dv)) += p * xt::view(*v, j, xt::range(g * dv, (g + 1) * dv));
          received(0, j) += p;
        }
      }
    }
    return {wrap(std::move(out)), s.want_received ? wrap(std::move(received)) : Tensor{}};
  }

  static Cache make_cache(Index, Index width) { return {wrap(zeros(0, width)), wrap(zeros(0, width))}; }
  static void cache_append(Cache& c, const Tensor& k, const Tensor& v) {
    c.keys = concat_rows({c.keys, k});
    c.values = concat_rows({c.values, v});
  }
  static Tensor cache_keys(const Cache& c) { return c.keys; }
  static Tensor cache_values(const Cache& c) { return c.values; }

  static Tensor conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& s) {
    const Index channels = cols(x);
    expect(rows(x) == s.height * s.width && cols(w) == channels * s.kernel_h * s.kernel_w, "conv2d", s.height * s.width, rows(x));
    Array patches = zeros(s.out_height() * s.out_width(), cols(w));
    for_each_tap(s, [&](Index to, Index from, Index tap) {
      for (Index c = 0; c < channels; ++c) patches(to, c * s.kernel_h * s.kernel_w + tap) = (*x)(from, c);
    });
    return linear(wrap(std::move(patches)), w, bias);
  }
  static Tensor avg_pool(const Tensor& x, const Conv2dSpec& s) {
    expect(rows(x) == s.height * s.width && s.padding == 0, "avg_pool", s.height * s.width, rows(x));
    Array out = zeros(s.out_height() * s.out_width(), cols(x));
    for_each_tap(s, [&](Index to, Index from, Index) { xt::row(out, to) += xt::row(*x, from); });
    return wrap(out / static_cast<float>(s.kernel_h * s.kernel_w));
  }

  static void parallel_for(Index n, Index, const std::function<void(Index, Index)>& f) { if (n > 0) f(0, n); }
  static int threads() { return 1; }

 private:
  template <class Expression>
  static Tensor wrap(Expression&& e) { return {std::make_shared<const Array>(std::forward<Expression>(e))}; }
  static Array zeros(Index r, Index c) { return xt::zeros<float>({static_cast<std::size_t>(r), static_cast<std::size_t>(c)}); }
  static void expect(bool ok, std::string_view where, Index expected, Index got) {
    require_that(ok, Code::shape_mismatch, "xtensor." + std::string(where), [&] { return "shapes do not agree: expected " + std::to_string(expected) + ", got " + std::to_string(got); });
  }
  static void same(const Tensor& a, const Tensor& c, std::string_view where) { expect(rows(a) == rows(c) && cols(a) == cols(c), where, cols(a), cols(c)); }
  static void broadcast(const Tensor& a, const Tensor& c, std::string_view where) {
    expect((rows(c) == rows(a) || rows(c) == 1) && (cols(c) == cols(a) || (cols(c) == 1 && rows(c) == 1)), where, cols(a), cols(c));
  }
  static Index row_of(const Tensor& t, Index i, std::string_view where) {
    expect(i >= 0 && i < rows(t), where, rows(t), i);
    return i;
  }
  template <class Assign>
  static Tensor scatter(const Tensor& x, std::span<const Index> idx, const Tensor& src, std::string_view where, Assign assign) {
    expect(static_cast<Index>(idx.size()) == rows(src) && cols(x) == cols(src), where, rows(src), static_cast<Index>(idx.size()));
    Array out = *x;
    for (std::size_t i = 0; i < idx.size(); ++i) assign(xt::row(out, row_of(x, idx[i], where)), xt::row(*src, static_cast<Index>(i)));
    return wrap(std::move(out));
  }
  /// f(output place, input place, kernel place) wherever the window lies inside the picture.
  template <class F>
  static void for_each_tap(const Conv2dSpec& s, F&& f) {
    for (Index oy = 0; oy < s.out_height(); ++oy)
      for (Index ox = 0; ox < s.out_width(); ++ox)
        for (Index ky = 0; ky < s.kernel_h; ++ky)
          for (Index kx = 0; kx < s.kernel_w; ++kx) {
            const Index y = oy * s.stride - s.padding + ky, x = ox * s.stride - s.padding + kx;
            if (y >= 0 && y < s.height && x >= 0 && x < s.width) f(oy * s.out_width() + ox, y * s.width + x, ky * s.kernel_w + kx);
          }
  }
};

static_assert(check_backend<XtensorBackend>());

}  // namespace arrcoc
