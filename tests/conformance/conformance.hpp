#pragma once
// One suite for all backends: every kernel of core/kernel_backend.hpp against the naive double references, at odd
// sizes, on views, with empty rows, with each weight type, and with shapes that must throw E201.
//
//   #include "conformance/conformance.hpp"
//   ARRCOC_CONFORMANCE(EigenBackend)            // one test case per group of kernels; B{} makes the backend
//
// A backend that needs more than B{} specialises conformance::make_backend.
#include <doctest/doctest.h>

#include <atomic>
#include <limits>
#include <string>
#include <vector>

#include "conformance/attention.hpp"
#include "conformance/expect.hpp"
#include "conformance/mistakes.hpp"

namespace arrcoc::conformance {

template <class B>
void host_transfer() {
  Bench<B> s;
  CHECK(std::string(B::name) != "");
  CHECK(s.b.threads() >= 1);
  for (const Index n : odd_sizes()) {
    const Matrix m = random_matrix(n, 130 - n, 1);
    s.both(m, [&](const auto& t, const std::string& what) { expect_equal(s.b, t, m, what); });
  }
  const Matrix empty(0, 5);
  CHECK(s.b.rows(s.tensor(empty)) == 0);
  CHECK(s.b.cols(s.tensor(empty)) == 5);
  expect_shape_error("from_host", [&] { s.b.from_host(std::vector<float>(6), 2, 4); });
  const typename B::Tensor none{};
  const typename B::Weight no_weight{};
  static_cast<void>(none);
  static_cast<void>(no_weight);
}

template <class B>
void linear() {
  Bench<B> s;
  const auto compare = [&](Index rows, Index in, Index out, DType type, bool bias) {
    const Matrix x = random_matrix(rows, in, 2);
    Matrix w = random_matrix(out, in, 3), c = random_matrix(1, out, 4);
    const auto weight = s.matrix(w, type);
    Matrix want = reference::matmul(x, reference::transposed(w));
    const Matrix limit = bound::products(x, reference::transposed(w), bias ? &c : nullptr);
    const std::string kernel =
        in < 129 ? "linear" : "linear_deep";  // one product may be off by all that is allowed; many are not
    if (bias) {
      const auto shift = s.vector(c, type);
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < out; ++j) want.at(i, j) += c.at(0, j);
      s.both(x, [&](const auto& t, const std::string& what) {
        expect_near(s.b, s.b.linear(t, weight, shift), want, limit, kernel, what + " " + size_text(rows, in, out));
      });
    } else {
      s.both(x, [&](const auto& t, const std::string& what) {
        expect_near(s.b, s.b.linear(t, weight), want, limit, kernel, what + " " + size_text(rows, in, out));
      });
    }
    // The same weight stored [in, out].
    Matrix turned = reference::transposed(w);
    const auto in_out = s.b.import_weight(stored(turned, type, {in, out}), Layout::in_out);
    const auto turned_out = bias ? s.b.linear(s.tensor(x), in_out, s.vector(c, type)) : s.b.linear(s.tensor(x), in_out);
    expect_near(s.b, turned_out, want, limit, kernel, "in_out " + size_text(rows, in, out));
  };
  for (const Index rows : odd_sizes())
    for (const Index in : {1, 7, 33, 129})
      for (const Index out : {1, 17, 65})
        compare(rows, in, out,
                (rows + in) % 3 == 0   ? DType::bf16
                : (rows + in) % 3 == 1 ? DType::f32
                                       : DType::f16,
                rows % 2 == 1);
  for (const DType type : {DType::f32, DType::bf16, DType::f16})
    for (const Index rows : {1, 2, 4, 5, 29})
      for (const bool bias : {false, true}) compare(rows, 600, 47, type, bias);
  compare(513, 259, 263, DType::bf16, true);
  compare(0, 5, 3, DType::f32, false);
  compare(0, 5, 3, DType::f32, true);

