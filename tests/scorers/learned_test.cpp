#include "arrcoc/scorers/learned/learned.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "arrcoc/core/random.hpp"
#include "arrcoc/eigen.hpp"

using namespace arrcoc;

namespace {

constexpr Index tokens = 7, width = 6, hidden = 3;

std::vector<float> numbers(Index n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> v;
  for (Index i = 0; i < n; ++i) v.push_back(static_cast<float>(2 * rng.uniform() - 1));
  return v;
}

std::shared_ptr<LearnedHead<HostTensor>> head() {
  auto h = std::make_shared<LearnedHead<HostTensor>>();
  const auto to = h->all();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::vector<Index> shape = i < 4    ? std::vector<Index>{width}
                                     : i == 8 ? std::vector<Index>{hidden}
                                     : i == 9 ? std::vector<Index>{1, hidden}
                                              : std::vector<Index>{hidden, width};
    *to[i] = host_tensor(numbers(shape.size() == 1 ? shape[0] : shape[0] * shape[1], 10 + i), shape);
  }
  return h;
}

Evidence evidence(const std::vector<float>& v, const std::vector<float>& q) {
  Evidence e;
  e.tokens = {1, static_cast<Index>(v.size()) / width};
  e.vision = host_tensor(v, {e.tokens.grid.cols, width});
  e.query = host_tensor(q, {width});
  return e;
}
/// As the trainer computes it.
std::vector<float> on_backend(const LearnedHead<HostTensor>& h, const std::vector<float>& v,
                              const std::vector<float>& q) {
  EigenBackend b;
  LearnedHead<EigenBackend::Weight> w;
  const auto from = h.all();
  const auto to = w.all();
  for (std::size_t i = 0; i < from.size(); ++i)
    *to[i] = b.import_weight(*from[i], from[i]->shape.size() == 1 ? Layout::vector : Layout::out_in);
  TensorEvidence<EigenBackend> e;
  e.tokens = {1, static_cast<Index>(v.size()) / width};
  e.vision = b.from_host(v, e.tokens.grid.cols, width);
  e.query = b.from_host(q, 1, width);
  return b.to_host(learned_values(b, w, e));
}

/// The formula of the header, in double.
std::vector<double> expected(const LearnedHead<HostTensor>& h, const std::vector<float>& v,
                             const std::vector<float>& q) {
  const auto norm = [](const float* x, const std::vector<float>& w, const std::vector<float>& b) {
    double mean = 0, var = 0;
    for (Index i = 0; i < width; ++i) mean += x[i] / double(width);
    for (Index i = 0; i < width; ++i) var += (x[i] - mean) * (x[i] - mean) / double(width);
    std::vector<double> out;
    for (std::size_t i = 0; i < width; ++i) out.push_back((x[i] - mean) / std::sqrt(var + 1e-6) * w[i] + b[i]);
    return out;
  };
  const auto times = [](const HostTensor& m, const std::vector<double>& x, Index row) {
    const auto w = to_floats(m);
    double sum = 0;
    for (Index i = 0; i < width; ++i)
      sum += w[static_cast<std::size_t>(row * width + i)] * x[static_cast<std::size_t>(i)];
    return sum;
  };
  const auto qn = norm(q.data(), to_floats(h.query_norm), to_floats(h.query_norm_bias));
  std::vector<double> out;
  for (Index n = 0; n < static_cast<Index>(v.size()) / width; ++n) {
    const auto vn = norm(v.data() + n * width, to_floats(h.token_norm), to_floats(h.token_norm_bias));
    double score = 0;
    for (Index k = 0; k < hidden; ++k) {
      const double x = times(h.token, vn, k) + times(h.gate, vn, k) * times(h.gate_query, qn, k) +
                       times(h.query, qn, k) + to_floats(h.bias)[static_cast<std::size_t>(k)];
      score += to_floats(h.out)[static_cast<std::size_t>(k)] * 0.5 * x *
               (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    }
    out.push_back(score);
  }
  return out;
}

}  // namespace

TEST_CASE("the head is its formula, on the host and on a backend, and each token is scored by itself") {
  const LearnedScorer s{{"a file"}, head()};
  const auto v = numbers(tokens * width, 1), q = numbers(width, 2);
  const auto got = s.score(evidence(v, q)), trained = on_backend(*head(), v, q);
  const auto want = expected(*head(), v, q);
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-6));
    CHECK(trained[i] == doctest::Approx(want[i]).epsilon(1e-5));
    const std::vector<float> one(v.begin() + static_cast<std::ptrdiff_t>(i) * width,
                                 v.begin() + static_cast<std::ptrdiff_t>(i + 1) * width);
    CHECK(s.score(evidence(one, q))[0] == got[i]);
  }
  CHECK(s.score(evidence(v, numbers(width, 3)))[0] != doctest::Approx(got[0]).epsilon(1e-3));  // another question
}

TEST_CASE("a head that is missing, or of another width, is refused") {
  const auto code = [&](const LearnedScorer& s, const Evidence& e) {
    try {
      s.score(e);
    } catch (const Error& error) { return error.code(); }
    return Code{};
  };
  CHECK(code(LearnedScorer{}, evidence(numbers(tokens * width, 1), numbers(width, 2))) == Code::bad_config);
  Evidence e = evidence(numbers(tokens * width, 1), numbers(width, 2));
  e.vision = host_tensor(numbers(tokens * 8, 1), {tokens, 8});
  CHECK(code(LearnedScorer{{"a file"}, head()}, e) == Code::bad_weight);
}
