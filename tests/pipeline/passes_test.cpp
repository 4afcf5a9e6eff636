// Looking more than once: one look is the stock model bit for bit, escalation at both ends, costs that add up,
// fixations that join, a cascade that looks only where the level before kept something.
#include <doctest/doctest.h>

#include <cmath>

#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/before.hpp"
#include "arrcoc/pipeline/pass_cascade.hpp"
#include "arrcoc/pipeline/passes.hpp"
#include "arrcoc/scorers/features/participatory.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/previous/inhibition.hpp"
#include "arrcoc/scorers/previous/previous_attention.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "pipeline/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

using B = EigenBackend;
using Keep = Pipeline<B, Texture13, Decision<ScorerSet<>, FlatBalancer, FullAllocator>>;
using Choose = Pipeline<B, Texture13, Decision<ScorerSet<InformationScorer>, FixedWeightsBalancer, TopKAllocator>>;

/// One picture of 2 x 3 tokens, or of 1 x 2 where a size is asked for.
struct Sizes {
  TwoPictures native{false};
  Image page = noise_image(64, 96, 1);
  PassInput at(const std::optional<Budget>& size) const {
    if (!size) return {native.pictures, native.prompt, {}};
    PassInput in;
    in.pictures.push_back({page.view(), {1, 2}, formula_pixels({1, 2, 4}, 1000, 3), {{0, 32, 32, 64}}});
    in.prompt = prompt_of({1, 2, 3, 26, 28, 28, 27, 4, 5}, {{1, 2}});
    return in;
  }
};

template <class P, class Rule>
std::vector<PassRecord> looks(const P& pipeline, Rule rule, RunOptions options = TinyModel<B>::options()) {
  TinyModel<B> tiny;
  const Sizes sizes;
  return run_passes(
      pipeline, rule, tiny.backend, tiny.model, 6, [&](const auto& size) { return sizes.at(size); }, options);
}
/// Everything kept at a size, in one look.
Outcome alone(bool native) {
  TinyModel<B> tiny;
  const PassInput in = Sizes{}.at(native ? std::nullopt : std::optional(Budget{2, 1}));
  return run(Keep{}, tiny.backend, tiny.model, in.pictures, in.prompt, TinyModel<B>::options());
}
double probability(TokenId token, std::span<const float> logits) {
  long double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<long double>(x) - logits[static_cast<std::size_t>(token)]);
  return static_cast<double>(1 / sum);
}

}  // namespace

TEST_CASE("one look through passes is the stock model bit for bit") {
  TinyModel<B> tiny;
  const auto stock = tiny.stock(TwoPictures(false));
  const auto out = looks(Keep{}, OncePasses{});
  REQUIRE(out.size() == 1);
  CHECK(same_bits(out[0].outcome.generated.logits, stock.logits));
  CHECK(out[0].outcome.generated.tokens == stock.tokens);
}

TEST_CASE("escalation: always at 1, never at 0, in between by the mean of the tokens' probabilities") {
  const Outcome small = alone(false), full = alone(true);
  CHECK_FALSE(same_bits(small.generated.logits, full.generated.logits));
  const auto always = looks(Keep{}, EscalatePasses{{.below = 1}}), never = looks(Keep{}, EscalatePasses{{.below = 0}});
  REQUIRE(always.size() == 2);
  REQUIRE(never.size() == 1);
  CHECK(same_bits(always[0].outcome.generated.logits, small.generated.logits));
  CHECK(same_bits(always[1].outcome.generated.logits, full.generated.logits));
  CHECK(same_bits(never[0].outcome.generated.logits, small.generated.logits));

  const auto& g = never[0].outcome.generated;
  const std::size_t vocabulary = g.logits.size() / g.tokens.size();
  double mean = 0;
  for (std::size_t i = 0; i < g.tokens.size(); ++i)
    mean += probability(g.tokens[i], std::span(g.logits).subspan(i * vocabulary, vocabulary)) /
            static_cast<double>(g.tokens.size());
  CHECK(never[0].seen.probability == doctest::Approx(mean).epsilon(1e-12));
  CHECK(mean > 0.01);
  CHECK(mean < 0.99);
  CHECK(looks(Keep{}, EscalatePasses{{.below = mean + 1e-9}}).size() == 2);
  CHECK(looks(Keep{}, EscalatePasses{{.below = mean - 1e-9}}).size() == 1);
}

