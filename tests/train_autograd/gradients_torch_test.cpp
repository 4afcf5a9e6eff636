// The gradient of every recipe, in double precision on six tokens, against finite differences or an enumeration of
// every outcome.
#include <algorithm>
#include <map>

#include "train/gradients/binary_gates.hpp"
#include "train/gradients/clean.hpp"
#include "train/gradients/gumbel_top_k.hpp"
#include "train/gradients/map_losses.hpp"
#include "train/gradients/perturbed_top_k.hpp"
#include "train/gradients/reinforce.hpp"
#include "train/gradients/straight_through.hpp"
// ATen has a CHECK of its own, so this comes last.
#include <doctest/doctest.h>

using namespace arrcoc;
using namespace arrcoc::train;

namespace {

constexpr Index tokens = 6, kept = 3;
using Vector = std::vector<double>;

at::Tensor leaf(const Vector& v) { return at::tensor(v, at::kDouble).requires_grad_(true); }
at::Tensor plain(const Vector& v) { return at::tensor(v, at::kDouble); }
Vector values(const at::Tensor& t) {
  const at::Tensor c = t.detach().contiguous();
  return {c.const_data_ptr<double>(), c.const_data_ptr<double>() + c.numel()};
}
const Vector scores{0.3, -1.1, 0.9, 0.1, 1.4, -0.2};

/// Not linear in the gates, so that which tokens are kept together matters.
at::Tensor task(const at::Tensor& g) {
  const at::Tensor w = plain({1.0, -0.5, 2.0, 0.7, -1.2, 0.4});
  return (g * w).sum().square() + (g * g.roll({1}, {0})).sum() - 0.3 * g[4];
}
double task_of(const Vector& g) { return task(plain(g)).item<double>(); }

Vector gradient(const std::function<at::Tensor(const at::Tensor&)>& f, const Vector& at_) {
  const at::Tensor x = leaf(at_);
  f(x).backward();
  return x.grad().defined() ? values(x.grad()) : Vector(at_.size());
}
Vector differences(const std::function<double(const Vector&)>& f, Vector x, double h = 1e-5) {
  Vector out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double was = x[i];
    x[i] = was + h;
    const double up = f(x);
    x[i] = was - h;
    out.push_back((up - f(x)) / (2 * h));
    x[i] = was;
  }
  return out;
}
double worst(const Vector& a, const Vector& b) {
  REQUIRE(a.size() == b.size());
  double w = 0;
  for (std::size_t i = 0; i < a.size(); ++i) w = std::max(w, std::abs(a[i] - b[i]));
  return w;
}
double size(const Vector& a) { return worst(a, Vector(a.size())); }

/// Every ordered draw of `kept` tokens.
std::vector<std::vector<std::int64_t>> draws() {
  std::vector<std::vector<std::int64_t>> out;
  for (std::int64_t a = 0; a < tokens; ++a)
    for (std::int64_t b = 0; b < tokens; ++b)
      for (std::int64_t c = 0; c < tokens; ++c)
        if (a != b && b != c && a != c) out.push_back({a, b, c});
  return out;
}
Vector gates_of(const std::vector<std::int64_t>& draw) {
  Vector g(tokens);
  for (const auto i : draw) g[static_cast<std::size_t>(i)] = 1;
  return g;
}
/// Drawing without replacement, each with probability exp(s) over the sum of what is left. Written for the test.
double probability(const Vector& s, const std::vector<std::int64_t>& draw) {
  double p = 1, left = 0;
  for (const double x : s) left += std::exp(x);
  for (const auto i : draw) {
    p *= std::exp(s[static_cast<std::size_t>(i)]) / left;
    left -= std::exp(s[static_cast<std::size_t>(i)]);
  }
  return p;
}
double expected_loss(const Vector& s) {
  double sum = 0;
  for (const auto& d : draws()) sum += probability(s, d) * task_of(gates_of(d));
  return sum;
}

}  // namespace

TEST_CASE("clean: the gradient is exactly 0, whatever the loss") {
  Rng rng(1);
  const at::Tensor s = leaf(scores);
  const Estimate e = CleanGradient{}.estimate(s, kept, task, rng);
  CHECK(e.value == doctest::Approx(task_of({1, 0, 1, 0, 1, 0})));
  e.surrogate.backward();
  CHECK(values(s.grad()) == Vector(6, 0.0));
}

