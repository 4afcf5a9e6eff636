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

namespace {
/// Ids that are left of a row of equal scores.
std::vector<int> left(std::vector<TokenId> seen, const TokenBans& bans, Index new_tokens = 0) {
  std::vector<float> scores(6, 1.0f);
  forbid_tokens(scores, seen, bans, new_tokens);
  std::vector<int> out;
  for (int i = 0; i < 6; ++i)
    if (std::isfinite(scores[static_cast<std::size_t>(i)])) out.push_back(i);
  return out;
}
using Ids = std::vector<int>;
}  // namespace

TEST_CASE("min-p drops what is below its share of the best probability") {
  std::vector<float> scores;
  for (const double p : {.5, .3, .1, .06, .04}) scores.push_back(static_cast<float>(std::log(p)));
  CHECK(kept(scores, {.sample = true, .min_p = 0.15f}) == 3);
  CHECK(kept(scores, {.sample = true, .min_p = 0.61f}) == 1);
  CHECK(kept(scores, {.sample = true, .min_p = 1.0f}) == 1);
}

TEST_CASE("no run of n tokens comes twice") {
  CHECK(left({0, 1, 2, 0, 1}, {.no_repeat_ngram_size = 3}) == Ids{0, 1, 3, 4, 5});
  CHECK(left({0, 1, 2, 0, 1}, {.no_repeat_ngram_size = 1}) == Ids{3, 4, 5});
  CHECK(left({4, 4}, {.no_repeat_ngram_size = 2}) == Ids{0, 1, 2, 3, 5});
  CHECK(left({4, 4}, {.no_repeat_ngram_size = 3}).size() == 6);
}

TEST_CASE("bad words are never completed, and a stop token alone is no bad word") {
  const std::vector<std::vector<TokenId>> words{{3}, {1, 2}, {5, 1, 0}};
  CHECK(left({0, 5, 1}, {.bad_words_ids = words}) == Ids{1, 4, 5});
  CHECK(left({5, 5, 5}, {.bad_words_ids = words}) == Ids{0, 1, 2, 4, 5});
  CHECK(left({1}, {.bad_words_ids = words, .stop_ids = {3}}) == Ids{0, 1, 3, 4, 5});
}

TEST_CASE("suppressed tokens, at the beginning or ever, and stop tokens before their time") {
  CHECK(left({0}, {.suppress_tokens = {2, -1, 99}}, 4) == Ids{0, 1, 3, 4, 5});
  CHECK(left({0}, {.begin_suppress_tokens = {2}}, 0) == Ids{0, 1, 3, 4, 5});
  CHECK(left({0, 1}, {.begin_suppress_tokens = {2}}, 1).size() == 6);
  CHECK(left({0}, {.min_new_tokens = 2, .stop_ids = {1, 4}}, 1) == Ids{0, 2, 3, 5});
  CHECK(left({0}, {.min_new_tokens = 2, .stop_ids = {1, 4}}, 2).size() == 6);
}

TEST_CASE("bans count in greedy choice too; forbidding everything is an error") {
  Rng rng(1);
  SamplingConfig c;
  c.bans.suppress_tokens = {1};
  CHECK(choose_token({1, 5, 4}, {}, c, rng) == 2);
  c.bans.suppress_tokens = {0, 1, 2};
  CHECK_THROWS_WITH_AS(choose_token({1, 5, 4}, {}, c, rng), doctest::Contains("forbids every token"), Error);
}
