// Many questions about one picture: each answer is the one that `answer` gives for it alone.
#include <doctest/doctest.h>

#include "arrcoc/engine/framed.hpp"
#include "engine/demo_engine.hpp"
#include "pipeline/material.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

AnswerRequest shared_request() {
  AnswerRequest r;
  r.pictures.push_back({noise_image(320, 256, 5), "noise", 1.5, {}});
  r.system = "Be brief.";
  r.generation.max_new_tokens = 24;
  r.generation.ignore_eos = true;
  return r;
}

Ask ask(std::string prompt, std::string_view pipeline, Index budget = 0, std::uint64_t seed = 0) {
  Ask a;
  a.prompt = std::move(prompt);
  a.stock = pipeline == "stock";
  if (!a.stock) a.pipeline = preset_pipeline(pipeline);
  a.budget.tokens = budget;
  a.seed = seed;
  return a;
}

double time_of(const std::vector<StageTime>& times, std::string_view stage) {
  for (const StageTime& t : times)
    if (t.stage == stage) return t.milliseconds;
  return -1;
}

}  // namespace

TEST_CASE("many answers equal answers one by one, with and without shared beginnings") {
  ManyRequest m;
  m.shared = shared_request();
  for (const char* question : {"What is the total?", "Which shop is this? Name it in full.", "Why?"})
    for (const char* pipeline : {"stock", "full", "grid", "random", "three_ways", "oracle"}) {
      m.asks.push_back(ask(question, pipeline, 16, 9));
      m.asks.back().boxes = {{{0, 0, 40, static_cast<double>(40 + 8 * m.asks.size())}}};
    }
  for (const bool share : {true, false}) {
    m.share_prefix = share;
    const ManyResult many = demo_engine().answer_many(m);
    REQUIRE(many.answers.size() == m.asks.size());
    CHECK(!many.cancelled);
    CHECK(time_of(many.times, "vision") > 0);
    CHECK(time_of(many.times, "decode_image") == 1.5);
    for (std::size_t i = 0; i < m.asks.size(); ++i) {
      AnswerRequest one = shared_request();
      one.pictures[0].boxes = m.asks[i].boxes[0];
      one.prompt = m.asks[i].prompt;
      one.stock = m.asks[i].stock;
      one.pipeline = m.asks[i].pipeline;
      one.budget = m.asks[i].budget;
      one.seed = m.asks[i].seed;
      const AnswerResult alone = demo_engine().answer(one), &together = many.answers[i];
      INFO(alone.pipeline, " ", one.prompt);
      CHECK(together.tokens == alone.tokens);
      CHECK(together.text == alone.text);
      CHECK(together.pipeline == alone.pipeline);
      CHECK(together.pictures[0].allocation == alone.pictures[0].allocation);
      CHECK(together.pictures[0].balanced.relevance == alone.pictures[0].balanced.relevance);
      CHECK(together.cached == alone.cached);
      CHECK(together.grids == alone.grids);
      CHECK(together.costs.sequence_length == alone.costs.sequence_length);
      CHECK(together.costs.deepstack_additions == alone.costs.deepstack_additions);
      CHECK(together.costs.prefill_flops == alone.costs.prefill_flops);
      CHECK(together.costs.vision_flops == alone.costs.vision_flops);
    }
  }
}

