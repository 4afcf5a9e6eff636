#include "train/recipe.hpp"

#include <doctest/doctest.h>

#include <set>

#include "arrcoc/io/atomic_file.hpp"
#include "io/temporary_folder.hpp"
#include "train/drops.hpp"
#include "train/watch.hpp"

using namespace arrcoc;
using namespace arrcoc::train;
namespace fs = std::filesystem;

namespace {
std::string message(const std::string& json) {
  test::TemporaryFolder t;
  io::write_file(t.path / "r.json", json);
  try {
    read_recipe(t.path / "r.json");
  } catch (const Error& e) { return e.what(); }
  return {};
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// 4x6 tokens; one question whose box covers tokens (1,1) and (1,2).
Example example() {
  Example e;
  e.grid = {4, 6};
  e.image_height = 128;
  e.image_width = 192;
  AskedQuestion q;
  q.boxes = {{40, 40, 60, 90}};
  e.questions.push_back(q);
  return e;
}
}  // namespace

TEST_CASE("the recipes that ship can be read, and read back as they were") {
  const fs::path folder = fs::path(ARRCOC_TESTS_DIR) / ".." / "models" / "recipes";
  int count = 0;
  for (const auto& file : fs::directory_iterator(folder)) {
    const Recipe r = read_recipe(file.path());
    Settings again;
    for (const ConfigField& f : fields_of(r)) again[f.path] = f.value;
    Recipe copy;
    apply_recipe(copy, again, "again");
    CHECK(fields_of(copy) == fields_of(r));
    ++count;
  }
  CHECK(count >= 4);
  const Recipe r = read_recipe(folder / "reading.json");
  CHECK(r.config.stage == "reading");
  CHECK(r.scenarios ==
        Shares{{"page", 70}, {"shapes", 10}, {"popout", 6}, {"receipt", 6}, {"tiger", 8}});  // the defaults are gone
}

TEST_CASE("what is wrong in a recipe is named") {
  CHECK(has(message(R"({"stage": "dancing"})"), "stage: expected reading or answers, got dancing"));
  CHECK(has(message(R"({"steps": 0})"), "steps: expected at least 1, got 0"));
  CHECK(has(message(R"({"steps": "many"})"), "steps: expected an integer"));
  CHECK(has(message(R"({"learning_rate": -1})"), "learning_rate"));
  CHECK(has(message(R"({"learnin_rate": 0.1})"), "learning_rate"));  // did you mean
  CHECK(has(message(R"({"scenarios": {"recipt": 1}})"), "recipt"));
  CHECK(message(R"({"scenarios": {"video": 1}, "frames": 8})").empty());
  CHECK(has(message(R"({"frames": 1})"), "frames: expected 2 to 600, got 1"));
  CHECK(has(message(R"({"frames_low": 9, "frames": 8})"), "frames_low: expected 0, or 2 to frames, got 9"));
  CHECK(has(message(R"({"scenarios": {"receipt": 0}})"), "expected at least one share above 0"));
  CHECK(has(message(R"({"scenarios": {"receipt": -3}})"), "share"));
  CHECK(has(message(R"({"sizes": {"256": 1}})"), "HxW"));
  CHECK(has(message(R"({"cells": {"3": 1}})"), "whole number from 4 to 256"));
  CHECK(has(message(R"({"fonts": {"6": 1}})"), "whole number below 6"));
  CHECK(has(message(R"({"fonts": {"Times": 1}})"), "any or a whole number"));
  CHECK(has(message(R"({"sizes": {"250x256": 1}})"), "HxW"));
  CHECK(has(message(R"({"drops": {"all": 1}})"), "none, random, grid, boxes"));
  CHECK(has(message(R"({"depth": {"deep": 1}})"), "all, tiers, random"));
  CHECK(has(message(R"({"keep_one_in": {"half": 1}})"), "whole number"));
  CHECK(has(message(R"({"tables": {"x": 1}})"), "no such table"));
  CHECK(has(message(R"({"lines_low": 3, "lines_high": 2})"), "lines_low"));
  CHECK(has(message(R"({"document_lines_low": 9, "lines_high": 8})"), "document_lines_low"));
  CHECK(has(message(R"({"stage": "answers", "answer_weight": 0})"), "trains nothing"));
  CHECK(has(message("{"), "JSON"));
}

TEST_CASE("flags change single shares, files replace tables") {
  Recipe r;
  apply_recipe(r, {{"scenarios.receipt", "0"}, {"steps", "7"}}, "flags", true);
  CHECK(r.scenarios.at("receipt") == 0);
  CHECK(r.scenarios.at("form") == 28);
  CHECK(r.config.steps == 7);
}

TEST_CASE("draws follow their shares") {
  const Shares shares{{"a", 1}, {"b", 0}, {"c", 3}};
  Rng rng(1);
  std::map<std::string, int> seen;
  for (int i = 0; i < 4000; ++i) ++seen[pick(shares, rng)];
  CHECK(seen.size() == 2);
  CHECK(seen["a"] > 850);
  CHECK(seen["a"] < 1150);

  Recipe r;
  r.sizes = {{"256x256", 1}, {"256x384", 1}};
  r.cells = {{"4", 1}, {"16", 1}};
  r.config.lines_low = 2;
  r.config.lines_high = 5;
  std::set<std::pair<Index, Index>> sizes;
  std::set<Index> lines, cells;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::uint64_t seed = training_seed(r, i * 100'000);
    CHECK(scenes::split_of(seed) == scenes::Split::train);
    const scenes::SceneParams p = scene_of(r, seed);
    sizes.insert({p.height, p.width});
    lines.insert(p.lines);
    cells.insert(p.cells);
    const scenes::SceneParams again = scene_of(r, seed);
    CHECK(again.scenario == p.scenario);
    CHECK(again.lines == p.lines);
  }
  CHECK(sizes == std::set<std::pair<Index, Index>>{{256, 256}, {256, 384}});
  CHECK(lines == std::set<Index>{2, 3, 4, 5});
  CHECK(cells == std::set<Index>{4, 16});
  r.config.document_lines_low = 4;
  std::set<Index> in_documents, in_pictures;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const scenes::SceneParams p = scene_of(r, training_seed(r, i));
    (p.scenario == "receipt" || p.scenario == "form" || p.scenario == "formula" ? in_documents : in_pictures)
        .insert(p.lines);
  }
  CHECK(in_documents == std::set<Index>{4, 5});
  CHECK(in_pictures == std::set<Index>{2, 3, 4, 5});
  r.config.frames_low = 8, r.config.frames = 11;
  std::set<Index> frames;
  for (std::uint64_t i = 0; i < 200; ++i) frames.insert(scene_of(r, training_seed(r, i)).frames);
  CHECK(frames == std::set<Index>{8, 9, 10, 11});
  Recipe other = r;
  other.config.stage = "reading";
  CHECK(training_seed(other, 0) != training_seed(r, 0));  // stages do not see the same seeds first
}