  // Weights at an odd address, as a file may hold them.
  Matrix w = random_matrix(5, 7, 5);
  const std::vector<float> plain = w.floats();
  auto bytes = std::make_shared<std::vector<std::byte>>(plain.size() * 4 + 1);
  std::memcpy(bytes->data() + 1, plain.data(), plain.size() * 4);
  HostTensor odd;
  odd.shape = {5, 7};
  odd.data = bytes->data() + 1;
  odd.owner = bytes;
  const auto weight = s.b.import_weight(odd, Layout::out_in);
  odd = {};
  bytes.reset();
  const Matrix x = random_matrix(3, 7, 6);
  expect_near(s.b, s.b.linear(s.tensor(x), weight), reference::matmul(x, reference::transposed(w)),
              bound::products(x, reference::transposed(w)), "linear", "odd address, owner released");

  Matrix bias = random_matrix(1, 4, 7);
  const auto wrong = s.vector(bias);
  expect_shape_error("linear input", [&] { s.b.linear(s.tensor(random_matrix(3, 6, 6)), weight); });
  expect_shape_error("linear bias", [&] { s.b.linear(s.tensor(x), weight, wrong); });
}

template <class B>
void matmul() {
  Bench<B> s;
  for (const Index m : odd_sizes())
    for (const Index k : {1, 17, 129, 300})
      for (const Index n : {1, 7, 65}) {
        const Matrix a = random_matrix(m, k, 8), c = random_matrix(k, n, 9), want = reference::matmul(a, c),
                     limit = bound::products(a, c);
        expect_near(s.b, s.b.matmul(s.tensor(a), s.view(c), false), want, limit, k < 129 ? "matmul" : "matmul_deep",
                    size_text(m, k, n));
        expect_near(s.b, s.b.matmul(s.view(a), s.tensor(reference::transposed(c)), true), want, limit,
                    k < 129 ? "matmul" : "matmul_deep", "transposed " + size_text(m, k, n));
        expect_near(s.b, s.b.matmul(s.view(a), s.view(reference::transposed(c)), true), want, limit,
                    k < 129 ? "matmul" : "matmul_deep", "transposed views " + size_text(m, k, n));
      }
  expect_near(s.b, s.b.matmul(s.tensor(Matrix(0, 3)), s.tensor(random_matrix(3, 4, 1)), false), Matrix(0, 4),
              Matrix(0, 4), "matmul", "no rows");
  expect_near(s.b, s.b.matmul(s.tensor(random_matrix(2, 3, 1)), s.tensor(Matrix(0, 3)), true), Matrix(2, 0),
              Matrix(2, 0), "matmul", "no columns");
  const auto a = s.tensor(random_matrix(2, 3, 1));
  expect_shape_error("matmul", [&] { s.b.matmul(a, a, false); });
  expect_shape_error("matmul transposed", [&] { s.b.matmul(a, s.tensor(random_matrix(3, 2, 1)), true); });
}

template <class B>
void embeddings() {
  Bench<B> s;
  for (const DType type : {DType::f32, DType::bf16, DType::f16})
    for (const Index d : {1, 7, 33, 129}) {
      Matrix w = random_matrix(11, d, 10);
      const auto weight = s.matrix(w, type);
      const std::vector<TokenId> ids{3, 0, 10, 3, 7};
      expect_equal(s.b, s.b.embedding(weight, ids),
                   build(5, d, [&](Index i, Index j) { return w.at(ids[static_cast<std::size_t>(i)], j); }),
                   "embedding");
      const std::vector<Index> bag{1, 2, 3, 4, 10, 0, 0, 5, 6, 6, 6, 7};
      const std::vector<float> share{0.25f, 0.5f, 0.125f, 0.125f, 1, 0, 0, -1, 0.1f, 0.2f, 0.3f, 0.4f};
      const auto term = [&](Index i, Index j, Index t) {
        const auto at = static_cast<std::size_t>(i * 4 + t);
        return static_cast<double>(share[at]) * w.at(bag[at], j);
      };
      expect_near(s.b, s.b.embedding_bag(weight, bag, share, 4), sums(3, d, 4, term), bound::sums(3, d, 4, false, term),
                  "embedding_bag");
      expect_equal(s.b, s.b.embedding(weight, std::vector<TokenId>{}), Matrix(0, d), "embedding of nothing");
      expect_near(s.b, s.b.embedding_bag(weight, std::vector<Index>{}, std::vector<float>{}, 4), Matrix(0, d),
                  Matrix(0, d), "embedding_bag", "of nothing");
    }
  Matrix w = random_matrix(11, 3, 10);
  const auto weight = s.matrix(w);
  expect_shape_error("embedding", [&] { s.b.embedding(weight, std::vector<TokenId>{11}); });
  expect_shape_error("embedding", [&] { s.b.embedding(weight, std::vector<TokenId>{-1}); });
  expect_shape_error("embedding_bag", [&] {
    s.b.embedding_bag(weight, std::vector<Index>{1, 2}, std::vector<float>{1}, 2);
  });
  expect_shape_error("embedding_bag", [&] {
    s.b.embedding_bag(weight, std::vector<Index>{1, 2, 3}, std::vector<float>{1, 1, 1}, 2);
  });
}

