// bf16 products and attention in tile registers: emulated on every processor, by the hardware where it has them.
#include "arrcoc/eigen.hpp"
#include "arrcoc/eigen/isa.hpp"
#include "arrcoc/eigen/register_loops.hpp"

#include "conformance/conformance.hpp"
#include "conformance/emulated_tiles.hpp"

using namespace arrcoc;
using conformance::EmulatedTiles;
using conformance::Matrix;
using conformance::random_matrix;
using conformance::same_bits;
using Tiled = eigen::TilePairs<EmulatedTiles>;

namespace {

/// A random matrix of values that bf16 holds.
Matrix short_matrix(Index rows, Index cols, std::uint64_t seed) {
  Matrix m = random_matrix(rows, cols, seed);
  for (double& v : m.values) v = static_cast<double>(bf16_to_f32(f32_to_bf16(static_cast<float>(v))));
  return m;
}

std::vector<std::uint16_t> halves(const Matrix& m) {
  std::vector<std::uint16_t> out;
  for (const double v : m.values) out.push_back(f32_to_bf16(static_cast<float>(v)));
  return out;
}

/// x [rows, depth] * w [out, depth] ^T + bias, by the product that the backend calls. `by_input`: w lies [depth, out].
template <class Op>
std::vector<float> product(const Matrix& x, const Matrix& w, const Matrix* bias, int threads, bool by_input) {
  eigen::ThreadPool pool(threads);
  const auto memory = std::make_shared<eigen::MemoryPool>(std::size_t{1} << 30);
  const std::vector<float> in = x.floats(), init = bias != nullptr ? bias->floats() : std::vector<float>{};
  const std::vector<std::uint16_t> straight = halves(w), turned = halves(conformance::reference::transposed(w));
  const eigen::RoundedRows rounded = eigen::round_rows(pool, *memory, in.data(), x.cols, x.rows, x.cols);
  std::vector<float> out(static_cast<std::size_t>(x.rows * w.rows), std::numeric_limits<float>::quiet_NaN());
  const auto run = [&](const auto& pack) {
    eigen::gemm<Op>(pool, *memory, rounded.pairs.get(), rounded.stride, x.rows, x.cols / 2, w.rows, pack,
                    bias != nullptr ? init.data() : nullptr, out.data(), w.rows);
  };
  if (by_input) run(eigen::PackInputPairs{turned.data(), w.rows});
  else run(eigen::PackOutputs<DType::f32>{reinterpret_cast<const float*>(straight.data()), x.cols / 2});
  return out;
}

/// How far from sums in double, as a part of what the roundings of float32 allow.
double product_error(const std::vector<float>& got, const Matrix& x, const Matrix& w, const Matrix* bias) {
  const Matrix turned = conformance::reference::transposed(w);
  Matrix want = conformance::reference::matmul(x, turned);
  if (bias != nullptr)
    for (Index i = 0; i < want.rows; ++i)
      for (Index j = 0; j < want.cols; ++j) want.at(i, j) += bias->at(0, j);
  return conformance::error_over_bound(got, want, conformance::bound::products(x, turned, bias));
}

template <class Op>
std::pair<std::vector<float>, std::vector<float>> attend(const Matrix& q, const Matrix& k, const Matrix& v,
                                                         const AttentionSpec& spec, int threads) {
  EigenBackend b({.threads = 1});
  eigen::ThreadPool pool(threads);
  const auto memory = std::make_shared<eigen::MemoryPool>(std::size_t{1} << 30);
  const auto tensor = [&](const Matrix& m) { return b.from_host(m.floats(), m.rows, m.cols); };
  const auto tq = tensor(q), tk = tensor(k), tv = tensor(v);
  const eigen::AttentionPlan plan = eigen::plan_attention(tq, tk, tv, spec, eigen::tile_query_block);
  auto out = b.from_host(std::vector<float>(static_cast<std::size_t>(q.rows * plan.heads * plan.dv)), q.rows,
                         plan.heads * plan.dv);
  std::vector<float> received(static_cast<std::size_t>(k.rows));
  eigen::BlockedAttention<Op, eigen::ThreadPool> blocked(pool, *memory, plan, tq, tk, tv);
  blocked.run(out, true);
  blocked.received(received.data());
  return {b.to_host(out), received};
}

double largest_difference(const std::vector<float>& got, const Matrix& want) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double e = std::abs(static_cast<double>(got[i]) - want.values[i]);
    worst = e <= worst ? worst : e;  // a NaN stays
  }
  return worst;
}

}  // namespace