TEST_CASE("drops keep what they say") {
  const Example e = example();
  Rng rng(4);
  const auto boxed = tokens_in_boxes(e);
  std::vector<Index> in;
  for (Index t = 0; t < 24; ++t)
    if (boxed[static_cast<std::size_t>(t)]) in.push_back(t);
  CHECK(in == std::vector<Index>{7, 8});
  CHECK(kept_tokens("none", e, 4, rng).empty());
  for (const char* kind : {"random", "grid", "boxes"})
    for (const Index one_in : {1, 2, 4, 8, 24, 1000}) {
      const auto kept = kept_tokens(kind, e, one_in, rng);
      const auto want = std::max<Index>(1, static_cast<Index>(24.0 / static_cast<double>(one_in) + 0.5));
      CHECK(static_cast<Index>(kept.size()) == (kind == std::string("boxes") ? std::max<Index>(want, 2) : want));
      CHECK(std::is_sorted(kept.begin(), kept.end()));
      CHECK(std::set<Index>(kept.begin(), kept.end()).size() == kept.size());
      if (kind == std::string("boxes"))
        for (const Index t : in) CHECK(std::find(kept.begin(), kept.end(), t) != kept.end());
    }
  CHECK(kept_tokens("random", e, 4, rng) != kept_tokens("random", e, 4, rng));
  CHECK_THROWS_AS(kept_tokens("some", e, 4, rng), Error);
}

TEST_CASE("drops of a clip count through its pairs, boxes lie in theirs") {
  Example e = example();
  e.seconds = {0, 1, 2};
  e.questions[0].boxes[0].frame = 2;
  const auto boxed = tokens_in_boxes(e);
  REQUIRE(boxed.size() == 72);
  CHECK(std::count(boxed.begin(), boxed.end(), true) == 2);
  CHECK((boxed[48 + 7] && boxed[48 + 8]));
  Rng rng(6);
  for (const char* kind : {"random", "grid", "boxes"}) {
    const auto kept = kept_tokens(kind, e, 4, rng);
    CHECK(kept.size() == 18);
    CHECK(kept.back() >= 24);
    CHECK((kind != std::string("boxes") || answerable(e, e.questions[0], kept)));
  }
  CHECK(kept_levels("tiers", e, {}, 3, rng).size() == 72);
}

