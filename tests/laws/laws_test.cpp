// Every host-plane strategy keeps its laws; every law has a mutant that breaks it and no other.
#include <doctest/doctest.h>

#include "arrcoc/allocators/control/centre.hpp"
#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/control/uniform.hpp"
#include "arrcoc/allocators/depth/entry_by_relevance.hpp"
#include "arrcoc/allocators/merge/merge_similar.hpp"
#include "arrcoc/allocators/select/adaptive_k.hpp"
#include "arrcoc/allocators/select/context_floor.hpp"
#include "arrcoc/allocators/select/coverage_quota.hpp"
#include "arrcoc/allocators/select/cumulative_mass.hpp"
#include "arrcoc/allocators/select/dpp_greedy.hpp"
#include "arrcoc/allocators/select/facility_location.hpp"
#include "arrcoc/allocators/select/farthest_point.hpp"
#include "arrcoc/allocators/select/nms.hpp"
#include "arrcoc/allocators/select/threshold.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/learned.hpp"
#include "arrcoc/balancers/max_sum.hpp"
#include "arrcoc/balancers/product_of_experts.hpp"
#include "arrcoc/balancers/rank_fusion.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/scorers/control/given.hpp"
#include "arrcoc/scorers/features/frame_change.hpp"
#include "arrcoc/scorers/features/novelty.hpp"
#include "arrcoc/scorers/features/patch_max.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/duplicates.hpp"
#include "arrcoc/scorers/pixels/entropy.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "arrcoc/scorers/pixels/text_likeness.hpp"
#include "laws/allocator_laws.hpp"
#include "laws/balancer_laws.hpp"
#include "laws/mutants.hpp"
#include "laws/scorer_laws.hpp"
#include "laws/texture_laws.hpp"

using namespace arrcoc;
using laws::Broken;