template <class B>
void norms() {
  Bench<B> s;
  for (const Index rows : {0, 1, 5, 33})
    for (const Index d : {1, 3, 17, 64, 129, 1000}) {
      const Matrix x = random_matrix(rows, d, 11);
      Matrix w = random_matrix(1, d, 12), c = random_matrix(1, d, 13);
      const DType type = d % 2 == 0 ? DType::bf16 : DType::f32;
      const auto weight = s.vector(w, type), bias = s.vector(c, type);
      const Matrix directions = build(rows, d, [&](Index i, Index j) {
        double n = 0;
        for (Index k = 0; k < d; ++k) n += x.at(i, k) * x.at(i, k);
        return x.at(i, j) / std::max(std::sqrt(n), 1e-12);
      });
      s.both(x, [&](const auto& t, const std::string& place) {
        const std::string what = place + " " + size_text(rows, d);
        if (d > 1)
          expect_near(s.b, s.b.layer_norm(t, weight, bias, 1e-6f), reference::layer_norm(x, w, c, 1e-6),
                      bound::layer_norm(x, w, c, 1e-6), "layer_norm", what);
        expect_near(s.b, s.b.rms_norm(t, weight, 1e-6f), reference::rms_norm(x, w, 1e-6), bound::rms_norm(x, w, 1e-6),
                    "rms_norm", what);
        expect_near(s.b, s.b.softmax(t), reference::softmax(x), bound::softmax(x, s.accurate), "softmax", what);
        expect_near(s.b, s.b.l2_normalize(t), directions, bound::l2_normalize(x), "l2_normalize", what);
      });
    }
  Matrix shifted = random_matrix(2, 65, 14), one = build(1, 65, [](Index, Index) { return 1.0; }), zero(1, 65),
         faint = shifted;
  const auto weight = s.vector(one), bias = s.vector(zero);
  // Values so small that eps counts.
  for (double& v : faint.values) v = static_cast<double>(static_cast<float>(v * 1e-3));
  expect_near(s.b, s.b.layer_norm(s.tensor(faint), weight, bias, 1e-6f), reference::layer_norm(faint, one, zero, 1e-6),
              bound::layer_norm(faint, one, zero, 1e-6), "layer_norm", "faint");
  expect_near(s.b, s.b.rms_norm(s.tensor(faint), weight, 1e-6f), reference::rms_norm(faint, one, 1e-6),
              bound::rms_norm(faint, one, 1e-6), "rms_norm", "faint");
  // A constant far from zero: the variance must not be a difference of two large numbers.
  for (double& v : shifted.values) v = static_cast<double>(static_cast<float>(v * 1e-2 + 100));
  expect_near(s.b, s.b.layer_norm(s.tensor(shifted), weight, bias, 1e-6f),
              reference::layer_norm(shifted, one, zero, 1e-6), bound::layer_norm(shifted, one, zero, 1e-6),
              "layer_norm_far", "far from zero");
  // Zero rows have no direction; large scores do not overflow.
  expect_near(s.b, s.b.l2_normalize(s.tensor(Matrix(2, 5))), Matrix(2, 5), Matrix(2, 5), "l2_normalize", "zeros");
  const Matrix large = build(1, 3, [](Index, Index j) { return 5000.0 - 20.0 * static_cast<double>(j); });
  expect_near(s.b, s.b.softmax(s.tensor(large)), reference::softmax(large), bound::softmax(large, s.accurate),
              "softmax", "large");

  const auto x = s.tensor(random_matrix(2, 64, 1));
  expect_shape_error("layer_norm", [&] { s.b.layer_norm(x, weight, weight, 1e-6f); });
  expect_shape_error("rms_norm", [&] { s.b.rms_norm(x, weight, 1e-6f); });
}

