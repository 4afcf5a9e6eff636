#include "arrcoc/balancers/learned.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

namespace {
LearnedBalancer trained(Index m, Index h, const std::vector<std::vector<float>>& values) {
  auto head = std::make_shared<BalancerHead>();
  const auto shapes = BalancerHead::shapes(m, h);
  for (std::size_t i = 0; i < shapes.size(); ++i) *head->all()[i] = host_tensor(values[i], shapes[i]);
  return {{"head.safetensors"}, head};
}
double softplus(double x) { return std::log(1 + std::exp(x)); }
}  // namespace

TEST_CASE("two maps on three tokens, worked by hand") {
  Evidence e;
  e.tokens = {1, 3};
  const std::vector<float> maps{0, 1, 2, 5, 3, 1};  // scaled: 0 1/2 1 and 1 1/2 0; means 1/2, deviations sqrt(1/6)
  const double d = std::sqrt(1.0 / 6);
  const auto l =
      trained(2, 1, {{0.3f, -0.2f}, {0.1f, 0.4f}, {1, 0, 0, 0, 0, 2, 0, 0}, {0.25f}, {0, 0, 1, -1}, {0.6f}, {-0.5f}});
  const double w0 = softplus(0.1 + 0.5), w1 = softplus(0.4 + 2 * d), t = 0.25 + 0.5 - d;
  const double x[3][2] = {{0, 1}, {0.5, 0.5}, {1, 0}};
  const Balanced b = l.balance(maps, e);
  double slopes[2] = {0, 0};
  for (std::size_t i = 0; i < 3; ++i) {
    const double a = std::tanh(w0 * x[i][0] + w1 * x[i][1] - t);
    const double s = -0.5 + softplus(0.3) * x[i][0] + softplus(-0.2) * x[i][1] + softplus(0.6) * a;
    CHECK(static_cast<double>(b.relevance[i]) == doctest::Approx(1 / (1 + std::exp(-s))).epsilon(1e-6));
    slopes[0] += softplus(0.3) + softplus(0.6) * (1 - a * a) * w0;
    slopes[1] += softplus(-0.2) + softplus(0.6) * (1 - a * a) * w1;
  }
  CHECK(static_cast<double>(b.weights[0]) == doctest::Approx(slopes[0] / (slopes[0] + slopes[1])).epsilon(1e-6));
  CHECK(static_cast<double>(b.weights[0]) + static_cast<double>(b.weights[1]) == doctest::Approx(1));
}

TEST_CASE("errors: no head, another number of maps") {
  Evidence e;
  e.tokens = {1, 3};
  CHECK_THROWS_WITH_AS((void)LearnedBalancer{}.balance(std::vector<float>{1, 2, 3}, e),
                       doctest::Contains("arrcoc train balancer"), Error);
  const auto l = trained(2, 1, {{0, 0}, {0, 0}, std::vector<float>(8), {0}, std::vector<float>(4), {0}, {0}});
  CHECK_THROWS_WITH_AS((void)l.balance(std::vector<float>{1, 2, 3}, e),
                       doctest::Contains("trained for 2 scorers, got 1"), Error);
}
