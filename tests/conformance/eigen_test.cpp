// The conformance suite on eigen, and what eigen alone promises: the same bits on any number of threads, rows that do
// not depend on their neighbours, memory that is reused, weights that are not copied.
#include "arrcoc/eigen.hpp"

#include "conformance/conformance.hpp"
#include "conformance/every_kernel.hpp"

using namespace arrcoc;
using conformance::everything;
using conformance::heads_of;
using conformance::random_matrix;
using conformance::same_bits;

ARRCOC_CONFORMANCE(EigenBackend)

TEST_CASE("eigen: every kernel gives the same bits on 1, 2, 3 and 5 threads, and again") {
  EigenBackend one({.threads = 1});
  CHECK(one.threads() == 1);
  const std::vector<float> want = everything(one);
  CHECK(want.size() > 1000000);
  for (const int threads : {1, 2, 3, 5}) {
    EigenBackend b({.threads = threads});
    CHECK(b.threads() == threads);
    CHECK(same_bits(everything(b), want));
    CHECK(same_bits(everything(b), want));
  }
}

TEST_CASE("eigen: a row of a product depends on that row alone") {
  EigenBackend b;
  auto m = random_matrix(300, 1000, 1);
  const auto w = b.import_weight(conformance::stored(m, DType::bf16, {300, 1000}), Layout::out_in);
  const auto x = b.from_host(random_matrix(500, 1000, 2).floats(), 500, 1000);
  const auto all = b.linear(x, w);
  for (const auto& [i, j] : {std::pair<Index, Index>{0, 500}, {1, 10}, {3, 16}, {13, 28}, {100, 399}, {449, 500}})
    CHECK(same_bits(b.to_host(b.linear(b.slice_rows(x, i, j), w)), b.to_host(b.slice_rows(all, i, j))));
  // A few rows take the path that reads the weight once; it too has one order.
  const auto few = b.linear(b.slice_rows(x, 0, 7), w);
  for (Index i = 0; i < 7; ++i)
    CHECK(same_bits(b.to_host(b.linear(b.slice_rows(x, i, i + 1), w)), b.to_host(b.slice_rows(few, i, i + 1))));
}

TEST_CASE("eigen: products of every height, packed by several threads, are the rows' own") {
  EigenBackend alone({.threads = 1}), b({.threads = 4});
  const Index depth = 600, columns = 70;  // three blocks of depth, a ragged panel
  auto m = random_matrix(columns, depth, 1), rows = random_matrix(64, depth, 2);
  const auto w = b.import_weight(conformance::stored(m, DType::f32, {columns, depth}), Layout::out_in);
  const auto x = b.from_host(rows.floats(), 64, depth);
  const auto want = alone.to_host(alone.linear(x, w));
  for (Index n = 9; n <= 64; ++n)
    for (int again = 0; again < 3; ++again)
      CHECK(same_bits(b.to_host(b.linear(b.slice_rows(x, 0, n), w)),
                      std::vector<float>(want.begin(), want.begin() + n * columns)));
}

TEST_CASE("eigen: pairs packed from [in, out] are those packed from [out, in]") {
  for (const auto& [outputs, half] : {std::pair<Index, Index>{70, 30}, {64, 1}, {33, 257}, {5, 8}}) {
    const Index out = outputs, pairs = half;  // clang 14 captures no structured binding
    std::vector<std::uint16_t> m(static_cast<std::size_t>(out * 2 * pairs)), turned(m.size());
    for (Index i = 0; i < out; ++i)
      for (Index k = 0; k < 2 * pairs; ++k)
        turned[static_cast<std::size_t>(k * out + i)] = m[static_cast<std::size_t>(i * 2 * pairs + k)] =
            static_cast<std::uint16_t>(0x3c00 + (i * 31 + k * 7) % 512);
    const Index first = 1 < pairs ? 1 : 0, depth = pairs - first, columns = out > 8 ? out - 3 : out,
                column = out - columns;
    std::vector<float> a(static_cast<std::size_t>(eigen::packed_size(depth, columns)), 1.0f), b(a.size(), 2.0f);
    eigen::PackOutputs<DType::f32>{reinterpret_cast<const float*>(m.data()), pairs}(first, depth, column, columns,
                                                                                    a.data());
    eigen::PackInputPairs{turned.data(), out}(first, depth, column, columns, b.data());
    CHECK_MESSAGE(same_bits(a, b), out, " x ", pairs);
  }
}

