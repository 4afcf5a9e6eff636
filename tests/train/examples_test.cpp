#include "train/examples.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace arrcoc;
using namespace arrcoc::train;

namespace {
scenes::SceneParams params(const std::string& scenario, std::uint64_t seed) {
  scenes::SceneParams p;
  p.seed = seed;
  p.scenario = scenario;
  p.lines = 3;
  p.font = 0;
  return p;
}

/// A line of text whose characters are 10 px wide and 16 px high, spaces left out.
void write(scenes::Scene& s, const std::string& text, double row, double col) {
  for (const char c : text) {
    if (c != ' ') s.marks.push_back({std::string(1, c), {row, col, row + 16, col + 10}});
    col += 10;
  }
}
}  // namespace

TEST_CASE("drills ask for what is drawn after a word, if the word stands once") {
  scenes::Scene s;
  write(s, "tea 1.50 pear", 0, 0);
  write(s, "tea and a longer line here", 32, 0);
  s.marks.push_back({"red circle", {64, 0, 96, 32}});
  write(s, "end", 64, 64);
  const auto drills = reading_drills(s);
  std::map<std::string, std::string> asked;
  for (const auto& d : drills) {
    asked[d.question] = d.answers.front();
    CHECK(d.answers.front().size() <= 24);
    CHECK(d.boxes.size() == 1 + 1 + static_cast<std::size_t>(std::count(d.answers.front().begin(), d.answers.front().end(), ' ')));
  }
  const std::map<std::string, std::string> expected{{"Read on from 1.50.", "pear tea and a longer"}, {"Read on from pear.", "tea and a longer line"},
                                                    {"Read on from and.", "a longer line here end"}, {"Read on from a.", "longer line here end"},
                                                    {"Read on from longer.", "line here end"}, {"Read on from line.", "here end"}, {"Read on from here.", "end"}};
  CHECK(asked == expected);
  CHECK(reading_drills(scenes::Scene{}).empty());
}

TEST_CASE("a question points at its words and at its answer, where the labels have those characters") {
  scenes::GlyphAtlas atlas;
  Index words = 0, answers = 0, labels = 0, same = 0;
  for (const char* scenario : {"receipt", "form", "formula"})
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Example e = make_example(scenes::make_scene(params(scenario, seed), atlas), small_config(), 5, seed, 2);
      for (const AskedQuestion& q : e.questions) {
        for (const Pointing& p : q.words) {
          REQUIRE((p.row < q.answer_begin && p.token < e.grid.count() && p.cell < reading_slots));
          ++words;
        }
        if (!q.answers.empty()) CHECK(q.answers.front().row + 1 == q.answer_begin);
        for (const Pointing& p : q.answers) {
          REQUIRE((p.row + 1 >= q.answer_begin && p.row + 2 < static_cast<Index>(q.ids.size())));
          const std::string next = Vocabulary::decode({q.ids[static_cast<std::size_t>(p.row) + 1]});
          const std::string first(1, next[next.find_first_not_of(' ')]);
          same += e.labels[static_cast<std::size_t>(p.token * reading_slots + p.cell)] == reading_class(first);
          ++labels;
        }
        answers += !q.answers.empty();
      }
    }
  CHECK(words > 150);
  CHECK(answers > 250);
  CHECK(same >= labels * 98 / 100);  // two marks may share a cell; the later one is the label
}

TEST_CASE("an answer that stands twice in its boxes, or not at all, is not pointed at") {
  scenes::Scene s;
  s.image = Image(64, 256);
  write(s, "12 and 12", 0, 0);
  s.questions.push_back({.question = "What is the number?", .answers = {"12"}, .boxes = {{0, 0, 16, 90}}});
  s.questions.push_back({.question = "What is the number?", .answers = {"12"}, .boxes = {{0, 0, 16, 20}}});
  s.questions.push_back({.question = "What is the number?", .answers = {"13"}, .boxes = {{0, 0, 16, 90}}});
  for (const auto& [which, expected] : {std::pair<std::size_t, std::size_t>{0, 0}, {1, 2}, {2, 0}}) {
    scenes::Scene one = s;
    one.questions = {s.questions[which]};
    const Example e = make_example(one, small_config(), 1, 1);
    REQUIRE(e.questions.size() == 1);
    CHECK(e.questions[0].answers.size() == expected);
    CHECK(e.questions[0].words.empty());
  }
}