TEST_CASE("boxes: whole questions while there is room; a question is answerable when all it needs is kept") {
  Example e = example();  // tokens 7 and 8
  AskedQuestion wide, none;
  wide.boxes = {{100, 0, 120, 192}, {70, 170, 90, 190}};  // 18 to 23, and 17
  e.questions.push_back(wide);
  e.questions.push_back(none);
  CHECK(answerable(e, wide, {}));
  CHECK(answerable(e, none, {}));
  CHECK_FALSE(answerable(e, none, {3}));
  CHECK(answerable(e, wide, {1, 17, 18, 19, 20, 21, 22, 23}));
  CHECK_FALSE(answerable(e, wide, {1, 18, 19, 20, 21, 22, 23}));
  Rng rng(5);
  std::set<bool> first, second;
  for (int i = 0; i < 30; ++i) {
    const auto kept = kept_tokens("boxes", e, 3, rng);  // 8 of 24: one of the two
    CHECK((kept.size() == 8 || (kept.size() == 7 && answerable(e, wide, kept))));
    CHECK((answerable(e, e.questions[0], kept) || answerable(e, wide, kept)));
    first.insert(answerable(e, e.questions[0], kept));
    second.insert(answerable(e, wide, kept));
    const auto half = kept_tokens("boxes", e, 2, rng);  // 12: both
    CHECK((half.size() == 12 && answerable(e, e.questions[0], half) && answerable(e, wide, half)));
    const auto least = kept_tokens("boxes", e, 24, rng);  // 1: one question all the same
    CHECK(answerable(e, wide, least) != answerable(e, e.questions[0], least));
  }
  CHECK((first.size() == 2 && second.size() == 2));
}

TEST_CASE("depth drops: boxes keep every level, the others lose the first taps first") {
  const Example e = example();
  Rng rng(4);
  CHECK(kept_levels("all", e, {}, 3, rng).empty());
  std::map<int, int> seen;
  for (int i = 0; i < 200; ++i) {
    const auto masks = kept_levels("tiers", e, {}, 3, rng);
    REQUIRE(masks.size() == 24);
    CHECK(masks[7] == 0b111);
    CHECK(masks[8] == 0b111);
    ++seen[masks[0]];
    const auto some = kept_levels("tiers", e, {3, 8}, 3, rng);
    REQUIRE(some.size() == 2);
    CHECK(some[1] == 0b111);
  }
  CHECK(seen.size() == 3);  // {0,1,2} 30 %, {1,2} 30 %, {2} 40 %
  CHECK(std::abs(seen[0b111] - 60) < 25);
  CHECK(std::abs(seen[0b110] - 60) < 25);
  CHECK(std::abs(seen[0b100] - 80) < 25);
  std::set<int> any;
  for (int i = 0; i < 20; ++i)
    for (const auto m : kept_levels("random", e, {}, 3, rng)) any.insert(m);
  CHECK(any.size() == 8);
}

TEST_CASE("depth curriculum: no level, then one more after the other, over whatever masks were drawn") {
  StageConfig c;
  CHECK(levels_at(c, 0, 3) == 3);
  c.levels_from = 2000;
  c.levels_all = 5000;
  std::vector<Index> seen;
  for (const Index step : {0, 1999, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 90000})
    seen.push_back(levels_at(c, step, 3));
  CHECK(seen == std::vector<Index>{0, 0, 1, 1, 2, 2, 3, 3, 3, 3});
  c.levels_all = 2000;
  CHECK(levels_at(c, 1999, 3) == 0);
  CHECK(levels_at(c, 2000, 3) == 3);
  c.levels_from = 2001;
  CHECK_THROWS_WITH(c.validate(), doctest::Contains("levels_from: expected 0 to levels_all, got 2001"));
  Kept all, some{{1, 4}, {0b110, 0b001}};
  limit_levels(all, 4, 3, 3);
  CHECK(all.levels.empty());
  limit_levels(all, 4, 3, 1);
  CHECK(all.levels == std::vector<std::uint8_t>{1, 1, 1, 1});
  limit_levels(some, 9, 3, 2);
  CHECK(some.levels == std::vector<std::uint8_t>{0b010, 0b001});
  Kept none;
  limit_levels(none, 2, 3, 0);
  CHECK(none.levels == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE("alarms: a loss that falls apart, a gradient that is gone") {
  Watch good;
  for (const double loss : {5.0, 4.0, 4.5, 3.0, 3.3, 6.4, 3.1, 6.4, 6.4, 3.0})
    CHECK_FALSE(good.add(loss, 1));  // below 2 * best + 0.5
  Watch bad;
  CHECK_FALSE(bad.add(1.0, 1));
  CHECK_FALSE(bad.suspicious());
  CHECK_FALSE(bad.add(9.0, 1));
  CHECK(bad.suspicious());
  CHECK_FALSE(bad.add(9.0, 1));
  CHECK(bad.add(9.0, 1));
  Watch still;
  CHECK_FALSE(still.add(1, 0));
  CHECK_FALSE(still.add(1, 0));
  CHECK(still.add(1, 0));
}
