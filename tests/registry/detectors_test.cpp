// Failure detectors find nothing in any registered strategy, and in harness faults what these are.
#include <doctest/doctest.h>

#include <set>

#include "arrcoc/eigen.hpp"
#include "arrcoc/pipeline/detectable.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "io/temporary_folder.hpp"
#include "registry/errors.hpp"
#include "registry/glimpse_head.hpp"

using namespace arrcoc;
using arrcoc::tests::expect_error;

namespace {

using B = EigenBackend;
using Faults = std::set<std::string>;

const Registry<B>& builtin() {
  static const Registry<B> r = [] {
    Registry<B> all;
    register_builtin(all);
    return all;
  }();
  return r;
}

Faults found_in(const PipelineSpec& spec) {
  B b;
  const auto made = builtin().make(spec);
  Faults out;
  for (const detect::Found& f : faults_of(b, made.pipeline)) out.insert(f.fault);
  return out;
}
Faults found_in(std::string_view name) { return found_in(preset_pipeline(name)); }

/// What cannot work without a file.
bool trained(const Entry& e) {
  return std::any_of(e.settings.begin(), e.settings.end(),
                     [](const ConfigField& f) { return f.path == "weights" || f.path == "file"; });
}

/// What a strategy does on purpose, and a detector names.
const std::map<std::string, Faults> on_purpose{{"eadp", {"inverted"}}};

}  // namespace

TEST_CASE("every preset and every registered strategy passes all failure detectors") {
  std::vector<std::pair<std::string, PipelineSpec>> all;
  for (const Preset& p : presets())
    if (p.name != "v1.0") all.emplace_back(p.name, preset_pipeline(p.name));  // it needs a trained scorer's file
  const test::TemporaryFolder folder;
  for (auto& [name, spec] : all)
    if (name == "glimpseprune")
      spec.settings["scorers.glimpseprune.weights"] =
          tests::write_glimpse_head(folder.path / "head.safetensors", 2, 16, 16);
  for (const Entry& e : builtin().entries()) {
    // not of a decision about one picture: what is made of a prompt is given here
    if (trained(e) || e.kind == Kind::query || e.kind == Kind::split || e.kind == Kind::passes) continue;
    PipelineSpec spec = preset_pipeline(e.kind == Kind::injector ? "random" : "three_ways");
    if (e.kind == Kind::injector) spec.decisions[0].injector = e.name;
    else if (e.needs.phase == Phase::layer) spec.decisions[0].injector = "layer";
    if (e.kind == Kind::texture)  // with a scorer that reads whatever channels there are
      spec.texture = e.name, spec.decisions[0].scorers = {{"contrast", "contrast"}};
    if (e.kind == Kind::scorer) spec.decisions[0].scorers = {{e.name, e.name}};
    if (e.kind == Kind::balancer) spec.decisions[0].balancer = e.name;
    if (e.kind == Kind::allocator) spec.decisions[0].allocator = e.name;
    DecisionSpec& d = spec.decisions[0];  // who carries out what it asks, and who asks for what it carries out
    const std::map<std::string, std::string> carried{{"pool", "merge"},
                                                     {"merge_similar", "merge"},
                                                     {"entry_by_relevance", "entry"},
                                                     {"tiers", "tier"},
                                                     {"one_region", "downsample"}};
    if (const auto by = carried.find(e.name); by != carried.end() && e.kind == Kind::allocator) d.injector = by->second;
    for (const Preset& p : presets())  // a method's own allocator stands with its injector
      for (const DecisionSpec& own : preset_pipeline(p.name).decisions)
        if (e.kind == Kind::allocator && own.allocator == e.name && own.injector == "merge") d.injector = own.injector;
    if (e.name == "tier" || e.name == "foveated" || e.name == "downsample") d.allocator = "one_region";
    const bool early = d.injector == "tier" || d.injector == "foveated" || d.injector == "downsample";
    if (early) spec.texture = "texture13", d.scorers = {{"sobel", "sobel"}};
    if (e.needs.evidence & (Need::previous | Need::previous_attention)) spec.passes = "fixations";
    all.emplace_back(e.name, spec);
  }
  for (const auto& entry : all) {
    const auto& [name, spec] = entry;
    CAPTURE(entry.first);
    const auto at = on_purpose.find(name);
    const Faults found = found_in(spec);
    std::string list;
    for (const std::string& f : found) list += f + " ";
    CHECK_MESSAGE(found == (at == on_purpose.end() ? Faults{} : at->second), entry.first, ": ", list);
  }
  CHECK(all.size() > 70);
}

TEST_CASE("failure detectors name the faults of harnesses") {
  CHECK(found_in("three_ways") == Faults{});
  CHECK(found_in("three_ways:injector.positions=sequential") == Faults{"positions"});
  CHECK(found_in("three_ways:injector.positions=seed") == Faults{"positions"});
  CHECK(found_in("full:injector.positions=seed") == Faults{"positions"});
  CHECK(found_in("three_ways:injector.rotary=blocked") == Faults{"rotary"});
  CHECK(found_in("three_ways:injector.deepstack=dropped") == Faults{"levels"});
  CHECK(found_in("three_ways:injector.positions=sequential:injector.deepstack=dropped") ==
        Faults{"positions", "levels"});
  CHECK(found_in("three_ways:maps=first") == Faults{"batch"});
  CHECK(found_in("none/none/flat/full/gather:positions=sequential%layer_attention/fixed/top_k/layer") ==
        Faults{"positions"});
}

TEST_CASE("faults of harnesses are off, and in the name where they are on") {
  const auto make = [](std::string_view name) { return builtin().make(preset_pipeline(name)); };
  const std::string usual = "texture13/information+perspectival+participatory/tension/top_k/gather";
  CHECK(
      full_name(make("three_ways:picture=native:maps=own:injector.positions=true:injector.rotary=interleaved").spec) ==
      usual);
  const std::string faulty =
      usual + ":deepstack=dropped:positions=seed:rotary=blocked:query=template:picture=grey_square:maps=first";
  const auto made = make(
      "three_ways:maps=first:picture=grey_square:query=template:injector.positions=seed:"
      "injector.deepstack=dropped:injector.rotary=blocked");
  CHECK(full_name(made.spec) == faulty);
  CHECK(parse_pipeline_name(faulty) == made.spec);
  CHECK(made.pipeline.maps_of_first);
  CHECK_FALSE(make("three_ways").pipeline.maps_of_first);
  CHECK(made.pipeline.decisions[0].injector.facts.levels == 0);
  CHECK(make("three_ways").pipeline.decisions[0].injector.facts.levels == all_levels);
  CHECK(made.pipeline.injectors != make("three_ways").pipeline.injectors);
  expect_error(Code::bad_config, "picture: expected one of native, grey_square, flip, brightness_x from 0 to 4",
               [&] { make("three_ways:picture=square"); });
  expect_error(Code::bad_config, "maps: expected own or first, got 'last'", [&] { make("three_ways:maps=last"); });
  expect_error(Code::bad_config, "positions: expected true, sequential or seed, got 'zero'",
               [&] { make("three_ways:injector.positions=zero"); });
  expect_error(Code::bad_config, "rotary: expected interleaved or blocked, got 'block'",
               [&] { make("three_ways:injector.rotary=block"); });
  expect_error(Code::bad_config, "rotary: sequential positions are alike on all axes",
               [&] { make("three_ways:injector.positions=sequential:injector.rotary=blocked"); });
  expect_error(Code::bad_config, "deepstack: expected kept or dropped, got 'lost'",
               [&] { make("three_ways:injector.deepstack=lost"); });
}
