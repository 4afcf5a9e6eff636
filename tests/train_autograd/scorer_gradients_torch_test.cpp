// Scorers that live on a backend keep torch's graph: the gradient of their map with respect to the vision embeddings
// and the query, against finite differences; and a graph that is cut must be seen.
#include <ATen/ATen.h>

#include "arrcoc/scorers/features/participatory.hpp"
#include "arrcoc/torch.hpp"
// ATen has a CHECK of its own, so this comes last.
#include <doctest/doctest.h>

using namespace arrcoc;

namespace {

constexpr Index tokens = 5, width = 7;

std::vector<float> numbers(Index n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> out(static_cast<std::size_t>(n));
  for (float& v : out) v = static_cast<float>(2 * rng.uniform() - 1);
  return out;
}
at::Tensor leaf(const std::vector<float>& v, Index rows) {
  return at::tensor(v, at::kFloat).reshape({rows, width}).requires_grad_(true);
}

/// What a loss makes of the map: every token with another weight.
at::Tensor loss(TorchBackend& b, const ParticipatoryScorer& scorer, const at::Tensor& vision, const at::Tensor& query) {
  TensorEvidence<TorchBackend> e;
  e.tokens = Grid{1, tokens};
  e.vision = vision;
  e.query = query;
  const at::Tensor weights =
      at::tensor(std::vector<float>{1.f, -0.5f, 2.f, 0.7f, -1.2f}, at::kFloat).reshape({tokens, 1});
  return (scorer.score(b, e) * weights).sum();
}

/// Largest |gradient - difference quotient|, of all numbers of both inputs. float32: quotients over 2^-7 are good to
/// some 1e-4.
double worst(const ParticipatoryScorer& scorer, bool cut) {
  TorchBackend b{{1, "cpu", true}};  // keep_graph
  std::vector<float> v = numbers(tokens * width, 3), q = numbers(width, 5);
  const at::Tensor vision = leaf(v, tokens), query = leaf(q, 1);
  loss(b, scorer, cut ? vision.detach() + 0 * vision : vision, query).backward();
  double most = 0;
  const auto compare = [&](std::vector<float>& x, const at::Tensor& gradient) {
    const at::Tensor flat = gradient.reshape({-1}).contiguous();
    for (std::size_t i = 0; i < x.size(); ++i) {
      constexpr float h = 1.f / 128;
      const float was = x[i];
      const auto at_ = [&](float to) {
        x[i] = to;
        return loss(b, scorer, leaf(v, tokens), leaf(q, 1)).item<double>();
      };
      const double quotient = (at_(was + h) - at_(was - h)) / (2 * static_cast<double>(h));
      x[i] = was;
      most = std::max(most, std::abs(quotient - static_cast<double>(flat.const_data_ptr<float>()[i])));
    }
  };
  compare(v, vision.grad());
  compare(q, query.grad());
  return most;
}

}  // namespace

TEST_CASE("participatory's gradient is that of finite differences, centred and not") {
  for (const bool centred : {true, false}) {
    CAPTURE(centred);
    CHECK(worst(ParticipatoryScorer{{.centred = centred}}, false) < 2e-3);
    CHECK(worst(ParticipatoryScorer{{.centred = centred}}, true) > 0.1);  // a graph that is cut gives 0
  }
}
