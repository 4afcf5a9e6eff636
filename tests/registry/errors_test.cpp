// Codes that only a library user can meet.
#include <doctest/doctest.h>

#include "arrcoc/eigen.hpp"
#include "arrcoc/pipeline/journey.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"

using namespace arrcoc;

namespace {
template <class F>
Code code_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK(std::string(e.what()).ends_with("(E" + std::to_string(static_cast<int>(e.code())) + ")"));
    return e.code();
  }
  FAIL("no error");
  return Code::bad_config;
}

/// Scores that are not finite: breaks the first law of scorers.
struct NanScorer {
  static constexpr std::string_view name = "nan";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  struct Config {};
  Config config{};
  std::vector<float> score(const Evidence& e) const {
    return std::vector<float>(static_cast<std::size_t>(e.count()), std::nanf(""));
  }
};
}  // namespace

TEST_CASE("E502 a name is registered twice") {
  Registry<EigenBackend> r;
  register_builtin(r);
  CHECK(code_of([&] { r.host.add_scorer<ContrastScorer>({}); }) == Code::duplicate_name);
}

TEST_CASE("E203 a stage breaks its law: scores that are not finite") {
  Registry<EigenBackend> r;
  register_builtin(r);
  r.host.add_scorer<NanScorer>({});
  EigenBackend b;
  PipelineSpec spec = preset_pipeline("three_ways");
  spec.decisions[0].scorers = {{"nan", "nan"}};
  const auto made = r.make(spec);
  Image image(64, 64);
  Picture picture;
  picture.native = image.view();
  picture.grid = {2, 2};
  RunOptions options;
  options.budget.tokens = 2;
  CHECK(code_of([&] { (void)realize(b, made.pipeline, picture, {}, nullptr, options); }) == Code::bad_stage_output);
}
