// Questions out of JSON: lines (ours, plain, lmms-eval's, LLaVA's), one list, and VQA v2's pair of files.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "arrcoc/io/atomic_file.hpp"
#include "files/dataset_parts.hpp"
#include "text/utf8.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_line = std::size_t{1} << 30;
constexpr double least_fps = 1e-6, most_fps = 1e6;  // frames a second

const Json* first_of(const Json& j, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (const auto at = j.find(key); at != j.end() && !at->is_null()) return &*at;
  return nullptr;
}

std::string text_at(const Json& j, const char* key, std::string otherwise = {}) {
  const Json* v = first_of(j, {key});
  if (v == nullptr) return otherwise;
  if (!v->is_string()) bad_item(std::string(key) + ": expected a string, got " + shown(*v));
  return v->get<std::string>();
}

Index whole_number(const Json& v, std::string_view key) {
  if (!v.is_number_integer() || v.get<double>() < 0 || v.get<double>() > 1e9)
    bad_item(std::string(key) + ": expected a whole number, got " + shown(v));
  return v.get<Index>();
}

/// {"A": "..."} beside the others, a list under options or choices, or a text that is a Python list.
void read_options(Sample& s, const Json& j) {
  if (const Json* list = first_of(j, {"options", "choices"})) {
    if (list->is_object()) {
      for (const auto& [key, value] : list->items()) {
        if (key.size() != 1 || key[0] < 'A' || key[0] > 'Z')
          bad_item("options: expected letters A to Z, got '" + printable(key, 60) + "'");
        s.options.resize(std::max(s.options.size(), static_cast<std::size_t>(key[0] - 'A') + 1));
        s.options[static_cast<std::size_t>(key[0] - 'A')] = scalar_text(value, "options");
      }
    } else {
      s.options = answer_texts(*list, "options", true);
    }
    if (s.options.size() > 26) bad_item("options: expected at most 26, got " + std::to_string(s.options.size()));
    return;
  }
  for (char c = 'A'; c <= 'Z'; ++c)
    if (const Json* v = first_of(j, {std::string(1, c).c_str()})) {
      s.options.resize(static_cast<std::size_t>(c - 'A') + 1);
      s.options.back() = scalar_text(*v, std::string(1, c));
    }
}

void read_pictures(const Reading& reading, Sample& s, const Json& j, std::string_view raw, std::int64_t at) {
  const Json* images = first_of(j, {"images", "image", "image_path", "image_paths", "input_media"});
  if (images == nullptr) return;
  const Json list = images->is_array() ? *images : Json::array({*images});
  for (const Json& v : list) {
    const Json* name = &v;
    if (v.is_object()) {  // a picture of Hugging Face's datasets
      const Json* bytes = first_of(v, {"bytes"});
      const Json* path = first_of(v, {"path", "url", "image"});
      name = path;
      if (bytes != nullptr && bytes->is_string()) {
        reading.add_picture(s, "data:image;base64," + bytes->get<std::string>(), raw, at);
        if (path != nullptr && path->is_string()) s.image_names.back() = path->get<std::string>();
        continue;
      }
    }
    if (name == nullptr || !name->is_string() || name->get_ref<const std::string&>().empty())
      bad_item("images: expected a path or a URL, got " + shown(v));
    reading.add_picture(s, name->get<std::string>(), raw, at);
  }
}

double seconds_in(const Json& v, std::string_view key) {
  if (!v.is_number() || !std::isfinite(v.get<double>()) || v.get<double>() < 0)
    bad_item(std::string(key) + ": expected seconds of at least 0, got " + shown(v));
  return v.get<double>();
}
std::vector<double> list_of_seconds(const Json& list, std::string_view key) {
  if (!list.is_array()) bad_item(std::string(key) + ": expected a list of seconds, got " + shown(list));
  std::vector<double> out;
  for (const Json& v : list) out.push_back(seconds_in(v, key));
  return out;
}

/// Two clips that share their ends are two: "a.png .. z.png (18, 0123456789abcdef)", how many and a hash of all names.
std::string name_of_frames(const std::vector<std::string>& names) {
  return names.front() + " .. " + names.back() + " (" + std::to_string(names.size()) + ", " + texts_hash(names) + ")";
}

