#include <doctest/doctest.h>

#include "arrcoc/eigen.hpp"
#include "arrcoc/engine/plugin_host.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "pipeline/material.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

using B = EigenBackend;

/// The modules lie beside the test program, in engine/modules.
std::filesystem::path module(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "engine" / "modules" /
         ("plugin_" + name + ".so");
}

Registry<B> with(const std::string& name) {
  Registry<B> r;
  register_builtin(r);
  load_plugin(module(name), r.host);
  return r;
}

Outcome run(const Registry<B>& r, const std::string& name, Settings settings = {}) {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  PipelineSpec spec = parse_pipeline_name(name);
  spec.settings.merge(settings);
  const auto made = r.make(spec);
  const RunOptions o = TinyModel<B>::options(2);
  return Journey<B>(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o).run();
}

}  // namespace

TEST_CASE("a module's scorer runs in a pipeline, with its settings") {
  const Registry<B> r = with("contrast");
  const auto plain = run(r, "texture13/plugin_contrast/fixed/top_k/gather").pictures[0].maps;
  const auto doubled =
      run(r, "texture13/plugin_contrast/fixed/top_k/gather", {{"scorers.plugin_contrast.gain", "2"}}).pictures[0].maps;
  REQUIRE(plain.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(plain[i] > 0);
    CHECK(doubled[i] == 2 * plain[i]);
  }
  const auto made = r.make(parse_pipeline_name("texture13/information+plugin_contrast/fixed/top_k/gather"));
  CHECK(std::find(made.settings.begin(), made.settings.end(),
                  ConfigField{"scorers.plugin_contrast.gain", "float", "1"}) != made.settings.end());
  CHECK(made.pipeline.may_need().evidence == Need::textures);
}

TEST_CASE("a module's balancer and allocator run in a pipeline") {
  const Registry<B> r = with("none");
  const auto up = run(r, "texture13/information/upside_down/top_k/gather").pictures[0];
  for (std::size_t i = 0; i < 6; ++i) CHECK(up.balanced.relevance[i] == -up.maps[i]);
  const auto last = run(r, "none/none/flat/last/gather").pictures[0].allocation;
  CHECK(last.kept == std::vector<Index>{4, 5});
  CHECK(last.depth == std::vector<std::uint32_t>{1, 1});
  CHECK(last.why[0] == Provenance{Cause::score, 1, 4.f});
  CHECK(last.why[1] == Provenance{Cause::score, 0, 5.f});
}

TEST_CASE("what a module gets wrong is an error, with its own words") {
  const Registry<B> r = with("none");
  const std::string name = "none/none/flat/last/gather";
  expect_error(Code::bad_stage_output, "told to fail", [&] { run(r, name, {{"allocator.fail", "1"}}); });
  expect_error(Code::bad_stage_output, "without a word", [&] { run(r, name, {{"allocator.fail", "2"}}); });
  expect_error(Code::bad_stage_output, "ascending", [&] { run(r, name, {{"allocator.fail", "3"}}); });
  expect_error(Code::bad_stage_output, "at least one token per image must be kept", [&] {
    run(r, name, {{"allocator.fail", "4"}});
  });
  expect_error(Code::bad_stage_output, "spends: expected exactly 2 tokens, got 6 of 6", [&] {
    run(r, name, {{"allocator.fail", "5"}});
  });
  expect_error(Code::bad_stage_output, "the plug-in threw: out of patience", [&] {
    run(r, name, {{"allocator.fail", "6"}});
  });
  expect_error(Code::bad_stage_output, "the value of kept token", [&] { run(r, name, {{"allocator.fail", "7"}}); });
  expect_error(Code::bad_stage_output, "asks for merged rows, which this injector cannot carry out", [&] {
    run(r, name, {{"allocator.fail", "8"}});
  });
  expect_error(Code::bad_stage_output, "NaN or infinity at token 0",
               [&] { run(r, "none/unwritten/fixed/top_k/gather"); });
  expect_error(Code::bad_config, "allocator.fail: expected a", [&] { run(r, name, {{"allocator.fail", "x"}}); });
  expect_error(Code::unknown_setting, "nearest: allocator.fail", [&] { run(r, name, {{"allocator.fial", "1"}}); });
}

