#include "arrcoc/core/similarity.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <limits>

#include "arrcoc/core/random.hpp"

using namespace arrcoc;

namespace {

std::vector<float> values(std::size_t n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> v(n);
  for (float& x : v) x = static_cast<float>(rng.uniform() * 4 - 1);
  return v;
}

/// The stated order, one product at a time.
float naive_cosine(const std::vector<float>& x, std::size_t n, std::size_t d, std::size_t i, std::size_t j,
                   bool centred) {
  std::vector<double> mean(d);
  if (centred)
    for (std::size_t c = 0; c < d; ++c) {
      for (std::size_t t = 0; t < n; ++t) mean[c] += static_cast<double>(x[t * d + c]);
      mean[c] /= static_cast<double>(n);
    }
  const auto unit = [&](std::size_t t) {
    std::vector<float> u(d);
    double squares = 0;
    for (std::size_t c = 0; c < d; ++c) u[c] = static_cast<float>(static_cast<double>(x[t * d + c]) - mean[c]);
    for (const float v : u) squares += static_cast<double>(v) * static_cast<double>(v);
    for (float& v : u) v = static_cast<float>(static_cast<double>(v) / std::sqrt(squares));
    return u;
  };
  const std::vector<float> a = unit(i), b = unit(j);
  volatile float lane[16] = {};  // volatile: nothing may be kept wider or reordered
  for (std::size_t c = 0; c < d; ++c) {
    volatile float product = a[c] * b[c];
    lane[c % 16] = lane[c % 16] + product;
  }
  volatile float e[8], f[4], g[2];
  for (int l = 0; l < 8; ++l) e[l] = lane[l] + lane[l + 8];
  for (int l = 0; l < 4; ++l) f[l] = e[l] + e[l + 4];
  for (int l = 0; l < 2; ++l) g[l] = f[l] + f[l + 2];
  return std::clamp(g[0] + g[1], -1.0f, 1.0f);
}

bool same(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

}  // namespace

// Rows (3, 4), (6, 8), (-4, 3), (0, 0): unit rows (.6, .8), (.6, .8), (-.8, .6), (0, 0).
TEST_CASE("similarity: a worked example") {
  const Similarity s(host_tensor(std::vector<float>{3, 4, 6, 8, -4, 3, 0, 0}, {4, 2}));
  CHECK(s.count() == 4);
  std::vector<float> row(4);
  s.row(0, row);
  CHECK(row[0] == doctest::Approx(1));
  CHECK(same(row[0], row[1]));
  CHECK(std::abs(row[2]) < 1e-7f);
  CHECK(same(row[3], 0.0f));
  s.row(3, row);
  CHECK(row == std::vector<float>(4, 0.0f));
  CHECK(same(s.at(3, 3), 0.0f));
}

// Mean (2, 2): differences (1, 1), (-1, -1), (2, -2), (-2, 2).
TEST_CASE("similarity: centred, a worked example") {
  const auto features = host_tensor(std::vector<float>{3, 3, 1, 1, 4, 0, 0, 4}, {4, 2});
  const Similarity s(features, true);
  CHECK(s.at(0, 1) == doctest::Approx(-1));
  CHECK(s.at(2, 3) == doctest::Approx(-1));
  CHECK(same(s.at(0, 2), 0.0f));
  CHECK(Similarity(features).at(0, 1) == doctest::Approx(1));
}

TEST_CASE("similarity: bytes equal a scalar loop that sums 16 lanes in the stated order") {
  for (const bool centred : {false, true})
    for (const std::size_t d : {1, 7, 15, 16, 17, 40, 64, 100, 257})
      for (const std::size_t n : {1, 2, 3, 4, 5, 9}) {
        if (centred && n == 1) continue;  // one token is its own mean
        INFO("N ", n, ", D ", d, centred ? ", centred" : "");
        const std::vector<float> x = values(n * d, 100 * d + n);
        const Similarity s(host_tensor(x, {static_cast<Index>(n), static_cast<Index>(d)}), centred);
        std::vector<float> row(n);
        for (std::size_t i = 0; i < n; ++i) {
          const auto first = static_cast<Index>(i);
          std::vector<float> one;
          for (std::size_t j = 0; j < n; ++j) one.push_back(s.at(first, static_cast<Index>(j)));
          for (int times = 0; times < 2; ++times) {  // computed, then kept
            s.row(first, row);
            for (std::size_t j = 0; j < n; ++j) {
              REQUIRE(same(row[j], naive_cosine(x, n, d, i, j, centred)));
              REQUIRE(same(one[j], row[j]));
              REQUIRE(same(s.at(first, static_cast<Index>(j)), row[j]));
              REQUIRE(same(s.at(static_cast<Index>(j), first), row[j]));
            }
          }
        }
      }
}

TEST_CASE("similarity: rows are the same whether kept or not") {
  const Index n = Similarity::kept_up_to + 1;
  const std::vector<float> x = values(static_cast<std::size_t>(n) * 3, 5);
  const Similarity many(host_tensor(x, {n, 3})),
      few(host_tensor(std::vector<float>(x.begin(), x.end() - 3), {n - 1, 3}));
  std::vector<float> all(static_cast<std::size_t>(n)), part(static_cast<std::size_t>(n - 1));
  for (const Index i : {Index{0}, Index{2000}, n - 2}) {
    many.row(i, all);
    few.row(i, part);
    CHECK(std::equal(part.begin(), part.end(), all.begin(), same));
    few.row(i, part);
    CHECK(std::equal(part.begin(), part.end(), all.begin(), same));
  }
  CHECK(same(many.at(7, n - 1), many.at(n - 1, 7)));
}

TEST_CASE("similarity: cosines end at -1 and 1") {
  float largest = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::vector<float> x = values(50, seed);
    for (std::size_t c = 0; c < 50; ++c) x.push_back(-3 * x[c]);
    const Similarity s(host_tensor(x, {2, 50}));
    CHECK(s.at(0, 0) <= 1.0f);
    CHECK(s.at(0, 1) >= -1.0f);
    largest = std::max(largest, s.at(0, 0));
  }
  CHECK(largest == 1.0f);
}