/// A clip by its file or folder, or pictures that have a clock.
void read_clip(const Reading& reading, Sample& s, const Json& j) {
  if (const Json* video = first_of(j, {"videos", "video", "video_path"})) {
    const Json& one = video->is_array() && video->size() == 1 ? (*video)[0] : *video;
    const Json* name = one.is_object() ? first_of(one, {"path", "url", "video"}) : &one;
    if (video->is_array() && video->size() != 1)
      bad_item("videos: expected one clip, got " + std::to_string(video->size()));
    if (name == nullptr || !name->is_string() || name->get_ref<const std::string&>().empty())
      bad_item("videos: expected the path of a video, an animation or a folder of frames, got " + shown(one));
    if (!s.images.empty()) bad_item("videos: a clip and pictures in one question are not read: expected one of them");
    reading.add_clip(s, name->get<std::string>());
  }
  const Json *fps = first_of(j, {"fps"}), *times = first_of(j, {"times"});
  if (!s.clip && (s.images.size() < 2 || (fps == nullptr && times == nullptr))) return;
  if (!s.clip) s.clip = SampleClip{name_of_frames(s.image_names)};
  const double rate = fps == nullptr || !fps->is_number() ? 0 : fps->get<double>();
  if (fps != nullptr && !(rate >= least_fps && rate <= most_fps))
    bad_item("fps: expected 1e-6 to 1e6, got " + shown(*fps));
  if (times != nullptr) {
    s.clip->seconds = list_of_seconds(*times, "times");
    for (std::size_t i = 0; fps != nullptr && i < s.clip->seconds.size(); ++i)
      if (const double at = static_cast<double>(i) / rate; std::abs(s.clip->seconds[i] - at) > 1e-3 * std::max(1.0, at))
        bad_item("fps and times: expected one of them, or the same clock, got " + shown(*fps) + " a second and " +
                 shown((*times)[i]) + " s for frame " + std::to_string(i));
  } else {
    s.clip->frames_per_second = rate;
  }
  if (const Json* at = first_of(j, {"box_seconds"})) s.clip->box_seconds = list_of_seconds(*at, "box_seconds");
  if (const Json* when = first_of(j, {"when"})) {
    if (!when->is_array()) bad_item("when: expected a list of [from, to] in seconds, got " + shown(*when));
    for (const Json& w : *when) {
      const std::vector<double> span = list_of_seconds(w, "when");
      if (span.size() != 2 || span[0] > span[1]) bad_item("when: expected [from, to] in seconds, got " + shown(w));
      s.clip->answer.emplace_back(span[0], span[1]);
    }
  }
}

/// LLaVA's conversations: the first question and its answer.
void read_conversation(Sample& s, const Json& list) {
  if (!list.is_array() || list.empty() || !list[0].is_object())
    bad_item("conversations: expected a list of turns, got " + shown(list));
  for (const Json& turn : list) {
    const std::string from = text_at(turn, "from", text_at(turn, "role")),
                      value = text_at(turn, "value", text_at(turn, "content"));
    if ((from == "human" || from == "user") && s.question.empty() && s.answers.empty()) s.question = value;
    else if ((from == "gpt" || from == "assistant") && s.answers.empty()) s.answers = {value};
  }
}

/// lmms-eval's sample log: the question's own fields stand under doc; since 0.7 there is none, but input, target and
/// input_media.
void read_sample_log(Sample& s, const Json& j) {
  const Json* doc = first_of(j, {"doc"});
  if (const Json* id = first_of(j, {"doc_id"}); id != nullptr && s.id.empty()) s.id = scalar_text(*id, "doc_id");
  if (s.answers.empty())
    if (const Json* target = first_of(j, {"target"})) s.answers = answer_texts(*target, "target", true);
  if (s.question.empty() && (doc == nullptr || first_of(*doc, {"question", "text"}) == nullptr))
    s.question = text_at(j, "input", text_at(j, "prompt"));
}

}  // namespace

