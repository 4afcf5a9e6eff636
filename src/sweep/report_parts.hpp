#pragma once
// Parts of the page, and how what comes from data is written into it.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "arrcoc/sweep/report.hpp"

namespace arrcoc {

/// Between tags or in a quoted attribute; what HTML and XML do not allow becomes U+FFFD. `text`: UTF-8, or not quite.
std::string html_text(std::string_view text);
/// Inside <script type="application/json">: nothing in it ends the element or begins a comment.
std::string script_json(const nlohmann::ordered_json& value);

/// Every plot with its points, as plots.json has it.
nlohmann::ordered_json plots_json(const ReportTables& tables);

/// The part of the page that stands without a script: head, plots, tables, costs, provenance. `zooms`: the page has a
/// library whose plots zoom.
std::string static_part(const ReportTables& tables, bool zooms);

/// The scorecard's section, and its file with a line a column; empty where no column has a card.
std::string cards_part(const ReportTables& tables);
std::string cards_csv(const ReportTables& tables);

}  // namespace arrcoc
