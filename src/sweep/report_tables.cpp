// What a report is made of, out of a run's rows and timings; and the files beside the page.
#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "arrcoc/core/config.hpp"
#include "arrcoc/sweep/run_folder.hpp"
#include "files/json_util.hpp"
#include "sweep/csv.hpp"
#include "sweep/report_parts.hpp"
#include "sweep/scorecards.hpp"

namespace arrcoc {
namespace {

namespace fs = std::filesystem;
using io::Ordered;
using Stages = std::map<std::string, double>;  // ms

constexpr std::string_view way[] = {"decode_image", "resize",  "tokenize", "vision", "texture", "requests", "look",
                                    "score",        "balance", "allocate", "inject", "prefill", "decode"};

std::string column_of(const std::string& pipeline, const std::string& budget, const std::string& depth,
                      const std::string& seed) {
  return pipeline + "\n" + budget + "\n" + depth + "\n" + seed;
}

/// Sums over the rows of a column.
struct Times {
  Stages sums;
  std::vector<float> totals;
  void add(const Stages& row) {
    double all = 0;
    for (const auto& [stage, ms] : row) {
      sums[stage] += ms;
      all += ms;
    }
    totals.push_back(static_cast<float>(all));
  }
};

Stages stages_of(const io::JsonObject& line) {
  Stages out;
  const io::JsonObject ms = line.child("milliseconds");
  for (const auto& [stage, value] : line.at("milliseconds").items()) out[stage] = ms.number(stage.c_str(), 0, 1e12);
  return out;
}

void put_times(const Times& t, ReportColumn& column) {
  if (t.totals.empty()) return;
  const auto n = static_cast<double>(t.totals.size());
  std::set<std::string> left;
  for (const auto& [stage, sum] : t.sums) left.insert(stage);
  for (const std::string_view stage : way)
    if (left.erase(std::string(stage)) > 0) column.stages.emplace_back(stage, t.sums.at(std::string(stage)) / n);
  for (const std::string& stage : left) column.stages.emplace_back(stage, t.sums.at(stage) / n);
  std::vector<float> sorted = t.totals;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  column.milliseconds = static_cast<double>(*middle);
}

/// A row's time is its own stages, and those of its pictures' line that it has not itself.
void read_times(const fs::path& run, const std::vector<SweepRow>& rows, ReportTables& out) {
  const fs::path file = run / "timings.jsonl";
  std::error_code e;
  if (!fs::exists(file, e)) return;
  std::map<std::string, std::vector<std::size_t>> columns;
  for (std::size_t c = 0; c < out.columns.size(); ++c) {
    const SweepGroup& g = out.columns[c].group;
    columns[column_of(g.pipeline, g.budget, g.depth, g.seed)].push_back(c);
  }
  std::vector<Times> times(out.columns.size());
  std::ifstream lines(file, std::ios::binary);
  Stages shared;
  std::size_t row = 0;
  Index number = 0;
  std::vector<std::string> problems;
  for (std::string line; std::getline(lines, line);) {
    const std::string at = file.string() + ", line " + std::to_string(++number);
    const io::Json json = io::parse_json(line, Code::bad_text, at, 100'000);
    const io::JsonObject o(json, at, problems);
    if (o.has("images")) shared = stages_of(o);
    if (!o.has("key") || row >= rows.size()) continue;
    const SweepRow& r = rows[row++];  // written together
    if (o.text("key") != r.key || !r.error.empty()) continue;
    Stages own = stages_of(o);
    own.insert(shared.begin(), shared.end());
    for (const std::string& seed : {std::to_string(r.seed), std::string("mean")})
      if (const auto c = columns.find(column_of(r.pipeline, r.budget, r.depth, seed)); c != columns.end())
        for (const std::size_t i : c->second) times[i].add(own);
  }
  require_that(problems.empty(), Code::bad_text, "report", [&] { return problems.front(); });
  for (std::size_t c = 0; c < times.size(); ++c) put_times(times[c], out.columns[c]);
}

int look_of(const std::string& pipeline, std::set<int>& taken, int& next) {
  const std::string word = pipeline.substr(0, pipeline.find(':'));
  int look = word == "random" ? PlotSeries::random : word == "oracle" ? PlotSeries::oracle : 0;
  if (word == "full" || word == "stock") look = PlotSeries::whole;
  return look < 0 && taken.insert(look).second ? look : next++;
}

bool point_of(const ReportColumn& c, bool scored, PlotPoint& p) {
  const SweepGroup& g = c.group;
  p.name = c.title;
  if (scored) {
    if (!g.all) return false;
    p.y = g.all->accuracy();
    p.low = g.all->interval.low;
    p.high = g.all->interval.high;
    return true;
  }
  const auto recall =
      std::find_if(g.figures.begin(), g.figures.end(), [](const auto& f) { return f.first == "recall"; });
  if (recall == g.figures.end()) return false;
  p.y = p.low = p.high = recall->second.accuracy();
  return true;
}

std::vector<Plot> plots_of(const ReportTables& tables) {
  const bool scored = std::any_of(tables.columns.begin(), tables.columns.end(),
                                  [](const ReportColumn& c) { return c.group.all.has_value(); });
  const std::string what = scored ? "Right" : "Recall of the answer's tokens", name = scored ? "accuracy" : "recall";
  std::vector<Plot> out{{name + "-tokens", what + " against visual tokens", "visual tokens kept", what, scored, {}},
                        {name + "-token-layers", what + " against token-layers", "token-layers", what, scored, {}},
                        {name + "-milliseconds", what + " against time", "ms a question, median", what, scored, {}}};
  std::set<std::string> means;  // drawn in place of their seeds
  for (const ReportColumn& c : tables.columns)
    if (c.group.seed == "mean") means.insert(column_of(c.group.pipeline, c.group.budget, c.group.depth, ""));
  std::map<std::string, std::size_t> known;
  std::set<int> taken;
  int next = 0;
  for (const ReportColumn& c : tables.columns) {
    const SweepGroup& g = c.group;
    PlotPoint p;
    if (leaks(g.pipeline) || !point_of(c, scored, p)) continue;
    if (g.seed != "mean" && means.contains(column_of(g.pipeline, g.budget, g.depth, ""))) continue;
    const std::string series = g.pipeline + (g.depth == "all" ? "" : " depth=" + g.depth);
    const auto [at, fresh] = known.try_emplace(series, known.size());
    if (fresh) {
      const int look = look_of(g.pipeline, taken, next);
      for (Plot& plot : out) plot.series.push_back({series, look, {}});
    }
    const std::optional<double> xs[] = {g.kept, g.token_layers, c.milliseconds};
    for (std::size_t k = 0; k < out.size(); ++k)
      if (xs[k]) {
        p.x = *xs[k];
        out[k].series[at->second].points.push_back(p);
      }
  }
  for (Plot& plot : out) {
    std::erase_if(plot.series, [](const PlotSeries& s) { return s.points.empty(); });
    for (PlotSeries& s : plot.series)
      std::stable_sort(s.points.begin(), s.points.end(),
                       [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
  }
  std::erase_if(out, [](const Plot& p) { return p.series.empty(); });
  return out;
}

RunData data_in(const std::vector<std::pair<std::string, std::string>>& head, const fs::path& run) {
  RunData out;
  std::vector<std::string> problems;
  for (const auto& [name, json] : head) {
    if (name != "data") continue;
    const io::Json data = io::parse_json(json, Code::bad_text, "run.json");
    const io::JsonObject o(data, "data", problems);
    out = {o.text("path"), o.text("format")};
  }
  require_that(problems.empty(), Code::bad_text, (run / "run.json").string(), [&] { return problems.front(); });
  return out;
}

}  // namespace

RunData data_of_run(const fs::path& run) { return data_in(read_record(run).head, run); }

ReportTables report_tables(const fs::path& run, const std::vector<SweepRow>& rows) {
  ReportTables out;
  out.head = read_record(run).head;
  fs::path data = fs::path(data_in(out.head, run).path).lexically_normal();
  if (!data.has_filename()) data = data.parent_path();
  out.title = data.filename().string();
  for (SweepGroup& g : summarise(rows)) {
    ReportColumn c;
    c.title = title_of(g);
    c.group = std::move(g);
    out.columns.push_back(std::move(c));
  }
  out.command = command_of_run(run);
  read_times(run, rows, out);
  out.plots = plots_of(out);
  out.protocols = protocols_of(rows);
  return out;
}

Ordered plots_json(const ReportTables& tables) {
  Ordered out = Ordered::array();
  for (const Plot& plot : tables.plots) {
    Ordered one{
        {"id", plot.id}, {"title", plot.title}, {"x", plot.x_label}, {"y", plot.y_label}, {"percent", plot.percent}};
    for (const PlotSeries& s : plot.series) {
      Ordered list = Ordered::array();
      for (const PlotPoint& p : s.points)
        list.push_back({{"column", p.name}, {"x", p.x}, {"y", p.y}, {"low", p.low}, {"high", p.high}});
      one["series"].push_back({{"name", s.name}, {"look", s.look}, {"points", list}});
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> report_files(const ReportTables& tables) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto share = [](const std::optional<Share>& s) {
    return s ? detail::to_text(s->accuracy()) + "," + detail::to_text(s->interval.low) + "," +
                   detail::to_text(s->interval.high)
             : std::string(",,");
  };
  std::string columns =
      "column,pipeline,budget,depth,seed,name,rows,failed,kept,visual_tokens,accuracy,low,high,minus_full,minus_full_"
      "low,"
      "minus_full_high,p,token_layers,milliseconds,sequence_length,prefill_flops,tower_flops,evidence_flops,kv_bytes,"
      "loyalty,loyalty_low,loyalty_high\n";
  for (const ReportColumn& c : tables.columns) {
    const SweepGroup& g = c.group;
    columns += csv_field(c.title) + "," + csv_field(g.pipeline) + "," + csv_field(g.budget) + "," + csv_field(g.depth) +
               "," + g.seed + "," + csv_field(g.name) + "," + std::to_string(g.rows) + "," + std::to_string(g.failed) +
               "," + detail::to_text(g.kept) + "," + detail::to_text(g.visual_tokens) + "," + share(g.all) + ",";
    columns += g.to_full
                   ? detail::to_text(g.to_full->difference) + "," + detail::to_text(g.to_full->interval.low) + "," +
                         detail::to_text(g.to_full->interval.high) + "," + detail::to_text(g.to_full->p_value)
                   : ",,,";
    columns += "," + detail::to_text(g.token_layers) + "," + (c.milliseconds ? detail::to_text(*c.milliseconds) : "");
    for (const double mean : {g.sequence_length, g.prefill_flops, g.tower_flops, g.evidence_flops, g.kv_bytes})
      columns += "," + detail::to_text(mean);
    columns += "," + share(g.loyalty) + "\n";
  }
  out.emplace_back("columns.csv", std::move(columns));
  Ordered cards = Ordered::array();
  for (const ReportColumn& c : tables.columns)
    if (c.group.card) cards.push_back({{"column", c.title}, {"scorecard", card_json(*c.group.card)}});
  out.emplace_back("scorecard.csv", cards_csv(tables));
  out.emplace_back("scorecard.json", io::json_text(cards, 2) + "\n");
  out.emplace_back("classes.csv", classes_csv(tables));
  std::string points = "plot,series,column,x,y,low,high\n";
  for (const Plot& plot : tables.plots) {
    for (const PlotSeries& s : plot.series)
      for (const PlotPoint& p : s.points) {
        points += plot.id + "," + csv_field(s.name) + "," + csv_field(p.name);
        for (const double v : {p.x, p.y, p.low, p.high}) points += "," + detail::to_text(v);
        points += "\n";
      }
    out.emplace_back(plot.id + ".svg", plot_svg(plot, false, true));
  }
  out.emplace_back("plots.csv", std::move(points));
  out.emplace_back("plots.json", io::json_text(plots_json(tables), 2) + "\n");
  return out;
}

}  // namespace arrcoc
