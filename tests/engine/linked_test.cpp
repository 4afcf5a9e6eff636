// Pipelines by type on the driver that libarrcoc holds decide as those whose driver is compiled here.
#include <doctest/doctest.h>

#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/eigen/dispatch.hpp"
#include "arrcoc/pipeline/linked.hpp"
#include "arrcoc/pipeline/realize.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "pipeline/material.hpp"

ARRCOC_LINKED_DECISIONS(arrcoc::EigenDispatch)

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

template <class B>
Realized decided(B b, const Image& page, Index tokens) {
  using Choose = Decision<ScorerSet<InformationScorer, PerspectivalScorer>, FixedWeightsBalancer, TopKAllocator>;
  RunOptions options;
  options.budget.tokens = tokens;
  const Picture picture{page.view(), {page.height / 32, page.width / 32}, {}, {}};
  return realize(b, Pipeline<B, Texture13, Choose>{}.erase(), picture, {}, nullptr, options);
}

}  // namespace

TEST_CASE("a linked driver takes the decisions of one that is compiled along") {
  const Image page = noise_image(256, 384, 7);
  for (const Index tokens : {1, 12, 96}) {
    const Realized here = decided(EigenBackend{}, page, tokens);
    const Realized linked = decided(EigenDispatch(eigen::with_isa({}, Isa::automatic)), page, tokens);
    CHECK(here.allocation.kept.size() == static_cast<std::size_t>(tokens));
    CHECK(here.allocation.kept == linked.allocation.kept);
    CHECK(here.maps == linked.maps);
    CHECK(here.balanced.relevance == linked.balanced.relevance);
  }
}

TEST_CASE("a linked driver refuses as one that is compiled along") {
  const auto said = []<class B>(const AnyPipeline<B>& pipeline) -> std::string {
    try {
      check_pipeline(pipeline, "none");
    } catch (const Error& e) { return e.what(); }
    return {};
  };
  CHECK_THROWS_AS(check_pipeline(AnyPipeline<EigenDispatch>{}, "none"), Error);
  CHECK(said(AnyPipeline<EigenDispatch>{}) == said(AnyPipeline<EigenBackend>{}));
}