TEST_CASE("costs of looks add up exactly; what the first one decoded is evidence") {
  const Outcome small = alone(false), full = alone(true);
  const auto both = looks(Keep{}, EscalatePasses{{.below = 1}});
  const Costs sum = sum_of_costs(both, 6);
  CHECK(sum.vision_flops == full.costs.vision_flops + small.costs.vision_flops);
  CHECK(sum.merger_flops == full.costs.merger_flops + small.costs.merger_flops);
  CHECK(sum.prefill_flops == full.costs.prefill_flops + small.costs.prefill_flops);
  CHECK(sum.token_layers == full.costs.token_layers + small.costs.token_layers);
  CHECK(sum.deepstack_additions == full.costs.deepstack_additions + small.costs.deepstack_additions);
  CHECK(sum.visual_tokens_encoded == 8);
  CHECK(both[0].fed_back == 5);  // six tokens, the last of them is not
  CHECK(sum.evidence_flops == 5 * small.costs.decode_flops_per_token);
  CHECK(sum.kv_bytes == full.costs.kv_bytes);
  const auto first = looks(Keep{}, EscalatePasses{{.below = 0}});
  CHECK(sum_of_costs(first, 6).visual_tokens_before == 6);
  CHECK(sum_of_costs(first, 6).sequence_length_before == full.costs.sequence_length_before);
}

TEST_CASE("fixations: what was kept stays, the tower runs once, the answer is that of the tokens kept in all") {
  RunOptions options = TinyModel<B>::options(4);
  const auto out = looks(Choose{}, FixationsPasses{{.count = 2}}, options);
  REQUIRE(out.size() == 2);
  const std::vector<Index> one = out[0].looks[0].kept, two = out[1].looks[0].kept;
  CHECK(one.size() == 2);
  CHECK(two.size() == 4);
  CHECK(std::includes(two.begin(), two.end(), one.begin(), one.end()));
  CHECK_FALSE(out[0].seen.answered);
  CHECK(out[1].seen.answered);
  CHECK(out[0].outcome.costs.prefill_flops == 0);
  CHECK(out[0].outcome.costs.token_layers == doctest::Approx(0).epsilon(1e-12));
  CHECK(out[0].outcome.costs.vision_flops == 0);  // nothing in it looks at features
  CHECK(sum_of_costs(out, 6).vision_flops == alone(true).costs.vision_flops);
  using Asks = Pipeline<B, Texture13, Decision<ScorerSet<ParticipatoryScorer>, FixedWeightsBalancer, TopKAllocator>>;
  const auto features = looks(Asks{}, FixationsPasses{{.count = 2}}, options);
  CHECK(features[0].outcome.costs.vision_flops == alone(true).costs.vision_flops);
  CHECK(features[1].outcome.costs.vision_flops == 0);
  CHECK(features[1].outcome.costs.visual_tokens_encoded == 0);

  // Layers of a look that began again were of that look: the run behind it did not begin.
  using Informed = Decision<ScorerSet<InformationScorer>, FixedWeightsBalancer, TopKAllocator, LayerDropInjector>;
  using Again = Decision<ScorerSet<InformationScorer>, FixedWeightsBalancer, TopKAllocator, AgainInjector>;
  Pipeline<B, Texture13, Informed, Again> twice;
  std::get<0>(twice.decisions).injector.config.before = 1;
  std::get<1>(twice.decisions).injector.config.before = 2;
  const auto began = looks(twice, FixationsPasses{{.count = 2}}, options);
  CHECK_FALSE(began[0].seen.answered);
  CHECK(began[0].outcome.costs.prefill_flops == 0);
  CHECK(began[0].outcome.costs.deepstack_additions == 0);

  // By hand: the two most relevant tokens; then, of the others, relevance above its lowest times 1 minus 1/2 beside
  // them.
  const std::vector<float>& r = out[0].looks[0].relevance;
  std::vector<Index> by(6);
  for (Index t = 0; t < 6; ++t) by[static_cast<std::size_t>(t)] = t;
  std::stable_sort(by.begin(), by.end(), [&](Index a, Index b) { return r[std::size_t(a)] > r[std::size_t(b)]; });
  std::vector<Index> expected{by[0], by[1]};
  CHECK(one == [&] {
    auto x = expected;
    std::sort(x.begin(), x.end());
    return x;
  }());
  const float least = *std::min_element(r.begin(), r.end());
  std::vector<std::pair<float, Index>> left;
  for (const Index t : {by[2], by[3], by[4], by[5]}) {
    bool beside = false;
    for (const Index k : one) beside = beside || std::max(std::abs(t / 3 - k / 3), std::abs(t % 3 - k % 3)) <= 1;
    left.emplace_back(-(r[std::size_t(t)] - least) * (beside ? 0.5f : 1.f), t);
  }
  std::sort(left.begin(), left.end());
  for (const std::size_t i : {0u, 1u}) expected.push_back(left[i].second);
  std::sort(expected.begin(), expected.end());
  CHECK(two == expected);
  CHECK(looks(Choose{}, FixationsPasses{{.count = 1}}, options)[0].looks[0].kept.size() == 4);
  CHECK(same_bits(looks(Choose{}, FixationsPasses{{.count = 1}}, options)[0].outcome.generated.logits,
                  looks(Choose{}, OncePasses{}, options)[0].outcome.generated.logits));
}

