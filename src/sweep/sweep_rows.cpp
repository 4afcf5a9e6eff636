// Rows of a sweep as JSON lines, and back.
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>

#include "arrcoc/core/digest.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/sweep.hpp"
#include "engine/passes_json.hpp"
#include "files/json_util.hpp"

namespace arrcoc {

using io::Ordered;

std::string column_label(const SweepRow& r) { return r.key.substr(std::min(r.key.size(), r.id.size() + 1)); }

std::vector<std::pair<std::string_view, double>> figures_of(const SweepRow& r) {
  std::vector<std::pair<std::string_view, double>> out;
  for (const auto& [name, field] : measure::figure_fields)
    if (const auto& value = r.figures.*field) out.emplace_back(name, *value);
  if (r.distinctiveness) out.emplace_back("distinctiveness", *r.distinctiveness);
  if (r.rank_correlation) out.emplace_back("rank_correlation", *r.rank_correlation);
  if (r.seconds_off) out.emplace_back("seconds_off", *r.seconds_off);
  return out;
}

std::string kept_hash(const std::vector<Allocation>& allocations) {
  Digest d;
  for (const Allocation& a : allocations)
    for (std::size_t i = 0; i < a.kept.size(); ++i) d.value(a.kept[i]).value(std::uint64_t{a.depth[i]});
  return Digest::hex_of(d.first());
}

std::string row_json(const SweepRow& r, bool with_kept) {
  Ordered j{{"key", r.key},
            {"id", r.id},
            {"scenario", r.scenario},
            {"split", r.split},
            {"kind", r.kind},
            {"difficulty", r.difficulty},
            {"metric", r.metric},
            {"images", r.images},
            {"pipeline", r.pipeline},
            {"name", r.name},
            {"budget", r.budget},
            {"depth", r.depth},
            {"seed", io::exact(r.seed)},
            {"draw", io::exact(r.draw)},
            {"question", r.question},
            {"answers", r.answers}};
  j["prediction"] = r.prediction ? Ordered(*r.prediction) : Ordered(nullptr);
  j["score"] = r.score ? Ordered(*r.score) : Ordered(nullptr);
  if (!r.extracted.empty()) j["extracted"] = r.extracted;
  if (r.loyal) j["loyal"] = *r.loyal;
  if (!r.error.empty()) j["error"] = r.error;
  if (r.prediction) j["stopped"] = r.stopped;
  j["grids"] = Ordered::array();
  for (const Grid& g : r.grids) j["grids"].push_back({g.rows, g.cols});
  j["tokens"] = r.costs.visual_tokens_before;
  j["kept"] = r.kept;
  j["clamped"] = r.clamped;
  j["kept_hash"] = r.kept_hash;
  if (with_kept) j["kept_tokens"] = r.kept_tokens;
  for (const SweptClip& c : r.clips)
    j["clips"].push_back({{"frames", c.frames}, {"seconds", c.seconds}, {"kept", c.kept}});
  j["costs"] = costs_json(r.costs);
  if (!r.passes.empty()) j["passes"] = passes_json(r.passes);
  j["figures"] = Ordered::object();
  for (const auto& [name, value] : figures_of(r)) j["figures"][std::string(name)] = value;
  return io::json_text(j) + "\n";
}

namespace {

/// What summaries, pairs and other toolkits' files take of a row.
SweepRow row_of(std::string_view line, const std::string& at) {
  constexpr double most = std::numeric_limits<double>::max();
  const io::Json j = io::parse_json(line, Code::bad_text, at, 1'000'000);
  std::vector<std::string> problems;
  const io::JsonObject o(j, "", problems), costs = o.child("costs"), figures = o.child("figures");
  SweepRow r;
  for (const auto& [key, to_field] : {std::pair{"key", &r.key},
                                      {"id", &r.id},
                                      {"scenario", &r.scenario},
                                      {"pipeline", &r.pipeline},
                                      {"name", &r.name},
                                      {"budget", &r.budget},
                                      {"depth", &r.depth},
                                      {"question", &r.question},
                                      {"kept_hash", &r.kept_hash}}) {
    if (!o.has(key)) problems.push_back(std::string(key) + ": expected, got none");
    *to_field = o.text(key);
  }
  r.images = o.texts("images");
  if (o.has("answers")) r.answers = o.texts("answers");
  if (const auto& seed = o.at("seed"); seed.is_string()) {  // above 2^53
    const std::string text = o.text("seed");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), r.seed);
    if (error != std::errc{} || end != text.data() + text.size()) o.problem("seed", "expected digits, got " + text);
  } else {
    r.seed = static_cast<std::uint64_t>(o.integer("seed", 0, INT64_MAX, 0));
  }
  if (o.has("score")) r.score = o.number("score", 0, 1);
  if (o.has("prediction")) r.prediction = o.text("prediction");
  if (o.has("loyal")) r.loyal = o.number("loyal", 0, 1);
  r.kind = o.text("kind");
  r.metric = o.text("metric", "exact");
  r.extracted = o.text("extracted");
  r.error = o.text("error");
  r.kept = o.integer("kept", 0, INT64_MAX, 0);
  each_cost(r.costs, [&](const char* name, auto& value) {
    if constexpr (std::is_same_v<decltype(value), Index&>) value = costs.integer(name, 0, INT64_MAX, 0);
    else value = costs.number(name, 0, most, 0);
  });
  for (const auto& [key, field] : measure::figure_fields)
    if (figures.has(key)) r.figures.*field = figures.number(key, -most, most);
  if (figures.has("distinctiveness")) r.distinctiveness = figures.number("distinctiveness", 0, 1);
  if (figures.has("rank_correlation")) r.rank_correlation = figures.number("rank_correlation", -1.000001, 1.000001);
  if (figures.has("seconds_off")) r.seconds_off = figures.number("seconds_off", 0, most);
  require_that(problems.empty(), Code::bad_text, at, [&] { return problems.front(); });
  return r;
}

}  // namespace

std::vector<SweepRow> read_rows(const std::string& run) {
  namespace fs = std::filesystem;
  std::error_code error;
  require_that(fs::exists(run, error), Code::file_missing, "compare", [&] { return "no such run: " + run; });
  fs::path file = run;
  if (fs::is_directory(file, error)) file /= "rows.jsonl";
  for (const char* beside : {"run.json", "units.jsonl", "timings.jsonl", "summary.json", "summary.csv", "report.html"})
    if (file.filename() == beside) file.replace_filename("rows.jsonl");
  ::close(io::open_input(file));  // refuses what is no file
  std::ifstream lines(file, std::ios::binary);
  std::vector<SweepRow> out;
  Index number = 0;
  for (std::string line; std::getline(lines, line);)
    out.push_back(row_of(line, file.string() + ", line " + std::to_string(++number)));
  require_that(!out.empty(), Code::bad_text, file.string(), "expected at least one row, got none");
  return out;
}

}  // namespace arrcoc