TEST_CASE("tiles: a product of one tile is the two chains of TDPBF16PS and their sum") {
  const Matrix x = short_matrix(16, 2 * eigen::tile_pairs, 1), w = short_matrix(eigen::tile_width, x.cols, 2);
  const std::vector<float> got = product<Tiled>(x, w, nullptr, 1, false);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < w.rows; ++j) {
      float even = 0, odd = 0;
      for (Index k = 0; k < x.cols; k += 2) {
        even = std::fma(static_cast<float>(x.at(i, k)), static_cast<float>(w.at(j, k)), even);
        odd = std::fma(static_cast<float>(x.at(i, k + 1)), static_cast<float>(w.at(j, k + 1)), odd);
      }
      REQUIRE(got[static_cast<std::size_t>(i * w.rows + j)] == even + odd);
    }
}

TEST_CASE("tiles: products of odd and of large shapes are those of sums in double, on 1, 2 and 4 threads") {
  double worst = 0;
  struct Shape {
    Index rows, depth, out;
  };
  for (const Shape& shape : {Shape{1, 2, 1},
                             {9, 30, 5},
                             {16, 32, 16},
                             {17, 34, 33},
                             {33, 66, 31},
                             {40, 512, 32},
                             {31, 514, 47},
                             {65, 1026, 70},
                             {49, 1154, 129},
                             {100, 600, 300},
                             {1200, 66, 40},
                             {2300, 34, 17}}) {
    const auto& [rows, depth, out] = shape;
    const Matrix x = short_matrix(rows, depth, 1), w = short_matrix(out, depth, 2), c = random_matrix(1, out, 3);
    for (const bool by_input : {false, true})
      for (const Matrix* bias : {static_cast<const Matrix*>(nullptr), &c}) {
        INFO(shape.rows, " x ", shape.depth, " x ", shape.out, std::string(by_input ? " by input" : ""),
             std::string(bias != nullptr ? " with a bias" : ""));
        const std::vector<float> one = product<Tiled>(x, w, bias, 1, by_input);
        const double error = product_error(one, x, w, bias);
        CHECK(error <= 1);
        worst = std::max(worst, error);
        for (const int threads : {2, 4}) CHECK(same_bits(product<Tiled>(x, w, bias, threads, by_input), one));
      }
  }
  MESSAGE("largest error ", worst, " of the bound");
}

TEST_CASE("tiles: a row's bits are its own, whatever stands beside it") {
  const Matrix x = short_matrix(70, 514, 1), w = short_matrix(50, 514, 2);
  const std::vector<float> all = product<Tiled>(x, w, nullptr, 2, false);
  for (const auto& [first, last] : {std::pair<Index, Index>{0, 1}, {1, 18}, {15, 49}, {69, 70}}) {
    Matrix part(last - first, x.cols);
    std::copy(x.values.begin() + first * x.cols, x.values.begin() + last * x.cols, part.values.begin());
    CHECK(same_bits(product<Tiled>(part, w, nullptr, 1, false),
                    std::vector<float>(all.begin() + first * w.rows, all.begin() + last * w.rows)));
  }
}

TEST_CASE("tiles: what lies behind an operand does not come in, and a NaN stays in its row and column") {
  Matrix x = short_matrix(20, 34, 1), w = short_matrix(40, 34, 2);
  x.at(3, 33) = w.at(17, 32) = std::numeric_limits<double>::quiet_NaN();
  const std::vector<float> got = product<Tiled>(x, w, nullptr, 1, false);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < w.rows; ++j)
      CHECK(std::isnan(got[static_cast<std::size_t>(i * w.rows + j)]) == (i == 3 || j == 17));
}

TEST_CASE("tiles: denormals are zeros") {
  const float small = 0x1p-126f / 2;  // bf16 holds it
  Matrix x(1, 2), w(1, 2);
  x.values = {static_cast<double>(small), 0x1p-70};
  w.values = {1.0, 0x1p-70};  // the second product is below float32's smallest normal number
  CHECK(product<Tiled>(x, w, nullptr, 1, false).front() == 0.0f);
  x.values = {1.0, 0x1p-60};
  CHECK(product<Tiled>(x, w, nullptr, 1, false).front() == 1.0f);
}

TEST_CASE("tiles: the bound refuses a packing that is wrong") {
  const Matrix x = short_matrix(33, 66, 1), w = short_matrix(40, 66, 2);
  CHECK(product_error(product<Tiled>(x, w, nullptr, 1, false), x, w, nullptr) <= 1);
  const auto planted = [&](auto&& change) {
    Matrix wrong = w;
    change(wrong);
    return product_error(product<Tiled>(x, wrong, nullptr, 1, false), x, w, nullptr);
  };
  CHECK(planted([](Matrix& m) {  // the two of a pair in the other order
          for (Index j = 0; j < m.rows; ++j)
            for (Index k = 0; k < m.cols; k += 2) std::swap(m.at(j, k), m.at(j, k + 1));
        }) > 100);
  CHECK(planted([](Matrix& m) {  // the last pair, behind whole tiles, dropped
          for (Index j = 0; j < m.rows; ++j) m.at(j, 64) = m.at(j, 65) = 0;
        }) > 100);
  CHECK(planted([](Matrix& m) {  // two columns of a tile exchanged
          for (Index k = 0; k < m.cols; ++k) std::swap(m.at(32, k), m.at(39, k));
        }) > 100);
}

