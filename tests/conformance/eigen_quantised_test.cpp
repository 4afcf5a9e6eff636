// Weights in int8 and int4 on eigen: by the rule, the same products for every height and number of threads.
#include "arrcoc/eigen.hpp"

#include "conformance/conformance.hpp"

using namespace arrcoc;
using conformance::random_matrix;
using conformance::same_bits;

namespace {

constexpr WeightFormat formats[] = {WeightFormat::int8, WeightFormat::int4};

EigenBackend with_format(WeightFormat f, int threads = 2, bool bf16 = false) {
  return EigenBackend({.threads = threads, .bf16 = bf16, .weights = {.layers = f}});
}

/// The matrix that a quantised one stands for.
std::vector<double> meant(const eigen::Quantised& q) {
  std::vector<double> out(static_cast<std::size_t>(q.out * q.in));
  for (Index j = 0; j < q.out; ++j)
    for (Index i = 0; i < q.in; ++i)
      out[static_cast<std::size_t>(j * q.in + i)] =
          q.format == WeightFormat::int8 ? static_cast<double>(q.row8(j)[i]) * static_cast<double>(q.scales8.get()[j])
                                         : static_cast<double>(eigen::weight4(q, j, i));
  return out;
}

/// The largest difference of x w^T + bias from sums in double, in units of the sum of magnitudes of each element.
double product_error(const std::vector<float>& got, std::span<const float> x, Index rows, const std::vector<double>& w,
                     Index out, Index in, std::span<const float> bias) {
  double worst = 0;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < out; ++j) {
      double sum = bias.empty() ? 0 : static_cast<double>(bias[static_cast<std::size_t>(j)]), size = std::abs(sum);
      for (Index k = 0; k < in; ++k) {
        const double term =
            static_cast<double>(x[static_cast<std::size_t>(i * in + k)]) * w[static_cast<std::size_t>(j * in + k)];
        sum += term;
        size += std::abs(term);
      }
      worst = std::max(worst, std::abs(static_cast<double>(got[static_cast<std::size_t>(i * out + j)]) - sum) /
                                  std::max(size, 1e-30));
    }
  return worst;
}

}  // namespace

TEST_CASE("eigen: int8 rounds each row to 127 steps of its largest magnitude") {
  EigenBackend b = with_format(WeightFormat::int8);
  const std::vector<float> m{0.5f, -1.0f, 0.25f, 0, 0, 0, 1e-42f, 0, 0, 3, -127, 63.5f};
  const auto w = b.for_use(b.import_weight(host_tensor(m, {4, 3}), Layout::out_in), WeightUse::layer);
  REQUIRE(w.quantised() != nullptr);
  const eigen::Quantised& q = *w.quantised();
  const std::vector<std::int8_t> codes(q.codes8.get(), q.codes8.get() + 12);
  // 63.5 and 31.75 round to 64 (even) and 32; a row of zeros and one of a subnormal number are zeros.
  CHECK(codes == std::vector<std::int8_t>{64, -127, 32, 0, 0, 0, 0, 0, 0, 3, -127, 64});
  CHECK(std::vector<float>(q.scales8.get(), q.scales8.get() + 4) ==
        std::vector<float>{1.0f / 127.0f, 0.0f, 0.0f, 1.0f});
}

TEST_CASE("eigen: int4 puts the largest of a group at -8 and takes the step with the least error") {
  EigenBackend b = with_format(WeightFormat::int4);
  std::vector<float> m(64, 0.0f);
  // A group on the grid of step 0.5: its own numbers are exact, and no other step can be better.
  for (int i = 0; i < 16; ++i) m[static_cast<std::size_t>(i)] = 0.5f * static_cast<float>(8 - i);
  const auto w = b.for_use(b.import_weight(host_tensor(m, {1, 64}), Layout::out_in), WeightUse::layer);
  const eigen::Quantised& q = *w.quantised();
  CHECK(q.scales4.get()[0] == f32_to_bf16(-0.5f));  // 4.0 is -8 * -0.5
  CHECK(q.scales4.get()[1] == 0);                   // zeros
  for (Index i = 0; i < 64; ++i)
    CHECK(eigen::weight4(q, 0, i) ==
          (i == 15 ? -3.5f : m[static_cast<std::size_t>(i)]));  // -3.5: 7 is the highest code
  // Never further off than half a step of the plain choice where no code is cut, and within the range everywhere.
  auto random = random_matrix(40, 512, 3);
  const std::vector<float> values = random.floats();
  const auto r =
      b.for_use(b.import_weight(conformance::stored(random, DType::f32, {40, 512}), Layout::out_in), WeightUse::layer);
  double error = 0, plain = 0;
  for (Index g = 0; g < 40 * 16; ++g) {
    float top = 0;
    for (Index i = 0; i < 32; ++i)
      if (std::abs(values[static_cast<std::size_t>(g * 32 + i)]) > std::abs(top))
        top = values[static_cast<std::size_t>(g * 32 + i)];
    const float d = bf16_to_f32(f32_to_bf16(top / -8.0f));
    double ours = 0, simple = 0;
    for (Index i = 0; i < 32; ++i) {
      const float v = values[static_cast<std::size_t>(g * 32 + i)];
      const float code = std::clamp(std::nearbyint(v * (1.0f / d)), -8.0f, 7.0f);
      simple += std::pow(static_cast<double>(v - code * d), 2);
      ours += std::pow(static_cast<double>(v - eigen::weight4(*r.quantised(), g / 16, g % 16 * 32 + i)), 2);
    }
    CHECK(ours <= simple * 1.00001);
    error += ours, plain += simple;
  }
  CHECK(error < 0.97 * plain);  // the search is worth something
}