TEST_CASE("modules that break a rule of the edge are refused") {
  expect_error(Code::bad_plugin, "ABI: expected 2, got 3; build it anew", [] { with("abi"); });
  expect_error(Code::bad_plugin, "table size", [] { with("size"); });
  expect_error(Code::bad_plugin, "build id: expected 'arrcoc-plugin 2, 64-bit', got 'arrcoc-plugin 0'",
               [] { with("build_id"); });
  expect_error(Code::bad_plugin, "arrcoc_plugin_entry", [] { with("entry"); });
  expect_error(Code::bad_plugin, "no name", [] { with("nameless"); });
  expect_error(Code::bad_plugin, "evidence", [] { with("evidence"); });
  expect_error(Code::bad_plugin, "unwritten: makes a request that is not known here", [] { with("request"); });
  expect_error(Code::file_missing, "no such file", [] { with("absent"); });
  Registry<B> r;
  expect_error(Code::bad_plugin, "cannot be loaded", [&] { load_plugin("/proc/self/exe", r.host); });
  load_plugin(module("contrast"), r.host);
  expect_error(Code::duplicate_name, "scorer 'plugin_contrast'", [&] { load_plugin(module("contrast"), r.host); });
}

TEST_CASE("a module of ABI 1 is refused in a sentence") {
  expect_error(Code::bad_plugin, "ABI: expected 2, got 1; build it anew", [] { with("abi_1"); });
}

TEST_CASE("C++ types as a module: what they give by type, they give through the edge") {
  const Registry<B> r = with("types");
  const auto same = [&](const std::string& inside, const std::string& outside) {
    const Outcome a = run(r, inside), b = run(r, outside);
    CHECK(same_bits(a.pictures[0].maps, b.pictures[0].maps));
    CHECK(same_bits(a.pictures[0].balanced.relevance, b.pictures[0].balanced.relevance));
    REQUIRE(a.pictures[0].balanced.tensions.size() == b.pictures[0].balanced.tensions.size());
    for (std::size_t i = 0; i < a.pictures[0].balanced.tensions.size(); ++i) {  // their sentences do not cross the edge
      CHECK(a.pictures[0].balanced.tensions[i].name == b.pictures[0].balanced.tensions[i].name);
      CHECK(a.pictures[0].balanced.tensions[i].value == b.pictures[0].balanced.tensions[i].value);
    }
    CHECK(a.pictures[0].allocation == b.pictures[0].allocation);
  };
  same("texture13/contrast:radius=2/tension:explore=0.6/top_k/gather",
       "texture13/outer_contrast:radius=2/outer_tension:explore=0.6/outer_top_k/gather");
  same("texture13/contrast/fixed/top_k/gather", "outer_texture/contrast/fixed/outer_top_k/gather");
  CHECK(run(r, "none/none/flat/outer_random/gather").pictures[0].allocation.count() == 2);
  CHECK(run(r, "none/none/flat/far_apart/gather").pictures[0].allocation.count() == 2);  // reads similarity row by row
  same("none/layer_attention:layer=1:rows=text/fixed/top_k/layer:before=2",
       "none/outer_attention:layer=1:rows=text/fixed/top_k/layer:before=2");
  const auto width = run(r, "none/question_width/fixed/top_k/gather").pictures[0].maps;
  CHECK(width.front() == static_cast<float>(TinyModel<B>{}.model.config().text.hidden_size));
  expect_error(Code::bad_config, "scorers.outer_contrast: radius: expected 1..64",
               [&] { r.make(parse_pipeline_name("texture13/outer_contrast:radius=0/fixed/top_k/gather")); });
}