TEST_CASE("similarity: no size of the values overflows or vanishes") {
  for (const float size : {1e-30f, 1.0f, 1e30f}) {
    const Similarity s(host_tensor(std::vector<float>{3 * size, 4 * size, 4 * size, 3 * size}, {2, 2}));
    CHECK(s.at(0, 1) == doctest::Approx(0.96));
  }
}

TEST_CASE("similarity: what is refused") {
  const auto refused = [](auto&& f, Code code, const std::string& text) {
    try {
      f();
      FAIL_CHECK("not refused: ", text);
    } catch (const Error& e) {
      CHECK(e.code() == code);
      CHECK(std::string(e.what()) == text);
    }
  };
  refused(
      [] {
        Similarity(host_tensor(std::vector<float>{1, 2}, {2}));
      },
      Code::shape_mismatch, "[similarity] features: expected [N, D], got [2] (E201)");
  refused(
      [] {
        Similarity(host_tensor(std::vector<float>{}, {0, 2}));
      },
      Code::shape_mismatch, "[similarity] features: expected [N, D], got [0, 2] (E201)");
  refused(
      [] {
        Similarity(host_tensor(std::vector<std::uint16_t>{1, 2}, {1, 2}));
      },
      Code::shape_mismatch, "[host_tensor] expected aligned F32 values, got BF16 (E201)");
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()})
    refused(
        [&] {
          Similarity(host_tensor(std::vector<float>{1, 2, 1, bad}, {2, 2}));
        },
        Code::bad_number, "[similarity] features of token 1: expected finite values (E411)");
  const Similarity s(host_tensor(std::vector<float>{1, 2, 3, 4}, {2, 2}));
  std::vector<float> row(3);
  refused([&] { s.row(0, row); }, Code::shape_mismatch, "[similarity] row: expected room for 2 values, got 3 (E201)");
  refused([&] { s.row(2, std::span(row).first(2)); }, Code::shape_mismatch,
          "[similarity] token: expected 0 to 1, got 2 (E201)");
  refused([&] { s.at(0, -1); }, Code::shape_mismatch, "[similarity] token: expected 0 to 1, got -1 (E201)");
}

TEST_CASE("similarity: blocks and several rows have the bytes of single rows, kept or not") {
  for (const std::size_t n : {1, 7, 41})
    for (const std::size_t d : {1, 15, 16, 40}) {
      INFO("N ", n, ", D ", d);
      const auto features = host_tensor(values(n * d, n + 10 * d), {static_cast<Index>(n), static_cast<Index>(d)});
      const Similarity fresh(features), asked(features);
      std::vector<Index> tokens, among;
      for (std::size_t i = 0; i < n; ++i) {  // unordered, odd counts, some twice
        tokens.push_back(static_cast<Index>(5 * i % n));
        if (i % 3 != 1) among.push_back(static_cast<Index>(n - 1 - i));
      }
      std::vector<float> block(tokens.size() * among.size()), rows(n * n), again(n * n), row(n);
      fresh.block(tokens, among, block);
      asked.row(0, row);
      asked.rows(tokens, rows);
      asked.rows(tokens, again);
      for (std::size_t i = 0; i < n; ++i) {
        fresh.row(tokens[i], row);
        for (std::size_t j = 0; j < among.size(); ++j)
          REQUIRE(same(block[i * among.size() + j], row[static_cast<std::size_t>(among[j])]));
        for (std::size_t j = 0; j < n; ++j) {
          REQUIRE(same(rows[i * n + j], row[j]));
          REQUIRE(same(again[i * n + j], row[j]));
        }
      }
      CHECK_THROWS_AS(fresh.block(tokens, among, std::span(block).subspan(1)), Error);
      CHECK_THROWS_AS(fresh.rows(std::vector<Index>{static_cast<Index>(n)}, row), Error);
    }
}
