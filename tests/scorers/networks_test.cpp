// The sketches' networks on examples worked by hand; tests/oracle/networks.py holds them against torch.
#include <doctest/doctest.h>

#include <cmath>

#include "arrcoc/scorers/learned/saliency_network.hpp"
#include "arrcoc/scorers/learned/texture_coupling.hpp"
#include "laws/material.hpp"

using namespace arrcoc;

namespace {
HostTensor floats(std::vector<float> v, std::vector<Index> shape) {
  return host_tensor(std::move(v), std::move(shape));
}
Evidence one_channel(Grid grid, std::vector<float> values) {
  Evidence e;
  e.tokens = grid;
  e.textures = Textures{{"luma"}, std::move(values)};
  return e;
}
float sigmoid(double x) { return float(1 / (1 + std::exp(-x))); }

/// Sum of the 3 x 3 cells around, then s / 4 - 4.
SaliencyNetworkScorer sums() {
  auto net = std::make_shared<ConvNetwork>();
  net->weights = {floats(std::vector<float>(9, 1.f), {1, 1, 3, 3}), floats({0.25f}, {1, 1, 1, 1})};
  net->biases = {floats({0.f}, {1}), floats({-4.f}, {1})};
  SaliencyNetworkScorer s;
  s.network = net;
  return s;
}
/// t = (x, 1): the angle between them is that of x.
TextureCouplingScorer angle() {
  auto net = std::make_shared<CouplingNetwork>();
  net->texture.weights = {floats({1.f}, {1, 1, 1, 1})};
  net->texture.biases = {floats({0.f}, {1})};
  net->project = floats({1.f, 0.f}, {2, 1});
  net->project_bias = floats({0.f, 1.f}, {2});
  TextureCouplingScorer s;
  s.network = net;
  return s;
}
}  // namespace

TEST_CASE("a network of convolutions: 2 x 3 cells, zeros beyond the rim") {
  // 1 2 3 / 4 5 6: each column of sums is 12, 21, 16 in both rows; / 4 - 4: -1, 1.25, 0.
  const auto s = sums().score(one_channel({2, 3}, {1, 2, 3, 4, 5, 6}));
  for (std::size_t i = 0; i < 6; ++i) CHECK(s[i] == doctest::Approx(sigmoid(std::array{-1., 1.25, 0.}[i % 3])));
}

TEST_CASE("where no token lives is as beyond the rim, and a token over several cells has their mean") {
  const TokenSet grid(2, 3);
  std::vector<Place> some;
  for (Index t = 0; t < 6; ++t)
    if (t != 4) some.push_back(grid.at(t));
  Evidence e = one_channel({2, 3}, {1, 2, 3, 4, 6});
  e.tokens = TokenSet(Grid{2, 3}, some);
  const auto s = sums().score(e);  // without the 5: 7, 16, 11 above, 7 and 11 below
  const double expected[] = {7, 16, 11, 7, 11};
  for (std::size_t i = 0; i < 5; ++i) CHECK(s[i] == doctest::Approx(sigmoid(expected[i] / 4 - 4)));
  // One token over the left four cells: every one of them has its value, 1: sums 4, 6 + 0, ...
  Evidence wide = one_channel({2, 3}, {1, 0});
  wide.tokens = TokenSet(Grid{2, 3}, std::vector<Place>{{0, 0, 2, 2}, {0, 2, 2, 1}});
  CHECK(sums().score(wide)[0] == doctest::Approx(sigmoid(4. / 4 - 4)));
  CHECK(sums().score(wide)[1] == doctest::Approx(sigmoid(2. / 4 - 4)));
  // Four tokens in one cell, none over its centre but the last: all have the cell's value.
  Evidence fine = one_channel({1, 1}, {8, 8, 8, 8});
  fine.tokens = TokenSet(
      Grid{1, 1}, std::vector<Place>{{0, 0, .5f, .5f}, {0, .5f, .5f, .5f}, {.5f, 0, .5f, .5f}, {.5f, .5f, .5f, .5f}});
  for (const float v : sums().score(fine)) CHECK(v == doctest::Approx(sigmoid(8. / 4 - 4)));
}