TEST_CASE("a bound on what the tower gave: the same answers, more encodings, and results that made room") {
  ManyRequest m;
  m.shared = shared_request();
  const char* const early = "texture13/information+perspectival/fixed/top_k/early";
  for (const char* question : {"What is the total?", "Which shop is this? Name it in full.", "Why?"})
    for (const char* pipeline : {"full", early, "three_ways", "none/tower_attention:block=0/fixed/top_k/tower:before=1",
                                 "none/feature_norm/fixed/top_k/gather"})
      for (const Index budget : {16, 30}) {
        Ask& a = m.asks.emplace_back(ask(question, "full", budget, 9));
        a.pipeline = std::string_view(pipeline).find('/') == std::string_view::npos ? preset_pipeline(pipeline)
                                                                                    : parse_pipeline_name(pipeline);
      }
  std::vector<ManyResult> results;
  for (const std::int64_t bound : {std::int64_t{1} << 30, std::int64_t{0}, std::int64_t{1} << 18}) {
    m.evidence_bytes = bound;
    results.push_back(demo_engine().answer_many(m));
  }
  // The whole picture, two budgets before the tower, and what is decided in the tower: three questions at two budgets.
  // Column by column: where nothing but the last may stay, the whole is encoded again behind the two.
  CHECK(results[0].encodings == 9);
  CHECK(results[0].dropped == 0);
  CHECK(results[1].encodings == 10);
  for (std::size_t r : {1, 2}) {
    CAPTURE(r);
    CHECK(results[r].dropped > 0);
    REQUIRE(results[r].answers.size() == m.asks.size());
    for (std::size_t i = 0; i < m.asks.size(); ++i) {
      const AnswerResult &all = results[0].answers[i], &some = results[r].answers[i];
      INFO(all.pipeline, " ", m.asks[i].prompt);
      CHECK(some.tokens == all.tokens);
      CHECK(some.pictures[0].allocation == all.pictures[0].allocation);
      CHECK(some.pictures[0].balanced.relevance == all.pictures[0].balanced.relevance);
      CHECK(some.cached == all.cached);
      CHECK(some.costs.prefill_flops == all.costs.prefill_flops);
    }
  }
  // One shelf alone, however large: nothing could go, and the questions share their beginning.
  std::erase_if(m.asks, [](const Ask& a) { return a.pipeline != preset_pipeline("full"); });
  m.evidence_bytes = 0;
  const ManyResult whole = demo_engine().answer_many(m);
  CHECK(whole.encodings == 1);
  CHECK(whole.dropped == 0);
}

TEST_CASE("what is resampled before the tower goes by the run's own resize") {
  std::vector<std::vector<float>> relevance;
  for (const auto resize : {qwen3vl::Resize::torchvision, qwen3vl::Resize::pillow}) {
    ManyRequest m;
    m.shared = shared_request();
    m.shared.resize = resize;
    m.asks.push_back(ask("Why?", "full", 4));
    m.asks[0].pipeline = parse_pipeline_name("none/none/flat/one_region/downsample@9%feature_norm/fixed/top_k/gather");
    m.asks[0].generate = false;
    AnswerRequest one = m.shared;
    one.prompt = "Why?";
    one.pipeline = m.asks[0].pipeline;
    one.budget = m.asks[0].budget;
    one.generate = false;
    const AnswerResult alone = demo_engine().answer(one), together = demo_engine().answer_many(m).answers[0];
    CHECK(together.pictures[0].balanced.relevance == alone.pictures[0].balanced.relevance);
    relevance.push_back(alone.pictures[0].balanced.relevance);
  }
  CHECK(relevance[0] != relevance[1]);
}

TEST_CASE(
    "faults of harnesses beside correct columns: each answer is the one that it has alone, correct ones unchanged") {
  const std::vector<std::string> columns{"grid",
                                         "grid:injector.positions=sequential",
                                         "grid:injector.positions=seed",
                                         "grid:injector.rotary=blocked",
                                         "grid:injector.deepstack=dropped",
                                         "grid:picture=grey_square",
                                         "grid:maps=first",
                                         "three_ways:query=template"};
  ManyRequest m, plain;
  m.shared = plain.shared = shared_request();
  for (const std::string& column : columns) {
    m.asks.push_back(ask("What is the total?", column, 16));
    m.asks.back().boxes = {{{0, 0, 40, 64}}};
  }
  plain.asks = {m.asks[0]};
  const ManyResult many = demo_engine().answer_many(m);
  CHECK(many.answers[0].tokens == demo_engine().answer_many(plain).answers[0].tokens);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    CAPTURE(columns[i]);
    AnswerRequest one = shared_request();
    one.pictures[0].boxes = m.asks[i].boxes[0];
    one.prompt = m.asks[i].prompt;
    one.pipeline = m.asks[i].pipeline;
    one.budget = m.asks[i].budget;
    const AnswerResult alone = demo_engine().answer(one), &together = many.answers[i];
    CHECK(together.tokens == alone.tokens);
    CHECK(together.pictures[0].allocation == alone.pictures[0].allocation);
    CHECK(together.pipeline == alone.pipeline);
    CHECK(together.pipeline.find(columns[i].substr(columns[i].find_last_of(".:") + 1)) != std::string::npos);
  }
  // 320 x 256 on a square of 320: a grid of its own. Levels that a fault drops are not among the additions.
  CHECK(many.answers[0].grids == std::vector<Grid>{{10, 8}});
  CHECK(many.answers[5].grids == std::vector<Grid>{{10, 10}});
  CHECK(many.answers[0].costs.deepstack_additions == 48);
  CHECK(many.answers[1].costs.deepstack_additions == 48);
  CHECK(many.answers[4].costs.deepstack_additions == 0);
  CHECK(many.answers[1].tokens != many.answers[0].tokens);
  CHECK(many.answers[2].tokens != many.answers[0].tokens);
  CHECK(many.answers[4].tokens != many.answers[0].tokens);
}

