// Names, settings, and the same pipeline by name and by type.
#include <doctest/doctest.h>

#include <set>

#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "arrcoc/scorers/attention/layer_attention.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/texture/texture13.hpp"
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
  spec.settings.merge(settings);
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
  CHECK(a.rows == b.rows);
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
  const Outcome one = run(by_type, tiny.backend, tiny.model, t.pictures, t.prompt, o),
                two = Journey<B>(tiny.backend, tiny.model, &by_name.pipeline, t.pictures, t.prompt, o).run();
  check_equal(one, two);
  CHECK(one.pictures[0].allocation.kept.size() == 2);
}

}  // namespace

TEST_CASE("the same pipeline by name and by type gives equal results") {
  using Default = Pipeline<B, Texture13,
                           Decision<ScorerSet<InformationScorer, PerspectivalScorer, ParticipatoryScorer>,
                                    AdaptiveTensionBalancer, TopKAllocator>>;
  equal_by_name_and_type(Default{}, "three_ways");
  Default tuned;
  tuned.texture.config.clusters = 3;
  std::get<2>(tuned.decision().scorers.scorers).config.centred = false;
  tuned.decision().balancer.config.particularize = 0.9f;
  equal_by_name_and_type(
      tuned, "three_ways",
      {{"texture.clusters", "3"}, {"scorers.participatory.centred", "false"}, {"balancer.particularize", "0.9"}});
  using TwoLooks =
      Pipeline<B, Texture13,
               Decision<ScorerSet<LayerAttentionScorer>, FixedWeightsBalancer, TopKAllocator, AgainInjector>>;
  TwoLooks looks;  // on three layers
  std::get<0>(looks.decision().scorers.scorers).config = {.layer = 1, .layers = 2, .heads = "max"};
  looks.decision().injector.config.before = 3;
  for (const std::string preset : {"default", "two_looks"})
    equal_by_name_and_type(looks, preset + ":scorers.layer_attention.layers=2:injector.before=3");
  equal_by_name_and_type(Pipeline<B, Texture13, Decision<ScorerSet<>, FlatBalancer, RandomAllocator>>{}, "random");
  equal_by_name_and_type(Pipeline<B, Texture13, Decision<ScorerSet<>, FlatBalancer, Grid2dAllocator>>{}, "grid");
  equal_by_name_and_type(Pipeline<B, Texture13, Decision<ScorerSet<>, FlatBalancer, OracleAllocator>>{}, "oracle");
  equal_by_name_and_type(
      Pipeline<B, Texture13,
               Decision<ScorerSet<ContrastScorer, ParticipatoryScorer>, FixedWeightsBalancer, TopKAllocator>>{},
      "texture13/contrast+participatory/fixed/top_k/gather");
}

TEST_CASE("a setting reaches its stage") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto run = [&](const Settings& s) {
    const auto made = make("three_ways", s);
    const RunOptions o = TinyModel<B>::options(2);
    return Journey<B>(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o).run();
  };
  CHECK_FALSE(
      same_bits(run({}).pictures[0].maps, run({{"scorers.information.contrast_share", "0.1"}}).pictures[0].maps));
  CHECK_FALSE(same_bits(run({}).pictures[0].balanced.relevance,
                        run({{"balancer.particularize", "1"}}).pictures[0].balanced.relevance));
  const auto made = make("three_ways", {{"balancer.particularize", "0.75"}});
  CHECK(std::find(made.settings.begin(), made.settings.end(), ConfigField{"balancer.particularize", "float", "0.75"}) !=
        made.settings.end());
}

namespace {
PipelineSpec spec_with_cascade() {
  PipelineSpec spec = preset_pipeline("three_ways");
  spec.passes = "cascade";
  spec.settings = {{"passes.keep", "0.25"}, {"passes.tokens", "16+64"}};
  return spec;
}
}  // namespace

TEST_CASE("full names") {
  const PipelineSpec spec = preset_pipeline("three_ways");
  CHECK(full_name(spec) == "texture13/information+perspectival+participatory/tension/top_k/gather");
  CHECK(full_name(spec, Budget{128, 0.25}) == full_name(spec) + "@128");
  CHECK(full_name(spec, Budget{0, 0.25}) == full_name(spec) + "@0.25");
  CHECK(full_name(spec, Budget{0, 1}) == full_name(spec) + "@1.0");
  CHECK(parse_pipeline_name(full_name(spec)) == spec);
  CHECK(full_name(preset_pipeline("random")) == "none/none/flat/random/gather");
  CHECK(parse_pipeline_name("none/none/flat/full/gather").last().scorers.empty());
}