TEST_CASE("eigen: products with int8 and int4 are those of the matrix that they stand for") {
  for (const WeightFormat format : formats)
    for (const bool bf16 : {false, true}) {
      if (bf16 && !eigen::bf16_products) continue;
      EigenBackend b = with_format(format, 2, bf16);
      for (const Index in : {1, 7, 32, 130, 512, 514, 768, 1100})
        for (const Index out : {1, 17, 70})
          for (const Index rows : {1, 2, 3, 5, 8, 9, 40}) {
            auto m = random_matrix(out, in, 1), x = random_matrix(rows, in, 2), c = random_matrix(1, out, 3);
            const auto w = b.for_use(b.import_weight(conformance::stored(m, DType::bf16, {out, in}), Layout::out_in),
                                     WeightUse::layer);
            const auto bias = b.import_weight(host_tensor(c.floats(), {out}), Layout::vector);
            const auto t = b.from_host(x.floats(), rows, in);
            const std::vector<double> want = meant(*w.quantised());
            // One rounding a step; with bf16, of the input and (int4) of the weight to 8 bits each. A few rows of int4
            // begin at 24 steps times the sum of their inputs, three times what the largest weights add up to.
            const double step = 0x1p-24 * static_cast<double>(in + 8) * (format == WeightFormat::int4 ? 4 : 1);
            const double limit = (bf16 && rows > 8 && in % 2 == 0 ? 0x1p-8 : 0) + step;
            INFO(name_of(format), " in ", in, " out ", out, " rows ", rows, " bf16 ", bf16);
            CHECK(product_error(b.to_host(b.linear(t, w)), x.floats(), rows, want, out, in, {}) <= limit);
            CHECK(product_error(b.to_host(b.linear(t, w, bias)), x.floats(), rows, want, out, in, c.floats()) <= limit);
          }
    }
}

TEST_CASE("eigen: a few rows of int4 lose at most 2^-22 of each group's largest input, and nothing hides") {
  EigenBackend b = with_format(WeightFormat::int4);
  const Index in = 1100, out = 33, groups = (in + 31) / 32;
  const auto m = random_matrix(out, in, 4).floats();
  const auto w = b.for_use(b.import_weight(host_tensor(m, {out, in}), Layout::out_in), WeightUse::layer);
  const std::vector<double> want = meant(*w.quantised());
  for (const Index rows : {1, 3, 8}) {
    auto x = random_matrix(rows, in, 5).floats();
    for (Index i = 0; i < rows; ++i)
      for (Index g = 0; g < groups; ++g) {
        const float size = g % 5 == 0 ? 1e20f : g % 5 == 1 ? 1e-25f : 1.0f;
        for (Index k = g * 32; k < std::min(in, g * 32 + 32); ++k)
          x[static_cast<std::size_t>(i * in + k)] *= k % 32 == g % 32 ? 1e4f * size : g % 7 == 3 ? 0.0f : size;
      }
    const auto got = b.to_host(b.linear(b.from_host(x, rows, in), w));
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < out; ++j) {
        double sum = 0, size = 0, lost = 0;
        for (Index g = 0; g < groups; ++g) {
          double top = 1e-30, weights = 0;
          for (Index k = g * 32; k < std::min(in, g * 32 + 32); ++k) {
            const auto a = static_cast<double>(x[static_cast<std::size_t>(i * in + k)]),
                       v = want[static_cast<std::size_t>(j * in + k)];
            sum += a * v, size += std::abs(a * v);
            top = std::max(top, std::abs(a)), weights += std::abs(v);
          }
          lost += 0x1p-22 * top * weights;
        }
        CHECK(std::abs(static_cast<double>(got[static_cast<std::size_t>(i * out + j)]) - sum) <= lost + 0x1p-21 * size);
      }
    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
      auto spoilt = x;
      spoilt[777] = bad;
      const auto one = b.to_host(b.linear(b.from_host(spoilt, rows, in), w));
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < out; ++j) CHECK(std::isfinite(one[static_cast<std::size_t>(i * out + j)]) == (i > 0));
    }
  }
}

