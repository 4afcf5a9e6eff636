// Rows of a sweep as JSON lines, and back.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "arrcoc/core/digest.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/sweep.hpp"
#include "engine/passes_json.hpp"
#include "files/json_util.hpp"

namespace arrcoc {
namespace {

using Ordered = nlohmann::ordered_json;

std::string line_of(const Ordered& json) { return json.dump(-1, ' ', false, Ordered::error_handler_t::replace) + "\n"; }

}  // namespace

std::vector<std::pair<std::string_view, double>> figures_of(const SweepRow& r) {
  const measure::TokenFigures& f = r.figures;
  const std::pair<std::string_view, std::optional<double>> all[] = {{"recall", f.recall},
                                                                    {"box_coverage", f.box_coverage},
                                                                    {"miss", f.miss},
                                                                    {"mass_in_box", f.mass_in_box},
                                                                    {"auc", f.auc},
                                                                    {"iou20", f.iou20},
                                                                    {"legibility", f.legibility},
                                                                    {"ink_kept", f.ink_kept},
                                                                    {"largest_hole", f.largest_hole},
                                                                    {"distinctiveness", r.distinctiveness}};
  std::vector<std::pair<std::string_view, double>> out;
  for (const auto& [name, value] : all)
    if (value) out.emplace_back(name, *value);
  return out;
}

std::string kept_hash(const std::vector<Allocation>& allocations) {
  Digest d;
  for (const Allocation& a : allocations)
    for (std::size_t i = 0; i < a.kept.size(); ++i) d.value(a.kept[i]).value(std::uint64_t{a.depth[i]});
  return Digest::hex_of(d.first());
}

std::string row_json(const SweepRow& r, bool with_kept) {
  Ordered j{{"key", r.key},        {"id", r.id},         {"scenario", r.scenario},
            {"split", r.split},    {"kind", r.kind},     {"difficulty", r.difficulty},
            {"metric", r.metric},  {"images", r.images}, {"pipeline", r.pipeline},
            {"name", r.name},      {"budget", r.budget}, {"depth", r.depth},
            {"seed", r.seed},      {"draw", r.draw},     {"question", r.question},
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
  j["costs"] = costs_json(r.costs);
  if (!r.passes.empty()) j["passes"] = passes_json(r.passes);
  j["figures"] = Ordered::object();
  for (const auto& [name, value] : figures_of(r)) j["figures"][std::string(name)] = value;
  return line_of(j);
}

std::vector<SweepRow> read_rows(const std::string& run) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path file = (fs::is_directory(run, error) ? fs::path(run) : fs::path(run).parent_path()) / "rows.jsonl";
  require_that(fs::exists(run, error), Code::file_missing, "compare", [&] { return "no such run: " + run; });
  const std::string text = io::read_file(file), where = file.string();
  std::vector<SweepRow> out;
  Index number = 0;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    const std::string_view line(text.data() + from, to - from);
    from = to + 1;
    const std::string at = where + ", line " + std::to_string(++number);
    const io::Json j = io::parse_json(line, Code::bad_text, at, 1'000'000);
    std::vector<std::string> problems;
    const io::JsonObject o(j, "", problems);
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
    r.seed = static_cast<std::uint64_t>(o.integer("seed", 0, INT64_MAX, 0));
    if (o.has("score")) r.score = o.number("score", 0, 1);
    if (o.has("prediction")) r.prediction = o.text("prediction");
    r.metric = o.text("metric", "exact");
    r.extracted = o.text("extracted");
    r.error = o.text("error");
    require_that(problems.empty(), Code::bad_text, at, [&] { return problems.front(); });
    out.push_back(std::move(r));
  }
  require_that(!out.empty(), Code::bad_text, where, "expected at least one row, got none");
  return out;
}

}  // namespace arrcoc