template <class B>
void pointwise() {
  Bench<B> s;
  for (const Index rows : {0, 1, 3, 17})
    for (const Index d : {1, 7, 33, 129, 1025}) {
      Matrix a = random_matrix(rows, d, 15), c = random_matrix(rows, d, 16), row = random_matrix(1, d, 17);
      for (double& v : a.values) v = static_cast<double>(static_cast<float>(v * 3));
      const auto each = [&](auto f) {
        return build(rows, d, [&](Index i, Index j) { return f(a.at(i, j), c.at(i, j), row.at(0, j)); });
      };
      s.both(a, [&](const auto& t, const std::string& what) {
        const std::string size = what + " " + size_text(rows, d);
        for (const auto& [kind, name] : {std::pair{Gelu::tanh, "gelu_tanh"}, {Gelu::erf, "gelu_erf"}})
          expect_near(
              s.b, s.b.gelu(t, kind), each([k = kind](double x, double, double) { return reference::gelu(x, k); }),
              each([&, k = kind](double x, double, double) { return bound::gelu(x, k, s.accurate); }), name, size);
        expect_near(
            s.b, s.b.silu_mul(t, s.view(c)), each([](double x, double y, double) { return reference::silu(x) * y; }),
            each([&](double x, double y, double) { return bound::silu_mul(x, y, s.accurate); }), "silu_mul", size);
        const auto once = [&](const auto& got, auto f) {
          const Matrix want = each(f);
          expect_near(s.b, got, want, bound::one_rounding(want), "elementwise", size);
        };
        once(s.b.add(t, s.view(c)), [](double x, double y, double) { return x + y; });
        once(s.b.mul(t, s.tensor(c)), [](double x, double y, double) { return x * y; });
        once(s.b.add(t, s.tensor(row)), [](double x, double, double y) { return x + y; });
        once(s.b.mul(t, s.view(row)), [](double x, double, double y) { return x * y; });
        once(s.b.scale(t, 0.3f), [](double x, double, double) { return x * static_cast<double>(0.3f); });
      });
    }
  // The whole range, tails included.
  const Matrix wide = build(1, 40001, [](Index, Index j) {
    return static_cast<double>(static_cast<float>(static_cast<double>(j - 20000) * 5e-4));
  });
  for (const Gelu kind : {Gelu::tanh, Gelu::erf})
    expect_near(s.b, s.b.gelu(s.tensor(wide), kind),
                build(1, 40001, [&](Index, Index j) { return reference::gelu(wide.at(0, j), kind); }),
                build(1, 40001, [&](Index, Index j) { return bound::gelu(wide.at(0, j), kind, s.accurate); }),
                kind == Gelu::tanh ? "gelu_tanh_tail" : "gelu_erf_tail");
  const Matrix extreme = build(1, 6, [](Index, Index j) {
    return std::vector<double>{-200, -90, -30, 30, 90, 200}[static_cast<std::size_t>(j)];
  });
  const Matrix ones = build(1, 6, [](Index, Index) { return 1.0; });
  expect_near(s.b, s.b.silu_mul(s.tensor(extreme), s.tensor(ones)),
              build(1, 6, [&](Index, Index j) { return reference::silu(extreme.at(0, j)); }),
              build(1, 6, [&](Index, Index j) { return bound::silu_mul(extreme.at(0, j), 1, s.accurate); }), "silu_mul",
              "extremes");
  // What is not a number stays that.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto bad = s.b.from_host(std::vector<float>{nan, 1}, 1, 2),
             good = s.b.from_host(std::vector<float>{1, 1}, 1, 2);
  for (const auto& t :
       {s.b.gelu(bad, Gelu::tanh), s.b.gelu(bad, Gelu::erf), s.b.silu_mul(bad, good), s.b.add(bad, good)})
    CHECK(std::isnan(s.b.to_host(t)[0]));

  const auto x = s.tensor(random_matrix(3, 4, 1)), y = s.tensor(random_matrix(2, 4, 1)),
             z = s.tensor(random_matrix(3, 5, 1));
  expect_shape_error("add", [&] { s.b.add(x, y); });
  expect_shape_error("add", [&] { s.b.add(x, z); });
  expect_shape_error("mul", [&] { s.b.mul(x, y); });
  expect_shape_error("silu_mul", [&] { s.b.silu_mul(x, y); });
  expect_shape_error("silu_mul", [&] { s.b.silu_mul(x, z); });
}

