// What torch alone adds to the kernel contract: gradients, device names, the library's errors, and the shapes of its
// own paths.
#include "arrcoc/torch.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "conformance/doctest_beside_torch.hpp"

#include <cmath>
#include <functional>

#include "conformance/conformance.hpp"

using namespace arrcoc;

ARRCOC_CONFORMANCE(TorchBackend)

TEST_CASE("torch: a bias of ln s is s equal keys, in bf16 and recorded too") {
  TorchBackend narrow({.bf16 = true}), wide, graph({.keep_graph = true});
  for (const Index queries : {1, 37}) {
    CHECK(conformance::bias_against_repeated_keys(narrow, queries) < 8e-3);  // weights of 8 bits
    CHECK(conformance::bias_against_repeated_keys(wide, queries) < 4e-6);    // 16 ulp of the largest value
    CHECK(conformance::bias_against_repeated_keys(graph, queries) < 4e-6);
  }
}

namespace {

using Tensors = std::vector<at::Tensor>;
using Function = std::function<at::Tensor(TorchBackend&, const Tensors&)>;

/// Deterministic values in (-1, 1) without a period that a shape could hide.
at::Tensor values(Index rows, Index cols, Index seed) {
  at::Tensor t = at::empty({rows, cols}, at::kDouble);
  for (Index i = 0; i < t.numel(); ++i)
    t.data_ptr<double>()[i] =
        std::sin(1.7 * static_cast<double>(i) + 0.31 * static_cast<double>(i * i % 89) + static_cast<double>(seed));
  return t;
}

/// d sum(f * weights) / d inputs from autograd in double against central differences, and in float against the double
/// ones.
void check_gradients(const Function& f, Tensors inputs) {
  TorchBackend b({.keep_graph = true}), plain;
  for (at::Tensor& t : inputs) t.requires_grad_();
  const at::Tensor out = f(b, inputs), weights = values(out.size(0), out.size(1), 77);
  REQUIRE(out.requires_grad());
  (out * weights).sum().backward();
  // A central difference is off by h^2 / 6 third derivatives, of which these functions have 100 at most, and by the
  // loss's roundings over h. Those are one for each term of its sum and some 64 on the way to a term, of either sign:
  // they add up like Sum's in tolerances.hpp. A gradient in float32 passes as many.
  const double h = 1e-5, roundings = 4 * std::sqrt(static_cast<double>(out.numel() + 64));
  const double allowed = 100 * h * h / 6 + roundings * 0x1p-53 * (out * weights).abs().sum().item<double>() / h;
  const auto loss = [&] { return (f(plain, inputs) * weights).sum().item<double>(); };
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    REQUIRE(inputs[n].grad().defined());
    const at::Tensor flat = inputs[n].detach().view({-1}), grad = inputs[n].grad().reshape({-1});
    double worst = 0;
    for (Index i = 0; i < flat.numel(); ++i) {
      double& x = flat.data_ptr<double>()[i];
      const double at_x = x;
      x = at_x + h;
      const double above = loss();
      x = at_x - h;
      const double below = loss();
      x = at_x;
      worst = std::max(worst, std::abs((above - below) / (2 * h) - grad[i].item<double>()));
    }
    INFO("input ", n, ": worst difference ", worst);
    CHECK(worst < allowed);
    CHECK(grad.abs().max().item<double>() > 1e-3);
  }
  Tensors singles;
  for (const at::Tensor& t : inputs) singles.push_back(t.detach().to(at::kFloat).requires_grad_());
  (f(b, singles) * weights.to(at::kFloat)).sum().backward();
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    const double scale = std::max(1.0, inputs[n].grad().abs().max().item<double>());
    const double off = (singles[n].grad().to(at::kDouble) - inputs[n].grad()).abs().max().item<double>();
    CHECK(off < roundings * conformance::unit * scale);
  }
}

TorchBackend::Weight vector_of(const at::Tensor& t) { return {t.view({-1})}; }