TEST_CASE("eigen: bf16 products of many rows, rounded by several threads, are the rows' own") {
  EigenBackend alone({.threads = 1, .bf16 = true}), b({.threads = 4, .bf16 = true});
  auto m = random_matrix(20, 514, 1);
  const auto w = b.import_weight(conformance::stored(m, DType::bf16, {20, 514}), Layout::out_in);
  const auto x = b.from_host(random_matrix(3000, 514, 2).floats(), 3000, 514);
  const auto want = alone.to_host(alone.linear(x, w));
  for (int again = 0; again < 10; ++again) CHECK(same_bits(b.to_host(b.linear(x, w)), want));
}

TEST_CASE("eigen: bf16 products of a matrix stored the other way round are the same bits") {
  EigenBackend b({.threads = 2, .bf16 = true});
  if (!eigen::bf16_products) {
    MESSAGE("not run: this build has no instruction for bf16 products");
    return;
  }
  for (const auto& [rows, cols] : {std::pair<Index, Index>{70, 600}, {64, 2}, {33, 514}, {17, 64}, {1, 16}}) {
    const Index out = rows, in = cols;
    auto m = random_matrix(out, in, 1), turned = conformance::reference::transposed(m);
    const auto as_released = b.import_weight(conformance::stored(turned, DType::bf16, {in, out}), Layout::in_out);
    const auto w = b.import_weight(conformance::stored(m, DType::bf16, {out, in}), Layout::out_in);
    const auto x = b.from_host(random_matrix(40, in, 2).floats(), 40, in);
    CHECK_MESSAGE(same_bits(b.to_host(b.linear(x, as_released)), b.to_host(b.linear(x, w))), out, " x ", in);
    EigenBackend full({.threads = 1});
    const auto exact = full.to_host(
        full.linear(full.from_host(random_matrix(40, in, 2).floats(), 40, in),
                    full.import_weight(conformance::stored(turned, DType::bf16, {in, out}), Layout::in_out)));
    CHECK(!same_bits(b.to_host(b.linear(x, as_released)), exact));  // the activations are rounded: it ran in bf16
  }
}

TEST_CASE("eigen: a segment's attention is the bits of that segment alone") {
  EigenBackend b;
  const auto q = b.from_host(random_matrix(400, 64, 1).floats(), 400, 64),
             k = b.from_host(random_matrix(400, 64, 2).floats(), 400, 64);
  AttentionSpec spec = heads_of(2, 2, 0.2f);
  spec.segments = {{0, 37}, {37, 390}, {390, 400}};
  const auto together = b.attention(q, k, k, spec).out;
  for (const Segment& s : spec.segments) {
    const auto part = [&](const EigenBackend::Tensor& t) { return b.slice_rows(t, s.begin, s.end); };
    CHECK(same_bits(b.to_host(b.attention(part(q), part(k), part(k), heads_of(2, 2, 0.2f)).out),
                    b.to_host(part(together))));
  }
}

TEST_CASE("eigen: a bias of ln s is s equal keys, in bf16 too") {
  EigenBackend narrow({.bf16 = true}), wide;
  for (const Index queries : {1, 37}) {
    CHECK(conformance::bias_against_repeated_keys(narrow, queries) < 8e-3);  // weights of 8 bits
    CHECK(conformance::bias_against_repeated_keys(wide, queries) < 4e-6);    // 16 ulp of the largest value
  }
}

TEST_CASE("eigen: matrices stay in place, slices and reshapes share memory, freed memory is used again") {
  EigenBackend b({.threads = 1});
  auto m = random_matrix(5, 8, 1);
  for (const DType type : {DType::f32, DType::bf16, DType::f16}) {
    const HostTensor t = conformance::stored(m, type, {5, 8});
    const auto w = b.import_weight(t, Layout::out_in);
    CHECK(w.values().data == t.data);
    CHECK(w.dtype() == type);
  }
  const auto x = b.from_host(random_matrix(6, 8, 2).floats(), 6, 8);
  CHECK(reinterpret_cast<std::uintptr_t>(x.data()) % 64 == 0);
  CHECK(b.slice_cols(b.slice_rows(x, 1, 3), 2, 5).data() == x.data() + 8 + 2);
  CHECK(b.reshape(x, 12, 4).data() == x.data());
  const float* place = b.scale(x, 2.0f).data();
  CHECK(b.scale(x, 3.0f).data() == place);
  CHECK(b.memory().kept_bytes() > 0);
  EigenBackend frugal({.threads = 1, .keep_bytes = 0});
  static_cast<void>(frugal.scale(x, 2.0f));
  CHECK(frugal.memory().kept_bytes() == 0);
}