TEST_CASE("passes have their settings in the name; a stage that wants an earlier look has one, or is refused") {
  const std::string named = full_name(spec_with_cascade());
  CHECK(named.ends_with("/gather:passes=cascade:passes.keep=0.25:passes.tokens=16+64"));
  CHECK(parse_pipeline_name(named) == spec_with_cascade());
  CHECK(full_name(make(named).spec) == named);
  CHECK(full_name(make("three_ways:passes=escalate:passes.below=0.9").spec).ends_with("/gather:passes=escalate"));
  expect_error(Code::unknown_setting, "passes.below: no such setting", [] { make("three_ways:passes.below=0.5"); });
  expect_error(Code::unknown_strategy, "no passes named 'twice'", [] { make("three_ways:passes=twice"); });
  expect_error(Code::missing_evidence, "'once' does not have", [] { make("none/inhibition/fixed/top_k/gather"); });
  expect_error(Code::bad_config, "below: expected a number in [0, 1]",
               [] { make("three_ways:passes=escalate:passes.below=2"); });
}

TEST_CASE("an earlier decision may keep what the last one does and a share of the others") {
  const auto made = make("none/none/flat/grid/gather@+0.2%none/flat/grid/layer@16");
  CHECK(full_name(made.spec, *made.spec.budget) == "none/none/flat/grid/gather@+0.2%none/flat/grid/layer@16");
  const auto wide = [&](Index native, Budget run) { return budgets_of(made.pipeline, 0, {native}, run, {})[0].tokens; };
  CHECK(wide(64, {16, 1}) == 26);     // 16 + ceil(0.2 * 48) = 16 + ceil(9.6)
  CHECK(wide(66, {16, 1}) == 26);     // 0.2 * 50 = 10
  CHECK(wide(64, {0, 0.125}) == 20);  // 8 + ceil(11.2)
  CHECK(wide(64, {64, 1}) == 64);
  CHECK(budgets_of(made.pipeline, 1, {64}, {16, 1}, {})[0] == Budget{16, 1});
  for (const char* wrong : {"default@+0.2", "none/none/flat/grid/gather@+0.2"})
    expect_error(Code::bad_config, "@+ and @x are of an earlier decision", [&] { preset_pipeline(wrong); });
  expect_error(Code::bad_config, "expected a share of the others in (0, 1) after @+, got '2'",
               [] { preset_pipeline("none/none/flat/grid/gather@+2%none/flat/grid/layer"); });
}

TEST_CASE("an earlier decision may keep so many times what the last one does, and knows what that is") {
  const auto made = make("none/none/flat/grid/gather@2.5x%none/flat/grid/layer@16");
  CHECK(full_name(made.spec, *made.spec.budget) == "none/none/flat/grid/gather@2.5x%none/flat/grid/layer@16");
  const auto first = [&](Index native, Budget run) { return budgets_of(made.pipeline, 0, {native}, run, {})[0]; };
  CHECK(first(64, {16, 1}) == Budget{40, 0.25, 0, 0, 16});
  CHECK(first(64, {3, 1}).tokens == 8);     // ceil(7.5)
  CHECK(first(64, {0, 0.5}).tokens == 64);  // no more than there are
  CHECK(budgets_of(made.pipeline, 1, {64}, {16, 1}, {})[0] == Budget{16, 1});
  // A total of the prompt, 16 for pictures of 48 and 24 tokens: each picture's own part counts.
  const auto both = budgets_of(made.pipeline, 0, {48, 24}, {16, 1}, {11, 5});
  CHECK(both[0] == Budget{28, 0.25, 0, 0, 11});
  CHECK(both[1] == Budget{13, 0.25, 0, 0, 5});
  const auto plain = make("none/none/flat/grid/gather@3%none/flat/grid/layer@16");
  CHECK(budgets_of(plain.pipeline, 0, {48, 24}, {16, 1}, {11, 5})[1].tokens == 5);
  const auto open = make("none/none/flat/grid/gather%none/flat/grid/layer@16");
  CHECK(budgets_of(open.pipeline, 0, {48, 24}, {16, 1}, {11, 5})[1] == Budget{24, 1, 0, 0, 5});
  CHECK(budgets_of(open.pipeline, 0, {64}, {16, 1}, {})[0] == Budget{64, 1, 0, 0, 16});
  expect_error(Code::bad_config, "@+ and @x are of an earlier decision", [] { preset_pipeline("default@2x"); });
  for (const char* wrong : {"0.5x", "x", "nanx", "-1x"})
    expect_error(Code::bad_config, "expected at least 1 times what the last decision keeps", [&] {
      preset_pipeline("none/none/flat/grid/gather@" + std::string(wrong) + "%none/flat/grid/layer");
    });
}