TEST_CASE("coupling: the cosine of (x, 1) with the question, and the wide rows give the same") {
  Evidence e = one_channel({1, 3}, {0, 1, -2});
  e.query = floats({3.f, 0.f}, {2});
  const auto s = angle().score(e);
  CHECK(s[0] == doctest::Approx(0.5));
  CHECK(s[1] == doctest::Approx(0.5 * (1 + std::sqrt(0.5))));
  CHECK(s[2] == doctest::Approx(0.5));  // ReLU
  e.query = floats({0.f, 0.f}, {2});
  for (const float v : angle().score(e)) CHECK(v == 0.5f);  // no question couples to everything alike

  // Random widths against the rows themselves: 4 channels, 5 hidden, 7 wide, a query layer from 6.
  auto net = std::make_shared<CouplingNetwork>();
  const auto some = [](std::vector<Index> shape, std::uint64_t seed) {
    Index n = 1;
    for (const Index d : shape) n *= d;
    std::vector<float> v = laws::scores(n, seed, false);
    for (float& x : v) x -= 0.5f;
    return host_tensor(std::move(v), std::move(shape));
  };
  net->texture.weights = {some({5, 4, 3, 3}, 1)};
  net->texture.biases = {some({5}, 2)};
  net->project = some({7, 5}, 3);
  net->project_bias = some({7}, 4);
  net->query.weights = {some({7, 6}, 5)};
  net->query.biases = {some({7}, 6)};
  TextureCouplingScorer scorer;
  scorer.network = net;
  Evidence wide;
  wide.tokens = Grid{3, 4};
  wide.textures = Textures{{"a", "b", "c", "d"}, laws::scores(48, 7, false)};
  wide.query = some({6}, 8);
  const auto got = scorer.score(wide);
  const CellPlanes h = net->texture.run(planes_of(*wide.textures, wide.tokens), 0, 1);
  std::vector<double> q;
  for (std::size_t i = 0; i < 7; ++i) {
    q.push_back(net->query.biases[0].floats()[i]);
    for (std::size_t j = 0; j < 6; ++j)
      q.back() += double(net->query.weights[0].floats()[i * 6 + j]) * double(wide.query->floats()[j]);
  }
  for (std::size_t n = 0; n < 12; ++n) {
    double dot = 0, tt = 0, qq = 0;
    for (std::size_t i = 0; i < 7; ++i) {
      double t = net->project_bias.floats()[i];
      for (std::size_t j = 0; j < 5; ++j)
        t += double(net->project.floats()[i * 5 + j]) * std::max(0.0, h.values[n * 5 + j]);
      dot += t * q[i], tt += t * t, qq += q[i] * q[i];
    }
    CHECK(got[n] == doctest::Approx(0.5 * (1 + dot / std::sqrt(tt * qq))).epsilon(1e-6));
  }
}

TEST_CASE("no file, and a file of other widths, are refused by name") {
  Evidence e = one_channel({1, 2}, {0, 1});
  e.query = floats({1.f, 1.f, 1.f}, {3});
  CHECK_THROWS_WITH_AS((void)SaliencyNetworkScorer{}.score(e), doctest::Contains("saliency.0.weight"), Error);
  CHECK_THROWS_WITH_AS((void)TextureCouplingScorer{}.score(e), doctest::Contains("coupling.0.weight"), Error);
  CHECK_THROWS_WITH_AS((void)angle().score(e), doctest::Contains("a query of 3 numbers, got 1 and 2"), Error);
  e.textures = Textures{{"a", "b"}, {0, 1, 2, 3}};
  CHECK_THROWS_WITH_AS((void)sums().score(e), doctest::Contains("expected 2 channels in"), Error);
}