AttentionSpec heads(Index h, Index kv, float scale, bool causal = false, Index offset = 0) {
  AttentionSpec s;
  s.heads = h;
  s.kv_heads = kv;
  s.scale = scale;
  s.causal = causal;
  s.causal_offset = offset;
  return s;
}

Function attend(AttentionSpec spec) {
  return [spec](TorchBackend& b, const Tensors& t) { return b.attention(t[0], t[1], t[2], spec).out; };
}

/// One value at a time, in double.
struct Naive {
  std::vector<double> out, received;
};
Naive naive_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionSpec& s) {
  const Index rows = q.size(0), keys = k.size(0), d = q.size(1) / s.heads, dv = v.size(1) / s.kv_heads;
  const auto group_of = [&](Index row) {
    if (row < s.shared_prefix) return Index{-1};
    for (std::size_t g = 0; g < s.segments.size(); ++g)
      if (row >= s.segments[g].begin && row < s.segments[g].end) return static_cast<Index>(g);
    return Index{0};
  };
  const bool grouped = s.shared_prefix > 0 || !s.segments.empty();
  const auto qa = q.accessor<double, 2>(), ka = k.accessor<double, 2>(), va = v.accessor<double, 2>();
  Naive n{std::vector<double>(static_cast<std::size_t>(rows * s.heads * dv)),
          std::vector<double>(static_cast<std::size_t>(keys))};
  for (Index i = 0; i < rows; ++i)
    for (Index h = 0; h < s.heads; ++h) {
      const Index kv = h / (s.heads / s.kv_heads), at_key = i + s.causal_offset;
      std::vector<double> p(static_cast<std::size_t>(keys));
      double total = 0;
      for (Index j = 0; j < keys; ++j) {
        const bool visible =
            (!s.causal || j <= at_key) && (!grouped || j < s.shared_prefix || group_of(j) == group_of(at_key));
        double dot = 0;
        for (Index e = 0; e < d; ++e) dot += qa[i][h * d + e] * ka[j][kv * d + e];
        p[static_cast<std::size_t>(j)] = visible ? std::exp(static_cast<double>(s.scale) * dot) : 0;
        total += p[static_cast<std::size_t>(j)];
      }
      for (Index j = 0; j < keys; ++j) {
        const double w = p[static_cast<std::size_t>(j)] / total;
        n.received[static_cast<std::size_t>(j)] += w;
        for (Index e = 0; e < dv; ++e)
          n.out[static_cast<std::size_t>((i * s.heads + h) * dv + e)] += w * va[j][kv * dv + e];
      }
    }
  return n;
}

at::Tensor as_floats(const at::Tensor& t) { return t.to(at::kFloat).to(at::kDouble); }
conformance::Matrix matrix_of(const at::Tensor& t) {
  return conformance::build(t.size(0), t.size(1), [a = t.accessor<double, 2>()](Index i, Index j) { return a[i][j]; });
}
/// Values in the shape of their bounds.
conformance::Matrix rows_of(const conformance::Matrix& shape, const std::vector<double>& values) {
  conformance::Matrix m(shape.rows, shape.cols);
  m.values = values;
  return m;
}

template <class F>
Error error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) { return e; }
  FAIL("expected an error");
  throw 0;
}

}  // namespace

TEST_CASE("torch: gradients of the pointwise kernels") {
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.rms_norm(t[0], vector_of(t[1]), 1e-6f); },
                  {values(5, 7, 1), values(1, 7, 2)});
  check_gradients(
      [](TorchBackend& b, const Tensors& t) { return b.layer_norm(t[0], vector_of(t[1]), vector_of(t[2]), 1e-6f); },
      {values(5, 7, 1), values(1, 7, 2), values(1, 7, 3)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.gelu(t[0], Gelu::tanh); }, {values(4, 5, 1)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.gelu(t[0], Gelu::erf); }, {values(4, 5, 1)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.silu_mul(t[0], t[1]); },
                  {values(4, 5, 1), values(4, 5, 2)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.softmax(t[0]); }, {values(4, 5, 1)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.l2_normalize(t[0]); }, {values(4, 5, 1)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.mul(b.add(t[0], t[1]), b.scale(t[0], 0.7f)); },
                  {values(4, 5, 1), values(1, 5, 2)});
  check_gradients(
      [](TorchBackend& b, const Tensors& t) { return b.matmul(b.sum_cols(t[0]), b.mean_rows(t[0]), false); },
      {values(4, 5, 1)});
  check_gradients(
      [](TorchBackend& b, const Tensors& t) { return b.add(b.max_cols(t[0]), b.sum_rows(b.max_cols(t[0]))); },
      {values(4, 5, 1)});
}