void fill_from_json(Reading& reading, Sample& s, const Json& j, std::string_view raw, std::int64_t at) {
  if (!j.is_object()) bad_item("expected a JSON object, got " + shown(j));
  const Json* inner = first_of(j, {"doc"});
  const Json& doc = inner != nullptr && inner->is_object() ? *inner : j;
  const bool logged = &doc != &j || first_of(j, {"doc_id"}) != nullptr;
  if (const Json* id = first_of(doc, {"id", "question_id", "questionId", "index"})) s.id = scalar_text(*id, "id");
  if (const Json* conversations = first_of(doc, {"conversations"})) read_conversation(s, *conversations);
  if (const Json* answers = first_of(doc, {"answers", "answer", "label", "target"}))
    s.answers = answer_texts(*answers, "answers", logged);
  if (const Json* question = first_of(doc, {"question", "text", "prompt"})) {
    if (!question->is_string()) bad_item("question: expected a string, got " + shown(*question));
    s.question = question->get<std::string>();
  }
  if (logged) read_sample_log(s, j);
  if (s.question.empty() && first_of(doc, {"question", "text", "prompt", "conversations"}) == nullptr)
    bad_item("question: expected a string, got none");
  s.hint = text_at(doc, "hint");
  s.category = text_at(doc, "category");
  if (s.category.empty())
    if (const Json* dataset = first_of(doc, {"dataset"}); dataset != nullptr && dataset->is_string())
      s.category = dataset->get<std::string>();
  s.scenario = text_at(doc, "scenario");
  s.split = text_at(doc, "split");
  s.kind = text_at(doc, "kind", "plain");
  s.metric = text_at(doc, "metric");
  if (const Json* difficulty = first_of(doc, {"difficulty"})) s.difficulty = whole_number(*difficulty, "difficulty");
  read_options(s, doc);
  read_pictures(reading, s, doc, raw, at);
  if (s.images.empty() && &doc != &j) read_pictures(reading, s, j, raw, at);
  read_clip(reading, s, doc);
  std::vector<Index> of;
  if (const Json* list = first_of(doc, {"box_images"})) {
    if (!list->is_array()) bad_item("box_images: expected a list, got " + shown(*list));
    for (const Json& v : *list) of.push_back(whole_number(v, "box_images"));
  }
  if (const Json* list = first_of(doc, {"boxes"})) place_boxes(s, box_list(*list, "boxes"), of);
}

