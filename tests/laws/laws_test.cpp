// Every host-plane strategy keeps its laws; every law has a mutant that breaks it and no other.
#include <doctest/doctest.h>

#include "arrcoc/allocators/control/centre.hpp"
#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/control/uniform.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/learned.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "laws/allocator_laws.hpp"
#include "laws/balancer_laws.hpp"
#include "laws/mutants.hpp"
#include "laws/scorer_laws.hpp"
#include "laws/texture_laws.hpp"

namespace doctest {
template <>
struct StringMaker<laws::Broken> {
  static String convert(const laws::Broken& b) {
    std::string s = "{";
    for (const auto& x : b) s += " " + x;
    return (s + " }").c_str();
  }
};
}  // namespace doctest

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
TEST_CASE("the tension balancer keeps its laws for other settings") {
  for (const float explore : {0.f, 0.9f})
    for (const float diversify : {0.f, 0.5f})
      for (const float deep : {0.3f, 0.5f, 0.8f})
        CHECK(laws::broken_balancer_laws(
                  AdaptiveTensionBalancer{{.explore = explore, .diversify = diversify, .deep = deep}}) == Broken{});
}
TEST_CASE_TEMPLATE("an allocator keeps its laws", A, TopKAllocator, RandomAllocator, UniformAllocator, Grid2dAllocator,
                   CentreAllocator, OracleAllocator, FullAllocator) {
  CHECK(laws::broken_allocator_laws<A>() == Broken{});
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
                   mutants::LyingAllocator) {
  CHECK(laws::broken_allocator_laws<A>() == Broken{A::breaks});
}
