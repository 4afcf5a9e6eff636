// What a sweep means, as tables, CSV and JSON.
#include <algorithm>
#include <cstdio>

#include "arrcoc/sweep/sweep.hpp"
#include "files/json_parse.hpp"
#include "sweep/csv.hpp"
#include "sweep/scorecards.hpp"
#include "sweep/text_cells.hpp"

namespace arrcoc {
namespace {

using io::Ordered;

/// One table for each axis: a line for each column, a value beside the other.
std::string axis_tables(const std::vector<SweepGroup>& groups) {
  std::string out;
  for (const SweepAxis& axis : axes_of(groups)) {
    const std::string head = "right % by " + axis.path;
    std::size_t wide = head.size();
    for (const SweepAxis::Line& line : axis.lines) wide = std::max(wide, line.column.size());
    const int w = -static_cast<int>(wide);
    out += "\n" + cell(head, w);
    const auto width = [](const std::string& value) {
      return static_cast<int>(std::max<std::size_t>(20, value.size()));
    };
    for (const std::string& value : axis.values) out += "  " + cell(value, width(value));
    out += "\n";
    for (const SweepAxis::Line& line : axis.lines) {
      out += cell(line.column, w);
      for (std::size_t i = 0; i < axis.values.size(); ++i) {
        const auto& s = line.shares[i];
        out += "  " + cell(!s ? "-" : percent(s->accuracy()) + " (" + range(s->interval) + ")", width(axis.values[i]));
      }
      out += "\n";
    }
  }
  return out;
}

}  // namespace

Ordered share_json(const Share& s) {
  return {{"n", s.n},
          {"n_effective", s.effective_n},
          {"right", s.right},
          {"accuracy", s.accuracy()},
          {"low", s.interval.low},
          {"high", s.interval.high}};
}
Ordered paired_json(const measure::Paired& p) {
  return {{"n", p.n},
          {"n_effective", p.effective_n},
          {"only_this", p.only_first},
          {"only_other", p.only_second},
          {"difference", p.difference},
          {"low", p.interval.low},
          {"high", p.interval.high},
          {"p", p.p_value}};
}

std::string title_of(const SweepGroup& g) {
  return g.pipeline + (g.budget == "all" ? "" : "@" + g.budget) + (g.depth == "all" ? "" : " depth=" + g.depth) +
         (g.seed == "0"      ? ""
          : g.seed == "mean" ? " (mean of seeds)"
                             : " seed=" + g.seed);
}

std::string summary_table(const std::vector<SweepGroup>& groups) {
  std::size_t width = 8;
  for (const SweepGroup& g : groups) width = std::max(width, title_of(g).size());
  const int w = -static_cast<int>(width);
  std::string out = cell("pipeline", w) + cell("rows", 7) + cell("kept", 8) + cell("of", 8) + cell("right %", 9) +
                    cell("95 %", 14) + cell("- full", 8) + cell("95 %", 14) + cell("recall", 8) + cell("cover", 8) +
                    cell("mass", 8) + cell("AUC", 8) + cell("IoU20", 8) + cell("px", 7) + cell("ink", 8) +
                    cell("hole", 8) + cell("distinct", 9) + cell("loyal %", 9) + "\n";
  for (const SweepGroup& g : groups) {
    char text[64];
    std::snprintf(text, sizeof text, "%7ld%8.1f%8.1f", static_cast<long>(g.rows), g.kept, g.visual_tokens);
    out += cell(title_of(g), w) + text;
    out +=
        g.all ? cell(percent(g.all->accuracy()), 9) + cell(range(g.all->interval), 14) : cell("-", 9) + cell("-", 14);
    out += g.to_full ? cell(percent(g.to_full->difference), 8) + cell(range(g.to_full->interval), 14)
                     : cell("-", 8) + cell("-", 14);
    for (const auto& [name, columns] : {std::pair{"recall", 8},
                                        {"box_coverage", 8},
                                        {"mass_in_box", 8},
                                        {"auc", 8},
                                        {"iou20", 8},
                                        {"legibility", 7},
                                        {"ink_kept", 8},
                                        {"largest_hole", 8},
                                        {"distinctiveness", 9}}) {
      const auto at =
          std::find_if(g.figures.begin(), g.figures.end(), [&n = name](const auto& f) { return f.first == n; });
      std::snprintf(text, sizeof text, std::string_view(name) == "legibility" ? "%.1f" : "%.3f",
                    at == g.figures.end() ? 0 : at->second.accuracy());
      out += cell(at == g.figures.end() ? "-" : text, columns);
    }
    out += cell(g.loyalty ? percent(g.loyalty->accuracy()) : "-", 9) + "\n";
    if (g.failed > 0) out += cell("  failed", w) + cell(std::to_string(g.failed), 7) + "\n";
    if (g.yes_no)
      out += cell("  yes: precision, recall, F1", w) + cell("", 23) + cell(percent(g.yes_no->precision()), 9) +
             cell(percent(g.yes_no->recall()), 9) + cell(percent(g.yes_no->f1()), 9) + "\n";
    if (g.own_question)
      out += cell("  what its own question brings", w) + cell("", 23) + cell(percent(g.own_question->difference), 9) +
             cell(range(g.own_question->interval), 14) + "\n";
    if (g.beyond_leaks)
      out += cell("  right, and wrong in both leak rows", w) + cell("", 23) +
             cell(percent(g.beyond_leaks->accuracy()), 9) + cell(range(g.beyond_leaks->interval), 14) + "\n";
  }
  // By scenario: one column each.
  std::map<std::string, Index> scenarios;
  for (const SweepGroup& g : groups)
    for (const auto& [name, s] : g.scenarios) scenarios[name] = std::max(scenarios[name], s.n);
  if (scenarios.size() < 2) return out + axis_tables(groups);
  out += "\n" + cell("right % by scenario", w);
  for (const auto& [name, n] : scenarios) out += "  " + cell(name, 7);
  out += "\n" + cell("questions", w);
  for (const auto& [name, n] : scenarios)
    out += "  " + cell(std::to_string(n), static_cast<int>(std::max<std::size_t>(7, name.size())));
  out += "\n";
  for (const SweepGroup& g : groups) {
    if (!g.all) continue;
    out += cell(title_of(g), w);
    for (const auto& [name, n] : scenarios) {
      const auto at = g.scenarios.find(name);
      out += "  " + cell(at == g.scenarios.end() ? "-" : percent(at->second.accuracy()),
                         static_cast<int>(std::max<std::size_t>(7, name.size())));
    }
    out += "\n";
  }
  return out + axis_tables(groups);
}

std::string summary_csv(const std::vector<SweepGroup>& groups) {
  std::string out = "pipeline,budget,depth,seed,scenario,n,right,accuracy,low,high\n";
  const auto line = [&](const SweepGroup& g, const std::string& scenario, const Share& s) {
    out += csv_field(g.pipeline) + "," + csv_field(g.budget) + "," + csv_field(g.depth) + "," + g.seed + "," +
           csv_field(scenario) + "," + std::to_string(s.n) + "," + detail::to_text(s.right) + "," +
           detail::to_text(s.accuracy()) + "," + detail::to_text(s.interval.low) + "," +
           detail::to_text(s.interval.high) + "\n";
  };
  for (const SweepGroup& g : groups) {
    if (!g.all) continue;
    line(g, "all", *g.all);
    for (const auto& [name, s] : g.scenarios) line(g, name, s);
  }
  return out;
}

std::string summary_json(const std::vector<SweepGroup>& groups,
                         const std::vector<std::pair<std::string, std::string>>& head) {
  Ordered out;
  for (const auto& [name, json] : head) out[name] = io::own_json(json);
  Ordered list = Ordered::array();
  for (const SweepGroup& g : groups) {
    Ordered j{{"pipeline", g.pipeline}, {"name", g.name}, {"budget", g.budget},
              {"depth", g.depth},       {"seed", g.seed}, {"rows", g.rows}};
    if (g.all) j["all"] = share_json(*g.all);
    if (!g.scenarios.empty()) {
      j["scenarios"] = Ordered::object();
      for (const auto& [name, s] : g.scenarios) j["scenarios"][name] = share_json(s);
    }
    if (g.to_full) j["difference_to_full"] = paired_json(*g.to_full);
    if (g.where_downsample_fails) j["where_downsample_fails"] = share_json(*g.where_downsample_fails);
    if (g.own_question) j["own_question_brings"] = paired_json(*g.own_question);
    if (g.beyond_leaks) j["beyond_leaks"] = share_json(*g.beyond_leaks);
    if (g.loyalty) j["loyalty"] = share_json(*g.loyalty);
    if (g.yes_no)
      j["yes_no"] = {{"n", g.yes_no->n},
                     {"accuracy", g.yes_no->accuracy()},
                     {"precision", g.yes_no->precision()},
                     {"recall", g.yes_no->recall()},
                     {"f1", g.yes_no->f1()}};
    if (g.pictures_right) j["pictures_right"] = share_json(*g.pictures_right);
    if (g.failed > 0) j["failed"] = g.failed;
    j["means"] = {{"kept", g.kept},
                  {"visual_tokens", g.visual_tokens},
                  {"sequence_length", g.sequence_length},
                  {"deepstack_additions", g.deepstack_additions},
                  {"prefill_flops", g.prefill_flops},
                  {"kv_bytes", g.kv_bytes},
                  {"legacy_effective_tokens", g.legacy_effective_tokens},
                  {"token_layers", g.token_layers},
                  {"tower_flops", g.tower_flops},
                  {"evidence_flops", g.evidence_flops}};
    j["figures"] = Ordered::object();
    for (const auto& [name, s] : g.figures) j["figures"][name] = {{"n", s.n}, {"mean", s.accuracy()}};
    if (g.card) j["scorecard"] = card_json(*g.card);
    list.push_back(std::move(j));
  }
  out["groups"] = std::move(list);
  for (const SweepAxis& axis : axes_of(groups)) {
    Ordered lines = Ordered::array();
    for (const SweepAxis::Line& line : axis.lines) {
      lines.push_back({{"column", line.column}, {"shares", Ordered::array()}});
      for (const auto& s : line.shares) lines.back()["shares"].push_back(s ? share_json(*s) : Ordered(nullptr));
    }
    out["axes"].push_back({{"setting", axis.path}, {"values", axis.values}, {"columns", std::move(lines)}});
  }
  return io::json_text(out, 2) + "\n";
}

std::string compare_table(const std::vector<ComparedGroup>& groups) {
  std::size_t width = 8;
  for (const ComparedGroup& g : groups) {
    width = std::max(width, g.label.size());
    for (const auto& [name, p] : g.scenarios) width = std::max(width, name.size() + 2);
  }
  const int w = -static_cast<int>(width);
  std::string out = cell("pipeline", w) + cell("questions", 11) + cell("first %", 9) + cell("second %", 10) +
                    cell("difference", 12) + cell("95 %", 14) + cell("p", 8) + "\n";
  const auto difference = [&](const measure::Paired& p) {
    return cell(percent(p.difference), 12) + cell(range(p.interval), 14) + cell(fixed(p.p_value, 3), 8) + "\n";
  };
  for (const ComparedGroup& g : groups) {
    out += cell(g.label, w) + cell(std::to_string(g.difference.n), 11) + cell(percent(g.first.accuracy()), 9) +
           cell(percent(g.second.accuracy()), 10) + difference(g.difference);
    if (g.scenarios.size() > 1)
      for (const auto& [name, p] : g.scenarios)
        out += cell("  " + name, w) + cell(std::to_string(p.n), 11) + cell("", 19) + difference(p);
  }
  return out;
}

std::string compare_json(const std::vector<ComparedGroup>& groups) {
  Ordered list = Ordered::array();
  for (const ComparedGroup& g : groups) {
    Ordered j{{"column", g.label},
              {"first", share_json(g.first)},
              {"second", share_json(g.second)},
              {"difference", paired_json(g.difference)}};
    j["scenarios"] = Ordered::object();
    for (const auto& [name, p] : g.scenarios) j["scenarios"][name] = paired_json(p);
    list.push_back(std::move(j));
  }
  return io::json_text(Ordered{{"columns", list}}, 2) + "\n";
}

}  // namespace arrcoc
