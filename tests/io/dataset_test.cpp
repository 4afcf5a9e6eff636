#include "arrcoc/io/dataset.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/image_file.hpp"
#include "temporary_folder.hpp"

using namespace arrcoc;

namespace {

struct Data : test::TemporaryFolder {
  Data() {
    std::filesystem::create_directory(path / "images");
    io::write_png(path / "images/a.png", Image(40, 60).view());
    std::ofstream(path / "images/b.jpg") << "no PNG";
  }
  void write(const std::string& text) const { std::ofstream(path / "questions.jsonl", std::ios::binary) << text; }
  std::string refusal(const std::string& text, Code code, const io::DatasetChoice& choice = {}) const {
    write(text);
    try {
      io::read_questions(path, choice);
    } catch (const Error& e) {
      INFO(e.what());
      CHECK(e.code() == code);
      CHECK(std::string(e.what()).find('\n') == std::string::npos);
      return e.what();
    }
    return "accepted";
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A good line; `change` goes in front of its end.
std::string line(const std::string& id, const std::string& change = "") {
  return R"({"id":")" + id +
         R"(","images":["images/a.png"],"question":"Q?","answers":["A"],"boxes":[[0,0,10,20.5]],"scenario":"form","split":"test")" +
         change + "}\n";
}

}  // namespace

TEST_CASE("a line becomes a sample; keys that nobody knows are left alone") {
  const Data d;
  d.write(
      line("x", R"(,"metric":"relaxed","difficulty":4,"kind":"plain","expected_tokens":[1,2],"note":{"a":[1]})") +
      "\r\n" +
      R"({"id":"y","images":["images/a.png","images/b.jpg"],"question":"","answers":[],"metric":"none","boxes":[[1,2,3,4],[5,6,7,8]],"box_images":[1,0]})");
  for (const auto& given : {d.path, d.path / "questions.jsonl"}) {
    const auto samples = io::read_questions(given);
    REQUIRE(samples.size() == 2);
    CHECK(samples[0].id == "x");
    CHECK(samples[0].images == std::vector<std::filesystem::path>{d.path / "images/a.png"});
    CHECK(samples[0].image_names == std::vector<std::string>{"images/a.png"});
    CHECK(samples[0].answers == std::vector<std::string>{"A"});
    CHECK(samples[0].boxes == std::vector<std::vector<Box>>{{{0, 0, 10, 20.5}}});
    CHECK(samples[0].metric == "relaxed");
    CHECK(samples[0].difficulty == 4);
    CHECK(samples[0].line == 1);
    CHECK(samples[1].line == 3);  // the empty line counts
    CHECK(samples[1].metric == "none");
    CHECK(samples[1].boxes == std::vector<std::vector<Box>>{{{5, 6, 7, 8}}, {{1, 2, 3, 4}}});
    CHECK(samples[1].kind == "plain");
  }
}

TEST_CASE("scenario, split and limit") {
  const Data d;
  const auto with = [](std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  };
  d.write(line("a") + with(line("b"), "form", "receipt") + with(line("c"), "test", "dev") + line("d"));
  const auto ids = [&](const io::DatasetChoice& choice) {
    std::string out;
    for (const auto& s : io::read_questions(d.path, choice)) out += s.id;
    return out;
  };
  CHECK(ids({}) == "abcd");
  CHECK(ids({{"form"}, "", 0}) == "acd");
  CHECK(ids({{"receipt", "form"}, "test", 2}) == "ab");
  CHECK(ids({{}, "dev", 9}) == "c");
  const std::string all = line("a") + with(with(line("b"), "form", "receipt"), "test", "dev");
  CHECK(has(d.refusal(all, Code::unknown_strategy, {{"tiger"}, "", 0}), "'tiger'; expected one of form, receipt"));
  CHECK(has(d.refusal(all, Code::bad_text, {{}, "train", 0}), "split 'train' is empty; expected one of dev, test"));
  CHECK(has(d.refusal(all, Code::bad_text, {{"form"}, "dev", 0}),
            "no question of the chosen scenarios is in split 'dev'"));
}

