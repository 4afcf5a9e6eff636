// The part of the page that stands without a script: plots, tables, costs, provenance.
#include <algorithm>
#include <map>

#include "arrcoc/core/config.hpp"
#include "arrcoc/core/digest.hpp"
#include "files/json_parse.hpp"
#include "sweep/report_parts.hpp"
#include "sweep/report_table.hpp"

namespace arrcoc {
namespace {

using io::Ordered;

std::string columns_table(const ReportTables& tables) {
  std::vector<Heading> headings{{"column", ""},
                                {"rows", "questions times seeds"},
                                {"kept", "visual tokens that enter the answer, mean"},
                                {"of", "visual tokens of the whole picture, mean"},
                                {"right %", "mean score"},
                                {"95 %", "Wilson's interval over pictures"},
                                {"− full", "paired difference to full, percentage points"},
                                {"95 %", "interval of the difference"},
                                {"p", "of the difference, by flipping signs"},
                                {"token-layers", "living visual tokens, mean over the layers"},
                                {"ms", "a question, median"},
                                {"prefill", "FLOPs"},
                                {"KV", "bytes"},
                                {"loyal %", "says what full says"}};
  std::map<std::string, bool> has;
  bool failed = false;
  std::vector<std::string> figures;
  for (const ReportColumn& c : tables.columns) {
    failed = failed || c.group.failed > 0;
    for (const auto& [name, s] : c.group.figures)
      if (std::find(figures.begin(), figures.end(), name) == figures.end()) figures.push_back(name);
  }
  for (const std::string& f : figures) headings.push_back({f, "docs/sweep.md, figures without a model"});
  if (failed) headings.push_back({"failed", "rows without an answer"});
  std::vector<std::pair<std::string, std::vector<Cell>>> rows;
  for (const ReportColumn& c : tables.columns) {
    const SweepGroup& g = c.group;
    std::vector<Cell> cells{{std::to_string(g.rows), static_cast<double>(g.rows)},
                            {fixed(g.kept, 1), g.kept},
                            {fixed(g.visual_tokens, 1), g.visual_tokens}};
    cells.push_back(g.all ? percent_cell(g.all->accuracy()) : nothing);
    cells.push_back(g.all ? interval(g.all->interval) : nothing);
    cells.push_back(g.to_full ? percent_cell(g.to_full->difference) : nothing);
    cells.push_back(g.to_full ? interval(g.to_full->interval) : nothing);
    cells.push_back(g.to_full ? p_cell(g.to_full->p_value) : nothing);
    cells.push_back({fixed(g.token_layers, 1), g.token_layers});
    cells.push_back(c.milliseconds ? Cell{fixed(*c.milliseconds, 1), *c.milliseconds} : nothing);
    cells.push_back({scaled(g.prefill_flops), g.prefill_flops});
    cells.push_back({scaled(g.kv_bytes), g.kv_bytes});
    cells.push_back(g.loyalty ? percent_cell(g.loyalty->accuracy()) : nothing);
    for (const std::string& f : figures) {
      const auto at = std::find_if(g.figures.begin(), g.figures.end(), [&](const auto& x) { return x.first == f; });
      cells.push_back(at == g.figures.end()
                          ? nothing
                          : Cell{fixed(at->second.accuracy(), f == "legibility" ? 1 : 3), at->second.accuracy()});
    }
    if (failed) cells.push_back({std::to_string(g.failed), static_cast<double>(g.failed)});
    rows.emplace_back(c.title, std::move(cells));
  }
  return table("columns", "Every column: pipeline, budget, depth, seed", headings, rows);
}

std::string scenarios_table(const ReportTables& tables) {
  std::map<std::string, Index> scenarios;
  for (const ReportColumn& c : tables.columns)
    for (const auto& [name, s] : c.group.scenarios) scenarios[name] = std::max(scenarios[name], s.n);
  if (scenarios.size() < 2) return {};
  std::vector<Heading> headings{{"column", ""}};
  for (const auto& [name, n] : scenarios)
    headings.push_back({name.empty() ? "none" : name, std::to_string(n) + " questions"});
  std::vector<std::pair<std::string, std::vector<Cell>>> rows;
  for (const ReportColumn& c : tables.columns) {
    if (!c.group.all) continue;
    std::vector<Cell> cells;
    for (const auto& [name, n] : scenarios) {
      const auto at = c.group.scenarios.find(name);
      cells.push_back(at == c.group.scenarios.end() ? nothing : percent_cell(at->second.accuracy()));
    }
    rows.emplace_back(c.title, std::move(cells));
  }
  return "<h3>By scenario</h3>" + table("scenarios", "Right % by scenario", headings, rows);
}

std::string costs_table(const ReportTables& tables) {
  std::vector<std::string> stages;
  for (const ReportColumn& c : tables.columns)
    for (const auto& [stage, ms] : c.stages)
      if (std::find(stages.begin(), stages.end(), stage) == stages.end()) stages.push_back(stage);
  std::vector<Heading> headings{{"column", ""},
                                {"tower", "FLOPs with mergers"},
                                {"evidence", "FLOPs of what was asked of the model beyond the stock path"},
                                {"prefill", "FLOPs"}};
  if (!stages.empty()) headings.push_back({"all ms", "mean"});
  for (const std::string& s : stages) headings.push_back({s + " ms", "mean"});
  std::vector<std::pair<std::string, std::vector<Cell>>> rows;
  for (const ReportColumn& c : tables.columns) {
    const SweepGroup& g = c.group;
    std::vector<Cell> cells{{scaled(g.tower_flops), g.tower_flops},
                            {scaled(g.evidence_flops), g.evidence_flops},
                            {scaled(g.prefill_flops), g.prefill_flops}};
    double all = 0;
    for (const auto& [stage, ms] : c.stages) all += ms;
    if (!stages.empty()) cells.push_back(c.stages.empty() ? nothing : Cell{fixed(all, 2), all});
    for (const std::string& s : stages) {
      const auto at = std::find_if(c.stages.begin(), c.stages.end(), [&](const auto& x) { return x.first == s; });
      cells.push_back(at == c.stages.end() ? nothing : Cell{fixed(at->second, 2), at->second});
    }
    rows.emplace_back(c.title, std::move(cells));
  }
  return table("costs", "What a question costs, by stage, mean", headings, rows);
}

/// "model.identity" and its like, of run.json.
std::string text_in(const Ordered& head, const char* part, const char* key) {
  if (!head.contains(part) || !head[part].is_object() || !head[part].contains(key)) return "–";
  const Ordered& v = head[part][key];
  return v.is_string() ? v.get<std::string>() : io::json_text(v);
}

std::string provenance(const Ordered& head) {
  // Who has the same digest asked the same of the same.
  const std::string settings = Digest()
                                   .text(head.contains("run") ? io::json_text(head["run"]) : std::string())
                                   .text(text_in(head, "model", "content"))
                                   .text(text_in(head, "data", "digest"))
                                   .text(text_in(head, "data", "prompts"))
                                   .hex();
  std::string out = "<dl>";
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, std::string>>{
           {"settings, model and data (digest)", settings},
           {"model", text_in(head, "model", "path")},
           {"model's files (digest)", text_in(head, "model", "content")},
           {"arithmetic", text_in(head, "backend", "name") + ", " + text_in(head, "backend", "dtype") + ", " +
                              text_in(head, "backend", "threads") + " threads"},
           {"data", text_in(head, "data", "path") + " (" + text_in(head, "data", "format") + ", " +
                        text_in(head, "data", "questions") + " questions, " + text_in(head, "data", "pictures") +
                        " sets of pictures)"},
           {"data (digest)", text_in(head, "data", "digest")},
           {"prompts (hash), shape, rules", text_in(head, "data", "prompts") + ", " + text_in(head, "data", "shape") +
                                                ", " + text_in(head, "data", "flavour")},
           {"arrcoc",
            (head.contains("arrcoc") && head["arrcoc"].is_string() ? head["arrcoc"].get<std::string>() : "–") + ", " +
                text_in(head, "build", "compiler") + ", " + text_in(head, "build", "type")}})
    out += "<dt>" + html_text(name) + "</dt><dd><code>" + html_text(value) + "</code></dd>";
  return out + "</dl><details><summary>Every setting (run.json)</summary><pre>" + html_text(io::json_text(head, 2)) +
         "</pre></details>";
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&quot;";
    else if (c == '\'') out += "&#39;";
    else if ((u < 0x20 && c != '\n' && c != '\t') || u == 0x7f) out += "\xef\xbf\xbd";
    else out += c;
  }
  return out;
}

