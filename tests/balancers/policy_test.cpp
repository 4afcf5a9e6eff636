// Weights of maps by a network, on examples worked by hand; tests/oracle/networks.py holds it against torch.
#include "arrcoc/balancers/policy.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

namespace {
HostTensor floats(std::vector<float> v, std::vector<Index> shape) {
  return host_tensor(std::move(v), std::move(shape));
}
PolicyBalancer with(std::vector<std::pair<HostTensor, HostTensor>> layers, std::string scale = "min_max") {
  auto net = std::make_shared<SmallNetwork>();
  for (auto& [w, b] : layers) {
    net->weights.push_back(std::move(w));
    net->biases.push_back(std::move(b));
  }
  PolicyBalancer out{{.weights = "net", .scale = std::move(scale)}};
  out.network = net;
  return out;
}
const std::vector<float> maps{0, 1, 2, 3, 4, 10, 10, 5, 5, 5, 0, 0};
Evidence asked(std::vector<float> q) {
  Evidence e;
  e.tokens = {2, 3};
  const auto d = static_cast<Index>(q.size());
  e.query = floats(std::move(q), {d});
  return e;
}
}  // namespace

TEST_CASE("the question alone: 2x3, worked by hand") {
  // Query (2, -1): units relu(2) = 2 and relu(1 - 3) = 0; outputs 2 * ln 3 / 2 = ln 3 and 0: weights 3/4 and 1/4.
  // Maps over their picture: 0 .1 .2 / .3 .4 1 and 1 .5 .5 / .5 0 0.
  const PolicyBalancer l = with({{floats({1.f, 0.f, 0.f, -1.f}, {2, 2}), floats({0.f, -3.f}, {2})},
                                 {floats({float(std::log(3.) / 2), 9.f, 0.f, 9.f}, {2, 2}), floats({0.f, 0.f}, {2})}});
  const Balanced b = l.balance(maps, asked({2, -1}));
  const double expected[] = {.25, .2, .275, .35, .3, .75};
  for (std::size_t i = 0; i < 6; ++i) CHECK(b.relevance[i] == doctest::Approx(expected[i]));
  CHECK(b.weights[0] == doctest::Approx(0.75));
  // Another question, other weights: relu(0), relu(4 - 3) = 1 adds 9 to both: even.
  CHECK(l.balance(maps, asked({0, -4})).weights[0] == doctest::Approx(0.5));
}

TEST_CASE("the maps' statistics: mean, greatest and deviation of each map in turn, over n - 1") {
  // Raw maps: 0 1 2 3 4 10: mean 20/6, greatest 10, squares 130 - 400/6 = 63.33, / 5: 12.667; one layer, weights that
  // take one number each.
  for (const auto& entry : std::vector<std::pair<std::size_t, double>>{
           {0, 20. / 6}, {1, 10}, {2, std::sqrt(63.3333333 / 5)}, {3, 25. / 6}, {4, 10}}) {
    const auto& [input, expected] = entry;
    std::vector<float> w(12);
    w[input] = 0.1f;
    const Balanced b = with({{floats(w, {2, 6}), floats({0.f, 0.f}, {2})}}, "none").balance(maps, asked({1}));
    CAPTURE(entry.first);
    CHECK(std::log(double(b.weights[0]) / double(b.weights[1])) == doctest::Approx(0.1 * expected).epsilon(1e-4));
  }
  // Statistics first, then the question: 7 numbers.
  std::vector<float> w(14);
  w[6] = 1;
  const Balanced b = with({{floats(w, {2, 7}), floats({0.f, 0.f}, {2})}}).balance(maps, asked({1.5f}));
  CHECK(std::log(double(b.weights[0]) / double(b.weights[1])) == doctest::Approx(1.5));
}

TEST_CASE("no file, and one of other widths, are refused") {
  CHECK_THROWS_WITH_AS((void)PolicyBalancer{}.balance(maps, asked({1})), doctest::Contains("policy.0.weight"), Error);
  const PolicyBalancer three = with({{floats({1.f, 1.f, 1.f}, {3, 1}), floats({0.f, 0.f, 0.f}, {3})}});
  CHECK_THROWS_WITH_AS((void)three.balance(maps, asked({1})), doctest::Contains("got 3 outputs"), Error);
  const PolicyBalancer two = with({{floats({1.f, 1.f}, {2, 1}), floats({0.f, 0.f}, {2})}});
  CHECK_THROWS_WITH_AS((void)two.balance(maps, asked({1, 2})), doctest::Contains("1 inputs"), Error);
  CHECK_THROWS_WITH_AS((void)PolicyBalancer{{.scale = "log"}}.balance(maps, asked({1})), doctest::Contains("scale"),
                       Error);
}