void read_json_lines(Reading& reading) {
  std::ifstream f(reading.file(), std::ios::binary);
  require_that(f.good(), Code::file_unreadable, "input", [&] { return "cannot read " + reading.file().string(); });
  std::string line;
  std::int64_t at = 0;
  for (Index number = 1; std::getline(f, line); ++number) {
    const std::int64_t start = at;
    at += static_cast<std::int64_t>(line.size()) + 1;
    std::string_view text = line;
    const std::size_t mark = number == 1 && text.starts_with("\xef\xbb\xbf") ? 3 : 0;
    text.remove_prefix(mark);
    while (!text.empty() && (text.back() == '\r' || text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    if (text.empty()) continue;
    reading.item(number, [&](Sample& s) {
      if (text.size() > longest_line) bad_item("expected a line of at most 1 GiB");
      if (utf8::first_invalid(text) != text.npos) bad_item("expected UTF-8");
      const Json j = parse_json(text, Code::bad_text, "line", 1'000'000);
      fill_from_json(reading, s, j, text, start + static_cast<std::int64_t>(mark));
    });
  }
}

void read_json_list(Reading& reading) {
  const std::string text = read_file(reading.file());
  std::string_view body = text;
  const std::size_t mark = body.starts_with("\xef\xbb\xbf") ? 3 : 0;
  body.remove_prefix(mark);
  const std::string where = reading.file().string();
  require_that(utf8::first_invalid(body) == body.npos, Code::bad_text, where, "expected UTF-8");
  const Json list = parse_json(body, Code::bad_text, where);
  require_that(list.is_array(), Code::bad_text, where, "expected a JSON list of questions");
  Index number = 0;
  for (const Json& j : list)
    reading.item(++number, [&](Sample& s) { fill_from_json(reading, s, j, body, static_cast<std::int64_t>(mark)); });
}

void read_vqa2(Reading& reading) {
  const fs::path& file = reading.file();
  const auto parsed = [](const fs::path& p) {
    const std::string text = read_file(p);
    std::string_view body = text;
    if (body.starts_with("\xef\xbb\xbf")) body.remove_prefix(3);
    return parse_json(body, Code::bad_text, p.string());
  };
  const Json questions = parsed(file);
  require_that(questions.is_object() && questions.contains("questions") && questions.at("questions").is_array(),
               Code::bad_text, file.string(), "expected an object with a list of questions");
  fs::path second = reading.choice().annotations;
  if (second.empty()) {  // v2_OpenEnded_mscoco_val2014_questions.json goes with v2_mscoco_val2014_annotations.json
    std::string name = file.filename().string();
    if (const auto at = name.rfind("questions"); at != name.npos) name.replace(at, 9, "annotations");
    std::error_code e;
    for (const char* left_out : {"", "OpenEnded_", "MultipleChoice_"}) {
      std::string other = name;
      if (const auto at = other.find(left_out); at != other.npos) other.erase(at, std::string_view(left_out).size());
      if (other != file.filename().string() && fs::exists(file.parent_path() / other, e))
        second = file.parent_path() / other;
    }
  }
  std::map<std::string, std::vector<std::string>> answers;
  if (!second.empty()) {
    const Json annotations = parsed(second);
    require_that(
        annotations.is_object() && annotations.contains("annotations") && annotations.at("annotations").is_array(),
        Code::bad_text, second.string(), "expected an object with a list of annotations");
    Index number = 0;
    for (const Json& a : annotations.at("annotations")) {
      ++number;
      try {
        if (!a.is_object() || !a.contains("question_id") || !a.contains("answers"))
          bad_item("expected question_id and answers");
        answers[scalar_text(a.at("question_id"), "question_id")] = answer_texts(a.at("answers"), "answers", false);
      } catch (const BadItem& bad) {
        reading.out().problems.push_back({number, "", bad.code, second.filename().string() + ": " + bad.what, false});
      }
    }
  }
  const std::string subtype = questions.contains("data_subtype") && questions.at("data_subtype").is_string()
                                  ? questions.at("data_subtype").get<std::string>()
                                  : std::string();
  Index number = 0;
  for (const Json& q : questions.at("questions"))
    reading.item(++number, [&](Sample& s) {
      if (!q.is_object()) bad_item("expected a JSON object, got " + shown(q));
      const Json* id = first_of(q, {"question_id"});
      if (id != nullptr) s.id = scalar_text(*id, "question_id");
      s.question = text_at(q, "question");
      if (const auto at = answers.find(s.id); at != answers.end()) s.answers = at->second;
      else if (!second.empty()) bad_item("no annotation of this question_id in " + second.filename().string());
      s.metric = s.answers.empty() ? "unscored" : reading.choice().metric.empty() ? "vqa" : reading.choice().metric;
      if (const Json* image = first_of(q, {"image"})) return reading.add_picture(s, scalar_text(*image, "image"));
      const Json* image_id = first_of(q, {"image_id"});
      if (image_id == nullptr) bad_item("image_id: expected, got none");
      const std::string number_text = scalar_text(*image_id, "image_id"),
                        padded = std::string(12 - std::min<std::size_t>(12, number_text.size()), '0') + number_text;
      std::error_code e;
      for (const std::string& stem : {subtype.empty() ? padded : "COCO_" + subtype + "_" + padded, padded, number_text})
        for (const char* folder : {"", "images/"})
          for (const char* kind : {".jpg", ".png", ""})
            if (const std::string name = folder + (stem + kind); fs::is_regular_file(reading.pictures() / name, e))
              return reading.add_picture(s, name);
      reading.add_picture(s, (subtype.empty() ? padded : "COCO_" + subtype + "_" + padded) + ".jpg");
    });
}

}  // namespace arrcoc::io
