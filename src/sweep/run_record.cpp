// What a run is: its settings, what differs between two, and digests of what they stand for.
#include <unistd.h>

#include <algorithm>
#include <map>

#include "arrcoc/core/digest.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/run_folder.hpp"
#include "files/json_util.hpp"
#include "sweep/run_record.hpp"

namespace arrcoc {
namespace {

namespace fs = std::filesystem;
using io::Ordered;

/// Every leaf below `json`: "run.columns.3" -> text.
void leaves(const io::Json& json, const std::string& path, std::map<std::string, std::string>& out) {
  if (!json.is_structured() || json.empty()) {
    out[path] = io::shown(json) + (json.is_string() ? Digest().text(json.get<std::string>()).hex() : "");
    return;
  }
  for (const auto& [key, value] : json.items()) leaves(value, path.empty() ? key : path + "." + key, out);
}

std::map<std::string, std::string> leaves_of(const RunRecord& record) {
  std::map<std::string, std::string> out;
  for (const auto& [name, text] : record.head) leaves(io::parse_json(text, Code::bad_text, name), name, out);
  out["units"] = std::to_string(record.units);
  return out;
}

/// What may change between two processes of one run.
bool may_differ(const std::string& path) {
  return path == "model.path" || path == "model.identity" || path == "data.path" || path == "backend.threads";
}

}  // namespace

Shard parse_shard(const std::string& text) {
  Shard s;
  const auto slash = text.find('/');
  const bool read = slash != text.npos && detail::from_text(text.substr(0, slash), s.index).empty() &&
                    detail::from_text(text.substr(slash + 1), s.count).empty();
  require_that(read && s.index >= 1 && s.index <= s.count && s.count <= 1'000'000, Code::bad_usage, "shard",
               [&] { return "expected i/n with i from 1 to n, got '" + text + "'"; });
  return s;
}

std::string record_json(const RunRecord& record) {
  Ordered out;
  for (const auto& [name, json] : record.head) out[name] = io::own_json(json);
  out["units"] = record.units;
  out["shard"] = {{"index", record.shard.index}, {"count", record.shard.count}};
  return io::json_text(out, 2) + "\n";
}

RunRecord read_record(const fs::path& run) {
  const fs::path file = run / "run.json";
  const std::string text = io::read_file(file, 64 << 20);
  std::vector<std::string> problems;
  const io::Json json = io::parse_json(text, Code::bad_text, file.string());
  const io::JsonObject o(json, "", problems);
  RunRecord record;
  record.units = o.integer("units", 1, INT64_MAX);
  record.shard.index = o.child("shard").integer("index", 1, 1'000'000);
  record.shard.count = o.child("shard").integer("count", record.shard.index, 1'000'000);
  require_that(problems.empty(), Code::bad_text, file.string(), [&] { return problems.front(); });
  const Ordered ordered = io::own_json(text);
  for (const auto& [name, value] : ordered.items())
    if (name != "units" && name != "shard") record.head.emplace_back(name, io::json_text(value));
  return record;
}

void choose_as_before(const fs::path& run, std::string_view backend, const std::string& key,
                      const std::string& otherwise, std::string& choice) {
  std::error_code e;
  const fs::path file = run / "run.json";
  if (choice != "auto" || !fs::exists(file, e) || fs::file_size(file, e) == 0 || e) return;
  for (const auto& [name, json] : read_record(run).head) {
    if (name != "backend") continue;
    const Ordered was = io::own_json(json);
    if (was.is_object() && was.value("name", std::string()) == backend) choice = was.value(key, otherwise);
  }
}

std::vector<std::string> differences(const RunRecord& before, const RunRecord& now) {
  const std::map<std::string, std::string> first = leaves_of(before), second = leaves_of(now);
  std::vector<std::string> out;
  // A text is shown without the digest that tells long ones apart.
  const auto shown = [](const std::string& leaf) {
    return leaf.starts_with('"') ? leaf.substr(0, leaf.size() - 32) : leaf;
  };
  for (const auto& [path, value] : first) {
    if (may_differ(path)) continue;
    const auto at = second.find(path);
    if (at == second.end()) out.push_back(path + " was " + shown(value) + " and is not given");
    else if (at->second != value) out.push_back(path + " was " + shown(value) + " and is " + shown(at->second));
  }
  for (const auto& [path, value] : second)
    if (!first.contains(path) && !may_differ(path) && path != "backend.isa")  // records of earlier versions are silent
      out.push_back(path + " was not given and is " + shown(value));
  return out;
}

std::string settings_digest(const RunRecord& record) {
  Digest d;
  for (const auto& [path, value] : leaves_of(record))
    if (!may_differ(path)) d.text(path).text(value);
  return d.hex();
}

namespace {

/// Of a file; of a folder that of all files in it.
std::uint64_t bytes_of(const fs::path& what) {
  std::error_code e;
  if (!fs::is_directory(what, e)) return fs::file_size(what, e);
  std::uint64_t sum = 0;
  for (const auto& entry : fs::directory_iterator(what, e))
    if (entry.is_regular_file(e)) sum += entry.file_size(e);
  return sum;
}

}  // namespace

std::string data_digest(const io::Dataset& data) {
  Digest d;
  std::map<std::string, std::uint64_t> sizes;  // of the pictures' files
  for (const io::Sample& s : data.samples) {
    for (const std::string* text : {&s.id, &s.question, &s.scenario, &s.split, &s.category, &s.kind, &s.metric})
      d.text(*text);
    d.value(s.difficulty);
    for (const auto* list : {&s.image_names, &s.answers, &s.options}) {
      d.value(list->size());
      for (const std::string& text : *list) d.text(text);
    }
    if (s.pictures_inside())
      for (const Index place : s.places) d.value(place);
    for (const auto& boxes : s.boxes) {
      d.value(boxes.size());
      for (const Box& b : boxes) d.value(b.row0).value(b.col0).value(b.row1).value(b.col1);
      if (s.clip)
        for (const Box& b : boxes) d.value(b.frame);
    }
    if (s.clip) {
      d.value(s.clip->frames_per_second);
      for (const double t : s.clip->seconds) d.value(t);
      for (const auto& [from, to] : s.clip->answer) d.value(from).value(to);
    }
    for (const io::DatasetPicture& p : s.images) {
      if (p.offset >= 0 || !p.base64.empty()) {
        d.value(p.length).value(p.base64.size());
        continue;
      }
      const auto [at, fresh] = sizes.try_emplace(p.file.string());
      if (fresh) at->second = bytes_of(p.file);
      d.value(at->second);
    }
  }
  return d.hex();
}

std::string content_digest(const fs::path& what) {
  constexpr std::int64_t whole = 1 << 20, block = 4096, blocks = 64;
  std::error_code e;
  std::vector<fs::path> files;
  if (!fs::is_directory(what, e)) files.push_back(what);
  else
    for (const auto& entry : fs::directory_iterator(what, e))
      if (entry.is_regular_file(e)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  Digest d;
  for (const fs::path& file : files) {
    const int fd = io::open_input(file);
    const auto size = static_cast<std::int64_t>(fs::file_size(file, e));
    d.text(files.size() > 1 ? file.filename().string() : std::string()).value(size);
    std::string bytes;
    const auto add = [&](std::int64_t from, std::int64_t n) {
      bytes.resize(static_cast<std::size_t>(n));
      const ssize_t got = ::pread(fd, bytes.data(), bytes.size(), from);
      bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(0, got)));
      d.text(bytes);
    };
    add(0, std::min(size, whole));
    for (std::int64_t i = 0; i < blocks && size > whole; ++i) add(size / blocks * i, block);
    if (size > whole) add(size - block, block);
    ::close(fd);
  }
  return d.hex();
}

}  // namespace arrcoc
