// The engine on a small model on disk: stock against keep-all, what is computed and what is not, results as configs.
#include <doctest/doctest.h>

#include <fstream>
#include <map>

#include "arrcoc/build_info.hpp"
#include "arrcoc/engine/result_json.hpp"
#include "arrcoc/io/config_json.hpp"
#include "engine/demo_engine.hpp"
#include "pipeline/material.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

AnswerRequest request(std::string_view pipeline, Index budget = 0) {
  AnswerRequest r;
  r.pictures.push_back({noise_image(320, 256, 5), "noise", 1.5, {{0, 0, 40, 40}}});
  r.prompt = "What is the total?";
  r.stock = pipeline == "stock";
  if (!r.stock) r.pipeline = preset_pipeline(pipeline);
  r.budget.tokens = budget;
  r.generation.max_new_tokens = 5;
  r.generation.ignore_eos = true;
  return r;
}

std::map<std::string, HostTensor> dumped(AnswerRequest r, AnswerResult* result = nullptr) {
  std::map<std::string, HostTensor> out;
  r.dump = [&](std::string_view name, const HostTensor& t) { out.emplace(name, t); };
  AnswerResult answer = demo_engine().answer(r);
  if (result) *result = std::move(answer);
  return out;
}

double time_of(const AnswerResult& r, std::string_view stage) {
  for (const StageTime& t : r.times)
    if (t.stage == stage) return t.milliseconds;
  return -1;
}

}  // namespace

TEST_CASE("stock and full give the same bits; the gather ran") {
  AnswerResult stock, full;
  const auto a = dumped(request("stock"), &stock), b = dumped(request("full"), &full);
  CHECK(same_bits(a.at("logits").floats(), b.at("logits").floats()));
  CHECK(stock.tokens == full.tokens);
  CHECK(stock.text == full.text);
  CHECK(stock.events.empty());
  REQUIRE(full.events.size() >= 1);
  CHECK(full.events[0] == "inject.gather: picture 0, 80 of 80 tokens");
  CHECK(full.pipeline == "none/none/flat/full/gather@0.25");
  CHECK(stock.pipeline == "stock");
  CHECK(time_of(full, "decode_image") == 1.5);
  for (const char* stage :
       {"resize", "tokenize", "vision", "score", "balance", "allocate", "inject", "prefill", "decode"})
    CHECK(time_of(full, stage) >= 0);
}

TEST_CASE(
    "what was given and not used is an event, of one answer and of many; a prompt beyond the context is an error") {
  AnswerRequest r = request("full");
  r.pictures[0].unused = {"the turn that EXIF asks for (orientation 6)"};
  r.prompt = "<image> What?";
  const std::vector<std::string> said{"not used: noise: the turn that EXIF asks for (orientation 6)",
                                      "not used: the question's <image>, which is text like any other"};
  const auto ends_with = [&](const std::vector<std::string>& events) {
    return events.size() >= 2 && std::vector<std::string>(events.end() - 2, events.end()) == said;
  };
  CHECK(ends_with(demo_engine().answer(r).events));
  ManyRequest m;
  m.shared = r;
  m.asks.emplace_back();
  m.asks[0].prompt = r.prompt;
  m.asks[0].stock = true;
  CHECK(ends_with(demo_engine().answer_many(m).answers[0].events));

  const Index most = demo_engine().model().config.text.max_positions;
  r.pictures.clear();
  r.stock = true;
  r.generate = false;
  r.prompt = std::string(static_cast<std::size_t>(most), 'a');
  try {
    demo_engine().answer(r);
    FAIL("expected an error");
  } catch (const Error& e) {
    CHECK(e.code() == Code::bad_prompt);
    CHECK_MESSAGE(std::string(e.what()).find("--long-context") != std::string::npos, e.what());
  }
  r.long_context = true;
  const auto events = demo_engine().answer(r).events;
  REQUIRE(events.size() == 1);
  CHECK(events[0].find("beyond the model's " + std::to_string(most)) != std::string::npos);
}

TEST_CASE("memory does not grow over a hundred questions in a row, with decisions at every phase") {
  if (build_info.sanitize != "none") return;  // whose own memory grows
  const auto resident = [] {                  // pages of 4 KiB
    std::ifstream file("/proc/self/statm");
    long size = 0, pages = 0;
    file >> size >> pages;
    return pages;
  };
  constexpr std::string_view pipelines[] = {"stock",
                                            "three_ways",
                                            "texture13/information/fixed/top_k/early",
                                            "none/tower_attention:block=0/fixed/top_k/tower:before=1",
                                            "none/layer_attention:layer=0/fixed/top_k/layer:before=1",
                                            "none/layer_attention:layer=0/fixed/top_k/again:before=1",
                                            "texture13/information/fixed/entry_by_relevance/entry",
                                            "none/feature_norm/fixed/merge_similar/merge"};
  const auto ask = [&](Index i) {
    AnswerRequest r = request(pipelines[i % 8], 8 + i % 5);
    r.pictures[0].image = noise_image(256 + 32 * (i % 4), 256, static_cast<std::uint64_t>(i));
    demo_engine().answer(r);
  };
  for (Index i = 0; i < 40; ++i) ask(i);  // each pipeline with each budget
  const long before = resident();
  for (Index i = 0; i < 100; ++i) ask(i);
  CHECK(before > 0);
  CHECK(resident() - before < 512);
}