template <class B>
void reductions() {
  Bench<B> s;
  for (const Index rows : {1, 3, 17, 129, 1000})
    for (const Index d : {1, 7, 33, 129, 500}) {
      const Matrix x = random_matrix(rows, d, 18);
      const auto down = [&](Index, Index j, Index t) { return x.at(t, j); };
      const auto along = [&](Index i, Index, Index t) { return x.at(i, t); };
      const Matrix total = sums(1, d, rows, down);
      const Matrix mean = build(1, d, [&](Index, Index j) { return total.at(0, j) / static_cast<double>(rows); });
      s.both(x, [&](const auto& t, const std::string& what) {
        expect_near(s.b, s.b.sum_rows(t), total, bound::sums(1, d, rows, false, down), "reduction", what);
        expect_near(s.b, s.b.mean_rows(t), mean, bound::sums(1, d, rows, true, down), "reduction", what);
        expect_near(s.b, s.b.sum_cols(t), sums(rows, 1, d, along), bound::sums(rows, 1, d, false, along), "reduction",
                    what);
        expect_equal(s.b, s.b.max_cols(t),
                     build(rows, 1,
                           [&](Index i, Index) {
                             double top = x.at(i, 0);
                             for (Index j = 1; j < d; ++j) top = std::max(top, x.at(i, j));
                             return top;
                           }),
                     what);
      });
    }
  expect_equal(s.b, s.b.sum_rows(s.tensor(Matrix(0, 3))), Matrix(1, 3), "no rows");
  expect_equal(s.b, s.b.sum_cols(s.tensor(Matrix(0, 3))), Matrix(0, 1), "no rows");
}

