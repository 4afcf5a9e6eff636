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
    CHECK(samples[0].images == std::vector<io::DatasetPicture>{{d.path / "images/a.png"}});
    CHECK(samples[0].places == std::vector<Index>{0});
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
  CHECK(has(second(R"({"images":["images/a.png"],"question":"Q","answers":["A"]})"), "id: expected a name, got none"));
  CHECK(has(second(R"({"id":"","images":["images/a.png"],"question":"Q","answers":["A"]})"), "id: expected a name"));
  CHECK(has(second(R"({"id":"b","images":["images/a.png"],"question":"Q","answers":[]})"),
            "answers: expected at least one"));
  CHECK(has(second(R"({"id":"b","images":["images/a.png"],"question":"Q","answers":[null]})"),
            "answers: expected a string or a number, got null"));
  CHECK(has(second(R"({"id":"b","images":["images/a.png"],"question":"Q","answers":true})"),
            "answers: expected a string or a number, got true"));
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
  CHECK(has(second(line("b", R"(,"metric":"fuzzy")")), "metric: expected one of exact, relaxed_loose"));
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
    io::Dataset data = io::read_dataset(d.path);
    io::probe_pictures(data, false);
    if (data.problems.empty()) return data.samples.size() == 1;
    CHECK(data.samples.empty());
    CHECK(data.problems[0].code == Code::bad_text);
    CHECK(has(io::text_of(data.problems[0]), "line 1 ('a'): box outside the picture"));
    return false;
  };
  CHECK(verdict("[0,0,40,60]"));
  CHECK(verdict("[39.5,59.5,40,60]"));
  CHECK(!verdict("[0,0,41,60]"));
  CHECK(!verdict("[0,0,40,60.5]"));
  CHECK(!verdict("[-1,0,40,60]"));
  CHECK(!verdict("[0,-0.5,40,60]"));
  CHECK(!verdict("[10,0,10,60]"));
  CHECK(!verdict("[10,20,20,20]"));
}

TEST_CASE("sizes from headers: as the decoder finds them, and nothing of what is cut before it says") {
  // a PNG, a JPEG, and WebP's three kinds, whose headers are made by hand
  const std::string png = io::encode_png(Image(40, 60).view()), jpeg = io::encode_jpeg(Image(33, 47).view(), 80);
  const auto size = [](const std::string& bytes) {
    const io::PictureSize s = io::header_size(bytes);
    return std::pair(s.height, s.width);
  };
  using Pair = std::pair<Index, Index>;
  CHECK(size(png) == Pair(40, 60));
  CHECK(size(png.substr(0, 24)) == Pair(40, 60));
  CHECK(size(png.substr(0, 23)) == Pair(0, 0));
  CHECK(size(jpeg) == Pair(33, 47));
  CHECK(size(jpeg.substr(0, 20)) == Pair(0, 0));
  const auto webp = [](const std::string& kind, const std::string& head) {
    return std::string("RIFF\x40\0\0\0WEBP", 12) + kind + std::string("\x10\0\0\0", 4) + head + std::string(16, '\0');
  };
  using namespace std::string_literals;
  CHECK(size(webp("VP8 ", "\0\0\0\x9d\x01\x2a\x2f\0\x21\0"s)) == Pair(33, 47));
  CHECK(size(webp("VP8X", "\0\0\0\0\x2e\0\0\x20\0\0"s)) == Pair(33, 47));
  CHECK(size(webp("VP8L", "\x2f\x2e\0\x08\0"s)) == Pair(33, 47));
  CHECK(size("GIF89a") == Pair(0, 0));
  CHECK(size("") == Pair(0, 0));
}

TEST_CASE("every problem is listed, and the rest is read") {
  const Data d;
  d.write(line("a") + "{\n" + line("b") + line("a") + line("c", R"(,"metric":"fuzzy")"));
  const io::Dataset data = io::read_dataset(d.path);
  CHECK(data.items == 5);
  CHECK(data.samples.size() == 2);
  REQUIRE(data.problems.size() == 3);
  CHECK(data.problems[0].line == 2);
  CHECK(data.problems[1].id == "a");
  CHECK(has(io::text_of(data.problems[2]), "line 5 ('c'): metric"));
  try {
    io::refuse_problems(data);
    FAIL("accepted");
  } catch (const Error& e) { CHECK(has(e.what(), "3 problems: line 2: ")); }
}

TEST_CASE("answers as texts and numbers; <image> is a place") {
  const Data d;
  d.write(R"({"id":7,"image":"images/a.png","question":"<image>\nHow much?","answer":88.48})"
          "\n");
  const auto samples = io::read_questions(d.path);
  REQUIRE(samples.size() == 1);
  CHECK(samples[0].id == "7");
  CHECK(samples[0].question == "How much?");
  CHECK(samples[0].answers == std::vector<std::string>{"88.48"});
}

TEST_CASE("clips of frames are told apart by all their frames") {
  const Data d;
  for (const char* name : {"b", "c", "z"})
    io::write_png(d.path / "images" / (name + std::string(".png")), Image(40, 60).view());
  const auto film = [](const std::string& id, const std::string& middle) {
    return R"({"id":")" + id + R"(","images":["images/a.png","images/)" + middle +
           R"(.png","images/z.png"],"fps":8,"question":"Q?","answers":["A"],"metric":"exact"})" + "\n";
  };
  d.write(film("one", "b") + film("two", "c") + film("again", "b"));
  const auto samples = io::read_questions(d.path);
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].clip->name != samples[1].clip->name);
  CHECK(samples[0].clip->name == samples[2].clip->name);
  CHECK(samples[0].clip->name.starts_with("images/a.png .. images/z.png (3, "));
}
