#include "arrcoc/io/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "arrcoc/io/atomic_file.hpp"
#include "json_util.hpp"
#include "text/utf8.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

/// One line's values; what is wrong with it ends in one error that names the file and the line.
class Line {
 public:
  Line(std::string_view text, Index number, const std::string& where) : number_(number), where_(where) {
    if (utf8::first_invalid(text) != std::string_view::npos) wrong("expected UTF-8");
    json_ = parse_json(text, Code::bad_text, where + ", line " + std::to_string(number), 1'000'000);
    if (!json_.is_object()) wrong("expected a JSON object, got " + shown(json_));
  }
  [[noreturn]] void wrong(const std::string& sentence, Code code = Code::bad_text) const {
    fail(code, where_, "line " + std::to_string(number_) + ": " + sentence);
  }
  bool has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }

  std::string text(const char* key) const {
    if (!has(key)) wrong(std::string(key) + ": expected a string, got none");
    return string_of(json_.at(key), key);
  }
  std::string text(const char* key, std::string otherwise) const { return has(key) ? text(key) : otherwise; }
  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> out;
    for (const Json& v : list(key)) out.push_back(string_of(v, key));
    return out;
  }
  Index integer(const char* key, Index otherwise) const {
    if (!has(key)) return otherwise;
    return integer_of(json_.at(key), key);
  }
  std::vector<Index> integers(const char* key) const {
    std::vector<Index> out;
    for (const Json& v : list(key)) out.push_back(integer_of(v, key));
    return out;
  }
  std::vector<Box> boxes(const char* key) const {
    std::vector<Box> out;
    for (const Json& v : list(key)) {
      const auto number = [&](std::size_t i) { return v[i].is_number() ? v[i].get<double>() : NAN; };
      if (!v.is_array() || v.size() != 4 || !std::isfinite(number(0) + number(1) + number(2) + number(3)))
        wrong(std::string(key) + ": expected [row0, col0, row1, col1], got " + shown(v));
      out.push_back({number(0), number(1), number(2), number(3)});
    }
    return out;
  }

 private:
  const Json& list(const char* key) const {
    static const Json none = Json::array();
    if (!has(key)) return none;
    if (!json_.at(key).is_array()) wrong(std::string(key) + ": expected a list, got " + shown(json_.at(key)));
    return json_.at(key);
  }
  std::string string_of(const Json& v, const char* key) const {
    if (!v.is_string()) wrong(std::string(key) + ": expected a string, got " + shown(v));
    return v.get<std::string>();
  }
  Index integer_of(const Json& v, const char* key) const {
    if (!v.is_number_integer() || v.get<double>() < 0 || v.get<double>() > 1e9)
      wrong(std::string(key) + ": expected a whole number, got " + shown(v));
    return v.get<Index>();
  }
  Index number_;
  const std::string& where_;
  Json json_;
};

Sample read_sample(const Line& line, Index number, const fs::path& folder) {
  Sample s;
  s.line = number;
  s.id = line.text("id");
  if (s.id.empty()) line.wrong("id: expected a name, got an empty text");
  s.question = line.text("question");
  s.answers = line.texts("answers");
  s.scenario = line.text("scenario", "");
  s.split = line.text("split", "");
  s.kind = line.text("kind", "plain");
  s.metric = line.text("metric", "exact");
  s.difficulty = line.integer("difficulty", 0);
  if (s.metric != "exact" && s.metric != "relaxed" && s.metric != "none")
    line.wrong("metric: expected exact, relaxed or none, got '" + printable(s.metric, 60) + "'");
  if (s.metric != "none" && s.answers.empty()) line.wrong("answers: expected at least one, got none");
  s.image_names = line.texts("images");
  if (s.image_names.empty()) line.wrong("images: expected at least one picture, got none");
  for (const std::string& name : s.image_names) {
    s.images.push_back(folder / name);
    std::error_code e;
    if (!fs::is_regular_file(s.images.back(), e))
      line.wrong("no such picture: " + printable(s.images.back().string(), 300), Code::file_missing);
  }
  s.boxes.resize(s.images.size());
  const std::vector<Box> boxes = line.boxes("boxes");
  std::vector<Index> of = line.integers("box_images");
  if (of.empty()) of.assign(boxes.size(), 0);
  if (of.size() != boxes.size())
    line.wrong("box_images: expected one for each of " + std::to_string(boxes.size()) + " boxes, got " +
               std::to_string(of.size()));
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (of[i] >= static_cast<Index>(s.images.size()))
      line.wrong("box_images: expected below " + std::to_string(s.images.size()) + ", got " + std::to_string(of[i]));
    s.boxes[static_cast<std::size_t>(of[i])].push_back(boxes[i]);
  }
  return s;
}