TEST_CASE("a picture in a frame: grey borders, boxes moved with it") {
  const Image noise = noise_image(3, 6, 5);
  InputPicture in{noise, "noise", 0, {{0, 1, 3, 4}}, {}};
  CHECK(framed(in, Framing::native).image == noise);
  const InputPicture square = framed(in, Framing::grey_square);
  REQUIRE(square.image.height == 6);
  REQUIRE(square.image.width == 6);
  for (Index r = 0; r < 6; ++r)
    for (Index i = 0; i < 18; ++i)  // (6 - 3) / 2 = 1 row above, 2 below
      CHECK(square.image.view().row(r)[i] == (r >= 1 && r < 4 ? noise.view().row(r - 1)[i] : 127));
  CHECK(square.boxes == std::vector<Box>{{1, 1, 4, 4}});
}

TEST_CASE("a prompt that keeps fewer tokens than a shared part wants is run whole") {
  ManyRequest m;
  m.shared = shared_request();
  m.shared.system.clear();
  for (const char* question : {"a", "What is the total?"}) m.asks.push_back(ask(question, "grid", 1));
  const ManyResult many = demo_engine().answer_many(m);
  for (std::size_t i = 0; i < 2; ++i) {
    AnswerRequest one = m.shared;
    one.prompt = m.asks[i].prompt;
    one.pipeline = m.asks[i].pipeline;
    one.budget = m.asks[i].budget;
    CHECK(demo_engine().answer(one).tokens == many.answers[i].tokens);
  }
}

TEST_CASE("levels: a kept token receives those that are left in") {
  ManyRequest m;
  m.shared = shared_request();
  for (const std::uint32_t levels : {all_levels, 0u, 1u, 6u}) {
    m.asks.push_back(ask("What is the total?", "grid", 16));
    m.asks.back().levels = levels;
  }
  const ManyResult r = demo_engine().answer_many(m);
  CHECK(r.answers[0].costs.deepstack_additions == 48);
  CHECK(r.answers[1].costs.deepstack_additions == 0);
  CHECK(r.answers[2].costs.deepstack_additions == 16);
  CHECK(r.answers[3].costs.deepstack_additions == 32);
  for (std::size_t i = 1; i < 4; ++i) {
    CHECK(r.answers[i].pictures[0].allocation.kept == r.answers[0].pictures[0].allocation.kept);
    CHECK(r.answers[i].tokens != r.answers[0].tokens);
  }
  m.asks = {ask("What?", "stock")};
  m.asks[0].levels = 1;
  expect_error(Code::bad_config, "levels", [&] { demo_engine().answer_many(m); });
}

TEST_CASE("nothing asked: an empty prompt has an answer, and no tower runs where nobody looks") {
  ManyRequest m;
  m.shared = shared_request();
  m.asks = {ask("", "grid", 16)};
  CHECK(demo_engine().answer_many(m).answers[0].tokens.size() == 24);
  m.asks[0].generate = false;
  const ManyResult r = demo_engine().answer_many(m);
  CHECK(time_of(r.times, "vision") < 0);
  CHECK(r.answers[0].pictures[0].allocation.kept.size() == 16);
  CHECK(r.answers[0].costs.deepstack_additions == 48);
  CHECK(r.answers[0].tokens.empty());
  m.asks[0] = ask("", "three_ways", 16);  // a zero query
  m.asks[0].generate = false;
  CHECK(time_of(demo_engine().answer_many(m).times, "vision") > 0);
}

TEST_CASE("cancelled between answers and inside one") {
  ManyRequest m;
  m.shared = shared_request();
  for (int i = 0; i < 3; ++i) m.asks.push_back(ask("What is the total?", "grid", 16));
  Index asked = 0;
  m.shared.cancelled = [&] { return ++asked > 30; };
  CHECK(demo_engine().answer_many(m).cancelled);
  CHECK(asked == 31);
}