std::string script_json(const Ordered& value) {
  const std::string text = io::json_text(value);
  std::string out;
  out.reserve(text.size());
  for (const char c : text)
    if (c == '<') out += "\\u003c";  // stands in strings alone
    else if (c == '\x7f') out += "\\u007f";
    else out += c;
  return out;
}

std::string static_part(const ReportTables& tables, bool zooms) {
  Ordered head;
  for (const auto& [name, json] : tables.head) head[name] = io::own_json(json);
  const bool untrained = text_in(head, "model", "untrained") == "true",
             shares = text_in(head, "run", "shared_prefix") == "true";
  std::string out = "<header><h1>" + html_text(tables.title) + "</h1><p>" + html_text(text_in(head, "model", "path")) +
                    ", " + html_text(text_in(head, "data", "questions")) + " questions, " +
                    std::to_string(tables.columns.size()) +
                    " columns</p><nav><a href=\"#plots\">Plots</a> <a href=\"#table\">Columns</a> <a "
                    "href=\"#cards\">Scorecard</a> " +
                    (tables.protocols.empty() ? "" : "<a href=\"#classes\">Classes</a> ") +
                    "<a "
                    "href=\"#questions\">Questions</a> <a href=\"#costs-by-stage\">Costs</a> <a "
                    "href=\"#provenance\">Provenance</a></nav></header><main>";
  if (untrained) out += "<p class=\"note\">The model's weights are random: the answers mean nothing.</p>";
  out += "<section id=\"plots\"><h2>Plots</h2>";
  if (tables.plots.empty()) out += "<p>No row was scored, and none has answer boxes: there is nothing to draw.</p>";
  for (const Plot& plot : tables.plots)
    out += "<figure>" + plot_svg(plot, false, false) + plot_svg(plot, true, false) + "<figcaption>" +
           html_text(plot.title) + "</figcaption></figure>";
  out +=
      "<p class=\"small\">Bands and whiskers are 95 % intervals over pictures. Random is the mean of its seeds; a "
      "question counts by its mean. The oracle sees the answer's boxes, and its leak rows are in the table alone. A "
      "click on a name keeps its line lit; bands of more than 12 lines are seen where a line is lit.";
  if (!zooms && !tables.plots.empty())
    out += " This program was built without uPlot: the plots are drawings, and do not zoom.";
  if (shares)
    out +=
        " Times are as this run paid them: pictures and beginnings of prompts that columns share are paid by the "
        "first; vision is added to each.";
  out += "</p></section><section id=\"table\"><h2>Columns</h2>" + columns_table(tables) + scenarios_table(tables) +
         "</section>" + cards_part(tables) + classes_part(tables);
  out += R"(<section id="questions"><h2>Questions</h2>
<noscript><p class="note">The questions are listed by a script, and scripts are off.</p></noscript>
<p id="questions-about" class="small"></p>
<form class="tools" id="question-tools" hidden>
<label>Column A <select id="column-a"></select></label>
<label>Column B <select id="column-b"></select></label>
<label>Scenario <select id="scenario"><option value="">all</option></select></label>
<label>Show <select id="verdict"><option value="">all questions</option>
<option value="disagree">A and B disagree</option>
<option value="a1">A right</option><option value="a0">A wrong</option><option value="b1">B right</option>
<option value="b0">B wrong</option><option value="a1b0">A right, B wrong</option>
<option value="a0b1">A wrong, B right</option>
<option value="failed">A or B failed</option></select></label>
<label>Text <input type="search" id="words" placeholder="question, answer or id"></label>
<label class="check"><input type="checkbox" id="drawn"> with picture</label>
</form>
<p id="question-count" role="status"></p>
<div class="wide-box" tabindex="0" role="region" aria-label="Questions">
<table id="question-table" hidden><thead><tr></tr></thead><tbody></tbody></table></div>
<p id="pages" hidden><button type="button" id="page-back">Back</button> <span id="page-now"></span>
<button type="button" id="page-on">On</button></p>
<section id="detail" hidden aria-live="polite" tabindex="-1"></section>
<details id="over" hidden><summary>Over the questions listed: figures, maps, tensions</summary><div id="over-body"></div></details>
<details id="ab" hidden><summary>A beside B on as many questions of each class</summary><div id="ab-body"></div></details>
</section>)";
  out += "<section id=\"costs-by-stage\"><h2>Costs by stage</h2>" + costs_table(tables) + "</section>";
  out += "<section id=\"provenance\"><h2>Provenance</h2>";
  if (tables.command.line.empty())
    out += "<p class=\"small\">No process that ended this run wrote its command down; the settings stand below.</p>";
  else
    out += "<p>The command" +
           std::string(tables.command.merged > 0 ? " of a single run that gives these rows; they were merged" : "") +
           ": <button type=\"button\" id=\"copy\">Copy</button> <span role=\"status\" "
           "id=\"copied\"></span></p><pre id=\"command\">" +
           html_text(tables.command.line) + "</pre>";
  return out + provenance(head) + "</section></main>";
}

}  // namespace arrcoc
