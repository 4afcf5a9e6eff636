// Which units of a run are done; runs made into one.
#include "sweep/run_units.hpp"

#include <algorithm>
#include <fstream>
#include <map>

#include "arrcoc/core/digest.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "files/json_util.hpp"
#include "sweep/kept_maps.hpp"
#include "sweep/run_record.hpp"

namespace arrcoc {
namespace {

namespace fs = std::filesystem;

/// Bytes [from, to) of a file; fewer where it ends.
std::string part_of(std::ifstream& file, std::int64_t from, std::int64_t to) {
  std::string out(static_cast<std::size_t>(std::max<std::int64_t>(0, to - from)), '\0');
  file.clear();
  file.seekg(from);
  file.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(file.gcount()));
  return out;
}

/// False for a line that was cut or is none.
bool read_line(std::string_view line, UnitDone& u) {
  io::Json json;
  if (!io::read_json(line, 1000, json).empty()) return false;
  std::vector<std::string> problems;
  const io::JsonObject o(json, "", problems);
  u.unit = o.integer("unit", 0, INT64_MAX);
  u.rows = o.integer("rows", 0, INT64_MAX);
  u.end = o.integer("end", 0, INT64_MAX);
  u.timings = o.integer("timings", 0, INT64_MAX);
  u.digest = o.text("digest");
  return problems.empty();
}

}  // namespace

std::string unit_digest(std::string_view rows) { return Digest().text(rows).hex(); }

std::string unit_line(const UnitDone& u) {
  return "{\"unit\":" + std::to_string(u.unit) + ",\"rows\":" + std::to_string(u.rows) +
         ",\"end\":" + std::to_string(u.end) + ",\"timings\":" + std::to_string(u.timings) + ",\"digest\":\"" +
         u.digest + "\"}\n";
}

UnitLines read_units(const fs::path& run, const RunRecord& record) {
  UnitLines out;
  std::error_code e;
  if (!fs::exists(run / "units.jsonl", e)) return out;
  const std::string text = io::read_file(run / "units.jsonl");
  std::ifstream rows(run / "rows.jsonl", std::ios::binary);
  std::vector<bool> seen(static_cast<std::size_t>(record.units));
  std::int64_t from = 0;
  for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    UnitDone u;
    if (!read_line(std::string_view(text).substr(at, end - at), u)) break;
    const bool ours =
        u.unit < record.units && record.shard.has(u.unit) && u.end >= from && !seen[static_cast<std::size_t>(u.unit)];
    const std::string part = ours ? part_of(rows, from, u.end) : std::string();
    if (!ours || unit_digest(part) != u.digest) {
      // What a power loss takes is missing, or reads as zeros.
      const bool lost = static_cast<std::int64_t>(part.size()) < u.end - from || part.find('\0') != part.npos;
      require_that(ours && lost, Code::bad_text, (run / "rows.jsonl").string(), [&] {
        return "the rows of unit " + std::to_string(u.unit) + " (bytes " + std::to_string(from) + " to " +
               std::to_string(u.end) + ") are not what was written; expected a run that nobody changed: cut " +
               "units.jsonl to its first " + std::to_string(out.done.size()) + " lines, and the rest is done again";
      });
      break;
    }
    seen[static_cast<std::size_t>(u.unit)] = true;
    from = u.end;
    out.bytes = static_cast<std::int64_t>(end + 1);
    out.done.push_back(std::move(u));
  }
  return out;
}

std::vector<SweepGroup> write_summary(const fs::path& run, const RunRecord& record) {
  std::vector<SweepGroup> groups = summarise(read_rows(run.string()));
  auto head = record.head;
  if (record.shard.count > 1)
    head.emplace_back("shard", "{\"index\":" + std::to_string(record.shard.index) +
                                   ",\"count\":" + std::to_string(record.shard.count) + "}");
  io::write_file(run / "summary.json", summary_json(groups, head));
  io::write_file(run / "summary.csv", summary_csv(groups));
  return groups;
}

