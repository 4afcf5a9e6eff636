#pragma once
// Mistakes on purpose: every bound of tolerances.hpp must refuse the ones that its kernel invites.
#include <iomanip>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "conformance/expect.hpp"

namespace arrcoc::conformance {

/// What a test of precision is for: each of these mistakes must be farther from the reference than the bound allows,
/// and the same call without it must not. Computed by the backend itself, so that its own roundings are in both.
template <class B>
struct Mistakes {
  Bench<B> s;
  std::string text;
  double nearest = INFINITY;

  void expect(const std::string& what, const std::vector<float>& right, const std::vector<float>& wrong,
              const Matrix& want, const Matrix& limit) {
    REQUIRE(right.size() == want.values.size());
    REQUIRE(wrong.size() == want.values.size());
    CHECK_MESSAGE(error_over_bound(right, want, limit) <= 1, what << ", without the mistake");
    const double ratio = error_over_bound(wrong, want, limit);
    CHECK_MESSAGE(ratio > 1, B::name << ": " << what << " is only " << ratio << " of what the bound allows");
    nearest = std::min(nearest, ratio);
    std::ostringstream line;
    line << std::setprecision(2) << "\n  " << what << ' ' << ratio;
    text += line.str();
  }
  std::vector<float> host(const typename B::Tensor& t) { return s.b.to_host(t); }
  typename B::Tensor narrow(Matrix m) {  // through bf16
    stored(m, DType::bf16, {m.rows, m.cols});
    return s.tensor(m);
  }
};

template <class B>
void mistakes_in_attention(Mistakes<B>& m, const std::string& name, Index queries, Index keys, Index d,
                           AttentionSpec spec) {
  Bench<B>& s = m.s;
  const Matrix q = random_matrix(queries, spec.heads * d, 24), k = random_matrix(keys, spec.kv_heads * d, 25),
               v = random_matrix(keys, spec.kv_heads * d, 26);
  // clang 14 captures no structured binding
  const auto wanted = reference::attention(q, k, v, spec), limits = bound::attention(q, k, v, spec, s.accurate);
  const Matrix &want = wanted.first, &want_received = wanted.second, &limit = limits.first,
               &received_limit = limits.second;
  const auto tq = s.tensor(q), tk = s.tensor(k), tv = s.tensor(v);
  const std::vector<float> right = m.host(s.b.attention(tq, tk, tv, spec).out);
  const auto expect = [&](const std::string& what, const std::vector<float>& wrong) {
    m.expect(name + ": " + what, right, wrong, want, limit);
  };
  const auto changed = [&](auto change) {
    AttentionSpec other = spec;
    change(other);
    return m.host(s.b.attention(tq, tk, tv, other).out);
  };
  AttentionSpec fewer = spec;
  fewer.causal_offset -= 1;
  if (!fewer.key_bias.empty()) fewer.key_bias = fewer.key_bias.subspan(1);
  expect("first key dropped",
         m.host(s.b.attention(tq, s.b.slice_rows(tk, 1, keys), s.b.slice_rows(tv, 1, keys), fewer).out));
  expect("scale 1 % too large", changed([](AttentionSpec& a) { a.scale *= 1.01f; }));
  expect("scale 0.1 % too large", changed([](AttentionSpec& a) { a.scale *= 1.001f; }));
  if (spec.causal && spec.scale < 1) {  // a sharp softmax may give one key no weight at all
    expect("mask one key too short", changed([](AttentionSpec& a) { a.causal_offset -= 1; }));
    if (queries > 1) expect("no mask", changed([](AttentionSpec& a) { a.causal = false; }));
  }
  if (!spec.key_bias.empty()) {
    std::vector<float> other(spec.key_bias.begin(), spec.key_bias.end());
    const auto with = [&](const std::vector<float>& bias) {
      return changed([&](AttentionSpec& a) { a.key_bias = bias; });
    };
    expect("no bias", changed([](AttentionSpec& a) { a.key_bias = {}; }));
    for (float& x : other) x *= 1.01f;
    expect("bias 1 % too large", with(other));
    std::rotate_copy(spec.key_bias.begin(), spec.key_bias.begin() + 1, spec.key_bias.end(), other.begin());
    expect("bias of the next key", with(other));
    std::transform(spec.key_bias.begin(), spec.key_bias.end(), other.begin(), [&](float x) { return x * spec.scale; });
    if (spec.scale != 1) expect("bias scaled as the scores are", with(other));
  }
  std::vector<float> swapped = right;
  for (Index i = 0; i < queries; ++i)
    for (Index e = 0; e < d; ++e)
      std::swap(swapped[static_cast<std::size_t>((i * spec.heads) * d + e)],
                swapped[static_cast<std::size_t>((i * spec.heads + 1) * d + e)]);
  expect("heads 0 and 1 swapped", swapped);
  if (queries > 1) {
    swapped = right;
    for (Index e = 0; e < d; ++e)
      std::swap(swapped[static_cast<std::size_t>(e)], swapped[static_cast<std::size_t>(spec.heads * d + e)]);
    expect("rows 0 and 1 of a head swapped", swapped);
  }
  expect("values in bf16", m.host(s.b.attention(tq, tk, m.narrow(v), spec).out));
  expect("keys in bf16", m.host(s.b.attention(tq, m.narrow(k), tv, spec).out));
  spec.want_received = true;
  const std::vector<float> mass = m.host(s.b.attention(tq, tk, tv, spec).received);
  spec.scale *= 1.01f;
  m.expect(name + ": received, scale 1 % too large", mass, m.host(s.b.attention(tq, tk, tv, spec).received),
           want_received, received_limit);
}

template <class B>
void mistakes() {
  Mistakes<B> m;
  Bench<B>& s = m.s;
  AttentionSpec spec;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.causal = true;
  spec.causal_offset = 40;
  mistakes_in_attention(m, "attention 1 x 41, sharp", 1, 41, 64, spec);
  spec.scale = 0.125f;
  mistakes_in_attention(m, "attention 1 x 41", 1, 41, 64, spec);
  spec.causal_offset = 11;
  spec.scale = 0.3f;
  mistakes_in_attention(m, "attention 56 x 67", 56, 67, 10, spec);
  spec.causal_offset = 700;
  spec.scale = 0.25f;
  mistakes_in_attention(m, "attention 411 x 1111", 411, 1111, 16, spec);

  std::vector<float> sizes(1111);
  for (std::size_t j = 0; j < sizes.size(); ++j) sizes[j] = std::log(static_cast<float>(1 + j % 9));
  spec.key_bias = sizes;
  mistakes_in_attention(m, "attention 411 x 1111, biased", 411, 1111, 16, spec);
  spec.key_bias = std::span(sizes).first(67);
  spec.causal_offset = 11;
  spec.scale = 0.3f;
  mistakes_in_attention(m, "attention 56 x 67, biased", 56, 67, 10, spec);
  spec.key_bias = std::span(sizes).first(41);
  spec.causal_offset = 40;
  spec.scale = 0.125f;
  mistakes_in_attention(m, "attention 1 x 41, biased", 1, 41, 64, spec);

  for (const Index depth : {33, 600}) {
    Matrix x = random_matrix(29, depth, 2), w = random_matrix(47, depth, 3), cut = w, half = w;
    const auto want = reference::matmul(x, reference::transposed(w)),
               limit = bound::products(x, reference::transposed(w));
    const auto right = m.host(s.b.linear(s.tensor(x), s.matrix(w)));
    for (Index i = 0; i < cut.rows; ++i) cut.at(i, depth - 1) = 0;
    const std::string name = "linear of depth " + std::to_string(depth) + ": ";
    m.expect(name + "last input dropped", right, m.host(s.b.linear(s.tensor(x), s.matrix(cut))), want, limit);
    m.expect(name + "weights in f16", right, m.host(s.b.linear(s.tensor(x), s.matrix(half, DType::f16))), want,
             limit);  // as wide as TF32
    m.expect(name + "inputs in bf16", right, m.host(s.b.linear(m.narrow(x), s.matrix(w))), want, limit);
  }
  {
    const Index d = 1000;
    const Matrix x = random_matrix(5, d, 11);
    Matrix w = build(1, d, [](Index, Index) { return 1.0; }), c(1, d);
    const auto weight = s.vector(w), bias = s.vector(c);
    const Matrix layer = reference::layer_norm(x, w, c, 1e-6), layer_limit = bound::layer_norm(x, w, c, 1e-6);
    const auto right = m.host(s.b.layer_norm(s.tensor(x), weight, bias, 1e-6f));
    const auto factor = static_cast<float>(std::sqrt(999.0 / 1000));
    m.expect("layer_norm by n - 1", right, m.host(s.b.scale(s.b.layer_norm(s.tensor(x), weight, bias, 1e-6f), factor)),
             layer, layer_limit);
    m.expect("layer_norm without the mean", right, m.host(s.b.rms_norm(s.tensor(x), weight, 1e-6f)), layer,
             layer_limit);
    Matrix faint = random_matrix(5, 65, 11), ones = build(1, 65, [](Index, Index) { return 1.0; });
    for (double& v : faint.values) v = static_cast<double>(static_cast<float>(v * 1e-3));
    const auto one = s.vector(ones);
    m.expect("rms_norm with eps 1e-5", m.host(s.b.rms_norm(s.tensor(faint), one, 1e-6f)),
             m.host(s.b.rms_norm(s.tensor(faint), one, 1e-5f)), reference::rms_norm(faint, ones, 1e-6),
             bound::rms_norm(faint, ones, 1e-6));
    // float32's E[x^2] - E[x]^2 of values about 100.
    Matrix far = random_matrix(1, 65, 14), nothing(1, 65);
    float sum = 0, squares = 0;
    for (double& v : far.values) {
      const auto f = static_cast<float>(v * 1e-2 + 100);
      v = static_cast<double>(f);
      sum += f;
      squares += f * f;
    }
    const float mean = sum / 65, inverse = 1 / std::sqrt(std::max(0.0f, squares / 65 - mean * mean) + 1e-6f);
    std::vector<float> wrong;
    for (const double v : far.values) wrong.push_back((static_cast<float>(v) - mean) * inverse);
    m.expect("layer_norm, variance from squares", m.host(s.b.layer_norm(s.tensor(far), one, s.vector(nothing), 1e-6f)),
             wrong, reference::layer_norm(far, ones, Matrix(1, 65), 1e-6),
             bound::layer_norm(far, ones, Matrix(1, 65), 1e-6));
    m.expect("softmax of scores 0.1 % too large", m.host(s.b.softmax(s.tensor(x))),
             m.host(s.b.softmax(s.b.scale(s.tensor(x), 1.001f))), reference::softmax(x), bound::softmax(x, s.accurate));
    m.expect(
        "l2_normalize, last column out of the norm", m.host(s.b.l2_normalize(s.tensor(x))),
        [&] {
          const auto most = s.b.l2_normalize(s.b.slice_cols(s.tensor(x), 0, d - 1));
          std::vector<float> got = m.host(s.b.l2_normalize(s.tensor(x)));
          const std::vector<float> part = m.host(most);
          for (Index i = 0; i < x.rows; ++i) std::copy_n(part.begin() + i * (d - 1), d - 1, got.begin() + i * d);
          return got;
        }(),
        build(5, d,
              [&](Index i, Index j) {
                double n = 0;
                for (Index t = 0; t < d; ++t) n += x.at(i, t) * x.at(i, t);
                return x.at(i, j) / std::sqrt(n);
              }),
        bound::l2_normalize(x));
    const auto down = [&](Index, Index j, Index t) { return x.at(t, j); };
    m.expect("sum_rows without the last", m.host(s.b.sum_rows(s.tensor(x))),
             m.host(s.b.sum_rows(s.b.slice_rows(s.tensor(x), 0, 4))), sums(1, d, 5, down),
             bound::sums(1, d, 5, false, down));
    for (const Gelu kind : {Gelu::tanh, Gelu::erf})
      m.expect(kind == Gelu::tanh ? "gelu_tanh by erf" : "gelu_erf by tanh", m.host(s.b.gelu(s.tensor(x), kind)),
               m.host(s.b.gelu(s.tensor(x), kind == Gelu::tanh ? Gelu::erf : Gelu::tanh)),
               build(5, d, [&](Index i, Index j) { return reference::gelu(x.at(i, j), kind); }),
               build(5, d, [&](Index i, Index j) { return bound::gelu(x.at(i, j), kind, s.accurate); }));
    m.expect("silu_mul in bf16", m.host(s.b.silu_mul(s.tensor(x), s.tensor(x))),
             m.host(s.b.silu_mul(s.tensor(x), m.narrow(x))),
             build(5, d, [&](Index i, Index j) { return reference::silu(x.at(i, j)) * x.at(i, j); }),
             build(5, d, [&](Index i, Index j) { return bound::silu_mul(x.at(i, j), x.at(i, j), s.accurate); }));
  }
  const Matrix x = random_matrix(5, 12, 21), cos = random_matrix(5, 3, 22), sin = random_matrix(5, 3, 23);
  m.expect("rope turned the other way", m.host(s.b.rope(s.tensor(x), 2, s.tensor(cos), s.tensor(sin))),
           m.host(s.b.rope(s.tensor(x), 2, s.tensor(cos), s.b.scale(s.tensor(sin), -1.0f))),
           reference::rope(x, 2, cos, sin), bound::rope(x, 2, cos, sin));
  const Conv2dSpec window{.height = 5, .width = 6, .kernel_h = 3, .kernel_w = 2, .stride = 2};
  const Matrix picture = random_matrix(30, 3, 40);
  Matrix w = random_matrix(4, 18, 41), c = random_matrix(1, 4, 42);
  Matrix turned = build(4, 18, [&](Index o, Index j) { return w.at(o, j / 6 * 6 + (j % 6) % 3 * 2 + (j % 6) / 3); });
  m.expect("conv2d, window turned", m.host(s.b.conv2d(s.tensor(picture), s.matrix(w), s.vector(c), window)),
           m.host(s.b.conv2d(s.tensor(picture), s.matrix(turned), s.vector(c), window)),
           reference::conv2d(picture, w, c, window), bound::conv2d(picture, w, c, window));
  const auto pooled = m.host(s.b.avg_pool(s.tensor(picture), window));
  m.expect("avg_pool 0.1 % too large", pooled, m.host(s.b.scale(s.b.avg_pool(s.tensor(picture), window), 1.001f)),
           reference::avg_pool(picture, window), bound::avg_pool(picture, window));
  MESSAGE(B::name << ", error / bound of planted mistakes, nearest " << m.nearest << ":" << m.text);
}

}  // namespace arrcoc::conformance