TEST_CASE("eigen: int4 takes half a byte and a sixteenth for each input, whatever the width") {
  EigenBackend b = with_format(WeightFormat::int4);
  for (const Index in : {32, 128, 512, 768, 1152, 2048}) {
    auto m = random_matrix(3, in, 1);
    const auto w =
        b.for_use(b.import_weight(conformance::stored(m, DType::bf16, {3, in}), Layout::out_in), WeightUse::layer);
    CHECK(w.quantised()->bytes() * 16 == 3 * in * 9);
  }
}

TEST_CASE("eigen: the same codes from a matrix stored the other way round, in every type") {
  for (const WeightFormat format : formats) {
    EigenBackend b = with_format(format);
    for (const DType type : {DType::f32, DType::bf16, DType::f16}) {
      auto m = random_matrix(70, 131, 1), turned = conformance::reference::transposed(m);
      const auto straight = b.for_use(b.import_weight(conformance::stored(m, type, {70, 131}), Layout::out_in),
                                      WeightUse::layer),
                 other = b.for_use(b.import_weight(conformance::stored(turned, type, {131, 70}), Layout::in_out),
                                   WeightUse::layer);
      CHECK(meant(*straight.quantised()) == meant(*other.quantised()));
      CHECK(!straight.transposed());
    }
  }
}

TEST_CASE("eigen: int8 and int4 give the same bits on any number of threads, and a row's own bits") {
  for (const WeightFormat format : formats)
    for (const bool bf16 : {false, true}) {
      EigenBackend one = with_format(format, 1, bf16);
      auto m = random_matrix(389, 1030, 1);
      const auto x = one.from_host(random_matrix(300, 1030, 2).floats(), 300, 1030);
      const auto weight = [&](EigenBackend& b) {
        return b.for_use(b.import_weight(conformance::stored(m, DType::bf16, {389, 1030}), Layout::out_in),
                         WeightUse::layer);
      };
      const auto w = weight(one);
      const auto many = one.to_host(one.linear(x, w)), few = one.to_host(one.linear(one.slice_rows(x, 0, 7), w));
      for (const int threads : {2, 4, 5}) {
        EigenBackend b = with_format(format, threads, bf16);
        const auto again = weight(b);
        CHECK(same_bits(b.to_host(b.linear(x, again)), many));
        CHECK(same_bits(b.to_host(b.linear(b.slice_rows(x, 0, 7), again)), few));
      }
      const auto row = [&](const std::vector<float>& v, Index i, Index n) {
        return std::vector<float>(v.begin() + i * 389, v.begin() + (i + n) * 389);
      };
      for (Index i = 0; i < 7; ++i)
        CHECK(same_bits(one.to_host(one.linear(one.slice_rows(x, i, i + 1), w)), row(few, i, 1)));
      for (const auto& [i, n] : {std::pair<Index, Index>{1, 9}, {100, 14}, {250, 50}})
        CHECK(same_bits(one.to_host(one.linear(one.slice_rows(x, i, i + n), w)), row(many, i, n)));
    }
}

TEST_CASE(
    "eigen: a use that was not asked for stays in place; bf16 is rounded to nearest even; a table is not quantised") {
  EigenBackend b({.threads = 1, .weights = {.layers = WeightFormat::int4, .head = WeightFormat::bf16}});
  const std::vector<float> m{1.00390625f, 1.01171875f, -3.0f, 0.1f};  // the first two lie between two bf16 values
  const auto w = b.import_weight(host_tensor(m, {2, 2}), Layout::out_in);
  for (const WeightUse use : {WeightUse::tower, WeightUse::other})
    CHECK(b.for_use(w, use).values().data == w.values().data);
  const auto head = b.for_use(w, WeightUse::head);
  CHECK(head.dtype() == DType::bf16);
  CHECK(to_floats(head.values()) == std::vector<float>{1.0f, 1.015625f, -3.0f, bf16_to_f32(f32_to_bf16(0.1f))});
  const auto layer = b.for_use(w, WeightUse::layer);
  CHECK_THROWS_WITH(static_cast<void>(b.embedding(layer, std::vector<TokenId>{0})),
                    doctest::Contains("expected a matrix as it is stored, got a quantised one"));
}