TEST_CASE("tiles: attention is that of the reference within its 8 bits, on 1, 2 and 4 threads") {
  struct Shape {
    Index heads, kv_heads, d, dv, queries, keys;
    bool causal, segments, bias;
  };
  for (const Shape& c : {Shape{2, 2, 64, 64, 70, 70, false, false, false},
                         {4, 2, 72, 72, 65, 65, true, false, false},
                         {2, 1, 10, 24, 33, 301, false, false, true},
                         {3, 3, 128, 128, 17, 17, true, false, false},
                         {2, 2, 40, 40, 190, 190, false, true, false},
                         {2, 1, 36, 20, 190, 190, true, true, true},
                         {1, 1, 2, 1, 2, 600, false, false, false}}) {
    INFO(c.heads, " heads of ", c.d, " and ", c.dv, ", ", c.queries, " queries, ", c.keys, " keys, causal ", c.causal,
         ", segments ", c.segments, ", bias ", c.bias);
    const Matrix q = short_matrix(c.queries, c.heads * c.d, 1), k = short_matrix(c.keys, c.kv_heads * c.d, 2),
                 v = short_matrix(c.keys, c.kv_heads * c.dv, 3);
    AttentionSpec spec;
    spec.heads = c.heads;
    spec.kv_heads = c.kv_heads;
    spec.scale = 1.0f / std::sqrt(static_cast<float>(c.d));
    spec.causal = c.causal;
    spec.want_received = true;
    if (c.segments) {
      spec.shared_prefix = 20;
      spec.segments = conformance::cut(20, c.keys, 50, 60);
    }
    const std::vector<float> bias = conformance::some_bias(c.keys, true);
    if (c.bias) spec.key_bias = bias;
    const auto [want, mass] = conformance::reference::attention(q, k, v, spec);
    const auto [out, received] = attend<Tiled>(q, k, v, spec, 1);
    // Inputs are exact in bf16 and the sums in float32, so that what is rounded is each weight, by 2^-9, on values of
    // magnitude 2: at most 2 * 2 * 2^-9, less what exp2_short and the sums give.
    CHECK(largest_difference(out, want) < 8.5e-3);
    // Received mass rounds nothing to bf16.
    CHECK(largest_difference(received, mass) < 1e-5 * static_cast<double>(c.heads * c.queries));
    for (const int threads : {2, 4}) {
      const auto again = attend<Tiled>(q, k, v, spec, threads);
      CHECK(same_bits(again.first, out));
      CHECK(same_bits(again.second, received));
    }
  }
}

TEST_CASE("tiles: those of this processor give what the emulated ones give") {
  if (!eigen::tile_products || !processor_has(Isa::amx)) {
    MESSAGE("not run: ",
            std::string(processor_has(Isa::amx) ? "this build's registers are narrower" : "this processor has no AMX"));
    return;
  }
#if defined(__x86_64__) && defined(__linux__)
  if constexpr (eigen::tile_products) {
    using Hardware = eigen::TilePairs<eigen::HardwareTiles>;
    for (const auto& [rows, depth] : {std::pair<Index, Index>{40, 514}, {16, 32}, {33, 66}, {1200, 1154}}) {
      const Matrix x = short_matrix(rows, depth, 1), w = short_matrix(70, depth, 2);
      CHECK(same_bits(product<Hardware>(x, w, nullptr, 2, false), product<Tiled>(x, w, nullptr, 1, false)));
    }
    AttentionSpec spec;
    spec.heads = spec.kv_heads = 2;
    spec.scale = 0.125f;
    const Matrix q = short_matrix(300, 144, 1);
    CHECK(same_bits(attend<Hardware>(q, q, q, spec, 4).first, attend<Tiled>(q, q, q, spec, 1).first));
  }
#endif
}

TEST_CASE("tiles: the loop in registers alone does what it says it did") {
  for (const Index steps : {1, 3}) {
    const eigen::RegisterWork w = eigen::in_tiles_alone<EmulatedTiles>(steps);
    CHECK(w.flops == 4 * w.sum);
    CHECK(w.flops ==
          2.0 * 4 * eigen::tile_height * eigen::tile_width * 2 * eigen::tile_pairs * static_cast<double>(steps));
  }
}
