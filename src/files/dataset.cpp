// Which format a file of questions has, what all formats have in common, and what was chosen of it.
#include "arrcoc/io/dataset.hpp"

#include <algorithm>
#include <fstream>

#include "arrcoc/measure/metrics.hpp"
#include "files/dataset_parts.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

std::string known_text(const std::map<std::string, Index>& known) {
  std::string out;
  for (const auto& [name, count] : known) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : printable(out, 600);
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

/// By the first 64 KiB.
std::string recognised(const fs::path& file) {
  std::error_code e;
  require_that(fs::exists(file, e), Code::file_missing, "input", [&] { return "no such file: " + file.string(); });
  require_that(!fs::is_directory(file, e), Code::file_unreadable, "input",
               [&] { return "expected a file, got a folder: " + file.string(); });
  require_that(fs::is_regular_file(file, e), Code::file_unreadable, "input",
               [&] { return "expected a regular file, got a pipe or a device: " + file.string(); });
  std::ifstream f(file, std::ios::binary);
  require_that(f.good(), Code::file_unreadable, "input", [&] { return "cannot read " + file.string(); });
  std::string head(65536, '\0');
  f.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(f.gcount()));
  std::string_view text = head;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return "jsonl";
  if (text[first] == '[') return "json";
  const std::string_view line = text.substr(first, text.find('\n', first) - first);
  if (text[first] != '{') return holds(line, "\t") ? "vlmevalkit" : "jsonl";
  if (holds(text, "\"questions\"") && holds(text, "\"question_id\"") && !holds(line, "\"answer")) return "vqa2";
  if (holds(line, "\"doc_id\"") || holds(line, "\"filtered_resps\"")) return "lmms";
  if (holds(line, "\"question_id\"") && holds(line, "\"text\"")) return "llava";
  return "jsonl";
}

/// The metric that VLMEvalKit and the challenges score a dataset by, told by its name; empty: unknown.
std::string metric_by_name(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const auto& [part, metric] : {std::pair{"docvqa", "anls"},
                                     {"infovqa", "anls"},
                                     {"infographic", "anls"},
                                     {"chartqa", "relaxed"},
                                     {"textvqa", "vqa"},
                                     {"vizwiz", "vqa"},
                                     {"vqav2", "vqa"},
                                     {"ocrvqa", "match"},
                                     {"gqa", "match"},
                                     {"ocrbench", "ocrbench"},
                                     {"pope", "yesno"},
                                     {"mme", "yesno"},
                                     {"hallusion", "yesno"},
                                     {"amber", "yesno"},
                                     {"refcoco", "box"}})
    if (holds(name, part) && !(holds(name, "mmmu") || holds(name, "mme-") || holds(name, "mme_real"))) return metric;
  return {};
}

/// <video> or <image> at the beginning or the end of a question about a clip, which stands before the text in any case.
void take_clip_mark(Sample& s) {
  for (const std::string_view mark : {"<video>", "<image>"}) {
    std::string& q = s.question;
    const bool first = q.starts_with(mark), last = !first && q.ends_with(mark);
    if (!first && !last) continue;
    q.erase(first ? 0 : q.size() - mark.size(), mark.size());
    if (first && q.starts_with('\n')) q.erase(0, 1);
    if (last && q.ends_with('\n')) q.pop_back();
    return;
  }
}

}  // namespace

std::vector<std::string> source_names(const Sample& s) {
  return s.clip ? std::vector<std::string>{s.clip->name} : s.image_names;
}

std::vector<Index> take_picture_marks(std::string& text) {
  std::vector<Index> out;
  constexpr std::string_view mark = "<image>";
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark, at)) {
    std::size_t from = at, to = at + mark.size();
    if (to < text.size() && text[to] == '\n') ++to;  // a line of its own goes whole
    else if (to == text.size() && from > 0 && text[from - 1] == '\n') --from;
    text.erase(from, to - from);
    out.push_back(static_cast<Index>(from));
    at = from;
  }
  return out;
}

std::string text_of(const DataProblem& p) {
  return "line " + std::to_string(p.line) + (p.id.empty() ? "" : " ('" + printable(p.id, 100) + "')") + ": " + p.what;
}

Reading::Reading(const fs::path& file, const DatasetChoice& choice, Dataset& out)
    : file_(file),
      pictures_(choice.pictures.empty() ? file.parent_path() : choice.pictures),
      choice_(choice),
      out_(out),
      metric_(metric_by_name(file.filename().string())) {}

