// With the whole budget a published method is the stock model bit for bit, and a smaller one is spent as declared.
#include <doctest/doctest.h>

#include <map>

#include "engine/demo_engine.hpp"
#include "pipeline/material.hpp"
#include "registry/glimpse_head.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

std::map<std::string, HostTensor> dumped(const Preset& method, Index budget, AnswerResult& result) {
  std::map<std::string, HostTensor> out;
  AnswerRequest r;
  r.pictures.push_back({noise_image(320, 256, 5), "noise", 0, {}});
  r.prompt = "What is the total?";
  const bool deep = method.name == "sparsevlm";  // its third decision stands behind the demo model's four layers
  r.pipeline =
      preset_pipeline(std::string(method.name) + (deep ? ":3.injector.before=3:3.scorers.sparsevlm.layer=2" : ""));
  if (method.name == "glimpseprune") {
    static const test::TemporaryFolder folder;
    r.pipeline.settings["scorers.glimpseprune.weights"] =
        write_glimpse_head(folder.path / "head.safetensors", 4, 64, 128);
  }
  r.budget.tokens = budget;
  r.generation.max_new_tokens = 3;
  r.generation.ignore_eos = true;
  r.dump = [&](std::string_view name, const HostTensor& t) { out.emplace(name, t); };
  result = demo_engine().answer(r);
  return out;
}

}  // namespace

TEST_CASE("every published method runs on a model; the whole budget is the stock model bit for bit") {
  AnswerResult result;
  const auto full = dumped({"full", {}, {}}, 80, result);
  int exact = 0;
  for (const Preset& p : presets()) {
    if (p.source.empty()) continue;
    const std::string method(p.name);
    CAPTURE(method);
    const std::string allocator = preset_pipeline(p.name).last().allocator;
    const Spend spend =
        *detail::find_row<AnyAllocator>({&tests::host_stages().allocators}, Kind::allocator, allocator).entry.spend;
    const auto few = dumped(p, 20, result);
    CHECK(few.at("kept").count() <= 20);
    if (spend != Spend::exact) continue;
    CHECK(few.at("kept").count() == 20);
    CHECK_FALSE(same_bits(few.at("logits").floats(), full.at("logits").floats()));
    const auto all = dumped(p, 80, result);
    CHECK(all.at("kept").count() == 80);
    CHECK(same_bits(all.at("logits").floats(), full.at("logits").floats()));
    ++exact;
  }
  CHECK(exact >= 10);
}