TEST_CASE("torch: gradients of linear, matmul, embedding and pictures") {
  const Function linear = [](TorchBackend& b, const Tensors& t) { return b.linear(t[0], {t[1]}, vector_of(t[2])); };
  check_gradients(linear, {values(5, 7, 1), values(3, 7, 2), values(1, 3, 3)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.linear(t[0], {t[1]}); },
                  {values(5, 7, 1), values(3, 7, 2)});
  check_gradients([](TorchBackend& b, const Tensors& t) { return b.matmul(t[0], t[1], true); },
                  {values(5, 7, 1), values(3, 7, 2)});
  check_gradients(
      [](TorchBackend& b, const Tensors& t) {
        return b.embedding({t[0]}, std::vector<TokenId>{2, 0, 2, 3});
      },
      {values(4, 5, 1)});
  check_gradients(
      [](TorchBackend& b, const Tensors& t) {
        return b.embedding_bag({t[0]}, std::vector<Index>{2, 0, 2, 3}, std::vector<float>{0.5f, 0.25f, 1.f, 2.f}, 2);
      },
      {values(4, 5, 1)});
  const Conv2dSpec conv{.height = 5, .width = 4, .kernel_h = 3, .kernel_w = 2, .stride = 2, .padding = 1};
  check_gradients([conv](TorchBackend& b, const Tensors& t) { return b.conv2d(t[0], {t[1]}, vector_of(t[2]), conv); },
                  {values(20, 3, 1), values(2, 18, 2), values(1, 2, 3)});
  check_gradients(
      [](TorchBackend& b, const Tensors& t) {
        return b.avg_pool(t[0], {.height = 5, .width = 4, .kernel_h = 2, .kernel_w = 2, .stride = 2});
      },
      {values(20, 3, 1)});
}

TEST_CASE("torch: gradients of row moves and rotation") {
  const std::vector<Index> idx{3, 0, 4};
  check_gradients([idx](TorchBackend& b, const Tensors& t) { return b.gather_rows(t[0], idx); }, {values(5, 4, 1)});
  check_gradients(
      [](TorchBackend& b, const Tensors& t) {
        return b.bag_rows(t[0], std::vector<Index>{2, 0, 2, 3}, std::vector<float>{0.5f, 0.25f, 1.f, 2.f}, 2);
      },
      {values(5, 4, 1)});
  check_gradients([idx](TorchBackend& b, const Tensors& t) { return b.scatter_rows(t[0], idx, t[1]); },
                  {values(5, 4, 1), values(3, 4, 2)});
  check_gradients([idx](TorchBackend& b, const Tensors& t) { return b.scatter_add_rows(t[0], idx, t[1]); },
                  {values(5, 4, 1), values(3, 4, 2)});
  const Function slices = [](TorchBackend& b, const Tensors& t) {
    return b.concat_rows({b.slice_rows(t[0], 1, 3), b.reshape(b.slice_cols(t[1], 1, 3), 2, 4)});
  };
  check_gradients(slices, {values(5, 4, 1), values(4, 5, 2)});
  const Function rope = [](TorchBackend& b, const Tensors& t) {
    return b.rope(b.slice_cols(t[0], 2, 14), 2, t[1], t[2]);
  };
  check_gradients(rope, {values(5, 16, 1), values(5, 3, 2), values(5, 3, 3)});
}