TEST_CASE("ties go to the smaller index") {
  CHECK((values(top_gates(plain({1, 2, 2, 2, 0, 2}), 2)) == Vector{0, 1, 1, 0, 0, 0}));
}

TEST_CASE("straight-through: the loss of the hard choice, the slope of the sigmoid") {
  for (const double temperature : {1.0, 0.3}) {
    Rng rng(1);
    const StraightThroughGradient r{temperature, false};
    const Vector hard{1, 0, 1, 0, 1, 0};
    const double cut = 0.5 * (0.3 + 0.1);  // third and fourth largest
    CHECK(r.estimate(leaf(scores), kept, task, rng).value == doctest::Approx(task_of(hard)).epsilon(1e-12));
    const Vector slope = differences(task_of, hard);
    Vector want(6), kept_want(6);
    for (std::size_t i = 0; i < 6; ++i) {
      const auto soft = [&](double s) { return 1 / (1 + std::exp(-(s - cut) / temperature)); };
      const double h = 1e-6, d = (soft(scores[i] + h) - soft(scores[i] - h)) / (2 * h);
      want[i] = slope[i] * d;
      kept_want[i] = hard[i] * slope[i] * d / soft(scores[i]);
    }
    CHECK(size(want) > 0.1);
    CHECK(worst(gradient([&](const at::Tensor& s) { return r.estimate(s, kept, task, rng).surrogate; }, scores), want) <
          1e-7);
    const StraightThroughGradient only{temperature, true};
    CHECK(worst(gradient([&](const at::Tensor& s) { return only.estimate(s, kept, task, rng).surrogate; }, scores),
                kept_want) < 1e-7);
  }
}

TEST_CASE("Gumbel top-k: subsets are drawn as Plackett-Luce says") {
  Rng rng(5);
  const at::Tensor s = plain(scores);
  std::map<Vector, double> seen, want;
  constexpr int n = 40000;
  for (int i = 0; i < n; ++i) seen[values(top_gates(s + gumbel(s, rng), kept))] += 1.0 / n;
  for (const auto& d : draws()) want[gates_of(d)] += probability(scores, d);
  CHECK(want.size() == 20);
  double chi = 0;
  for (const auto& [gates, p] : want) chi += n * (seen[gates] - p) * (seen[gates] - p) / p;
  CHECK(chi < 43.8);  // 19 degrees of freedom, 0.1 %
}

TEST_CASE(
    "Gumbel top-k: the relaxation sums to K, becomes the hard choice when cold, and its gradient is that of finite "
    "differences") {
  Rng rng(6);
  const at::Tensor noise = gumbel(plain(scores), rng);
  const Vector soft = values(GumbelTopKGradient::relaxed(plain(scores) + noise, kept, 0.7));
  double sum = 0;
  for (const double g : soft) sum += g;
  CHECK(sum == doctest::Approx(3).epsilon(1e-12));
  CHECK(worst(values(GumbelTopKGradient::relaxed(plain(scores) + noise, kept, 0.001)),
              values(top_gates(plain(scores) + noise, kept))) < 1e-6);
  for (const double temperature : {1.0, 0.4}) {
    const auto soft_loss = [&](const Vector& s) {
      return task(GumbelTopKGradient::relaxed(plain(s) + noise, kept, temperature)).item<double>();
    };
    const Vector want = differences(soft_loss, scores);
    CHECK(size(want) > 0.05);
    // The recipe draws its own noise: the same generator state gives the same.
    const GumbelTopKGradient r{temperature, 1, false};
    CHECK(worst(gradient(
                    [&](const at::Tensor& s) {
                      Rng again(6);
                      return r.estimate(s, kept, task, again).surrogate;
                    },
                    scores),
                want) < 1e-6);
    const GumbelTopKGradient forward_hard{temperature, 1, true};
    Rng again(6);
    const Estimate e = forward_hard.estimate(leaf(scores), kept, task, again);
    CHECK(e.value == doctest::Approx(task(top_gates(plain(scores) + noise, kept)).item<double>()).epsilon(1e-12));
    // Backward through the relaxation, at the hard gates: d task / d gates (hard) times d relaxed / d scores.
    const Vector slope = differences(task_of, values(top_gates(plain(scores) + noise, kept)));
    const auto linear = [&](const Vector& s) {
      const Vector g = values(GumbelTopKGradient::relaxed(plain(s) + noise, kept, temperature));
      double v = 0;
      for (std::size_t i = 0; i < 6; ++i) v += slope[i] * g[i];
      return v;
    };
    CHECK(worst(gradient(
                    [&](const at::Tensor& s) {
                      Rng same(6);
                      return forward_hard.estimate(s, kept, task, same).surrogate;
                    },
                    scores),
                differences(linear, scores)) < 1e-6);
  }
}

