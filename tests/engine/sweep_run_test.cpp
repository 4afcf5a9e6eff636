// What a sweep makes of questions that cannot be answered, on an engine that fails as it is told.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "arrcoc/sweep/run.hpp"

using namespace arrcoc;

namespace {

struct FailingEngine final : Engine {
  std::function<void(const Ask&)> before = [](const Ask&) {};
  std::vector<std::string> systems;  // of every call
  ModelSummary summary;

  const ModelSummary& model() const override { return summary; }
  double wait_loaded() override { return 0; }
  AnswerResult answer(const AnswerRequest&) override { fail(Code::bad_usage, "test", "not asked"); }
  ManyResult answer_many(const ManyRequest& request) override {
    systems.push_back(request.shared.system);
    ManyResult out;
    for (const Ask& ask : request.asks) {
      before(ask);
      AnswerResult one;
      one.text = ask.prompt;
      one.pipeline = "ran";
      out.answers.push_back(std::move(one));
    }
    out.times = {{"vision", 1.0}};
    return out;
  }
  MachineLimits limits() const override { return {}; }
  std::vector<Entry> strategies() const override { return {}; }
  void load_plugin(const std::filesystem::path&) override {}
};

/// Two questions about one picture, through two columns.
struct Bench {
  FailingEngine engine;
  std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("arrcoc_sweep_run" + std::to_string(::getpid()) + ".png");
  std::vector<io::Sample> samples{2};
  SweepRunner runner = made();

  Bench() {
    Image image;
    image.height = image.width = 32;
    image.rgb.assign(32 * 32 * 3, 7);
    io::write_png(file, image.view());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      samples[i].id = i == 0 ? "one" : "two";
      samples[i].images = {{file}};
      samples[i].image_names = {"x.png"};
      samples[i].question = samples[i].id + "?";
      samples[i].answers = {samples[i].question};
      samples[i].boxes = {{}};
    }
  }
  ~Bench() { std::filesystem::remove(file); }
  SweepRunner made() {
    SweepChoice choice;
    choice.pipelines = {"full", "grid"};
    choice.budgets = {Budget{4, 0}};
    AnswerRequest shared;
    shared.system = "Be brief.";
    return SweepRunner(engine, sweep_columns(choice, 3, {}), shared, {}, false, true);
  }
  std::vector<SweepRow> rows() { return runner.run_or_explain(by_picture(samples).at(0)).rows; }
  /// "one full", "one grid", "two full", "two grid": the error's code in brackets, or the prediction.
  static std::vector<std::string> told(const std::vector<SweepRow>& rows) {
    std::vector<std::string> out;
    for (const SweepRow& r : rows) {
      CHECK(r.error.empty() == r.prediction.has_value());
      CHECK(r.error.empty() == r.score.has_value());
      out.push_back(r.error.empty() ? *r.prediction : r.error.substr(r.error.rfind("(E")));
    }
    return out;
  }
};

using Told = std::vector<std::string>;
bool grid_of_two(const Ask& a) { return a.prompt == "two?" && a.pipeline.last().allocator == "grid"; }

}  // namespace

TEST_CASE("a column that fails on one question is one row with the reason") {
  Bench b;
  CHECK(Bench::told(b.rows()) == Told{"one?", "one?", "two?", "two?"});
  b.engine.before = [](const Ask& a) {
    if (grid_of_two(a)) fail(Code::bad_number, "scorer", "expected finite scores, got NaN");
  };
  const std::vector<SweepRow> rows = b.rows();
  CHECK(Bench::told(rows) == Told{"one?", "one?", "two?", "(E411)"});
  CHECK(rows[3].key == "two grid@4");
  CHECK(rows[3].question == "two?");
  CHECK(rows[1].loyal == 1.0);
  CHECK_FALSE(rows[3].loyal.has_value());
}

TEST_CASE("what is common to all questions outlives an error") {
  Bench b;
  b.engine.before = [](const Ask& a) {
    if (grid_of_two(a)) fail(Code::bad_number, "scorer", "expected finite scores, got NaN");
  };
  b.rows();
  b.engine.before = [](const Ask&) {};
  b.rows();
  CHECK(b.engine.systems == Told(b.engine.systems.size(), "Be brief."));
}

TEST_CASE("an error of a strategy ends the run where its column has answered nothing") {
  const auto refuse = [](const Ask& a) {
    if (a.pipeline.last().allocator == "grid") fail(Code::bad_config, "grid", "expected another setting");
  };
  Bench b;
  b.engine.before = refuse;
  CHECK_THROWS_WITH_AS(b.rows(), doctest::Contains("E101"), Error);
  SUBCASE("in this process") {
    b.engine.before = [](const Ask&) {};
    b.rows();
    b.engine.before = refuse;
    CHECK(Bench::told(b.rows()) == Told{"one?", "(E101)", "two?", "(E101)"});
  }
  SUBCASE("in one before") {
    b.runner.has_answered("grid@4");
    CHECK(Bench::told(b.rows()) == Told{"one?", "(E101)", "two?", "(E101)"});
  }
}

TEST_CASE("errors of the machine and the model are nobody's row") {
  Bench b;
  b.rows();
  for (const Code code : {Code::device_error, Code::bad_weight, Code::bad_output}) {
    b.engine.before = [&](const Ask& a) {
      if (grid_of_two(a)) fail(code, "test", "broken");
    };
    CHECK_THROWS_AS(b.rows(), Error);
  }
}

TEST_CASE("a picture that cannot be read is a row for each question and column") {
  Bench b;
  std::filesystem::resize_file(b.file, 40);
  CHECK(Bench::told(b.rows()) == Told(4, "(E408)"));
}

TEST_CASE("a row gives back every cost that it was written with") {
  SweepRow row;
  row.key = "one full";
  row.id = "one";
  Costs& c = row.costs;
  double next = 0;
  for (Index* count :
       {&c.visual_tokens_before, &c.visual_tokens_after, &c.visual_tokens_encoded, &c.sequence_length_before,
        &c.sequence_length, &c.deepstack_additions, &c.legacy_effective_tokens})
    *count = static_cast<Index>(next += 1);
  for (double* number : {&c.vision_flops, &c.merger_flops, &c.evidence_flops, &c.prefill_flops,
                         &c.decode_flops_per_token, &c.kv_bytes, &c.token_layers, &c.decode_visual_tokens})
    *number = next += 1.5;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("arrcoc_sweep_rows" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const std::string line = row_json(row, false);
  std::ofstream(folder / "rows.jsonl") << line;
  const std::vector<SweepRow> back = read_rows(folder.string());
  std::filesystem::remove_all(folder);
  REQUIRE(back.size() == 1);
  CHECK(column_label(back[0]) == "full");
  CHECK(back[0].costs.decode_visual_tokens == c.decode_visual_tokens);
  CHECK(back[0].costs.visual_tokens_encoded == 3);
  CHECK(back[0].costs.legacy_effective_tokens == 7);
  CHECK(row_json(back[0], false) == line);
}