TEST_CASE("fixations stop when little is left, or when an answer is sure") {
  const RunOptions options = TinyModel<B>::options(6);
  const auto out = looks(Choose{}, FixationsPasses{{.count = 3, .stop = 1}}, options);
  REQUIRE(out.size() == 1);
  CHECK(out[0].seen.answered);
  CHECK(out[0].outcome.generated.tokens.size() == 6);
  const auto all = looks(Choose{}, FixationsPasses{{.count = 3}}, options);
  REQUIRE(all.size() == 3);
  CHECK(all[0].seen.left > all[1].seen.left);
  CHECK(all[2].seen.left == 0);
  const auto asked = looks(Choose{}, FixationsPasses{{.count = 3, .confident = 0}}, options);
  CHECK(asked.size() == 1);
  const auto unsure = looks(Choose{}, FixationsPasses{{.count = 3, .confident = 0.999}}, options);
  REQUIRE(unsure.size() == 3);
  for (const PassRecord& r : unsure) CHECK(r.seen.answered);
}

TEST_CASE("a coarse answer says where to look: attention of its rows, as shares, and the next look is chosen by it") {
  using Asked =
      Pipeline<B, Texture13, Decision<ScorerSet<PreviousAttentionScorer>, FixedWeightsBalancer, TopKAllocator>>;
  const auto out = looks(Asked{}, CoarseAnswerPasses{}, TinyModel<B>::options(3));
  REQUIRE(out.size() == 2);
  const std::vector<float>& paid = out[0].looks[0].attention;
  REQUIRE(paid.size() == 2);
  for (const float x : paid) CHECK(x > 0);
  CHECK(paid[0] + paid[1] < 1);
  CHECK(paid[0] != paid[1]);
  CHECK(same_bits(out[0].outcome.generated.logits, alone(false).generated.logits));
  // 1 x 2 tokens are the halves of 2 x 3: the middle column lies half in each.
  const auto& maps = out[1].outcome.pictures[0].maps;
  REQUIRE(maps.size() == 6);
  for (const std::size_t row : {0u, 3u}) {
    CHECK(maps[row] == doctest::Approx(paid[0]));
    CHECK(maps[row + 1] == doctest::Approx((paid[0] + paid[1]) / 2));
    CHECK(maps[row + 2] == doctest::Approx(paid[1]));
  }
  CHECK(out[0].outcome.costs.evidence_flops > 0);
}

TEST_CASE("a cascade: the next level never sees what a level dropped, and neither does its tower") {
  RunOptions options = TinyModel<B>::options(2);
  const auto out = looks(Choose{}, CascadePasses{{.tokens = "2+6", .keep = 0.5}}, options);
  REQUIRE(out.size() == 2);
  const std::vector<Index> coarse = out[0].looks[0].kept;
  REQUIRE(coarse.size() == 1);
  for (const Index t : out[1].looks[0].kept) CHECK((coarse[0] == 0 ? t % 3 <= 1 : t % 3 >= 1));
  CHECK(out[1].outcome.costs.visual_tokens_encoded == 4);
  CHECK(out[1].outcome.costs.visual_tokens_after == 2);
  CHECK_FALSE(out[0].seen.answered);
  CHECK(out[1].seen.answered);
  const auto whole = looks(Choose{}, CascadePasses{{.tokens = "2+6", .keep = 1}}, options);
  CHECK(whole[1].outcome.costs.visual_tokens_encoded == 6);
  CHECK(
      same_bits(whole[1].outcome.generated.logits, looks(Choose{}, OncePasses{}, options)[0].outcome.generated.logits));
  CHECK(looks(Choose{}, CascadePasses{{.tokens = "6+24"}}, options).size() == 1);
}

TEST_CASE("a stage that looks at an earlier look is refused where the first one has none") {
  using Inhibited = Pipeline<B, Texture13, Decision<ScorerSet<InhibitionScorer>, FixedWeightsBalancer, TopKAllocator>>;
  const auto refusal = [&](auto rule) {
    try {
      (void)looks(Inhibited{}, rule, TinyModel<B>::options(2));
    } catch (const Error& e) {
      CHECK(e.code() == Code::missing_evidence);
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(refusal(OncePasses{}).find("'once' does not have") != std::string::npos);
  CHECK(refusal(CascadePasses{}).find("'cascade' does not have") != std::string::npos);
  CHECK(refusal(FixationsPasses{}).empty());
  CHECK(refusal(EscalatePasses{}).empty());
}