TEST_CASE("perturbed top-k: two tokens have a closed form") {
  // P(first kept) = Phi((s1 - s2) / (sigma sqrt 2))
  const Vector s{0.4, 0.1};
  const PerturbedTopKGradient r{0.6, 60000};
  Rng rng(2);
  const double d = 0.3 / (0.6 * std::numbers::sqrt2), phi = 0.5 * std::erfc(-d / std::numbers::sqrt2),
               density = std::exp(-d * d / 2) / std::sqrt(2 * std::numbers::pi);
  const at::Tensor x = leaf(s), g = r.gates(x, 1, rng);
  CHECK(values(g)[0] == doctest::Approx(phi).epsilon(0.01));
  g[0].backward();
  const double slope = density / (0.6 * std::numbers::sqrt2);
  CHECK(values(x.grad())[0] == doctest::Approx(slope).epsilon(0.04));
  CHECK(values(x.grad())[1] == doctest::Approx(-slope).epsilon(0.04));
}

TEST_CASE("perturbed top-k: six tokens against differences of the smoothed gates") {
  constexpr int n = 60000;
  constexpr double sigma = 0.5;
  Rng rng(3);
  std::vector<at::Tensor> draws_;
  for (int i = 0; i < n; ++i) draws_.push_back(normal(plain(scores), rng));
  const at::Tensor z = at::stack(draws_);
  const auto smoothed = [&](const Vector& s) {  // the loss of the mean gates, with the same noise on both sides
    const at::Tensor keys = plain(s).unsqueeze(0) + sigma * z, places = std::get<1>(keys.topk(kept, 1));
    return task_of(values(at::zeros_like(keys).scatter(1, places, 1.0).mean(0)));
  };
  const Vector want = differences(smoothed, scores, 0.05);
  const PerturbedTopKGradient r{sigma, n};
  Rng other(4);
  const Vector got = gradient([&](const at::Tensor& s) { return r.estimate(s, kept, task, other).surrogate; }, scores);
  CHECK(size(want) > 0.3);
  CHECK(worst(got, want) < 0.06 * size(want));
}

TEST_CASE("REINFORCE: log p of a draw, and its expectation over every outcome, are exact") {
  const Vector want = differences(expected_loss, scores);
  Vector sum(6);
  double all = 0;
  for (const auto& d : draws()) {
    const at::Tensor s = leaf(scores), log = ReinforceGradient::log_probability(s, at::tensor(d, at::kLong));
    CHECK(log.item<double>() == doctest::Approx(std::log(probability(scores, d))).epsilon(1e-12));
    log.backward();
    const Vector g = values(s.grad());
    for (std::size_t i = 0; i < 6; ++i) sum[i] += probability(scores, d) * task_of(gates_of(d)) * g[i];
    all += probability(scores, d);
  }
  CHECK(all == doctest::Approx(1).epsilon(1e-12));
  CHECK(size(want) > 0.3);
  CHECK(worst(sum, want) < 1e-7);
}

TEST_CASE("REINFORCE: the estimate is unbiased, and the baseline lowers its variance") {
  const Vector want = differences(expected_loss, scores);
  double spread[2] = {0, 0};
  for (const bool baseline : {false, true}) {
    Rng rng(7);
    constexpr int n = 3000;
    const ReinforceGradient r{4, baseline};
    Vector mean(6), square(6);
    double value = 0;
    for (int i = 0; i < n; ++i) {
      const at::Tensor s = leaf(scores);
      const Estimate e = r.estimate(s, kept, task, rng);
      e.surrogate.backward();
      value += e.value / n;
      const Vector g = values(s.grad());
      for (std::size_t k = 0; k < 6; ++k) mean[k] += g[k] / n, square[k] += g[k] * g[k] / n;
    }
    CHECK(value == doctest::Approx(expected_loss(scores)).epsilon(0.03));
    for (std::size_t k = 0; k < 6; ++k) {
      const double variance = square[k] - mean[k] * mean[k];
      CHECK(std::abs(mean[k] - want[k]) < 4 * std::sqrt(variance / n));
      spread[baseline] += variance;
    }
  }
  CHECK(spread[1] < 0.7 * spread[0]);
}