TEST_CASE("the dump has the shapes it promises") {
  const auto d = dumped(request("three_ways", 16));
  const Index length = d.at("input_ids").dim(0), vocabulary = demo_engine().model().config.text.vocab_size,
              width = demo_engine().model().config.text.hidden_size;
  CHECK(d.at("position_ids").shape == std::vector<Index>{3, length});
  CHECK(d.at("pixel_values").shape == std::vector<Index>{320, 1536});
  CHECK(d.at("vision").shape == std::vector<Index>{80, width});
  CHECK(d.at("deepstack_2").shape == std::vector<Index>{80, width});
  CHECK(d.count("deepstack_3") == 0);
  CHECK(d.at("logits").shape == std::vector<Index>{5, vocabulary});
  CHECK(d.at("tokens").shape == std::vector<Index>{5});
  CHECK(d.at("kept").shape == std::vector<Index>{16});
  CHECK(d.at("kept_columns").shape == std::vector<Index>{length - 64});
  CHECK(d.at("relevance").shape == std::vector<Index>{10, 8});
  CHECK(d.at("query").shape == std::vector<Index>{width});
}

TEST_CASE("allocation alone: no language model, and no tower unless a stage looks at it") {
  AnswerRequest r = request("three_ways", 16);
  const AnswerResult whole = demo_engine().answer(r);
  r.generate = false;
  const AnswerResult alone = demo_engine().answer(r);
  CHECK(alone.pictures[0].allocation == whole.pictures[0].allocation);
  CHECK(alone.costs.sequence_length == whole.costs.sequence_length);
  CHECK(alone.costs.deepstack_additions == whole.costs.deepstack_additions);
  CHECK(time_of(alone, "prefill") < 0);
  CHECK(time_of(alone, "vision") >= 0);
  r.pipeline = preset_pipeline("grid");
  CHECK(time_of(demo_engine().answer(r), "vision") < 0);
}

TEST_CASE("evidence given by hand is evidence computed") {
  AnswerRequest r = request("three_ways", 16);
  AnswerResult whole;
  const auto d = dumped(r, &whole);
  EvidenceRequest e;
  e.picture = r.pictures[0].image.view();
  e.grid = {10, 8};
  e.vision = d.at("vision");
  e.query = d.at("query");
  e.pipeline = r.pipeline;
  e.budget = r.budget;
  CHECK(allocate_evidence(e).realized.allocation == whole.pictures[0].allocation);
  e.relevance = to_floats(d.at("relevance"));
  e.vision = e.query = {};
  CHECK(allocate_evidence(e).realized.allocation == whole.pictures[0].allocation);
  e.relevance.clear();
  expect_error(Code::missing_evidence, "query.npy", [&] { allocate_evidence(e); });
  e.query = d.at("query");
  expect_error(Code::missing_evidence, "vision.npy", [&] { allocate_evidence(e); });
  e.vision = d.at("deepstack_0");
  e.grid = {10, 7};
  expect_error(Code::shape_mismatch, "expected [70, D]", [&] { allocate_evidence(e); });
}

TEST_CASE("the seed moves the random pipeline alone") {
  const auto kept = [&](std::string_view pipeline, std::uint64_t seed) {
    AnswerRequest r = request(pipeline, 16);
    r.seed = seed;
    r.generate = false;
    return demo_engine().answer(r).pictures[0].allocation.kept;
  };
  CHECK(kept("random", 1) == kept("random", 1));
  CHECK(kept("random", 1) != kept("random", 2));
  CHECK(kept("three_ways", 1) == kept("three_ways", 2));
  CHECK(kept("default", 1) == kept("default", 2));
}

TEST_CASE("the text comes as it is made, and stops when the caller says so") {
  AnswerRequest r = request("full");
  std::string streamed;
  r.on_text = [&](std::string_view piece) {
    streamed += piece;
    return true;
  };
  const AnswerResult all = demo_engine().answer(r);
  CHECK(streamed == all.text);
  CHECK_FALSE(all.cancelled);
  int left = 2;
  r.on_text = nullptr;
  r.cancelled = [&] { return --left == 0; };
  const AnswerResult cut = demo_engine().answer(r);
  CHECK(cut.cancelled);
  CHECK(cut.tokens.size() == 2);
}

TEST_CASE("text alone needs no picture; a question is needed") {
  AnswerRequest r = request("three_ways");
  r.pictures.clear();
  CHECK(demo_engine().answer(r).tokens.size() == 5);
  r.prompt.clear();
  expect_error(Code::bad_prompt, "empty", [&] { demo_engine().answer(r); });
  AnswerRequest oracle = request("oracle", 4);
  oracle.pictures[0].boxes.clear();
  expect_error(Code::missing_evidence, "boxes", [&] { demo_engine().answer(oracle); });
  AnswerRequest nan = request("full");
  nan.generation.temperature = -1.f;
  expect_error(Code::bad_config, "temperature", [&] { demo_engine().answer(nan); });
}

TEST_CASE("a result is a valid config") {
  AnswerRequest r = request("three_ways", 16);
  r.pipeline.settings["balancer.particularize"] = "0.75";
  const AnswerResult result = demo_engine().answer(r);
  ResultNotes notes;
  notes.config = result.settings;
  const std::string json = result_json(demo_engine().model(), r, result, notes);
  const Settings back = io::settings_from_json(json, "result");
  CHECK(back.at("balancer.particularize") == "0.75");
  CHECK(back.size() == result.settings.size());
  AnswerRequest again = request("three_ways", 16);
  again.pipeline.settings = back;
  CHECK(demo_engine().answer(again).settings == result.settings);
}