template <class B>
void row_moves() {
  Bench<B> s;
  for (const Index d : {1, 7, 33, 129}) {
    const Matrix x = random_matrix(9, d, 19), src = random_matrix(3, d, 20);
    const std::vector<Index> at{7, 0, 4}, twice{8, 8, 0, 3};
    s.both(x, [&](const auto& t, const std::string& what) {
      expect_equal(s.b, s.b.slice_rows(t, 2, 7), build(5, d, [&](Index i, Index j) { return x.at(i + 2, j); }), what);
      expect_equal(s.b, s.b.slice_rows(t, 4, 4), Matrix(0, d), what);
      if (d > 3)
        expect_equal(s.b, s.b.slice_cols(t, 1, d - 1),
                     build(9, d - 2, [&](Index i, Index j) { return x.at(i, j + 1); }), what);
      expect_equal(s.b, s.b.gather_rows(t, twice),
                   build(4, d, [&](Index i, Index j) { return x.at(twice[static_cast<std::size_t>(i)], j); }), what);
      expect_equal(s.b, s.b.gather_rows(t, std::vector<Index>{}), Matrix(0, d), what);
      const std::vector<float> share{0.5f, -1.25f, 0.3f, 0.7f};
      const auto term = [&](Index i, Index j, Index n) {
        const auto place = static_cast<std::size_t>(2 * i + n);
        return static_cast<double>(share[place]) * x.at(twice[place], j);
      };
      expect_near(s.b, s.b.bag_rows(t, twice, share, 2), sums(2, d, 2, term), bound::sums(2, d, 2, false, term),
                  "embedding_bag", "bag_rows " + what);
      expect_equal(s.b, s.b.bag_rows(t, twice, share, 1),
                   build(4, d,
                         [&](Index i, Index j) {
                           return static_cast<double>(static_cast<float>(x.at(twice[static_cast<std::size_t>(i)], j)) *
                                                      share[static_cast<std::size_t>(i)]);
                         }),
                   "bag_rows of one " + what);
      expect_equal(s.b, s.b.bag_rows(t, std::vector<Index>{}, std::vector<float>{}, 3), Matrix(0, d),
                   "bag_rows of nothing " + what);
      const auto scattered = [&](bool add) {
        Matrix m = x;
        for (Index i = 0; i < 3; ++i)
          for (Index j = 0; j < d; ++j) {
            double& v = m.at(at[static_cast<std::size_t>(i)], j);
            v = add ? static_cast<double>(static_cast<float>(v) + static_cast<float>(src.at(i, j))) : src.at(i, j);
          }
        return m;
      };
      expect_equal(s.b, s.b.scatter_rows(t, at, s.view(src)), scattered(false), "scatter " + what);
      expect_equal(s.b, s.b.scatter_add_rows(t, at, s.view(src)), scattered(true), "scatter_add " + what);
      expect_equal(s.b, s.b.scatter_add_rows(t, std::vector<Index>{}, s.tensor(Matrix(0, d))), x,
                   "scatter_add nothing " + what);
      expect_equal(s.b, t, x, "untouched " + what);
      expect_equal(
          s.b, s.b.reshape(t, d, 9),
          [&] {
            Matrix m = x;
            std::swap(m.rows, m.cols);
            return m;
          }(),
          "reshape " + what);
      expect_equal(
          s.b, s.b.reshape(t, 1, 9 * d),
          [&] {
            Matrix m = x;
            m.rows = 1;
            m.cols = 9 * d;
            return m;
          }(),
          "reshape " + what);
      const Matrix joined = build(15, d, [&](Index i, Index j) {
        return i < 9 ? x.at(i, j) : i < 12 ? src.at(i - 9, j) : src.at(i - 12, j);
      });
      expect_equal(s.b, s.b.concat_rows({t, s.tensor(Matrix(0, d)), s.view(src), s.tensor(src)}), joined,
                   "concat " + what);
    });
    expect_equal(s.b, s.b.reshape(s.tensor(Matrix(0, 4)), 0, 2), Matrix(0, 2), "reshape of nothing");
  }
  const auto x = s.tensor(random_matrix(4, 6, 1)), src = s.tensor(random_matrix(2, 6, 1)),
             narrow = s.tensor(random_matrix(2, 5, 1));
  expect_shape_error("slice_rows", [&] { s.b.slice_rows(x, 2, 5); });
  expect_shape_error("slice_rows", [&] { s.b.slice_rows(x, -1, 2); });
  expect_shape_error("slice_rows", [&] { s.b.slice_rows(x, 3, 2); });
  expect_shape_error("slice_cols", [&] { s.b.slice_cols(x, 0, 7); });
  expect_shape_error("concat_rows", [&] { s.b.concat_rows({src, narrow}); });
  expect_shape_error("reshape", [&] { s.b.reshape(x, 5, 5); });
  expect_shape_error("gather_rows", [&] { s.b.gather_rows(x, std::vector<Index>{4}); });
  expect_shape_error("gather_rows", [&] { s.b.gather_rows(x, std::vector<Index>{-1}); });
  expect_shape_error("bag_rows", [&] { s.b.bag_rows(x, std::vector<Index>{1, 4}, std::vector<float>{1, 1}, 2); });
  expect_shape_error("bag_rows", [&] { s.b.bag_rows(x, std::vector<Index>{1, -1}, std::vector<float>{1, 1}, 2); });
  expect_shape_error("bag_rows", [&] { s.b.bag_rows(x, std::vector<Index>{1, 2}, std::vector<float>{1}, 2); });
  expect_shape_error("bag_rows", [&] { s.b.bag_rows(x, std::vector<Index>{1, 2, 3}, std::vector<float>{1, 1, 1}, 2); });
  expect_shape_error("bag_rows", [&] { s.b.bag_rows(x, std::vector<Index>{}, std::vector<float>{}, 0); });
  expect_shape_error("scatter_rows", [&] { s.b.scatter_rows(x, std::vector<Index>{0}, src); });
  expect_shape_error("scatter_rows", [&] { s.b.scatter_rows(x, std::vector<Index>{0, 9}, src); });
  expect_shape_error("scatter_rows", [&] { s.b.scatter_rows(x, std::vector<Index>{0, 1}, narrow); });
  expect_shape_error("scatter_add_rows", [&] { s.b.scatter_add_rows(x, std::vector<Index>{0}, src); });
  expect_shape_error("scatter_add_rows", [&] { s.b.scatter_add_rows(x, std::vector<Index>{0, -1}, src); });
}