TEST_CASE("losses on the map: values by hand, gradients by differences") {
  const Vector target{1, 0, 0.5, 0, 1, 0};
  const at::Tensor t = plain(target);
  const auto sigmoid = [](double s) { return 1 / (1 + std::exp(-s)); };
  double bce = 0, in = 0, out = 0, both = 0, p = 0, rank = 0, pairs = 0;
  for (std::size_t i = 0; i < 6; ++i) in += target[i], out += 1 - target[i];
  for (std::size_t i = 0; i < 6; ++i) {
    const double s = sigmoid(scores[i]), each = -target[i] * std::log(s) - (1 - target[i]) * std::log(1 - s);
    bce += each * (target[i] / in + (1 - target[i]) / out) / 2;
    both += s * target[i];
    p += s;
    for (std::size_t j = 0; j < 6; ++j) {
      rank += target[i] * (1 - target[j]) * std::log1p(std::exp(scores[j] - scores[i]));
      pairs += target[i] * (1 - target[j]);
    }
  }
  CHECK(BceMapLoss{}.loss(plain(scores), t).item<double>() == doctest::Approx(bce).epsilon(1e-12));
  CHECK(SoftIouMapLoss{}.loss(plain(scores), t).item<double>() ==
        doctest::Approx(1 - both / (p + in - both)).epsilon(1e-12));
  CHECK(RankingMapLoss{}.loss(plain(scores), t).item<double>() == doctest::Approx(rank / pairs).epsilon(1e-12));
  const auto same = [&](const auto& loss) {
    const Vector want =
        differences([&](const Vector& s) { return loss.loss(plain(s), t).template item<double>(); }, scores);
    CHECK(size(want) > 1e-3);
    CHECK(worst(gradient([&](const at::Tensor& s) { return loss.loss(s, t); }, scores), want) < 1e-8);
  };
  same(BceMapLoss{});
  same(BceMapLoss{false});
  same(SoftIouMapLoss{});
  same(RankingMapLoss{});
  same(DistillationMapLoss{0.7});
  // Distillation is lowest where the scores are the log of the mass.
  const at::Tensor mass = plain({0.1, 0.2, 0.05, 0.3, 0.25, 0.1});
  CHECK(size(gradient([&](const at::Tensor& s) { return DistillationMapLoss{}.loss(s, mass); }, values(mass.log()))) <
        1e-9);
  CHECK(CoherenceLoss{}.loss(plain({1, 0.5, 0.2}), plain({0.5, 1, 0.1})).item<double>() ==
        doctest::Approx((0.5 + 0.2 * 0.1) / 3));
}

TEST_CASE(
    "binary gates: open as often as the logits say, and the gradient at the hard gates is that of the relaxation") {
  Rng rng(8);
  const at::Tensor z = plain(scores);
  constexpr int n = 20000;
  at::Tensor open = at::zeros_like(z);
  for (int i = 0; i < n; ++i) open += BinaryGates{}.gates(z, rng).detach() / n;
  CHECK(worst(values(open), values(z.sigmoid())) < 4 * 0.5 / std::sqrt(n));
  CHECK(values(BinaryGates{}.gates(z, rng, false)) == values(z.gt(0).to(at::kDouble)));
  for (const double temperature : {0.7, 0.3}) {
    const BinaryGates r{temperature};
    Rng first(9);
    const Vector hard = values(r.gates(z, first)), slope = differences(task_of, hard);
    Rng noise(9);
    const at::Tensor shift = gumbel(z, noise) - gumbel(z, noise);
    const auto linear = [&](const Vector& s) {
      const Vector soft = values(((plain(s) + shift) / temperature).sigmoid());
      double v = 0;
      for (std::size_t i = 0; i < 6; ++i) v += slope[i] * soft[i];
      return v;
    };
    const Vector want = differences(linear, scores);
    CHECK(size(want) > 0.01);
    CHECK(worst(gradient(
                    [&](const at::Tensor& s) {
                      Rng again(9);
                      return task(r.gates(s, again));
                    },
                    scores),
                want) < 1e-6);
  }
}
