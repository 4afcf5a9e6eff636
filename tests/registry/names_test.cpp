// Names of pipelines: what is written, read back, and one setting more or less.
#include <doctest/doctest.h>

#include <array>

#include "arrcoc/registry/grammar.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using arrcoc::tests::expect_error;

TEST_CASE("names: one more setting, and one less") {
  for (const auto& [name, path, value, longer] :
       {std::array{"three_ways", "balancer.explore", "0.5", "three_ways:balancer.explore=0.5"},
        std::array{"three_ways:query=blank@64", "balancer.explore", "0.5",
                   "three_ways:balancer.explore=0.5:query=blank@64"},
        std::array{"three_ways", "picture", "grey_square", "three_ways:picture=grey_square"},
        std::array{"three_ways:query=blank", "corrupt", "0.1", "three_ways:corrupt=0.1:query=blank"},
        std::array{"none/a/flat/grid/gather:split=equal", "corrupt", "0.1",
                   "none/a/flat/grid/gather:corrupt=0.1:split=equal"},
        std::array{"none/a+b=c:x=1/flat/top_k/gather:query=last:query=other", "scorers.b.y", "2",
                   "none/a+b=c:x=1:y=2/flat/top_k/gather:query=last:query=other"},
        std::array{"none/a/flat/grid/gather@+0.2%b/flat/top_k/layer", "2.injector.before", "3",
                   "none/a/flat/grid/gather@+0.2%b/flat/top_k/layer:before=3"},
        std::array{"none/a/flat/grid/gather:maps=first", "picture", "grey_square",
                   "none/a/flat/grid/gather:picture=grey_square:maps=first"}}) {
    CHECK(with_setting(name, path, value) == longer);
    CHECK(without_setting(longer, path) == name);
    CHECK(named_settings(longer).at(path) == value);
    CHECK_FALSE(named_settings(name).contains(path));
  }
  expect_error(Code::bad_config, "a value that a name can hold (no / : % @ = ,), got 'a/b'",
               [] { with_setting("three_ways", "scorers.learned.weights", "a/b"); });
}

TEST_CASE("names: aliases, settings, several decisions, budgets, the question that scores") {
  const PipelineSpec s = parse_pipeline_name(
      "texture13:clusters=3/near=contrast:radius=1+far=contrast:radius=4/fixed:first=0.5/top_k/gather@0.5%none/"
      "participatory/flat/top_k/gather:query=last:query=blank@4");
  REQUIRE(s.decisions.size() == 2);
  CHECK(s.decisions[0].scorers == std::vector<ScorerSpec>{{"contrast", "near"}, {"contrast", "far"}});
  CHECK(s.settings == Settings{{"texture.clusters", "3"},
                               {"scorers.near.radius", "1"},
                               {"scorers.far.radius", "4"},
                               {"balancer.first", "0.5"}});
  CHECK(s.decisions[0].keep == Budget{0, 0.5});
  CHECK(s.budget == Budget{4, 0.25});
  CHECK(s.query == "last");
  CHECK(s.asking == Asking::blank);
  PipelineSpec back = parse_pipeline_name(full_name(s, *s.budget));
  CHECK(back == s);
  const std::string whole =
      "none/attention/flat/tiers:tiers=64+100/tier:query=attention:query.temperature=2:split=relevance:split.floor=0.5";
  CHECK(full_name(parse_pipeline_name(whole)) == whole);
  CHECK(parse_pipeline_name(whole).settings ==
        Settings{{"allocator.tiers", "64+100"}, {"query.temperature", "2"}, {"split.floor", "0.5"}});
  const PipelineSpec preset = preset_pipeline("three_ways:balancer.explore=0.5:query=other@64");
  CHECK(preset.settings == Settings{{"balancer.explore", "0.5"}});
  CHECK(preset.asking == Asking::other);
  CHECK(preset.budget == Budget{64, 0.25});
  expect_error(Code::bad_config, "is named twice; an alias tells them apart",
               [] { parse_pipeline_name("none/contrast+contrast/fixed/top_k/gather"); });
  expect_error(Code::bad_config, "expected :name=value", [] { parse_pipeline_name("none/none/flat:x/top_k/gather"); });
  for (const char* name : {"/none/flat/top_k/gather", "none/none//top_k/gather", "none/none/flat//gather",
                           "none/none/flat/top_k/", "none//flat/top_k/gather", "none/a+/flat/top_k/gather",
                           "none/=a/flat/top_k/gather", "none/none/flat/top_k/gather%none//flat/top_k/gather"})
    expect_error(Code::unknown_strategy, "named ''", [&] { parse_pipeline_name(name); });
  for (const char* name : {"none/none+contrast/fixed/top_k/gather", "none/none:x=1/fixed/top_k/gather",
                           "none/none=contrast/fixed/top_k/gather"})
    expect_error(Code::bad_config, "none stands alone", [&] { parse_pipeline_name(name); });
  expect_error(Code::bad_budget, "after @", [] { parse_pipeline_name("none/none/flat/top_k/gather@1.5"); });
  expect_error(Code::bad_config, "share one texture",
               [] { parse_pipeline_name("none/none/flat/top_k/gather@4%texture13/none/flat/top_k/gather"); });
}

TEST_CASE("names: changed pictures and wrong choices") {
  for (const char* name :
       {"native", "grey_square", "flip", "brightness_0.8", "shift_32", "jpeg_30", "scale_2", "scale_0.5"})
    CHECK(name_of(parse_framing(name)) == name);
  CHECK(parse_framing("brightness_1.20") == Framing{Framing::Kind::brightness, 1.2});
  for (const char* wrong : {"", "flop", "flip_1", "brightness", "brightness_", "brightness_-1", "brightness_nan",
                            "shift_1.5", "shift_0", "jpeg_101", "scale_0", "scale_9", "scale_2x"})
    expect_error(Code::bad_config,
                 "picture: expected one of native, grey_square, flip, brightness_x from 0 to 4, shift_n",
                 [&] { parse_framing(wrong); });
  CHECK(preset_pipeline("three_ways:corrupt=0.25").corrupt == 0.25);
  expect_error(Code::bad_config, "corrupt: expected a share in [0, 1], got '1.5'",
               [] { preset_pipeline("three_ways:corrupt=1.5"); });
}