template <class B>
void rope() {
  Bench<B> s;
  for (const Index rows : {0, 1, 5, 33})
    for (const Index heads : {1, 3})
      for (const Index half : {1, 5, 16, 36}) {
        const Matrix x = random_matrix(rows, heads * half * 2, 21), cos = random_matrix(rows, half, 22),
                     sin = random_matrix(rows, half, 23);
        s.both(x, [&](const auto& t, const std::string& what) {
          expect_near(s.b, s.b.rope(t, heads, s.view(cos), s.tensor(sin)), reference::rope(x, heads, cos, sin),
                      bound::rope(x, heads, cos, sin), "rope", what + " " + size_text(rows, heads, half));
        });
      }
  const auto x = s.tensor(random_matrix(4, 12, 1)), angles = s.tensor(random_matrix(4, 3, 1)),
             few = s.tensor(random_matrix(3, 3, 1));
  expect_shape_error("rope", [&] { s.b.rope(x, 2, few, few); });
  expect_shape_error("rope", [&] { s.b.rope(x, 1, angles, angles); });
}

template <class B>
void caches() {
  Bench<B> s;
  for (const Index width : {1, 16, 33}) {
    auto cache = s.b.make_cache(2, width);
    CHECK(s.b.rows(s.b.cache_keys(cache)) == 0);
    CHECK(s.b.cols(s.b.cache_keys(cache)) == width);
    Matrix keys(0, width), values(0, width);
    typename B::Tensor early_keys{};
    Matrix early(0, width);
    Index seed = 30;
    for (const Index n : {1, 0, 1, 5, 1, 1, 40, 3}) {  // far past the capacity
      const Matrix k = random_matrix(n, width, static_cast<std::uint64_t>(seed++)),
                   v = random_matrix(n, width, static_cast<std::uint64_t>(seed++));
      s.b.cache_append(cache, s.view(k), s.view(v));
      for (auto [to, from] : {std::pair{&keys, &k}, {&values, &v}}) {
        to->rows += n;
        to->values.insert(to->values.end(), from->values.begin(), from->values.end());
      }
      expect_equal(s.b, s.b.cache_keys(cache), keys, "cache keys");
      expect_equal(s.b, s.b.cache_values(cache), values, "cache values");
      if (keys.rows == 7) {
        early_keys = s.b.cache_keys(cache);
        early = keys;
      }
    }
    expect_equal(s.b, early_keys, early, "keys handed out earlier");
    auto moved = std::move(cache);
    expect_equal(s.b, s.b.cache_keys(moved), keys, "moved cache");
    expect_shape_error("cache_append", [&] {
      s.b.cache_append(moved, s.tensor(random_matrix(1, width + 1, 1)), s.tensor(random_matrix(1, width + 1, 1)));
    });
    expect_shape_error("cache_append", [&] {
      s.b.cache_append(moved, s.tensor(random_matrix(1, width, 1)), s.tensor(random_matrix(2, width, 1)));
    });
    expect_equal(s.b, s.b.cache_keys(moved), keys, "after errors");
  }
}