RunCommand command_of_run(const fs::path& run) {
  RunCommand out;
  std::ifstream lines(run / "timings.jsonl", std::ios::binary);
  std::vector<std::string> problems;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"command\":") == line.npos) continue;
    const std::string at = (run / "timings.jsonl").string();
    const io::Json json = io::parse_json(line, Code::bad_text, at, 100'000);
    const io::JsonObject o(json, at, problems);
    if (o.has("command")) out = {o.text("command"), o.has("merged") ? o.integer("merged", 1, INT64_MAX) : 0};
  }
  require_that(problems.empty(), Code::bad_text, "run", [&] { return problems.front(); });
  return out;
}

std::vector<SweepGroup> merge_runs(const std::vector<fs::path>& runs, const fs::path& out, const std::string& command) {
  require_that(!runs.empty(), Code::bad_usage, "merge", "expected at least one run");
  RunRecord record = read_record(runs.front());
  struct Span {
    std::size_t run = 0;
    std::int64_t from = 0, timings = 0;
    UnitDone unit;
  };
  std::map<Index, Span> places;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const RunRecord own = read_record(runs[r]);
    const std::vector<std::string> other = differences(record, own);
    require_that(other.empty(), Code::bad_usage, "merge", [&] {
      return runs[r].string() + ": expected the settings of " + runs.front().string() + ": " + other.front();
    });
    Span place{r, 0, 0, {}};
    for (const UnitDone& u : read_units(runs[r], own).done) {
      place.unit = u;
      const auto placed = places.emplace(u.unit, place);
      require_that(placed.second || placed.first->second.unit.digest == u.digest, Code::bad_usage, "merge", [&] {
        return "unit " + std::to_string(u.unit) + " was done by " + runs[placed.first->second.run].string() +
               " and by " + runs[r].string() + ", and the rows differ";
      });
      place.from = u.end;
      place.timings = u.timings;
    }
  }
  const Index missing = record.units - static_cast<Index>(places.size());
  require_that(missing == 0, Code::bad_usage, "merge", [&] {
    Index first = 0;
    while (places.contains(first)) ++first;
    return std::to_string(missing) + " of " + std::to_string(record.units) + " units are missing, the first is " +
           std::to_string(first) + "; expected every shard, each finished";
  });
  record.shard = {};
  io::UnfinishedFolder part(out);
  std::ofstream rows(part.path() / "rows.jsonl", std::ios::binary),
      timings(part.path() / "timings.jsonl", std::ios::binary), units(part.path() / "units.jsonl", std::ios::binary);
  std::int64_t row_end = 0, timing_end = 0;
  for (const auto& [number, place] : places) {
    std::ifstream from(runs[place.run] / "rows.jsonl", std::ios::binary),
        times(runs[place.run] / "timings.jsonl", std::ios::binary);
    const std::string bytes = part_of(from, place.from, place.unit.end),
                      lines = part_of(times, place.timings, place.unit.timings);
    rows << bytes;
    timings << lines;
    UnitDone u = place.unit;
    u.end = row_end += static_cast<std::int64_t>(bytes.size());
    u.timings = timing_end += static_cast<std::int64_t>(lines.size());
    units << unit_line(u);
    std::error_code e;
    if (const fs::path maps = maps_file(runs[place.run], number); fs::exists(maps, e)) {
      fs::create_directories(part.path() / "maps");
      io::write_file(maps_file(part.path(), number), io::read_file(maps));
    }
  }
  if (!command.empty())
    timings << "{\"merged\":" << runs.size() << ",\"command\":" << io::string_line(command) << "}\n";
  for (std::ofstream* file : {&rows, &timings, &units}) {
    file->close();
    require_that(!file->fail(), Code::bad_output, "merge",
                 [&] { return "cannot write to " + part.path().string() + " (is the disk full?)"; });
  }
  io::write_file(part.path() / "run.json", record_json(record));
  std::vector<SweepGroup> groups = write_summary(part.path(), record);
  part.finish();
  return groups;
}

}  // namespace arrcoc