TEST_CASE("torch: gradients of attention") {
  check_gradients(attend(heads(4, 2, 0.4f)), {values(3, 12, 1), values(5, 6, 2), values(5, 8, 3)});
  check_gradients(attend(heads(4, 2, 0.4f, true)), {values(5, 12, 1), values(5, 6, 2), values(5, 8, 3)});
  check_gradients(attend(heads(4, 2, 0.4f, true, 3)), {values(3, 12, 1), values(6, 6, 2), values(6, 8, 3)});
  check_gradients(attend(heads(4, 2, 0.4f, true, 5)), {values(1, 12, 1), values(6, 6, 2), values(6, 8, 3)});
  AttentionSpec packed = heads(2, 1, 0.5f, true);
  packed.shared_prefix = 2;
  packed.segments = {{2, 4}, {4, 7}};
  check_gradients(attend(packed), {values(7, 8, 1), values(7, 4, 2), values(7, 3, 3)});
  packed.want_received = true;
  const Function received = [packed](TorchBackend& b, const Tensors& t) {
    return b.attention(t[0], t[1], t[2], packed).received;
  };
  check_gradients(
      [received](TorchBackend& b, const Tensors& t) {
        return b.mul(received(b, t), b.slice_rows(b.reshape(t[2], 3, 7), 0, 1));
      },
      {values(7, 8, 1), values(7, 4, 2), values(7, 3, 3)});
}

TEST_CASE("torch: gradients through a cache") {
  const Function cached = [](TorchBackend& b, const Tensors& t) {
    auto cache = b.make_cache(1, 4);
    b.cache_append(cache, b.slice_rows(t[0], 0, 2), b.slice_rows(t[1], 0, 2));
    b.cache_append(cache, b.slice_rows(t[0], 2, 5), b.slice_rows(t[1], 2, 5));
    return b.mul(b.cache_keys(cache), b.cache_values(cache));
  };
  TorchBackend b({.keep_graph = true}), plain;
  at::Tensor k = values(5, 4, 1).to(at::kFloat).requires_grad_(), v = values(5, 4, 2).to(at::kFloat).requires_grad_();
  cached(b, {k, v}).sum().backward();
  CHECK(at::equal(k.grad(), v.detach()));
  CHECK(at::equal(v.grad(), k.detach()));
  CHECK(at::equal(cached(plain, {k.detach(), v.detach()}), (k * v).detach()));
}

TEST_CASE("torch: no graph without keep_graph, and none where the caller forbids it") {
  at::Tensor x = values(2, 4, 1).to(at::kFloat).requires_grad_();
  CHECK_FALSE(TorchBackend().softmax(x).requires_grad());
  CHECK(TorchBackend({.keep_graph = true}).softmax(x).requires_grad());
  const c10::NoGradGuard guard;
  CHECK_FALSE(TorchBackend({.keep_graph = true}).softmax(x).requires_grad());
}

TEST_CASE("torch: a trainer's weights are its own copy") {
  const HostTensor host = host_tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  const auto shared = TorchBackend().import_weight(host, Layout::out_in),
             own = TorchBackend({.keep_graph = true}).import_weight(host, Layout::out_in);
  CHECK(shared.value.const_data_ptr() == static_cast<const void*>(host.data));
  CHECK(own.value.const_data_ptr() != static_cast<const void*>(host.data));
}