TEST_CASE("what is wrong names the line") {
  const Data d;
  const auto second = [&](const std::string& bad, Code code = Code::bad_text) {
    const std::string message = d.refusal(line("good") + bad + "\n", code);
    CHECK_MESSAGE(has(message, "line 2"), message);
    return message;
  };
  CHECK(has(second("{"), "JSON"));
  CHECK(has(second("[]"), "expected a JSON object"));
  CHECK(has(second("{\"id\":\"\xff\"}"), "UTF-8"));
  CHECK(has(second(line("good")), "id 'good' stands in line 1 already"));
  CHECK(has(second(R"({"id":"b","question":"Q","answers":["A"]})"), "images: expected at least one picture"));
  CHECK(
      has(second(R"({"id":"b","images":["images/a.png"],"answers":["A"]})"), "question: expected a string, got none"));
  CHECK(
      has(second(R"({"images":["images/a.png"],"question":"Q","answers":["A"]})"), "id: expected a string, got none"));
  CHECK(has(second(R"({"id":"","images":["images/a.png"],"question":"Q","answers":["A"]})"), "id: expected a name"));
  CHECK(has(second(R"({"id":"b","images":["images/a.png"],"question":"Q","answers":[]})"),
            "answers: expected at least one"));
  CHECK(
      has(second(R"({"id":"b","images":["images/a.png"],"question":"Q","answers":"A"})"), "answers: expected a list"));
  CHECK(has(second(R"({"id":"b","images":["images/a.png"],"question":"Q","answers":[1]})"),
            "answers: expected a string, got 1"));
  CHECK(has(second(R"({"id":"b","images":["images/none.png"],"question":"Q","answers":["A"]})", Code::file_missing),
            "no such picture"));
  CHECK(has(second(R"({"id":"b","images":["images"],"question":"Q","answers":["A"]})", Code::file_missing),
            "no such picture"));
  for (const char* bad : {"[1,2,3]", "[1,2,3,\"4\"]", "7", "[1,2,3,null]"}) {
    std::string text = line("b");
    CHECK(has(second(text.replace(text.find("[0,0,10,20.5]"), 13, bad)), "boxes: expected [row0, col0, row1, col1]"));
  }
  CHECK(has(second(line("b", R"(,"box_images":[1])")), "box_images: expected below 1, got 1"));
  CHECK(has(second(line("b", R"(,"box_images":[0,0])")), "box_images: expected one for each of 1 boxes, got 2"));
  CHECK(has(second(line("b", R"(,"box_images":[-1])")), "whole number"));
  CHECK(has(second(line("b", R"(,"metric":"fuzzy")")), "metric: expected exact, relaxed or none"));
  CHECK(has(second(line("b", R"(,"difficulty":1.5)")), "difficulty: expected a whole number"));
  CHECK(has(second(line("b", R"(,"id":"c")")), "duplicate key 'id'"));
  CHECK(has(d.refusal("", Code::bad_text), "expected at least one question"));
  CHECK(has(d.refusal("\n\n", Code::bad_text), "expected at least one question"));
  std::filesystem::remove(d.path / "questions.jsonl");
  CHECK_THROWS_AS(io::read_questions(d.path), Error);
}

TEST_CASE("boxes lie inside their picture and have an area") {
  const Data d;
  const auto verdict = [&](const std::string& box) {
    std::string text = line("a");
    d.write(text.replace(text.find("[0,0,10,20.5]"), 13, box));
    const auto samples = io::read_questions(d.path);
    const io::PictureSize size = io::png_size(samples[0].images[0]);
    CHECK(size.height == 40);
    CHECK(size.width == 60);
    try {
      io::check_boxes(samples[0], 0, size.height, size.width, "data");
    } catch (const Error& e) {
      CHECK(e.code() == Code::bad_text);
      CHECK(has(e.what(), "line 1: box outside the picture"));
      return false;
    }
    return true;
  };
  CHECK(verdict("[0,0,40,60]"));
  CHECK(verdict("[39.5,59.5,40,60]"));
  CHECK(!verdict("[0,0,41,60]"));
  CHECK(!verdict("[0,0,40,60.5]"));
  CHECK(!verdict("[-1,0,40,60]"));
  CHECK(!verdict("[0,-0.5,40,60]"));
  CHECK(!verdict("[10,0,10,60]"));
  CHECK(!verdict("[10,20,20,20]"));
  CHECK(io::png_size(d.path / "images/b.jpg").height == 0);
  CHECK(io::png_size(d.path / "images/none").height == 0);
}
