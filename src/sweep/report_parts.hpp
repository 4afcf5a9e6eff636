#pragma once
// Parts of the page, and how what comes from data is written into it.
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/sweep/report.hpp"
#include "files/json_parse.hpp"

namespace arrcoc {

/// Between tags or in a quoted attribute; what HTML and XML do not allow becomes U+FFFD. `text`: UTF-8, or not quite.
std::string html_text(std::string_view text);
/// Inside <script type="application/json">: nothing in it ends the element or begins a comment.
std::string script_json(const io::Ordered& value);

/// Every plot with its points, as plots.json has it.
io::Ordered plots_json(const ReportTables& tables);

/// The part of the page that stands without a script: head, plots, tables, costs, provenance. `zooms`: the page has a
/// library whose plots zoom.
std::string static_part(const ReportTables& tables, bool zooms);

/// The scorecard's section, and its file with a line a column; empty where no column has a card.
std::string cards_part(const ReportTables& tables);
std::string cards_csv(const ReportTables& tables);

/// Each column beside every token, class by class: of a run's rows; its section, empty where nothing is comparable; and
/// its file with a line a class.
std::vector<AbProtocol> protocols_of(const std::vector<SweepRow>& rows);
std::string classes_part(const ReportTables& tables);
std::string classes_csv(const ReportTables& tables);
/// What the page's script needs to do the same for any two columns. `questions`: the rows of each; `columns`: places by
/// column_label.
io::Ordered protocol_json(const std::vector<std::span<const SweepRow>>& questions,
                          const std::map<std::string, std::size_t>& columns);

/// Of a question's rows the first whose question is not left out.
const SweepRow& question_row(std::span<const SweepRow> rows);
/// [id, scenario, question, answers, metric, drawn, [a cell for each column]]; a cell: [score, answer, kept, error?].
std::string list_line(std::span<const SweepRow> rows, const std::map<std::string, std::size_t>& columns,
                      const std::map<std::string, std::size_t>& scenarios, bool drawn);

}  // namespace arrcoc