std::string known_text(const std::map<std::string, Index>& known) {
  std::string out;
  for (const auto& [name, count] : known) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : printable(out, 600);
}

}  // namespace

std::vector<Sample> read_questions(const fs::path& given, const DatasetChoice& choice) {
  std::error_code error;
  const fs::path file = fs::is_directory(given, error) ? given / "questions.jsonl" : given;
  const std::string text = read_file(file), where = file.string();
  std::vector<Sample> out;
  std::map<std::string, Index> ids, scenarios, splits;  // name -> line
  Index number = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    std::string_view raw(text.data() + from, to - from);
    from = to + 1;
    ++number;
    if (raw.ends_with('\r')) raw.remove_suffix(1);
    if (raw.empty()) continue;
    const Line line(raw, number, where);
    Sample s = read_sample(line, number, file.parent_path());
    const auto [before, fresh] = ids.emplace(s.id, number);
    if (!fresh)
      line.wrong("id '" + printable(s.id, 100) + "' stands in line " + std::to_string(before->second) + " already");
    scenarios.emplace(s.scenario, number);
    splits.emplace(s.split, number);
    const bool fits = (choice.scenarios.empty() || std::find(choice.scenarios.begin(), choice.scenarios.end(),
                                                             s.scenario) != choice.scenarios.end()) &&
                      (choice.split.empty() || s.split == choice.split);
    if (fits && (choice.limit == 0 || static_cast<Index>(out.size()) < choice.limit)) out.push_back(std::move(s));
  }
  require_that(!ids.empty(), Code::bad_text, where, "expected at least one question, got none");
  for (const std::string& s : choice.scenarios)
    require_that(scenarios.contains(s), Code::unknown_strategy, where,
                 [&] { return "no question of scenario '" + s + "'; expected one of " + known_text(scenarios); });
  require_that(choice.split.empty() || splits.contains(choice.split), Code::bad_text, where,
               [&] { return "split '" + choice.split + "' is empty; expected one of " + known_text(splits); });
  require_that(!out.empty(), Code::bad_text, where,
               [&] { return "no question of the chosen scenarios is in split '" + choice.split + "'"; });
  return out;
}

void check_boxes(const Sample& s, std::size_t picture, Index height, Index width, std::string_view where) {
  for (const Box& b : s.boxes.at(picture))
    require_that(b.row0 >= 0 && b.col0 >= 0 && b.row0 < b.row1 && b.col0 < b.col1 &&
                     b.row1 <= static_cast<double>(height) && b.col1 <= static_cast<double>(width),
                 Code::bad_text, where, [&] {
                   const Json shown_box{b.row0, b.col0, b.row1, b.col1};
                   return "line " + std::to_string(s.line) +
                          ": box outside the picture: expected 0 <= row0 < row1 <= " + std::to_string(height) +
                          " and 0 <= col0 < col1 <= " + std::to_string(width) + ", got " + shown(shown_box);
                 });
}

PictureSize png_size(const fs::path& file) {
  std::ifstream f(file, std::ios::binary);
  unsigned char head[24] = {};
  f.read(reinterpret_cast<char*>(head), sizeof head);
  constexpr unsigned char signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  if (!f || !std::equal(std::begin(signature), std::end(signature), head) || !std::equal(head + 12, head + 16, "IHDR"))
    return {};
  const auto number = [&](std::size_t at) {
    return static_cast<Index>(head[at]) << 24 | static_cast<Index>(head[at + 1]) << 16 |
           static_cast<Index>(head[at + 2]) << 8 | head[at + 3];
  };
  return {number(20), number(16)};
}

}  // namespace arrcoc::io