TEST_CASE("torch: every path of attention against one value at a time") {
  TorchBackend b;
  for (const Index rows : {1, 3, 7, 33, 300})
    for (const Index kv : {1, 2, 4})
      for (const bool causal : {false, true})
        for (const Index offset : {0, 5})
          for (const bool grouped : {false, true}) {
            AttentionSpec s = heads(4, kv, 0.3f, causal, offset);
            const Index keys = rows + offset;
            if (grouped) {
              s.shared_prefix = std::min<Index>(2, keys);
              s.segments = {{s.shared_prefix, s.shared_prefix + (keys - s.shared_prefix) / 3},
                            {s.shared_prefix + (keys - s.shared_prefix) / 3, keys}};
            }
            const at::Tensor q = as_floats(values(rows, 4 * 6, 1)), k = as_floats(values(keys, kv * 6, 2)),
                             v = as_floats(values(keys, kv * 5, 3));
            const Naive expected = naive_attention(q, k, v, s);
            const auto [limit, received_limit] = conformance::bound::attention(matrix_of(q), matrix_of(k), matrix_of(v),
                                                                               s, conformance::accuracy("torch"));
            for (const bool received : {false, true}) {
              s.want_received = received;
              const auto got = b.attention(q.to(at::kFloat), k.to(at::kFloat), v.to(at::kFloat), s);
              INFO("rows ", rows, " kv ", kv, " causal ", causal, " offset ", offset, " grouped ", grouped,
                   " received ", received);
              const std::vector<float> out = b.to_host(got.out);
              REQUIRE(out.size() == expected.out.size());
              CHECK(conformance::error_over_bound(out, rows_of(limit, expected.out), limit) <= 1);
              REQUIRE(got.received.defined() == received);
              if (!received) continue;
              const std::vector<float> mass = b.to_host(got.received);
              REQUIRE(mass.size() == expected.received.size());
              CHECK(conformance::error_over_bound(mass, rows_of(received_limit, expected.received), received_limit) <=
                    1);
            }
          }
}

TEST_CASE("torch: keys beyond the causal reach are never seen") {
  TorchBackend b;
  const AttentionSpec s = heads(2, 1, 0.3f, true, 2);
  const at::Tensor q = values(3, 8, 1).to(at::kFloat), k = values(9, 4, 2).to(at::kFloat),
                   v = values(9, 4, 3).to(at::kFloat);
  const auto all = b.attention(q, k, v, s).out, cut = b.attention(q, k.slice(0, 0, 5), v.slice(0, 0, 5), s).out;
  const auto in_double = [](const at::Tensor& t) { return matrix_of(t.to(at::kDouble)); };
  conformance::Matrix limit =
      conformance::bound::attention(in_double(q), in_double(k), in_double(v), s, conformance::accuracy("torch")).first;
  for (double& l : limit.values) l *= 2;  // both may be off
  CHECK(conformance::error_over_bound(b.to_host(all), in_double(cut), limit) <= 1);
  const AttentionSpec one =
      heads(2, 1, 0.3f, true, 0);  // one query row, of nine keys it sees the first: its weight is 1
  const at::Tensor first = v.slice(0, 0, 1).repeat({1, 2});
  limit = conformance::bound::attention(in_double(q.slice(0, 0, 1)), in_double(k), in_double(v), one,
                                        conformance::accuracy("torch"))
              .first;
  CHECK(conformance::error_over_bound(b.to_host(b.attention(q.slice(0, 0, 1), k, v, one).out), in_double(first),
                                      limit) <= 1);
}

TEST_CASE("torch: devices and threads") {
  CHECK(error_of([] { TorchBackend({.device = "tpu9"}); }).code() == Code::bad_config);
  CHECK(error_of([] { TorchBackend({.device = "meta"}); }).code() == Code::bad_config);
  CHECK(error_of([] { TorchBackend({.threads = -1}); }).code() == Code::bad_config);
  if (!at::hasCUDA()) {
    const Error e = error_of([] { TorchBackend({.device = "cuda:1"}); });
    CHECK(e.code() == Code::backend_missing);
    CHECK(std::string(e.what()).find("cuda:1") != std::string::npos);
  }
  const int before = at::get_num_threads();
  CHECK(TorchBackend({.threads = 1}).threads() == 1);
  at::set_num_threads(before);
}

TEST_CASE("torch: the library's exceptions become one sentence") {
  TorchBackend b;
  const Error mixed = error_of([&] { b.matmul(values(2, 3, 1), values(3, 2, 1).to(at::kFloat), false); });
  CHECK(mixed.code() == Code::device_error);
  CHECK(std::string(mixed.what()).find('\n') == std::string::npos);
  CHECK(std::string(mixed.what()).starts_with("[torch.matmul]"));
  CHECK(error_of([&] { b.make_cache(Index{1} << 44, 8); }).code() == Code::out_of_memory);
  CHECK(error_of([&] { b.parallel_for(100, 1, [](Index, Index) { fail(Code::bad_number, "body", "no"); }); }).code() ==
        Code::bad_number);
}
