#include "dataset.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"

namespace arrcoc::scenes {
namespace {

namespace fs = std::filesystem;

std::string number(double v) {
  return v == static_cast<double>(static_cast<Index>(v)) ? std::to_string(static_cast<Index>(v)) : std::to_string(v);
}

template <class List, class F>
std::string json_list(const List& list, F&& item) {
  std::string out = "[";
  for (const auto& x : list) out += (out.size() > 1 ? "," : "") + item(x);
  return out + "]";
}
std::string box_list(const std::vector<Box>& boxes) {
  return json_list(boxes, [](const Box& b) {
    return "[" + number(b.row0) + "," + number(b.col0) + "," + number(b.row1) + "," + number(b.col1) + "]";
  });
}

/// A TSV field as pandas and csv read it back.
std::string tsv_field(std::string text) {
  if (text.find_first_of("\t\n\r\"") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

struct Labelled {
  std::string what;
  Box box;
  Index picture = 0;
  bool answer = false;
  Index question = -1;
};

/// One scene as it will lie on disk; drawn and encoded by a worker.
struct Sample {
  std::vector<std::string> names, encoded;  // of each picture
  std::vector<Question> questions;
  std::vector<Labelled> labels;
  std::string scenario;
  std::uint64_t seed = 0;
  Index height = 0, width = 0, difficulty = 0, cut = 0;
};

Sample draw_sample(const DatasetOptions& o, Index i, GlyphAtlas& atlas) {
  SceneParams p = o.params;
  p.seed = o.params.seed + static_cast<std::uint64_t>(i);
  p.scenario = o.scenarios[p.seed % o.scenarios.size()];
  Scene scene = make_scene(p, atlas);
  Sample s;
  s.scenario = scene.scenario;
  s.seed = p.seed;
  s.height = scene.image.height;
  s.width = scene.image.width;
  s.difficulty = scene.difficulty;
  s.cut = scene.cut;
  const auto put = [&](const Image& image, const std::vector<Mark>& marks, const std::string& name) {
    s.names.push_back("images/" + name + (o.jpeg_quality > 0 ? ".jpg" : ".png"));
    s.encoded.push_back(o.jpeg_quality > 0 ? io::encode_jpeg(image.view(), o.jpeg_quality)
                                           : io::encode_png(image.view(), o.png_level));
    for (const Mark& m : marks)
      if (o.characters || m.what.size() > 1)
        s.labels.push_back({m.what, m.box, static_cast<Index>(s.names.size()) - 1});
  };
  const std::string stem = s.scenario + "_" + std::to_string(s.seed);
  if (scene.frames.empty()) put(scene.image, scene.marks, stem);
  for (std::size_t k = 0; k < scene.frames.size(); ++k) {
    const std::string frame = std::to_string(k);
    put(scene.frames[k].image, scene.frames[k].marks,
        stem + "_" + std::string(3 - std::min<std::size_t>(3, frame.size()), '0') + frame);
  }
  s.questions = std::move(scene.questions);
  for (std::size_t q = 0; q < s.questions.size(); ++q)
    for (std::size_t k = 0; k < s.questions[q].boxes.size(); ++k)
      s.labels.push_back({"answer", s.questions[q].boxes[k],
                          s.questions[q].frames.empty() ? 0 : s.questions[q].frames[k], true, static_cast<Index>(q)});
  return s;
}

/// The growing files of a dataset.
class Files {
 public:
  Files(const DatasetOptions& o, fs::path folder) : o_(o), folder_(std::move(folder)) {
    std::error_code error;
    fs::create_directories(folder_ / "images", error);
    require_that(!error, Code::bad_output, "scenes",
                 [&] { return "cannot make the folder " + (folder_ / "images").string() + ": " + error.message(); });
    open(jsonl_, "questions.jsonl");
    open(coco_, "boxes.json");
    coco_ << "{\"annotations\":[";
    if (o_.tsv) {
      open(tsv_, "questions.tsv");
      tsv_ << "index\timage\tquestion\tanswer\tcategory\tsplit\tmetric\tboxes\n";
    }
  }
  void add(const Sample& s) {
    const Index first_picture = summary.pictures + 1;
    for (std::size_t k = 0; k < s.names.size(); ++k) {
      std::ofstream f(folder_ / s.names[k], std::ios::binary);
      f.write(s.encoded[k].data(), static_cast<std::streamsize>(s.encoded[k].size()));
      f.close();
      require_that(!f.fail(), Code::bad_output, "scenes",
                   [&] { return "cannot write " + (folder_ / s.names[k]).string(); });
      pictures_ += (summary.pictures > 0 ? ",\n" : "\n") + std::string("{\"id\":") +
                   std::to_string(summary.pictures + 1) + ",\"file_name\":" + json_string(s.names[k]) +
                   ",\"height\":" + std::to_string(s.height) + ",\"width\":" + std::to_string(s.width) + "}";
      ++summary.pictures;
    }
    const std::string split(name_of(split_of(s.seed)));
    Index shown = 0;  // the row that holds the picture itself
    for (std::size_t n = 0; n < s.questions.size(); ++n) {
      const Question& q = s.questions[n];
      const bool scored = q.metric != "none";
      const std::string id = s.scenario + "-" + std::to_string(s.seed) + "-" + std::to_string(n);
      const std::string answers = scored ? json_list(q.answers, json_string) : "[]";
      jsonl_ << "{\"id\":" << json_string(id) << ",\"images\":" << json_list(s.names, json_string)
             << ",\"question\":" << json_string(q.question) << ",\"answers\":" << answers
             << ",\"boxes\":" << box_list(q.boxes) << ",\"scenario\":" << json_string(s.scenario)
             << ",\"metric\":" << json_string(q.metric) << ",\"split\":" << json_string(split)
             << ",\"difficulty\":" << s.difficulty << ",\"kind\":" << json_string(q.kind);
      if (q.tokens_high > 0) jsonl_ << ",\"expected_tokens\":[" << q.tokens_low << "," << q.tokens_high << "]";
      if (!q.frames.empty())
        jsonl_ << ",\"box_images\":" << json_list(q.frames, [](Index f) { return std::to_string(f); });
      if (s.cut > 0) {  // a film: its clock, its cut, when a box is to be seen
        const auto time = [](Index f) { return number(video_seconds(f)); };
        jsonl_ << ",\"fps\":" << video_frames_per_second << ",\"cut_seconds\":" << time(s.cut)
               << ",\"box_seconds\":" << json_list(q.frames, time);
        if (!q.when.empty())
          jsonl_ << ",\"when\":" << json_list(q.when, [](const auto& w) {
            return "[" + number(w.first) + "," + number(w.second) + "]";
          });
      }
      jsonl_ << "}\n";
      const Index row = ++summary.questions;
      if (o_.tsv) {  // later questions of a picture name the row that holds it
        if (n == 0) shown = row;
        std::string picture = std::to_string(shown);
        if (n == 0)
          picture = s.encoded.size() == 1
                        ? base64(s.encoded[0])
                        : json_list(s.encoded, [](const std::string& e) { return "'" + base64(e) + "'"; });
        tsv_ << row << '\t' << tsv_field(picture) << '\t' << tsv_field(q.question) << '\t'
             << tsv_field(!scored                 ? ""
                          : q.answers.size() == 1 ? q.answers[0]
                                                  : answers)
             << '\t' << s.scenario << '\t' << split << '\t' << q.metric << '\t' << box_list(q.boxes) << '\n';
      }
    }
    for (const Labelled& l : s.labels) {
      const auto category = categories_.try_emplace(l.what, static_cast<Index>(categories_.size()) + 1).first->second;
      const double h = l.box.row1 - l.box.row0, w = l.box.col1 - l.box.col0;
      coco_ << (summary.boxes > 0 ? ",\n" : "\n") << "{\"id\":" << summary.boxes + 1
            << ",\"image_id\":" << first_picture + l.picture << ",\"category_id\":" << category << ",\"bbox\":["
            << number(l.box.col0) << "," << number(l.box.row0) << "," << number(w) << "," << number(h)
            << "],\"area\":" << number(h * w) << ",\"iscrowd\":0";
      if (l.answer)
        coco_ << ",\"question_id\":"
              << json_string(s.scenario + "-" + std::to_string(s.seed) + "-" + std::to_string(l.question));
      coco_ << "}";
      ++summary.boxes;
    }
    ++summary.scenes;
    require_that(jsonl_.good() && coco_.good() && (!o_.tsv || tsv_.good()), Code::bad_output, "scenes",
                 [&] { return "cannot write to " + folder_.string() + " (is the disk full?)"; });
  }
  void close() {
    coco_ << "],\n\"images\":[" << pictures_ << "],\n\"categories\":" << json_list(categories_, [](const auto& c) {
      return "\n{\"id\":" + std::to_string(c.second) + ",\"name\":" + json_string(c.first) + "}";
    }) << "}\n";
    for (std::ofstream* f : {&jsonl_, &coco_, &tsv_}) {
      if (!f->is_open()) continue;
      f->close();
      require_that(!f->fail(), Code::bad_output, "scenes",
                   [&] { return "cannot write to " + folder_.string() + " (is the disk full?)"; });
    }
    const SceneParams& p = o_.params;
    std::string settings;
    const std::pair<const char*, Index> numbers[] = {{"seed", static_cast<Index>(p.seed)},
                                                     {"count", o_.count},
                                                     {"height", p.height},
                                                     {"width", p.width},
                                                     {"lines", p.lines},
                                                     {"cells", p.cells},
                                                     {"glyph", p.glyph},
                                                     {"font", p.font},
                                                     {"noise", p.noise},
                                                     {"blur", p.blur},
                                                     {"rotation", p.rotation},
                                                     {"polarity", p.polarity},
                                                     {"font_scale", p.font_scale},
                                                     {"contrast", p.contrast},
                                                     {"clutter", p.clutter},
                                                     {"jpeg_blocks", p.jpeg_quality},
                                                     {"difficulty", p.difficulty},
                                                     {"frames", p.frames},
                                                     {"jpeg_quality", o_.jpeg_quality}};
    for (const auto& [name, v] : numbers) settings += json_string(name) + ":" + std::to_string(v) + ",";
    io::write_file(folder_ / "dataset.json",
                   "{" + settings + "\n\"scenarios\":" + json_list(o_.scenarios, json_string) +
                       ",\n\"text_libraries\":" + json_string(GlyphAtlas::library_versions()) + "}\n");
  }
  DatasetSummary summary;

 private:
  void open(std::ofstream& f, const char* name) {
    f.open(folder_ / name, std::ios::binary);
    require_that(f.is_open(), Code::bad_output, "scenes", [&] { return "cannot write " + (folder_ / name).string(); });
  }
  const DatasetOptions& o_;
  fs::path folder_;
  std::ofstream jsonl_, tsv_, coco_;
  std::string pictures_;
  std::map<std::string, Index, std::less<>> categories_;
};

/// Removes an unfinished folder.
}  // namespace

std::string json_string(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 32) out += std::string("\\u00") + hex[c >> 4] + hex[c & 15];
    else out += c;
  }
  return out + "\"";
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t v = 0;
    for (std::size_t k = 0; k < 3; ++k)
      v = v << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[v >> (18 - 6 * k) & 63];
  }
  return out;
}