void Reading::finish(Sample& s) {
  if (s.id.empty()) bad_item("id: expected a name, got none");
  const auto [before, fresh] = ids_.emplace(s.id, s.line);
  if (!fresh)
    bad_item("id '" + printable(s.id, 100) + "' stands in line " + std::to_string(before->second) + " already");
  if (s.metric.empty()) s.metric = choice_.metric;
  if (s.metric.empty()) {
    s.metric = s.answers.empty() ? "unscored" : !s.options.empty() ? "choice" : metric_.empty() ? "exact" : metric_;
    if (s.answers.empty()) unanswered_.insert(s.line);
  }
  if (!measure::is_metric(s.metric)) {
    std::string known;
    for (const std::string_view name : measure::metric_names) (known += known.empty() ? "" : ", ") += name;
    bad_item("metric: expected one of " + known + ", got '" + printable(s.metric, 60) + "'");
  }
  if (s.answers.empty() && s.metric != "none" && s.metric != "unscored")
    bad_item("answers: expected at least one, got none");
  if (s.metric == "choice") {
    if (s.options.empty()) bad_item("options: expected some for metric choice, got none");
    for (const std::string& a : s.answers)
      if (a.size() != 1 || a[0] < 'A' || static_cast<std::size_t>(a[0] - 'A') >= s.options.size() ||
          s.options[static_cast<std::size_t>(a[0] - 'A')].empty())
        bad_item("answers: expected the letter of an option, got '" + printable(a, 60) + "'");
  }
  if (s.metric == "yesno")
    for (const std::string& a : s.answers)
      if (measure::yes_or_no(a, measure::Flavour::lmms) == measure::YesNo::unknown)
        bad_item("answers: expected yes or no, got '" + printable(a, 60) + "'");
  if (s.metric.starts_with("box"))
    for (const std::string& a : s.answers)
      if (!measure::first_box(a)) bad_item("answers: expected [x0, y0, x1, y1], got '" + printable(a, 60) + "'");
  if (s.clip) take_clip_mark(s);
  const std::vector<Index> places = take_picture_marks(s.question);
  if (s.images.empty()) bad_item("images: expected at least one picture, got none");
  if (s.clip) {
    if (!places.empty()) bad_item("<image>: a clip stands before the text: expected none");
    s.places = {0};
    s.boxes.resize(1);
    return;
  }
  if (!places.empty() && places.size() != s.images.size())
    bad_item("<image>: expected one for each of " + std::to_string(s.images.size()) + " pictures, got " +
             std::to_string(places.size()));
  s.places = places.empty() ? std::vector<Index>(s.images.size(), 0) : places;
  s.boxes.resize(s.images.size());
}

void Reading::refuse_unanswered() {
  std::vector<Sample>& samples = out_.samples;
  if (std::all_of(samples.begin(), samples.end(), [](const Sample& s) { return s.answers.empty(); })) return;
  const auto gone = std::stable_partition(samples.begin(), samples.end(),
                                          [&](const Sample& s) { return !unanswered_.contains(s.line); });
  for (auto s = gone; s != samples.end(); ++s)
    out_.problems.push_back({s->line, s->id, Code::bad_text, "answers: expected at least one, got none", false});
  samples.erase(gone, samples.end());
}

Dataset read_dataset(const fs::path& given, const DatasetChoice& choice) {
  std::error_code error;
  const fs::path file = fs::is_directory(given, error) ? given / "questions.jsonl" : given;
  Dataset data;
  data.file = file.string();
  require_that(choice.format.empty() ||
                   std::find(std::begin(data_formats), std::end(data_formats), choice.format) != std::end(data_formats),
               Code::bad_usage, "format", [&] {
                 std::string known;
                 for (const std::string_view name : data_formats) (known += known.empty() ? "" : ", ") += name;
                 return "expected one of " + known + ", got '" + printable(choice.format, 60) + "'";
               });
  require_that(choice.metric.empty() || measure::is_metric(choice.metric), Code::bad_usage, "metric",
               [&] { return "no metric named '" + printable(choice.metric, 60) + "'; docs/metrics.md lists them"; });
  const std::string found = recognised(file);
  data.format = choice.format.empty() ? found : choice.format;
  Reading reading(file, choice, data);
  if (data.format == "vlmevalkit") read_vlmevalkit(reading);
  else if (data.format == "vqa2") read_vqa2(reading);
  else if (data.format == "json" || found == "json") read_json_list(reading);
  else read_json_lines(reading);

  reading.refuse_unanswered();

  const std::string& where = data.file;
  require_that(data.items > 0, Code::bad_text, where, "expected at least one question, got none");
  std::map<std::string, Index> scenarios, splits;
  for (const Sample& s : data.samples) {
    scenarios.emplace(s.scenario, s.line);
    splits.emplace(s.split, s.line);
  }
  std::vector<Sample> fit;
  for (Sample& s : data.samples)
    if ((choice.scenarios.empty() ||
         std::find(choice.scenarios.begin(), choice.scenarios.end(), s.scenario) != choice.scenarios.end()) &&
        (choice.split.empty() || s.split == choice.split) &&
        (choice.limit == 0 || static_cast<Index>(fit.size()) < choice.limit))
      fit.push_back(std::move(s));
  data.samples = std::move(fit);
  if (scenarios.empty()) refuse_problems(data);  // nothing was right
  for (const std::string& s : choice.scenarios)
    require_that(scenarios.contains(s), Code::unknown_strategy, where,
                 [&] { return "no question of scenario '" + s + "'; expected one of " + known_text(scenarios); });
  require_that(choice.split.empty() || splits.contains(choice.split), Code::bad_text, where,
               [&] { return "split '" + choice.split + "' is empty; expected one of " + known_text(splits); });
  require_that(!data.samples.empty(), Code::bad_text, where,
               [&] { return "no question of the chosen scenarios is in split '" + choice.split + "'"; });
  return data;
}

void refuse_problems(const Dataset& data) {
  if (data.problems.empty()) return;
  std::string text;
  for (std::size_t i = 0; i < data.problems.size() && i < 20; ++i)
    text += (i == 0 ? "" : "; ") + text_of(data.problems[i]);
  const std::size_t n = data.problems.size();
  fail(data.problems.front().code, data.file,
       (n == 1 ? "" : std::to_string(n) + " problems: ") + text +
           (n > 20 ? "; and " + std::to_string(n - 20) + " more" : ""));
}

std::vector<Sample> read_questions(const fs::path& file_or_folder, const DatasetChoice& choice) {
  Dataset data = read_dataset(file_or_folder, choice);
  refuse_problems(data);
  return std::move(data.samples);
}

}  // namespace arrcoc::io