template <class B>
void pictures() {
  Bench<B> s;
  for (const Index stride : {1, 2, 3})
    for (const Index padding : {0, 1, 2})
      for (const auto& [kh, kw] : {std::pair<Index, Index>{1, 1}, {3, 3}, {2, 5}})
        for (const auto& [cin, cout] : {std::pair<Index, Index>{1, 1}, {3, 17}, {7, 33}}) {
          Conv2dSpec spec{
              .height = 9, .width = 13, .kernel_h = kh, .kernel_w = kw, .stride = stride, .padding = padding};
          const Matrix x = random_matrix(9 * 13, cin, 40);
          Matrix w = random_matrix(cout, cin * kh * kw, 41), c = random_matrix(1, cout, 42);
          const auto weight = s.matrix(w, cin == 3 ? DType::bf16 : DType::f32), bias = s.vector(c);
          s.both(x, [&](const auto& t, const std::string& what) {
            expect_near(s.b, s.b.conv2d(t, weight, bias, spec), reference::conv2d(x, w, c, spec),
                        bound::conv2d(x, w, c, spec), "conv2d", what);
            if (padding == 0)
              expect_near(s.b, s.b.avg_pool(t, spec), reference::avg_pool(x, spec), bound::avg_pool(x, spec),
                          "avg_pool", what);
          });
        }
  const auto x = s.tensor(random_matrix(12, 3, 1));
  Matrix w = random_matrix(2, 12, 1), c = random_matrix(1, 2, 1);
  const auto weight = s.matrix(w), bias = s.vector(c);
  expect_shape_error("conv2d picture",
                     [&] { s.b.conv2d(x, weight, bias, {.height = 3, .width = 5, .kernel_h = 2, .kernel_w = 2}); });
  expect_shape_error("conv2d weight",
                     [&] { s.b.conv2d(x, weight, bias, {.height = 3, .width = 4, .kernel_h = 3, .kernel_w = 2}); });
  expect_shape_error("conv2d window", [&] {
    s.b.conv2d(x, weight, bias, {.height = 3, .width = 4, .kernel_h = 2, .kernel_w = 2, .stride = 0});
  });
  expect_shape_error("avg_pool picture",
                     [&] { s.b.avg_pool(x, {.height = 3, .width = 5, .kernel_h = 2, .kernel_w = 2}); });
  expect_shape_error("avg_pool window",
                     [&] { s.b.avg_pool(x, {.height = 3, .width = 4, .kernel_h = 4, .kernel_w = 2}); });
}

template <class B>
void loops() {
  Bench<B> s;
  for (const Index n : {0, 1, 7, 1000})
    for (const Index grain : {1, 3, 2000}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
      s.b.parallel_for(n, grain, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) seen[static_cast<std::size_t>(i)].fetch_add(1);
      });
      int wrong = 0;
      for (const auto& v : seen) wrong += v.load() != 1;
      CHECK(wrong == 0);
    }
  // Loops inside loops, and kernels inside loops.
  std::atomic<Index> total{0};
  const Matrix x = random_matrix(3, 5, 1);
  const auto t = s.tensor(x);
  s.b.parallel_for(8, 1, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      s.b.parallel_for(10, 1, [&](Index a, Index c) { total.fetch_add(c - a); });
      total.fetch_add(s.b.rows(s.b.scale(t, 2.0f)));
    }
  });
  CHECK(total.load() == 8 * 13);
  bool caught = false;
  try {
    s.b.parallel_for(100, 1, [](Index begin, Index end) {
      require_that(37 < begin || end <= 37, Code::bad_config, "loop", "stop here");
    });
  } catch (const std::exception&) { caught = true; }
  CHECK(caught);
  total = 0;
  s.b.parallel_for(100, 1, [&](Index begin, Index end) { total.fetch_add(end - begin); });
  CHECK(total.load() == 100);
}

}  // namespace arrcoc::conformance

#define ARRCOC_CONFORMANCE_CASE(B, group) \
  TEST_CASE("conformance of " #B ": " #group) { arrcoc::conformance::run_group(arrcoc::conformance::group<B>); }

/// One test case for each group of kernels.
#define ARRCOC_CONFORMANCE(B)               \
  ARRCOC_CONFORMANCE_CASE(B, host_transfer) \
  ARRCOC_CONFORMANCE_CASE(B, linear)        \
  ARRCOC_CONFORMANCE_CASE(B, matmul)        \
  ARRCOC_CONFORMANCE_CASE(B, embeddings)    \
  ARRCOC_CONFORMANCE_CASE(B, norms)         \
  ARRCOC_CONFORMANCE_CASE(B, pointwise)     \
  ARRCOC_CONFORMANCE_CASE(B, reductions)    \
  ARRCOC_CONFORMANCE_CASE(B, row_moves)     \
  ARRCOC_CONFORMANCE_CASE(B, rope)          \
  ARRCOC_CONFORMANCE_CASE(B, attention)     \
  ARRCOC_CONFORMANCE_CASE(B, key_bias)      \
  ARRCOC_CONFORMANCE_CASE(B, caches)        \
  ARRCOC_CONFORMANCE_CASE(B, pictures)      \
  ARRCOC_CONFORMANCE_CASE(B, loops)         \
  ARRCOC_CONFORMANCE_CASE(B, mistakes)