TEST_CASE("eigen: fewer rows after more use the memory of those, whatever their number") {
  EigenBackend b({.threads = 1});
  const auto two_at_once = [&](Index rows) {
    const auto x = b.from_host(std::vector<float>(static_cast<std::size_t>(rows) * 1024), rows, 1024);
    static_cast<void>(b.scale(x, 2.0f));
  };
  two_at_once(64);
  const std::size_t most = b.memory().kept_bytes();
  CHECK(most >= 2 * 64 * 4096);
  for (const Index rows : {32, 17, 40, 20, 63, 29}) {
    two_at_once(rows);
    CHECK(b.memory().kept_bytes() == most);
  }
}

TEST_CASE("eigen: tensors and caches outlive their backend; a copied cache grows on its own") {
  EigenBackend::Tensor t;
  EigenBackend::Cache cache;
  {
    EigenBackend b({.threads = 2});
    t = b.from_host(std::vector<float>{1, 2, 3}, 1, 3);
    cache = b.make_cache(4, 3);
    b.cache_append(cache, t, t);
  }
  EigenBackend b({.threads = 1});
  CHECK(b.to_host(t) == std::vector<float>{1, 2, 3});
  auto copy = cache;
  b.cache_append(copy, b.scale(t, 2.0f), t);
  b.cache_append(cache, b.scale(t, 3.0f), t);
  CHECK(b.to_host(b.cache_keys(copy)) == std::vector<float>{1, 2, 3, 2, 4, 6});
  CHECK(b.to_host(b.cache_keys(cache)) == std::vector<float>{1, 2, 3, 3, 6, 9});
}

TEST_CASE("eigen: one backend serves several threads at once") {
  EigenBackend b({.threads = 3});
  const auto x = b.from_host(random_matrix(200, 300, 1).floats(), 200, 300);
  const auto want = b.to_host(b.matmul(x, x, true));
  std::atomic<int> wrong{0};
  std::vector<std::thread> users;
  for (int t = 0; t < 4; ++t)
    users.emplace_back([&] {
      for (int i = 0; i < 20; ++i) wrong += !same_bits(b.to_host(b.matmul(x, x, true)), want);
    });
  for (auto& u : users) u.join();
  CHECK(wrong == 0);
}

TEST_CASE("eigen: attention over 12,000 rows needs memory for rows, not for pairs") {
  EigenBackend b({.keep_bytes = std::size_t{1} << 40});
  const Index n = 12000;  // one matrix of pairs would be 576 MB
  const auto x = b.from_host(random_matrix(n, 16, 1).floats(), n, 16);
  AttentionSpec spec = heads_of(1, 1, 0.25f);
  spec.want_received = true;
  static_cast<void>(b.attention(x, x, x, spec));
  CHECK(b.memory().kept_bytes() < std::size_t{20} << 20);
}

TEST_CASE("eigen: exp within 1.2 ulp and 1 + erf within 2 ulp of the double functions") {
  // Lanes are filled with equal values: a value's result does not depend on its place.
  const auto ulps = [](float got, double want) {
    return std::abs(static_cast<double>(got) - want) /
           (std::nextafter(std::abs(static_cast<float>(want)), 1e38f) - std::abs(static_cast<float>(want)));
  };
  double worst_exp = 0, worst_erf = 0, worst_left = 0;
  for (int i = -200000; i <= 200000; ++i) {
    const float x = static_cast<float>(i) * 4.3e-4f, z = static_cast<float>(i) * 2.1e-5f;
    worst_exp = std::max(worst_exp, ulps(eigen::first(eigen::exp(eigen::set(x))), std::exp(static_cast<double>(x))));
    const double erf = std::erfc(-static_cast<double>(z));
    double& worst = z < 0 ? worst_left : worst_erf;
    worst = std::max(worst, ulps(eigen::first(eigen::one_plus_erf(eigen::set(z))), erf));
  }
  const conformance::Accuracy promised =
      conformance::accuracy("eigen");  // what the bounds of gelu, silu and softmax rest on
  CHECK(worst_exp < promised.exp);
  CHECK(worst_erf < promised.erf);
  CHECK(worst_left < promised.erf_left);  // the left tail falls to 1e-9; 40 ulp with fused multiply-adds
  MESSAGE("exp " << worst_exp << " ulp, 1 + erf right " << worst_erf << " ulp, left " << worst_left << " ulp");
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const auto e = [](float x) { return eigen::first(eigen::exp(eigen::set(x))); };
  CHECK(e(0) == 1.0f);
  CHECK(e(-inf) == 0.0f);
  CHECK(e(inf) == inf);
  CHECK(e(89) == inf);
  CHECK(e(88.72f) < inf);
  CHECK(std::isnan(e(nan)));
}
