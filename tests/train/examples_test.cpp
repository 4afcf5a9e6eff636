#include "train/examples.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <map>

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
    CHECK(d.boxes.size() ==
          1 + 1 + static_cast<std::size_t>(std::count(d.answers.front().begin(), d.answers.front().end(), ' ')));
  }
  const std::map<std::string, std::string> expected{{"Read on from 1.50.", "pear tea and a longer"},
                                                    {"Read on from pear.", "tea and a longer line"},
                                                    {"Read on from and.", "a longer line here end"},
                                                    {"Read on from a.", "longer line here end"},
                                                    {"Read on from longer.", "line here end"},
                                                    {"Read on from line.", "here end"},
                                                    {"Read on from here.", "end"}};
  CHECK(asked == expected);
  CHECK(reading_drills(scenes::Scene{}).empty());
}

TEST_CASE("a question points at its words and at its answer, where the labels have those characters") {
  scenes::GlyphAtlas atlas;
  Index words = 0, ends = 0, answers = 0, labels = 0, same = 0;
  for (const char* scenario : {"receipt", "form", "formula"})
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      const Example e = make_example(scenes::make_scene(params(scenario, seed), atlas), small_config(), 5, seed, 2);
      for (const AskedQuestion& q : e.questions) {
        for (const Pointing& p : q.words) {
          REQUIRE((p.row < q.answer_begin && p.token < e.grid.count() && p.cell < reading_slots));
          // Up to this row the question ends in the word, and the label is its last character, in either case.
          std::string text = Vocabulary::decode({q.ids.begin(), q.ids.begin() + p.row + 1});
          const auto label = e.labels[static_cast<std::size_t>(p.token * reading_slots + p.cell)];
          const char last = text.back();
          ends += label == reading_class(std::string(1, last)) ||
                  label == reading_class(std::string(1, static_cast<char>(std::toupper(last)))) ||
                  label == reading_class(":");  // "Name:" ends in its colon
          CHECK(q.question.starts_with(text));
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
  CHECK(ends >= words * 98 / 100);
  CHECK(answers > 250);
  CHECK(same >= labels * 98 / 100);  // two marks may share a cell; the later one is the label
}

TEST_CASE("words and answers, by hand: the last character of a word, the first of each token of the answer") {
  scenes::Scene s;
  s.image = Image(64, 256);
  write(s, "tea  12", 0, 0);  // centres at row 8, columns 5, 15, 25, 55, 65
  write(s, "jam  34", 40, 0);
  s.questions.push_back(
      {.question = "How much was the jam?", .answers = {"34"}, .boxes = {{40, 0, 56, 30}, {40, 50, 56, 70}}});
  const Example e = make_example(s, small_config(), 1, 1);
  REQUIRE(e.questions.size() == 1);
  const AskedQuestion& q = e.questions[0];
  REQUIRE(q.words.size() == 1);
  CHECK(Vocabulary::decode({q.ids.begin(), q.ids.begin() + q.words[0].row + 1}) == "How much was the jam");
  CHECK(q.words[0].token == 8);  // row 48, column 25: the second row of tokens
  CHECK(q.words[0].cell == 16 * reading_rows / 32 * reading_cols + 25 * reading_cols / 32);
  REQUIRE(q.answers.size() == 2);
  CHECK(q.answers[0].row == q.answer_begin - 1);
  CHECK(q.answers[0].token == 9);
  CHECK(q.answers[0].cell == 2 * reading_cols + 23 * reading_cols / 32);
  CHECK(q.answers[1].row == q.answer_begin);
  CHECK(q.answers[1].token == 10);
  CHECK(q.answers[1].cell == 2 * reading_cols + 1 * reading_cols / 32);
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

TEST_CASE("a film becomes pairs of frames with times, the labels of their first frames and the boxes of their pairs") {
  scenes::GlyphAtlas atlas;
  scenes::SceneParams p = params("video", 7);
  p.height = p.width = 128;
  p.frames = 7;
  const scenes::Scene film = scenes::make_scene(p, atlas);
  const Example e = make_example(film, small_config(), 4, 7, 3);
  CHECK(e.seconds == std::vector<double>{0.0625, 0.3125, 0.5625, 0.75});
  CHECK(e.tokens() == TokenSet({4, 4}, 4));
  CHECK(e.pixels.patches == decltype(e.pixels.patches){4, 8, 8});
  // A pair as a picture of its first frame: the same values there, and its labels.
  const auto values = static_cast<std::size_t>(3 * 2 * 16 * 16), half = values / 6, rows = std::size_t{64};
  REQUIRE(e.pixels.rows.size() == 4 * rows * values);
  for (std::size_t pair = 0; pair < 4; ++pair) {
    scenes::Scene one, two;
    one.image = film.frames[2 * pair].image, one.marks = film.frames[2 * pair].marks;
    two.image = film.frames[std::min<std::size_t>(2 * pair + 1, 6)].image;
    const Example first = make_example(one, small_config(), 4, 7), second = make_example(two, small_config(), 4, 7);
    bool same = true;
    for (std::size_t i = 0; i < rows * values; ++i)
      same = same && e.pixels.rows[pair * rows * values + i] == (i / half % 2 == 0 ? first : second).pixels.rows[i];
    CHECK(same);
    CHECK(std::equal(first.labels.begin(), first.labels.end(),
                     e.labels.begin() + static_cast<std::ptrdiff_t>(pair * first.labels.size())));
  }
  REQUIRE(e.questions.size() == 4);
  for (const AskedQuestion& q : e.questions) {
    CHECK(q.words.empty());
    const auto asked = std::find_if(film.questions.begin(), film.questions.end(),
                                    [&](const scenes::Question& s) { return s.question == q.question; });
    REQUIRE(asked != film.questions.end());
    REQUIRE(q.boxes.size() == asked->frames.size());
    for (std::size_t i = 0; i < q.boxes.size(); ++i) CHECK(q.boxes[i].frame == asked->frames[i] / 2);
  }
}
