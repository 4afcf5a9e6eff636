// Names, settings, and the same pipeline by name and by type.
#include <doctest/doctest.h>

#include <set>

#include "arrcoc/eigen.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "pipeline/material.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

using B = EigenBackend;

const Registry<B>& builtin() {
  static const Registry<B> r = [] {
    Registry<B> all;
    register_builtin(all);
    return all;
  }();
  return r;
}

MadePipeline<B> make(std::string_view name, Settings settings = {}) {
  PipelineSpec spec = preset_pipeline(name);
  spec.settings = std::move(settings);
  return builtin().make(spec);
}

void check_equal(const Outcome& a, const Outcome& b) {
  REQUIRE(a.pictures.size() == b.pictures.size());
  for (std::size_t i = 0; i < a.pictures.size(); ++i) {
    CHECK(same_bits(a.pictures[i].maps, b.pictures[i].maps));
    CHECK(same_bits(a.pictures[i].balanced.relevance, b.pictures[i].balanced.relevance));
    CHECK(a.pictures[i].balanced.tensions == b.pictures[i].balanced.tensions);
    CHECK(a.pictures[i].allocation == b.pictures[i].allocation);
  }
  CHECK(a.columns == b.columns);
  CHECK(a.generated.tokens == b.generated.tokens);
  CHECK(same_bits(a.generated.logits, b.generated.logits));
}

template <class P>
void equal_by_name_and_type(const P& by_type, std::string_view name, Settings settings = {}) {
  INFO(std::string(name));
  TinyModel<B> tiny;
  const TwoPictures t;
  const auto o = TinyModel<B>::options(2);
  const auto by_name = make(name, std::move(settings));
  const auto one = by_type.run(tiny.backend, tiny.model, t.pictures, t.prompt, o),
             two = by_name.pipeline.run(tiny.backend, tiny.model, t.pictures, t.prompt, o);
  check_equal(one, two);
  CHECK(one.pictures[0].allocation.kept.size() == 2);
}

}  // namespace

TEST_CASE("the same pipeline by name and by type gives equal results") {
  using Default = Pipeline<Texture13, ScorerSet<InformationScorer, PerspectivalScorer, ParticipatoryScorer>,
                           AdaptiveTensionBalancer, TopKAllocator, GatherInjector, B>;
  equal_by_name_and_type(Default{}, "default");
  Default tuned;
  tuned.texture.config.clusters = 3;
  std::get<2>(tuned.scorers.scorers).config.centred = false;
  tuned.balancer.config.particularize = 0.9f;
  equal_by_name_and_type(
      tuned, "default",
      {{"texture.clusters", "3"}, {"scorers.participatory.centred", "false"}, {"balancer.particularize", "0.9"}});
  equal_by_name_and_type(Pipeline<Texture13, ScorerSet<>, FlatBalancer, RandomAllocator, GatherInjector, B>{},
                         "random");
  equal_by_name_and_type(Pipeline<Texture13, ScorerSet<>, FlatBalancer, Grid2dAllocator, GatherInjector, B>{}, "grid");
  equal_by_name_and_type(Pipeline<Texture13, ScorerSet<>, FlatBalancer, OracleAllocator, GatherInjector, B>{},
                         "oracle");
  equal_by_name_and_type(Pipeline<Texture13, ScorerSet<ContrastScorer, ParticipatoryScorer>, FixedWeightsBalancer,
                                  TopKAllocator, GatherInjector, B>{},
                         "texture13/contrast+participatory/fixed/top_k/gather");
}

TEST_CASE("a setting reaches its stage") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto run = [&](const Settings& s) {
    return make("default", s).pipeline.run(tiny.backend, tiny.model, t.pictures, t.prompt, TinyModel<B>::options(2));
  };
  CHECK_FALSE(
      same_bits(run({}).pictures[0].maps, run({{"scorers.information.contrast_share", "0.1"}}).pictures[0].maps));
  CHECK_FALSE(same_bits(run({}).pictures[0].balanced.relevance,
                        run({{"balancer.particularize", "1"}}).pictures[0].balanced.relevance));
  const auto made = make("default", {{"balancer.particularize", "0.75"}});
  CHECK(std::find(made.settings.begin(), made.settings.end(), ConfigField{"balancer.particularize", "float", "0.75"}) !=
        made.settings.end());
}

TEST_CASE("full names") {
  const PipelineSpec spec = preset_pipeline("default");
  CHECK(full_name(spec) == "texture13/information+perspectival+participatory/tension/top_k/gather");
  CHECK(full_name(spec, Budget{128, 0.25}) == full_name(spec) + "@128");
  CHECK(full_name(spec, Budget{0, 0.25}) == full_name(spec) + "@0.25");
  CHECK(full_name(spec, Budget{0, 1}) == full_name(spec) + "@1.0");
  CHECK(parse_pipeline_name(full_name(spec)) == spec);
  CHECK(full_name(preset_pipeline("random")) == "none/none/flat/random/gather");
  CHECK(parse_pipeline_name("none/none/flat/full/gather").scorers.empty());
}