TEST_CASE_TEMPLATE("a texture generator keeps its laws", T, Texture13) {
  CHECK(laws::broken_texture_laws<T>() == Broken{});
}
TEST_CASE_TEMPLATE("a scorer keeps its laws", S, InformationScorer, PerspectivalScorer, ContrastScorer,
                   SoftmaxChannelEntropyScorer) {
  CHECK(laws::broken_scorer_laws<S>() == Broken{});
}
TEST_CASE_TEMPLATE("a balancer keeps its laws", L, AdaptiveTensionBalancer, FixedWeightsBalancer) {
  CHECK(laws::broken_balancer_laws<L>() == Broken{});
}
TEST_CASE("the learned balancer keeps its laws whatever it has learnt, for as many maps as it was trained for") {
  for (const Index m : {1, 2, 3, 4})
    for (const double scale : {0.1, 1.0, 3.0}) {
      auto head = std::make_shared<BalancerHead>();
      const auto shapes = BalancerHead::shapes(m, 5);
      for (std::size_t i = 0; i < shapes.size(); ++i) {
        Index n = 1;
        for (const Index e : shapes[i]) n *= e;
        auto v = laws::scores(n, static_cast<std::uint64_t>(17 + i), false);
        for (float& x : v) x = static_cast<float>(scale * (2 * static_cast<double>(x) - 1));
        *head->all()[i] = host_tensor(v, shapes[i]);
      }
      CAPTURE(m);
      CAPTURE(scale);
      CHECK(laws::broken_balancer_laws(LearnedBalancer{{}, head}, {m}) == Broken{});
    }
}
TEST_CASE("scorers keep their laws for other settings") {
  for (const Index scales : {1, 4})
    CHECK(laws::broken_scorer_laws(EntropyScorer{{.of = "gradient", .bins = 7, .scales = scales}}) == Broken{});
  for (const Index tolerance : {0, 40})
    CHECK(laws::broken_scorer_laws(DuplicatesScorer{{.rule = "predicted", .tolerance = tolerance}}) == Broken{});
  for (const Index scales : {2, 3})
    CHECK(laws::broken_scorer_laws(TextLikenessScorer{{.radius = 2, .scales = scales}}) == Broken{});
  for (const char* from : {"mean", "around"})
    CHECK(laws::broken_scorer_laws(NoveltyScorer{{.from = from}}) == Broken{});
  CHECK(laws::broken_scorer_laws(FrameChangeScorer{{.of = "vision", .first = 0}}) == Broken{});
  for (const char* over : {"mean", "sum"})
    CHECK(laws::broken_scorer_laws(PatchMaxScorer{{.over = over, .level = 1, .centred = true}}) == Broken{});
  for (const bool inverted : {false, true})
    CHECK(laws::broken_scorer_laws(GivenScorer{
              {.inverted = inverted}, std::make_shared<const Plane<float>>(3, 5, laws::scores(15, 2, false))}) ==
          Broken{});
}
TEST_CASE("balancers keep their laws for other settings") {
  CHECK(laws::broken_balancer_laws(FixedWeightsBalancer{{.scale = "rank"}}) == Broken{});
  CHECK(laws::broken_balancer_laws(RankFusionBalancer{{.constant = 0}}) == Broken{});
  for (const char* scale : {"min_max", "rank"}) {
    CHECK(laws::broken_balancer_laws(MaxSumBalancer{{.most = 1, .scale = scale}}) == Broken{});
    CHECK(laws::broken_balancer_laws(ProductOfExpertsBalancer{{.floor = 0.3, .scale = scale}}) == Broken{});
  }
}
TEST_CASE("the tension balancer keeps its laws for other settings") {
  for (const float explore : {0.f, 0.9f})
    for (const float diversify : {0.f, 0.5f})
      for (const float deep : {0.3f, 0.5f, 0.8f})
        CHECK(laws::broken_balancer_laws(
                  AdaptiveTensionBalancer{{.explore = explore, .diversify = diversify, .deep = deep}}) == Broken{});
}
TEST_CASE_TEMPLATE("an allocator keeps its laws", A, TopKAllocator, RandomAllocator, UniformAllocator, Grid2dAllocator,
                   CentreAllocator, OracleAllocator, FullAllocator, EntryByRelevanceAllocator, MergeSimilarAllocator) {
  CHECK(laws::broken_allocator_laws<A>() == Broken{});
}
TEST_CASE("selecting allocators keep their laws for other settings") {
  for (const Index low : {1, 5, 64})
    for (const double temperature : {0.01, 1.0})
      CHECK(laws::broken_allocator_laws(
                AdaptiveKAllocator{{.min_tokens = low, .max_tokens = 90, .temperature = temperature}}) == Broken{});
  for (const float least : {-0.25f, 0.9f, 5.f})
    CHECK(laws::broken_allocator_laws(ThresholdAllocator{{.least = least, .min_tokens = 3}}) == Broken{});
  for (const double share : {0.1, 1.0})
    CHECK(laws::broken_allocator_laws(CumulativeMassAllocator{{.share = share}}) == Broken{});
  for (const Index radius : {2, 5}) CHECK(laws::broken_allocator_laws(NmsAllocator{{.radius = radius}}) == Broken{});
  for (const double share : {0.0, 0.3, 1.0}) {
    CHECK(laws::broken_allocator_laws(CoverageQuotaAllocator{{.rows = 3, .cols = 7, .share = share}}) == Broken{});
    CHECK(laws::broken_allocator_laws(ContextFloorAllocator{{.share = share}}) == Broken{});
    CHECK(laws::broken_allocator_laws(FarthestPointAllocator{{.core = share}}) == Broken{});
  }
  CHECK(laws::broken_allocator_laws(DppGreedyAllocator{{.theta = 0.5}}) == Broken{});
  for (const double power : {0.0, 2.0})
    CHECK(laws::broken_allocator_laws(FacilityLocationAllocator{{.power = power}}) == Broken{});
}

TEST_CASE_TEMPLATE("each texture mutant breaks one law", T, mutants::RaggedTexture, mutants::NanTexture,
                   mutants::RunningTexture, mutants::CopyTexture, mutants::BorderTexture, mutants::SkippingTexture) {
  CHECK(laws::broken_texture_laws<T>() == Broken{T::breaks});
}
TEST_CASE_TEMPLATE("each scorer mutant breaks one law", S, mutants::ShortScorer, mutants::NanScorer,
                   mutants::BatchScorer, mutants::PlaceScorer) {
  CHECK(laws::broken_scorer_laws<S>() == Broken{S::breaks});
}
TEST_CASE_TEMPLATE("each balancer mutant breaks one law", L, mutants::WeightlessBalancer, mutants::NanBalancer,
                   mutants::RunningBalancer, mutants::OpponentBalancer, mutants::RawSumBalancer) {
  CHECK(laws::broken_balancer_laws<L>() == Broken{L::breaks});
}
TEST_CASE_TEMPLATE("each allocator mutant breaks one law", A, mutants::GreedyAllocator, mutants::UnsortedAllocator,
                   mutants::RanklessAllocator, mutants::MemoryAllocator, mutants::LastTieAllocator,
                   mutants::LyingAllocator, mutants::CoverAllAllocator) {
  CHECK(laws::broken_allocator_laws<A>() == Broken{A::breaks});
}