std::vector<std::string> choose_scenarios(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    const std::string_view word = text.substr(at, comma - at);
    at = comma + 1;
    bool found = false;
    for (const ScenarioInfo& s : scenarios()) {
      const bool mixed = word == "mixed" && (s.group == Group::document || s.group == Group::picture);
      if (!mixed && word != "all" && word != s.name && word != name_of(s.group)) continue;
      found = true;
      if (std::find(out.begin(), out.end(), s.name) == out.end()) out.emplace_back(s.name);
    }
    require_that(found, Code::unknown_strategy, "scenes", [&] {
      std::string known = "mixed, all, document, picture, reading, control, video";
      for (const ScenarioInfo& s : scenarios()) known += (s.name == "video" ? "" : ", " + std::string(s.name));
      return "unknown scenario '" + std::string(word) + "'; expected " + known;
    });
  }
  return out;
}

DatasetSummary write_dataset(const DatasetOptions& o, GlyphAtlas& atlas) {
  require_that(o.count >= 1, Code::bad_config, "scenes",
               [&] { return "count: expected 1 or more, got " + std::to_string(o.count); });
  require_that(o.threads >= 1 && o.threads <= 256, Code::bad_config, "scenes",
               [&] { return "threads: expected 1 to 256, got " + std::to_string(o.threads); });
  require_that(!o.scenarios.empty(), Code::bad_config, "scenes", "expected at least one scenario");
  std::error_code error;
  const bool there = fs::exists(o.out, error);
  require_that(!there || (fs::is_directory(o.out, error) && fs::is_empty(o.out, error)), Code::bad_output, "scenes",
               [&] { return "expected a new or empty folder, got " + o.out.string(); });
  io::UnfinishedFolder temporary(o.out);
  Files files(o, temporary.path());
  const Index batch = o.threads * 8;
  for (Index first = 0; first < o.count; first += batch) {
    const Index n = std::min(batch, o.count - first);
    std::vector<Sample> samples(static_cast<std::size_t>(n));
    std::vector<std::exception_ptr> problems(static_cast<std::size_t>(o.threads));
    std::atomic<Index> next{0};
    const auto work = [&](std::size_t worker) {
      try {
        for (Index i = next++; i < n && !(o.stop && o.stop()); i = next++)
          samples[static_cast<std::size_t>(i)] = draw_sample(o, first + i, atlas);
      } catch (...) {
        problems[worker] = std::current_exception();
        next = n;
      }
    };
    {
      std::vector<std::jthread> others;
      for (Index t = 1; t < std::min(o.threads, n); ++t) others.emplace_back(work, static_cast<std::size_t>(t));
      work(0);
    }
    for (const auto& problem : problems)
      if (problem) std::rethrow_exception(problem);
    if (o.stop && o.stop()) {
      files.summary.stopped = true;
      return files.summary;
    }
    for (const Sample& s : samples) files.add(s);
    if (o.progress) o.progress(files.summary.scenes);
  }
  files.close();
  if (o.contact_sheets) {
    fs::create_directories(temporary.path() / "contact_sheets", error);
    for (const std::string& name : o.scenarios) {
      SceneParams p = o.params;
      p.scenario = name;
      const Image sheet = contact_sheet(p, 2, 4, std::max<Index>(1, std::max(p.height, p.width) / 256), atlas);
      io::write_png(temporary.path() / "contact_sheets" / (name + ".png"), sheet.view());
    }
  }
  temporary.finish();
  return files.summary;
}

}  // namespace arrcoc::scenes