TEST_CASE("every preset and every strategy can be made") {
  for (const Preset& p : presets()) {
    const PipelineSpec spec = make(p.name).spec;
    CHECK((spec.budget ? full_name(spec, *spec.budget) : full_name(spec)) == p.pipeline);
  }
  // A preset's own budget is its last word only where none is given.
  CHECK(preset_pipeline("v0.1").budget == Budget{200, 0.25});
  CHECK(preset_pipeline("v0.1@0.5").budget->tokens == 0);
  CHECK(preset_pipeline("v0.1@64").budget->tokens == 64);
  CHECK(!preset_pipeline("v0.2").budget);
  std::set<std::pair<Kind, std::string>> names;
  for (const Entry& e : builtin().entries()) {
    CHECK(names.emplace(e.kind, e.name).second);
    CHECK_FALSE(e.about.summary.empty());
    CHECK_FALSE(e.about.source.empty());
    CHECK(e.spend.has_value() == (e.kind == Kind::allocator));
    PipelineSpec spec = preset_pipeline(e.kind == Kind::injector ? "random" : "three_ways");
    if (e.kind == Kind::injector) spec.decisions[0].injector = e.name;
    if (e.needs.phase == Phase::layer) spec.decisions[0].injector = "layer";
    if (e.kind == Kind::texture) spec.texture = e.name;
    if (e.kind == Kind::scorer) spec.decisions[0].scorers = {{e.name, e.name}};
    if (e.kind == Kind::balancer) spec.decisions[0].balancer = e.name;
    if (e.kind == Kind::allocator) spec.decisions[0].allocator = e.name;
    if (e.kind == Kind::query) spec.query = e.name;
    if (e.kind == Kind::split) spec.split = e.name;
    if (e.kind == Kind::passes) spec.passes = e.name;
    if (e.needs.evidence & (Need::previous | Need::previous_attention)) spec.passes = "fixations";
    for (const ConfigField& f : e.settings)  // every setting takes its own default back
      spec.settings[(e.kind == Kind::scorer ? "scorers." + e.name : std::string(name_of(e.kind))) + "." + f.path] =
          f.value;
    CHECK_NOTHROW(builtin().make(spec));
  }
  HostStages methods;
  register_methods(methods);
  CHECK(methods.entries().size() >= 17);
  CHECK(names.size() == 94 + methods.entries().size());
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
    make("three_ways", {{"allocator.budgte", "1"}});
  });
  expect_error(Code::bad_config, "3 problems", [] {
    make("three_ways", {{"balancer.explore", "x"}, {"texture.clusters", "1.5"}, {"scorer.information.share", "1"}});
  });
  expect_error(Code::bad_config, "scorer.information.share: no such setting", [] {
    make("three_ways", {{"balancer.explore", "x"}, {"scorer.information.share", "1"}});
  });
  expect_error(Code::unknown_setting, "scorers.contrast", [] {
    make("three_ways", {{"scorers.contrast.exponent", "2"}});
  });  // not in this pipeline
  expect_error(Code::unknown_setting, "no texture stage", [] { make("random", {{"texture.clusters", "3"}}); });
}

TEST_CASE("a duplicate name throws, and so does a name that would not parse back") {
  Registry<B> r;
  register_builtin(r);
  expect_error(Code::duplicate_name, "scorer 'information' is registered already",
               [&] { r.host.add_scorer<InformationScorer>({}); });
  expect_error(Code::duplicate_name, "allocator 'full'", [&] { r.host.add_allocator<FullAllocator>({}); });
  StageRow<AnyBalancer> bad{{Kind::balancer, "a/b", {}, {}, {}, {}, {}}, {}};
  expect_error(Code::bad_config, "'a/b'", [&] { r.host.add(r.host.balancers, bad); });
  CHECK(r.entries().size() == builtin().entries().size());
}

namespace {
/// Asks what its phase cannot have.
struct Attentive {
  static constexpr std::string_view name = "attentive";
  static constexpr Needs may_need{Phase::layer, Need::received};
  struct Config {};
  Config config{};
  std::vector<float> score(const Evidence& e) const { return std::vector<float>(static_cast<std::size_t>(e.count())); }
};
/// Asks the tower; the instance asks what the type does not declare when `lie` is on.
struct TowerKeys {
  static constexpr std::string_view name = "tower_keys";
  static constexpr Needs may_need{Phase::vision, Need::k};
  struct Config {
    bool lie = false;
    Index block = -1;
  };
  Config config{};
  std::vector<Request> needs() const {
    Request r;
    r.what = config.lie ? Request::What::v : Request::What::k;
    r.index = config.block;
    return {r};
  }
  std::vector<float> score(const Evidence& e) const {
    const HostTensor& keys = e.answer(needs()[0]);
    std::vector<float> out;
    for (Index i = 0; i < e.count(); ++i) {
      double sum = 0;
      for (Index c = 0; c < keys.dim(1); ++c)
        sum += std::abs(static_cast<double>(keys.floats()[static_cast<std::size_t>(i * keys.dim(1) + c)]));
      out.push_back(static_cast<float>(-sum));
    }
    return out;
  }
};
/// Reads what it did not ask for.
struct Curious {
  static constexpr std::string_view name = "curious";
  static constexpr Needs may_need{};
  struct Config {};
  Config config{};
  std::vector<float> score(const Evidence& e) const { return {e.vision->floats()[0]}; }
};
}  // namespace