TEST_CASE("every preset and every strategy can be made") {
  for (const Preset& p : presets) CHECK(full_name(make(p.name).spec) == p.pipeline);
  std::set<std::pair<Kind, std::string>> names;
  for (const Entry& e : builtin().entries()) {
    CHECK(names.emplace(e.kind, e.name).second);
    CHECK_FALSE(e.about.summary.empty());
    CHECK_FALSE(e.about.source.empty());
    CHECK(e.spend.has_value() == (e.kind == Kind::allocator));
    PipelineSpec spec = preset_pipeline("default");
    if (e.kind == Kind::scorer) spec.scorers = {e.name};
    if (e.kind == Kind::balancer) spec.balancer = e.name;
    if (e.kind == Kind::allocator) spec.allocator = e.name;
    for (const ConfigField& f : e.settings)  // every setting takes its own default back
      spec.settings[(e.kind == Kind::scorer ? "scorers." + e.name : std::string(name_of(e.kind))) + "." + f.path] =
          f.value;
    CHECK_NOTHROW(builtin().make(spec));
  }
  CHECK(names.size() == 20);
}

TEST_CASE("unknown names list what is near") {
  expect_error(Code::unknown_strategy, "no preset named 'defualt', nearest: default",
               [] { preset_pipeline("defualt"); });
  expect_error(Code::unknown_strategy,
               "no scorer named 'informatoin', nearest: information; known: information, perspectival",
               [] { make("texture13/informatoin/tension/top_k/gather"); });
  expect_error(Code::unknown_strategy, "no allocator named 'topk', nearest: top_k",
               [] { make("texture13/information/tension/topk/gather"); });
  expect_error(Code::unknown_strategy, "no texture named 'texture14'",
               [] { make("texture14/information/tension/top_k/gather"); });
  expect_error(Code::unknown_strategy, "no injector named ''", [] { make("texture13/information/tension/top_k/"); });
  expect_error(Code::bad_config, "texture/scorers/balancer/allocator/injector",
               [] { preset_pipeline("texture13/information"); });
  expect_error(Code::bad_config, "named twice", [] { make("texture13/information+information/tension/top_k/gather"); });
}

TEST_CASE("all problems of the settings at once") {
  expect_error(Code::unknown_setting, "allocator.budgte: no such setting", [] {
    make("default", {{"allocator.budgte", "1"}});
  });
  expect_error(Code::bad_config, "3 problems", [] {
    make("default", {{"balancer.explore", "x"}, {"texture.clusters", "1.5"}, {"scorer.information.share", "1"}});
  });
  expect_error(Code::bad_config, "scorer.information.share: no such setting", [] {
    make("default", {{"balancer.explore", "x"}, {"scorer.information.share", "1"}});
  });
  expect_error(Code::unknown_setting, "scorers.contrast", [] {
    make("default", {{"scorers.contrast.exponent", "2"}});
  });  // not in this pipeline
  expect_error(Code::unknown_setting, "no texture stage", [] { make("random", {{"texture.clusters", "3"}}); });
}

TEST_CASE("a duplicate name throws, and so does a name that would not parse back") {
  Registry<B> r;
  register_builtin(r);
  expect_error(Code::duplicate_name, "scorer 'information' is registered already",
               [&] { r.add_scorer<InformationScorer>({}); });
  expect_error(Code::duplicate_name, "allocator 'full'", [&] { r.add_allocator<FullAllocator>({}); });
  Entry bad{Kind::balancer, "a/b", {}, {}, {}, {}, {}};
  expect_error(Code::bad_config, "'a/b'", [&] { r.add(bad, Registry<B>::Make<AnyBalancer>{}); });
  CHECK(r.entries().size() == builtin().entries().size());
}

TEST_CASE("evidence that a mode cannot have is refused by name") {
  expect_error(Code::missing_evidence, "needs textures", [] { make("none/information/tension/top_k/gather"); });
  Registry<B> r;
  register_builtin(r);
  Entry e{Kind::scorer, "attentive", {}, {Phase::layer, Need::received}, {}, {}, {}};
  r.add(e, Registry<B>::Make<AnyScorer<B>>(
               [](const Settings&, std::string_view, std::vector<ConfigField>&, std::vector<ConfigProblem>&) {
                 return AnyScorer<B>{{nullptr, "attentive", {Phase::layer, Need::received}}};
               }));
  expect_error(Code::missing_evidence, "phase 'layer'",
               [&] { r.make(parse_pipeline_name("none/attentive/fixed/top_k/gather")); });
  e.name = "similar";
  r.add(e, Registry<B>::Make<AnyScorer<B>>(
               [](const Settings&, std::string_view, std::vector<ConfigField>&, std::vector<ConfigProblem>&) {
                 return AnyScorer<B>{{nullptr, "similar", {Phase::vision, Need::similarity}}};
               }));
  expect_error(Code::missing_evidence, "similarity",
               [&] { r.make(parse_pipeline_name("none/similar/fixed/top_k/gather")); });
}

TEST_CASE("an erased stage that was never put in says so") {
  expect_error(Code::bad_usage, "before one was put in", [] { AnyBalancer{}.balance({}, Evidence{}); });
}
