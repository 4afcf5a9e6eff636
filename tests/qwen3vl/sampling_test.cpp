// The sampling rules of transformers, by their published examples.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "arrcoc/qwen3vl/sampling.hpp"

using namespace arrcoc;
using namespace arrcoc::qwen3vl;

namespace {
int kept(std::vector<float> scores, SamplingConfig c) {
  restrict_scores(scores, c);
  return static_cast<int>(std::count_if(scores.begin(), scores.end(), [](float s) { return std::isfinite(s); }));
}
}  // namespace

TEST_CASE("top-k keeps ties with the k-th score") {
  CHECK(kept({2, 1, 1, 0, -1, 0.5f}, {.sample = true, .top_k = 2}) == 3);
  CHECK(kept({2, 1, 1, 0, -1, 0.5f}, {.sample = true, .top_k = 0}) == 6);
}

TEST_CASE("top-p keeps the smallest set that reaches p, the crossing token included") {
  std::vector<float> scores;
  for (const double p : {.5, .3, .1, .06, .04}) scores.push_back(static_cast<float>(std::log(p)));
  CHECK(kept(scores, {.sample = true, .top_p = 0.79f}) == 2);
  CHECK(kept(scores, {.sample = true, .top_p = 0.81f}) == 3);
  CHECK(kept(scores, {.sample = true, .top_p = 0.01f}) == 1);
  CHECK(kept(scores, {.sample = true, .top_p = 1.0f}) == 5);
}

TEST_CASE("the repetition penalty counts each id once and pushes both signs down") {
  std::vector<float> scores{2, -2, 3};
  const std::vector<TokenId> seen{0, 0, 1};
  penalise_repetition(scores, seen, 2.0f);
  CHECK(scores == std::vector<float>{1, -4, 3});
}

TEST_CASE("greedy takes the smaller id of a tie; sampling repeats with its seed; NaN is an error") {
  Rng rng(7), again(7);
  CHECK(choose_token({1, 5, 5, 0}, {}, {}, rng) == 1);
  SamplingConfig c{.sample = true, .temperature = 2.0f};
  for (int i = 0; i < 20; ++i)
    CHECK(choose_token({1, 2, 3, 4}, {}, c, rng) == choose_token({1, 2, 3, 4}, {}, c, again));
  CHECK_THROWS_AS(choose_token({1, std::numeric_limits<float>::quiet_NaN()}, {}, {}, rng), Error);
}

TEST_CASE("sampled frequencies follow the softmax") {
  Rng rng(11);
  int counts[3] = {};
  for (int i = 0; i < 30000; ++i)
    ++counts[choose_token({std::log(.5f), std::log(.3f), std::log(.2f)}, {}, {.sample = true}, rng)];
  CHECK(counts[0] / 30000.0 == doctest::Approx(.5).epsilon(0.03));
  CHECK(counts[1] / 30000.0 == doctest::Approx(.3).epsilon(0.03));
  CHECK(counts[2] / 30000.0 == doctest::Approx(.2).epsilon(0.05));
}