TEST_CASE("evidence that a phase cannot have is refused by name, once, when a pipeline is put together") {
  expect_error(Code::missing_evidence, "needs textures", [] { make("none/information/tension/top_k/gather"); });
  Registry<B> r;
  register_builtin(r);
  r.host.add_scorer<Attentive>({});
  r.host.add_scorer<TowerKeys>({});
  r.host.add_scorer<Curious>({});
  expect_error(Code::missing_evidence, "phase 'layer'",
               [&] { r.make(parse_pipeline_name("none/attentive/fixed/top_k/gather")); });
  expect_error(Code::bad_config, "which its type does not declare",
               [&] { r.make(parse_pipeline_name("none/tower_keys:lie=true/fixed/top_k/gather")); });
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const RunOptions o = TinyModel<B>::options(2);
  const auto run_named = [&](const char* name) {
    const auto made = r.make(parse_pipeline_name(name));
    return Journey<B>(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o).run();
  };
  CHECK(run_named("none/tower_keys/fixed/top_k/gather").pictures[0].allocation.count() == 2);
  CHECK_FALSE(run_named("none/tower_keys/fixed/top_k/gather").pictures[0].maps ==
              run_named("none/tower_keys:block=0/fixed/top_k/gather").pictures[0].maps);
  expect_error(Code::bad_config, "block: expected -2 to 1, got 9",
               [&] { run_named("none/tower_keys:block=9/fixed/top_k/gather"); });
  expect_error(Code::missing_evidence, "[vision embeddings] a stage reads this evidence, but nobody asked for it",
               [&] { run_named("none/curious/fixed/top_k/gather"); });
}

TEST_CASE("two decisions: the second chooses among those that the first left, and depth, maps and positions follow") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const RunOptions o = TinyModel<B>::options(2);
  const auto two = make("texture13/information/fixed/top_k/gather@4%participatory/fixed/top_k/gather");
  const auto first = make("texture13/information/fixed/top_k/gather");
  const Outcome out = Journey<B>(tiny.backend, tiny.model, &two.pipeline, t.pictures, t.prompt, o).run();
  const RunOptions four = TinyModel<B>::options(4);
  const Outcome wide = Journey<B>(tiny.backend, tiny.model, &first.pipeline, t.pictures, t.prompt, four).run();
  REQUIRE(out.decisions.size() == 2);
  CHECK(out.decisions[0].pictures[0].allocation == wide.pictures[0].allocation);
  CHECK(out.decisions[1].pictures[0].allocation.tokens.count() == 4);
  const std::vector<Index>&kept = out.pictures[0].allocation.kept, &among = wide.pictures[0].allocation.kept;
  CHECK(kept.size() == 2);
  for (const Index k : kept) CHECK(std::find(among.begin(), among.end(), k) != among.end());
  CHECK(out.pictures[0].balanced.relevance.size() == 6);
  CHECK(out.costs.visual_tokens_after == 4);  // two of each picture
  // Keeping everything twice is the stock model bit for bit.
  const auto all = make("texture13/information/fixed/top_k/gather@1.0%participatory/fixed/top_k/gather");
  const RunOptions everything = TinyModel<B>::options(1000);
  CHECK(same_bits(
      Journey<B>(tiny.backend, tiny.model, &all.pipeline, t.pictures, t.prompt, everything).run().generated.logits,
      tiny.stock(t).logits));
}

TEST_CASE("another question scores while the first one is answered") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const RunOptions o = TinyModel<B>::options(2);
  const auto made = make("none/participatory/fixed/top_k/gather");
  Prompt other = t.prompt;
  other.ids[11] = 17;
  other.ids[12] = 3;
  Journey<B> own(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o),
      scored(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o),
      asked(tiny.backend, tiny.model, &made.pipeline, t.pictures, other, o);
  scored.score_with(other);
  const Outcome a = own.run(), b = scored.run(), c = asked.run();
  CHECK_FALSE(same_bits(a.pictures[0].maps, b.pictures[0].maps));
  CHECK(same_bits(b.pictures[0].maps, c.pictures[0].maps));
}

TEST_CASE("an erased stage that was never put in says so") {
  expect_error(Code::bad_usage, "before one was put in", [] {
    AnyBalancer {
      } -> balance({}, Evidence{});
  });
}
